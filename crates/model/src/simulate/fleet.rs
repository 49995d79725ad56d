//! All datasets of a kind: their runs, what becomes of their slots, and what is left of their points.

use jiff::Timestamp;

use super::chance::{draw, lasts_s};
use super::link::Link;
use super::{FleetResult, Scenario};
use crate::retention::{Action, RetentionRule, actions};
use crate::scheduler::{Window, next_start};
use crate::slot::{Lasts, PointFact, Slot, SlotBasis, SlotKind, SlotPlan, SlotState, judge};
use crate::{AssetName, Class, Dataset, Policy};

const DAY_S: i64 = 86_400;
/// A run that failed is tried again after this long.
const RETRY_S: i64 = 900;

pub(super) struct Fleet<'p> {
    pub(super) class: Class,
    dataset: Dataset,
    assets: u32,
    plan: SlotPlan,
    retention: RetentionRule,
    lasts: Lasts,
    windows: Vec<Window>,
    objective_s: Option<u64>,
    start: Timestamp,
    end: Timestamp,
    outages: &'p [(Timestamp, Timestamp)],
    bytes: u64,
    change_percent: f64,
    growth_percent: f64,
    failures_permille: u64,
}

/// A run that made a point.
struct Run {
    begun_s: i64,
    captured_s: i64,
    bytes: u64,
    is_full: bool,
}

/// Bytes of one dataset, and how much of it changes in a day, in percent. Rough numbers of shared hosting.
fn usual(dataset: Dataset) -> (u64, f64) {
    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;
    match dataset {
        Dataset::Config => (MIB, 1.0),
        Dataset::Disks => (80 * GIB, 1.0),
        Dataset::Configuration => (50 * MIB, 1.0),
        Dataset::Subscriptions => (500 * MIB, 1.0),
        Dataset::Mail => (200 * GIB, 0.5),
        Dataset::Databases => (20 * GIB, 3.0),
        Dataset::Database => (GIB, 10.0),
        Dataset::Files => (5 * GIB, 0.2),
        Dataset::Site => (2 * GIB, 0.5),
        // Of no class: it grows with its database, and is counted there.
        Dataset::Log => (0, 0.0),
    }
}

impl<'p> Fleet<'p> {
    pub(super) fn new(
        policy: &Policy,
        scenario: &Scenario,
        (class, dataset): (Class, Dataset),
        assets: u32,
        (start, end): (Timestamp, Timestamp),
        outages: &'p [(Timestamp, Timestamp)],
    ) -> Option<Fleet<'p>> {
        let (plan, _) = policy.slot_plan(class, dataset, None)?;
        let (bytes, change_percent) = usual(dataset);
        let schedule = policy.schedule_of(class, dataset)?.value;
        Some(Fleet {
            class,
            dataset,
            assets,
            plan,
            retention: schedule.retention,
            windows: schedule.windows,
            lasts: policy.lasts_of(class, dataset, None),
            objective_s: policy.objective_of(class, dataset).map(|objective| objective.age.as_secs()),
            start,
            end,
            outages,
            bytes,
            change_percent,
            growth_percent: scenario.growth_percent,
            failures_permille: u64::from(scenario.failures_permille),
        })
    }

    /// Bytes of one dataset at an instant.
    fn bytes_at(&self, at_s: i64) -> u64 {
        let years = (at_s - self.start.as_second()) as f64 / (365.25 * DAY_S as f64);
        (self.bytes as f64 * (1.0 + self.growth_percent / 100.0).powf(years)) as u64
    }

    /// Bytes of all of them at the end.
    pub(super) fn bytes_at_end(&self) -> u64 {
        self.bytes_at(self.end.as_second()) * u64::from(self.assets)
    }

    fn slots(&self, asset: u32) -> Vec<Slot> {
        let name = AssetName::parse(&format!("{}-{asset}", self.class)).expect("a class and a number");
        self.plan.slots(&name, self.dataset, None, self.start, self.end)
    }

    /// Every run of one dataset, in order.
    fn runs(&self, asset: u32, slots: &[Slot]) -> Vec<Run> {
        let drives = |slot: &&Slot| match (&self.plan.compiled, slot.basis) {
            (Some(_), SlotBasis::Compiled { .. }) => true,
            (None, SlotBasis::Literal { .. }) => slot.kind == SlotKind::Incremental,
            _ => false,
        };
        let mut fulls = slots.iter().filter(|slot| slot.kind == SlotKind::Full).peekable();
        let seed = u64::from(asset) << 8 | self.dataset as u64;
        let mut runs: Vec<Run> = Vec::new();
        for slot in slots.iter().filter(drives) {
            let Some(begun_s) = self.begins(slot, seed) else { continue };
            // The first run of a period in which a full point is wanted reads everything.
            let mut is_full = false;
            while fulls.next_if(|full| full.opens.as_second() <= begun_s).is_some() {
                is_full = true;
            }
            let since_s = begun_s - runs.last().map_or(begun_s - DAY_S, |last| last.begun_s);
            let share = (since_s as f64 / DAY_S as f64 * self.change_percent / 100.0).min(1.0);
            let bytes = (self.bytes_at(begun_s) as f64 * share) as u64;
            let captured_s = begun_s + lasts_s(self.lasts.capture.as_secs(), seed, begun_s, 1);
            runs.push(Run { begun_s, captured_s, bytes, is_full });
        }
        runs
    }

    /// When the run of a slot begins; `None` when an outage lasts past it.
    fn begins(&self, slot: &Slot, seed: u64) -> Option<i64> {
        let opens_s = slot.opens.as_second();
        let has_failed = draw(seed, opens_s, 0) % 1000 < self.failures_permille;
        let mut begins = Timestamp::from_second(opens_s + if has_failed { RETRY_S } else { 0 }).ok()?;
        for (from, to) in self.outages {
            if begins >= *from && begins < *to {
                begins = *to;
            }
        }
        if !self.windows.is_empty() {
            begins = next_start(&self.windows, &self.plan.zone, begins);
        }
        (begins < slot.closes).then(|| begins.as_second())
    }

    /// Announces what the runs send.
    pub(super) fn send(&self, link: &mut Link) {
        for asset in 0..self.assets {
            let slots = self.slots(asset);
            self.runs(asset, &slots).iter().for_each(|run| link.send(run.captured_s, run.bytes));
        }
    }

    /// Judges the slots and applies retention day by day; adds what is stored at the end of each day.
    pub(super) fn run(&self, link: &Link, stored: &mut [u64]) -> FleetResult {
        let mut result = FleetResult {
            class: self.class.as_str(),
            dataset: self.dataset.as_str(),
            assets: self.assets,
            interval_s: self.plan.compiled.as_ref().map(|compiled| compiled.interval.as_secs()),
            objective_s: self.objective_s,
            age_by_day_s: vec![0; stored.len()],
            ..FleetResult::default()
        };
        let mut broken_s = 0.0;
        for asset in 0..self.assets {
            let slots = self.slots(asset);
            let runs = self.runs(asset, &slots);
            let facts = self.facts(asset, &runs, link);
            let due = slots.into_iter().filter(|slot| slot.due <= self.end);
            for judged in judge(due, &facts, &[], self.end) {
                result.expected += 1;
                match judged.state {
                    SlotState::Ok { .. } => result.ok += 1,
                    SlotState::Late { .. } => result.late += 1,
                    SlotState::Degraded { .. } => result.degraded += 1,
                    // Nothing is waived here, and nothing that is due is open.
                    SlotState::Missed | SlotState::Waived { .. } | SlotState::Open => result.missed += 1,
                }
            }
            let beyond = self.ages(&facts, &mut result);
            broken_s += beyond;
            result.broken += u32::from(beyond > 0.0);
            self.retain(&runs, &mut result, stored);
        }
        let all_s = self.end.duration_since(self.start).as_secs() as f64 * f64::from(self.assets);
        result.within_percent = self.objective_s.map(|_| 100.0 * (1.0 - broken_s / all_s.max(1.0)));
        result
    }

    fn facts(&self, asset: u32, runs: &[Run], link: &Link) -> Vec<PointFact> {
        let seed = u64::from(asset) << 8 | self.dataset as u64;
        let fact = |run: &Run| {
            let copied_s = run.captured_s
                + lasts_s(self.lasts.copy.as_secs(), seed, run.begun_s, 2)
                    .max(link.takes_s(run.captured_s, run.bytes));
            let protected = Timestamp::from_second(copied_s).ok()?;
            Some(PointFact {
                id: String::new(),
                recovery: Timestamp::from_second(run.begun_s).ok()?,
                is_full: run.is_full,
                lacks: None,
                checked: Some(protected),
                copied: Some(protected),
            })
        };
        runs.iter().filter_map(fact).collect()
    }

    /// Follows the age of the newest protected state; returns for how long it was beyond the objective, in seconds. Before
    /// the first point there is nothing to be old.
    fn ages(&self, facts: &[PointFact], result: &mut FleetResult) -> f64 {
        let mut landed: Vec<(i64, i64)> = facts
            .iter()
            .filter_map(|fact| Some((fact.protected()?.as_second(), fact.recovery.as_second())))
            .filter(|(protected, _)| *protected <= self.end.as_second())
            .collect();
        landed.sort_unstable();
        let (start_s, end_s) = (self.start.as_second(), self.end.as_second());
        let mut beyond = 0.0;
        let mut newest: Option<(i64, i64)> = None;
        for (protected, recovery) in landed.into_iter().chain([(end_s, end_s)]) {
            if let Some((since, state)) = newest {
                let age = u64::try_from(protected - state).unwrap_or(0);
                result.worst_age_s = result.worst_age_s.max(age);
                if let Some(objective) = self.objective_s {
                    let kept_until = state + i64::try_from(objective).unwrap_or(i64::MAX / 2);
                    beyond += (protected - kept_until.max(since)).max(0) as f64;
                }
                // On each day that passes without a newer state the age grows.
                for day in (since - start_s) / DAY_S..=(protected - start_s) / DAY_S {
                    let at = (start_s + (day + 1) * DAY_S).min(protected);
                    let Some(worst) =
                        usize::try_from(day).ok().and_then(|day| result.age_by_day_s.get_mut(day))
                    else {
                        continue;
                    };
                    *worst = (*worst).max(u64::try_from(at - state).unwrap_or(0));
                }
            }
            newest = Some((protected, newest.map_or(recovery, |(_, state)| state.max(recovery))));
        }
        beyond
    }

    /// Purges once a day.
    fn retain(&self, runs: &[Run], result: &mut FleetResult, stored: &mut [u64]) {
        let mut kept: Vec<(Timestamp, u64)> = Vec::new();
        let mut coming = runs.iter().peekable();
        let start_s = self.start.as_second();
        for (day, stored) in stored.iter_mut().enumerate() {
            let now_s = start_s + (i64::try_from(day).unwrap_or(0) + 1) * DAY_S;
            if now_s > self.end.as_second() + DAY_S {
                break;
            }
            while let Some(run) = coming.next_if(|run| run.captured_s <= now_s) {
                kept.extend(Timestamp::from_second(run.begun_s).ok().map(|time| (time, run.bytes)));
            }
            let Ok(now) = Timestamp::from_second(now_s) else { break };
            let decided: Vec<Action> =
                actions(kept.iter().map(|(time, _)| (*time, true)), &self.retention, now).collect();
            let mut position = 0;
            kept.retain(|(time, _)| {
                let action = decided[position];
                position += 1;
                let days = u32::try_from(now.duration_since(*time).as_hours() / 24).unwrap_or(0);
                match action {
                    Action::Keep => result.oldest_days = result.oldest_days.max(days),
                    Action::Exempt => {
                        result.exempt += 1;
                        result.oldest_days = result.oldest_days.max(days);
                    }
                    Action::Expire { .. } => {
                        let youngest = result.youngest_destroyed_days.unwrap_or(days).min(days);
                        result.youngest_destroyed_days = Some(youngest);
                        return false;
                    }
                }
                true
            });
            if !kept.is_empty() {
                *stored += self.bytes_at(now_s) + kept.iter().map(|(_, bytes)| bytes).sum::<u64>();
            }
        }
        result.points += kept.len() as u64;
    }
}
