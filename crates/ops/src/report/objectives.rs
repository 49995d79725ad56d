//! How much would have been lost, day by day, from the verdicts as they were written down.
//!
//! Each of those says which state was the newest that could be restored, from its instant on until the next one. So the worst
//! age of a day follows by reckoning alone, and nothing is judged again.

use std::collections::BTreeMap;

use holdfast_ledger::{Reader, ToldVerdict};
use holdfast_model::verdict::{Breach, OF_OBJECTIVES, Row, Rpo};
use jiff::Timestamp;
use jiff::civil::Date;

use super::days;
use super::document::{Objective, ObjectiveDay};
use crate::error::Result;

/// What was known of a target from an instant on: its measurement, or nothing.
type Known = (Timestamp, Option<Rpo>);

/// Every part of every asset that was measured in a period, by name.
pub(super) fn by_day(
    told: &Reader,
    (from, to): (Timestamp, Timestamp),
    days: &[Date],
) -> Result<Vec<Objective>> {
    let mut objectives = Vec::new();
    for control in OF_OBJECTIVES {
        let mut targets: BTreeMap<String, Vec<Known>> = BTreeMap::new();
        if let Some(before) = told.verdicts_at(from)? {
            for ((name, target), document) in before.verdicts {
                if let Some(target) = target.filter(|_| name == control) {
                    targets.entry(target).or_default().push((from, rpo(&document)));
                }
            }
        }
        for ToldVerdict { at, target, document, .. } in told.verdicts_on_targets(control, from, to)? {
            let known = (at, document.as_ref().and_then(rpo));
            targets.entry(target.unwrap_or_default()).or_default().push(known);
        }
        let measured = targets.into_iter().filter(|(_, known)| known.iter().any(|(_, rpo)| rpo.is_some()));
        objectives
            .extend(measured.map(|(target, known)| objective(control, target, &known, (from, to), days)));
    }
    Ok(objectives)
}

fn rpo(document: &serde_json::Value) -> Option<Rpo> {
    serde_json::from_value::<Row>(document.clone()).ok()?.rpo
}

fn objective(
    control: &str,
    target: String,
    known: &[Known],
    (from, to): (Timestamp, Timestamp),
    days: &[Date],
) -> Objective {
    let last = known.iter().rev().find_map(|(_, rpo)| rpo.as_ref());
    Objective {
        control: control.to_owned(),
        target,
        objective_seconds: last.map_or(0, |rpo| rpo.objective_seconds),
        days: days.iter().map(|day| worst_of(*day, known, to)).collect(),
        breaches: breaches(known, (from, to)),
    }
}

/// A time in which one and the same measurement held.
struct Segment<'k> {
    since: Timestamp,
    until: Timestamp,
    /// Whether another one followed.
    is_over: bool,
    rpo: &'k Rpo,
}

impl Segment<'_> {
    /// Whether it broke until an instant. At its own instant it does, unless a newer state came at the same.
    fn is_broken_at(&self, until: Timestamp) -> bool {
        self.rpo.breaks_at < until || (self.rpo.breaks_at == until && until == self.until && !self.is_over)
    }
}

fn segments(known: &[Known], to: Timestamp) -> impl Iterator<Item = Segment<'_>> {
    known.iter().enumerate().filter_map(move |(position, (since, rpo))| {
        let next = known.get(position + 1).map(|(next, _)| *next);
        let (until, is_over) = (next.unwrap_or(to), next.is_some());
        Some(Segment { since: *since, until, is_over, rpo: rpo.as_ref()? })
    })
}

/// The times in which it was broken. One that was when we began to look was so since before.
fn breaches(known: &[Known], (from, to): (Timestamp, Timestamp)) -> Vec<Breach> {
    let mut breaches: Vec<Breach> = Vec::new();
    for segment in segments(known, to).filter(|segment| segment.is_broken_at(segment.until)) {
        let rpo = segment.rpo;
        let before = rpo.breaches.last().filter(|last| last.until.is_none()).map(|last| last.from);
        let begun = match segment.since == from {
            true => before.unwrap_or(rpo.breaks_at),
            false => rpo.breaks_at.max(segment.since),
        };
        let until = segment.is_over.then_some(segment.until);
        match breaches.last_mut().filter(|last| last.until == Some(begun)) {
            Some(last) => last.until = until,
            None => breaches.push(Breach { from: begun, until }),
        }
    }
    breaches
}

/// The highest age in a day, and whether it was broken, each time by the objective of that time.
fn worst_of(day: Date, known: &[Known], to: Timestamp) -> ObjectiveDay {
    let (start, end) = (days::start(day), days::end(day).min(to));
    let mut worst = ObjectiveDay {
        day,
        worst_seconds: None,
        objective_seconds: 0,
        broken: false,
        without_any: false,
        broken_without_any: false,
    };
    for segment in segments(known, to) {
        // What came at the very end is how it stands at the end.
        let is_last = !segment.is_over && segment.since == to && end == to;
        if !is_last && (segment.since >= end || segment.until <= start) {
            continue;
        }
        let (rpo, until) = (segment.rpo, segment.until.min(end));
        let age = rpo.age_seconds(until);
        worst.objective_seconds = match worst.worst_seconds {
            Some(_) => worst.objective_seconds.min(rpo.objective_seconds),
            None => rpo.objective_seconds,
        };
        worst.worst_seconds = Some(worst.worst_seconds.map_or(age, |other| other.max(age)));
        let (is_broken, is_without) = (segment.is_broken_at(until), rpo.recovery_point.is_none());
        worst.broken |= is_broken;
        worst.without_any |= is_without;
        worst.broken_without_any |= is_broken && is_without;
    }
    worst
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    const DAY: &str = "2026-03-02";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn known(since: &str, counts_from: &str, is_state: bool) -> Known {
        let counts_from = at(counts_from);
        let rpo = Rpo {
            objective_seconds: 86_400,
            recovery_point: is_state.then_some(counts_from),
            point: None,
            counts_from,
            breaks_at: counts_from + SignedDuration::from_hours(24),
            known_since: None,
            first_window_from: None,
            worst_seconds: 0,
            first_within: None,
            breaches: Vec::new(),
            headroom_seconds: None,
        };
        (at(since), Some(rpo))
    }

    #[test]
    fn the_worst_of_a_day_is_the_age_just_before_a_newer_state_came() {
        let to = at("2026-03-05T00:00:00Z");
        let series = [
            known("2026-03-01T06:00:00Z", "2026-03-01T02:00:00Z", true),
            known("2026-03-02T10:00:00Z", "2026-03-02T08:00:00Z", true),
            (at("2026-03-03T00:00:00Z"), None),
        ];
        let day = |day: &str| worst_of(day.parse().unwrap(), &series, to);
        // From two in the morning of the day before to ten.
        assert_eq!(day(DAY).worst_seconds, Some(32 * 3600));
        assert!(day(DAY).broken);
        assert_eq!(day("2026-03-01").worst_seconds, Some(22 * 3600));
        assert!(!day("2026-03-01").broken);
        // A target that is gone is not measured, and neither is one that was not there yet.
        assert_eq!(day("2026-03-03").worst_seconds, None);
        assert_eq!(day("2026-02-28").worst_seconds, None);
    }

    #[test]
    fn the_end_of_the_period_ends_its_last_day_and_no_state_is_told_as_none() {
        let series = [known("2026-03-02T00:00:00Z", "2026-03-01T12:00:00Z", false)];
        let worst = worst_of(DAY.parse().unwrap(), &series, at("2026-03-02T06:00:00Z"));
        assert_eq!(worst.worst_seconds, Some(18 * 3600));
        assert!(worst.without_any && !worst.broken, "no state yet is not broken");
        // At its own instant it is broken, and a state that comes at that instant keeps it.
        let to = at("2026-03-02T12:00:00Z");
        assert!(worst_of(DAY.parse().unwrap(), &series, to).broken_without_any);
        let kept = [series[0].clone(), known("2026-03-02T12:00:00Z", "2026-03-02T11:00:00Z", true)];
        assert!(!worst_of(DAY.parse().unwrap(), &kept, to).broken);
        assert_eq!(breaches(&kept, (at("2026-03-02T00:00:00Z"), to)), []);
    }

    #[test]
    fn a_longer_objective_at_noon_turns_no_broken_morning_green() {
        let series = known("2026-03-02T00:00:00Z", "2026-02-28T22:00:00Z", true);
        let mut longer = series.clone();
        longer.0 = at("2026-03-02T12:00:00Z");
        let rpo = longer.1.as_mut().unwrap();
        rpo.objective_seconds *= 7;
        rpo.breaks_at = rpo.counts_from + SignedDuration::from_hours(24 * 7);
        let day = worst_of(DAY.parse().unwrap(), &[series, longer], at("2026-03-05T00:00:00Z"));
        assert!(day.broken && !day.broken_without_any, "{day:?}");
        assert_eq!(day.objective_seconds, 86_400);
    }

    #[test]
    fn breaches_are_of_the_whole_period_and_end_where_the_target_is_gone() {
        let (from, to) = (at("2026-01-01T00:00:00Z"), at("2026-04-01T00:00:00Z"));
        let breach = |from: &str, until: Option<&str>| Breach { from: at(from), until: until.map(at) };
        let mut series = vec![
            // Broken before the period began, far more than thirty days before its end.
            known("2026-01-01T00:00:00Z", "2025-12-20T00:00:00Z", true),
            known("2026-01-03T00:00:00Z", "2026-01-03T00:00:00Z", true),
            // Broken by one state and still by a newer one.
            known("2026-01-06T00:00:00Z", "2026-01-04T12:00:00Z", true),
            known("2026-01-07T00:00:00Z", "2026-01-07T00:00:00Z", true),
        ];
        let early = [
            breach("2025-12-21T00:00:00Z", Some("2026-01-03T00:00:00Z")),
            breach("2026-01-04T00:00:00Z", Some("2026-01-07T00:00:00Z")),
        ];
        let lasting = [&early[..], &[breach("2026-01-08T00:00:00Z", None)]].concat();
        assert_eq!(breaches(&series, (from, to)), lasting);
        series.push((at("2026-01-20T00:00:00Z"), None));
        let ended = [&early[..], &[breach("2026-01-08T00:00:00Z", Some("2026-01-20T00:00:00Z"))]].concat();
        assert_eq!(breaches(&series, (from, to)), ended);
        series.push(known("2026-02-01T00:00:00Z", "2026-03-31T23:00:00Z", true));
        assert_eq!(breaches(&series, (from, to)), ended, "it came back, and is well");
    }
}
