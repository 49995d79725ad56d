//! Section 4: the schedules, general ones of a class and specific ones of its datasets.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::de::DeValue;

use super::rule::{cadence, choice, duration, required_section, rule};
use super::times::{Times, assume, times};
use super::{Rule, Schedule};
use crate::diagnostic::Problems;
use crate::reading::{Fields, as_whole};
use crate::retention::RetentionRule;
use crate::scheduler::Window;
use crate::{Class, Dataset};

pub(super) fn read_schedules(
    problems: &mut Problems<'_>,
    root: &mut Fields<'_, '_>,
    grace: Duration,
) -> (Times, BTreeMap<(Class, Option<Dataset>), Rule<Schedule>>) {
    let mut rules = BTreeMap::new();
    let Some(mut classes) = required_section(problems, root, "schedule") else {
        return (Times::default(), rules);
    };
    let times = times(problems, &mut classes);
    for class in Class::ALL {
        let Some(mut fields) = classes.table(problems, class.as_str()) else { continue };
        let mut has_own = false;
        for &dataset in class.datasets() {
            let Some(part) = fields.table(problems, dataset.as_str()) else { continue };
            has_own = true;
            if let Some(rule) = rule(problems, part, |problems, part| read_schedule(problems, part, grace)) {
                rules.insert((class, Some(dataset)), rule);
            }
        }
        if has_own && !fields.has("incremental") && !fields.has("retention") {
            fields.finish(problems);
        } else if let Some(rule) =
            rule(problems, fields, |problems, fields| read_schedule(problems, fields, grace))
        {
            rules.insert((class, None), rule);
        }
    }
    classes.finish(problems);
    (times, rules)
}

fn read_schedule(
    problems: &mut Problems<'_>,
    fields: &mut Fields<'_, '_>,
    grace: Duration,
) -> Option<Schedule> {
    let incremental = cadence(problems, fields, "incremental");
    let incremental = fields.require(problems, "incremental", incremental);
    let full = cadence(problems, fields, "full");
    if let (Some(incremental), Some(full)) = (incremental, full)
        && full < incremental
    {
        let span = fields.key_span("full").unwrap_or_default();
        problems.error(
            "bad-value",
            &span,
            "full points are a part of all points, and cannot be more frequent",
        );
    }
    let retention = retention_days(problems, fields, grace);
    let offsite = fields.flag(problems, "offsite").map(|flag| flag.value);
    let encrypted = fields.flag(problems, "encrypted").map(|flag| flag.value);
    let assume = assume(problems, fields);
    let windows = windows(problems, fields);
    let (retention, is_range_decided) = retention?;
    Some(Schedule {
        incremental: incremental?,
        full,
        retention,
        is_range_decided,
        offsite,
        encrypted,
        assume,
        windows,
    })
}

/// `window = "01:00-05:00"`, or a list of them.
fn windows(problems: &mut Problems<'_>, fields: &mut Fields<'_, '_>) -> Vec<Window> {
    let texts = fields.texts(problems, "window");
    let windows = texts.into_iter().filter_map(|text| {
        let window = Window::parse(&text.value);
        if window.is_none() {
            problems
                .error("bad-value", &text.span.range(), format!("{:?} is no window", text.value))
                .hint("write when runs may start, in the zone of the schedule: window = \"01:00-05:00\"");
        }
        window
    });
    windows.collect()
}

/// One number of days, or `{ min_days, max_days, grace, choose }`; with whether the choice inside the range was made.
fn retention_days(
    problems: &mut Problems<'_>,
    fields: &mut Fields<'_, '_>,
    grace: Duration,
) -> Option<(RetentionRule, bool)> {
    let value = fields.value("retention");
    let value = fields.require(problems, "retention", value)?;
    let span = value.span();
    let (min_days, max_days, grace, is_decided) = match value.get_ref() {
        DeValue::Table(table) => {
            let key = fields.key_span("retention").unwrap_or_else(|| span.clone());
            let mut days = Fields::new(table, "retention", key);
            let (min, max) = (days.whole(problems, "min_days"), days.whole(problems, "max_days"));
            let min = days.require(problems, "min_days", min);
            let max = days.require(problems, "max_days", max);
            let own_grace = duration(problems, &mut days, "grace");
            let choose = days.text(problems, "choose");
            let is_decided = choose.is_some_and(|text| {
                choice(problems, &text, &["max"], |t| (t == "max").then_some(())).is_some()
            });
            days.finish(problems);
            (min?.value, max?.value, own_grace.map_or(grace, |own| own.value), is_decided)
        }
        _ => {
            let days = as_whole(problems, "retention", value)?.value;
            (days, days, grace, true)
        }
    };
    const DAYS_MAX: u32 = 100 * 366;
    if min_days == 0 || min_days > max_days || max_days > DAYS_MAX {
        problems
            .error("bad-value", &span, "retention needs at least one day, a minimum no larger than the maximum, and at most a century")
            .hint("write retention = 30, or { min_days = 30, max_days = 60 }");
        return None;
    }
    Some((RetentionRule { min_days, max_days, grace }, is_decided))
}
