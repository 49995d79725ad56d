//! `holdfast report`: the pack is whole, is verified by one key, tells every tampering, and is the same for ever.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use holdfast_audit_verify::{Key, PackVerdict, verify_pack};
use holdfast_ledger::{Ledger, NewAssessment, VerdictChange};
use holdfast_world::{SystemClock, SystemRandom};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use support::{ASSET, Customer, code, objects, text};

const PURPOSE: &str = "<script>alert(1)</script> \u{202e}gnp.exe";

/// What an estate looks like after a few days: points, a restore, a hold, a waiver, a review, signed heads at both places.
fn customer() -> Customer {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    for hours in [70, 40, 2] {
        fs::write(customer.path("site/of-that-day"), hours.to_string()).unwrap();
        customer.back_up_at(ASSET, &ago(hours).to_string());
    }
    let target = customer.path("restored");
    customer.run(0, &["restore", ASSET, "--to", target.to_str().unwrap(), "--purpose", PURPOSE]);
    let hold =
        ["hold", ASSET, "--owner", "A. Adams", "--reason", "=HYPERLINK(1)", "--review-on", "2030-01-01"];
    customer.run(0, &hold);
    customer.run(0, &["policy", "review", "--by", "A. Reviewer"]);
    customer.run(0, &["audit", "checkpoint"]);
    customer
}

fn ago(hours: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(hours)
}

/// Writes a report; this version is never all green.
#[track_caller]
fn report(customer: &Customer, name: &str, more: &[&str]) -> (PathBuf, Value) {
    let out = customer.path(name);
    let written = customer.json(1, &[&["report", "--out", out.to_str().unwrap()], more].concat());
    (out, written)
}

fn key(customer: &Customer) -> String {
    let listed = customer.run(0, &["key", "list"]);
    let line = listed.lines().find_map(|line| line.strip_prefix("The audit log is signed by "));
    line.unwrap_or_else(|| panic!("{listed}")).to_owned()
}

/// The signed heads that lie at a location.
fn heads(customer: &Customer) -> Vec<(String, String)> {
    let files = objects(&customer.path("there/holdfast-log"), "snapshots");
    files.into_iter().map(|file| (file.display().to_string(), fs::read_to_string(file).unwrap())).collect()
}

fn judged(customer: &Customer, pack: &Path) -> PackVerdict {
    verify_pack(pack, &Key::parse(&key(customer)).unwrap(), &heads(customer)).unwrap()
}

/// Every file of a folder with its bytes.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let names = support::walk(folder).into_keys();
    names.map(|name| (name.clone(), fs::read(folder.join(name)).unwrap())).collect()
}

fn copy(from: &Path, to: &Path) {
    for (name, bytes) in content(from) {
        let path = to.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn a_pack_is_whole_and_every_verdict_of_it_stands_in_its_log() {
    let customer = customer();
    let (pack, written) = report(&customer, "pack", &[]);
    let verdict = judged(&customer, &pack);
    assert_eq!(verdict.verdict.findings, [], "{verdict:?}");
    assert_eq!(verdict.verdict.word(), "consistent");
    assert!(verdict.verdict.covers > 0 && verdict.verdicts > 43 && verdict.cited > 3, "{verdict:?}");
    assert!(verdict.verdict_leaves > 0, "{verdict:?}");
    assert_eq!(verdict.files as u64, written["files"].as_u64().unwrap());
    let document: Value = serde_json::from_slice(&fs::read(pack.join("report.json")).unwrap()).unwrap();
    assert_eq!(document["holdfast_report"], 1);
    assert_eq!(document["points"].as_array().unwrap().len(), 3);
    assert_eq!(document["runs"].as_array().unwrap().len(), 3);
    assert_eq!(document["access"][0]["kind"], "restore");
    // Everything was red before the first backup, whatever it was at the end.
    let red = document["history"]["red_within"].as_array().unwrap();
    assert!(red.len() > 10 && red.contains(&json!("SCHED-01")), "{red:?}");
    let turns = document["history"]["turns"].as_array().unwrap();
    let history = fs::read_to_string(pack.join("csv/history.csv")).unwrap();
    assert!(!turns.is_empty() && history.lines().count() > turns.len(), "{history}");
    assert!(fs::read_to_string(pack.join("report.html")).unwrap().contains("Red at some time"));
    // What was shown is what status says of the same instant.
    let status = customer.json(1, &["status", "--at", written["to"].as_str().unwrap()]);
    assert_eq!(status["counts"], document["verdicts"]["counts"]);
    // Without what lies elsewhere nobody knows whether the log was rewritten before it was signed.
    let alone = verify_pack(&pack, &Key::parse(&key(&customer)).unwrap(), &[]).unwrap();
    assert_eq!((alone.verdict.word(), alone.verdict.code()), ("NO_EVIDENCE", 1));
    // What was not done is a table all the same.
    let tests = fs::read_to_string(pack.join("csv/restore-tests.csv")).unwrap();
    assert!(tests.starts_with("period_start,period_end,test,") && tests.lines().count() == 1, "{tests}");
    // That it was made is an entry, with the period.
    let log = customer.json(0, &["audit", "log", "--kind", "report"]);
    assert!(log.to_string().contains(written["from"].as_str().unwrap()), "{log}");
}

#[test]
fn names_and_words_are_text_on_the_page_and_in_spreadsheets() {
    let customer = customer();
    let (pack, _) = report(&customer, "pack", &[]);
    let page = fs::read_to_string(pack.join("report.html")).unwrap();
    assert!(!page.contains("<script") && page.contains("script&#62;alert(1)"), "the purpose is text");
    assert!(!page.contains('\u{202e}') && page.contains("[U+202E]gnp.exe"));
    let exceptions = fs::read_to_string(pack.join("csv/exceptions.csv")).unwrap();
    assert!(exceptions.contains(",'=HYPERLINK(1),"), "{exceptions}");
    // It fetches nothing and runs nothing.
    for outside in ["http://", "https://", "src=", "@import", "<link rel=\"stylesheet", "<iframe", "onload"] {
        let found = page.replace("http://www.w3.org/2000/svg", "").contains(outside);
        assert!(!found, "{outside}");
    }
    let (without, _) = report(&customer, "without", &["--without-values"]);
    for (name, bytes) in content(&without) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains("gnp.exe") && !text.contains("alert(1)"), "{}", name.display());
    }
    let verdict = judged(&customer, &without).verdict;
    assert_eq!(verdict.findings, []);
    // Who asked for such a pack says so to the program; else it is no evidence of who did what.
    assert!(verdict.lacks_values && verdict.word() == "NO_EVIDENCE", "{verdict:?}");
}

/// What somebody does to a pack, and what the verifier must call it.
const TAMPERINGS: [(&str, &str, fn(&Path)); 9] = [
    ("edit the page", "file", |pack| edit(&pack.join("report.html"), "FAIL", "PASS")),
    ("edit a table", "file", |pack| edit(&pack.join("csv/controls.csv"), "FAIL", "PASS")),
    ("edit the document", "citation", |pack| {
        edit(&pack.join("report.json"), "\"why\": \"", "\"why\": \"not ");
    }),
    ("edit the log", "edited", |pack| edit(&pack.join("log.jsonl"), "A. Reviewer", "N. Obody")),
    ("drop a file", "file", |pack| fs::remove_file(pack.join("csv/purges.csv")).unwrap()),
    ("add a file", "file", |pack| fs::write(pack.join("csv/more.csv"), "x").unwrap()),
    ("a link in place of a file", "file", |pack| {
        let (page, other) = (pack.join("report.html"), pack.with_extension("page"));
        fs::rename(&page, &other).unwrap();
        std::os::unix::fs::symlink(other, page).unwrap();
    }),
    ("edit the list", "manifest", |pack| edit(&pack.join("MANIFEST"), "period 20", "period 19")),
    ("drop the list", "manifest", |pack| fs::remove_file(pack.join("MANIFEST")).unwrap()),
];

fn edit(path: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(old), "{}: {old}", path.display());
    fs::write(path, text.replacen(old, new, 1)).unwrap();
}

#[test]
fn every_tampering_is_told() {
    let customer = customer();
    let (pack, _) = report(&customer, "pack", &[]);
    for (number, (what, kind, tamper)) in TAMPERINGS.into_iter().enumerate() {
        let copied = customer.path(&format!("tampered-{number}"));
        copy(&pack, &copied);
        assert_eq!(judged(&customer, &copied).verdict.findings, [], "before: {what}");
        tamper(&copied);
        let verdict = judged(&customer, &copied).verdict;
        let kinds: Vec<&str> = verdict.findings.iter().map(|finding| finding.kind).collect();
        assert!(kinds.contains(&kind) && verdict.code() == 4, "{what}: {:?}", verdict.findings);
    }
    // The list of another period of the same log, honestly signed.
    let (other, _) = report(&customer, "other", &["--from", "2020-01-01"]);
    let copied = customer.path("exchanged");
    copy(&pack, &copied);
    fs::copy(other.join("MANIFEST"), copied.join("MANIFEST")).unwrap();
    assert_eq!(judged(&customer, &copied).verdict.code(), 4);
    // Another log, all of it in order.
    let stranger = Customer::with_a_point();
    let (theirs, _) = report(&stranger, "pack", &[]);
    let verdict = judged(&customer, &theirs).verdict;
    assert_eq!((verdict.code(), verdict.findings[0].kind), (4, "manifest"), "{:?}", verdict.findings);
}

/// What is written down is told again as it was, whatever was changed since: the policy, the estate, and the program.
#[test]
fn a_period_reads_the_same_for_ever() {
    let customer = customer();
    let (first, written) = report(&customer, "first", &[]);
    let (from, to) = (written["from"].as_str().unwrap(), written["to"].as_str().unwrap());
    let past = || customer.command(&["status", "--at", to, "--json"]).output().unwrap().stdout;
    let told = past();
    // The policy.
    let policy = customer.path("etc/policy.toml");
    let text = fs::read_to_string(&policy).unwrap();
    let changed = text.replace("max_days = 60", "max_days = 45").replace("27/08/2025", "01/11/2026");
    assert_ne!(text, changed);
    fs::write(&policy, changed).unwrap();
    customer.run(0, &["policy", "review", "--by", "S. Econd"]);
    // The estate.
    customer.another_site("other.example");
    customer.declare(&format!(
        "[locations.third]\nsite = \"london\"\nhost = \"nas3\"\nurl = \"{}\"\n",
        customer.path("third").display()
    ));
    customer.run(0, &["location", "establish", "third"]);
    // What happens meanwhile.
    fs::write(customer.path("site/new"), "new").unwrap();
    customer.run(0, &["backup", "--all"]);
    customer.run(0, &["audit", "checkpoint"]);
    customer.json(1, &["status"]);
    // Another program, with other rules: it tells its verdicts otherwise from then on.
    let at = another_program_judges(&customer);
    let theirs = customer.json(1, &["status", "--at", &at.to_string()]);
    assert_eq!(theirs["rules"], 77);
    let log = theirs["controls"].as_array().unwrap().iter().find(|c| c["control"] == "LOG-01").unwrap();
    assert_eq!(log["why"], "as another program tells it", "what is stored is read, and nothing judged again");
    assert_eq!(String::from_utf8(past()).unwrap(), String::from_utf8(told).unwrap());
    let (again, _) = report(&customer, "again", &["--from", from, "--to", to]);
    let (first, again) = (content(&first), content(&again));
    for (name, bytes) in &first {
        assert_eq!(
            String::from_utf8_lossy(&again[name]),
            String::from_utf8_lossy(bytes),
            "{} changed",
            name.display()
        );
    }
    assert_eq!(first.len(), again.len());
    // A later period is another, and tells what was changed.
    let (later, _) = report(&customer, "later", &["--to", &at.to_string()]);
    let changes = fs::read_to_string(later.join("csv/estate-changes.csv")).unwrap();
    assert!(
        changes.contains("asset other.example added") && changes.contains("location third added"),
        "{changes}"
    );
    assert_eq!(judged(&customer, &later).verdict.findings, []);
}

/// Verdicts of other rules, as a later version of the program would write them down; returns their instant.
fn another_program_judges(customer: &Customer) -> Timestamp {
    let path = customer.path("state/ledger.db");
    let ledger = Ledger::open(&path, "another program", Arc::new(SystemClock::new()), Arc::new(SystemRandom));
    let ledger = ledger.unwrap();
    let at = Timestamp::now();
    let mut document =
        ledger.read().verdicts_at(at).unwrap().unwrap().verdicts[&("LOG-01".to_owned(), None)].clone();
    document["why"] = json!("as another program tells it");
    let change = VerdictChange { control: "LOG-01".to_owned(), target: None, document: Some(document) };
    let assessment = NewAssessment { rules: 77, policy_version: None, changes: vec![change] };
    ledger.write(|transaction| transaction.assess(assessment, at)).unwrap();
    ledger.close().unwrap();
    at
}

#[test]
fn where_nothing_ever_ran_that_is_what_it_says() {
    let customer = Customer::new();
    let (pack, written) = report(&customer, "pack", &[]);
    assert!(written["counts"]["NO_EVIDENCE"].as_u64().unwrap() > 10, "{written}");
    assert!(written["counts"].get("PASS").is_none_or(|count| count.as_u64().unwrap() < 4), "{written}");
    let verdict = judged(&customer, &pack).verdict;
    assert_eq!(verdict.findings, []);
    let page = fs::read_to_string(pack.join("report.html")).unwrap();
    assert!(page.contains("has no state that counts as safe"), "nothing is made up");
}

#[test]
fn what_makes_no_sense_is_refused_and_nothing_is_left() {
    let customer = Customer::with_a_point();
    let taken = customer.path("taken");
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("mine"), "x").unwrap();
    let out = |name: &str| customer.path(name).display().to_string();
    let refused = |arguments: &[&str], expected: i32, why: &str| {
        let said = customer.run(expected, &[&["report"], arguments].concat());
        assert!(said.contains(why), "{arguments:?}: {said}");
    };
    refused(&["--out", &out("taken")], 2, "is not empty");
    refused(&["--out", &out("taken/mine")], 2, "is no folder");
    refused(&["--out", &out("new"), "--to", "2999-01-01"], 2, "is to come");
    refused(&["--out", &out("new"), "--to", "then"], 2, "write a day like");
    refused(&["--out", &out("new"), "--from", "2021-01-01", "--to", "2020-01-01"], 2, "is empty");
    refused(
        &["--out", &out("new"), "--from", "2019-01-01", "--to", "2020-01-01"],
        3,
        "nothing was written down",
    );
    refused(&["--out", &out("none/new")], 3, "the folder above --out must exist");
    let left: Vec<_> =
        fs::read_dir(customer.folder.path()).unwrap().flatten().map(|e| e.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("new")), "{left:?}");
    assert_eq!(fs::read_to_string(taken.join("mine")).unwrap(), "x");
    // An empty folder is as good as none.
    fs::create_dir(customer.path("empty")).unwrap();
    report(&customer, "empty", &[]);
}

#[test]
fn a_full_disk_leaves_no_half_of_a_pack() {
    let customer = customer();
    let disk = customer.path("disk");
    fs::create_dir(&disk).unwrap();
    let mount =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "holdfast-test"]).arg(&disk).output();
    let mount = mount.unwrap();
    assert_eq!(code(&mount), 0, "run this test as root: {}", text(&mount));
    let output = customer.holdfast(&["report", "--out", disk.join("pack").to_str().unwrap()]);
    let left: Vec<_> = fs::read_dir(&disk).unwrap().flatten().map(|entry| entry.file_name()).collect();
    Command::new("umount").arg("--lazy").arg(&disk).status().unwrap();
    assert_eq!(code(&output), 3, "{}", text(&output));
    assert!(text(&output).contains("nothing is left of it"), "{}", text(&output));
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn of_two_at_once_one_has_the_folder_and_it_is_whole() {
    let customer = customer();
    let to = customer.json(1, &["status"])["assessed_at"].as_str().unwrap().to_owned();
    let out = customer.path("pack");
    let start = || {
        let mut command = customer.command(&["report", "--to", &to, "--out", out.to_str().unwrap()]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let both = [start(), start()].map(|child| child.wait_with_output().unwrap());
    let mut codes = both.each_ref().map(code);
    codes.sort_unstable();
    assert_eq!(codes, [1, 2], "{} {}", text(&both[0]), text(&both[1]));
    assert_eq!(judged(&customer, &out).verdict.findings, []);
    let names = fs::read_dir(customer.folder.path()).unwrap().flatten().map(|entry| entry.file_name());
    let left: Vec<_> = names.filter(|name| name.to_string_lossy().ends_with(".tmp")).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// In the browser that people have: nothing is logged, nothing is refused, and it prints.
#[test]
fn the_page_renders_and_prints_in_chromium() {
    let customer = customer();
    let (pack, _) = report(&customer, "pack", &[]);
    let page = format!("file://{}", pack.join("report.html").display());
    for (option, name) in [("--screenshot", "page.png"), ("--print-to-pdf", "page.pdf")] {
        let file = customer.path(name);
        let output = Command::new("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--enable-logging=stderr",
            ])
            .args(["--disable-background-networking", "--disable-component-update", "--no-first-run"])
            .arg(format!("--user-data-dir={}", customer.path("browser").display()))
            .arg(format!("{option}={}", file.display()))
            .args(["--window-size=1200,1600", &page])
            .output()
            .expect("chromium is missing: run `cargo xtask test`");
        let said = text(&output);
        assert_eq!(code(&output), 0, "{said}");
        // What a page logs, and what its own rules refuse it, stands under this word.
        assert!(!said.contains("CONSOLE"), "{said}");
        assert!(fs::metadata(&file).unwrap().len() > 20_000, "{name}: {said}");
    }
    assert!(fs::read(customer.path("page.pdf")).unwrap().starts_with(b"%PDF-"));
}
