//! A log between dumps: how much is lost at the worst over a week, and what a log is worth without its dump.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::world::{GOOD, LOCATIONS, at};
use crate::following::{Dump, LogPoint, Task, tasks};
use crate::retention::{LogAge, superfluous};
use crate::slot::{Lasts, LastsBasis, Objective, compile};
use crate::verdict::rpo::{Measuring, measure};
use crate::verdict::{CopyChange, CopyState, Followed, PointFact, Rpo};
use crate::{Cadence, Dataset, SentenceId};

const START: &str = "2026-10-26T00:00:00Z";
const WEEK_S: i64 = 7 * 86_400;
/// What a dump lasts, and until it lies everywhere.
const CAPTURE_S: i64 = 600;
const COPY_S: i64 = 900;
/// From the question to the server until a point of the log lies everywhere.
const LOG_S: i64 = 9;

fn seconds(seconds: i64) -> Timestamp {
    at(START) + SignedDuration::from_secs(seconds)
}

fn fact(id: String, dataset: Dataset, instant: i64, recorded: i64, base: Option<String>) -> PointFact {
    let change = CopyChange { recorded: seconds(recorded), leaf: None, state: GOOD };
    PointFact {
        id,
        asset: "billing".to_owned(),
        dataset,
        repository: "billing".to_owned(),
        is_full: false,
        instant: seconds(instant),
        recorded: seconds(recorded),
        leaf: 0,
        lacks: None,
        purged: None,
        copies: LOCATIONS.iter().map(|location| ((*location).to_owned(), vec![change])).collect(),
        base,
        followed: Vec::new(),
    }
}

fn measured(points: &[PointFact], objective: SignedDuration) -> Rpo {
    let is_protected = |point: &PointFact, at: Timestamp| point.good_at(at).count() == LOCATIONS.len();
    measure(&Measuring {
        points: points.iter().collect(),
        enrolled: at(START),
        objective,
        now: seconds(WEEK_S),
        is_protected: &is_protected,
        turns: Vec::new(),
    })
}

/// The interval that the objective of an hour is compiled to.
fn interval_s() -> i64 {
    let objective =
        Objective { age: Duration::from_secs(3600), sentences: vec![SentenceId::parse("7.4").unwrap()] };
    let lasts = Lasts {
        capture: Duration::from_secs(CAPTURE_S as u64),
        copy: Duration::from_secs(COPY_S as u64),
        basis: LastsBasis::Measured { samples: 200 },
    };
    let compiled = compile(Cadence::Hourly, Some(&objective), lasts).unwrap().unwrap();
    compiled.interval.as_secs() as i64
}

/// A week of dumps, of which the first lies there when it begins.
fn dumps() -> Vec<PointFact> {
    let count = WEEK_S / interval_s();
    let dump = |number: i64| {
        let begun = number * interval_s();
        let lasts = if number == 0 { 0 } else { CAPTURE_S + COPY_S };
        fact(format!("dump {number}"), Dataset::Database, begun, begun + lasts, None)
    };
    (0..count).map(dump).collect()
}

/// The same with its log, which is followed each minute by the decisions of the daemon, and purged each midnight by those of the
/// purge. In every third hour nothing happens.
fn dumps_with_logs() -> Vec<PointFact> {
    let mut points = dumps();
    let mut logs: Vec<LogPoint> = Vec::new();
    let mut newest: BTreeMap<String, usize> = BTreeMap::new();
    let mut last_change = 0;
    for minute in 0..WEEK_S / 60 {
        let now = minute * 60 + 7;
        if minute / 60 % 3 != 0 {
            last_change = now - 1;
        }
        if minute % (24 * 60) == 0 {
            purge(&mut points, now);
        }
        let of_dump = |point: &PointFact| Dump {
            id: point.id.clone(),
            instant: point.instant,
            is_good: point.recorded <= seconds(now),
        };
        let is_recent = |point: &&PointFact| {
            point.dataset == Dataset::Database && point.instant >= seconds(now - 6 * 3600)
        };
        let known: Vec<Dump> = points.iter().filter(is_recent).map(of_dump).collect();
        let recent = logs.len().saturating_sub(200);
        for task in tasks(&known, &logs[recent..], &BTreeSet::new()) {
            let base = task.base().to_owned();
            let holds = newest.get(&base).map_or_else(
                || points.iter().find(|point| point.id == base).unwrap().instant,
                |place| points[*place].instant,
            );
            let is_unchanged = matches!(task, Task::Follow { .. }) && holds >= seconds(last_change);
            if is_unchanged {
                let place = newest.get(&base).copied();
                let place = place.or_else(|| points.iter().position(|point| point.id == base)).unwrap();
                let seen = Followed { recorded: seconds(now + 1), until: seconds(now - 1) };
                points[place].followed.push(seen);
                continue;
            }
            newest.insert(base.clone(), points.len());
            logs.push(LogPoint { base: base.clone(), until: seconds(now - 1), is_good: true });
            points.push(fact(
                format!("log {}", points.len()),
                Dataset::Log,
                now - 1,
                now + LOG_S,
                Some(base),
            ));
        }
    }
    points
}

/// What the daily purge takes away is gone for the recovery point as well.
fn purge(points: &mut [PointFact], now: i64) {
    let lies = |point: &&mut PointFact| {
        point.dataset == Dataset::Log && point.copies.values().flatten().all(|change| change.state.is_there)
    };
    let everywhere: BTreeSet<String> = LOCATIONS.iter().map(ToString::to_string).collect();
    let mut lying: Vec<&mut PointFact> = points.iter_mut().filter(lies).collect();
    let age = |point: &&mut PointFact| LogAge {
        id: point.id.clone(),
        base: point.base.clone().unwrap(),
        until: point.instant,
        good_at: everywhere.clone(),
        at: everywhere.clone(),
    };
    let ages: Vec<LogAge> = lying.iter().map(age).collect();
    let decided = superfluous(&ages, &|_| true);
    for (point, _) in lying.iter_mut().zip(decided).filter(|(_, decision)| decision.goes) {
        let gone = CopyChange { recorded: seconds(now), leaf: None, state: CopyState::default() };
        point.copies.values_mut().for_each(|changes| changes.push(gone));
    }
}

#[test]
fn a_week_of_slow_dumps_stays_under_an_hour_and_with_logs_under_two_minutes() {
    assert_eq!(interval_s(), 1800);
    let hour = SignedDuration::from_hours(1);
    let without = measured(&dumps(), hour);
    assert_eq!((without.breaches.len(), without.worst_seconds), (0, 3300), "{without:?}");
    let points = dumps_with_logs();
    let with = measured(&points, SignedDuration::from_mins(2));
    assert!(with.breaches.is_empty() && (60..120).contains(&with.worst_seconds), "{with:?}");
    assert!(with.age_seconds(seconds(WEEK_S)) < 120, "{with:?}");
    let quiet = points.iter().map(|point| point.followed.len()).sum::<usize>();
    let busy = points.iter().filter(|point| point.dataset == Dataset::Log).count();
    assert!(quiet > 3000 && busy < 7500, "{quiet} minutes without a point, {busy} points");
    // What stays of these is one for each dump, and those of the last day.
    let is_there = |point: &&PointFact| point.copies.values().flatten().all(|change| change.state.is_there);
    let left = points.iter().filter(|point| point.dataset == Dataset::Log).filter(is_there).count();
    assert!(left < 336 + 1100, "{left}");
}

#[test]
fn a_log_counts_only_with_its_dump_and_a_look_only_from_when_it_was_written_down() {
    let minutes = SignedDuration::from_mins;
    let mut dump = fact("dump".to_owned(), Dataset::Database, 0, 60, None);
    let log = fact("log".to_owned(), Dataset::Log, 600, 610, Some("dump".to_owned()));
    let seen = Followed { recorded: seconds(1300), until: seconds(1200) };
    let recovery = |points: &[PointFact]| measured(points, minutes(60)).recovery_point;
    assert_eq!(recovery(&[dump.clone(), log.clone()]), Some(seconds(600)));
    assert_eq!(recovery(std::slice::from_ref(&log)), None, "no dump, no state");
    let looked = PointFact { followed: vec![seen], ..log.clone() };
    assert_eq!(recovery(&[dump.clone(), looked.clone()]), Some(seconds(1200)));
    let rpo = measured(&[dump.clone(), looked], minutes(2));
    assert_eq!(rpo.breaches[1].from, seconds(720), "{rpo:?}");
    assert_eq!(rpo.breaches[1].until, Some(seconds(1300)));
    // The dump is lost at one location: the log alone restores nothing there.
    let lost = CopyChange { recorded: seconds(700), leaf: None, state: CopyState::default() };
    dump.copies.get_mut(LOCATIONS[0]).unwrap().push(lost);
    assert_eq!(recovery(&[dump, log]), None);
}
