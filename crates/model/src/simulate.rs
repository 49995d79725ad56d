//! Years of a policy in seconds: the same slots, verdicts and retention as in earnest, on a clock that is only a number.
//!
//! What a schedule does on the day with 25 hours, after a week of outage or with twice the data cannot be tried in
//! production. Everything here follows from the scenario alone, chance included, so that two runs agree and a surprise
//! can be looked at again.
//!
//! Slots, verdicts and retention are those of `serve`. When runs start is not decided by its scheduler, whose every step looks
//! at every dataset: a run starts when its slot opens, when its window does, or when the outage ends. Limits of how many run at
//! once, catching up and slots that share a run are not simulated.

mod chance;
mod fleet;
mod link;

use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::Serialize;

use self::fleet::Fleet;
use self::link::Link;
use crate::{Class, Dataset, Policy};

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The first day, in the policy's zone.
    pub start: Date,
    /// How many years.
    pub years: u32,
    /// How many assets there are.
    pub assets: u32,
    /// When no backup can run.
    pub outages: Vec<Outage>,
    /// What all copies to one location share, in bytes per second.
    pub bandwidth_bytes_s: u64,
    /// By how much data grows in a year, in percent.
    pub growth_percent: f64,
    /// How many runs of a thousand fail once and are tried again.
    pub failures_permille: u32,
}

/// A time in which no backup can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Its first day, in the policy's zone.
    pub from: Date,
    /// How long it lasts.
    pub lasts: Duration,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Simulation {
    /// The first instant.
    pub start: Timestamp,
    /// The first instant after.
    pub end: Timestamp,
    /// Days of the calendar that are unlike others.
    pub calendar: Vec<CalendarDay>,
    /// Per class and dataset.
    pub fleets: Vec<FleetResult>,
    /// Per day.
    pub days: Vec<Day>,
    /// How long a recovery of everything takes at the end.
    pub recovery: Recovery,
}

/// A day that is unlike others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CalendarDay {
    /// The day.
    pub date: Date,
    /// `23 hours`, `25 hours`, `leap day`.
    pub what: String,
}

/// What came of all datasets of a kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FleetResult {
    /// The class.
    pub class: &'static str,
    /// The dataset.
    pub dataset: &'static str,
    /// How many there are.
    pub assets: u32,
    /// From one run to the next, in seconds; absent where the words alone decide.
    pub interval_s: Option<u64>,
    /// Slots that were due.
    pub expected: u64,
    /// Slots in each state.
    pub ok: u64,
    /// See `ok`.
    pub late: u64,
    /// See `ok`.
    pub degraded: u64,
    /// See `ok`.
    pub missed: u64,
    /// The objective, in seconds, where one is stated.
    pub objective_s: Option<u64>,
    /// The oldest that the newest protected state ever was, in seconds.
    pub worst_age_s: u64,
    /// How many of the datasets ever broke their objective.
    pub broken: u32,
    /// The share of all time within the objective, in percent; absent without one.
    pub within_percent: Option<f64>,
    /// Points left at the end, of all datasets.
    pub points: u64,
    /// The oldest point that ever outlived a purge, in days.
    pub oldest_days: u32,
    /// Points that stayed past their maximum as the last way back, counted per purge.
    pub exempt: u64,
    /// The youngest point that was ever destroyed, in days; absent when none was.
    pub youngest_destroyed_days: Option<u32>,
    /// The worst age on each day, in seconds.
    #[serde(skip)]
    pub age_by_day_s: Vec<u64>,
}

/// One day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Day {
    /// Bytes at one location at the end of the day.
    pub stored_bytes: u64,
    /// Bytes sent to one location.
    pub sent_bytes: u64,
    /// The longest that a copy waited for others, in seconds.
    pub waited_s: u64,
}

/// A recovery of everything, tier after tier, limited by the bandwidth alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Recovery {
    /// What is promised, in seconds.
    pub objective_s: Option<u64>,
    /// The tiers, in their order.
    pub tiers: Vec<Tier>,
}

/// A tier of a recovery.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tier {
    /// The class.
    pub class: &'static str,
    /// What must be fetched.
    pub bytes: u64,
    /// How long that takes, in seconds.
    pub takes_s: u64,
    /// When it is done, in seconds from the start.
    pub done_s: u64,
}

impl FleetResult {
    /// Whether every slot that was due has exactly one state.
    pub fn is_accounted(&self) -> bool {
        self.expected == self.ok + self.late + self.degraded + self.missed
    }
}

/// Runs the scenario. `None` when its days lie outside of the calendar.
pub fn simulate(policy: &Policy, scenario: &Scenario) -> Option<Simulation> {
    let midnight = |date: Date| {
        let zoned = policy.zone.to_ambiguous_zoned(date.at(0, 0, 0, 0)).compatible().ok()?;
        Some(zoned.timestamp())
    };
    let last = scenario.start.checked_add(i64::from(scenario.years).years()).ok()?;
    let (start, end) = (midnight(scenario.start)?, midnight(last)?);
    let outage = |outage: &Outage| {
        let from = midnight(outage.from)?;
        Some((from, from.checked_add(SignedDuration::try_from(outage.lasts).ok()?).ok()?))
    };
    let outages: Vec<_> = scenario.outages.iter().map(outage).collect::<Option<_>>()?;
    let fleets = fleets(policy, scenario, (start, end), &outages);
    let mut link = Link::new(start, end, scenario.bandwidth_bytes_s);
    fleets.iter().for_each(|fleet| fleet.send(&mut link));
    link.settle();
    let days = usize::try_from(end.duration_since(start).as_hours() / 24).ok()? + 1;
    let mut stored = vec![0_u64; days];
    let results = fleets.iter().map(|fleet| fleet.run(&link, &mut stored)).collect();
    let days = stored.into_iter().enumerate().map(|(n, stored_bytes)| {
        let (sent_bytes, waited_s) = link.day(n);
        Day { stored_bytes, sent_bytes, waited_s }
    });
    let days = days.collect();
    let recovery = recovery(policy, scenario, &fleets);
    Some(Simulation {
        start,
        end,
        calendar: calendar(policy, scenario.start, last),
        fleets: results,
        days,
        recovery,
    })
}

/// How many assets of a class there are among `assets`: of a hundred, one Plesk server and one virtual machine; one WHMCS
/// for all of them; websites for the rest.
fn share(class: Class, assets: u32) -> u32 {
    let servers = (assets / 100).max(u32::from(assets > 3));
    match class {
        Class::Vm | Class::Plesk => servers,
        Class::Whmcs => u32::from(assets > 1),
        Class::Website => assets - 2 * servers - u32::from(assets > 1),
    }
}

fn fleets<'p>(
    policy: &'p Policy,
    scenario: &Scenario,
    span: (Timestamp, Timestamp),
    outages: &'p [(Timestamp, Timestamp)],
) -> Vec<Fleet<'p>> {
    let fleet = |(class, dataset): (Class, Dataset)| {
        let assets = share(class, scenario.assets);
        Fleet::new(policy, scenario, (class, dataset), assets, span, outages).filter(|_| assets > 0)
    };
    Class::parts().filter_map(fleet).collect()
}

fn calendar(policy: &Policy, first: Date, last: Date) -> Vec<CalendarDay> {
    let mut days = Vec::new();
    let mut date = first;
    while date < last {
        let Ok(next) = date.tomorrow() else { break };
        let instant = |date: Date| policy.zone.to_ambiguous_zoned(date.at(0, 0, 0, 0)).compatible().ok();
        if let (Some(from), Some(to)) = (instant(date), instant(next)) {
            let minutes = to.timestamp().duration_since(from.timestamp()).as_mins();
            if minutes != 24 * 60 {
                let hours = minutes as f64 / 60.0;
                days.push(CalendarDay { date, what: format!("{hours} hours") });
            }
        }
        if date.month() == 2 && date.day() == 29 {
            days.push(CalendarDay { date, what: "leap day".to_owned() });
        }
        date = next;
    }
    days
}

fn recovery(policy: &Policy, scenario: &Scenario, fleets: &[Fleet<'_>]) -> Recovery {
    let order = policy.recovery.order.as_ref().map_or_else(|| Class::ALL.to_vec(), |rule| rule.value.clone());
    let mut recovery = Recovery {
        objective_s: policy.recovery.rto.as_ref().map(|rto| rto.value.within.as_secs()),
        tiers: Vec::new(),
    };
    let mut done_s = 0;
    for class in order {
        let of_class = fleets.iter().filter(|fleet| fleet.class == class);
        let bytes: u64 = of_class.map(Fleet::bytes_at_end).sum();
        let takes_s = bytes / scenario.bandwidth_bytes_s.max(1);
        done_s += takes_s;
        recovery.tiers.push(Tier { class: class.as_str(), bytes, takes_s, done_s });
    }
    recovery
}

#[cfg(test)]
mod tests;
