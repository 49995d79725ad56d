//! Minimum against maximum: of one number, of chains, of locks and of holds.

use super::{Found, LintInput};
use crate::Address;
use crate::policy::{Cadence, Rule, Schedule};
use crate::{Class, show_duration};

/// The rules of section 4 as they are written, each once.
fn schedules<'a>(input: &'a LintInput<'_>) -> impl Iterator<Item = (String, &'a Rule<Schedule>)> {
    input.policy.schedule.iter().map(|((class, dataset), rule)| {
        let part = dataset.map(|dataset| format!(" {dataset}")).unwrap_or_default();
        (format!("{class}{part}"), rule)
    })
}

fn is_single(rule: &Rule<Schedule>) -> bool {
    rule.value.retention.min_days == rule.value.retention.max_days
}

pub(super) fn single_number(input: &LintInput<'_>, found: &mut Vec<Found>) {
    for (what, rule) in schedules(input).filter(|(_, rule)| is_single(rule)) {
        let days = rule.value.retention.max_days;
        let grace = show_duration(rule.value.retention.grace);
        let mut finding = Found::at(rule, format!("{what}: {days} days is the least and the most at once"))
            .sum(format!("there until day {days}, expired right after, gone by day {days} + {grace}"))
            .holdfast(format!("keeps every point through day {days}, and destroys it within {grace} after"))
            .hint("write retention = { min_days, max_days } with room between the two");
        if let Some(purge) = &input.policy.retention.purge {
            finding = finding.with(purge);
        }
        found.push(finding);
    }
}

/// How long a chain needs its full point: until the youngest increment that stands on it has reached the minimum.
fn chain_hours(rule: &Rule<Schedule>) -> Option<(Cadence, u64)> {
    let full = rule.value.full?;
    let span = (full.longest() - rule.value.incremental.longest().min(full.longest())).as_secs() / 3600;
    Some((full, u64::from(rule.value.retention.min_days) * 24 + span))
}

fn in_days(hours: u64) -> String {
    if hours.is_multiple_of(24) {
        format!("{} d", hours / 24)
    } else {
        format!("{} d {} h", hours / 24, hours % 24)
    }
}

pub(super) fn chain(input: &LintInput<'_>, found: &mut Vec<Found>) {
    for (what, rule) in schedules(input) {
        let Some((full, needed)) = chain_hours(rule) else { continue };
        let (min, max) = (rule.value.retention.min_days, rule.value.retention.max_days);
        if needed <= u64::from(max) * 24 {
            continue;
        }
        let younger = needed - u64::from(min) * 24;
        found.push(
            Found::at(rule, format!("{what}: a {} full with increments on top cannot keep {min} to {max} days", full.as_str()))
                .sum(format!("the last increment is {} younger than its full: {min} d + {} = {} > {max} d", in_days(younger), in_days(younger), in_days(needed)))
                .sum(format!("destroy the full at {max} d, and points down to {} cannot be restored", in_days((u64::from(max) * 24).saturating_sub(younger))))
                .holdfast("makes every point stand alone: none needs another, so each goes at its own age")
                .hint("nothing to do as long as holdfast makes the backups; a tool that keeps chains breaks this rule"),
        );
    }
}

pub(super) fn headroom(input: &LintInput<'_>, found: &mut Vec<Found>) {
    const ENOUGH_HOURS: u64 = 48;
    for (what, rule) in schedules(input) {
        let Some((full, needed)) = chain_hours(rule) else { continue };
        let (min, max) = (rule.value.retention.min_days, rule.value.retention.max_days);
        let Some(room) = (u64::from(max) * 24).checked_sub(needed).filter(|room| *room < ENOUGH_HOURS) else {
            continue;
        };
        let younger = needed - u64::from(min) * 24;
        found.push(
            Found::at(rule, format!("{what}: with a {} full, {max} days leave {} of room", full.as_str(), in_days(room)))
                .sum(format!("{min} d + {} between the full and its last increment = {}, of {max} d", in_days(younger), in_days(needed)))
                .holdfast("makes every point stand alone: none needs another, so each goes at its own age")
                .hint("nothing to do as long as holdfast makes the backups; a tool that keeps chains has no day to spare"),
        );
    }
}

pub(super) fn range(input: &LintInput<'_>, found: &mut Vec<Found>) {
    for (what, rule) in schedules(input).filter(|(_, rule)| !rule.value.is_range_decided) {
        let (min, max) = (rule.value.retention.min_days, rule.value.retention.max_days);
        found.push(
            Found::at(rule, format!("{what}: {min} to {max} days, and no word about when inside that range"))
                .sum(format!(
                    "a point of {} days may be there or not, and both are right",
                    (min + max).div_ceil(2)
                ))
                .holdfast(format!("keeps every point until day {max}"))
                .hint("write retention = { ..., choose = \"max\" } if that is meant"),
        );
    }
}

pub(super) fn locks_and_holds(input: &LintInput<'_>, found: &mut Vec<Found>) {
    let may_lock = input.estate.is_none_or(|estate| {
        estate.locations.values().any(|location| matches!(location.address, Address::S3 { .. }))
    });
    let locks = input
        .estate
        .is_some_and(|estate| estate.locations.values().any(|location| location.object_lock.is_some()));
    for (what, rule) in schedules(input).filter(|(_, rule)| may_lock && is_single(rule)) {
        let days = rule.value.retention.max_days;
        let mut finding = Found::at(rule, format!("{what}: a lock for the minimum ends on the day of the maximum"))
                .sum(format!(
                    "locked until made + {days} d, to be gone at {days} d; a pack that a point of the next day shares is locked until {} d",
                    days + 1
                ))
                .holdfast("never locks past the maximum; a pack that a younger point shares stays locked, and the purge calls it exempt, not purged")
                .hint("leave days between minimum and maximum where locations lock objects");
        if locks {
            finding = finding.sum("no day of slack: every run renews the lock of each object that it needs, where a day of slack renews it once a day");
        }
        found.push(finding);
    }
    let retention = &input.policy.retention;
    if retention.holds.is_none()
        && let Some(purge) = &retention.purge
    {
        found.push(
            Found::at(purge, "nothing is said of holds: an order to keep data makes the purge overdue, rightly")
                .sum("keep for a court, destroy at the maximum, erase on request before the minimum: three orders for the same bytes")
                .holdfast("knows no holds yet: what is past the maximum is destroyed")
                .hint("add [retention.holds] with review = \"90d\": after how long a hold must be looked at again"),
        );
    }
}

/// Whether anything of a class is covered, for rules that speak of one.
pub(super) fn is_covered(input: &LintInput<'_>, class: Class) -> bool {
    input.policy.schedule.keys().any(|(other, _)| *other == class)
}
