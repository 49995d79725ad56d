//! Asking the policy, through the command line.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::fs;

use support::{ASSET, Customer};

fn rewrite(customer: &Customer, old: &str, new: &str) {
    let path = customer.path("etc/policy.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "{old}");
    fs::write(&path, text.replace(old, new)).unwrap();
}

#[test]
fn show_names_the_sentence_behind_each_value() {
    let customer = Customer::new();
    let shown = customer.run(0, &["policy", "show", ASSET]);
    assert!(shown.contains("shop.example: website: site"), "{shown}");
    assert!(shown.contains("every 12h: 12h + capture 10m + copy 10m = 12h 20m ≤ 1d"), "{shown}");
    let json = customer.json(0, &["policy", "show", ASSET]);
    let rows = json[0]["rows"].as_array().unwrap();
    let encryption = rows.iter().find(|row| row["name"] == "encryption").unwrap();
    assert_eq!(encryption["rules"][0]["key"], "storage.at_rest");
    assert_eq!(encryption["sentences"][0]["id"], "5.2");
    let line = encryption["rules"][0]["line"].as_u64().unwrap() as usize;
    let text = fs::read_to_string(customer.path("etc/policy.toml")).unwrap();
    assert!(text.lines().nth(line - 1).unwrap().starts_with("at_rest"));
    let unknown = customer.run(2, &["policy", "show", "nothing.example"]);
    assert!(unknown.contains("there is no asset"), "{unknown}");
    assert_eq!(
        customer.json(0, &["policy", "show"]).as_array().unwrap().len(),
        9,
        "every dataset of every class"
    );
}

#[test]
fn lint_ends_with_one_on_findings_and_with_two_on_errors() {
    let customer = Customer::new();
    let findings = customer.json(1, &["policy", "lint"]);
    let rules: BTreeSet<&str> =
        findings.as_array().unwrap().iter().map(|f| f["rule"].as_str().unwrap()).collect();
    assert!(rules.contains("Q1") && rules.contains("Q17"), "{rules:?}");
    let text = customer.run(1, &["policy", "lint", "--rule", "q1"]);
    assert!(text.contains("1h + capture 10m + copy 10m = 1h 20m > 1h") && !text.contains("Q17"), "{text}");
    let validated = customer.json(1, &["validate"]);
    let codes: BTreeSet<&str> =
        validated.as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap()).collect();
    assert!(codes.contains("lint.Q1"), "{codes:?}");
    rewrite(&customer, "objective = \"1h\"", "objective = \"2h\", datasets = [\"database\"]");
    customer.run(0, &["policy", "lint", "--rule", "Q1"]);
    rewrite(&customer, "objective = \"2h\"", "objective = \"2 hours\"");
    let broken = customer.run(2, &["policy", "lint"]);
    assert!(broken.contains("policy.bad-value"), "{broken}");
}

#[test]
fn coverage_counts_sentences_and_misses_the_one_without_a_rule() {
    let customer = Customer::new();
    assert_eq!(customer.json(0, &["policy", "coverage"]).as_array().unwrap().len(), 42);
    let text = customer.run(0, &["policy", "coverage"]);
    assert!(text.contains("42 sentences, 0 uncovered") && !text.contains("PASS"), "{text}");
    rewrite(&customer, "rpo.website = { sentence = \"7.4\", objective = \"24h\" }\n", "");
    let text = customer.run(1, &["policy", "coverage"]);
    assert!(text.contains("7.4   UNCOVERED") && text.contains("1 uncovered"), "{text}");
}

#[test]
fn render_writes_what_the_rules_say_today() {
    let customer = Customer::new();
    let text = customer.run(0, &["policy", "render"]);
    assert!(text.starts_with("# Backup policy") && text.contains("Within 4 hours"), "{text}");
    rewrite(&customer, "objective = \"4h\"", "objective = \"5h\"");
    let html = customer.run(0, &["policy", "render", "--html"]);
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains("Within 5 hours"), "{html}");
    assert_eq!(customer.json(0, &["policy", "render"])["form"], "markdown");
}

#[test]
fn simulate_ends_with_one_when_an_outage_breaks_an_objective_and_draws_it() {
    let customer = Customer::new();
    let base = ["policy", "simulate", "--assets", "3", "--start", "2027-10-01", "--failures", "0"];
    let quiet = customer.json(0, &base);
    assert!(quiet["fleets"].as_array().unwrap().iter().all(|fleet| fleet["missed"] == 0), "{quiet}");
    assert_eq!(quiet["calendar"].as_array().unwrap().len(), 3, "two changes of the clocks and a leap day");
    let out = customer.path("out");
    let outage = [&base[..], &["--outage", "2028-01-10+5d", "--out", out.to_str().unwrap()]].concat();
    let text = customer.run(1, &outage);
    assert!(text.contains("broke it") && text.contains("2028-02-29 (leap day)"), "{text}");
    for plot in ["age.svg", "stored.svg", "sent.svg"] {
        let svg = fs::read_to_string(out.join(plot)).unwrap();
        assert!(
            svg.starts_with("<svg") && svg.contains("polyline") && svg.trim_end().ends_with("</svg>"),
            "{plot}"
        );
    }
    let numbers: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("simulation.json")).unwrap()).unwrap();
    assert_eq!(numbers["days"].as_array().unwrap().len(), 367);
    customer.run(2, &["policy", "simulate", "--years", "0"]);
    customer.run(2, &["policy", "simulate", "--outage", "tomorrow"]);
}

#[test]
fn history_tells_the_recorded_versions_and_what_each_changed_and_review_is_counted() {
    let customer = Customer::new();
    let none = customer.json(1, &["policy", "history"]);
    assert!(none["versions"].as_array().unwrap().is_empty() && none["unrecorded"].is_array(), "{none}");
    customer.approve();
    customer.holdfast(&["serve", "--once"]);
    let first = customer.json(0, &["policy", "history"]);
    assert_eq!(first["versions"][0]["number"], 1, "{first}");
    assert_eq!(first["versions"][0]["in_force"], true, "{first}");

    // The overdue review of the policy as written, until one is recorded; a changed date is none.
    customer.run(1, &["policy", "lint", "--rule", "Q17"]);
    let nobody = customer.run(2, &["policy", "review", "--by", " "]);
    assert!(nobody.contains("name of who reviewed"), "{nobody}");
    let review = customer.json(0, &["policy", "review", "--by", "A. Nwosu", "--note", "nothing to change"]);
    assert_eq!(review["policy_version"], 1, "{review}");
    assert_eq!(review["policy_sha256"], first["versions"][0]["sha256"]);
    customer.run(0, &["policy", "lint", "--rule", "Q17"]);
    let validated = customer.json(1, &["validate"]);
    assert!(!validated.to_string().contains("lint.Q17"), "{validated}");

    rewrite(&customer, "version = 1", "version = 2");
    rewrite(&customer, "effective = \"27/08/2025\"", "effective = \"28/08/2025\"");
    rewrite(
        &customer,
        "retention = { min_days = 30, max_days = 60 }",
        "retention = { min_days = 30, max_days = 61 }",
    );
    let edited = customer.run(1, &["policy", "history"]);
    assert!(edited.contains("schedule.website.retention.max_days: 60 -> 61"), "{edited}");
    assert!(edited.contains("NOT RECORDED: policy.toml differs: 1 key"), "{edited}");
    customer.holdfast(&["serve", "--once"]);
    let second = customer.json(0, &["policy", "history"]);
    assert_eq!(second["versions"][0]["sha256"], first["versions"][0]["sha256"]);
    assert_eq!(second["versions"][1]["changes"].as_array().unwrap().len(), 1, "{second}");
    assert_eq!(
        (&second["versions"][0]["in_force"], &second["versions"][1]["in_force"]),
        (&false.into(), &true.into())
    );
    let shown = customer.run(0, &["policy", "history"]);
    assert!(shown.contains("by A. Nwosu (number 1): nothing to change"), "{shown}");
    // Whatever became of the file.
    fs::remove_file(customer.path("etc/policy.toml")).unwrap();
    assert!(customer.run(0, &["policy", "history"]).contains("D. Okafor"));
}
