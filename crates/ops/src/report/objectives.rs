//! How much would have been lost, day by day, from the verdicts as they were written down.
//!
//! Each of those says which state was the newest that could be restored, from its instant on until the next one. So the worst
//! age of a day follows by reckoning alone, and nothing is judged again.

use std::collections::BTreeMap;

use holdfast_ledger::{Reader, ToldVerdict};
use holdfast_model::verdict::{Breach, Row, Rpo};
use jiff::Timestamp;
use jiff::civil::Date;

use super::days;
use super::document::{Objective, ObjectiveDay};
use crate::error::Result;

/// The controls that measure it.
const CONTROLS: [&str; 2] = ["DR-03", "DR-04"];

/// What was known of a target from an instant on: its measurement, or nothing.
type Known = (Timestamp, Option<Rpo>);

/// Every part of every asset that was measured in a period, by name.
pub(super) fn by_day(
    told: &Reader,
    (from, to): (Timestamp, Timestamp),
    days: &[Date],
) -> Result<Vec<Objective>> {
    let mut objectives = Vec::new();
    for control in CONTROLS {
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
        objectives.extend(measured.map(|(target, known)| objective(control, target, &known, to, days)));
    }
    Ok(objectives)
}

fn rpo(document: &serde_json::Value) -> Option<Rpo> {
    serde_json::from_value::<Row>(document.clone()).ok()?.rpo
}

fn objective(control: &str, target: String, known: &[Known], to: Timestamp, days: &[Date]) -> Objective {
    let last = known.iter().rev().find_map(|(_, rpo)| rpo.as_ref());
    Objective {
        control: control.to_owned(),
        target,
        objective_seconds: last.map_or(0, |rpo| rpo.objective_seconds),
        days: days.iter().map(|day| worst_of(*day, known, to)).collect(),
        breaches: last.map(|rpo| breaches(rpo, to)).unwrap_or_default(),
    }
}

/// With the one that began after the last verdict, when nothing but time went by.
fn breaches(rpo: &Rpo, to: Timestamp) -> Vec<Breach> {
    let mut breaches = rpo.breaches.clone();
    if rpo.breaks_at < to && breaches.last().is_none_or(|last| last.until.is_some()) {
        breaches.push(Breach { from: rpo.breaks_at, until: None });
    }
    breaches
}

/// The highest age in a day.
fn worst_of(day: Date, known: &[Known], to: Timestamp) -> ObjectiveDay {
    let (start, end) = (days::start(day), days::end(day).min(to));
    let mut worst = ObjectiveDay { day, worst_seconds: None, objective_seconds: 0, without_any: false };
    for (position, (since, rpo)) in known.iter().enumerate() {
        let until = known.get(position + 1).map_or(to, |(next, _)| *next);
        let Some(rpo) = rpo.as_ref().filter(|_| *since < end && until > start) else { continue };
        let age = rpo.age_seconds(until.min(end));
        worst.worst_seconds = Some(worst.worst_seconds.map_or(age, |other| other.max(age)));
        worst.objective_seconds = rpo.objective_seconds;
        worst.without_any |= rpo.recovery_point.is_none();
    }
    worst
}

impl ObjectiveDay {
    /// Whether the objective was broken; it is, from its own instant on.
    pub(super) fn is_broken(&self) -> bool {
        self.worst_seconds.is_some_and(|worst| worst >= self.objective_seconds)
    }
}

#[cfg(test)]
mod tests {
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
            breaks_at: counts_from,
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
        assert!(day(DAY).is_broken());
        assert_eq!(day("2026-03-01").worst_seconds, Some(22 * 3600));
        assert!(!day("2026-03-01").is_broken());
        // A target that is gone is not measured, and neither is one that was not there yet.
        assert_eq!(day("2026-03-03").worst_seconds, None);
        assert_eq!(day("2026-02-28").worst_seconds, None);
    }

    #[test]
    fn the_end_of_the_period_ends_its_last_day_and_no_state_is_told_as_none() {
        let series = [known("2026-03-02T00:00:00Z", "2026-03-01T12:00:00Z", false)];
        let worst = worst_of(DAY.parse().unwrap(), &series, at("2026-03-02T06:00:00Z"));
        assert_eq!(worst.worst_seconds, Some(18 * 3600));
        assert!(worst.without_any);
    }
}
