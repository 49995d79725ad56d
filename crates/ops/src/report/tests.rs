//! A thousand assets and ninety days: the page stays a page, says what it leaves out, and the tables have all of it.

use std::collections::BTreeMap;

use holdfast_ledger::{Assessed, Slot, SlotState};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::document::{
    ControlTold, Document, FORM, History, LogHead, Objective, ObjectiveDay, PlaceDay, PlaceTold, RowTold,
    Title, Verdicts,
};
use super::{days, page, sheets};
use crate::status;

const ASSETS: usize = 1000;
const FROM: &str = "2026-01-01T00:00:00Z";
const TO: &str = "2026-04-01T00:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Every eleventh site misses every seventh day.
fn is_missed(asset: usize, day: usize) -> bool {
    asset.is_multiple_of(11) && day.is_multiple_of(7)
}

fn name(asset: usize) -> String {
    format!("customer-number-{asset:04}.with-a-long-name.example")
}

fn objective(asset: usize, period: &[jiff::civil::Date]) -> Objective {
    let day = |(number, day): (usize, &jiff::civil::Date)| ObjectiveDay {
        day: *day,
        worst_seconds: Some(if is_missed(asset, number) { 100_000 } else { 40_000 }),
        objective_seconds: 86_400,
        broken: is_missed(asset, number),
        without_any: false,
        broken_without_any: false,
    };
    Objective {
        control: "DR-04".to_owned(),
        target: format!("{}/site", name(asset)),
        objective_seconds: 86_400,
        days: period.iter().enumerate().map(day).collect(),
        breaches: Vec::new(),
    }
}

fn slots(asset: usize, period: &[jiff::civil::Date]) -> Vec<Slot> {
    let slot = |(number, day): (usize, &jiff::civil::Date)| {
        let opens = days::start(*day);
        Slot {
            id: format!("{}/site/{day}", name(asset)),
            asset: name(asset),
            dataset: "site".to_owned(),
            kind: "incremental".to_owned(),
            basis: "daily".to_owned(),
            opens,
            closes: opens,
            due: opens + SignedDuration::from_hours(20),
            policy_version: 1,
            state: if is_missed(asset, number) { SlotState::Missed } else { SlotState::Ok },
            run: None,
            reason: None,
            settled_at: None,
        }
    };
    period.iter().enumerate().map(slot).collect()
}

fn verdict(asset: Option<usize>) -> Value {
    let (word, why) = match asset {
        Some(asset) if !asset.is_multiple_of(11) => ("PASS", "90 of 90 slots of 30 days ok"),
        _ => ("FAIL", "4 missed in 7 days"),
    };
    match asset {
        Some(asset) => json!({
            "target": format!("{}/site", name(asset)), "asset": name(asset), "verdict": word, "why": why,
            "evidence": [], "as_of": FROM,
        }),
        None => json!({
            "control": "SCHED-01", "title": "every slot is accounted for", "section": 4, "sentences": ["4.5"],
            "verdict": word, "why": why, "evidence": [], "as_of": FROM,
        }),
    }
}

fn document() -> (Document, status::StatusReport) {
    let period = days::of(at(FROM), at(TO));
    let mut verdicts = BTreeMap::from([(("SCHED-01".to_owned(), None), verdict(None))]);
    for asset in 0..ASSETS {
        verdicts.insert(("SCHED-01".to_owned(), Some(format!("{}/site", name(asset)))), verdict(Some(asset)));
    }
    let assessed =
        Assessed { at: at(TO), rules: 1, policy_version: Some(1), verdicts, leaves: BTreeMap::new() };
    let status = status::told(&assessed, at(TO)).unwrap();
    let day = |day: &jiff::civil::Date| PlaceDay {
        day: *day,
        sent_bytes: 1 << 30,
        runs_unknown: u64::from(day.day() == 3),
        removed_bytes: 1 << 29,
    };
    let place = |name: &str| PlaceTold {
        place: name.to_owned(),
        days: period.iter().map(day).collect(),
        walks: Vec::new(),
    };
    let row = |asset| RowTold { leaf: 7, document: verdict(Some(asset)) };
    let control = ControlTold { leaf: 7, document: verdict(None), rows: (0..ASSETS).map(row).collect() };
    let document = Document {
        holdfast_report: FORM,
        from: at(FROM),
        to: at(TO),
        title: Title { company: "A company".to_owned(), ..Title::default() },
        log: LogHead { leaves: 9, root: "00".repeat(32), key: "key".to_owned() },
        verdicts: Verdicts {
            assessed_at: at(TO),
            rules: 1,
            policy_version: Some(1),
            counts: status.counts.clone(),
            worst: None,
            controls: vec![control],
        },
        history: History::default(),
        clock_ahead: Vec::new(),
        citations: Vec::new(),
        objectives: (0..ASSETS).map(|asset| objective(asset, &period)).collect(),
        slot_counts: Vec::new(),
        slots: (0..ASSETS).flat_map(|asset| slots(asset, &period)).collect(),
        runs: Vec::new(),
        points: Vec::new(),
        restore_tests: Vec::new(),
        retention: Vec::new(),
        purges: Vec::new(),
        receipts: Vec::new(),
        holds: Vec::new(),
        waivers: Vec::new(),
        alarms: Vec::new(),
        access: Vec::new(),
        reviews: Vec::new(),
        policy_versions: Vec::new(),
        estate_changes: Vec::new(),
        storage: vec![place("manchester"), place("frankfurt")],
        anchors: Vec::new(),
        log_restarts: Vec::new(),
        places: Vec::new(),
        standards: Vec::new(),
    };
    (document, status)
}

#[test]
fn a_thousand_assets_stay_a_page_and_the_tables_have_all_of_them() {
    let (document, status) = document();
    let sheets = sheets::of(&document);
    let html = page::html(&document, &status, &sheets).unwrap();
    assert!(html.len() < 600_000, "{} bytes", html.len());
    assert!(
        html.contains("The worst 40 of 1000 are shown. Each column is 2 days."),
        "what is left out is said"
    );
    assert!(html.contains("more in <code>csv/targets.csv</code>"));
    // The worst are those that are shown.
    assert!(html.contains("customer-number-0011") && html.matches(">m</text>").count() > 40);
    let sheet = |file: &str| sheets.iter().find(|sheet| sheet.file == file).unwrap();
    assert_eq!(sheet("csv/objectives.csv").rows.len(), ASSETS * 90);
    assert_eq!(sheet("csv/slots.csv").rows.len(), ASSETS * 90);
    let csv = sheet("csv/objectives.csv").csv(&document).unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_slice());
    let broken = reader.records().map(Result::unwrap).filter(|record| &record[7] == "broken").count();
    assert_eq!(broken, 91 * 13);
    // Twice the same.
    assert_eq!(page::html(&document, &status, &sheets).unwrap(), html);
}

/// One control, as it stood at the end.
fn ending_with(verdict: &str) -> status::StatusReport {
    let document = json!({
        "control": "SCHED-01", "title": "t", "section": 4, "sentences": [], "verdict": verdict, "why": "so",
        "evidence": [],
    });
    let verdicts = BTreeMap::from([(("SCHED-01".to_owned(), None), document)]);
    let assessed =
        Assessed { at: at(TO), rules: 1, policy_version: Some(1), verdicts, leaves: BTreeMap::new() };
    status::told(&assessed, at(TO)).unwrap()
}

#[test]
fn a_good_end_is_no_good_period_and_an_excuse_is_not_kept() {
    let (mut document, _) = document();
    document.history.known_from = Some(at(FROM));
    document.history.red_within = vec!["RET-01".to_owned(), "SCHED-01".to_owned()];
    document.clock_ahead = vec!["3 leaves are dated after it".to_owned()];
    let page = |document: &Document, verdict: &str| {
        page::html(document, &ending_with(verdict), &sheets::of(document)).unwrap()
    };
    let html = page(&document, "PASS");
    assert!(
        html.contains("At the end of the period, 1 of 1 controls that apply were kept and none was red.")
    );
    assert!(html.contains("Red at some time within the period, 2 controls: RET-01, SCHED-01."));
    assert!(html.contains("<strong>The clock was ahead:</strong> 3 leaves are dated after it."));
    let html = page(&document, "EXEMPT");
    assert!(html.contains("0 of 1 controls that apply were kept and none was red, and 1 are exempt"));
    document.history.red_within.clear();
    document.clock_ahead.clear();
    let html = page(&document, "PASS");
    assert!(html.contains("No control was red at any time within the period."));
    assert!(!html.contains("The clock was ahead"));
    // Where verdicts are known later only, nothing is said of before.
    document.history.known_from = Some(at("2026-02-01T00:00:00Z"));
    assert!(page(&document, "PASS").contains("No control was red at any time since 2026-02-01 00:00 UTC"));
}

#[test]
fn a_slot_that_is_due_and_undecided_is_drawn_as_bad() {
    let period = days::of(at(FROM), at("2026-01-03T00:00:00Z"));
    let mut slots = slots(1, &period);
    let last = slots.len() - 1;
    slots[last].state = SlotState::Expected;
    let drawn = |to: &str| super::plots::calendar(&slots, &period, at(to)).unwrap().svg;
    assert!(drawn(TO).contains("c-bad") && drawn(TO).contains(">?</text>"));
    assert!(!drawn("2026-01-02T10:00:00Z").contains("c-bad"));
}

#[test]
fn the_worst_is_ranked_as_of_the_end_and_its_window_is_named() {
    let (document, _) = document();
    let rpo = |counts_from: &str, objective: i64| {
        let counts_from = at(counts_from);
        json!({
            "objective_seconds": objective, "recovery_point": counts_from, "point": "p",
            "counts_from": counts_from, "known_since": "2026-03-20T00:00:00Z",
            "breaks_at": counts_from + SignedDuration::from_secs(objective), "worst_seconds": 0,
            "breaches": [], "headroom_seconds": null,
        })
    };
    let row = |target: &str, rpo: Value| {
        let document = json!({
            "target": target, "asset": target, "verdict": "PASS", "why": "so", "evidence": [], "rpo": rpo,
        });
        (("DR-04".to_owned(), Some(target.to_owned())), document)
    };
    let control = json!({
        "control": "DR-04", "title": "t", "section": 8, "sentences": [], "verdict": "PASS", "why": "so",
        "evidence": [],
    });
    // Written down a day before the end: by then the one with the short objective has used up more of it.
    let verdicts = BTreeMap::from([
        (("DR-04".to_owned(), None), control),
        row("long", rpo("2026-03-29T00:00:00Z", 7 * 86_400)),
        row("short", rpo("2026-03-30T23:00:00Z", 2 * 86_400)),
    ]);
    let assessed = Assessed {
        at: at("2026-03-31T00:00:00Z"),
        rules: 2,
        policy_version: None,
        verdicts,
        leaves: BTreeMap::new(),
    };
    let status = status::told(&assessed, at(TO)).unwrap();
    let html = page::html(&document, &status, &sheets::of(&document)).unwrap();
    assert!(html.contains("short would lose"), "as of the end");
    assert!(html.contains("of the time since 2026-03-20 00:00 UTC"), "it was not known for thirty days");
}
