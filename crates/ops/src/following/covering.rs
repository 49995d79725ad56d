//! With which dump and which point of its log the state of an instant can be had.
//!
//! The nearest dump before it is not always the one: its log may have a gap, and the one before may reach across it.

use holdfast_ledger::Reader;
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
    /// The point of its log, and until when that is complete; none where nothing had happened since the dump.
    pub(crate) log: Option<(String, Timestamp)>,
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
    let dumps = reader.points_of_part(asset, Dataset::Database.as_str(), Timestamp::UNIX_EPOCH)?;
    // A second is asked for, and all of it.
    let earlier = dumps.iter().rev().filter(|dump| dump.point.instant.as_second() <= at.as_second());
    let mut nearest = None;
    for dump in earlier.filter(|dump| is_listed(&dump.point.id)).take(DUMPS_MAX) {
        let (id, instant) = (dump.point.id.as_str(), dump.point.instant);
        let Reach { log, until } = reach(&reader, id, instant)?;
        if until.is_some_and(|until| at.as_second() <= until.as_second()) {
            return Ok(Covering::Exactly(Covered { dump: id.to_owned(), log }));
        }
        nearest.get_or_insert_with(|| Covering::Until { dump: id.to_owned(), instant, until });
    }
    Ok(nearest.unwrap_or(Covering::Unknown))
}

/// The times of which each second can be had, from a dump with its log, oldest first: those that touch each other are one.
///
/// # Errors
/// When the ledger cannot be read.
pub fn seconds(setup: &Setup, asset: &str) -> Result<Vec<(Timestamp, Timestamp)>> {
    let mut spans: Vec<(Timestamp, Timestamp)> = Vec::new();
    let Some(reader) = journal::reader_if_current(&setup.places.state)? else { return Ok(spans) };
    let dumps = reader.points_of_part(asset, Dataset::Database.as_str(), Timestamp::UNIX_EPOCH)?;
    let ids: Vec<&str> = dumps.iter().map(|dump| dump.point.id.as_str()).collect();
    let copies = reader.copies_of_all(&ids)?;
    let lies = |id: &str| copies.get(id).is_some_and(|of| of.iter().any(|copy| copy.removed_at.is_none()));
    for dump in dumps.iter().filter(|dump| lies(&dump.point.id)) {
        let Some(until) = reach(&reader, &dump.point.id, dump.point.instant)?.until else { continue };
        match spans.last_mut() {
            Some(last) if dump.point.instant <= last.1 => last.1 = last.1.max(until),
            _ => spans.push((dump.point.instant, until)),
        }
    }
    Ok(spans)
}

/// How far the log of a dump reaches.
struct Reach {
    /// The point of the log that holds all of it, and until when that is complete; none where nothing had happened since the dump.
    log: Option<(String, Timestamp)>,
    /// Until when each second can be had; none where nobody followed the log of that dump.
    until: Option<Timestamp>,
}

fn reach(reader: &Reader, dump: &str, instant: Timestamp) -> Result<Reach> {
    let logs = reader.logs_on(dump)?;
    let ids: Vec<&str> = logs.iter().map(|(log, _)| log.point.as_str()).collect();
    let copies = reader.copies_of_all(&ids)?;
    let lies = |id: &str| copies.get(id).is_some_and(|of| of.iter().any(|copy| copy.removed_at.is_none()));
    // The newest holds all that the others do.
    let newest = logs.iter().rev().find(|(log, _)| lies(&log.point));
    let log = newest.map(|(log, until)| (log.point.clone(), *until));
    let point = log.as_ref().map_or(dump, |(point, _)| point.as_str());
    let looked = reader.last_look(point)?.map(|look| look.look.until);
    let until = log.iter().map(|(_, until)| *until).chain(looked).max().map(|until| until.max(instant));
    Ok(Reach { log, until })
}

/// So many dumps are looked through: a log is closed with the next dump but one at the latest.
const DUMPS_MAX: usize = 20;
