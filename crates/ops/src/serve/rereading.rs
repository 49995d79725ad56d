//! Old data is read again every day, a share of it, and people are told when it is not what it was.
//!
//! Without this a daemon proves only what is new: a disk that forgot last year's packs would be noticed by whoever restores
//! from it. It goes on beside the runs, in a thread of its own, and holds none of them up: it begins while nothing runs, or
//! after some hours all the same, and takes no repository's turn. The purge comes first, because a pack that is deleted
//! while somebody reads it looks like damage.
//!
//! Which shares were read stands in the ledger alone; what is remembered here only saves asking.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use holdfast_ledger::{AlarmKind, NewAlarm};
use holdfast_repo::{LocationState, Progress};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::naming::{and_more, named};
use super::{Daemon, Message, after, is_time, worker};
use crate::ending::Ending;
use crate::error::Result;
use crate::record;
use crate::reread::{self, Overdue};
use crate::setup::Setup;
use crate::verify::VerifyReport;

const EVERY: SignedDuration = SignedDuration::from_hours(24);
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// So long a round waits for a moment in which nothing runs.
const PATIENCE: SignedDuration = SignedDuration::from_hours(6);
/// How often people are told that the same is overdue.
const TOLD_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// What the thread tells.
pub(super) enum Heard {
    /// A share was read, or could not be.
    Read(Box<VerifyReport>),
    /// The round is over.
    Ended(Outcome),
}

/// How a round ended.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Why something could not be read.
    failures: Vec<String>,
    /// Where data was not read for too long, by repository.
    overdue: Vec<(String, Overdue)>,
    /// It ended early, because it was asked to.
    gave_way: bool,
}

/// What is to be said about what was heard.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// To whoever listens.
    pub(super) line: Option<String>,
    /// To people.
    pub(super) alarms: Vec<NewAlarm>,
}

/// What is remembered between two instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Past {
    /// When a round last began in which everything that was due was read.
    done: Option<Timestamp>,
    /// When people were last told that something is overdue.
    told: Option<Timestamp>,
}

/// The reading of this instance.
pub(super) struct Rereading {
    past: Past,
    next: Timestamp,
    began: Timestamp,
    read: u64,
    /// Raised to end it early. What was not read is due again at once.
    pub(super) stop: Arc<AtomicBool>,
    /// Raised to have it end after the share that it is reading.
    give_way: Arc<AtomicBool>,
    /// Whether a round is under way.
    pub(super) is_under_way: bool,
}

impl Rereading {
    pub(super) fn begin(state: &Path, now: Timestamp) -> Result<Rereading> {
        let past: Past = record::one(state, "serve", "reread")?.unwrap_or_default();
        let next = past.done.map_or(now, |done| after(done, EVERY));
        let (stop, give_way) = (Arc::default(), Arc::default());
        Ok(Rereading { past, next, began: now, read: 0, stop, give_way, is_under_way: false })
    }

    /// Whether it is time.
    pub(super) fn is_due(&self, now: Timestamp, is_quiet: bool) -> bool {
        if self.is_under_way || self.stop.load(Ordering::SeqCst) {
            return false;
        }
        is_time(self.next, EVERY, now) && (is_quiet || now.duration_since(self.next).abs() >= PATIENCE)
    }

    /// Asks the round under way to end soon.
    pub(super) fn give_way(&self) {
        self.give_way.store(true, Ordering::SeqCst);
    }

    /// Begins a round, under a setup of its own that `stop` ends.
    pub(super) fn start(&mut self, setup: Result<Setup>, now: Timestamp, ended: &Sender<Message>) {
        (self.is_under_way, self.began, self.read) = (true, now, 0);
        self.give_way.store(false, Ordering::SeqCst);
        let (sender, give_way) = (ended.clone(), Arc::clone(&self.give_way));
        let work = move || {
            round(&setup?, &give_way, |report| {
                let _ = sender.send(Message::Reread(Heard::Read(Box::new(report))));
            })
        };
        let failed = |why: String| Outcome { failures: vec![why], ..Outcome::default() };
        let message = move |outcome: std::result::Result<Outcome, String>| {
            Message::Reread(Heard::Ended(outcome.unwrap_or_else(failed)))
        };
        worker::alone("reread", ended, message, work);
    }

    /// Takes note of what the thread tells; returns what is to be said.
    pub(super) fn hear(&mut self, state: &Path, heard: Heard, now: Timestamp) -> Result<Said> {
        let outcome = match heard {
            Heard::Read(report) => {
                self.read += u64::from(report.verified.is_some());
                return Ok(Said { line: None, alarms: damage(&report).into_iter().collect() });
            }
            Heard::Ended(outcome) => outcome,
        };
        self.is_under_way = false;
        if self.stop.load(Ordering::SeqCst) {
            return Ok(Said::default());
        }
        let mut said = Said::default();
        self.next = match (outcome.failures.first(), outcome.gave_way) {
            (Some(first), _) => {
                let more = and_more(outcome.failures.len(), 1);
                said.line = Some(format!("reading old data again: not all could be read: {first}{more}"));
                after(now, AGAIN_AFTER)
            }
            (None, true) => now,
            (None, false) => {
                self.past.done = Some(self.began);
                let shares = if self.read == 1 { "share" } else { "shares" };
                said.line =
                    (self.read > 0).then(|| format!("reading old data again: done, {} {shares}", self.read));
                after(self.began, EVERY).max(now)
            }
        };
        said.alarms.extend(self.past.note(&outcome.overdue, now));
        record::keep(state, "serve", "reread", &self.past)?;
        Ok(said)
    }
}

impl Past {
    fn note(&mut self, overdue: &[(String, Overdue)], now: Timestamp) -> Option<NewAlarm> {
        let Some((_, first)) = overdue.iter().min_by_key(|(_, overdue)| overdue.since) else {
            self.told = None;
            return None;
        };
        if self.told.is_some_and(|told| now.duration_since(told) < TOLD_EVERY && told <= now) {
            return None;
        }
        self.told = Some(now);
        let place = |(repository, overdue): &(String, Overdue)| {
            let Overdue { location, slices, of, .. } = overdue;
            format!("{slices} of {of} shares of {repository} at {location}")
        };
        let places: Vec<String> = overdue.iter().map(place).collect();
        let message = format!(
            "stored bytes were not read again within {} days, some not since {}: {}",
            reread::DAYS,
            first.since,
            named(&places)
        );
        Some(NewAlarm { kind: AlarmKind::RereadOverdue, subject: "stored data".to_owned(), message })
    }
}

/// Reads what is due of every repository that has a key, whoever's assets it holds.
fn round(setup: &Setup, give_way: &AtomicBool, tell: impl Fn(VerifyReport)) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    for repository in setup.ring.repositories()? {
        for due in reread::due(setup, &repository, reread::DAYS)? {
            if setup.cancel().is_cancelled() || give_way.load(Ordering::SeqCst) {
                outcome.gave_way = true;
                return Ok(outcome);
            }
            let report = reread::read(setup, &repository, due, &Progress::default())?;
            outcome.failures.extend(failures(&report));
            tell(report);
        }
        let overdue = reread::overdue(setup, &repository, reread::DAYS)?;
        outcome.overdue.extend(overdue.into_iter().map(|overdue| (repository.clone(), overdue)));
    }
    Ok(outcome)
}

/// Why something of a share was not read. What is damaged was read.
fn failures(report: &VerifyReport) -> Vec<String> {
    if report.ending == Ending::Interrupted {
        return Vec::new();
    }
    let name = &report.repository;
    let error = report.error.iter().map(|error| format!("{name}: {error}"));
    let locations = report.verified.iter().flat_map(|verified| &verified.locations);
    let unusable = locations.filter_map(|location| match &location.state {
        LocationState::Unusable(reason) => Some(format!("{name} at {}: {reason}", location.location)),
        _ => None,
    });
    error.chain(unusable).collect()
}

/// What people must be told of a share: damage, at once.
fn damage(report: &VerifyReport) -> Option<NewAlarm> {
    let verified = report.verified.as_ref().filter(|verified| verified.is_damaged())?;
    let everywhere = verified.repository.iter().map(|problem| ("every location", problem));
    let somewhere = verified.locations.iter().flat_map(|location| {
        let problems = location.problems.iter().filter(|problem| !problem.is_notice());
        problems.map(|problem| (location.location.as_str(), problem))
    });
    let found: Vec<String> = everywhere
        .chain(somewhere)
        .map(|(place, problem)| format!("{} at {place}: {}", problem.object, problem.message))
        .collect();
    let name = &report.repository;
    let message = format!(
        "reading old data of {name} again met damage: {}; `holdfast repair {name}` heals what another location has",
        named(&found)
    );
    Some(NewAlarm { kind: AlarmKind::DamageFound, subject: name.clone(), message })
}

impl Daemon<'_> {
    pub(super) fn reread_when_due(&mut self, now: Timestamp) -> Result<()> {
        let is_quiet = self.scheduler.running() == 0;
        if self.shredding.is_busy()
            || self.purging.is_under_way
            || self.purging.is_due(now)
            // One reader of the same line at a time.
            || self.testing.is_under_way
            // What is owed looks like something that was lost to whoever reads first.
            || self.catching_up.is_under_way
            || self.catching_up.is_due(now)
            || !self.rereading.is_due(now, is_quiet)
        {
            return Ok(());
        }
        let setup = self.setup_beside(&self.rereading.stop);
        self.rereading.start(setup, now, &self.sender);
        Ok(())
    }

    pub(super) fn hear_of_rereading(&mut self, heard: Heard) -> Result<()> {
        let now = self.now().wall;
        if let Heard::Read(report) = &heard {
            self.served.reread += u64::from(report.verified.is_some());
        }
        let Said { line, alarms } = self.rereading.hear(&self.service.places.state, heard, now)?;
        if let Some(line) = line {
            self.tell(line);
        }
        alarms.into_iter().try_for_each(|alarm| self.raise(alarm))
    }
}

#[cfg(test)]
mod tests;
