//! policy.toml into types, section by section.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::rule::{
    by_class, cadence, classes, datasets, date, duration, filled_text, named_rules, required_section, rule,
    section, sub_rule, switch, words,
};
use super::times::{Times, assume, times};
use super::{
    Compliance, Contact, Copies, Exercise, Header, PointObjective, Policy, Recovery, Retention, Review, Rule,
    Schedule, Storage, Verification,
};
use crate::diagnostic::{Checked, Problems};
use crate::reading::{Fields, as_whole, parse};
use crate::retention::RetentionRule;
use crate::{Class, Dataset};

/// The time for physical deletion where the policy names none.
const PURGE_GRACE_DEFAULT: Duration = Duration::from_secs(48 * 3600);

/// Reads and checks a policy. `file` is how findings call the file; `text` is its content.
pub fn read_policy(file: &str, text: &str) -> Checked<Policy> {
    let mut problems = Problems::new("policy", file, text);
    let document = parse(text, &mut problems);
    let policy = read(&document, &mut problems);
    problems.finish(policy)
}

fn read(document: &DeTable<'_>, problems: &mut Problems<'_>) -> Option<Policy> {
    let mut root = Fields::new(document, "the policy", 0..0);
    let header = required_section(problems, &mut root, "header")
        .and_then(|fields| rule(problems, fields, read_header));
    let contact = required_section(problems, &mut root, "contact")
        .and_then(|fields| rule(problems, fields, read_contact));
    let purpose =
        named_rules(problems, &mut root, "purpose", &["data_loss", "in_time", "layers", "tested"], |_, _| {
            Some(())
        });
    let scope =
        by_class(problems, &mut root, "scope", |problems, fields| Some(words(problems, fields, "parts")));
    let roles = named_rules(
        problems,
        &mut root,
        "roles",
        &["infrastructure", "compliance", "support"],
        |problems, fields| Some(words(problems, fields, "duties")),
    );
    // Read before section 4, whose retention takes its grace from here.
    let retention = section(problems, &mut root, "retention")
        .map_or(Retention { follows_schedule: None, purge: None, efficiency: None }, |fields| {
            read_retention(problems, fields)
        });
    let grace = retention.purge.as_ref().map_or(PURGE_GRACE_DEFAULT, |purge| purge.value);
    let (times, schedule) = read_schedules(problems, &mut root, grace);
    let storage =
        required_section(problems, &mut root, "storage").and_then(|fields| read_storage(problems, fields));
    let verification =
        section(problems, &mut root, "verification").map(|fields| read_verification(problems, fields));
    let recovery = section(problems, &mut root, "recovery").map(|fields| read_recovery(problems, fields));
    let compliance =
        section(problems, &mut root, "compliance").map(|fields| read_compliance(problems, fields));
    let review = section(problems, &mut root, "review").map(|fields| read_review(problems, fields));
    root.finish(problems);
    Some(Policy {
        header: header?,
        contact: contact?,
        purpose,
        scope,
        roles,
        zone: times.zone,
        assume: times.assume,
        schedule,
        storage: storage?,
        verification: verification.unwrap_or_default(),
        recovery: recovery.unwrap_or_default(),
        retention,
        compliance: compliance.unwrap_or_default(),
        review: review.unwrap_or_default(),
    })
}

fn read_header(problems: &mut Problems<'_>, fields: &mut Fields<'_, '_>) -> Option<Header> {
    let company = filled_text(problems, fields, "company");
    let (effective, updated) = (date(problems, fields, "effective"), date(problems, fields, "updated"));
    let version = fields.whole(problems, "version");
    if let Some(version) = version.as_ref().filter(|version| version.value == 0) {
        problems.error("bad-value", &version.span.range(), "versions count from 1");
    }
    Some(Header {
        company: company?,
        effective: effective?,
        updated: updated?,
        version: version.map_or(1, |version| version.value),
    })
}

fn read_contact(problems: &mut Problems<'_>, fields: &mut Fields<'_, '_>) -> Option<Contact> {
    let company_number = fields.text(problems, "company_number").map(|number| number.value);
    let address = words(problems, fields, "address");
    let email = filled_text(problems, fields, "email");
    let phone = fields.text(problems, "phone").map(|phone| phone.value);
    Some(Contact { company_number, address, email: email?, phone })
}

fn read_schedules(
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
    let offsite = fields.flag(problems, "offsite").is_some_and(|flag| flag.value);
    let assume = assume(problems, fields);
    Some(Schedule { incremental: incremental?, full, retention: retention?, offsite, assume })
}

/// One number of days, or `{ min_days, max_days, grace }`.
fn retention_days(
    problems: &mut Problems<'_>,
    fields: &mut Fields<'_, '_>,
    grace: Duration,
) -> Option<RetentionRule> {
    let value = fields.value("retention");
    let value = fields.require(problems, "retention", value)?;
    let span = value.span();
    let (min_days, max_days, grace) = match value.get_ref() {
        DeValue::Table(table) => {
            let key = fields.key_span("retention").unwrap_or_else(|| span.clone());
            let mut days = Fields::new(table, "retention", key);
            let (min, max) = (days.whole(problems, "min_days"), days.whole(problems, "max_days"));
            let min = days.require(problems, "min_days", min);
            let max = days.require(problems, "max_days", max);
            let own_grace = duration(problems, &mut days, "grace");
            days.finish(problems);
            (min?.value, max?.value, own_grace.map_or(grace, |own| own.value))
        }
        _ => {
            let days = as_whole(problems, "retention", value)?.value;
            (days, days, grace)
        }
    };
    const DAYS_MAX: u32 = 100 * 366;
    if min_days == 0 || min_days > max_days || max_days > DAYS_MAX {
        problems
            .error("bad-value", &span, "retention needs at least one day, a minimum no larger than the maximum, and at most a century")
            .hint("write retention = 30, or { min_days = 30, max_days = 60 }");
        return None;
    }
    Some(RetentionRule { min_days, max_days, grace })
}

fn read_storage(problems: &mut Problems<'_>, mut fields: Fields<'_, '_>) -> Option<Storage> {
    let transit = switch(problems, &mut fields, "transit", "encrypted");
    let at_rest = sub_rule(problems, &mut fields, "at_rest", |problems, fields| {
        let cipher = filled_text(problems, fields, "cipher")?;
        Some(cipher)
    });
    if let Some(rule) = &at_rest
        && rule.value != "AES-256"
    {
        problems
            .error(
                "bad-value",
                &rule.span.range(),
                "repositories are sealed with AES-256 and Poly1305, and with nothing else",
            )
            .hint("write cipher = \"AES-256\"");
    }
    let copies = sub_rule(problems, &mut fields, "copies", |problems, fields| {
        let locations = fields.whole(problems, "locations_min");
        let locations = fields.require(problems, "locations_min", locations);
        if let Some(locations) = locations.as_ref().filter(|locations| locations.value == 0) {
            problems.error("bad-value", &locations.span.range(), "at least one location is needed");
        }
        let distance = fields.whole(problems, "distance_km_min").map_or(0, |distance| distance.value);
        Some(Copies { locations_min: locations?.value, distance_km_min: distance })
    });
    let copies = fields.require(problems, "copies", copies);
    let access = switch(problems, &mut fields, "access", "by_role");
    let logging = switch(problems, &mut fields, "logging", "required");
    let second_factor = switch(problems, &mut fields, "second_factor", "required");
    fields.finish(problems);
    Some(Storage { transit, at_rest, copies: copies?, access, logging, second_factor })
}

fn read_verification(problems: &mut Problems<'_>, mut fields: Fields<'_, '_>) -> Verification {
    let exercise = |problems: &mut Problems<'_>, fields: &mut Fields<'_, '_>| {
        let every = cadence(problems, fields, "every");
        let every = fields.require(problems, "every", every);
        let sample = fields.whole(problems, "sample").map(|sample| sample.value);
        let classes = classes(problems, fields, "classes");
        Some(Exercise { every: every?, sample, classes })
    };
    let verification = Verification {
        integrity: switch(problems, &mut fields, "integrity", "after_every_backup"),
        websites: sub_rule(problems, &mut fields, "websites", exercise),
        whmcs: sub_rule(problems, &mut fields, "whmcs", exercise),
        drill: sub_rule(problems, &mut fields, "drill", exercise),
    };
    fields.finish(problems);
    verification
}

fn read_recovery(problems: &mut Problems<'_>, mut fields: Fields<'_, '_>) -> Recovery {
    let order = sub_rule(problems, &mut fields, "order", |problems, fields| {
        Some(classes(problems, fields, "classes"))
    });
    if let Some(rule) = &order {
        let mut seen = rule.value.clone();
        seen.sort();
        seen.dedup();
        if seen.len() != Class::ALL.len() || rule.value.len() != seen.len() {
            problems.error("bad-value", &rule.span.range(), "the order names each of the four classes once");
        }
    }
    let objective = |problems: &mut Problems<'_>, fields: &mut Fields<'_, '_>| {
        let objective = duration(problems, fields, "objective");
        Some(fields.require(problems, "objective", objective)?.value)
    };
    let rto = sub_rule(problems, &mut fields, "rto", objective);
    let rpo = by_class(problems, &mut fields, "rpo", |problems, fields| {
        let age = objective(problems, fields);
        let datasets = datasets(problems, fields, "datasets");
        Some(PointObjective { age: age?, datasets })
    });
    fields.finish(problems);
    Recovery { order, rto, rpo }
}

fn read_retention(problems: &mut Problems<'_>, mut fields: Fields<'_, '_>) -> Retention {
    let retention = Retention {
        follows_schedule: switch(problems, &mut fields, "schedule", "followed"),
        purge: sub_rule(problems, &mut fields, "purge", |problems, fields| {
            let grace = duration(problems, fields, "grace");
            Some(fields.require(problems, "grace", grace)?.value)
        }),
        efficiency: switch(problems, &mut fields, "efficiency", "reported"),
    };
    fields.finish(problems);
    retention
}

fn read_compliance(problems: &mut Problems<'_>, mut fields: Fields<'_, '_>) -> Compliance {
    let compliance = Compliance {
        regulations: sub_rule(problems, &mut fields, "regulations", |problems, fields| {
            Some(words(problems, fields, "names"))
        }),
        encryption: switch(problems, &mut fields, "encryption", "required"),
        access_log: switch(problems, &mut fields, "access_log", "required"),
        separate_server: switch(problems, &mut fields, "separate_server", "required"),
    };
    fields.finish(problems);
    compliance
}

fn read_review(problems: &mut Problems<'_>, mut fields: Fields<'_, '_>) -> Review {
    let review = Review {
        interval_months: sub_rule(problems, &mut fields, "interval", |problems, fields| {
            let months = fields.whole(problems, "months");
            let months = fields.require(problems, "months", months)?;
            if !(1..=120).contains(&months.value) {
                problems.error(
                    "bad-value",
                    &months.span.range(),
                    "the interval lies between 1 and 120 months",
                );
            }
            Some(months.value)
        }),
        changes: sub_rule(problems, &mut fields, "changes", |problems, fields| {
            Some(words(problems, fields, "kinds"))
        }),
    };
    fields.finish(problems);
    review
}
