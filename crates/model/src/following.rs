//! What is taken of a database's log, and when.
//!
//! A log belongs to one dump, and a state between two dumps is had from the earlier one with its log. Two things would leave a
//! hole that nobody sees before the day of the restore: going over to a new dump before that one is safe, and never
//! taking the last stretch of the log that belongs to the dump before.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

/// A dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    /// Its point.
    pub id: String,
    /// The instant that it stands for.
    pub instant: Timestamp,
    /// Whether it could be restored: it is whole, and at enough places.
    pub is_good: bool,
}

/// A point of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPoint {
    /// The dump that it goes on from.
    pub base: String,
    /// The instant until which it is complete.
    pub until: Timestamp,
    /// Whether it could be restored.
    pub is_good: bool,
}

/// Something to be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Whatever the newest dump that could be restored does not hold yet.
    Follow {
        /// The dump.
        base: String,
    },
    /// The log of an earlier one for the last time, so that each second until the next dump can be had.
    Close {
        /// The dump.
        base: String,
        /// The one after it.
        next: String,
    },
}

impl Task {
    /// The dump whose log is taken.
    pub fn base(&self) -> &str {
        match self {
            Task::Follow { base } | Task::Close { base, .. } => base,
        }
    }
}

/// What is to be taken now, the most urgent first. `dumps` and `logs` in any order; a log of those in `lost` cannot be had
/// any more.
pub fn tasks(dumps: &[Dump], logs: &[LogPoint], lost: &BTreeSet<String>) -> Vec<Task> {
    let mut good: Vec<&Dump> = dumps.iter().filter(|dump| dump.is_good).collect();
    good.sort_by(|a, b| (a.instant, &a.id).cmp(&(b.instant, &b.id)));
    let Some(newest) = good.last() else { return Vec::new() };
    let mut tasks = vec![Task::Follow { base: newest.id.clone() }];
    for pair in good.windows(2) {
        let [dump, next] = pair else { continue };
        let own = || logs.iter().filter(|log| log.base == dump.id && log.is_good);
        let is_closed = own().any(|log| log.until >= next.instant);
        // One that nobody followed, of long ago, is not begun now.
        let is_open = own().next().is_some() || next.id == newest.id;
        if is_open && !is_closed {
            tasks.push(Task::Close { base: dump.id.clone(), next: next.id.clone() });
        }
    }
    tasks.retain(|task| !lost.contains(task.base()));
    tasks
}

/// How long to wait after so many failures, one after the other.
pub fn pause(failures: u32, every: Duration) -> Duration {
    const PAUSE_MAX: Duration = Duration::from_secs(600);
    every.saturating_mul(1 << failures.saturating_sub(1).min(6)).min(PAUSE_MAX.max(every))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(minutes * 60).unwrap()
    }

    fn dump(id: &str, minutes: i64, is_good: bool) -> Dump {
        Dump { id: id.to_owned(), instant: at(minutes), is_good }
    }

    fn log(base: &str, minutes: i64) -> LogPoint {
        LogPoint { base: base.to_owned(), until: at(minutes), is_good: true }
    }

    fn told(dumps: &[Dump], logs: &[LogPoint], lost: &[&str]) -> Vec<String> {
        let lost = lost.iter().map(ToString::to_string).collect();
        let say = |task: Task| match task {
            Task::Follow { base } => format!("follow {base}"),
            Task::Close { base, next } => format!("close {base} before {next}"),
        };
        tasks(dumps, logs, &lost).into_iter().map(say).collect()
    }

    #[test]
    fn a_new_dump_is_gone_over_to_once_it_is_safe_and_the_last_stretch_before_it_is_taken() {
        let nothing: [&str; 0] = [];
        assert_eq!(told(&[dump("a", 0, false)], &[], &[]), nothing);
        let dumps = [dump("b", 30, false), dump("a", 0, true)];
        assert_eq!(told(&dumps, &[log("a", 31)], &[]), ["follow a"]);
        let dumps = [dump("b", 30, true), dump("a", 0, true)];
        assert_eq!(told(&dumps, &[log("a", 29)], &[]), ["follow b", "close a before b"]);
        assert_eq!(told(&dumps, &[], &[]), ["follow b", "close a before b"], "never followed, and there yet");
        assert_eq!(told(&dumps, &[log("a", 30)], &[]), ["follow b"]);
        let bad = LogPoint { is_good: false, ..log("a", 31) };
        assert_eq!(told(&dumps, &[bad], &[]), ["follow b", "close a before b"]);
    }

    #[test]
    fn what_was_open_when_nobody_followed_is_closed_and_what_is_lost_is_not_asked_for_again() {
        let dumps = [dump("a", 0, true), dump("b", 30, true), dump("c", 60, true), dump("d", 90, true)];
        assert_eq!(
            told(&dumps, &[log("b", 40)], &[]),
            ["follow d", "close b before c", "close c before d"],
            "a was never followed"
        );
        assert_eq!(told(&dumps, &[log("b", 40)], &["b", "d"]), ["close c before d"]);
    }

    #[test]
    fn a_server_that_fails_is_left_alone_for_longer_each_time_but_never_for_long() {
        let minute = Duration::from_secs(60);
        let pauses: Vec<u64> = (0..9).map(|failures| pause(failures, minute).as_secs()).collect();
        assert_eq!(pauses, [60, 60, 120, 240, 480, 600, 600, 600, 600]);
        assert_eq!(pause(3, Duration::from_secs(3600)).as_secs(), 3600);
    }
}
