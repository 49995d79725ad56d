//! The daily purge, and the alarm when it does not get anywhere.
//!
//! Retention that silently stops is found by an auditor years later. So a purge is tried every day, after a failure every
//! hour, and when what should be gone still lies somewhere after a day, people are told: also of one that began and does
//! not end, whose report would never come.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use holdfast_ledger::{AlarmKind, NewAlarm};
use holdfast_repo::Progress;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Daemon, Message, after, is_time, worker};
use crate::ending::Ending;
use crate::error::Result;
use crate::purge::{self, PurgeReport};
use crate::record;
use crate::setup::Setup;

const EVERY: SignedDuration = SignedDuration::from_hours(24);
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// So long nothing of what should be gone may lie anywhere before people are told, and told again.
const STALLED_MAX: SignedDuration = SignedDuration::from_hours(24);

/// How a purge ended: with a report, or with nothing but a reason.
pub(super) type Outcome = std::result::Result<Box<PurgeReport>, String>;

/// What is remembered between two instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Past {
    /// When a purge last got everything away.
    done: Option<Timestamp>,
    /// Since when none did.
    stalled_since: Option<Timestamp>,
    /// When people were last told.
    told: Option<Timestamp>,
}

/// The purge of this instance.
pub(super) struct Purging {
    past: Past,
    next: Timestamp,
    /// When the one under way began.
    began: Timestamp,
    /// Raised to end the one under way early. Whatever it leaves, the next one completes.
    pub(super) stop: Arc<AtomicBool>,
    /// Whether one is under way.
    pub(super) is_under_way: bool,
}

impl Purging {
    pub(super) fn begin(state: &Path, now: Timestamp) -> Result<Purging> {
        let past: Past = record::one(state, "serve", "purge")?.unwrap_or_default();
        let next = past.done.map_or(now, |done| after(done, EVERY));
        Ok(Purging { past, next, began: now, stop: Arc::default(), is_under_way: false })
    }

    /// Whether it is time.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        !self.is_under_way && !self.stop.load(Ordering::SeqCst) && is_time(self.next, EVERY, now)
    }

    /// Begins one, under a setup of its own that `stop` ends. That it begins is remembered: an instance that is stopped every
    /// few hours would never see one hang.
    pub(super) fn start(
        &mut self,
        setup: Result<Setup>,
        state: &Path,
        now: Timestamp,
        ended: &Sender<Message>,
    ) -> Result<()> {
        (self.is_under_way, self.began) = (true, now);
        self.past.stalled_since.get_or_insert(now);
        record::keep(state, "serve", "purge", &self.past)?;
        let work = move || purge::purge(&setup?, false, &Progress::default()).map(Box::new);
        worker::alone("purge", ended, Message::Purged, work);
        Ok(())
    }

    /// What people must be told of one that began and does not end.
    pub(super) fn hangs(&mut self, state: &Path, now: Timestamp) -> Result<Option<NewAlarm>> {
        if !self.is_under_way || now.duration_since(self.began) < AGAIN_AFTER {
            return Ok(None);
        }
        let why = format!("one began at {} and has not ended", self.began);
        let alarm = self.past.note(Some(&why), now);
        if alarm.is_some() {
            record::keep(state, "serve", "purge", &self.past)?;
        }
        Ok(alarm)
    }

    /// Takes note of how it ended; returns what people must be told.
    pub(super) fn ended(
        &mut self,
        state: &Path,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Option<NewAlarm>> {
        self.is_under_way = false;
        if self.stop.load(Ordering::SeqCst) {
            return Ok(None);
        }
        let stalled = stalled(outcome);
        let alarm = self.past.note(stalled.as_deref(), now);
        self.next = after(now, if stalled.is_none() { EVERY } else { AGAIN_AFTER });
        record::keep(state, "serve", "purge", &self.past)?;
        Ok(alarm)
    }
}

impl Past {
    fn note(&mut self, stalled: Option<&str>, now: Timestamp) -> Option<NewAlarm> {
        let Some(why) = stalled else {
            *self = Past { done: Some(now), ..Past::default() };
            return None;
        };
        let since = *self.stalled_since.get_or_insert(now);
        let is_old = |instant: Timestamp| now.duration_since(instant) >= STALLED_MAX;
        if !is_old(since) || self.told.is_some_and(|told| !is_old(told)) {
            return None;
        }
        self.told = Some(now);
        let message = format!("since {since} no purge got everything away that should be gone: {why}");
        Some(NewAlarm { kind: AlarmKind::PurgeStalled, subject: "purge".to_owned(), message })
    }
}

/// Why something that should be gone may still lie somewhere; `None` where nothing does.
pub(super) fn stalled(outcome: &Outcome) -> Option<String> {
    let report = match outcome {
        Ok(report) => report,
        Err(reason) => return Some(reason.clone()),
    };
    let of_repository = |one: &purge::RepositoryPurge| match (&one.error, one.waiting) {
        (Some(error), _) => Some(format!("{}: {error}", one.repository)),
        (None, 0) => None,
        (None, waiting) => Some(format!("{}: {waiting} points still lie at some location", one.repository)),
    };
    let reasons: Vec<String> = report.repositories.iter().filter_map(of_repository).collect();
    if !reasons.is_empty() {
        return Some(reasons.join("; "));
    }
    let is_refused = matches!(report.ending, Ending::Refused | Ending::Usage);
    is_refused.then(|| "it was refused".to_owned())
}

impl Daemon<'_> {
    pub(super) fn purge_when_due(&mut self, now: Timestamp) -> Result<()> {
        // A walk through storage would take for lost what goes under its eyes.
        let is_free = !self.shredding.is_busy() && !self.stocktaking.is_under_way;
        if self.purging.is_due(now) && is_free {
            // What is being read must not be deleted under the reader's eyes: it would look like damage.
            if self.rereading.is_under_way {
                self.rereading.give_way();
                return Ok(());
            }
            // The same for what is being restored for a test.
            if self.testing.is_under_way {
                self.testing.give_way();
                return Ok(());
            }
            // It may wait for hours for a location that takes all it was owed.
            if self.catching_up.is_under_way {
                self.catching_up.give_way(None);
                return Ok(());
            }
            let setup = self.setup_beside(&self.purging.stop);
            self.purging.start(setup, &self.service.places.state, now, &self.sender)?;
        }
        let alarm = self.purging.hangs(&self.service.places.state, now)?;
        alarm.map_or(Ok(()), |alarm| self.raise(alarm))
    }

    pub(super) fn hear_of_the_purge(&mut self, outcome: &Outcome) -> Result<()> {
        let now = self.now().wall;
        match stalled(outcome) {
            Some(why) => self.tell(format!("purge: not done: {why}")),
            None => self.tell("purge: done"),
        }
        self.anchoring.want();
        let alarm = self.purging.ended(&self.service.places.state, outcome, now)?;
        alarm.map_or(Ok(()), |alarm| self.raise(alarm))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    #[test]
    fn a_purge_that_is_stalled_for_a_day_is_an_alarm_and_again_each_day() {
        let mut past = Past::default();
        let told: Vec<i64> = (0..60).filter(|hour| past.note(Some("locked"), at(*hour)).is_some()).collect();
        assert_eq!(told, [24, 48]);
        assert!(past.note(None, at(60)).is_none());
        assert_eq!(past, Past { done: Some(at(60)), ..Past::default() });
        // Stalled anew: the day begins anew.
        assert!(past.note(Some("locked"), at(61)).is_none());
        assert!(past.note(Some("locked"), at(84)).is_none());
        assert!(past.note(Some("locked"), at(85)).is_some_and(|alarm| alarm.message.contains("locked")));
    }

    #[test]
    fn a_purge_that_does_not_end_is_an_alarm_within_a_day_and_again_each_day() {
        let folder = tempfile::tempdir().unwrap();
        let (state, (sender, told)) = (folder.path(), std::sync::mpsc::channel());
        let mut purging = Purging::begin(state, at(0)).unwrap();
        let hung = |purging: &mut Purging, hours: std::ops::Range<i64>| -> Vec<i64> {
            hours.filter(|hour| purging.hangs(state, at(*hour)).unwrap().is_some()).collect()
        };
        assert!(hung(&mut purging, 0..100).is_empty(), "nothing began");
        // It cannot even begin, and its end is not heard.
        let broken = || Err(crate::error::Error::usage("estate.toml has errors"));
        purging.start(broken(), state, at(100), &sender).unwrap();
        let Ok(Message::Purged(Err(why))) = told.recv() else { panic!("its end was not told") };
        assert_eq!(why, "estate.toml has errors");
        assert_eq!(hung(&mut purging, 100..150), [124, 148]);
        // Another instance begins another one: the same day goes on, but no sooner than it can have done anything.
        let mut purging = Purging::begin(state, at(171)).unwrap();
        purging.start(broken(), state, at(172), &sender).unwrap();
        assert_eq!(hung(&mut purging, 172..200), [173, 197]);
        assert!(purging.ended(state, &Err("no space".to_owned()), at(200)).unwrap().is_none());
        assert!(hung(&mut purging, 200..300).is_empty(), "it ended");
    }

    #[test]
    fn what_waits_at_some_location_stalls_a_purge() {
        let repository = |waiting, error: Option<&str>| purge::RepositoryPurge {
            repository: "C-1".to_owned(),
            waiting,
            error: error.map(str::to_owned),
            ..purge::RepositoryPurge::default()
        };
        let report = |repositories| {
            Ok(Box::new(PurgeReport {
                purge: None,
                decisions: Vec::new(),
                repositories,
                left_behind: Vec::new(),
                troubles: Vec::new(),
                ending: Ending::Attention,
            }))
        };
        assert_eq!(stalled(&report(vec![repository(0, None)])), None);
        assert!(
            stalled(&report(vec![repository(0, None), repository(2, None)])).unwrap().contains("2 points")
        );
        assert!(stalled(&report(vec![repository(0, Some("locked"))])).unwrap().contains("locked"));
        assert_eq!(stalled(&Err("no space".to_owned())).as_deref(), Some("no space"));
    }
}
