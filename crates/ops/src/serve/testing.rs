//! Restore tests are made when the policy's calendar says so, and what an earlier instance left of one is destroyed.
//!
//! They go on beside the runs, in a thread of their own: a week's sample takes longer than any backup may wait. They begin while
//! nothing runs, or after some hours all the same. The purge comes first, and waits for whoever is being tested: what is deleted
//! under a reader's eyes looks like damage, and would fail a test that nothing is wrong with.
//!
//! What was done stands in the ledger alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use holdfast_ledger::{AlarmKind, NewAlarm};
use holdfast_model::restore_test::{Exercised, Occasion};
use jiff::{SignedDuration, Timestamp};

use super::{Daemon, Message, after, is_time, worker};
use crate::error::Result;
use crate::restore_test::{self, Swept, TestReport};
use crate::setup::Setup;

/// How often it is looked whether something is due.
const LOOK_EVERY: SignedDuration = SignedDuration::from_mins(10);
/// What could not be done at all is tried again after so long.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// How often it is looked whether nothing runs.
const WAITS: SignedDuration = SignedDuration::from_secs(20);
/// How often people are told that none can be made.
const TOLD_EVERY: SignedDuration = SignedDuration::from_hours(24);
/// So long a test waits for a moment in which nothing runs.
const PATIENCE: SignedDuration = SignedDuration::from_hours(6);

/// What came of a round.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// What was tested.
    reports: Vec<TestReport>,
    /// What was left behind and is in order now.
    swept: Vec<Swept>,
    /// It ended early, because it was asked to.
    gave_way: bool,
}

/// How it ended, or why it could not begin.
pub(super) type Outcome = std::result::Result<Round, String>;

/// The testing of this instance.
pub(super) struct Testing {
    next: Timestamp,
    /// When something was found to be due that waits for a quiet moment.
    waits_since: Option<Timestamp>,
    /// When people were last told that none can be made.
    told: Option<Timestamp>,
    /// Raised to end it after whoever is being tested.
    pub(super) stop: Arc<AtomicBool>,
    /// Raised when nobody waits for anything any more.
    abandon: Arc<AtomicBool>,
    /// Whether a round is under way.
    pub(super) is_under_way: bool,
}

impl Testing {
    pub(super) fn begin(now: Timestamp) -> Testing {
        let (stop, abandon) = (Arc::default(), Arc::default());
        Testing { next: now, waits_since: None, told: None, stop, abandon, is_under_way: false }
    }

    /// The configuration changed.
    pub(super) fn look_again(&mut self, now: Timestamp) {
        self.next = now;
    }

    /// Whether it is time to look.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        !self.is_under_way && !self.stop.load(Ordering::SeqCst) && is_time(self.next, AGAIN_AFTER, now)
    }

    /// Asks the round under way to end after whoever is being tested.
    pub(super) fn give_way(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Ends it now. What is being tested is found without an end by the next instance.
    pub(super) fn abandon(&self) {
        self.abandon.store(true, Ordering::SeqCst);
        self.give_way();
    }

    fn start(&mut self, setup: Result<Setup>, due: Vec<(Exercised, Occasion)>, ended: &Sender<Message>) {
        (self.is_under_way, self.waits_since) = (true, None);
        self.stop.store(false, Ordering::SeqCst);
        let give_way = Arc::clone(&self.stop);
        worker::alone("restore tests", ended, Message::Tested, move || round(&setup?, &due, &give_way));
    }
}

pub(super) fn round(setup: &Setup, due: &[(Exercised, Occasion)], give_way: &AtomicBool) -> Result<Round> {
    // Whoever tests by hand ends at some time.
    let Ok(_lock) = restore_test::lock(setup) else { return Ok(Round::default()) };
    let reader = restore_test::ledger(setup)?;
    let mut round = Round { swept: restore_test::sweep(setup, &reader)?, ..Round::default() };
    for (exercised, occasion) in due {
        if give_way.load(Ordering::SeqCst) {
            round.gave_way = true;
            break;
        }
        let mut tell = |line: &str| setup.say(line);
        let report = restore_test::on_occasion(setup, &reader, *exercised, occasion, give_way, &mut tell)?;
        round.gave_way |= restore_test::is_left(&reader, *exercised, occasion)?;
        round.reports.push(report);
    }
    Ok(round)
}

impl Daemon<'_> {
    /// The occasions that are open, count, and have something left to do.
    pub(super) fn tests_due(&self) -> Result<Vec<(Exercised, Occasion)>> {
        let (setup, reader) = (&self.configuration.setup, self.ledger.read());
        let mut due = Vec::new();
        for exercised in Exercised::ALL {
            let has_targets = setup.estate.assets.values().any(|asset| asset.class() == exercised.class());
            let Some(occasion) = restore_test::open_occasion(setup, exercised).filter(|_| has_targets) else {
                continue;
            };
            if restore_test::is_left(reader, exercised, &occasion)?
                && restore_test::counts(setup, reader, exercised, &occasion)?
            {
                due.push((exercised, occasion));
            }
        }
        Ok(due)
    }

    pub(super) fn test_when_due(&mut self, now: Timestamp) -> Result<()> {
        if !self.testing.is_due(now) {
            return Ok(());
        }
        let due = self.tests_due()?;
        // Of this instance none is under way, so they are somebody's who tests by hand, or who was killed.
        let has_left = !self.ledger.read().picks_unfinished()?.is_empty();
        if due.is_empty() && !has_left {
            self.testing.waits_since = None;
            self.testing.next = after(now, LOOK_EVERY);
            return Ok(());
        }
        let since = *self.testing.waits_since.get_or_insert(now);
        let is_quiet = self.scheduler.running() == 0 || now.duration_since(since).abs() >= PATIENCE;
        let is_free = !self.purging.is_under_way
            && !self.purging.is_due(now)
            && !self.shredding.is_busy()
            && !self.rereading.is_under_way;
        let may_test = is_free && is_quiet;
        if !may_test && !has_left {
            self.testing.next = after(now, WAITS);
            return Ok(());
        }
        // What was left is personal data that lies about: it waits for nothing, and nothing waits for what destroys it.
        let due = if may_test { due } else { Vec::new() };
        let setup = self.setup_beside(&self.testing.abandon);
        self.testing.start(setup, due, &self.sender);
        Ok(())
    }

    pub(super) fn hear_of_tests(&mut self, outcome: Outcome) -> Result<()> {
        self.testing.is_under_way = false;
        let now = self.now().wall;
        let round = match outcome {
            Ok(round) => round,
            Err(why) => {
                self.testing.next = after(now, AGAIN_AFTER);
                let message = format!("restore tests could not be made: {why}");
                self.tell(&message);
                let is_news =
                    self.testing.told.is_none_or(|told| now.duration_since(told).abs() >= TOLD_EVERY);
                if is_news {
                    self.testing.told = Some(now);
                    let subject = "restore tests".to_owned();
                    self.raise(NewAlarm { kind: AlarmKind::NotTested, subject, message })?;
                }
                return Ok(());
            }
        };
        self.testing.stop.store(false, Ordering::SeqCst);
        let is_left = round.swept.iter().any(|swept| swept.failure.is_some());
        self.testing.next = match (is_left, round.gave_way) {
            (true, _) => after(now, AGAIN_AFTER),
            (false, true) => now,
            (false, false) => after(now, LOOK_EVERY),
        };
        for swept in &round.swept {
            let whose = swept.asset.as_deref().unwrap_or("nobody that the ledger knows");
            let (files, bytes) = swept.destroyed;
            self.tell(match &swept.failure {
                None => format!(
                    "what was left of a restore test of {whose} is destroyed: {files} files, {bytes} bytes"
                ),
                Some(why) => format!("what was left of a restore test of {whose} may still be there: {why}"),
            });
        }
        for report in &round.reports {
            self.served.tested += report.results.len() as u64;
        }
        Ok(())
    }
}
