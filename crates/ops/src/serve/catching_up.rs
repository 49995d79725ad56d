//! Locations that were away get what they are owed within minutes of their return, in a thread of its own.
//!
//! It begins once an instance begins, because nobody knows what the one before left, and after each run that left a copy owed;
//! and comes round as long as something is. A run of the same repository goes first: it brings what is owed itself.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use holdfast_ledger::{AlarmKind, NewAlarm};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use super::naming::named;
use super::{Daemon, Message, after, is_time, worker};
use crate::catch_up::{self, Caught};
use crate::error::Result;
use crate::setup::Setup;

const AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// How a round ended: with what there is to say, or with nothing but a reason.
pub(super) type Outcome = std::result::Result<Round, String>;

/// What came of a round.
#[derive(Debug, Default)]
pub(super) struct Round {
    lines: Vec<String>,
    alarms: Vec<NewAlarm>,
    /// Whether something is owed that a later round may bring.
    is_more: bool,
}

/// The rounds of this instance.
pub(super) struct CatchingUp {
    /// None where nothing is owed.
    next: Option<Timestamp>,
    /// The repository that is being brought.
    repository: Arc<Mutex<Option<String>>>,
    gave_way: bool,
    /// What was said since something has been owed.
    told: BTreeSet<String>,
    /// Raised to end the round early. What was brought stays.
    pub(super) stop: Arc<AtomicBool>,
    /// Whether one is under way.
    pub(super) is_under_way: bool,
}

impl CatchingUp {
    pub(super) fn begin(now: Timestamp) -> CatchingUp {
        CatchingUp {
            next: Some(now),
            repository: Arc::default(),
            gave_way: false,
            told: BTreeSet::new(),
            stop: Arc::default(),
            is_under_way: false,
        }
    }

    /// A run left something owed.
    pub(super) fn owes(&mut self, now: Timestamp) {
        self.next.get_or_insert(after(now, AGAIN_AFTER));
    }

    /// The configuration changed: a location may be new, or back under another address.
    pub(super) fn look_again(&mut self, now: Timestamp) {
        self.next = Some(now);
    }

    /// Whether it is time.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let is_time = self.next.is_some_and(|next| is_time(next, AGAIN_AFTER, now));
        !self.is_under_way && !self.stop.load(Ordering::SeqCst) && is_time
    }

    /// Ends the round under way, where it is at this repository, or wherever it is.
    pub(super) fn give_way(&mut self, to: Option<&str>) {
        let is_in_the_way = to.is_none_or(|repository| self.repository.lock().as_deref() == Some(repository));
        if self.is_under_way && is_in_the_way {
            self.gave_way = true;
            self.stop.store(true, Ordering::SeqCst);
        }
    }

    fn start(&mut self, setup: Result<Setup>, busy: BTreeSet<String>, ended: &Sender<Message>) {
        self.is_under_way = true;
        let at = Arc::clone(&self.repository);
        worker::alone("catch up", ended, Message::CaughtUp, move || round(&setup?, &busy, &at));
    }

    /// Takes note of how it ended; returns what is to be said.
    fn ended(&mut self, outcome: Outcome, now: Timestamp) -> Round {
        self.is_under_way = false;
        *self.repository.lock() = None;
        let is_stopped = self.stop.load(Ordering::SeqCst);
        let gave_way = std::mem::take(&mut self.gave_way);
        if gave_way {
            self.stop.store(false, Ordering::SeqCst);
        }
        let mut round = outcome.unwrap_or_else(|reason| Round {
            lines: if is_stopped { Vec::new() } else { vec![format!("bringing what is owed: {reason}")] },
            alarms: Vec::new(),
            is_more: true,
        });
        // The same is said once, until nothing is owed any more.
        round.lines.retain(|line| self.told.insert(line.clone()));
        round.alarms.retain(|alarm| self.told.insert(alarm.message.clone()));
        if !round.is_more {
            self.told.clear();
        }
        self.next = match gave_way {
            true => Some(now),
            false => round.is_more.then(|| after(now, AGAIN_AFTER)),
        };
        round
    }
}

impl Daemon<'_> {
    pub(super) fn catch_up_when_due(&mut self, now: Timestamp) -> Result<()> {
        // Which repository it is at may have changed since the run began.
        let mut busy: BTreeSet<String> = self.under_way.values().map(|run| run.repository.clone()).collect();
        busy.iter().for_each(|repository| self.catching_up.give_way(Some(repository)));
        // Who follows a log brings what was owed of it, a minute later at the latest.
        busy.extend(self.following.repositories(&self.configuration.setup));
        // What is shredded must not be brought anywhere.
        if self.shredding.is_busy() || self.purging.is_under_way || !self.catching_up.is_due(now) {
            return Ok(());
        }
        let setup = self.setup_beside(&self.catching_up.stop);
        self.catching_up.start(setup, busy, &self.sender);
        Ok(())
    }

    pub(super) fn hear_of_catching_up(&mut self, outcome: Outcome) -> Result<()> {
        let Round { lines, alarms, .. } = self.catching_up.ended(outcome, self.now().wall);
        self.report(lines, alarms)
    }
}

/// Brings what is owed of every repository but those that a run is at.
fn round(setup: &Setup, busy: &BTreeSet<String>, at: &Mutex<Option<String>>) -> Result<Round> {
    let mut round = Round::default();
    for behind in catch_up::behind(setup)? {
        if busy.contains(&behind.repository) {
            round.is_more = true;
            continue;
        }
        if setup.cancel().is_cancelled() {
            round.is_more = true;
            break;
        }
        *at.lock() = Some(behind.repository.clone());
        match catch_up::catch_up(setup, &behind) {
            Ok(caught) => round.take(&behind.repository, caught),
            Err(error) => {
                round.is_more = true;
                if !setup.cancel().is_cancelled() {
                    round.lines.push(format!("{}: what is owed was not brought: {error}", behind.repository));
                }
            }
        }
    }
    Ok(round)
}

impl Round {
    fn take(&mut self, repository: &str, caught: Caught) {
        let Caught { brought, damage, still_owed, troubles } = caught;
        self.is_more |= !still_owed.is_empty();
        for (location, points, bytes) in brought {
            let megabytes = bytes as f64 / 1e6;
            let points = if points == 1 { "1 point".to_owned() } else { format!("{points} points") };
            self.lines
                .push(format!("{repository}: {location} has what it was owed: {points}, {megabytes:.1} MB"));
        }
        self.lines.extend(still_owed.iter().map(|reason| format!("{repository}: still owed: {reason}")));
        let is_told = |trouble: &&holdfast_repo::Trouble| {
            !still_owed.iter().any(|reason| reason.contains(&trouble.message))
        };
        let told = troubles.iter().filter(is_told);
        self.lines.extend(told.map(|t| format!("{repository}: {}: {}", t.subject, t.message)));
        if !damage.is_empty() {
            let message = format!(
                "what was brought to {repository} late did not arrive whole: {}; `holdfast repair {repository}` heals what \
                 another location has",
                named(&damage)
            );
            self.alarms.push(NewAlarm {
                kind: AlarmKind::DamageFound,
                subject: repository.to_owned(),
                message,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_round_as_long_as_something_is_owed_and_a_run_goes_first() {
        let at = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let mut catching_up = CatchingUp::begin(at(0));
        assert!(catching_up.is_due(at(0)), "nobody knows what the instance before left");
        catching_up.ended(Ok(Round { is_more: true, ..Round::default() }), at(0));
        assert!(!catching_up.is_due(at(9)) && catching_up.is_due(at(10)));
        catching_up.ended(Ok(Round::default()), at(10));
        assert!(!catching_up.is_due(at(1000)));
        catching_up.owes(at(1000));
        catching_up.owes(at(1009));
        assert!(catching_up.is_due(at(1010)), "another run that owes does not put it off");
        catching_up.is_under_way = true;
        *catching_up.repository.lock() = Some("C-a".to_owned());
        catching_up.give_way(Some("C-b"));
        assert!(!catching_up.stop.load(Ordering::SeqCst));
        catching_up.give_way(Some("C-a"));
        assert!(catching_up.stop.load(Ordering::SeqCst));
        let said = catching_up.ended(Err("interrupted".to_owned()), at(1011));
        assert!(said.lines.is_empty() && !catching_up.stop.load(Ordering::SeqCst));
        assert!(catching_up.is_due(at(1011)));
        let said = catching_up.ended(Err("no space".to_owned()), at(1021));
        assert_eq!(said.lines, ["bringing what is owed: no space"]);
    }
}
