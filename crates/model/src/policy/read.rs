//! policy.toml into types, section by section.

use std::time::Duration;

use toml::de::DeTable;

use super::rule::{
    by_class, cadence, choice, classes, datasets, date, duration, filled_text, named_rules, required_section,
    rule, section, sub_rule, switch, words,
};
use super::schedule::read_schedules;
use super::{
    Compliance, Contact, Copies, Exercise, ExternalSystem, Header, Neutralised, Origin, PointObjective,
    Policy, Recovery, Retention, Review, SecondFactor, SeparateServer, Staging, Storage, TimeObjective,
    Verification,
};
use crate::Class;
use crate::diagnostic::{Checked, Problems};
use crate::reading::{Fields, parse};

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
        .map_or_else(Retention::default, |fields| read_retention(problems, fields));
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
    let policy = Policy {
        header: header?,
        contact: contact?,
        purpose,
        scope,
        roles,
        zone: times.zone,
        assume: times.assume,
        limits: times.limits,
        schedule,
        storage: storage?,
        verification: verification.unwrap_or_default(),
        recovery: recovery.unwrap_or_default(),
        retention,
        compliance: compliance.unwrap_or_default(),
        review: review.unwrap_or_default(),
    };
    no_contradictions(problems, &policy);
    Some(policy)
}

/// General and specific rules are both promises. Where one keeps longer than the other allows, no age keeps both.
fn no_contradictions(problems: &mut Problems<'_>, policy: &Policy) {
    for ((class, dataset), rule) in &policy.schedule {
        let Some(merged) = dataset.and_then(|dataset| policy.effective(*class, dataset)) else { continue };
        let (min, max) = (&merged.days_min, &merged.days_max);
        if min.value > max.value {
            let keys = |origins: &[Origin]| origins.first().map(|o| o.key.clone()).unwrap_or_default();
            problems
                .error(
                    "contradiction",
                    &rule.span.range(),
                    format!(
                        "{} keeps points for {} days, and {} destroys them after {}",
                        keys(&min.origins),
                        min.value,
                        keys(&max.origins),
                        max.value
                    ),
                )
                .hint("of general and specific rules the strictest wins: make the two ranges overlap");
        }
    }
}

fn read_header(problems: &mut Problems<'_>, fields: &mut Fields<'_, '_>) -> Option<Header> {
    let company = filled_text(problems, fields, "company");
    let (effective, updated) = (date(problems, fields, "effective"), date(problems, fields, "updated"));
    let approved_by = fields.text(problems, "approved_by").map(|name| name.value);
    let version = fields.whole(problems, "version");
    if let Some(version) = version.as_ref().filter(|version| version.value == 0) {
        problems.error("bad-value", &version.span.range(), "versions count from 1");
    }
    let (effective, updated) = (effective?, updated?);
    Some(Header {
        company: company?,
        effective: effective.value,
        updated: updated.value,
        version: version.map_or(1, |version| version.value),
        approved_by: approved_by.filter(|name| !name.trim().is_empty()),
        dates_written: vec![effective.written, updated.written],
    })
}

fn read_contact(problems: &mut Problems<'_>, fields: &mut Fields<'_, '_>) -> Option<Contact> {
    let company_number = fields.text(problems, "company_number").map(|number| number.value);
    let address = words(problems, fields, "address");
    let email = filled_text(problems, fields, "email");
    let phone = fields.text(problems, "phone").map(|phone| phone.value);
    Some(Contact { company_number, address, email: email?, phone })
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
        let outside = fields.whole(problems, "outside_production_min").map(|outside| outside.value);
        Some(Copies {
            locations_min: locations?.value,
            distance_km_min: distance,
            outside_production_min: outside,
        })
    });
    let copies = fields.require(problems, "copies", copies);
    let access = switch(problems, &mut fields, "access", "by_role");
    let logging = switch(problems, &mut fields, "logging", "required");
    let second_factor = sub_rule(problems, &mut fields, "second_factor", |problems, fields| {
        let required = fields.flag(problems, "required");
        let required = fields.require(problems, "required", required);
        let systems = fields.tables(problems, "systems").into_iter().map(|(name, mut fields)| {
            let available = fields.flag(problems, "available").is_some_and(|flag| flag.value);
            let enabled = fields.flag(problems, "enabled").is_some_and(|flag| flag.value);
            let evidence = fields.text(problems, "evidence").map(|text| text.value);
            fields.finish(problems);
            (name.value, ExternalSystem { is_available: available, is_enabled: enabled, evidence })
        });
        let systems = systems.collect();
        Some(SecondFactor { is_required: required?.value, systems })
    });
    fields.finish(problems);
    Some(Storage { transit, at_rest, copies: copies?, access, logging, second_factor })
}

fn read_verification(problems: &mut Problems<'_>, mut fields: Fields<'_, '_>) -> Verification {
    let exercise = |problems: &mut Problems<'_>, fields: &mut Fields<'_, '_>| {
        let every = cadence(problems, fields, "every");
        let every = fields.require(problems, "every", every);
        let sample = fields.whole(problems, "sample").map(|sample| sample.value);
        let classes = classes(problems, fields, "classes");
        let untested_max = duration(problems, fields, "untested_max").map(|longest| longest.value);
        let names = Neutralised::ALL.map(Neutralised::as_str);
        let texts = fields.texts(problems, "neutralised");
        let parse = |text: &str| Neutralised::ALL.into_iter().find(|what| what.as_str() == text);
        let neutralised = texts.iter().filter_map(|text| choice(problems, text, &names, parse)).collect();
        Some(Exercise { every: every?, sample, classes, untested_max, neutralised })
    };
    let verification = Verification {
        integrity: switch(problems, &mut fields, "integrity", "after_every_backup"),
        websites: sub_rule(problems, &mut fields, "websites", exercise),
        whmcs: sub_rule(problems, &mut fields, "whmcs", exercise),
        drill: sub_rule(problems, &mut fields, "drill", exercise),
        staging: sub_rule(problems, &mut fields, "staging", |problems, fields| {
            let mut flag = |key| fields.flag(problems, key).is_some_and(|flag| flag.value);
            let (is_encrypted, is_logged, is_excluded) =
                (flag("encrypted"), flag("logged"), flag("excluded_from_backups"));
            let ttl = duration(problems, fields, "ttl");
            let ttl = fields.require(problems, "ttl", ttl)?.value;
            Some(Staging { is_encrypted, is_logged, is_excluded, ttl })
        }),
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
    let rto = sub_rule(problems, &mut fields, "rto", |problems, fields| {
        let within = objective(problems, fields);
        let classes = classes(problems, fields, "classes");
        Some(TimeObjective { within: within?, classes })
    });
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
        holds: sub_rule(problems, &mut fields, "holds", |problems, fields| {
            let review = duration(problems, fields, "review");
            Some(fields.require(problems, "review", review)?.value)
        }),
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
        separate_server: sub_rule(problems, &mut fields, "separate_server", |problems, fields| {
            let required = fields.flag(problems, "required");
            let required = fields.require(problems, "required", required);
            let identity = fields.text(problems, "identity");
            let is_physical = identity.is_some_and(|text| {
                choice(problems, &text, &["physical"], |t| (t == "physical").then_some(())).is_some()
            });
            Some(SeparateServer { is_required: required?.value, is_physical })
        }),
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
