//! A log is read through before anything is done with it: whether it is whole, and where exactly to stop.
//!
//! Where to stop must be known before a transaction is begun, since most of what it does cannot be taken back; and whether a transaction
//! is one too many is said by its end.

use std::collections::BTreeSet;

use super::super::super::log::{LOG_NAME, LogFile, LogManifest, Position, Scan, Transaction};
use super::super::super::manifest::{Consistency, Manifest, Table};
use super::super::failure::LoadError;
use super::super::log::{Log, Stop, instant, log_manifest, planned};
use super::damaged;
use super::events::events_of;

/// What was found.
pub(in super::super) struct Survey {
    pub manifest: LogManifest,
    /// After the last transaction that counts.
    pub stop: Position,
    /// Bytes of the files up to there.
    pub bytes: u64,
    /// Tables that were dumped under a lock, before the snapshot.
    pub locked_tables: BTreeSet<String>,
}

impl LogManifest {
    /// Where the log begins.
    pub(in super::super) fn base_position(&self) -> Position {
        let start = self.base.start();
        Position { file: start.file, position: start.position }
    }
}

impl Survey {
    /// The files up to the one in which to stop.
    pub(in super::super) fn files(&self) -> &[LogFile] {
        let last = self.manifest.files.iter().position(|file| file.name == self.stop.file);
        &self.manifest.files[..=last.unwrap_or(0)]
    }

    /// Whether a place is at or after the one to stop at.
    pub(in super::super) fn is_past(&self, file: &str, position: u64) -> bool {
        file == self.stop.file && position >= self.stop.position
    }
}

/// Reads the log through.
pub(in super::super) fn survey(log: &Log<'_>, dump: &Manifest) -> Result<Survey, LoadError> {
    planned(log, dump)?;
    let manifest = log_manifest(log.files)?;
    compare_names(log, &manifest)?;
    let until = match &log.stop {
        Stop::Instant { at } => u64::try_from(instant(at)?.as_second()).unwrap_or(0),
        _ => u64::MAX,
    };
    let mut scan = Scan::new(&manifest.base);
    let mut stop = manifest.base_position();
    let mut bytes = 0;
    let mut is_over = matches!(&log.stop, Stop::Position(place) if !reaches(&manifest, place));
    if is_over {
        return Err(LoadError::refused("the log does not have the place at which to stop"));
    }
    for file in &manifest.files {
        let mut events = events_of(log.files, file)?;
        scan.begin(&file.name, file.from).map_err(damaged)?;
        bytes += file.bytes;
        while let Some(event) = events.next()? {
            let is_dumped = scan.is_before_snapshot();
            let Some(Transaction { time, end, .. }) = scan.take(&event).map_err(damaged)?.ended else {
                continue;
            };
            let is_after = match &log.stop {
                // What is written into tables without transactions before the snapshot belongs to the dump.
                _ if is_dumped => false,
                Stop::Position(place) => place.file == file.name && end > place.position,
                _ => time > until,
            };
            if is_after {
                is_over = true;
                break;
            }
            stop = Position { file: file.name.clone(), position: end };
        }
        // The rest of the file must be whole as well.
        events.finish()?;
        if !is_over && scan.position() != file.to {
            return Err(LoadError::dump(format!(
                "the file {:?} of the log ends at {}, and log.json says at {}; take another point of the log",
                file.name,
                scan.position(),
                file.to
            )));
        }
        let is_last = matches!(&log.stop, Stop::Position(place) if place.file == file.name);
        if is_over || is_last {
            break;
        }
    }
    if matches!(log.stop, Stop::Position(_)) && scan.is_before_snapshot() && !is_end(&scan, &manifest) {
        return Err(LoadError::refused(
            "the place at which to stop lies before the dump: take an earlier dump with its log",
        ));
    }
    if scan.is_within() && !is_over {
        return Err(LoadError::dump("the log ends within a transaction; take another point of the log"));
    }
    let is_locked = |table: &&Table| matches!(table.consistency, Consistency::Locked);
    let locked_tables = dump.tables.iter().filter(is_locked).map(|table| table.name.clone()).collect();
    Ok(Survey { manifest, stop, bytes, locked_tables })
}

/// Whether all of the log was read.
fn is_end(scan: &Scan, manifest: &LogManifest) -> bool {
    scan.file() == manifest.end.file && scan.position() >= manifest.end.position
}

/// Whether a place lies in the log.
fn reaches(manifest: &LogManifest, place: &Position) -> bool {
    manifest
        .files
        .iter()
        .any(|file| file.name == place.file && (file.from..=file.to).contains(&place.position))
}

fn compare_names(log: &Log<'_>, manifest: &LogManifest) -> Result<(), LoadError> {
    let names =
        log.files.names().map_err(|error| LoadError::dump(format!("cannot list the log: {error}")))?;
    let present: BTreeSet<&str> = names.iter().map(String::as_str).filter(|name| *name != LOG_NAME).collect();
    let listed: BTreeSet<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
    if let Some(missing) = listed.difference(&present).next() {
        return Err(LoadError::dump(format!("the file {missing:?} of the log is missing")));
    }
    if let Some(more) = present.difference(&listed).next() {
        return Err(LoadError::dump(format!("the file {more:?} is in the log, but not in log.json")));
    }
    let start = manifest.base.start();
    let first = manifest.files.first().map(|file| (file.name.as_str(), file.from));
    if listed.len() != manifest.files.len() || first != Some((start.file.as_str(), start.position)) {
        return Err(LoadError::dump("log.json does not begin where the dump ends"));
    }
    Ok(())
}
