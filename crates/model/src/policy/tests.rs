//! The templates, and each finding with the exact bytes that it points at.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::{SENTENCES, Severity, compare, read_estate, template};

fn findings(text: &str) -> Vec<(String, Severity, String)> {
    let checked = read_policy("policy.toml", text);
    assert_eq!(checked.value.is_none(), checked.errors().count() > 0, "{:?}", checked.diagnostics);
    let found = checked.diagnostics.into_iter();
    found.map(|found| (found.code, found.severity, text[found.span].to_owned())).collect()
}

fn example() -> Policy {
    read_policy("policy.toml", &template::policy_example()).value.unwrap()
}

fn one_error(old: &str, new: &str) -> (String, String) {
    let text = template::policy_example();
    assert!(text.contains(old), "{old}");
    let errors: Vec<_> = findings(&text.replacen(old, new, 1))
        .into_iter()
        .filter(|(_, severity, _)| *severity == Severity::Error)
        .collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    let (code, _, at) = errors.into_iter().next().unwrap();
    (code.strip_prefix("policy.").unwrap().to_owned(), at)
}

fn is(code: &str, at: &str) -> (String, String) {
    (code.to_owned(), at.to_owned())
}

#[test]
fn the_example_is_the_customers_policy_and_has_no_findings() {
    assert_eq!(findings(&template::policy_example()), []);
    let policy = example();
    assert_eq!(policy.header.value.effective.to_string(), "2025-08-27");
    assert_eq!(policy.contact.value.email, "support@aceintlmedia.com");
    let of = |class, dataset| policy.schedule_of(class, dataset).unwrap().value.clone();
    let days = |class, dataset| {
        let retention = of(class, dataset).retention;
        (retention.min_days, retention.max_days)
    };
    assert_eq!(days(Class::Vm, Dataset::Disks), (30, 90));
    assert_eq!(days(Class::Plesk, Dataset::Mail), (30, 30));
    assert_eq!(days(Class::Whmcs, Dataset::Database), (90, 90));
    assert_eq!(days(Class::Whmcs, Dataset::Files), (30, 30));
    assert_eq!(days(Class::Website, Dataset::Site), (30, 60));
    assert_eq!(of(Class::Whmcs, Dataset::Database).incremental, Cadence::Hourly);
    assert_eq!(of(Class::Website, Dataset::Site).full, Some(Cadence::Monthly));
    assert_eq!(of(Class::Website, Dataset::Site).retention.grace, Duration::from_secs(48 * 3600));
    assert_eq!(policy.storage.copies.value.locations_min, 2);
    assert_eq!(policy.recovery.rto.unwrap().value.within, Duration::from_secs(4 * 3600));
    assert_eq!(policy.recovery.rpo[&Class::Whmcs].value.age, Duration::from_secs(3600));
    assert_eq!(policy.recovery.order.unwrap().value, Class::ALL);
    assert_eq!(policy.review.interval_months.unwrap().value, 6);
}

#[test]
fn the_template_is_the_example_with_placeholders_that_are_told() {
    let text = template::policy();
    let placeholders = findings(text);
    assert_eq!(
        placeholders,
        [
            ("policy.placeholder".to_owned(), Severity::Warning, "\"<your company>\"".to_owned()),
            (
                "policy.placeholder".to_owned(),
                Severity::Warning,
                "\"<support@your-company.example>\"".to_owned()
            ),
        ]
    );
    assert!(!text.contains("Ace Intl"));
    let (ours, theirs) = (read_policy("p", text).value.unwrap(), example());
    assert_eq!(ours.storage.copies.value, theirs.storage.copies.value);
    assert_eq!(ours.schedule.len(), theirs.schedule.len());
}

#[test]
fn every_sentence_has_a_rule_in_the_template() {
    let text = template::policy();
    let named: BTreeSet<String> = SENTENCES
        .iter()
        .map(|sentence| sentence.id.to_string())
        .filter(|id| text.contains(&format!("\"{id}\"")))
        .collect();
    let all: BTreeSet<String> = SENTENCES.iter().map(|sentence| sentence.id.to_string()).collect();
    assert_eq!(named, all);
}

#[test]
fn the_estate_template_is_valid_as_it_is_and_with_its_remarks_taken_away() {
    let text = template::estate();
    assert_eq!(read_estate("estate.toml", text).diagnostics, []);
    let active: String = text
        .lines()
        .filter_map(|line| line.strip_prefix("# ").or((line == "#").then_some("")))
        .filter(|line| line.starts_with('[') || line.contains(" = "))
        .map(|line| format!("{line}\n"))
        .collect();
    let sites = "[sites.manchester]\n[sites.frankfurt]\n[sites.office]\n";
    let text = format!("{active}{sites}");
    let checked = read_estate("estate.toml", &text);
    assert_eq!(checked.diagnostics, [], "{text}");
    let estate = checked.value.unwrap();
    assert_eq!((estate.locations.len(), estate.assets.len()), (3, 2));
    assert_eq!(compare(&example(), &estate, "estate.toml", &text), []);
}

#[test]
fn dates_are_british_and_strict() {
    let text = template::policy_example().replace("effective = \"27/08/2025\"", "effective = \"03/04/2026\"");
    let policy = read_policy("policy.toml", &text).value.unwrap();
    assert_eq!(policy.header.value.effective.to_string(), "2026-04-03");
    assert_eq!(
        one_error("effective = \"27/08/2025\"", "effective = \"08/27/2025\""),
        is("bad-value", "\"08/27/2025\"")
    );
}

#[test]
fn retention_is_one_number_or_a_range() {
    let website = "retention = { min_days = 30, max_days = 60 }";
    for (new, code, at) in [
        ("retention = { min_days = 60, max_days = 30 }", "bad-value", "{ min_days = 60, max_days = 30 }"),
        ("retention = 0", "bad-value", "0"),
        ("retention = -1", "bad-value", "-1"),
        ("retention = \"30 days\"", "wrong-type", "\"30 days\""),
        ("retention = { min_days = 30 }", "missing-key", "retention"),
        ("retention = { min_days = 30, max_days = 60, max = 1 }", "unknown-key", "max"),
        ("retention = { min_days = 30, max_days = 60, grace = \"2 days\" }", "bad-value", "\"2 days\""),
        ("retention = 4000000", "bad-value", "4000000"),
        ("", "missing-key", "website"),
    ] {
        assert_eq!(one_error(website, new), is(code, at), "{new}");
    }
    let text = template::policy_example()
        .replace(website, "retention = { min_days = 30, max_days = 60, grace = \"6h\" }");
    let policy = read_policy("policy.toml", &text).value.unwrap();
    let grace = policy.schedule_of(Class::Website, Dataset::Site).unwrap().value.retention.grace;
    assert_eq!(grace, Duration::from_secs(6 * 3600));
}

#[test]
fn rules_say_where_they_come_from() {
    assert_eq!(one_error("sentence = \"4.5\"\n", ""), is("missing-key", "website"));
    assert_eq!(one_error("sentence = \"4.5\"\n", "sentence = \"4.9\"\n"), is("unknown-sentence", "\"4.9\""));
    assert_eq!(example().header.sentences_shown(), "0.1, 0.2");
}

#[test]
fn mistakes_are_placed_exactly() {
    for (old, new, code, at) in [
        ("full = \"monthly\"", "full = \"montly\"", "bad-value", "\"montly\""),
        ("full = \"monthly\"", "full = \"hourly\"", "bad-value", "full"),
        ("full = \"monthly\"", "fulll = \"monthly\"", "unknown-key", "fulll"),
        ("cipher = \"AES-256\"", "cipher = \"AES-128\"", "bad-value", "at_rest"),
        ("locations_min = 2", "locations_min = 0", "bad-value", "0"),
        ("objective = \"4h\"", "objective = \"4 hours\"", "bad-value", "\"4 hours\""),
        ("months = 6", "months = 0", "bad-value", "0"),
        ("classes = [\"vm\", \"plesk\", \"whmcs\", \"website\"]", "classes = [\"vm\"]", "bad-value", "order"),
        ("[scope]\nvm =", "[scope]\nvms =", "unknown-key", "vms"),
        ("company = \"Ace Intl Media Ltd\"", "company = \"\"", "bad-value", "\"\""),
        ("[schedule.whmcs.files]", "[schedule.whmcs.fils]", "unknown-key", "fils"),
        ("\"Europe/London\"", "\"Europe/Lundon\"", "bad-value", "\"Europe/Lundon\""),
        ("assume = { capture = \"10m\", ", "assume = { ", "missing-key", "assume"),
        ("full = \"monthly\"", "window = \"1-5\"\nfull = \"monthly\"", "bad-value", "\"1-5\""),
        ("zone = \"Europe/London\"", "zone = \"UTC\"\nlimits = { runs = 0 }", "bad-value", "0"),
        ("objective = \"1h\"", "objective = \"1h\", datasets = [\"databse\"]", "bad-value", "\"databse\""),
        ("max_days = 60 }", "max_days = 60, choose = \"min\" }", "bad-value", "\"min\""),
        ("required = true }", "required = true, identity = \"name\" }", "unknown-key", "identity"),
    ] {
        assert_eq!(one_error(old, new), is(code, at), "{new}");
    }
}

#[test]
fn sections_that_nothing_can_do_without_are_required_and_the_others_missed() {
    let codes = |text: &str| -> BTreeSet<String> {
        findings(text).into_iter().map(|(code, severity, _)| format!("{severity:?} {code}")).collect()
    };
    assert_eq!(
        codes(""),
        BTreeSet::from(["Error policy.missing-key".to_owned(), "Warning policy.section-missing".to_owned()])
    );
    let errors = read_policy("policy.toml", "");
    assert_eq!(errors.errors().count(), 4);
}

#[test]
fn an_estate_that_cannot_keep_the_policy_is_told() {
    let policy = example();
    let codes = |text: &str| -> Vec<String> {
        let estate = read_estate("estate.toml", text).value.unwrap();
        compare(&policy, &estate, "estate.toml", text).into_iter().map(|found| found.code).collect()
    };
    let location = |name: &str, site: &str| {
        format!("[locations.{name}]\nsite = \"{site}\"\nhost = \"{name}\"\nurl = \"/srv/{name}\"\n")
    };
    let empty = "[sites.a]\n[sites.b]\n[hosts.web1]\nsite = \"a\"\nconnect = \"local\"\n";
    assert_eq!(codes(empty), ["agreement.too-few-locations", "agreement.host-without-assets"]);
    let shop = "[assets.shop]\nclass = \"website\"\nhost = \"web1\"\npath = \"/var/www/shop\"\n";
    let production = format!("{empty}{shop}");
    assert_eq!(codes(""), ["agreement.too-few-locations"]);
    let one = format!("{production}{}", location("x", "b"));
    assert_eq!(codes(&one), ["agreement.too-few-locations"]);
    let same_site = format!("{one}{}", location("y", "b"));
    assert_eq!(codes(&same_site), ["agreement.too-few-sites"]);
    let at_home = format!("{production}{}{}", location("x", "a"), location("y", "a"));
    assert_eq!(codes(&at_home), ["agreement.too-few-sites", "agreement.no-copy-elsewhere"]);
    assert!(codes(&format!("{one}{}", location("y", "a"))).is_empty());
}
