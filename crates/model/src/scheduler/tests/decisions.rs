//! Single decisions, one at a time.

use jiff::SignedDuration;

use super::super::*;
use super::simulator::{Simulator, at, lasts, literal, long, minutes, rules, slot, target};
use crate::slot::SlotKind::{Full, Incremental};

fn steady(run_minutes: u64) -> Box<dyn Fn(&AssetName, SlotKind, u64) -> (u64, bool)> {
    Box::new(move |_, _, _| (run_minutes, true))
}

fn names(simulator: &Simulator) -> Vec<&str> {
    simulator.runs.iter().map(|(asset, ..)| asset.as_str()).collect()
}

#[test]
fn the_earliest_deadline_goes_first() {
    let targets = ["a", "b", "c"].map(|name| target(name, "web1", &["here"])).to_vec();
    let slots =
        vec![slot("a", Incremental, 0, 300), slot("b", Incremental, 0, 100), slot("c", Incremental, 0, 200)];
    let mut simulator = Simulator::new(rules(1, 1, 1), targets, slots, steady(10));
    simulator.run_until(60);
    assert_eq!(names(&simulator), ["b", "c", "a"]);
    assert_eq!(simulator.count(SlotEnding::Ok), 3);
}

#[test]
fn a_run_serves_every_open_slot_and_one_that_is_not_urgent_waits_for_the_next() {
    // The day's slot opens at 0, the compiled one at 30: one run at 30 serves both.
    let slots = vec![literal("a", Incremental, 0, 1440), slot("a", Incremental, 30, 90)];
    let mut simulator =
        Simulator::new(rules(1, 1, 1), vec![target("a", "web1", &["here"])], slots, steady(10));
    simulator.run_until(1440);
    assert_eq!(simulator.runs.len(), 1);
    assert_eq!((simulator.runs[0].2, simulator.runs[0].3.len()), (at(30), 2));
    assert_eq!(simulator.count(SlotEnding::Ok), 2);
    // One that would be late by waiting does not wait.
    let slots = vec![literal("a", Incremental, 0, 45), slot("a", Incremental, 30, 90)];
    let mut simulator =
        Simulator::new(rules(1, 1, 1), vec![target("a", "web1", &["here"])], slots, steady(10));
    simulator.run_until(90);
    assert_eq!(simulator.runs.len(), 2);
    assert_eq!(simulator.count(SlotEnding::Ok), 2);
}

#[test]
fn a_full_run_serves_incremental_slots_and_not_the_other_way_round() {
    let slots = vec![slot("a", Incremental, 0, 60), slot("a", Full, 0, 600)];
    let mut simulator =
        Simulator::new(rules(1, 1, 1), vec![target("a", "web1", &["here"])], slots.clone(), steady(10));
    simulator.run_until(60);
    assert_eq!(simulator.runs.len(), 1);
    assert_eq!((simulator.runs[0].1, simulator.runs[0].3.len()), (Full, 2));
    // Where a full one takes too long for the incremental slot, that comes first.
    let slow = Rules { assumed: (lasts(10), lasts(90)), ..rules(1, 1, 1) };
    let behaviour = Box::new(|_: &AssetName, kind, _| (if kind == Full { 90 } else { 10 }, true));
    let mut simulator = Simulator::new(slow, vec![target("a", "web1", &["here"])], slots, behaviour);
    simulator.run_until(600);
    assert_eq!(simulator.runs.iter().map(|run| run.1).collect::<Vec<_>>(), [Incremental, Full]);
    assert_eq!(simulator.count(SlotEnding::Ok), 2);
}

#[test]
fn failures_back_off_use_up_their_budget_and_get_it_back_with_the_next_slot() {
    let slots = vec![slot("a", Incremental, 0, 200), slot("a", Incremental, 200, 400)];
    let behaviour = Box::new(|_: &AssetName, _, number| (1, number >= 5));
    let mut simulator =
        Simulator::new(rules(1, 1, 1), vec![target("a", "web1", &["here"])], slots, behaviour);
    simulator.run_until(400);
    let starts: Vec<_> = simulator.runs.iter().map(|run| run.2).collect();
    // Pauses of 1, 2, 4 and 8 minutes after runs of one; then nothing until the next slot.
    assert_eq!(starts, [0, 2, 5, 10, 19, 200].map(at));
    assert_eq!(simulator.gave_up, 1);
    assert_eq!((simulator.count(SlotEnding::Missed), simulator.count(SlotEnding::Ok)), (1, 1));
    // Where no slot opens for long, it is tried again after a rest.
    let behaviour = Box::new(|_: &AssetName, _, number| (1, number >= 5));
    let slots = vec![slot("a", Full, 0, 10_000)];
    let mut simulator =
        Simulator::new(rules(1, 1, 1), vec![target("a", "web1", &["here"])], slots, behaviour);
    simulator.run_until(10_000);
    assert_eq!(simulator.runs.last().unwrap().2, at(20 + 240));
    assert_eq!(simulator.count(SlotEnding::Ok), 1);
}

#[test]
fn after_a_downtime_one_run_serves_all_that_still_can_be_served() {
    // Six hourly slots, and the day's; down from 90 to 310.
    let mut slots: Vec<_> = (0..6).map(|hour| slot("a", Incremental, hour * 60, hour * 60 + 60)).collect();
    slots.push(literal("a", Incremental, 0, 1440));
    slots.push(slot("a", Full, 0, 2000));
    let mut simulator =
        Simulator::new(rules(1, 1, 1), vec![target("a", "web1", &["here"])], slots, steady(5));
    simulator.run_until(90);
    simulator.kill();
    let before = simulator.runs.len();
    let mut down = simulator;
    down.stay_down_until(310);
    down.run_until(359);
    assert_eq!(down.runs.len() - before, 1, "{:?}", down.runs);
    // 2, 3 and 4 o'clock are lost; what is still open is served by the one run.
    assert_eq!(down.count(SlotEnding::Missed), 3);
    down.assert_all_accounted();
    assert_eq!(down.jumps, 0);
}

#[test]
fn what_cannot_be_done_in_time_is_named_before() {
    let targets = ["a", "b", "c"].map(|name| target(name, "web1", &["here"])).to_vec();
    let slots: Vec<_> = ["a", "b", "c"].map(|name| slot(name, Incremental, 0, 25)).to_vec();
    let late = slots[2].id();
    let mut simulator = Simulator::new(rules(1, 1, 1), targets, slots, steady(10));
    simulator.run_until(0);
    assert_eq!(simulator.announced.iter().collect::<Vec<_>>(), [&format!("1/{late}")]);
    simulator.run_until(60);
    assert_eq!((simulator.count(SlotEnding::Ok), simulator.count(SlotEnding::Late)), (2, 1));
}

#[test]
fn a_run_that_an_earlier_instance_began_is_interrupted_and_its_slot_comes_again() {
    let slots = vec![slot("a", Incremental, 0, 120)];
    let mut simulator =
        Simulator::new(rules(1, 1, 1), vec![target("a", "web1", &["here"])], slots, steady(10));
    simulator.run_until(5);
    simulator.kill();
    simulator.run_until(120);
    assert_eq!((simulator.interrupted, simulator.runs.len()), (1, 2));
    // Not at once: it may have been the run that took the process down.
    assert!(simulator.runs[1].2 >= at(7), "{:?}", simulator.runs);
    assert_eq!(simulator.count(SlotEnding::Ok), 1);
}

#[test]
fn an_end_that_belongs_to_no_run_changes_nothing() {
    let state = State::new(rules(1, 1, 1));
    let now = Now { wall: at(0), monotonic: long(1) };
    let (state, _) = step(state, now, Event::Took { token: 7, orphans: Vec::new(), last_seen: None });
    let foreign = RunId { token: 6, number: 0 };
    let (_, actions) = step(state, now, Event::Ended { run: foreign, ending: RunEnding::Failed });
    assert!(actions.is_empty(), "{actions:?}");
}

#[test]
fn draining_begins_nothing_and_exits_when_the_last_run_is_over() {
    let targets = ["a", "b"].map(|name| target(name, "web1", &["here"])).to_vec();
    let slots = vec![slot("a", Incremental, 0, 100), slot("b", Incremental, 0, 100)];
    let mut simulator = Simulator::new(rules(1, 1, 1), targets, slots, steady(10));
    simulator.run_until(5);
    simulator.tell(Event::Drain);
    assert!(!simulator.has_exited);
    simulator.run_until(10);
    assert!(simulator.has_exited);
    assert_eq!((simulator.runs.len(), simulator.count(SlotEnding::Ok)), (1, 1));
}

#[test]
fn a_waived_slot_is_accounted_for_and_does_not_run() {
    let slots = vec![slot("a", Incremental, 30, 60)];
    let id = slots[0].id();
    let mut simulator =
        Simulator::new(rules(1, 1, 1), vec![target("a", "web1", &["here"])], slots, steady(10));
    simulator.tell(Event::Waived(vec![id]));
    simulator.run_until(60);
    assert_eq!((simulator.count(SlotEnding::Waived), simulator.runs.len()), (1, 0));
}

#[test]
fn measured_durations_move_the_latest_start() {
    let mut state = State::new(rules(1, 1, 1));
    let now = Now { wall: at(0), monotonic: long(1) };
    let asset = AssetName::parse("a").unwrap();
    for capture in [20, 50, 30] {
        let (dataset, kind) = (crate::Dataset::Site, Incremental);
        let event =
            Event::Measured { asset: asset.clone(), dataset, kind, capture: long(capture), copy: long(5) };
        state = step(state, now, event).0;
    }
    (state, _) = step(state, now, Event::Targets(vec![target("a", "web1", &["here"])]));
    (state, _) = step(state, now, Event::Slots(vec![slot("a", Incremental, 0, 50)]));
    let (state, actions) = step(state, now, Event::Took { token: 1, orphans: Vec::new(), last_seen: None });
    // Ten minutes were assumed; 55 were measured, and the slot has 50.
    let is_named =
        |action: &Action| matches!(&action.order, Order::Overload(late) if late[0].expected == at(55));
    assert!(actions.iter().any(is_named), "{actions:?}");
    assert_eq!(state.running(), 1);
}

#[test]
fn a_clock_that_is_set_is_doubted_before_slots_are_given_up() {
    let slots = vec![slot("a", Incremental, 60, 300)];
    let mut simulator =
        Simulator::new(rules(1, 1, 1), vec![target("a", "web1", &["here"])], slots, steady(10));
    simulator.run_until(10);
    simulator.set_clock(minutes(600));
    assert_eq!(simulator.jumps, 1);
    simulator.run_until(60);
    assert_eq!(simulator.settled.len(), 0);
    simulator.set_clock(SignedDuration::ZERO);
    simulator.run_until(300);
    assert_eq!(simulator.count(SlotEnding::Ok), 1);
    // One that stays set is believed after an hour.
    let slots = vec![slot("a", Incremental, 60, 300)];
    let mut simulator =
        Simulator::new(rules(1, 1, 1), vec![target("a", "web1", &["here"])], slots, steady(10));
    simulator.set_clock(minutes(600));
    simulator.run_until(59);
    assert_eq!(simulator.settled.len(), 0);
    simulator.run_until(61);
    assert_eq!(simulator.count(SlotEnding::Missed), 1);
}
