//! What a daemon asks the ledger before it goes on where another instance stopped.

use std::time::Duration;

use holdfast_ledger::{ErrorKind, Lasted, NewPolicyReview, RunEnd, RunOutcome, Settlement, SlotState};

use super::support::{Place, alarm, at, run, slot};

#[test]
fn alarms_come_back_by_their_time() {
    let place = Place::filled();
    let ledger = place.open();
    let alarms =
        ledger.read().alarms_between(at("2026-03-01T12:01:30Z"), at("2026-03-02T00:00:00Z")).unwrap();
    assert_eq!(alarms.iter().map(|a| a.alarm.clone()).collect::<Vec<_>>(), [alarm()]);
    let leaf = &ledger.read().leaves(alarms[0].leaf, 1).unwrap()[0];
    assert_eq!(leaf.kind, "alarm-raised");
    let before =
        ledger.read().alarms_between(at("2026-03-01T00:00:00Z"), at("2026-03-01T12:01:30Z")).unwrap();
    assert!(before.is_empty());
}

#[test]
fn what_a_run_lasted_comes_back_however_the_clock_was_set() {
    let place = Place::new();
    let ledger = place.open();
    let id = ledger.write(|t| t.begin_run(run("a", &[]), at("2026-03-01T12:00:00Z"))).unwrap();
    let lasted = Lasted { capture_ms: 1500, copy_ms: 200 };
    let end = RunEnd { outcome: RunOutcome::Done, point: None, report: None, lasted: Some(lasted) };
    // The wall clock was set back meanwhile.
    ledger.write(|t| t.end_run(&id, end, at("2026-03-01T11:00:00Z"))).unwrap();
    assert_eq!(ledger.read().durations("a", "site", "incremental", 10).unwrap(), [lasted]);
    ledger.read().audit().unwrap();
}

#[test]
fn how_far_slots_were_recorded_and_since_when() {
    let place = Place::filled();
    let ledger = place.open();
    let mut first = slot("shop.example", "2026-03-01T12:30:00Z", "2026-03-01T13:30:00Z");
    first.id.push_str("first");
    first.basis = "first".to_owned();
    let now = at("2026-03-01T12:02:00Z");
    ledger.write(|t| t.expect_slots(1, std::slice::from_ref(&first), now)).unwrap();
    let enrolment = ledger.read().enrolment("shop.example", "site", "first").unwrap().unwrap();
    assert_eq!(enrolment.since, Some(first.opens));
    assert_eq!(enrolment.last.opens, at("2026-03-01T13:00:00Z"));
    assert_eq!(enrolment.last.state, SlotState::Expected);
    let settlement = Settlement {
        slot: enrolment.last.id,
        state: SlotState::Waived,
        run: None,
        reason: Some("gone".to_owned()),
    };
    ledger.write(|t| t.settle_slots(vec![settlement], now)).unwrap();
    let enrolment = ledger.read().enrolment("shop.example", "site", "first").unwrap().unwrap();
    assert_eq!((enrolment.last.state, enrolment.last.reason.as_deref()), (SlotState::Waived, Some("gone")));
    assert_eq!(ledger.read().enrolment("shop.example", "other", "first").unwrap(), None);
}

#[test]
fn an_instance_knows_when_the_one_before_was_last_alive() {
    let place = Place::new();
    let first = place.open();
    assert_eq!(first.read().last_seen_before(first.token()).unwrap(), None);
    place.clock.advance(Duration::from_secs(300));
    first.renew_lease().unwrap();
    place.clock.advance(Duration::from_secs(10));
    // Killed: it never gives its lease back.
    drop(first);
    let second = place.open();
    let seen = second.read().last_seen_before(second.token()).unwrap();
    assert_eq!(seen, Some(at("2026-03-01T12:05:00Z")));
    place.clock.advance(Duration::from_secs(100));
    second.close().unwrap();
    let third = place.open();
    assert_eq!(third.read().last_seen_before(third.token()).unwrap(), Some(at("2026-03-01T12:06:50Z")));
}

#[test]
fn a_review_names_who_reviewed_which_text_and_the_version_that_it_is() {
    let place = Place::filled();
    let ledger = place.open();
    let review = |reviewer: &str, text: &str| {
        let new = NewPolicyReview { reviewer: reviewer.to_owned(), text: text.to_owned(), note: None };
        ledger.write(|t| t.review_policy(&new, at("2026-03-02T12:00:00Z")))
    };
    assert_eq!(review(" ", "[policy]").unwrap_err().kind, ErrorKind::Contradiction);
    review("A. Nwosu", "[policy]").unwrap();
    let reviews = ledger.read().policy_reviews().unwrap();
    let told: Vec<_> = reviews.iter().map(|r| (r.reviewer.as_str(), r.policy_version)).collect();
    // The first is of a text that is no version.
    assert_eq!(told, [("D. Okafor", None), ("A. Nwosu", Some(1))]);
    assert_eq!(reviews[1].policy_sha256, ledger.read().policy_versions().unwrap()[0].sha256);
    assert_eq!(ledger.read().leaves(reviews[1].leaf, 1).unwrap()[0].kind, "policy-reviewed");
    ledger.read().audit().unwrap();
}
