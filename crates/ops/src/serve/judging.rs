//! Verdicts while the daemon runs: judged after whatever changes them, and at each deadline that time alone brings.
//!
//! Judging reads much of the ledger. So it is done in a thread of its own, or runs would begin late and nobody would hear of
//! their end; and it never takes more than a small part of the time. What happens meanwhile is judged soon after, each at the
//! instant at which it was recorded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use holdfast_model::scheduler::Now;
use jiff::Timestamp;
use parking_lot::Mutex;

use super::{Daemon, Message, worker};
use crate::error::Result;
use crate::verdicts::{self, Followed};

/// Verdicts are judged so often even when nothing happens: until then nobody can say that nothing did.
const JUDGE_EVERY: Duration = Duration::from_secs(3600);
/// Judging takes at most one part in so many of the time.
const SHARE: u32 = 10;
/// What failed is tried again after so long.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// What came of judging: the next instant at which time alone may turn a verdict.
pub(super) type Outcome = std::result::Result<Option<Timestamp>, String>;

/// The judging of this instance.
pub(super) struct Judging {
    has_changed: bool,
    deadline: Option<Timestamp>,
    /// By the clock that nobody sets: when it began, not before, and at the latest.
    began: Duration,
    not_before: Duration,
    at_latest: Duration,
    /// Raised to end it early.
    pub(super) stop: Arc<AtomicBool>,
    /// Whether it is under way.
    pub(super) is_under_way: bool,
    /// What all checks came to; whoever judges has it locked.
    followed: Arc<Mutex<Followed>>,
}

impl Default for Judging {
    fn default() -> Judging {
        Judging {
            has_changed: true,
            deadline: None,
            began: Duration::ZERO,
            not_before: Duration::ZERO,
            at_latest: Duration::ZERO,
            stop: Arc::default(),
            is_under_way: false,
            followed: Arc::default(),
        }
    }
}

impl Judging {
    /// Something was recorded that a verdict may depend on.
    pub(super) fn something_changed(&mut self) {
        self.has_changed = true;
    }

    fn is_due(&self, now: Now) -> bool {
        let is_deadline = self.deadline.is_some_and(|deadline| deadline <= now.wall);
        !self.is_under_way
            && !self.stop.load(Ordering::SeqCst)
            && (self.has_changed || is_deadline || now.monotonic >= self.at_latest)
            && now.monotonic >= self.not_before
    }

    fn ended(&mut self, deadline: Option<Timestamp>, now: Duration) {
        self.is_under_way = false;
        self.deadline = deadline;
        self.not_before = now + (now.saturating_sub(self.began) * SHARE).max(Duration::from_secs(1));
        self.at_latest = now + JUDGE_EVERY;
    }

    fn failed(&mut self, now: Duration) {
        self.ended(None, now);
        // Whatever ended it may have done so in the middle of a check.
        self.followed = Arc::default();
        self.has_changed = true;
        self.not_before = self.not_before.max(now + AGAIN_AFTER);
    }
}

impl Daemon<'_> {
    pub(super) fn judge_when_due(&mut self, now: Now) {
        // What is erased meanwhile would stay in the log beside the ledger for as long as anybody reads there.
        if self.shredding.is_under_way() || !self.judging.is_due(now) {
            return;
        }
        self.judging.is_under_way = true;
        self.judging.has_changed = false;
        self.judging.began = now.monotonic;
        let setup = Arc::clone(&self.configuration.setup);
        let (ledger, stop) = (Arc::clone(&self.ledger), Arc::clone(&self.judging.stop));
        let followed = Arc::clone(&self.judging.followed);
        let work = move || verdicts::assess(&setup, &ledger, &mut followed.lock(), &stop);
        worker::alone("verdicts", &self.sender, Message::Judged, work);
    }

    pub(super) fn hear_of_verdicts(&mut self, outcome: Outcome) {
        let now = self.now().monotonic;
        match outcome {
            Ok(deadline) => self.judging.ended(deadline, now),
            Err(why) => {
                self.tell(format!("verdicts: not judged: {why}"));
                self.judging.failed(now);
            }
        }
    }

    /// Judges what happened until the end of this instance.
    pub(super) fn judge_at_the_end(&self) -> Result<()> {
        let followed = &mut self.judging.followed.lock();
        verdicts::assess(&self.configuration.setup, &self.ledger, followed, &AtomicBool::default())
            .map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(seconds: u64) -> Now {
        let wall = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1_000_000 + seconds.cast_signed());
        Now { wall, monotonic: Duration::from_secs(seconds) }
    }

    #[test]
    fn it_is_due_after_a_change_at_a_deadline_and_every_hour_but_takes_a_small_part_of_the_time() {
        let mut judging = Judging::default();
        assert!(judging.is_due(now(5)));
        (judging.has_changed, judging.began) = (false, now(5).monotonic);
        judging.ended(Some(now(1000).wall), now(15).monotonic);
        assert!(!judging.is_due(now(999)), "nothing changed");
        assert!(judging.is_due(now(1000)), "the deadline");
        judging.something_changed();
        assert!(!judging.is_due(now(114)) && judging.is_due(now(115)), "ten seconds in a hundred");
        judging.is_under_way = true;
        assert!(!judging.is_due(now(5000)), "not twice at once");
        judging.has_changed = false;
        judging.ended(None, now(20).monotonic);
        assert!(!judging.is_due(now(3619)) && judging.is_due(now(3620)));
    }

    #[test]
    fn what_failed_is_tried_again_though_nothing_changed() {
        let mut judging = Judging { has_changed: false, began: now(9).monotonic, ..Judging::default() };
        judging.failed(now(10).monotonic);
        assert!(!judging.is_due(now(69)) && judging.is_due(now(70)));
    }
}
