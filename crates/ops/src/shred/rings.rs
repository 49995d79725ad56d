//! The key rings at the locations, which had the client's key: each is replaced by one without it, and every older one removed,
//! versions included. And the copies of the ledger, which have what was erased of the client.

use holdfast_ledger::PurgeWait;
use holdfast_repo::Troubles;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::recovery::{self, Extent, Judges};
use crate::setup::Setup;

/// What became of one ring.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RingReplaced {
    /// The location.
    pub location: String,
    /// Why a ring with the key lies there still, or may.
    pub failure: Option<String>,
}

impl RingReplaced {
    pub(super) fn wait(&self, client: &str) -> Option<PurgeWait> {
        let reason = format!("the key ring there still has the key, or may: {}", self.failure.as_ref()?);
        Some(wait(client, Some(&self.location), reason))
    }
}

/// Replaces the rings; the key is gone from this machine already.
pub(super) fn replace(setup: &Setup) -> Result<Vec<RingReplaced>> {
    let report = recovery::deliver_as(setup, Extent::Ring, Judges::Daemon)?;
    let failure = |at: &recovery::DeliveredTo| match (&at.older_rings_left, at.has_ring) {
        (Some(left), _) => Some(left.clone()),
        (None, false) => Some(at.reason.clone().unwrap_or_else(|| "it was not replaced".to_owned())),
        (None, true) => None,
    };
    Ok(report
        .locations
        .iter()
        .map(|at| RingReplaced { location: at.location.clone(), failure: failure(at) })
        .collect())
}

/// Has the locations keep no copy of the ledger but one without what was erased; says why some are left.
pub(super) fn forget_erased(setup: &Setup, client: &str) -> Option<PurgeWait> {
    let outcome = recovery::deliver_as(setup, Extent::Everything, Judges::Daemon).and_then(|report| {
        let has_new = report.locations.iter().any(|at| at.has_copy);
        if has_new { recovery::forget_all_but_newest(setup, &Troubles::default()) } else { Ok(()) }
    });
    let error = outcome.err()?;
    Some(wait(
        client,
        None,
        format!("copies of the ledger at the locations have what was erased: {}", error.message),
    ))
}

fn wait(client: &str, location: Option<&str>, reason: String) -> PurgeWait {
    PurgeWait {
        repository: client.to_owned(),
        location: location.map(str::to_owned),
        points: 0,
        reason,
        locked_until: None,
    }
}
