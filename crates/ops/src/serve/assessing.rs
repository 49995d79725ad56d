//! Verdicts while the daemon runs: judged after whatever changes them, and at each deadline that time alone brings.
//!
//! Judging reads much of the ledger. So it never takes more than a small part of the time: what happens meanwhile is judged
//! soon after, each at the instant at which it was recorded. What is looked at beside the runs (locations, keys, the ledger
//! itself, and once a week all that lies in storage) is looked at in a thread of its own, because a location may take its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use holdfast_ledger::Reader;
use holdfast_model::scheduler::Now;
use holdfast_model::verdict::Observed;
use jiff::{SignedDuration, Timestamp};

use super::{Daemon, Message, after, is_time, worker};
use crate::error::Result;
use crate::purge::audit;
use crate::setup::Setup;
use crate::verdicts::{self, stocktaking};

/// How often stock is taken. What is looked at less often decides that by itself.
const LOOK_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// The same while some location does not answer.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(6);
/// How often storage is walked through, so that no walk is ever older than a week.
const WALK_EVERY: SignedDuration = SignedDuration::from_hours(6 * 24);
/// A walk that failed is tried again after so long.
const WALK_AGAIN: SignedDuration = SignedDuration::from_hours(12);
/// Verdicts are judged so often even when nothing happens: until then nobody can say that nothing did.
const JUDGE_EVERY: Duration = Duration::from_secs(3600);
/// Judging takes at most one part in so many of the time.
const SHARE: u32 = 10;

/// What came of taking stock.
pub(super) type Outcome = std::result::Result<Stock, String>;

/// What was looked at.
#[derive(Debug, Default)]
pub(super) struct Stock {
    observed: Vec<Observed>,
    /// Whether storage was walked through, and why it could not be.
    walked: Option<std::result::Result<(), String>>,
}

/// The judging of this instance.
pub(super) struct Assessing {
    has_changed: bool,
    deadline: Option<Timestamp>,
    /// By the clock that nobody sets: not before, and at the latest.
    not_before: Duration,
    at_latest: Duration,
    look_next: Timestamp,
    walk_next: Timestamp,
    pub(super) stop: Arc<AtomicBool>,
    /// Whether stock is being taken.
    pub(super) is_under_way: bool,
}

impl Assessing {
    pub(super) fn begin(reader: &Reader, now: Timestamp) -> Result<Assessing> {
        let walks = reader.observations()?.into_iter().filter(|one| one.observation.kind == "storage-walked");
        let walked = walks.map(|one| one.recorded_at).max();
        Ok(Assessing {
            has_changed: true,
            deadline: None,
            not_before: Duration::ZERO,
            at_latest: Duration::ZERO,
            look_next: now,
            walk_next: walked.map_or(now, |walked| after(walked, WALK_EVERY)),
            stop: Arc::default(),
            is_under_way: false,
        })
    }

    /// Something was recorded that a verdict may depend on.
    pub(super) fn something_changed(&mut self) {
        self.has_changed = true;
    }

    /// The configuration changed.
    pub(super) fn look_again(&mut self) {
        self.look_next = Timestamp::MIN;
        self.has_changed = true;
    }

    /// Whether it is time to take stock.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        !self.is_under_way && !self.stop.load(Ordering::SeqCst) && is_time(self.look_next, LOOK_EVERY, now)
    }

    fn start(&mut self, setup: Result<Setup>, now: Timestamp, ended: &Sender<Message>) {
        self.is_under_way = true;
        self.look_next = after(now, LOOK_EVERY);
        let walks = is_time(self.walk_next, WALK_EVERY, now);
        let work = move || {
            let setup = setup?;
            let observed = stocktaking::look(&setup)?;
            let walked = walks.then(|| audit::audit(&setup).map(|_| ()).map_err(|error| error.message));
            Ok(Stock { observed, walked })
        };
        worker::alone("stock", ended, Message::Looked, work);
    }
}

impl Daemon<'_> {
    pub(super) fn look_around_when_due(&mut self, now: Timestamp) -> Result<()> {
        let is_beside = self.purging.is_under_way || self.rereading.is_under_way || self.shredding.is_busy();
        if is_beside || !self.assessing.is_due(now) {
            return Ok(());
        }
        let setup = self.setup_beside(&self.assessing.stop);
        self.assessing.start(setup, now, &self.sender);
        Ok(())
    }

    pub(super) fn hear_of_stock(&mut self, outcome: Outcome) -> Result<()> {
        self.assessing.is_under_way = false;
        let now = self.now().wall;
        let stock = match outcome {
            Ok(stock) => stock,
            Err(why) => {
                self.tell(format!("taking stock: not done: {why}"));
                return Ok(());
            }
        };
        match stock.walked {
            None => {}
            Some(Ok(())) => self.assessing.walk_next = after(now, WALK_EVERY),
            Some(Err(why)) => {
                self.tell(format!("walking through storage: not done: {why}"));
                self.assessing.walk_next = after(now, WALK_AGAIN);
            }
        }
        let is_missing = |o: &Observed| matches!(o, Observed::Probe(probe) if probe.failure.is_some());
        if stock.observed.iter().any(is_missing) {
            self.assessing.look_next = after(now, LOOK_AGAIN);
        }
        verdicts::observe(&self.ledger, &stock.observed, now)
    }

    pub(super) fn assess_when_due(&mut self, now: Now) -> Result<()> {
        let assessing = &self.assessing;
        let is_deadline = assessing.deadline.is_some_and(|deadline| deadline <= now.wall);
        let is_due = assessing.has_changed || is_deadline || now.monotonic >= assessing.at_latest;
        if is_due && now.monotonic >= assessing.not_before { self.assess() } else { Ok(()) }
    }

    /// Judges what changed.
    pub(super) fn assess(&mut self) -> Result<()> {
        let began = self.now().monotonic;
        self.assessing.has_changed = false;
        self.assessing.deadline = verdicts::assess(&self.configuration.setup, &self.ledger)?;
        let ended = self.now().monotonic;
        self.assessing.not_before = ended + (ended.saturating_sub(began) * SHARE).max(Duration::from_secs(1));
        self.assessing.at_latest = ended + JUDGE_EVERY;
        self.notifying.something_changed();
        Ok(())
    }
}
