//! As much as can be done is done in time, and more than that is shared fairly, and said.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::*;
use super::simulator::{Simulator, lasts, long, rules, slot, target};
use crate::slot::SlotKind::Incremental;

fn behaviour(durations: BTreeMap<String, u64>) -> Box<dyn Fn(&AssetName, SlotKind, u64) -> (u64, bool)> {
    Box::new(move |asset, _, _| (durations[asset.as_str()], true))
}

fn measured(simulator: &mut Simulator, durations: &BTreeMap<String, u64>) {
    for (name, minutes) in durations {
        let asset = AssetName::parse(name).unwrap();
        let (dataset, kind) = (crate::Dataset::Site, Incremental);
        simulator.tell(Event::Measured { asset, dataset, kind, capture: long(*minutes), copy: long(0) });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    // Jobs of any length, all known, one at a time: whenever some order meets every deadline, ours does.
    #[test]
    fn a_feasible_load_on_one_place_is_never_late(
        jobs in proptest::collection::vec((1..90_u64, 0..30_i64), 1..12),
        order in any::<u64>(),
    ) {
        let mut end = 10;
        let mut slots = Vec::new();
        let mut durations = BTreeMap::new();
        for (number, (minutes, slack)) in jobs.iter().enumerate() {
            end += i64::try_from(*minutes).unwrap();
            // Names say nothing about the order in which it is feasible.
            let name = format!("a{:03}", (number as u64).wrapping_mul(order | 1) % 997);
            prop_assume!(durations.insert(name.clone(), *minutes).is_none());
            slots.push(slot(&name, Incremental, 10, end + slack));
        }
        let targets = durations.keys().map(|name| target(name, "web1", &["here"])).collect();
        let count = slots.len();
        let mut simulator = Simulator::new(rules(1, 1, 1), targets, slots, behaviour(durations.clone()));
        measured(&mut simulator, &durations);
        simulator.run_until(end + 100);
        prop_assert_eq!(simulator.count(SlotEnding::Ok), count);
        prop_assert!(simulator.announced.is_empty());
    }

    // Runs of one length on several places, opening at any of their multiples.
    #[test]
    fn a_feasible_load_on_many_places_is_never_late(
        places in 1..4_usize,
        length in 1..30_u64,
        jobs in proptest::collection::vec((0..20_i64, 0..10_i64, 0..10_i64), 1..40),
    ) {
        let length_i = i64::try_from(length).unwrap();
        let mut taken: BTreeMap<i64, usize> = BTreeMap::new();
        let (mut slots, mut durations) = (Vec::new(), BTreeMap::new());
        for (number, (period, earlier, later)) in jobs.iter().enumerate() {
            let used = taken.entry(*period).or_default();
            if *used == places {
                continue;
            }
            *used += 1;
            let name = format!("a{number}");
            let opens = (period - earlier).max(0) * length_i + length_i;
            slots.push(slot(&name, Incremental, opens, (period + 2 + later) * length_i));
            durations.insert(name, length);
        }
        let targets = durations.keys().map(|name| target(name, "web1", &["here"])).collect();
        let count = slots.len();
        let same = Rules { assumed: (lasts(length), lasts(length)), ..rules(places, places, places) };
        let mut simulator = Simulator::new(same, targets, slots, behaviour(durations));
        simulator.run_until(35 * length_i);
        prop_assert_eq!(simulator.count(SlotEnding::Ok), count);
        prop_assert!(simulator.announced.is_empty());
    }
}

#[test]
fn who_is_never_urgent_is_not_starved() {
    // Six sites every twenty minutes are three times what fits; a seventh has a slot a day, and never the nearest deadline.
    let names: Vec<String> = (0..6).map(|number| format!("a{number}")).chain(["z".to_owned()]).collect();
    let durations: BTreeMap<String, u64> = names.iter().map(|name| (name.clone(), 10)).collect();
    let mut slots: Vec<_> =
        (0..4).map(|day| slot("z", Incremental, day * 1440 + 5, (day + 1) * 1440 + 5)).collect();
    for name in &names[..6] {
        slots.extend((0..288).map(|number| slot(name, Incremental, number * 20, number * 20 + 20)));
    }
    let targets = names.iter().map(|name| target(name, "web1", &["here"])).collect();
    let mut simulator = Simulator::new(rules(1, 1, 1), targets, slots, behaviour(durations));
    simulator.run_until(4 * 1440 + 60);
    simulator.assert_all_accounted();
    let served = simulator
        .settled
        .iter()
        .filter(|(id, (ending, _))| id.starts_with("z/") && *ending == SlotEnding::Ok);
    assert_eq!(served.count(), 4);
}

#[test]
fn overload_is_shared_and_said() {
    // Twelve sites, each every hour, ten minutes each, one at a time: twice as much as fits.
    let names: Vec<String> = (0..12).map(|number| format!("a{number:02}")).collect();
    let durations: BTreeMap<String, u64> = names.iter().map(|name| (name.clone(), 10)).collect();
    let hours = 48;
    let mut slots = Vec::new();
    for name in &names {
        slots.extend((0..hours).map(|hour| slot(name, Incremental, hour * 60, hour * 60 + 60)));
    }
    let count = slots.len();
    let targets = names.iter().map(|name| target(name, "web1", &["here"])).collect();
    let mut simulator = Simulator::new(rules(1, 1, 1), targets, slots, behaviour(durations));
    simulator.run_until(hours * 60 + 60);
    simulator.assert_all_accounted();
    assert_eq!(simulator.settled.len(), count);
    let mut runs: BTreeMap<&str, usize> = names.iter().map(|name| (name.as_str(), 0)).collect();
    for run in &simulator.runs {
        *runs.get_mut(run.0.as_str()).unwrap() += 1;
    }
    let (fewest, most) = (runs.values().min().unwrap(), runs.values().max().unwrap());
    assert!(*fewest * 2 >= *most, "unfair: {runs:?}");
    // What can be done is done: six runs an hour, all of it in use.
    let useful = simulator.count(SlotEnding::Ok) + simulator.count(SlotEnding::Late);
    assert!(useful * 10 >= count / 2 * 9, "only {useful} of {count} were served");
    // Nothing went wrong in silence.
    let silent = simulator.settled.iter().filter(|(id, (ending, _))| {
        matches!(ending, SlotEnding::Late | SlotEnding::Missed)
            && !simulator.announced.contains(&format!("1/{id}"))
    });
    assert_eq!(silent.count(), 0);
}
