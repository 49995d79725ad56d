//! Restore tests: planned once an occasion, begun and ended once, and everything that was seen can be erased.

use holdfast_ledger::{
    ERASED, ErrorKind, Ledger, NewPick, NewRestoreTest, PickBegun, PickDestroyed, PickEnd, Picked,
    RestoreTestState, SeedFrom,
};
use jiff::Timestamp;

use super::support::{Place, at};

fn new(occasion: Option<&str>) -> NewRestoreTest {
    let opens = at("2026-03-01T00:00:00Z");
    NewRestoreTest {
        exercise: "websites".to_owned(),
        occasion: occasion.map(|label| (label.to_owned(), opens, at("2026-03-08T00:00:00Z"))),
        seed: "ab".repeat(32),
        seed_from: Some(SeedFrom { leaves: 7, root: "cd".repeat(32), checkpoint: None }),
        every: "weekly".to_owned(),
        sample: Some(5),
        untested_max_seconds: Some(7_776_000),
        by: "a test".to_owned(),
        policy_version: None,
        targets: serde_json::json!([{ "asset": "shop.example" }]),
        left_out: serde_json::json!([]),
    }
}

fn pick(asset: &str) -> NewPick {
    NewPick {
        picked: Picked {
            asset: asset.to_owned(),
            repository: "C-1042".to_owned(),
            why: "turn".to_owned(),
            point: Some("aa".to_owned()),
            is_drawn: true,
        },
        points: vec!["aa".to_owned(), "bb".to_owned()],
    }
}

fn begun(pick: &str) -> PickBegun {
    PickBegun {
        pick: pick.to_owned(),
        location: "there".to_owned(),
        beside: Vec::new(),
        staging: "/dev/shm/staging".to_owned(),
        action: "an action".to_owned(),
        destroy_by: at("2026-03-02T00:00:00Z"),
    }
}

fn end(pick: &str, state: RestoreTestState) -> PickEnd {
    PickEnd {
        pick: pick.to_owned(),
        state,
        failed: vec!["answers".to_owned()],
        details: Some("{\"page\": \"Welcome to a client's shop\"}".to_owned()),
        screenshot_sha256: Some("ef".repeat(32)),
    }
}

fn gone(pick: &str, failure: Option<&str>) -> PickDestroyed {
    PickDestroyed { pick: pick.to_owned(), files: 9, bytes: 900, failure: failure.map(str::to_owned) }
}

/// A ledger with a test of two, both begun.
fn under_way(ledger: &Ledger) -> String {
    let now = at("2026-03-01T12:00:00Z");
    ledger
        .write(|t| {
            let id = t.plan_restore_test(new(Some("2026-W09")), vec![pick("a"), pick("b")], now)?;
            t.begin_pick(begun(&format!("{id}.1")), now)?;
            t.begin_pick(begun(&format!("{id}.2")), now)?;
            Ok(id)
        })
        .unwrap()
}

#[test]
fn what_is_recorded_comes_back() {
    let place = Place::new();
    let ledger = place.open();
    let id = under_way(&ledger);
    let (first, now) = (format!("{id}.1"), at("2026-03-01T12:05:00Z"));
    ledger
        .write(|t| {
            t.end_pick(end(&first, RestoreTestState::Failed), now)?;
            t.destroy_pick(gone(&first, None), now)
        })
        .unwrap();
    let read = ledger.read();
    let (test, planned) = read.restore_test_as_planned(&id).unwrap();
    assert_eq!((test.test, planned), (new(Some("2026-W09")), vec![pick("a"), pick("b")]));
    assert_eq!(read.restore_test_of("websites", "2026-W09").unwrap().unwrap().id, id);
    assert!(read.restore_test_of("whmcs", "2026-W09").unwrap().is_none());
    let picks = read.picks_of_test(&id).unwrap();
    assert_eq!(
        picks.iter().map(|pick| pick.state).collect::<Vec<_>>(),
        [RestoreTestState::Failed, RestoreTestState::Validating]
    );
    assert_eq!(picks[0].ended.as_ref().unwrap().0, end(&first, RestoreTestState::Failed));
    assert_eq!(picks[0].begun.as_ref().unwrap().0, begun(&first));
    assert_eq!(picks[0].destroyed.as_ref().unwrap().0, gone(&first, None));
    let unfinished = read.picks_unfinished().unwrap();
    assert_eq!(unfinished.iter().map(holdfast_ledger::TestedPick::number).collect::<Vec<_>>(), [2]);
    assert_eq!(read.restore_picks_between(Timestamp::UNIX_EPOCH, now).unwrap().len(), 2);
    assert!(read.restore_picks_between(now, at("2030-01-01T00:00:00Z")).unwrap().is_empty());
    read.audit().unwrap();
}

#[test]
fn an_occasion_is_drawn_once_and_a_test_ends_once() {
    let place = Place::new();
    let ledger = place.open();
    let id = under_way(&ledger);
    let (first, now) = (format!("{id}.1"), at("2026-03-01T12:05:00Z"));
    let refused = |body: &dyn Fn(&mut holdfast_ledger::Transaction<'_>) -> holdfast_ledger::Result<()>| {
        assert_eq!(ledger.write(|t| body(t)).unwrap_err().kind, ErrorKind::Contradiction);
    };
    refused(&|t| t.plan_restore_test(new(Some("2026-W09")), Vec::new(), now).map(|_| ()));
    refused(&|t| t.begin_pick(begun(&first), now));
    refused(&|t| t.begin_pick(begun("nothing"), now));
    ledger.write(|t| t.end_pick(end(&first, RestoreTestState::Successful), now)).unwrap();
    refused(&|t| t.end_pick(end(&first, RestoreTestState::Failed), now));
    // One that somebody asks for is drawn as often as he asks.
    for _ in 0..2 {
        ledger.write(|t| t.plan_restore_test(new(None), vec![pick("a")], now)).unwrap();
    }
    // What could not be destroyed is tried again, and once it is gone it stays gone.
    ledger.write(|t| t.destroy_pick(gone(&first, Some("busy")), now)).unwrap();
    let left = &ledger.read().picks_of_test(&id).unwrap()[0];
    assert_eq!((left.destroyed.is_none(), left.not_destroyed.as_deref()), (true, Some("busy")));
    ledger.write(|t| t.destroy_pick(gone(&first, None), now)).unwrap();
    refused(&|t| t.destroy_pick(gone(&first, None), now));
    // Nothing of one that never began can be left.
    let other = ledger.write(|t| t.plan_restore_test(new(None), vec![pick("a")], now)).unwrap();
    refused(&|t| t.destroy_pick(gone(&format!("{other}.1"), None), now));
    ledger.read().audit().unwrap();
}

#[test]
fn whoever_turns_a_failure_into_a_success_is_found() {
    for (drop, sql) in [
        ("restore_test_picks_end_once", "UPDATE restore_test_picks SET state = 'successful', failed = '[]'"),
        ("restore_test_picks_never_go", "DELETE FROM restore_test_picks"),
        ("restore_tests_stay", "UPDATE restore_tests SET seed = 'another'"),
    ] {
        let place = Place::new();
        {
            let ledger = place.open();
            let id = under_way(&ledger);
            let now = at("2026-03-01T12:05:00Z");
            for number in 1..=2 {
                let end = end(&format!("{id}.{number}"), RestoreTestState::Failed);
                ledger.write(|t| t.end_pick(end.clone(), now)).unwrap();
            }
        }
        let error = place.tamper(sql).unwrap_err();
        assert!(
            error.contains("once") || error.contains("never go") || error.contains("appended"),
            "{error}"
        );
        place.tamper(&format!("DROP TRIGGER {drop}; {sql}")).unwrap();
        let error = place.open().read().audit().unwrap_err();
        assert!(error.to_string().contains("restore_test"), "{sql}: {error}");
    }
}

#[test]
fn what_was_seen_goes_with_its_client_and_the_result_stays() {
    let place = Place::new();
    let ledger = place.open();
    let id = under_way(&ledger);
    let (first, now) = (format!("{id}.1"), at("2026-03-01T12:05:00Z"));
    ledger.write(|t| t.end_pick(end(&first, RestoreTestState::Failed), now)).unwrap();
    assert_eq!(ledger.erase_private("C-1042", "alice", "the client left").unwrap(), 1);
    let ended = ledger.read().picks_of_test(&id).unwrap()[0].ended.clone().unwrap().0;
    assert_eq!(ended.details.as_deref(), Some(ERASED));
    assert_eq!((ended.state, ended.failed), (RestoreTestState::Failed, vec!["answers".to_owned()]));
    let audit = ledger.read().audit().unwrap();
    assert_eq!(audit.values_erased, 1);
    ledger.empty_log().unwrap();
    for file in std::fs::read_dir(place.path().parent().unwrap()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(20).any(|window| window == b"Welcome to a client'"));
    }
}

#[test]
fn the_past_has_a_test_as_it_stood_then() {
    let place = Place::new();
    let ledger = place.open();
    let id = under_way(&ledger);
    let until = ledger.read().leaf_count().unwrap();
    let first = format!("{id}.1");
    ledger
        .write(|t| t.end_pick(end(&first, RestoreTestState::Successful), at("2026-03-01T12:05:00Z")))
        .unwrap();
    let past = ledger.read().as_of(until).unwrap();
    assert_eq!(past.picks_of_test(&id).unwrap()[0].state, RestoreTestState::Validating);
    assert_eq!(ledger.read().picks_of_test(&id).unwrap()[0].state, RestoreTestState::Successful);
}
