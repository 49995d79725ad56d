//! What overlaps a period is of it, though it began before; what happened in it is, whatever it belongs to.

use std::sync::Arc;

use holdfast_ledger::{
    Ledger, NewPurge, NewReceipt, NewRun, Point, PurgeKind, PurgePhase, RunEnd, RunOutcome,
};
use holdfast_model::standards::DEMANDS;
use holdfast_world::{Clock, SystemClock, SystemRandom};
use serde_json::json;

use super::*;
use crate::status;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn what_began_before_the_period_and_reaches_into_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::open(&path, "a test", Arc::new(SystemClock::new()), Arc::new(SystemRandom)).unwrap();
    let (before, long_before) = (at("2026-02-27T12:00:00Z"), at("2026-01-01T00:00:00Z"));
    let (from, within) = (at("2026-03-01T00:00:00Z"), at("2026-03-02T00:00:00Z"));
    let until = at("2026-03-05T00:00:00Z");
    let run = |begun: Timestamp, ended: Option<Timestamp>| {
        let new = NewRun {
            asset: "a".to_owned(),
            dataset: "site".to_owned(),
            kind: "full".to_owned(),
            slots: Vec::new(),
        };
        let id = ledger.write(|t| t.begin_run(new, begun)).unwrap();
        if let Some(ended) = ended {
            let end = RunEnd { outcome: RunOutcome::Failed, point: None, report: None, lasted: None };
            ledger.write(|t| t.end_run(&id, end, ended)).unwrap();
        }
        id
    };
    run(long_before, Some(before));
    let (across, open) = (run(before, Some(within)), run(before, None));
    let told: Vec<String> =
        runs(ledger.read(), from, until).unwrap().into_iter().map(|told| told.run.id).collect();
    assert!(told.len() == 2 && told.contains(&across) && told.contains(&open), "{told:?}");
    // A purge that began before, and removed something within.
    let new = NewPurge {
        kind: PurgeKind::Retention,
        by: "a test".to_owned(),
        policy_version: None,
        client: None,
        reason: None,
        export_offered: None,
    };
    let purge = ledger.write(|t| t.begin_purge(new, before)).unwrap();
    let receipt = NewReceipt {
        purge: purge.clone(),
        phase: PurgePhase::Logical,
        repository: "r".to_owned(),
        location: "here".to_owned(),
        group: "data".to_owned(),
        objects: 1,
        bytes: 7,
        points: Vec::new(),
    };
    ledger.write(|t| t.record_receipt(receipt, within)).unwrap();
    let told = purges(ledger.read(), from).unwrap();
    assert_eq!(told.iter().map(|told| told.purge.id.as_str()).collect::<Vec<_>>(), [purge.as_str()]);
    let receipts = ledger.read().receipts_since(from).unwrap();
    assert_eq!(receipts.len(), 1);
    let storage = storage::by_place(ledger.read(), &days::of(from, until), &[], &receipts).unwrap();
    assert_eq!(storage[0].days[1].removed_bytes, 7, "by the day on which it went");
    ledger.close().unwrap();
}

#[test]
fn a_point_that_lay_somewhere_for_a_part_of_the_period_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::open(&path, "a test", Arc::new(SystemClock::new()), Arc::new(SystemRandom)).unwrap();
    let from = SystemClock::new().now() + SignedDuration::from_hours(24);
    let hours = |hours| from + SignedDuration::from_hours(hours);
    for (id, removed) in [("gone-before", Some(hours(-1))), ("gone-within", Some(hours(1))), ("lies", None)] {
        let point = Point {
            id: id.to_owned(),
            repository: "r".to_owned(),
            asset: "a".to_owned(),
            dataset: "site".to_owned(),
            kind: "full".to_owned(),
            instant: hours(-48),
            is_undated: false,
        };
        ledger.write(|t| t.record_point(point, hours(-47))).unwrap();
        ledger.write(|t| t.see_copy(id, "here", hours(-46))).unwrap();
        if let Some(removed) = removed {
            ledger.write(|t| t.remove_copy(id, "here", removed)).unwrap();
        }
    }
    let told = points(ledger.read(), from).unwrap();
    let told: Vec<&str> = told.iter().map(|told| told.point.id.as_str()).collect();
    assert_eq!(told, ["gone-within", "lies"]);
    ledger.close().unwrap();
}

#[test]
fn what_is_not_built_is_called_so_where_standards_ask_for_it() {
    let control = DEMANDS[0].controls[0];
    let document = json!({
        "control": control, "title": "t", "section": 1, "sentences": [], "verdict": "NOT_APPLICABLE",
        "why": "not built yet: nothing does it", "evidence": [],
    });
    let assessed = holdfast_ledger::Assessed {
        at: at("2026-03-01T00:00:00Z"),
        rules: 1,
        policy_version: None,
        verdicts: BTreeMap::from([((control.to_owned(), None), document)]),
        leaves: BTreeMap::new(),
    };
    let told = standards(&status::told(&assessed, assessed.at).unwrap());
    assert_eq!(told[0].controls[0], (control.to_owned(), "not built".to_owned()));
}

#[test]
fn changes_of_the_estate_name_everything() {
    let now: BTreeMap<String, u8> = ["a", "b", "c"].map(|name| (name.to_owned(), 1)).into();
    let mut said = Vec::new();
    differ("asset", &BTreeMap::from([("a".to_owned(), 2), ("d".to_owned(), 1)]), &now, &mut said);
    assert_eq!(said, ["asset b, c added", "asset d removed", "asset a changed"]);
}
