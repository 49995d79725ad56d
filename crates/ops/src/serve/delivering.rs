//! Key ring and ledger go to every location after each day, each change of the configuration or a key, and each head of the log
//! that was signed, in a thread of its own. What is due the ledger says; here is only when to ask it. A storm of changes is
//! one delivery: what changes within ten minutes of the last goes with the next.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{Daemon, Message, after, worker};
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::recovery::{self, DeliveryReport, Extent, Judges};
use crate::setup::Setup;

/// How it ended: with a report, or with nothing but a reason.
pub(super) type Outcome = std::result::Result<DeliveryReport, String>;

const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// So far deliveries are apart, whatever changes.
const APART: SignedDuration = SignedDuration::from_mins(10);

/// What the configuration's files look like from outside: name, size and time of change.
type Look = Vec<(PathBuf, u64, Option<std::time::SystemTime>)>;

/// The deliveries of this instance.
#[derive(Default)]
pub(super) struct Delivering {
    done: Option<Date>,
    /// Not before, unless nothing was delivered yet.
    not_before: Option<Timestamp>,
    is_wanted: bool,
    /// Whether people wrote something into the ledger that no copy has.
    has_entries: bool,
    seen: Look,
    /// Raised to end it early.
    pub(super) stop: Arc<AtomicBool>,
    /// Whether it is under way.
    pub(super) is_under_way: bool,
}

impl Delivering {
    /// Has it asked soon, whatever the day.
    pub(super) fn want(&mut self) {
        self.is_wanted = true;
    }

    /// Has the ledger copied soon, whatever was copied today: what a person entered happens once.
    pub(super) fn entered(&mut self) {
        (self.is_wanted, self.has_entries) = (true, true);
    }

    /// How much the next brings.
    fn extent(&mut self) -> Extent {
        if std::mem::take(&mut self.has_entries) { Extent::Everything } else { Extent::Due }
    }

    /// Looks whether a key or the configuration changed.
    pub(super) fn look(&mut self, config: &Path) {
        let mut now = Look::new();
        for folder in [config.to_owned(), config.join("keys")] {
            for path in crate::folder::entries(&folder).unwrap_or_default() {
                if let Ok(facts) = path.metadata()
                    && facts.is_file()
                {
                    now.push((path, facts.len(), facts.modified().ok()));
                }
            }
        }
        now.sort();
        if now != self.seen {
            self.is_wanted = true;
            self.seen = now;
        }
    }

    /// Whether it is time.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let is_wanted = self.is_wanted || self.done != Some(day(now));
        let may = self
            .not_before
            .is_none_or(|not_before| not_before <= now || after(now, AGAIN_AFTER) < not_before);
        is_wanted && may && !self.is_under_way && !self.stop.load(Ordering::SeqCst)
    }

    fn start(&mut self, setup: std::result::Result<Setup, Error>, ended: &Sender<Message>) {
        self.is_under_way = true;
        self.is_wanted = false;
        let extent = self.extent();
        let work = move || recovery::deliver_as(&setup?, extent, Judges::Daemon);
        worker::alone("deliver", ended, Message::Delivered, work);
    }

    /// Takes note of how it ended; returns what there is to say.
    pub(super) fn ended(&mut self, outcome: &Outcome, now: Timestamp) -> Vec<String> {
        self.is_under_way = false;
        if self.stop.load(Ordering::SeqCst) {
            return Vec::new();
        }
        let (lines, ending) = match outcome {
            Ok(report) => recovery::tell_delivered(report),
            Err(reason) => (vec![format!("self-recovery: {reason}")], Ending::NotDone),
        };
        let has_brought = outcome.as_ref().is_ok_and(|report| !report.locations.is_empty());
        if ending == Ending::Done {
            self.done = Some(day(now));
            self.not_before = has_brought.then(|| after(now, APART));
        } else {
            self.done = None;
            self.not_before = Some(after(now, AGAIN_AFTER));
        }
        lines
    }
}

impl Daemon<'_> {
    pub(super) fn deliver_when_due(&mut self, now: Timestamp) -> Result<()> {
        // After the head of the log, not in the middle of judging, so that the copy has whole verdicts, and not while a client is
        // being shredded, which changes the ring itself.
        let is_beside = self.anchoring.is_under_way || self.shredding.is_busy() || self.judging.is_under_way;
        if is_beside || self.anchoring.is_due(self.day_of(now), now) || !self.delivering.is_due(now) {
            return Ok(());
        }
        let setup = self.setup_beside(&self.delivering.stop);
        self.delivering.start(setup, &self.sender);
        Ok(())
    }
}

fn day(instant: Timestamp) -> Date {
    instant.to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::DeliveredTo;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    fn brought(ending: Ending) -> Outcome {
        let to = DeliveredTo {
            location: "here".to_owned(),
            has_ring: true,
            has_copy: true,
            leaves: Some(9),
            older_rings_left: None,
            reason: None,
        };
        Ok(DeliveryReport { locations: vec![to], ending, ..DeliveryReport::default() })
    }

    #[test]
    fn it_is_asked_each_day_and_after_changes_which_are_gathered() {
        let mut delivering = Delivering::default();
        assert!(delivering.is_due(at(0)));
        delivering.ended(&brought(Ending::Done), at(0));
        assert!(!delivering.is_due(at(1)) && delivering.is_due(at(24 * 60)));
        delivering.want();
        assert!(!delivering.is_due(at(9)) && delivering.is_due(at(10)));
        // Where nothing was brought, nothing needs to be apart.
        delivering.ended(&Ok(DeliveryReport::default()), at(10));
        delivering.want();
        assert!(delivering.is_due(at(11)));
        delivering.ended(&brought(Ending::Attention), at(11));
        assert!(!delivering.is_due(at(70)) && delivering.is_due(at(71)));
        // What a person entered goes with the next, whatever was brought that day.
        assert_eq!(delivering.extent(), Extent::Due);
        delivering.entered();
        assert!(delivering.is_due(at(71)) && delivering.extent() == Extent::Everything);
        assert_eq!(delivering.extent(), Extent::Due);
        delivering.stop.store(true, Ordering::SeqCst);
        assert!(!delivering.is_due(at(71)));
    }

    #[test]
    fn a_key_or_a_file_of_the_configuration_that_changes_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("keys")).unwrap();
        let mut delivering = Delivering::default();
        for name in ["estate.toml", "keys/C-1.toml"] {
            std::fs::write(folder.path().join(name), name).unwrap();
            delivering.look(folder.path());
            assert!(std::mem::take(&mut delivering.is_wanted), "{name}");
            delivering.look(folder.path());
            assert!(!delivering.is_wanted, "{name}");
        }
        std::fs::remove_file(folder.path().join("keys/C-1.toml")).unwrap();
        delivering.look(folder.path());
        assert!(delivering.is_wanted);
    }
}
