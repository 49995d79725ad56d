//! With which dump and which point of its log the state of an instant can be had.
//!
//! The nearest dump before it is not always the one: its log may have a gap, and the one before may reach across it.

use std::collections::BTreeSet;

use holdfast_model::Dataset;
use jiff::Timestamp;

use crate::error::Result;
use crate::journal;
use crate::setup::Setup;

/// A dump, and what of its log is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Covered {
    /// The dump.
    pub(crate) dump: String,
    /// The point of its log; none where nothing had happened since the dump.
    pub(crate) log: Option<String>,
}

/// What can be had as of an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Covering {
    /// Exactly that.
    Exactly(Covered),
    /// Only earlier states: that of the newest dump, and each second until the end of its log.
    Until {
        /// The newest dump at or before it.
        dump: String,
        /// The instant of that.
        instant: Timestamp,
        /// Until when each second can be had; none where that dump has no log at all.
        until: Option<Timestamp>,
    },
    /// Nothing: the ledger knows no dump that is so old, or no log.
    Unknown,
}

/// Looks for it among what the ledger knows and what is still `listed`.
pub(crate) fn covering(
    setup: &Setup,
    asset: &str,
    at: Timestamp,
    is_listed: &dyn Fn(&str) -> bool,
) -> Result<Covering> {
    let Some(reader) = journal::reader_if_current(&setup.places.state)? else { return Ok(Covering::Unknown) };
    let dumps = reader.points_of_part(asset, Dataset::Database.as_str(), Timestamp::MIN)?;
    // A second is asked for, and all of it.
    let earlier = dumps.iter().rev().filter(|dump| dump.point.instant.as_second() <= at.as_second());
    let mut nearest = None;
    for dump in earlier.filter(|dump| is_listed(&dump.point.id)).take(DUMPS_MAX) {
        let id = dump.point.id.as_str();
        let logs = reader.logs_on(id)?;
        let ids: Vec<&str> = logs.iter().map(|(log, _)| log.point.as_str()).collect();
        let copies = reader.copies_of_all(&ids)?;
        let lying: BTreeSet<&str> = copies
            .iter()
            .filter(|(_, copies)| copies.iter().any(|copy| copy.removed_at.is_none()))
            .map(|(id, _)| id.as_str())
            .collect();
        // The newest holds all that the others do.
        let newest = logs.iter().rev().find(|(log, _)| lying.contains(log.point.as_str()));
        let (point, reaches) = match newest {
            Some((log, until)) => (Some(log.point.clone()), *until),
            None => (None, dump.point.instant),
        };
        let looked = reader.last_look(point.as_deref().unwrap_or(id))?.map(|look| look.look.until);
        let until = looked.map_or(reaches, |looked| looked.max(reaches));
        if at.as_second() <= until.as_second() && (point.is_some() || looked.is_some()) {
            // What is later than the dump by less than a second is its own second, which the dump cut in two.
            return Ok(Covering::Exactly(Covered { dump: id.to_owned(), log: point }));
        }
        if nearest.is_none() {
            let has_log = point.is_some() || looked.is_some();
            nearest = Some(Covering::Until {
                dump: id.to_owned(),
                instant: dump.point.instant,
                until: has_log.then_some(until),
            });
        }
    }
    Ok(nearest.unwrap_or(Covering::Unknown))
}

/// So many dumps are looked through: a log is closed with the next dump but one at the latest.
const DUMPS_MAX: usize = 20;
