//! Restoring without the log, because there is no time to mend it.
//!
//! A restore that waits for a log is no use on the worst day; one that leaves no trace is what an intruder would choose. So
//! it is written down all the same, signed with the log's key: in a file beside the target, and sealed at every location
//! that can be reached. From there the record comes into the log with the next signed head, or when somebody asks, and it
//! stays red until it was reviewed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use holdfast_format::Id;
use holdfast_ledger::{Action, ActionOutcome, Ledger, NewAction};
use holdfast_location::Location;
use holdfast_world::durable;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::action;
use crate::audit::{self, LOG_RECORDS, LOG_REPOSITORY, Sealer, Signer};
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::setup::Setup;

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// Ties a result to its beginning.
    id: String,
    time: Timestamp,
    action: NewAction,
    /// How it ended; absent in the record that was written before.
    outcome: Option<ActionOutcome>,
}

/// A record whose result is still to be written.
#[must_use = "the result is written as well"]
pub(crate) struct Broken<'s> {
    setup: &'s Setup,
    signer: Signer,
    record: Record,
    file: PathBuf,
}

/// Writes down what is about to be done, beside the target and at the locations that can be reached; returns what could not
/// be reached, for people.
///
/// # Errors
/// When it cannot be written beside the target, or not be signed: then nothing must be done.
pub(crate) fn begin<'s>(
    setup: &'s Setup,
    action: NewAction,
    target: &Path,
) -> Result<(Broken<'s>, Vec<String>)> {
    let signer = audit::signer(setup)?;
    let now = setup.world.clock.now();
    let mut random = [0; 6];
    setup.world.random.fill(&mut random);
    let random: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let id = format!("{}-{random}", now.strftime("%Y%m%dT%H%M%SZ"));
    let target = std::path::absolute(target).unwrap_or_else(|_| target.to_owned());
    let name = target.file_name().map_or_else(|| "root".into(), |name| name.to_string_lossy().into_owned());
    let file = target.with_file_name(format!("{name}.break-glass-{id}"));
    let record = Record { id, time: now, action, outcome: None };
    let broken = Broken { setup, signer, record, file };
    let unreached = broken.write()?;
    Ok((broken, unreached))
}

impl Broken<'_> {
    /// Where the record lies on this machine.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Writes down how it ended.
    ///
    /// # Errors
    /// When that cannot be written beside the target.
    pub(crate) fn end(mut self, ending: Ending) -> Result<Vec<String>> {
        self.record.outcome = Some(action::outcome(ending));
        self.write()
    }

    fn write(&self) -> Result<Vec<String>> {
        let json = serde_json::to_string(&self.record)
            .map_err(|error| Error::not_done(format!("write what is done without the log: {error}")))?;
        let note = self.signer.sign(&format!("{}\n{json}\n", title(&self.signer)));
        durable::write(&self.file, note.as_bytes(), 0o600).map_err(|error| {
            Error::not_done(format!(
                "nothing is done without the log that is not written down beside it: {error}"
            ))
        })?;
        let sealed = Sealer::of(&self.signer).seal(self.setup, &note);
        let mut unreached = Vec::new();
        for name in self.setup.location_names() {
            let stored =
                self.setup.location(name).and_then(|location| audit::store_record(&*location, &sealed));
            if let Err(error) = stored {
                unreached.push(format!("location {name} has no record of it: {}", error.message));
            }
        }
        Ok(unreached)
    }
}

/// The first line of a record, so that it is never taken for a signed head.
fn title(signer: &Signer) -> String {
    format!("{} break-glass", signer.verifier().name())
}

/// Takes records at a location into the log that are not in it yet; returns how many.
pub(crate) fn merge_from(setup: &Setup, ledger: &Ledger, location: &dyn Location) -> Result<usize> {
    let signer = audit::signer(setup)?;
    let sealer = Sealer::of(&signer);
    let listed = location.list(LOG_REPOSITORY, LOG_RECORDS).map_err(holdfast_repo::Error::from)?;
    let mut records = Vec::new();
    for object in listed {
        let sealed = audit::read_record(location, &object.name)?;
        // Whoever can write there can leave anything; only what our key signed comes into the log.
        let note = sealed.and_then(|sealed| sealer.open(&sealed));
        records.extend(note.and_then(|note| read(&signer, &note)));
    }
    take_up(ledger, records)
}

/// Takes the record in a file into the log.
///
/// # Errors
/// A usage error for a file that is no record of this log.
pub(crate) fn merge_file(setup: &Setup, ledger: &Ledger, file: &Path) -> Result<usize> {
    let signer = audit::signer(setup)?;
    let text = std::fs::read_to_string(file)
        .map_err(|error| Error::usage(format!("read {}: {error}", file.display())))?;
    let record = read(&signer, &text)
        .ok_or_else(|| Error::usage(format!("{} is no record that this log's key signed", file.display())))?;
    take_up(ledger, vec![record])
}

fn read(signer: &Signer, note: &str) -> Option<Record> {
    let (first, json) = signer.verifier().open(note).ok()?.split_once('\n')?;
    (first == title(signer)).then(|| serde_json::from_str(json).ok()).flatten()
}

/// A record's mark in the log: of its beginning, which is the same in the record of the result.
fn mark(record: &Record) -> String {
    Id::of(record.id.as_bytes()).to_hex()
}

fn take_up(ledger: &Ledger, records: Vec<Record>) -> Result<usize> {
    let mut known: BTreeMap<String, Action> = BTreeMap::new();
    for action in ledger.read().actions_without_log()? {
        known.extend(action.action.break_glass.clone().map(|mark| (mark, action)));
    }
    let mut ended = BTreeSet::new();
    let mut taken = 0;
    // A beginning before its result.
    let mut records = records;
    records.sort_by_key(|record| (record.time, record.outcome.is_some()));
    let mut begun: BTreeMap<String, String> = BTreeMap::new();
    for record in records {
        let mark = mark(&record);
        let is_open =
            known.get(&mark).is_none_or(|action| action.outcome.is_none_or(|o| o == ActionOutcome::CutOff));
        let id = known.get(&mark).map(|action| action.id.clone()).or_else(|| begun.get(&mark).cloned());
        let outcome = record.outcome.filter(|_| is_open && ended.insert(mark.clone()));
        if id.is_some() && outcome.is_none() {
            continue;
        }
        let action = NewAction { break_glass: Some(mark.clone()), ..record.action };
        let time = record.time;
        let id = ledger.write(|transaction| {
            let id = id.map_or_else(|| transaction.begin_action(action, time), Ok)?;
            if let Some(outcome) = outcome {
                transaction.end_action(&id, outcome, None, time)?;
            }
            Ok(id)
        })?;
        taken += usize::from(begun.insert(mark, id).is_none());
    }
    Ok(taken)
}

/// What was done without the log.
#[derive(Debug, Serialize)]
pub struct WithoutLog {
    /// Oldest first.
    pub actions: Vec<Action>,
    /// Locations whose records could not be read, with the reason.
    pub unread: Vec<String>,
    /// Attention while one waits for a review, or a location could not be read.
    pub ending: Ending,
}

/// Takes up what lies at the locations, and in `file`, and lists everything that was done without the log.
///
/// # Errors
/// When the ledger cannot be had.
pub fn list(setup: &Setup, file: Option<&Path>) -> Result<WithoutLog> {
    let ledger = setup.ledger()?;
    if let Some(file) = file {
        merge_file(setup, ledger, file)?;
    }
    let mut unread = Vec::new();
    for name in setup.location_names() {
        let merged = setup.location(name).and_then(|location| merge_from(setup, ledger, &*location));
        if let Err(error) = merged {
            unread.push(format!("location {name}: {}", error.message));
        }
    }
    let actions = ledger.read().actions_without_log()?;
    let is_red = !unread.is_empty() || actions.iter().any(|action| action.reviewed_at.is_none());
    Ok(WithoutLog { actions, unread, ending: if is_red { Ending::Attention } else { Ending::Done } })
}

/// Writes down that somebody looked at it.
///
/// # Errors
/// A usage error for one that does not wait for a review, or without a name or a conclusion.
pub fn review(setup: &Setup, id: &str, by: &str, note: &str) -> Result<Action> {
    if by.trim().is_empty() || note.trim().is_empty() {
        return Err(Error::usage("a review needs a name and a conclusion"));
    }
    let ledger = setup.ledger()?;
    let waiting =
        ledger.read().actions_without_log()?.into_iter().filter(|action| action.reviewed_at.is_none());
    let mut meant = waiting.filter(|action| action.id == id || action.id.rsplit('-').next() == Some(id));
    let Some(action) = meant.next() else {
        return Err(Error::usage(format!(
            "nothing that was done without the log waits for a review as {id}"
        ))
        .hint("`holdfast audit break-glass` lists it"));
    };
    let now = setup.world.clock.now();
    ledger.write(|transaction| transaction.review_action(&action.id, by, note, now))?;
    let (by, note) = (by.to_owned(), note.to_owned());
    Ok(Action { reviewed_at: Some(now), reviewed_by: Some(by), review: Some(note), ..action })
}
