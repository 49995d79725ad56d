//! Whether what the policy expects came, was full where it had to be, and can come in time at all.

use jiff::SignedDuration;

use super::facts::{SlotFact, SlotOutcome};
use super::rows::Finding;
use super::{Evidence, Look, Part, Row, Verdict, after, hours, minute};
use crate::show_duration;
use crate::slot::LastsBasis;

/// So long one missed slot keeps its control red: who comes once a week sees it.
pub(super) const RED_DAYS: i64 = 7;
/// How far back slots are counted.
pub(super) const WINDOW_DAYS: i64 = 30;

/// SCHED-01.
pub(super) fn slots(look: &Look<'_>) -> Finding {
    let (window, red) = (look.days_ago(WINDOW_DAYS), look.days_ago(RED_DAYS));
    let rows = look.scheduled().map(|part| {
        let row = |verdict, why: String| Row::new(part.target(), verdict, why).about(part.asset);
        let is_own = |slot: &&SlotFact| slot.dataset == part.dataset && slot.due >= window;
        let own: Vec<&SlotFact> = look.by_asset.slots(part.asset).iter().copied().filter(is_own).collect();
        let (due, open): (Vec<&SlotFact>, Vec<&SlotFact>) = own
            .into_iter()
            .filter(|slot| slot.is_recorded || slot.due <= look.now)
            .partition(|s| s.due <= look.now);
        let next_due = open.iter().map(|slot| slot.due).min();
        if let Some(next) = next_due {
            look.is_past(next);
        }
        if due.is_empty() {
            return match next_due {
                Some(next) => row(
                    Verdict::NoEvidence,
                    format!("no slot of it was due yet; the first is at {}", minute(next)),
                ),
                None => row(
                    Verdict::NoEvidence,
                    "nothing is expected of it: no slot was ever recorded".to_owned(),
                )
                .next("`holdfast serve` records what the policy expects, and runs it"),
            };
        }
        let ended: Vec<(&SlotFact, SlotOutcome)> =
            due.iter().map(|slot| (*slot, look.outcome(&part, slot))).collect();
        let count = |outcome| ended.iter().filter(|(slot, o)| slot.due >= red && *o == outcome).count();
        let bad = |(slot, o): &&(&SlotFact, SlotOutcome)| {
            slot.due >= red && matches!(o, SlotOutcome::Missed | SlotOutcome::Late | SlotOutcome::Degraded)
        };
        let is_ok = |(_, o): &&(&SlotFact, SlotOutcome)| *o == SlotOutcome::Ok;
        let all = format!(
            "{} of {} slots of {WINDOW_DAYS} days ok",
            ended.iter().filter(is_ok).count(),
            ended.len()
        );
        let waived = ended.iter().rev().find(|(slot, o)| slot.due >= red && *o == SlotOutcome::Waived);
        let by = |row: Row, slot: &SlotFact| row.by(Evidence::of("slot", &slot.id), slot.due);
        if let Some((last, _)) = ended.iter().rev().find(bad) {
            let named = [
                (SlotOutcome::Missed, "missed"),
                (SlotOutcome::Late, "late"),
                (SlotOutcome::Degraded, "degraded"),
            ];
            let counts = named.into_iter().map(|(outcome, word)| (count(outcome), word));
            let counts: Vec<String> =
                counts.filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
            let why = format!(
                "{} in {RED_DAYS} days, the last was due {}; {all}",
                counts.join(", "),
                minute(last.due)
            );
            return by(row(Verdict::Fail, why), last)
                .next(format!("`holdfast slots {}` and `holdfast runs {}` say why", part.asset, part.asset));
        }
        let unrecorded = ended.iter().filter(|(slot, _)| slot.due >= red && !slot.is_recorded).count();
        if unrecorded > 0 {
            let why = format!(
                "{unrecorded} slots of {RED_DAYS} days were not written down before they opened; {all}"
            );
            return row(Verdict::NoEvidence, why)
                .next("keep `holdfast serve` running: it writes down what is expected");
        }
        if let Some((slot, _)) = waived {
            return by(
                row(
                    Verdict::Exempt,
                    format!("{} waived in {RED_DAYS} days; {all}", count(SlotOutcome::Waived)),
                ),
                slot,
            );
        }
        let last = ended.last().map_or(due[0], |(slot, _)| *slot);
        by(row(Verdict::Pass, all), last)
    });
    Finding::of_rows(rows.collect(), "schedules", "every slot of the week was kept", nothing())
}

/// SCHED-02.
pub(super) fn fulls(look: &Look<'_>) -> Finding {
    let rows = look.scheduled().filter_map(|part| {
        let schedule = look.words().schedule_of(part.class, part.dataset)?.value;
        let cadence = schedule.full?;
        let row = |verdict, why: String| Row::new(part.target(), verdict, why).about(part.asset);
        let points = look.points_of(&part);
        let Some(newest) = points.iter().rev().find(|point| point.is_full) else {
            let why = format!("no full point of it was ever made; one is due {}", cadence.as_str());
            return Some(
                row(Verdict::NoEvidence, why).next(format!("`holdfast backup {} --full`", part.asset)),
            );
        };
        // One that retention took since was what it was while it lay there.
        let at = newest.purged.map_or(look.now, |purged| purged.min(look.now));
        let copies: Vec<_> = newest.lies_at(at).collect();
        let unread =
            copies.iter().filter(|(_, copy)| copy.state.whole_since.is_none() || copy.state.is_damaged);
        let unread: Vec<&str> = unread.map(|(location, _)| *location).collect();
        let by = |row: Row| row.by(Evidence::of("point", &newest.id), newest.recorded);
        if copies.is_empty() || !unread.is_empty() {
            let where_to = if copies.is_empty() { "any location".to_owned() } else { unread.join(", ") };
            let why = format!(
                "the full point of {} is not known to be whole at {where_to}",
                minute(newest.instant)
            );
            // What is gone is read by nobody any more.
            let next = if newest.is_purged(look.now) {
                format!("`holdfast backup {} --full`", part.asset)
            } else {
                "`holdfast verify --read-data`".to_owned()
            };
            return Some(by(row(Verdict::NoEvidence, why)).next(next));
        }
        // From the first day of one period to the last of the next.
        let within = SignedDuration::try_from(cadence.longest() * 2).unwrap_or(SignedDuration::MAX);
        let why = format!(
            "the full point of {} was read in full at {} places",
            minute(newest.instant),
            copies.len()
        );
        Some(by(if look.is_fresh(newest.instant, within) {
            row(Verdict::Pass, why)
        } else {
            row(Verdict::Stale, format!("{why}, but no {} one came since", cadence.as_str()))
                .next(format!("`holdfast backup {} --full`", part.asset))
        }))
    });
    let none = Finding::not_applicable("no schedule of an asset asks for full points");
    Finding::of_rows(rows.collect(), "schedules", "the newest full point was read in full", none)
}

/// SCHED-03.
pub(super) fn feasible(look: &Look<'_>) -> Finding {
    let rows = look.scheduled().filter_map(|part| {
        let measured = look.facts.measured.get(&(part.asset.to_owned(), part.dataset)).copied();
        let (plan, cannot) = look.words().slot_plan(part.class, part.dataset, measured)?;
        let row = |verdict, why: String| Row::new(part.target(), verdict, why).about(part.asset);
        if let Some(cannot) = cannot {
            return Some(
                row(Verdict::Fail, cannot.to_string())
                    .next("make captures faster, bring a location nearer, or allow the objective more time"),
            );
        }
        let Some(compiled) = plan.compiled else {
            return Some(
                row(
                    Verdict::NoEvidence,
                    "only the words of the policy decide when it runs: no objective is kept by reckoning"
                        .to_owned(),
                )
                .next("state an objective in [recovery], or run it outside of windows"),
            );
        };
        let every = show_duration(compiled.interval);
        let Some(LastsBasis::Measured { samples }) = measured.map(|lasts| lasts.basis) else {
            return Some(
                row(
                    Verdict::NoEvidence,
                    format!(
                        "configured, not proven: a point every {every} would do, but no run was measured"
                    ),
                )
                .next("the first runs measure it"),
            );
        };
        let why = format!(
            "a point every {every}, {} measured over {samples} runs, {} to spare",
            show_duration(compiled.lasts.total()),
            show_duration(compiled.headroom)
        );
        let last = look.by_asset.runs(part.asset).last().copied();
        let row = row(Verdict::Pass, why);
        Some(match last {
            Some(run) => row.by(Evidence::of("run", &run.id), run.ended),
            None => row,
        })
    });
    Finding::of_rows(rows.collect(), "schedules", "the measured durations leave room", nothing())
}

pub(super) fn nothing() -> Finding {
    Finding::no_evidence("nothing is scheduled")
        .next("declare [assets] in estate.toml and [schedule] in policy.toml")
}

impl Look<'_> {
    /// How a slot ended that is due: as it was recorded, or else by the points that lie there.
    fn outcome(&self, part: &Part<'_>, slot: &SlotFact) -> SlotOutcome {
        if let Some((_, outcome)) = slot.settled.filter(|(recorded, _)| *recorded <= self.now) {
            return outcome;
        }
        let serves = |point: &&&super::PointFact| {
            (slot.opens..slot.closes).contains(&point.instant) && (point.is_full || !slot.is_full)
        };
        let points = self.points_of(part);
        let serving: Vec<_> = points.iter().filter(serves).collect();
        let protected = serving.iter().filter(|point| point.lacks.is_none());
        let protected = protected.filter_map(|point| self.protected_since(point)).min();
        match protected {
            Some(since) if since <= slot.due => SlotOutcome::Ok,
            Some(_) => SlotOutcome::Late,
            None if !serving.is_empty() => SlotOutcome::Degraded,
            None => SlotOutcome::Missed,
        }
    }

    /// When a point was first known to be at enough places.
    fn protected_since(&self, point: &super::PointFact) -> Option<jiff::Timestamp> {
        let mut instants: Vec<_> = point.copies.values().flatten().map(|change| change.recorded).collect();
        instants.sort_unstable();
        instants.into_iter().find(|at| *at <= self.now && self.is_enough(point.good_at(*at)))
    }

    /// How long something may take that the policy gives no time for: as long as the objective, or a day.
    pub(super) fn patience(&self, part: &Part<'_>) -> SignedDuration {
        let objective = self.words().objective_of(part.class, part.dataset);
        objective.and_then(|o| SignedDuration::try_from(o.age).ok()).unwrap_or(hours(24))
    }

    pub(super) fn is_overdue(&self, since: jiff::Timestamp, patience: SignedDuration) -> bool {
        self.is_past(after(since, patience))
    }
}
