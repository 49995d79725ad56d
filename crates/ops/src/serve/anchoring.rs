//! The signed head of the audit log goes to every location after each change of day and after each purge, in a thread of its
//! own: a location that is slow or away holds up nothing, and is asked again every hour.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::{Daemon, Message, after, worker};
use crate::audit::{self, AnchorReport, When};
use crate::ending::Ending;
use crate::error::Error;
use crate::setup::Setup;

/// How it ended: with a report, or with nothing but a reason.
pub(super) type Outcome = Result<AnchorReport, String>;

const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// The carrying of this instance. What was carried stands in the ledger; what is remembered here only saves asking.
#[derive(Default)]
pub(super) struct Anchoring {
    done: Option<Date>,
    again: Option<Timestamp>,
    is_wanted: bool,
    /// Raised to end it early.
    pub(super) stop: Arc<AtomicBool>,
    /// Whether it is under way.
    pub(super) is_under_way: bool,
}

impl Anchoring {
    /// Has it done soon, whatever the day.
    pub(super) fn want(&mut self) {
        self.is_wanted = true;
    }

    /// Whether it is time.
    pub(super) fn is_due(&self, today: Date, now: Timestamp) -> bool {
        let is_new_day = self.done != Some(today) && self.again.is_none_or(|again| again <= now);
        !self.is_under_way && !self.stop.load(Ordering::SeqCst) && (self.is_wanted || is_new_day)
    }

    /// Begins, under a setup of its own that `stop` ends.
    pub(super) fn start(&mut self, setup: Result<Setup, Error>, ended: &Sender<Message>) {
        self.is_under_way = true;
        let when = if std::mem::take(&mut self.is_wanted) { When::Now } else { When::NewDay };
        worker::alone("anchor", ended, Message::Anchored, move || audit::anchor(&setup?, when));
    }

    /// Takes note of how it ended; returns what there is to say.
    pub(super) fn ended(&mut self, outcome: &Outcome, today: Date, now: Timestamp) -> Vec<String> {
        self.is_under_way = false;
        if self.stop.load(Ordering::SeqCst) {
            return Vec::new();
        }
        let (lines, ending) = match outcome {
            Ok(report) => audit::tell_anchored(report),
            Err(reason) => (vec![format!("audit log: {reason}")], Ending::NotDone),
        };
        (self.done, self.again) = match ending {
            Ending::Done => (Some(today), None),
            _ => (None, Some(after(now, AGAIN_AFTER))),
        };
        lines
    }
}

impl Daemon<'_> {
    pub(super) fn anchor_when_due(&mut self, now: Timestamp) -> crate::error::Result<()> {
        if !self.anchoring.is_due(self.day_of(now), now) {
            return Ok(());
        }
        let setup = self.setup_beside(&self.anchoring.stop);
        self.anchoring.start(setup, &self.sender);
        Ok(())
    }

    pub(super) fn hear_of_anchoring(&mut self, outcome: &Outcome) {
        let now = self.now().wall;
        let lines = self.anchoring.ended(outcome, self.day_of(now), now);
        lines.iter().for_each(|line| self.tell(line));
        // Heads that are longer than the copy of the ledger beside them.
        self.delivering.want();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> (Date, Timestamp) {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        (now.to_zoned(jiff::tz::TimeZone::UTC).date(), now)
    }

    #[test]
    fn it_is_due_each_day_after_each_purge_and_an_hour_after_a_failure() {
        let mut anchoring = Anchoring::default();
        let due = |anchoring: &Anchoring, hours| anchoring.is_due(at(hours).0, at(hours).1);
        assert!(due(&anchoring, 1));
        anchoring.ended(&Ok(AnchorReport::default()), at(1).0, at(1).1);
        assert!(!due(&anchoring, 2) && due(&anchoring, 24));
        anchoring.want();
        assert!(due(&anchoring, 2));
        anchoring.is_wanted = false;
        let said = anchoring.ended(&Err("no space".to_owned()), at(24).0, at(24).1);
        assert_eq!(said, ["audit log: no space"]);
        assert!(!due(&anchoring, 24) && due(&anchoring, 25));
        anchoring.is_under_way = true;
        assert!(!due(&anchoring, 25));
    }
}
