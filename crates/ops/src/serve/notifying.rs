//! People are told after each judging, and what waits is sent, in a thread of its own: a mail server that does not answer
//! holds up no backup.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Daemon, Message, worker};
use crate::alerts::{self, Tries, Turn};

/// What came of a turn.
pub(super) type Outcome = Result<Turn, String>;

/// A turn comes round so often although nothing was judged: what lasts is said again some day.
const TURN_EVERY: Duration = Duration::from_secs(60);
/// The same while something waits to be sent.
const SEND_EVERY: Duration = Duration::from_secs(5);
/// Between two turns.
const PAUSE: Duration = Duration::from_secs(1);

/// The telling of this instance. What was said stands in the ledger; what is remembered here only saves asking.
pub(super) struct Notifying {
    has_changed: bool,
    /// By the clock that nobody sets: not before, and at the latest.
    not_before: Duration,
    at_latest: Duration,
    /// How often what waits was tried.
    tries: Arc<Tries>,
    /// Raised to end it early.
    pub(super) stop: Arc<AtomicBool>,
    /// Whether a turn is under way.
    pub(super) is_under_way: bool,
}

impl Default for Notifying {
    fn default() -> Notifying {
        // Nothing is said before something was judged.
        let (not_before, at_latest) = (Duration::ZERO, Duration::MAX);
        Notifying {
            has_changed: false,
            not_before,
            at_latest,
            tries: Arc::default(),
            stop: Arc::default(),
            is_under_way: false,
        }
    }
}

impl Notifying {
    /// Verdicts were made.
    pub(super) fn something_changed(&mut self) {
        self.has_changed = true;
    }

    fn is_due(&self, now: Duration) -> bool {
        let is_time = now >= self.not_before && (self.has_changed || now >= self.at_latest);
        is_time && !self.is_under_way && !self.stop.load(Ordering::SeqCst)
    }
}

impl Daemon<'_> {
    /// Whether there is anybody to be told, and something to do about it.
    pub(super) fn is_telling_due(&self) -> bool {
        let alerts = &self.configuration.setup.estate.alerts;
        let is_wanted =
            self.service.carrier.is_some() && (!alerts.channels.is_empty() || alerts.ping.is_some());
        is_wanted && (self.notifying.is_under_way || self.notifying.is_due(self.now().monotonic))
    }

    pub(super) fn notify_when_due(&mut self) {
        let Some(carrier) = self.service.carrier.clone() else { return };
        if self.notifying.is_under_way || !self.is_telling_due() {
            return;
        }
        self.notifying.is_under_way = true;
        self.notifying.has_changed = false;
        let (setup, ledger) = (Arc::clone(&self.configuration.setup), Arc::clone(&self.ledger));
        let stop = Arc::clone(&self.notifying.stop);
        let tries = Arc::clone(&self.notifying.tries);
        let work = move || Ok(alerts::turn(&setup, &ledger, (&*carrier, &tries), &stop));
        worker::alone("notices", &self.sender, Message::Notified, work);
    }

    pub(super) fn hear_of_notices(&mut self, outcome: Outcome) {
        self.notifying.is_under_way = false;
        let now = self.now().monotonic;
        let turn = outcome.unwrap_or_else(|why| Turn {
            lines: vec![format!("alerts: not done: {why}")],
            ..Turn::default()
        });
        turn.lines.iter().for_each(|line| self.tell(line));
        if turn.is_recorded {
            self.judging.something_changed();
        }
        let ping = self.configuration.setup.estate.alerts.ping.as_ref().map(|ping| ping.every);
        let every = if turn.is_waiting { SEND_EVERY } else { TURN_EVERY };
        self.notifying.not_before = now + PAUSE;
        self.notifying.at_latest = now + ping.map_or(every, |ping| ping.min(every));
    }
}
