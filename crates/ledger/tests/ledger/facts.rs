//! What is recorded comes back, and what contradicts it is refused.

use std::time::Duration;

use holdfast_ledger::{
    CheckScope, ErrorKind, Findings, Lasted, Ledger, NewCheck, NewHold, NewPolicyVersion, NewPurge,
    NewWaiver, PurgePhase, PurgeState, RunEnd, RunOutcome, RunState, Settlement, SlotState,
};

use super::support::{Place, at, check, decided, done, point, receipt, run, slot, wait};

fn policy(text: &str, effective: &str) -> NewPolicyVersion {
    NewPolicyVersion { text: text.to_owned(), effective: at(effective), approver: "the board".to_owned() }
}

#[test]
fn policies_hold_from_the_later_of_their_date_and_their_adoption() {
    let place = Place::new();
    let ledger = place.open();
    let adopt = |text: &str, effective: &str| {
        ledger.write(|t| t.adopt_policy(&policy(text, effective), t.recorded_at())).unwrap()
    };
    assert_eq!(adopt("one", "2026-01-01T00:00:00Z"), 1);
    assert_eq!(adopt("one", "2026-01-01T00:00:00Z"), 1);
    place.clock.advance(Duration::from_secs(86_400));
    assert_eq!(adopt("two", "2026-01-01T00:00:00Z"), 2);
    assert_eq!(adopt("three", "2026-04-01T00:00:00Z"), 3);
    let in_force = |when: &str| ledger.read().policy_in_force(at(when)).unwrap().map(|version| version.text);
    assert_eq!(in_force("2026-02-28T00:00:00Z"), None);
    assert_eq!(in_force("2026-03-01T12:00:00Z").unwrap(), "one");
    // The second says that it held since January; yesterday's verdicts stay those of the first.
    assert_eq!(in_force("2026-03-02T11:59:59Z").unwrap(), "one");
    assert_eq!(in_force("2026-03-02T12:00:00Z").unwrap(), "two");
    assert_eq!(in_force("2026-04-01T00:00:00Z").unwrap(), "three");
    let versions = ledger.read().policy_versions().unwrap();
    assert_eq!(versions.len(), 3);
    assert_eq!(versions[0].sha256, "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed");
}

#[test]
fn slots_are_expected_once_and_end_once() {
    let place = Place::new();
    let ledger = place.open();
    let slots = [
        slot("a", "2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z"),
        slot("b", "2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z"),
        slot("a", "2026-03-01T13:00:00Z", "2026-03-01T14:00:00Z"),
    ];
    let new = ledger
        .write(|t| {
            let version = t.adopt_policy(&policy("one", "2026-01-01T00:00:00Z"), t.recorded_at())?;
            assert_eq!(t.expect_slots(version, &slots[..2], t.recorded_at())?, 2);
            t.expect_slots(version, &slots, t.recorded_at())
        })
        .unwrap();
    assert_eq!(new, 1);
    let settle = |slot: &str, state| {
        let reason = Some("because".to_owned());
        let settlement = Settlement { slot: slot.to_owned(), state, run: None, reason };
        ledger.write(|t| t.settle_slots(vec![settlement], t.recorded_at()))
    };
    settle(&slots[0].id.clone(), SlotState::Missed).unwrap();
    for (id, state) in [
        (slots[0].id.clone(), SlotState::Ok),
        ("nothing".to_owned(), SlotState::Ok),
        (slots[1].id.clone(), SlotState::Expected),
    ] {
        assert_eq!(settle(&id, state).unwrap_err().kind, ErrorKind::Contradiction, "{id} {state}");
    }
    let read = ledger.read();
    let found = read.slot(&slots[0].id.clone()).unwrap().unwrap();
    assert_eq!((found.state, found.reason.as_deref()), (SlotState::Missed, Some("because")));
    assert_eq!((found.opens, found.due, found.policy_version), (slots[0].opens, slots[0].due, 1));
    let ids = |slots: Vec<holdfast_ledger::Slot>| slots.into_iter().map(|s| s.id).collect::<Vec<_>>();
    assert_eq!(ids(read.slots_expected().unwrap()), [slots[1].id.clone(), slots[2].id.clone()]);
    let (from, to) = (at("2026-03-01T13:00:00Z"), at("2026-03-01T14:00:00Z"));
    assert_eq!(ids(read.slots_between(from, to, None).unwrap()), [slots[0].id.clone(), slots[1].id.clone()]);
    assert_eq!(ids(read.slots_between(from, to, Some("b")).unwrap()), [slots[1].id.clone()]);
    // A slot of a policy that nobody adopted.
    let error = ledger
        .write(|t| {
            t.expect_slots(9, &[slot("c", "2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z")], t.recorded_at())
        })
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Contradiction);
}

#[test]
fn runs_begin_and_end_once() {
    let place = Place::new();
    let ledger = place.open();
    let slots = ["x".to_owned(), "y".to_owned()];
    let id = ledger.write(|t| t.begin_run(run("shop.example", &slots), t.recorded_at())).unwrap();
    let begun = ledger.read().run(&id).unwrap().unwrap();
    assert_eq!((begun.state, begun.token, begun.ended_at), (RunState::Begun, ledger.token(), None));
    assert_eq!(begun.slots, slots);
    assert_eq!(ledger.read().runs_unfinished().unwrap(), std::slice::from_ref(&begun));
    place.clock.advance(Duration::from_secs(7));
    let end = |id: &str| ledger.write(|t| t.end_run(id, done(Some("aa"), Some("{}")), t.recorded_at()));
    end(&id).unwrap();
    assert_eq!(end(&id).unwrap_err().kind, ErrorKind::Contradiction);
    assert_eq!(end("nothing").unwrap_err().kind, ErrorKind::Contradiction);
    let ended = ledger.read().run(&id).unwrap().unwrap();
    assert_eq!((ended.outcome, ended.point.as_deref()), (Some(RunOutcome::Done), Some("aa")));
    assert_eq!(ledger.read().report(&id).unwrap().unwrap(), "{}");
    assert!(ledger.read().runs_unfinished().unwrap().is_empty());
    let durations = |kind: &str| ledger.read().durations("shop.example", "site", kind, 10).unwrap();
    assert_eq!(durations("incremental"), [Lasted { capture_ms: 7000, copy_ms: 0 }]);
    assert!(durations("full").is_empty());
    let (from, to) = (begun.begun_at, at("2026-03-01T12:00:07Z"));
    assert_eq!(ledger.read().runs_between(from, to, None).unwrap(), [ended]);
    assert!(ledger.read().runs_between(from, to, Some("other")).unwrap().is_empty());
}

#[test]
fn runs_that_were_cut_off_are_interrupted_by_the_next_instance() {
    let place = Place::new();
    let first = place.open();
    let id = first.write(|t| t.begin_run(run("a", &[]), t.recorded_at())).unwrap();
    // Those of the living instance are left alone.
    assert!(first.write(|t| t.interrupt_orphans(t.recorded_at())).unwrap().is_empty());
    drop(first);
    let second = place.open();
    let orphans = second.write(|t| t.interrupt_orphans(t.recorded_at())).unwrap();
    assert_eq!(orphans.iter().map(|run| &run.id).collect::<Vec<_>>(), [&id]);
    assert_eq!(second.read().run(&id).unwrap().unwrap().outcome, Some(RunOutcome::Interrupted));
    assert!(second.write(|t| t.interrupt_orphans(t.recorded_at())).unwrap().is_empty());
}

#[test]
fn points_and_their_copies() {
    let place = Place::new();
    let ledger = place.open();
    let noon = at("2026-03-01T12:00:00Z");
    let (later, last) = (at("2026-03-01T13:00:00Z"), at("2026-03-01T14:00:00Z"));
    let aa = point("aa", "2026-02-28T23:59:59.999999999Z");
    ledger.write(|t| t.record_point(aa.clone(), noon)).unwrap();
    let again = ledger.write(|t| t.record_point(aa.clone(), noon)).unwrap_err();
    assert_eq!(again.kind, ErrorKind::Contradiction);
    let see = |when| ledger.write(|t| t.see_copy("aa", "here", when));
    let remove = |when| ledger.write(|t| t.remove_copy("aa", "here", when));
    let copy = || ledger.read().copies_of("aa").unwrap().pop().unwrap();
    assert_eq!(remove(noon).unwrap_err().kind, ErrorKind::Contradiction);
    see(noon).unwrap();
    see(later).unwrap();
    assert_eq!((copy().has_since, copy().confirmed_at, copy().removed_at), (noon, later, None));
    remove(later).unwrap();
    assert_eq!(copy().removed_at, Some(later));
    assert_eq!(remove(last).unwrap_err().kind, ErrorKind::Contradiction);
    // Healed: there since then.
    see(last).unwrap();
    assert_eq!((copy().has_since, copy().confirmed_at, copy().removed_at), (last, last, None));
    let unknown = ledger.write(|t| t.see_copy("bb", "here", noon)).unwrap_err();
    assert_eq!(unknown.kind, ErrorKind::Contradiction);
    assert_eq!(ledger.read().points_of("shop.example").unwrap(), std::slice::from_ref(&aa));
    assert_eq!(ledger.read().point("aa").unwrap(), Some(aa));
    assert_eq!(ledger.read().point("bb").unwrap(), None);
}

#[test]
fn checks_and_receipts() {
    let place = Place::new();
    let ledger = place.open();
    let noon = at("2026-03-01T12:00:00Z");
    let scopes = [
        CheckScope::Structure,
        CheckScope::Point("aa".to_owned()),
        CheckScope::Run { run: "r".to_owned(), point: "aa".to_owned() },
        CheckScope::Slice { number: 0, of: 7 },
        CheckScope::All,
        CheckScope::Repair,
    ];
    for scope in &scopes {
        ledger.write(|t| t.record_check(check("here", scope.clone()), noon)).unwrap();
    }
    ledger.write(|t| t.record_check(check("there", CheckScope::All), noon)).unwrap();
    let checks = ledger.read().checks_of("C-1042", Some("here"), noon).unwrap();
    assert_eq!(checks.iter().map(|c| c.check.clone()).collect::<Vec<_>>(), scopes.map(|s| check("here", s)));
    assert_eq!(ledger.read().checks_of("C-1042", None, noon).unwrap().len(), 7);
    assert!(ledger.read().checks_of("C-1042", None, at("2026-03-01T12:00:01Z")).unwrap().is_empty());
    for phase in [PurgePhase::Logical, PurgePhase::Physical] {
        ledger.write(|t| t.record_receipt(receipt(phase), noon)).unwrap();
    }
    let receipts = ledger.read().receipts_of("p-1").unwrap();
    assert_eq!(
        receipts.iter().map(|r| r.receipt.clone()).collect::<Vec<_>>(),
        [receipt(PurgePhase::Logical), receipt(PurgePhase::Physical)]
    );
    // Each is provable by the leaf that it names.
    let leaf = &ledger.read().leaves(receipts[1].leaf, 1).unwrap()[0];
    assert!(leaf.kind == "purged" && leaf.payload.contains("\"physical\""), "{leaf:?}");
}

#[test]
fn a_purge_is_written_before_its_effect_and_completed_once() {
    let place = Place::new();
    let ledger = place.open();
    let noon = at("2026-03-01T12:00:00Z");
    let begin = || ledger.write(|t| t.begin_purge(NewPurge::retention("a test", None), noon)).unwrap();
    let end = |id: &str, state, waits| ledger.write(|t| t.end_purge(id, state, waits, noon));
    let decide = |id: &str| ledger.write(|t| t.decide_purge(id, "C-1042", vec![decided("aa")], noon));
    let first = begin();
    decide(&first).unwrap();
    assert_eq!(ledger.read().points_of_purge(&first).unwrap()[0].decided, decided("aa"));
    assert_eq!(decide(&first).unwrap_err().kind, ErrorKind::Contradiction);
    end(&first, PurgeState::Waiting, vec![wait()]).unwrap();
    let open = ledger.read().purges_open().unwrap();
    assert_eq!((open.len(), &open[0].state, &open[0].waits), (1, &PurgeState::Waiting, &vec![wait()]));
    // What has an end decides nothing more.
    assert_eq!(decide(&first).unwrap_err().kind, ErrorKind::Contradiction);
    end(&first, PurgeState::Done, Vec::new()).unwrap();
    assert_eq!(end(&first, PurgeState::Waiting, vec![wait()]).unwrap_err().kind, ErrorKind::Contradiction);
    assert!(ledger.read().purges_open().unwrap().is_empty());
    // One at a time: whoever begins finds the other cut off, in this instance or in the next.
    let (second, third) = (begin(), begin());
    let state = |ledger: &Ledger, id: &str| {
        ledger.read().purges(noon).unwrap().into_iter().find(|purge| purge.id == id).unwrap().state
    };
    assert_eq!((state(&ledger, &second), state(&ledger, &third)), (PurgeState::CutOff, PurgeState::Begun));
    ledger.close().unwrap();
    let next = place.open();
    next.write(|t| t.interrupt_orphans(noon)).unwrap();
    assert_eq!((state(&next, &first), state(&next, &third)), (PurgeState::Done, PurgeState::CutOff));
    assert_eq!(next.read().purges_open().unwrap().len(), 2);
    assert!(next.read().purges(at("2026-03-01T12:00:01Z")).unwrap().is_empty());
    next.read().audit().unwrap();
}

#[test]
fn checks_say_what_they_found_of_single_points_and_belong_to_runs() {
    let place = Place::new();
    let ledger = place.open();
    let (noon, before) = (at("2026-03-01T12:00:00Z"), at("2026-03-01T11:00:00Z"));
    let of_run = |run: &str| CheckScope::Run { run: run.to_owned(), point: "aa".to_owned() };
    let findings = Findings {
        arrived: vec!["aa".to_owned(), "bb".to_owned()],
        gone: vec!["cc".to_owned()],
        damaged: vec!["aa".to_owned()],
        lacking: vec!["bb".to_owned()],
        other_damage: vec!["config: cut off".to_owned()],
        is_unfollowed: true,
        later: vec!["dd".to_owned()],
        is_everything: true,
    };
    let full = NewCheck { findings, ..check("here", of_run("r1")) };
    ledger.write(|t| t.record_check(full.clone(), noon)).unwrap();
    // The clock was set back in between.
    ledger.write(|t| t.record_check(check("there", of_run("r1")), before)).unwrap();
    ledger.write(|t| t.record_check(check("here", of_run("r2")), before)).unwrap();
    let all = ledger.read().every_check_of("C-1042").unwrap();
    assert_eq!(all[0].check, full);
    assert!(all.is_sorted_by_key(|check| check.leaf));
    assert_eq!(ledger.read().every_check_of("C-1").unwrap(), []);
    let of_first = ledger.read().checks_of_runs(&["r1", "r9"]).unwrap();
    assert_eq!(of_first.iter().map(|c| c.check.location.as_str()).collect::<Vec<_>>(), ["here", "there"]);
    ledger.read().audit().unwrap();
}

#[test]
fn waivers_and_holds_have_owners_reasons_and_ends() {
    let place = Place::new();
    let ledger = place.open();
    let noon = at("2026-03-01T12:00:00Z");
    let waiver = NewWaiver {
        asset: "a".to_owned(),
        dataset: Some("site".to_owned()),
        begins: noon,
        expires: at("2026-03-02T12:00:00Z"),
        owner: "ops".to_owned(),
        reason: "moves".to_owned(),
    };
    let id = ledger.write(|t| t.waive(waiver.clone(), noon)).unwrap();
    for bad in [
        NewWaiver { reason: " ".to_owned(), ..waiver.clone() },
        NewWaiver { owner: String::new(), ..waiver.clone() },
        NewWaiver { expires: noon, ..waiver.clone() },
    ] {
        assert_eq!(ledger.write(|t| t.waive(bad, noon)).unwrap_err().kind, ErrorKind::Contradiction);
    }
    let found = ledger.read().waivers_at(noon, Some("a")).unwrap();
    assert_eq!((found.len(), &found[0].id, &found[0].waiver), (1, &id, &waiver));
    assert!(ledger.read().waivers_at(waiver.expires, None).unwrap().is_empty());
    assert!(ledger.read().waivers_at(noon, Some("b")).unwrap().is_empty());

    let hold = NewHold {
        asset: "a".to_owned(),
        owner: "legal".to_owned(),
        reason: "a dispute".to_owned(),
        review_on: "2026-06-01".parse().unwrap(),
    };
    let id = ledger.write(|t| t.place_hold(hold.clone(), noon)).unwrap();
    let nobody = NewHold { owner: String::new(), ..hold.clone() };
    assert!(ledger.write(|t| t.place_hold(nobody, noon)).is_err());
    let standing = ledger.read().holds_standing(Some("a")).unwrap();
    assert_eq!((standing.len(), &standing[0].id, &standing[0].hold), (1, &id, &hold));
    ledger.write(|t| t.release_hold(&id, "legal", noon)).unwrap();
    assert!(ledger.read().holds_standing(None).unwrap().is_empty());
    let twice = ledger.write(|t| t.release_hold(&id, "legal", noon)).unwrap_err();
    assert_eq!(twice.kind, ErrorKind::Contradiction);
}

#[test]
fn a_transaction_that_fails_leaves_nothing() {
    let place = Place::new();
    let ledger = place.open();
    let before = ledger.read().tree_head(None).unwrap();
    let error = ledger
        .write(|t| {
            t.record_point(point("aa", "2026-03-01T12:00:00Z"), t.recorded_at())?;
            t.end_run(
                "nothing",
                RunEnd { outcome: RunOutcome::Done, point: None, report: None, lasted: None },
                t.recorded_at(),
            )
        })
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Contradiction);
    assert_eq!(ledger.read().tree_head(None).unwrap(), before);
    assert_eq!(ledger.read().point("aa").unwrap(), None);
    ledger.read().audit().unwrap();
}
