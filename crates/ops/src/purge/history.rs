//! The purges of the past, as the ledger has them.

use std::path::Path;

use holdfast_ledger::{Purge, PurgeState, PurgeWait, PurgedPoint, Receipt};
use jiff::Timestamp;
use serde::Serialize;

use crate::error::Result;
use crate::journal;

/// A purge with what it decided and what was done.
#[derive(Clone, Debug, Serialize)]
pub struct PastPurge {
    /// The purge.
    #[serde(flatten)]
    pub purge: Purge,
    /// What it decided.
    pub points: Vec<PurgedPoint>,
    /// The receipts that it got, for points of earlier purges as well.
    pub receipts: Vec<Receipt>,
}

impl PastPurge {
    /// Whether something of it is not known to be gone, beside what is locked until after `now`.
    pub fn is_open(&self, now: Timestamp) -> bool {
        let is_locked = |wait: &PurgeWait| wait.locked_until.is_some_and(|until| until > now);
        let waits = &self.purge.waits;
        match self.purge.state {
            PurgeState::Done | PurgeState::Dropped => false,
            PurgeState::Waiting => waits.is_empty() || !waits.iter().all(is_locked),
            PurgeState::Begun | PurgeState::CutOff => true,
        }
    }
}

/// The purges that began from `since` on, oldest first. None where there is no ledger yet.
pub fn history(state: &Path, since: Timestamp) -> Result<Vec<PastPurge>> {
    let Some(reader) = journal::reader(state)? else { return Ok(Vec::new()) };
    let mut past = Vec::new();
    for purge in reader.purges(since)? {
        let (points, receipts) = (reader.points_of_purge(&purge.id)?, reader.receipts_of(&purge.id)?);
        past.push(PastPurge { purge, points, receipts });
    }
    Ok(past)
}
