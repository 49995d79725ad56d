//! What is looked at beside the runs: locations, keys, the ledger itself, and once a week all that lies in storage. In a thread
//! of its own, because a location may take its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use holdfast_ledger::Reader;
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

/// What came of taking stock.
pub(super) type Outcome = std::result::Result<Stock, String>;

/// What was looked at.
#[derive(Debug, Default)]
pub(super) struct Stock {
    observed: Vec<Observed>,
    /// Whether storage was walked through, and why it could not be.
    walked: Option<std::result::Result<(), String>>,
}

/// The stocktaking of this instance.
pub(super) struct Stocktaking {
    look_next: Timestamp,
    walk_next: Timestamp,
    pub(super) stop: Arc<AtomicBool>,
    /// Whether stock is being taken.
    pub(super) is_under_way: bool,
}

impl Stocktaking {
    pub(super) fn begin(reader: &Reader, now: Timestamp) -> Result<Stocktaking> {
        let walks = reader.observations()?.into_iter().filter(|one| one.observation.kind == "storage-walked");
        let walked = walks.map(|one| one.recorded_at).max();
        Ok(Stocktaking {
            look_next: now,
            walk_next: walked.map_or(now, |walked| after(walked, WALK_EVERY)),
            stop: Arc::default(),
            is_under_way: false,
        })
    }

    /// The configuration changed.
    pub(super) fn look_again(&mut self) {
        self.look_next = Timestamp::MIN;
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
        if is_beside || !self.stocktaking.is_due(now) {
            return Ok(());
        }
        let setup = self.setup_beside(&self.stocktaking.stop);
        self.stocktaking.start(setup, now, &self.sender);
        Ok(())
    }

    pub(super) fn hear_of_stock(&mut self, outcome: Outcome) -> Result<()> {
        self.stocktaking.is_under_way = false;
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
            Some(Ok(())) => self.stocktaking.walk_next = after(now, WALK_EVERY),
            Some(Err(why)) => {
                self.tell(format!("walking through storage: not done: {why}"));
                self.stocktaking.walk_next = after(now, WALK_AGAIN);
            }
        }
        let is_missing = |o: &Observed| matches!(o, Observed::Probe(probe) if probe.failure.is_some());
        if stock.observed.iter().any(is_missing) {
            self.stocktaking.look_next = after(now, LOOK_AGAIN);
        }
        verdicts::observe(&self.ledger, &stock.observed, now)
    }
}
