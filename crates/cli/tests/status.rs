//! `holdfast status`: what is broken turns its control red, what is mended turns it back, and the past stays as it was told.
#![allow(clippy::disallowed_methods, reason = "tests run programs and wait")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use holdfast_ledger::{ExpectedSlot, Ledger, NewObservation, NewPolicyVersion};
use holdfast_model::Dataset;
use holdfast_ops::backup::{How, backup};
use holdfast_ops::{Progress, purge};
use holdfast_world::fake::FakeClock;
use holdfast_world::{Clock, SystemClock, SystemRandom};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use support::{ASSET, Customer, REPOSITORY, flip, objects};

fn status(customer: &Customer) -> Value {
    // This version cannot prove everything, so it is never all green.
    customer.json(1, &["status"])
}

fn control<'v>(status: &'v Value, id: &str) -> &'v Value {
    let controls = status["controls"].as_array().unwrap();
    controls.iter().find(|control| control["control"] == id).unwrap_or_else(|| panic!("{id}: {status}"))
}

#[track_caller]
fn assert_verdict(status: &Value, id: &str, verdict: &str, why: &str) {
    let found = control(status, id);
    assert!(found["verdict"] == verdict && found["why"].as_str().unwrap().contains(why), "{id}: {found:#}");
}

fn now() -> Timestamp {
    // The tests' clock is that of the program.
    Timestamp::now()
}

fn ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

fn ledger(customer: &Customer) -> Ledger {
    ledger_on(customer, Arc::new(SystemClock::new()))
}

fn ledger_on(customer: &Customer, clock: Arc<dyn Clock>) -> Ledger {
    Ledger::open(&customer.path("state/ledger.db"), "a test", clock, Arc::new(SystemRandom)).unwrap()
}

/// Says of both locations that they are on other machines: on one machine no test could show a kept policy.
fn put_elsewhere(customer: &Customer) {
    put_elsewhere_at(customer, now());
}

fn put_elsewhere_at(customer: &Customer, at: Timestamp) {
    let ledger = ledger_on(customer, Arc::new(FakeClock::new(at)));
    for name in ["here", "there"] {
        let probe = json!({
            "location": name, "place": format!("file://{}", customer.path(name).display()), "failure": null,
            "description": name, "fingerprint": name, "device": format!("device of {name}"),
            "machine": format!("machine of {name}"), "marker": format!("marker of {name}"),
            "is_here": false, "here_because": "a test says so",
        });
        let body = json!({ "probe": probe });
        let seen = NewObservation { kind: "probe".to_owned(), subject: name.to_owned(), body };
        ledger.write(|transaction| transaction.observe(seen, at)).unwrap();
    }
    ledger.close().unwrap();
}

/// A small site, with a point from so many hours ago, and locations elsewhere.
fn with_a_point_of(hours: i64) -> Customer {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    customer.back_up_at(ASSET, &ago(hours).to_string());
    put_elsewhere(&customer);
    customer
}

#[test]
fn a_point_that_is_whole_at_two_places_keeps_the_objective() {
    let customer = with_a_point_of(2);
    let status = status(&customer);
    assert_verdict(&status, "DR-04", "PASS", "the newest state that could be restored");
    assert_verdict(&status, "INT-01", "PASS", "read back");
    assert_verdict(&status, "COPY-01", "PASS", "each at 2 locations");
    assert_verdict(&status, "ENC-02", "PASS", "what was read is ciphertext");
    assert_verdict(&status, "LOG-01", "PASS", "were read");
    assert_eq!(status["worst"]["target"], format!("{ASSET}/site"));
    assert!(status["worst"]["rpo"]["age_seconds"].as_i64().unwrap() >= 7200, "{}", status["worst"]);
    // Each says what it rests on, and how old that is.
    let rpo = control(&status, "DR-04");
    assert_eq!(rpo["rows"].as_array().unwrap().len(), 1);
    assert!(rpo["evidence"][0]["kind"] == "point" && rpo["age_seconds"].is_i64(), "{rpo:#}");
    let waiting: Vec<&Value> =
        status["controls"].as_array().unwrap().iter().filter(|c| c["verdict"] == "NOT_APPLICABLE").collect();
    assert!(
        waiting
            .iter()
            .all(|c| c["control"] != "TEST-03" || c["why"].as_str().unwrap().starts_with("not built"))
    );
    assert_verdict(&status, "TEST-01", "NO_EVIDENCE", "nothing was restored for a test yet");
}

#[test]
fn on_one_machine_the_places_are_one_and_on_production() {
    let customer = Customer::with_a_point();
    let status = status(&customer);
    assert_verdict(&status, "LOC-02", "FAIL", "it lies on this machine");
    assert_verdict(&status, "LOC-01", "FAIL", "it is one place with");
    assert_verdict(&status, "DR-04", "NO_EVIDENCE", "whole at 1 of 2 places, 0 of 1 off site");
}

#[test]
fn a_review_is_overdue_until_somebody_records_one() {
    let customer = with_a_point_of(2);
    let due = "the review was due 2026-02-27";
    assert_verdict(&status(&customer), "REV-01", "FAIL", due);
    // Neither touching nor editing the file is a review.
    let path = customer.path("etc/policy.toml");
    let policy = fs::read_to_string(&path).unwrap();
    assert!(policy.contains("27/08/2025"));
    fs::write(&path, policy.replace("27/08/2025", "01/11/2026")).unwrap();
    assert_verdict(&status(&customer), "REV-01", "FAIL", due);
    customer.run(0, &["policy", "review", "--by", "A. Reviewer"]);
    let reviewed = status(&customer);
    assert_verdict(&reviewed, "REV-01", "PASS", "by A. Reviewer");
    assert_eq!(control(&reviewed, "REV-01")["evidence"][0]["kind"], "leaf");
}

#[test]
fn a_slot_that_nobody_served_is_missed_from_the_minute_on_in_which_it_was_due() {
    let customer = with_a_point_of(30);
    let policy = fs::read_to_string(customer.path("etc/policy.toml")).unwrap();
    let approved =
        policy.replace("# approved_by = \"<who approved this version>\"", "approved_by = \"D. Okafor\"");
    assert_ne!(policy, approved);
    let ledger = ledger(&customer);
    let version =
        NewPolicyVersion { text: approved, effective: ago(400 * 24), approver: "D. Okafor".to_owned() };
    let (opens, due) = (ago(20), ago(2));
    let slot = ExpectedSlot {
        id: format!("{ASSET}/site/incremental/every-12h/{opens}"),
        asset: ASSET.to_owned(),
        dataset: "site".to_owned(),
        kind: "incremental".to_owned(),
        basis: "every 12h".to_owned(),
        opens,
        closes: due,
        due,
    };
    ledger
        .write(|transaction| {
            let number = transaction.adopt_policy(&version, ago(40))?;
            transaction.expect_slots(number, &[slot], ago(26))
        })
        .unwrap();
    ledger.close().unwrap();
    let status = status(&customer);
    assert_verdict(&status, "SCHED-01", "FAIL", "missed in 7 days");
    assert_eq!(status["policy_version"], 1);
}

#[test]
fn a_copy_that_is_missing_for_longer_than_the_objective_is_red() {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    customer.back_up_at(ASSET, &ago(80).to_string());
    fs::rename(customer.path("there"), customer.path("away")).unwrap();
    for hours in [50, 3] {
        fs::write(customer.path("site/index.php"), format!("<?php {hours}")).unwrap();
        let setup = customer.on_clock(&Arc::new(FakeClock::new(ago(hours))));
        backup(&setup, (ASSET, Dataset::Site), How::default(), &Progress::default()).unwrap();
    }
    put_elsewhere(&customer);
    let found = status(&customer);
    assert_verdict(&found, "COPY-01", "FAIL", "1 copies are missing for longer than 24 hours");
    assert!(control(&found, "COPY-01")["warnings"][0].as_str().unwrap().contains("on their way"));
    assert_verdict(&found, "DR-04", "FAIL", "the newest state that could be restored is of");
    // It comes back, and the next backup brings what is owed.
    fs::rename(customer.path("away"), customer.path("there")).unwrap();
    customer.run(0, &["backup", ASSET]);
    let found = status(&customer);
    assert_verdict(&found, "COPY-01", "PASS", "4 points");
    assert_verdict(&found, "DR-04", "PASS", "the newest state");
}

#[test]
fn damage_is_red_until_it_is_healed_and_read_again() {
    let customer = with_a_point_of(2);
    flip(objects(&customer.repository("there"), "data").last().unwrap());
    customer.run(4, &["verify", "--read-data"]);
    let found = status(&customer);
    assert_verdict(&found, "INT-02", "FAIL", "damage was found and not healed");
    assert_verdict(&found, "DR-04", "NO_EVIDENCE", "is damaged at there");
    customer.run(0, &["repair"]);
    customer.run(0, &["verify", "--read-data"]);
    let found = status(&customer);
    assert_verdict(&found, "INT-02", "PASS", "every byte was read");
    assert_verdict(&found, "DR-04", "PASS", "the newest state");
}

#[test]
fn data_that_nobody_read_for_a_month_is_red() {
    let customer = with_a_point_of(40 * 24);
    let found = status(&customer);
    assert_verdict(&found, "INT-02", "FAIL", "parts of it were not read for 30 days");
    assert_verdict(&found, "RET-01", "NO_EVIDENCE", "it has no point of the last 30 days");
}

#[test]
fn a_point_past_its_age_is_red_until_it_was_purged_and_somebody_looked() {
    let customer = with_a_point_of(70 * 24);
    customer.back_up_at(ASSET, &ago(1).to_string());
    customer.run(0, &["verify", "--read-data"]);
    put_elsewhere(&customer);
    let found = status(&customer);
    assert_verdict(&found, "RET-02", "FAIL", "1 points are past 60 days and their grace");
    customer.the_clock_ran_on_to(ago(1));
    customer.run(0, &["purge"]);
    // That the ledger says so is not enough.
    assert_verdict(&status(&customer), "RET-02", "NO_EVIDENCE", "nobody walked through it");
    customer.run(0, &["purge", "--audit"]);
    let found = status(&customer);
    assert_verdict(&found, "RET-02", "PASS", "nothing that should be gone");
    assert_verdict(&found, "RET-03", "PASS", "the last purge that got everything away");
}

#[test]
fn a_purge_that_waits_for_a_day_is_red() {
    let customer = with_a_point_of(70 * 24);
    customer.back_up_at(ASSET, &ago(50).to_string());
    // Else the first point is the last one known to be good.
    customer.run(0, &["verify", "--read-data"]);
    fs::rename(customer.path("there"), customer.path("away")).unwrap();
    customer.the_clock_ran_on_to(ago(40));
    let setup = customer.on_clock(&Arc::new(FakeClock::new(ago(40))));
    purge::purge(&setup, false, &Progress::default()).unwrap();
    drop(setup);
    assert_verdict(&status(&customer), "RET-03", "FAIL", "is not completed");
}

#[test]
fn a_lost_key_is_red_at_once() {
    let customer = with_a_point_of(2);
    assert_verdict(&status(&customer), "DR-04", "PASS", "the newest state");
    fs::remove_file(customer.path(&format!("etc/keys/{REPOSITORY}.toml"))).unwrap();
    let found = status(&customer);
    assert_verdict(&found, "ENC-03", "FAIL", "its key is gone");
    assert_verdict(&found, "DR-04", "NO_EVIDENCE", &format!("the key of {REPOSITORY} is gone"));
}

/// Everything that `status` says of an instant.
fn told_of(customer: &Customer, at: &str) -> [String; 2] {
    [vec!["status", "--at", at, "--json"], vec!["status", "--at", at, "--all"]]
        .map(|arguments| customer.run(1, &arguments))
}

#[test]
fn what_was_told_of_an_instant_is_told_again_whatever_changed_since() {
    let customer = with_a_point_of(2);
    let first = status(&customer)["at"].as_str().unwrap().to_owned();
    let told = told_of(&customer, &first);
    // The policy, the estate, what lies where, and the review.
    customer.run(0, &["policy", "review", "--by", "A. Reviewer"]);
    let path = customer.path("etc/policy.toml");
    let policy = fs::read_to_string(&path).unwrap();
    fs::write(
        &path,
        policy
            .replace("objective = \"24h\"", "objective = \"1h\"")
            .replace("locations_min = 2", "locations_min = 3"),
    )
    .unwrap();
    customer.another_site("blog.example");
    fs::remove_file(customer.path(&format!("etc/keys/{REPOSITORY}.toml"))).unwrap();
    let changed = status(&customer);
    assert_verdict(&changed, "REV-01", "PASS", "by A. Reviewer");
    assert_eq!(control(&changed, "DR-04")["rows"].as_array().unwrap().len(), 2);
    // And a later program, whose rules say otherwise and whose documents say more.
    let later = holdfast_ledger::NewAssessment {
        rules: 99,
        policy_version: None,
        changes: vec![holdfast_ledger::VerdictChange {
            control: "DR-04".to_owned(),
            target: None,
            document: Some(json!({ "control": "DR-04", "verdict": "PASS", "said": "otherwise" })),
        }],
    };
    let ledger = ledger(&customer);
    ledger.write(|transaction| transaction.assess(later, now())).unwrap();
    // None can be put before the last.
    let late = holdfast_ledger::NewAssessment { rules: 99, policy_version: None, changes: Vec::new() };
    assert!(ledger.write(|transaction| transaction.assess(late, first.parse().unwrap())).is_err());
    ledger.close().unwrap();
    assert_eq!(told_of(&customer, &first), told, "an answer about the past changed");
    // It needs no file that is read today.
    fs::remove_file(customer.path("etc/estate.toml")).unwrap();
    assert_eq!(told_of(&customer, &first), told);
    // Of what is to come, and of before the first, nothing is told.
    customer.run(2, &["status", "--at", "2126-01-01T00:00:00Z"]);
    customer.run(3, &["status", "--at", "2020-01-01T00:00:00Z"]);
}

#[test]
fn a_clock_that_was_ahead_is_told_as_long_as_it_keeps_anything_from_being_judged() {
    let customer = with_a_point_of(2);
    assert!(!customer.run(1, &["status"]).contains("the clock was ahead"));
    let setup = customer.on_clock(&Arc::new(FakeClock::new(ago(-30 * 24))));
    holdfast_ops::status::now(&setup, &holdfast_ops::status::Filter::default()).unwrap();
    drop(setup);
    let told = customer.run(1, &["status"]);
    assert!(told.contains("the clock was ahead, and until then nothing new is judged"), "{told}");
}

#[test]
fn deadlines_that_passed_while_nobody_looked_are_judged_at_their_own_instants() {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    customer.back_up_at(ASSET, &ago(40).to_string());
    put_elsewhere_at(&customer, ago(35));
    // The first look was 30 hours ago, when the point was good enough.
    let filter = holdfast_ops::status::Filter::default();
    let setup = customer.on_clock(&Arc::new(FakeClock::new(ago(30))));
    holdfast_ops::status::now(&setup, &filter).unwrap();
    drop(setup);
    put_elsewhere(&customer);
    let found = status(&customer);
    assert_verdict(&found, "DR-04", "FAIL", "were over at");
    let breaks_at: Timestamp =
        control(&found, "DR-04")["rows"][0]["rpo"]["breaks_at"].as_str().unwrap().parse().unwrap();
    assert!(ago(17) < breaks_at && breaks_at < ago(15), "{breaks_at}");
    let verdict_at = |at: Timestamp| {
        let told = customer.json(1, &["status", "--at", &at.to_string()]);
        control(&told, "DR-04")["verdict"].as_str().unwrap().to_owned()
    };
    assert_ne!(verdict_at(breaks_at - SignedDuration::from_secs(1)), "FAIL");
    assert_eq!(verdict_at(breaks_at), "FAIL");
}

#[test]
fn what_is_printed_fits_and_is_plain_where_nobody_sees_colours() {
    let customer = Customer::with_a_point();
    let printed = customer.run(1, &["status"]);
    assert!(!printed.contains('\u{1b}'), "{printed}");
    let longest = printed.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(longest <= 100, "{longest} columns");
    for words in ["4. Schedule", "10. Review", "Worst asset:", "not built:", "> "] {
        assert!(printed.contains(words), "{words}: {printed}");
    }
    // The worst first, in each section.
    let order = ["FAIL", "NO_EVIDENCE", "STALE", "EXEMPT", "PASS", "NOT_APPLICABLE"];
    let rank = |control: &Value| {
        let verdict = order.iter().position(|verdict| control["verdict"] == *verdict).unwrap();
        (control["section"].as_u64().unwrap(), verdict)
    };
    let ranks: Vec<_> = status(&customer)["controls"].as_array().unwrap().iter().map(rank).collect();
    assert!(ranks.is_sorted(), "{ranks:?}");
    let section = customer.json(1, &["status", "--section", "10"]);
    assert_eq!(section["controls"].as_array().unwrap().len(), 2);
    let of_asset = customer.json(1, &["status", "--asset", ASSET]);
    assert!(
        of_asset["controls"].as_array().unwrap().iter().all(|c| c["rows"].as_array().unwrap().len() == 1)
    );
    customer.run(2, &["status", "--section", "11"]);
    customer.run(2, &["status", "--asset", "nobody.example"]);
}

#[test]
fn the_ledger_with_verdicts_in_it_is_found_to_be_what_was_written() {
    let customer = with_a_point_of(2);
    status(&customer);
    edit(&customer.path("state/ledger.db"));
    // The audit of the day is not due yet; so the day is over.
    let clock = Arc::new(FakeClock::new(now() + SignedDuration::from_hours(25)));
    let setup = customer.on_clock(&clock);
    let report = holdfast_ops::status::now(&setup, &holdfast_ops::status::Filter::default()).unwrap();
    let log = report.shown.controls.iter().find(|control| control.control == "LOG-01").unwrap();
    assert_eq!(log.verdict.as_str(), "FAIL", "{}", log.why);
    assert!(log.why.contains("hash is not that of its payload"), "{}", log.why);
}

/// Makes one verdict out of another wherever it stands, behind our back.
fn edit(path: &Path) {
    let (from, to) = (&b"\"verdict\":\"FAIL\""[..], &b"\"verdict\":\"PASS\""[..]);
    let mut bytes = fs::read(path).unwrap();
    let places: Vec<usize> =
        (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place..place + to.len()].copy_from_slice(to);
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn while_a_daemon_runs_it_judges_and_status_only_reads() {
    let customer = Customer::new();
    support::daemon::fast_policy(&customer, "24h", 1);
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    customer.run(0, &["backup", ASSET]);
    let daemon = support::daemon::Daemon::start(&customer);
    let start = std::time::Instant::now();
    // What it judged so far is read by anybody, and nobody else may write.
    let judged = loop {
        let output = customer.command(&["status", "--json"]).output().unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let has_run = told["controls"].as_array().is_some_and(|controls| {
            controls.iter().any(|c| c["control"] == "INT-01" && c["verdict"] == "PASS")
        });
        let is_probed = told["controls"].as_array().is_some_and(|controls| {
            controls.iter().any(|c| c["control"] == "LOC-02" && c["verdict"] == "FAIL")
        });
        if has_run && is_probed {
            break told;
        }
        assert!(start.elapsed().as_secs() < 60, "{told:#}\n{}", daemon.said());
        std::thread::sleep(std::time::Duration::from_millis(200));
    };
    assert!(judged["notes"][0].as_str().unwrap().contains("judged by holdfast serve"), "{}", judged["notes"]);
    assert_eq!(judged["policy_version"], 1);
    let at = judged["assessed_at"].as_str().unwrap().to_owned();
    let told = told_of(&customer, &at);
    daemon.end(0, 1);
    assert_eq!(told_of(&customer, &at), told);
    // And afterwards somebody else does.
    assert_eq!(status(&customer)["notes"], json!([]));
}
