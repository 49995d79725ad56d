//! A daemon makes restore tests when the calendar says so, once, and puts in order what an earlier one left.

use holdfast_ledger::{NewAction, PickBegun, RestoreTestState};
use holdfast_model::restore_test::{Exercised, Occasion};
use holdfast_model::verdict::Observed;

use super::*;
use crate::action::{self, TestStep};
use crate::verdicts;

/// Lets the round end that is under way.
fn tested(daemon: &mut Daemon<'_>) {
    while daemon.testing.is_under_way {
        let message = daemon.messages.recv_timeout(Duration::from_secs(60)).unwrap();
        daemon.hear(message).unwrap();
    }
}

/// As the loop does, whatever else is due.
fn a_moment(place: &Place, daemon: &mut Daemon<'_>) {
    place.clock.advance(Duration::from_secs(3600));
    daemon.test_when_due(place.clock.now()).unwrap();
    tested(daemon);
}

#[test]
fn a_week_that_counts_is_tested_once_and_one_that_was_open_already_is_not() {
    // A Thursday.
    let place = Place::new("2026-08-27T12:00:00Z");
    let mut daemon = place.daemon();
    let inventory = verdicts::inventory_of(&daemon.configuration.setup.estate);
    verdicts::observe(&daemon.ledger, &[Observed::Inventory(inventory)], place.clock.now()).unwrap();
    assert!(
        daemon.tests_due().unwrap().is_empty(),
        "that week was open before anybody wrote down what there is"
    );
    place.hours_pass(4 * 24);
    let due = daemon.tests_due().unwrap();
    assert_eq!(
        due.iter().map(|(what, week)| (*what, week.label.as_str())).collect::<Vec<_>>(),
        [(Exercised::Websites, "2026-W36")]
    );
    // What is new has a week to get its first point, and is left out by name.
    assert_eq!(carry_out(&mut daemon, &due), []);
    assert!(daemon.tests_due().unwrap().is_empty());
    place.hours_pass(7 * 24);
    let due = daemon.tests_due().unwrap();
    assert_eq!(due[0].1.label, "2026-W37");
    // There is one location, beside production: whoever is drawn has nothing to be restored from, and that is a failure.
    let states = carry_out(&mut daemon, &due);
    assert_eq!(states, [(RestoreTestState::Failed, vec!["found".to_owned()])]);
    assert!(daemon.tests_due().unwrap().is_empty());
    place.hours_pass(7 * 24);
    assert_eq!(daemon.tests_due().unwrap()[0].1.label, "2026-W38");
}

/// Makes what is due, and tells how it ended for each that was drawn.
fn carry_out(daemon: &mut Daemon<'_>, due: &[(Exercised, Occasion)]) -> Vec<(RestoreTestState, Vec<String>)> {
    let setup = daemon.setup_beside(&Arc::default()).unwrap();
    let round = testing::round(&setup, due, &AtomicBool::new(false)).unwrap();
    daemon.testing.is_under_way = true;
    daemon.hear(Message::Tested(Ok(round))).unwrap();
    let test = daemon.ledger.read().restore_test_of("websites", &due[0].1.label).unwrap().unwrap();
    let picks = daemon.ledger.read().picks_of_test(&test.id).unwrap();
    picks
        .into_iter()
        .map(|pick| (pick.state, pick.ended.map(|ended| ended.0.failed).unwrap_or_default()))
        .collect()
}

#[test]
fn what_an_earlier_instance_left_is_a_failure_and_is_destroyed() {
    let place = Place::new("2026-08-27T12:00:00Z");
    let mut daemon = place.daemon();
    {
        let setup = daemon.setup_beside(&Arc::default()).unwrap();
        let inventory = verdicts::inventory_of(&setup.estate);
        verdicts::observe(&daemon.ledger, &[Observed::Inventory(inventory)], place.clock.now()).unwrap();
        let wish = crate::restore_test::Wish {
            exercised: Exercised::Websites,
            assets: vec![ASSET.to_owned()],
            point: None,
            seed: None,
            purpose: None,
        };
        let reader = crate::restore_test::ledger(&setup).unwrap();
        let id = crate::restore_test::plan_by_hand(&setup, &reader, &wish).unwrap();
        let action = NewAction { ..action::by_us(&setup, holdfast_ledger::ActionKind::RestoreTest, None) };
        let entry = action::begin(&setup, action).unwrap();
        let begun = PickBegun {
            pick: format!("{id}.1"),
            location: "there".to_owned(),
            beside: Vec::new(),
            staging: "memory".to_owned(),
            action: entry.id().to_owned(),
            destroy_by: place.clock.now(),
        };
        entry.end(Ending::Done, None).unwrap();
        action::of_a_test(&setup, TestStep::Begun(begun)).unwrap();
    }
    assert_eq!(daemon.ledger.read().picks_unfinished().unwrap().len(), 1);
    a_moment(&place, &mut daemon);
    let picks = daemon.ledger.read().restore_picks_between(Timestamp::UNIX_EPOCH, place.clock.now()).unwrap();
    assert_eq!(picks[0].state, RestoreTestState::Failed);
    assert_eq!(picks[0].ended.as_ref().unwrap().0.failed, ["ended"]);
    assert!(picks[0].destroyed.is_some(), "nothing lay there any more, and that is written down");
    assert!(
        place
            .said
            .lock()
            .unwrap()
            .iter()
            .any(|line| line.contains("what was left of a restore test of shop"))
    );
}
