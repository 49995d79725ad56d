//! The ledger as it was: the same for ever, whatever was recorded since.

use std::time::Duration;

use holdfast_ledger::{ErrorKind, NewAssessment, SlotState};

use super::support::{Place, at};

#[test]
fn the_first_leaves_make_the_tables_of_their_time() {
    let place = Place::filled();
    let ledger = place.open();
    let reader = ledger.read();
    // Everything but what the second transaction of the fill recorded, which was 90 seconds later.
    let then = reader.leaves_until(at("2026-03-01T12:01:00Z")).unwrap();
    let all = reader.leaves_until(at("2026-03-01T12:01:30Z")).unwrap();
    assert!(0 < then && then < all && all <= reader.leaf_count().unwrap(), "{then} {all}");
    let states = |count: u64| {
        let past = reader.as_of(count).unwrap();
        let slots = past.slots_between(at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"), None).unwrap();
        let states: Vec<SlotState> = slots.iter().map(|slot| slot.state).collect();
        (states, past.holds().unwrap().len(), past.points_lying(at("2026-01-01T00:00:00Z")).unwrap().len())
    };
    assert_eq!(states(then), (vec![SlotState::Expected, SlotState::Expected], 0, 0));
    assert_eq!(states(all), (vec![SlotState::Ok, SlotState::Expected], 1, 1));
    assert_eq!(states(0), (Vec::new(), 0, 0));
    // Reports come along, as long as they are there.
    let run =
        reader.runs_between(at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"), None).unwrap().remove(0);
    assert_eq!(reader.as_of(all).unwrap().report(&run.id).unwrap().as_deref(), Some("{\"files\":[\"/a\"]}"));
    assert_eq!(reader.as_of(then).unwrap().report(&run.id).unwrap(), None);
    // What is recorded later is not in it.
    place.clock.advance(Duration::from_secs(3600));
    ledger.write(|t| t.begin_run(super::support::run("late", &[]), t.recorded_at())).unwrap();
    assert_eq!(states(all), (vec![SlotState::Ok, SlotState::Expected], 1, 1));
    assert_eq!(reader.leaves_until(at("2026-03-01T12:01:30Z")).unwrap(), all);
}

#[test]
fn a_clock_that_was_ahead_hides_nothing_and_is_told() {
    let place = Place::new();
    let ledger = place.open();
    let begin = || ledger.write(|t| t.begin_run(super::support::run("a", &[]), t.recorded_at())).unwrap();
    begin();
    place.clock.set(at("2030-01-01T00:00:00Z"));
    begin();
    let new = NewAssessment { rules: 1, policy_version: None, changes: Vec::new() };
    ledger.write(|t| t.assess(new, at("2030-01-01T00:00:00Z"))).unwrap();
    place.clock.set(at("2026-03-01T13:00:00Z"));
    begin();
    let (reader, to) = (ledger.read(), at("2026-03-01T14:00:00Z"));
    let count = reader.leaves_until(to).unwrap();
    assert_eq!(
        count,
        reader.leaf_count().unwrap(),
        "what was recorded after the clock was set right is of it"
    );
    assert_eq!(reader.leaves_ahead(count, to).unwrap(), (2, 1));
    assert_eq!(reader.leaves_ahead(count, at("2031-01-01T00:00:00Z")).unwrap(), (0, 0));
}

#[test]
fn a_leaf_that_was_changed_makes_no_past() {
    let place = Place::filled();
    let edited =
        "DROP TRIGGER leaves_stay; UPDATE leaves SET payload = replace(payload, 'the board', 'the cleaner')";
    place.tamper(edited).unwrap();
    assert_eq!(place.open().read().as_of(10).unwrap_err().kind, ErrorKind::Damaged);
}
