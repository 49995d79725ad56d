//! Windows, over changes of the clocks and past midnight.

use jiff::Timestamp;
use jiff::civil::time;
use jiff::tz::TimeZone;

use super::super::window::{last_start, opening};
use super::super::*;
use super::simulator::{Simulator, at, literal, rules, target};

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_window_past_midnight_is_one_window() {
    let london = TimeZone::get("Europe/London").unwrap();
    let night = [Window { from: time(22, 0, 0, 0), to: time(6, 0, 0, 0) }];
    for (when, is_open, changes) in [
        ("2026-01-10T21:59:59Z", false, "2026-01-10T22:00:00Z"),
        ("2026-01-10T22:00:00Z", true, "2026-01-11T06:00:00Z"),
        ("2026-01-11T03:00:00Z", true, "2026-01-11T06:00:00Z"),
        ("2026-01-11T06:00:00Z", false, "2026-01-11T22:00:00Z"),
        // In summer the same hours are an hour earlier.
        ("2026-07-10T21:00:00Z", true, "2026-07-11T05:00:00Z"),
        // The night in which the clocks go ahead has an hour less.
        ("2026-03-28T23:00:00Z", true, "2026-03-29T05:00:00Z"),
    ] {
        let opening = opening(&night, &london, instant(when));
        assert_eq!((opening.is_open, opening.changes), (is_open, Some(instant(changes))), "{when}");
    }
    let noon = instant("2026-01-11T12:00:00Z");
    assert_eq!(last_start(&night, &london, noon), instant("2026-01-11T06:00:00Z"));
    let midnight = instant("2026-01-11T00:00:00Z");
    assert_eq!(last_start(&night, &london, midnight), midnight);
    assert_eq!(last_start(&[], &london, noon), noon);
}

#[test]
fn runs_start_within_the_window_and_the_deadline_is_counted_from_its_end() {
    // Both are due at the end of the day, but one may only start until three o'clock.
    let mut narrow = target("z", "web1", &["here"]);
    narrow.windows = vec![Window { from: time(2, 0, 0, 0), to: time(3, 0, 0, 0) }];
    let targets = vec![target("a", "web1", &["here"]), narrow];
    let slots =
        vec![literal("a", SlotKind::Incremental, 120, 1440), literal("z", SlotKind::Incremental, 0, 1440)];
    let mut simulator = Simulator::new(rules(1, 1, 1), targets, slots, Box::new(|_, _, _| (50, true)));
    simulator.run_until(1440);
    let starts: Vec<_> = simulator.runs.iter().map(|run| (run.0.as_str(), run.2)).collect();
    assert_eq!(starts, [("z", at(120)), ("a", at(170))]);
    assert_eq!(simulator.count(SlotEnding::Ok), 2);
}

#[test]
fn a_window_that_lies_outside_of_the_slot_is_a_missed_slot_and_said_before() {
    let mut closed = target("a", "web1", &["here"]);
    closed.windows = vec![Window { from: time(20, 0, 0, 0), to: time(21, 0, 0, 0) }];
    let slots = vec![literal("a", SlotKind::Incremental, 0, 600)];
    let mut simulator = Simulator::new(rules(1, 1, 1), vec![closed], slots, Box::new(|_, _, _| (10, true)));
    simulator.run_until(0);
    assert_eq!(simulator.announced.len(), 1);
    simulator.run_until(600);
    assert_eq!((simulator.runs.len(), simulator.count(SlotEnding::Missed)), (0, 1));
}
