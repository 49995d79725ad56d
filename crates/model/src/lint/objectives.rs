//! Schedules against objectives. The age of the newest protected state is largest just before the next one lands: an
//! interval, and the time to capture and to copy on top.

use jiff::SignedDuration;

use super::{Found, LintInput};
use crate::policy::{Cadence, PointObjective, Rule, Schedule};
use crate::slot::{Lasts, compile};
use crate::{Class, Dataset, show_duration};

pub(super) fn hourly(input: &LintInput<'_>, found: &mut Vec<Found>) {
    too_slow(input, found, |cadence| cadence == Cadence::Hourly);
}

pub(super) fn daily(input: &LintInput<'_>, found: &mut Vec<Found>) {
    too_slow(input, found, |cadence| cadence != Cadence::Hourly);
}

/// A dataset with an objective of its own, its schedule, and how long its work lasts.
type Promised<'a> = (Class, Dataset, Rule<Schedule>, &'a Rule<PointObjective>, Lasts);

fn promised<'a>(input: &'a LintInput<'_>) -> impl Iterator<Item = Promised<'a>> {
    input.datasets().filter_map(|(class, dataset)| {
        let objective = input.policy.recovery.rpo.get(&class).filter(|rule| rule.value.is_for(dataset))?;
        let schedule = input.policy.schedule_of(class, dataset)?;
        Some((class, dataset, schedule, objective, input.lasts(class, dataset)))
    })
}

fn too_slow(input: &LintInput<'_>, found: &mut Vec<Found>, is_meant: impl Fn(Cadence) -> bool) {
    for (class, dataset, schedule, objective, lasts) in promised(input) {
        let (cadence, age) = (schedule.value.incremental, objective.value.age);
        let period = cadence.longest();
        // A period that is longer than the objective by itself is another finding.
        if !is_meant(cadence) || period > age || period + lasts.total() <= age {
            continue;
        }
        let worst = period + lasts.total();
        found.push(
            Found::at(
                &schedule,
                format!(
                    "\"{}\" cannot keep {} {dataset} within {}",
                    cadence.as_str(),
                    class,
                    show_duration(age)
                ),
            )
            .with(objective)
            .sum(format!(
                "{} + capture {} + copy {} = {} > {}   ({})",
                show_duration(period),
                show_duration(lasts.capture),
                show_duration(lasts.copy),
                show_duration(worst),
                show_duration(age),
                lasts.basis
            ))
            .holdfast(compiled(input, class, dataset))
            .hint("say in the policy how often backups really run, or allow the objective more time"),
        );
    }
}

pub(super) fn parts(input: &LintInput<'_>, found: &mut Vec<Found>) {
    for (class, dataset, schedule, objective, _) in promised(input) {
        let (cadence, age) = (schedule.value.incremental, objective.value.age);
        if cadence.longest() <= age {
            continue;
        }
        found.push(
            Found::at(
                &schedule,
                format!(
                    "{class} must lose no more than {}, and its {dataset} come \"{}\"",
                    show_duration(age),
                    cadence.as_str()
                ),
            )
            .with(objective)
            .sum(format!("{} > {}, whatever capture and copy take", show_duration(cadence.longest()), show_duration(age)))
            .holdfast(compiled(input, class, dataset))
            .hint(format!(
                "decide: either schedule the {dataset} as often as the objective needs, or say which parts it is for: \
                 rpo.{class} = {{ ..., datasets = [...] }}"
            )),
        );
    }
}

fn compiled(input: &LintInput<'_>, class: Class, dataset: Dataset) -> String {
    let measured = input.measured.get(&(class, dataset)).copied();
    match input.policy.slot_plan(class, dataset, measured) {
        Some((plan, None)) => plan.compiled.map_or_else(String::new, |compiled| {
            format!("expects a point {}; the literal slots are counted too", compiled.reckoned())
        }),
        Some((_, Some(cannot))) => format!("cannot make up for it: {cannot}"),
        None => String::new(),
    }
}

pub(super) fn impossible(input: &LintInput<'_>, found: &mut Vec<Found>) {
    for (class, dataset) in input.datasets() {
        let Some(schedule) = input.policy.schedule_of(class, dataset) else { continue };
        if !schedule.value.windows.is_empty() {
            continue;
        }
        let objective = input.policy.objective_of(class, dataset);
        let lasts = input.lasts(class, dataset);
        let Err(cannot) = compile(schedule.value.incremental, objective.as_ref(), lasts) else { continue };
        found.push(
            Found::at(&schedule, format!("nothing can keep {class} {dataset} within {}", show_duration(cannot.within)))
                .sum(format!("{lasts}, and an interval of at least as long as the capture, within {}", show_duration(cannot.within)))
                .holdfast("follows the literal schedule, and shows every slot that it cannot keep as late")
                .hint("make the capture smaller or faster, bring a location nearer, or allow the objective more time"),
        );
    }
}

pub(super) fn clock_changes(input: &LintInput<'_>, found: &mut Vec<Found>) {
    let zone = &input.policy.zone;
    let offset = |at| i64::from(zone.to_offset(at).seconds());
    // The next day on which clocks go back: it is the long one.
    let back = zone.following(input.now).take(4).find(|change| {
        let before = change.timestamp() - SignedDuration::from_secs(1);
        i64::from(change.offset().seconds()) < offset(before)
    });
    let Some(back) = back else { return };
    let day = back.timestamp().to_zoned(zone.clone()).date();
    let daily = input.datasets().find_map(|(class, dataset)| {
        let schedule = input.policy.schedule_of(class, dataset)?;
        (schedule.value.incremental == Cadence::Daily).then_some(schedule)
    });
    let Some(schedule) = daily else { return };
    let name = zone.iana_name().unwrap_or("the policy's zone");
    found.push(
        Found::at(&schedule, format!("in {name} one day a year has 25 hours, and one has 23"))
            .sum(format!("the next long one is {day}: a job at a fixed hour runs 25 hours after the last"))
            .holdfast("spaces runs by elapsed time, at hours that lie within each calendar day in summer and in winter")
            .hint("nothing to do; or write zone = \"UTC\", whose days all have 24 hours"),
    );
}

pub(super) fn unstated(input: &LintInput<'_>, found: &mut Vec<Found>) {
    let recovery = &input.policy.recovery;
    for class in Class::ALL {
        if recovery.rpo.contains_key(&class) {
            continue;
        }
        let of_class = input.datasets().filter(|(other, _)| *other == class);
        let schedules = of_class.filter_map(|(_, dataset)| input.policy.schedule_of(class, dataset));
        let Some(slowest) = schedules.max_by_key(|schedule| schedule.value.incremental) else { continue };
        let derived = show_duration(slowest.value.incremental.longest());
        found.push(
            Found::at(&slowest, format!("the policy does not say how much data of {class} may be lost"))
                .sum(format!(
                    "derived from \"{}\": {derived}, and the time to capture and to copy",
                    slowest.value.incremental.as_str()
                ))
                .holdfast(format!("shows {derived} marked as derived, and promises nothing"))
                .hint(format!("add rpo.{class} = {{ sentence = ..., objective = ... }} to [recovery]")),
        );
    }
    if let Some(rto) = recovery.rto.as_ref().filter(|rto| rto.value.classes.is_empty()) {
        found.push(
            Found::at(rto, format!("{} is promised, and not for what", show_duration(rto.value.within)))
                .sum("one time, four tiers in order: each alone, or all of them one after the other?")
                .holdfast("runs no drills yet, and takes the promise to be about the whole")
                .hint("write rto = { ..., classes = [...] } with the classes that must be back within that time"),
        );
    }
}
