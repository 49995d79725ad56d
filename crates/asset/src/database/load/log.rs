//! A log to be replayed onto a dump that was just loaded, and where to stop.

use holdfast_world::Random;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::log::{Base, LOG_FORMAT, LOG_NAME, LogManifest, Position};
use super::super::manifest::Manifest;
use super::dump::DumpFiles;
use super::failure::LoadError;

/// Where a replay stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Stop {
    /// With everything that was committed at or before this second of the server's clock, and nothing after. Parts of a second are
    /// cut off, since the log knows none.
    Instant {
        /// The second.
        at: String,
    },
    /// With everything up to this place.
    Position(Position),
    /// With everything in the log.
    End,
}

impl Stop {
    /// At the second that holds an instant.
    pub fn at(instant: Timestamp) -> Stop {
        Stop::Instant { at: instant.to_string() }
    }
}

/// A log since the dump, and what its replay needs.
pub struct Log<'a> {
    /// The files of the log's point, `log.json` included.
    pub files: &'a dyn DumpFiles,
    /// Where to stop.
    pub stop: Stop,
    /// For the password of the account through which statements of the log run.
    pub random: &'a dyn Random,
}

/// A replay that is planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedReplay {
    /// Where it stops.
    pub stop: Stop,
    /// Until when the log is complete.
    pub until: String,
    /// Transactions of the database in the whole log.
    pub transactions: u64,
    /// Bytes of the whole log.
    pub bytes: u64,
}

/// What was replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Transactions of the database that were applied.
    pub transactions: u64,
    /// Statements among them, such as `ALTER TABLE`.
    pub statements: u64,
    /// The second of the last transaction that was applied, as an instant of UTC; none: the dump was the state asked for.
    pub last: Option<String>,
    /// Where the last one ends.
    pub position: Position,
}

/// Reads the manifest of a log.
///
/// # Errors
/// When it is none, or a newer holdfast's.
pub fn log_manifest(files: &dyn DumpFiles) -> Result<LogManifest, LoadError> {
    let value = super::dump::json(files, LOG_NAME)?;
    let format = value.get("format").and_then(serde_json::Value::as_u64);
    if format != Some(u64::from(LOG_FORMAT)) {
        let shown = format.map_or_else(|| "no number".to_owned(), |format| format.to_string());
        return Err(LoadError::dump(format!(
            "the log has the format {shown}, and this holdfast knows {LOG_FORMAT}: use a newer one"
        )));
    }
    serde_json::from_value(value)
        .map_err(|error| LoadError::dump(format!("{LOG_NAME} is not one of a log: {error}")))
}

/// Checks that the log goes on where the dump ends and reaches as far as is asked.
pub(super) fn planned(log: &Log<'_>, dump: &Manifest) -> Result<PlannedReplay, LoadError> {
    let manifest = log_manifest(log.files)?;
    if let Some(why) = Base::why_not(dump) {
        return Err(LoadError::refused(format!("no log can be replayed onto this dump: {why}")));
    }
    let base = Base::of(dump);
    if base.as_ref() != Some(&manifest.base) {
        return Err(LoadError::refused(format!(
            "the log goes on from the dump of {} at {}, and this is the dump of {} at {}: take the log that belongs to it",
            manifest.base.database, manifest.base.instant, dump.database, dump.instant
        )));
    }
    if let Stop::Instant { at } = &log.stop {
        let (at, until, from) = (instant(at)?, instant(&manifest.until)?, instant(&dump.instant)?);
        if at.as_second() > until.as_second() {
            return Err(LoadError::refused(format!(
                "the log is complete until {until}, and {at} is later: take a newer point of the log, or an earlier instant"
            )));
        }
        if at.as_second() < from.as_second() + manifest.clock_ahead {
            return Err(LoadError::refused(format!(
                "the dump is of {from}, and {at} is earlier: take an earlier dump with its log"
            )));
        }
    }
    Ok(PlannedReplay {
        stop: log.stop.clone(),
        until: manifest.until,
        transactions: manifest.transactions_of_database,
        bytes: manifest.files.iter().map(|file| file.bytes).sum(),
    })
}

pub(super) fn instant(text: &str) -> Result<Timestamp, LoadError> {
    text.parse().map_err(|error| LoadError::refused(format!("{text:?} is no instant: {error}")))
}
