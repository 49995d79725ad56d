//! Restore tests and drills: what they leave out, and what they could set loose.

use super::retention::is_covered;
use super::{Found, LintInput};
use crate::Class;
use crate::policy::{Exercise, Neutralised, Rule};
use crate::restore_test::Pace;

pub(super) fn sample(input: &LintInput<'_>, found: &mut Vec<Found>) {
    let Some(rule) = &input.policy.verification.websites else { return };
    let (exercise, pace) = (&rule.value, Pace::of(&rule.value));
    let Some(sample) = exercise.sample else {
        found.push(
            Found::at(rule, "a sample of websites is restored, and nobody says how many")
                .sum("one of a thousand is a sample")
                .holdfast("restores all of them each time")
                .hint("write sample = 5, untested_max = \"90d\""),
        );
        return;
    };
    let count =
        input.estate.map(|estate| estate.assets.values().filter(|a| a.class() == Class::Website).count());
    if exercise.untested_max.is_some() {
        too_few(rule, &pace, sample, count.unwrap_or(0), found);
        return;
    }
    let reach = match count {
        Some(sites) if sites > 0 => {
            let rounds = (sites as u64).div_ceil(u64::from(sample.max(1)));
            format!(
                "{sites} websites, {sample} at a time, {}: {rounds} rounds until each had its turn",
                exercise.every.as_str()
            )
        }
        _ => format!(
            "{sample} at a time, {}: a thousand websites need {} rounds",
            exercise.every.as_str(),
            1000_u32.div_ceil(sample.max(1))
        ),
    };
    found.push(
        Found::at(rule, "websites are sampled, and none has a day by which it must have been tested")
            .sum(reach)
            .holdfast("restores the sample, whoever waited longest first, and calls no website overdue")
            .hint("write untested_max = \"90d\": after that long without a test, a website is red"),
    );
}

/// A sample that cannot keep the day by which each must have been tested.
fn too_few(rule: &Rule<Exercise>, pace: &Pace, sample: u32, sites: usize, found: &mut Vec<Found>) {
    let needed = pace.needed(sites);
    if (sample as usize) >= needed {
        return;
    }
    let (every, rounds) = (pace.every.as_str(), pace.rounds().unwrap_or(1));
    found.push(
        Found::at(
            rule,
            format!(
                "{sample} of {sites} websites at a time are too few for the day by which each must be tested"
            ),
        )
        .sum(format!("{sites} websites in {rounds} rounds, {every}: {needed} at a time are needed"))
        .holdfast(format!("restores {} at a time, because the day is the promise", pace.picks(sites)))
        .hint(format!("write sample = {needed}, or a longer untested_max")),
    );
}

pub(super) fn drill(input: &LintInput<'_>, found: &mut Vec<Found>) {
    let (Some(drill), Some(order)) = (&input.policy.verification.drill, &input.policy.recovery.order) else {
        return;
    };
    let left_out: Vec<&str> = order
        .value
        .iter()
        .filter(|class| !drill.value.classes.contains(class))
        .map(|class| class.as_str())
        .collect();
    if left_out.is_empty() {
        return;
    }
    let (tiers, drilled) = (order.value.len(), order.value.len() - left_out.len());
    found.push(
        Found::at(drill, format!("the drill leaves out {}", left_out.join(" and ")))
            .with(order)
            .sum(format!("{tiers} tiers are restored in order, {drilled} are rehearsed: the time for all is measured by no drill"))
            .holdfast("runs no drills yet, and calls no time proven")
            .hint("name all classes in [verification] drill, or time the other tests within the drill"),
    );
}

pub(super) fn neutralised(input: &LintInput<'_>, found: &mut Vec<Found>) {
    let Some(rule) = input.policy.verification.whmcs.as_ref().filter(|_| is_covered(input, Class::Whmcs))
    else {
        return;
    };
    let loose: Vec<&str> = Neutralised::ALL
        .into_iter()
        .filter(|what| !rule.value.neutralised.contains(what))
        .map(Neutralised::as_str)
        .collect();
    if !loose.is_empty() {
        found.push(
            Found::at(rule, "WHMCS restored to staging is a billing system that runs")
                .sum(format!(
                    "nothing is said of: {}; its timed jobs send invoices and charge cards",
                    loose.join(", ")
                ))
                .holdfast("switches all of it off in what it restores, and fails a test in which anything reached out")
                .hint("write neutralised = [\"egress\", \"mail\", \"gateways\", \"registrars\", \"cron\"]"),
        );
    }
}

pub(super) fn staging(input: &LintInput<'_>, found: &mut Vec<Found>) {
    let verification = &input.policy.verification;
    let exercises = [&verification.websites, &verification.whmcs, &verification.drill];
    let Some(first) = exercises.into_iter().flatten().next() else { return };
    let hint = "write [verification.staging] with encrypted, logged, excluded_from_backups = true and a ttl";
    let Some(rule) = &verification.staging else {
        found.push(
            Found::at(first, "what is restored for tests holds personal data, and no rule covers it")
                .sum("the copy is readable, on another machine, for as long as nobody deletes it")
                .holdfast("restores for tests into memory or an encrypted volume alone, and destroys it at once, within a day at the latest")
                .hint(hint),
        );
        return;
    };
    let wanted = [
        ("encrypted", rule.value.is_encrypted),
        ("logged", rule.value.is_logged),
        ("left out of backups", rule.value.is_excluded),
    ];
    let missing: Vec<&str> = wanted.iter().filter(|(_, is_so)| !is_so).map(|(name, _)| *name).collect();
    if !missing.is_empty() {
        found.push(
            Found::at(rule, format!("what is restored for tests is not {}", missing.join(", not ")))
                .sum("section 9 asks the same of every copy of personal data")
                .holdfast(
                    "does all of it in its own tests all the same; by hand it restores where it is told to",
                )
                .hint(hint),
        );
    }
}
