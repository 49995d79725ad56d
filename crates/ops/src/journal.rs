//! What an operation writes into the ledger. One transaction says that a run begins, before anything is done, and one says
//! how it ended and all that follows from it: a run without an end is then always one that was cut off.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use holdfast_format::Id;
use holdfast_ledger::{
    Check, CheckOutcome, CheckScope, ErrorKind, Lasted, Ledger, NewRun, Point, Reader, Run, RunEnd,
    RunOutcome, Settlement, Transaction,
};
use holdfast_model::Dataset;
use holdfast_world::World;
use jiff::Timestamp;
use serde::Serialize;

use crate::backup::BackupReport;
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::evidence;
use crate::setup::Setup;

/// Where the ledger lies.
pub fn path(state: &Path) -> PathBuf {
    state.join("ledger.db")
}

/// What whoever opens the ledger for one entry calls itself.
pub(crate) const FOR_AN_ENTRY: &str = "holdfast, for an entry";
/// How long it is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens the ledger for writing, as `who`.
pub(crate) fn open(world: &World, state: &Path, who: &str) -> Result<Ledger> {
    let clock = &world.clock;
    let begun = clock.monotonic();
    loop {
        match open_briefly(world, state, who) {
            // Whoever writes one entry has it for milliseconds.
            Err(error)
                if error.kind == ErrorKind::Owned
                    && error.to_string().contains(FOR_AN_ENTRY)
                    && clock.monotonic().saturating_sub(begun) < PATIENCE =>
            {
                clock.sleep(Duration::from_millis(20));
            }
            outcome => return Ok(outcome?),
        }
    }
}

/// The same for one entry, for whoever can ask its owner instead.
pub(crate) fn open_briefly(world: &World, state: &Path, who: &str) -> holdfast_ledger::Result<Ledger> {
    let environment = &world.environment;
    let instance = format!("{who}, process {} on {}", environment.pid(), environment.hostname());
    Ledger::open(&path(state), &instance, Arc::clone(&world.clock), Arc::clone(&world.random))
}

/// The ledger, for questions; `None` where there is none yet.
pub(crate) fn reader(state: &Path) -> Result<Option<Reader>> {
    match Reader::open(&path(state)) {
        Ok(reader) => Ok(Some(reader)),
        Err(error) if error.kind == ErrorKind::Absent => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The same for who can do without: one that is to be brought up to date first counts as none.
pub(crate) fn reader_if_current(state: &Path) -> Result<Option<Reader>> {
    match Reader::open(&path(state)) {
        Ok(reader) => Ok(Some(reader)),
        Err(error) if matches!(error.kind, ErrorKind::Absent | ErrorKind::Older) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A run, and what was read back of it.
#[derive(Clone, Debug, Serialize)]
pub struct CheckedRun {
    /// The run.
    #[serde(flatten)]
    pub run: Run,
    /// By location; empty while it goes on, and where no location took its point.
    pub read_back: Vec<RunReadBack>,
}

/// What was read back of a run at one location.
#[derive(Clone, Debug, Serialize)]
pub struct RunReadBack {
    /// The location.
    pub location: String,
    /// What was found.
    pub outcome: CheckOutcome,
    /// Bytes read.
    pub bytes_read: u64,
    /// What is wrong.
    pub detail: Option<String>,
}

/// Runs that began from `since` on, as [`runs`] has them, each with what was read back of it.
pub fn checked_runs(setup: &Setup, asset: Option<&str>, since: Timestamp) -> Result<Vec<CheckedRun>> {
    let runs = runs(setup, asset, since)?;
    let Some(reader) = reader(&setup.places.state)? else { return Ok(Vec::new()) };
    let ids: Vec<&str> = runs.iter().map(|run| run.id.as_str()).collect();
    let mut by_run: BTreeMap<String, Vec<RunReadBack>> = BTreeMap::new();
    for Check { check, .. } in reader.checks_of_runs(&ids)? {
        if let CheckScope::Run { run, .. } = check.scope {
            by_run.entry(run).or_default().push(RunReadBack {
                location: check.location,
                outcome: check.outcome,
                bytes_read: check.bytes_read,
                detail: check.detail,
            });
        }
    }
    let with = |run: Run| CheckedRun { read_back: by_run.remove(&run.id).unwrap_or_default(), run };
    Ok(runs.into_iter().map(with).collect())
}

/// Runs that began from `since` on, of one asset or of all, oldest first. None where there is no ledger yet.
pub fn runs(setup: &Setup, asset: Option<&str>, since: Timestamp) -> Result<Vec<Run>> {
    if let Some(name) = asset {
        setup.asset(name)?;
    }
    let Some(reader) = reader(&setup.places.state)? else { return Ok(Vec::new()) };
    // One that began in this very moment belongs to the list.
    let until = setup.world.clock.now().checked_add(jiff::SignedDuration::from_secs(1));
    let until = until.map_err(|error| Error::not_done(error.to_string()))?;
    Ok(reader.runs_between(since, until, asset)?)
}

/// The newest of the points that the last run of each asset made, by the ledger; `None` where none ever was.
pub(crate) fn last_made(setup: &Setup) -> Result<Option<Timestamp>> {
    let Some(reader) = reader(&setup.places.state)? else { return Ok(None) };
    let mut last = None;
    for asset in setup.estate.assets.keys() {
        last = last.max(reader.last_point_made(asset.as_ref())?);
    }
    Ok(last)
}

/// The points of an asset that runs of ours recorded, by their id. What else lies in its repository, somebody else put
/// there. None where there is no ledger yet.
pub(crate) fn points_of(setup: &Setup, asset: &str) -> Result<BTreeMap<String, Point>> {
    let Some(reader) = reader(&setup.places.state)? else { return Ok(BTreeMap::new()) };
    Ok(reader.points_of(asset)?.into_iter().map(|point| (point.id.clone(), point)).collect())
}

/// Every point that runs of ours recorded in a repository, those that are gone by now included; `None` where none is known,
/// so that nobody can tell which are ours.
pub(crate) fn recorded_in(setup: &Setup, repository: &str) -> Result<Option<BTreeSet<Id>>> {
    let Some(reader) = reader(&setup.places.state)? else { return Ok(None) };
    let ids = reader.points_in(repository)?;
    let ids: BTreeSet<Id> = ids.iter().filter_map(|id| Id::from_hex(id)).collect();
    Ok(Some(ids).filter(|ids| !ids.is_empty()))
}

/// Writes down that a backup begins, and which slots it serves; returns the run's id.
pub(crate) fn begin(
    setup: &Setup,
    (asset, dataset): (&str, Dataset),
    kind: &str,
    slots: Vec<String>,
) -> Result<String> {
    let run = NewRun { asset: asset.to_owned(), dataset: dataset.to_string(), kind: kind.to_owned(), slots };
    let now = setup.world.clock.now();
    Ok(setup.ledger()?.write(|transaction| transaction.begin_run(run, now))?)
}

/// Writes down how a backup ended: its point, its copies, what was read back, the report, and what became of its slots.
pub(crate) fn end(setup: &Setup, run: &str, report: &BackupReport, slots: Vec<Settlement>) -> Result<()> {
    let json =
        serde_json::to_string(report).map_err(|e| Error::not_done(format!("write the report: {e}")))?;
    let now = setup.world.clock.now();
    let end = RunEnd {
        outcome: outcome(report),
        point: report.point.clone(),
        report: Some(json),
        lasted: lasted(report),
    };
    setup.ledger()?.write(|transaction| {
        if let (Some(id), Some(instant)) = (&report.point, report.time) {
            note_point(transaction, run, report, id, instant, now)?;
        }
        transaction.end_run(run, end, now)?;
        transaction.settle_slots(slots, now)
    })?;
    Ok(())
}

/// Writes down that a run ended without a report, and why.
pub(crate) fn end_without_report(ledger: &Ledger, run: &str, reason: &str, now: Timestamp) -> Result<()> {
    let report = serde_json::json!({ "error": reason }).to_string();
    let end = RunEnd { outcome: RunOutcome::Failed, point: None, report: Some(report), lasted: None };
    Ok(ledger.write(|transaction| transaction.end_run(run, end, now))?)
}

/// What a backup lasted, where it made a point.
pub(crate) fn lasted(report: &BackupReport) -> Option<Lasted> {
    let capture_seconds = report.capture_seconds?;
    // Rounded up: what is planned with must not be too short.
    let milliseconds = |seconds: f64| (seconds.max(0.0) * 1000.0).ceil() as u64;
    Some(Lasted {
        capture_ms: milliseconds(capture_seconds),
        copy_ms: milliseconds(report.seconds - capture_seconds),
    })
}

fn note_point(
    transaction: &mut Transaction<'_>,
    run: &str,
    report: &BackupReport,
    id: &str,
    instant: Timestamp,
    now: Timestamp,
) -> holdfast_ledger::Result<()> {
    let point = Point {
        id: id.to_owned(),
        repository: report.repository.clone(),
        asset: report.asset.clone(),
        dataset: report.dataset.to_string(),
        kind: report.kind.to_owned(),
        instant,
        is_undated: report.is_undated,
    };
    transaction.record_point(point, now)?;
    for copy in report.copies.iter().filter(|copy| copy.has_point) {
        transaction.see_copy(id, &copy.location, now)?;
    }
    let read_back = report.copies.iter().filter_map(|copy| copy.read_back.as_ref());
    for check in evidence::checks_of_run(&report.repository, run, id, read_back) {
        transaction.record_check(check, now)?;
    }
    if let Some((time, checks)) = report.attestation.as_ref().map(|attestation| &attestation.checks) {
        for check in checks {
            transaction.record_check(check.clone(), *time)?;
        }
    }
    Ok(())
}

fn outcome(report: &BackupReport) -> RunOutcome {
    match (report.ending, &report.point) {
        (Ending::Interrupted, None) => RunOutcome::Interrupted,
        (_, None) => RunOutcome::Failed,
        (Ending::Done, Some(_)) => RunOutcome::Done,
        (_, Some(_)) => RunOutcome::Degraded,
    }
}

#[cfg(test)]
mod tests;
