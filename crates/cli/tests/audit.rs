//! The audit log against whoever has this machine: the database, and even the log's key. What lies elsewhere tells.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

#[path = "support/forger.rs"]
mod forger;
mod support;

use std::fs;

use forger::Forger;
use holdfast_audit_verify::{Key, read, verify};
use holdfast_ledger::{AlarmKind, Reader};
use holdfast_world::{Clock, SystemClock};
use jiff::Timestamp;
use serde_json::Value;
use support::{ASSET, Customer, code, objects, text, walk};

const LOG: &str = "holdfast-log";

/// Reviews after a backup, so that a forger has something to forge, and a signed head over them at both locations.
fn customer() -> Customer {
    let customer = Customer::with_a_point();
    for reviewer in ["A. Adams", "B. Brown", "C. Clark", "D. Davis"] {
        customer.run(0, &["policy", "review", "--by", reviewer]);
    }
    customer.run(0, &["audit", "checkpoint"]);
    customer
}

fn kinds(report: &Value) -> Vec<&str> {
    report["findings"].as_array().unwrap().iter().map(|finding| finding["kind"].as_str().unwrap()).collect()
}

/// What the stand-alone verifier says of an export, with the signed heads that lie at a location.
fn judged(customer: &Customer, key: &str, location: &str) -> (u8, Vec<&'static str>) {
    let file = customer.path(&format!("export-{}", fs::read_dir(customer.folder.path()).unwrap().count()));
    customer.run(0, &["audit", "export", "--out", file.to_str().unwrap()]);
    let export = read(fs::read(&file).unwrap().as_slice()).unwrap();
    let notes: Vec<(String, String)> = objects(&customer.path(location).join(LOG), "snapshots")
        .into_iter()
        .map(|file| (file.display().to_string(), fs::read_to_string(file).unwrap()))
        .collect();
    let verdict = verify(&export, &Key::parse(key).unwrap(), &notes);
    (verdict.code(), verdict.findings.iter().map(|finding| finding.kind).collect())
}

fn key(customer: &Customer) -> String {
    let listed = customer.run(0, &["key", "list"]);
    let line = listed.lines().find_map(|line| line.strip_prefix("The audit log is signed by "));
    line.unwrap_or_else(|| panic!("{listed}")).to_owned()
}

#[test]
fn an_honest_log_is_consistent_everywhere() {
    let customer = customer();
    let report = customer.json(0, &["audit", "verify", "--against-all"]);
    assert_eq!(report["verdict"], "consistent", "{report}");
    assert_eq!(report["places"].as_array().unwrap().len(), 3, "{report}");
    for place in report["places"].as_array().unwrap() {
        // One with the first backup of the day, one by the command.
        assert_eq!(place["checkpoints"], 2, "{report}");
    }
    let shown = customer.run(0, &["audit", "verify"]);
    assert!(shown.contains("--against LOCATION"), "{shown}");
    let key = key(&customer);
    assert_eq!(judged(&customer, &key, "there"), (0, Vec::new()));
    // The folder is ours to the audit of storage, and what else lies in it is not.
    customer.run(0, &["purge", "--audit"]);
    fs::write(customer.path("there").join(LOG).join("stray"), "x").unwrap();
    let found = customer.run(1, &["purge", "--audit"]);
    assert!(found.contains("stray"), "{found}");
}

/// Each of them makes leaves, tables and hashes agree with each other, and drops the signed heads that lie here.
const FORGERIES: [(&str, fn(&mut Forger)); 5] = [
    ("edit", |forger| {
        let leaf = forger.review_of("B. Brown");
        forger.rewrite(leaf, "B. Brown", "N. Obody");
        forger.sql(&format!("UPDATE policy_reviews SET reviewer = 'N. Obody' WHERE leaf = {leaf}"));
    }),
    ("delete", |forger| {
        let leaf = forger.review_of("B. Brown");
        forger.sql(&format!(
            "DELETE FROM leaves WHERE sequence = {leaf}; DELETE FROM policy_reviews WHERE leaf = {leaf}"
        ));
        forger.shift(leaf, -1);
    }),
    ("insert", |forger| {
        let leaf = forger.review_of("B. Brown");
        forger.shift(leaf, 1);
        let new = leaf + 1;
        forger.sql(&format!(
            "INSERT INTO leaves SELECT {new}, kind, happened_at, recorded_at, payload, hash FROM leaves WHERE sequence = {leaf}; \
             INSERT INTO policy_reviews SELECT {new}, reviewer, policy_sha256, policy_version, note, happened_at, recorded_at \
             FROM policy_reviews WHERE leaf = {leaf}"
        ));
    }),
    ("reorder", |forger| {
        let (one, other) = (forger.review_of("B. Brown"), forger.review_of("C. Clark"));
        for (table, column) in [("leaves", "sequence"), ("policy_reviews", "leaf")] {
            forger.sql(&format!(
                "UPDATE {table} SET {column} = 1000000 WHERE {column} = {one}; \
                 UPDATE {table} SET {column} = {one} WHERE {column} = {other}; \
                 UPDATE {table} SET {column} = {other} WHERE {column} = 1000000"
            ));
        }
    }),
    ("truncate", |forger| {
        let leaf = forger.review_of("C. Clark");
        // The lease that was taken for it, too.
        forger.cut(leaf - 1, &["policy_reviews", "leases", "anchors"]);
    }),
];

#[test]
fn whoever_has_the_database_is_found_out_by_what_lies_elsewhere() {
    for (name, forge) in FORGERIES {
        let customer = customer();
        let key = key(&customer);
        let mut forger = Forger::at(&customer.path("state/ledger.db"));
        forge(&mut forger);
        forger.sql("DELETE FROM checkpoints");
        drop(forger);
        // Here nothing is to be seen: the tables follow from the leaves, and no signed head contradicts them.
        let here = customer.json(1, &["audit", "verify"]);
        assert_eq!(
            (&here["verdict"], here["findings"].as_array().unwrap().len()),
            (&"NO_EVIDENCE".into(), 0),
            "{name}: {here}"
        );
        assert!(here["rows"].is_u64(), "{name}: {here}");
        let report = customer.json(4, &["audit", "verify", "--against", "there"]);
        assert_eq!(report["verdict"], "TAMPERED", "{name}: {report}");
        let expected = if name == "truncate" { "truncated" } else { "rewritten" };
        assert!(kinds(&report).contains(&expected), "{name}: {report}");
        let finding =
            report["findings"].as_array().unwrap().iter().find(|f| f["kind"] == expected).unwrap().clone();
        assert!(finding["from"].as_u64().unwrap() < finding["to"].as_u64().unwrap(), "{name}: {finding}");
        let (code, found) = judged(&customer, &key, "there");
        assert_eq!(code, 4, "{name}");
        assert!(found.contains(&expected), "{name}: {found:?}");
    }
}

#[test]
fn whoever_has_the_logs_key_as_well_is_found_out_too() {
    for (name, forge) in FORGERIES {
        let customer = customer();
        let key = key(&customer);
        let before = ["here", "there"].map(|location| walk(&customer.path(location).join(LOG)));
        let mut forger = Forger::at(&customer.path("state/ledger.db"));
        forge(&mut forger);
        forger.sql("DELETE FROM checkpoints");
        drop(forger);
        // Signing the forgery is as easy as asking for it. It goes nowhere.
        let refused = customer.json(4, &["audit", "checkpoint"]);
        assert!(
            refused["locations"].as_array().unwrap().iter().all(|at| at["state"] == "FORK"),
            "{name}: {refused}"
        );
        assert_eq!(
            ["here", "there"].map(|location| walk(&customer.path(location).join(LOG))),
            before,
            "{name}"
        );
        let told = customer.run(1, &["slots"]);
        assert!(
            told.contains("log-forked") || told.contains("rewritten, shortened or replaced"),
            "{name}: {told}"
        );
        // Now everything here agrees, signature included.
        let here = customer.json(0, &["audit", "verify"]);
        assert_eq!(here["verdict"], "consistent", "{name}: {here}");
        let report = customer.json(4, &["audit", "verify", "--against", "there"]);
        assert_eq!(report["verdict"], "TAMPERED", "{name}: {report}");
        assert_eq!(judged(&customer, &key, "there").0, 4, "{name}");
    }
}

#[test]
fn a_log_that_was_taken_back_and_went_on_otherwise_is_a_fork() {
    let customer = Customer::with_a_point();
    customer.run(0, &["policy", "review", "--by", "A. Adams"]);
    let (ledger, old) = (customer.path("state/ledger.db"), customer.path("old.db"));
    fs::copy(&ledger, &old).unwrap();
    customer.run(0, &["policy", "review", "--by", "B. Brown"]);
    customer.run(0, &["audit", "checkpoint"]);
    let key = key(&customer);
    fs::copy(&old, &ledger).unwrap();
    for reviewer in ["X. Other", "Y. Other", "Z. Other"] {
        customer.run(0, &["policy", "review", "--by", reviewer]);
    }
    let report = customer.json(4, &["audit", "verify", "--against", "there"]);
    let finding = &report["findings"][0];
    assert_eq!(finding["kind"], "rewritten", "{report}");
    // What was signed with the first backup still holds, so what differs came after it.
    assert_eq!(finding["from"], report["places"][1]["covers"], "{report}");
    assert!(finding["from"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(judged(&customer, &key, "there").0, 4);
    let told = customer.run(4, &["audit", "checkpoint"]);
    assert!(told.contains("there: FORK"), "{told}");
}

#[test]
fn a_ledger_that_was_lost_is_told_until_somebody_begins_a_new_log_and_that_is_told_as_well() {
    let customer = customer();
    fs::remove_file(customer.path("state/ledger.db")).unwrap();
    let lost = customer.json(4, &["audit", "verify", "--against", "there"]);
    assert_eq!(kinds(&lost), ["truncated"], "{lost}");
    let told = customer.holdfast(&["backup", ASSET]);
    assert_eq!(code(&told), 4, "{}", text(&told));
    let lost = customer.json(4, &["audit", "verify", "--against", "there"]);
    assert!(kinds(&lost).iter().any(|kind| ["truncated", "rewritten"].contains(kind)), "{lost}");
    customer.run(2, &["audit", "restart", "--by", "M. Chen", "--reason", " "]);
    let old = key(&customer);
    customer.run(0, &["audit", "restart", "--by", "M. Chen", "--reason", "the disk died"]);
    assert_ne!(key(&customer), old);
    customer.run(0, &["audit", "checkpoint"]);
    let status = customer.json(1, &["status"]);
    let controls = status["controls"].as_array().unwrap();
    let unchanged = controls.iter().find(|control| control["control"] == "LOG-01").unwrap();
    assert_eq!(unchanged["verdict"], "FAIL", "{unchanged}");
    assert!(unchanged["why"].as_str().unwrap().contains("M. Chen began a new log"), "{unchanged}");
    let anew = customer.json(1, &["audit", "verify", "--against-all"]);
    assert_eq!(
        (&anew["verdict"], &anew["restarts"][0]["by"]),
        (&"consistent".into(), &"M. Chen".into()),
        "{anew}"
    );
    assert_eq!(judged(&customer, &old, "there").0, 4);
}

#[test]
fn no_signed_head_at_a_location_is_no_pass() {
    let customer = Customer::with_a_point();
    let log = customer.path("there").join(LOG);
    customer.run(0, &["audit", "verify", "--against", "there"]);
    // It was given one, and has it no more.
    fs::rename(&log, customer.path("stolen")).unwrap();
    let robbed = customer.json(4, &["audit", "verify", "--against", "there"]);
    assert_eq!(kinds(&robbed), ["removed"], "{robbed}");
    fs::rename(customer.path("stolen"), &log).unwrap();
    // One that never was given any.
    customer.declare(&format!(
        "[locations.new]\nsite = \"london\"\nhost = \"new\"\nurl = \"{}\"\n",
        customer.path("new").display()
    ));
    customer.run(0, &["location", "establish", "new"]);
    let new = customer.json(1, &["audit", "verify", "--against", "new"]);
    assert_eq!(new["verdict"], "NO_EVIDENCE", "{new}");
    // A signed head that somebody changed, and one that somebody made up.
    let object = objects(&log, "snapshots").remove(0);
    support::flip(&object);
    let changed = customer.json(4, &["audit", "verify", "--against", "there"]);
    assert!(kinds(&changed).contains(&"foreign"), "{changed}");
    let missing = customer.run(2, &["audit", "verify", "--against", "nowhere"]);
    assert!(missing.contains("nowhere"), "{missing}");
}

#[test]
fn who_is_asked_every_hour_is_told_of_it_once_a_day() {
    let customer = Customer::with_a_point();
    customer.run(0, &["audit", "checkpoint"]);
    // Whichever of them is the newest, which alone is read again.
    objects(&customer.path("there").join(LOG), "snapshots").iter().for_each(|object| support::flip(object));
    for _ in 0..3 {
        customer.run(4, &["audit", "checkpoint"]);
    }
    let ledger = Reader::open(&customer.path("state/ledger.db")).unwrap();
    let alarms = ledger.alarms_between(Timestamp::UNIX_EPOCH, SystemClock::new().now()).unwrap();
    let forks: Vec<_> = alarms.iter().filter(|one| one.alarm.kind == AlarmKind::LogForked).collect();
    assert_eq!(forks.len(), 1, "{forks:?}");
}

#[test]
fn a_location_that_was_away_gets_what_it_lacks() {
    let customer = customer();
    let (there, away) = (customer.path("there"), customer.path("away"));
    fs::rename(&there, &away).unwrap();
    let half = customer.json(1, &["audit", "checkpoint"]);
    let states: Vec<&str> =
        half["locations"].as_array().unwrap().iter().map(|at| at["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["stored", "not stored"], "{half}");
    customer.run(1, &["audit", "verify", "--against", "there"]);
    fs::rename(&away, &there).unwrap();
    let names = |location: &str| {
        let objects = objects(&customer.path(location).join(LOG), "snapshots");
        objects.iter().map(|object| object.file_name().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_ne!(names("here"), names("there"));
    customer.run(0, &["audit", "checkpoint"]);
    assert_eq!(names("here"), names("there"));
    assert_eq!(names("here").len(), 4);
    customer.run(0, &["audit", "verify", "--against-all"]);
    // Stock restic sees nothing of it.
    assert_eq!(code(&customer.restic("restic", "there", &["check"])), 0);
}
