//! Failing runs, clocks that are set, and a kill between any two actions: no slot is lost, nothing runs twice, no limit
//! is exceeded. The simulator checks the latter at every start.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::super::*;
use super::simulator::{Behaviour, Simulator, literal, minutes, rules, slot, target};
use crate::slot::Slot;
use crate::slot::SlotKind::{Full, Incremental};

/// Hosts, locations, and slots of all kinds over two days, one of which has 23 hours.
fn estate(assets: usize, interval: i64) -> (Vec<Target>, Vec<Slot>) {
    let (mut targets, mut slots) = (Vec::new(), Vec::new());
    for number in 0..assets {
        let name = format!("a{number}");
        let locations = [["here", "there"], ["there", "far"], ["far", "here"]][number % 3];
        targets.push(target(&name, ["web1", "web2"][number % 2], &locations[..1 + number % 2]));
        let phase = i64::try_from(number).unwrap() * 7 % interval;
        for opens in (phase..2880).step_by(usize::try_from(interval).unwrap()) {
            slots.push(slot(&name, Incremental, opens, opens + interval));
        }
        for day in 0..2 {
            slots.push(literal(&name, Incremental, day * 1440, (day + 1) * 1440));
        }
        slots.push(literal(&name, Full, 0, 2880));
    }
    (targets, slots)
}

fn behaviour(seed: u64, fails_percent: u64, longest: u64) -> Behaviour {
    Box::new(move |asset, _, number| {
        let name: u64 = asset.as_str().bytes().map(u64::from).sum();
        let roll = (seed ^ name.wrapping_mul(0x9e37_79b9) ^ number.wrapping_mul(0x85eb_ca6b))
            .wrapping_mul(0xff51_afd7_ed55_8ccd)
            >> 33;
        (1 + roll % longest, roll / longest % 100 >= fails_percent)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn nothing_is_lost_whatever_happens(
        assets in 1..7_usize,
        interval in prop_oneof![Just(30_i64), Just(60), Just(240)],
        limits in (1..4_usize, 1..3_usize, 1..3_usize),
        seed in any::<u64>(),
        fails_percent in 0..60_u64,
        longest in 1..80_u64,
        kills in proptest::collection::vec(1..60_usize, 0..6),
        jumps in proptest::collection::vec((1..2880_i64, -2000..2000_i64), 0..4),
    ) {
        let (targets, slots) = estate(assets, interval);
        let count = slots.len();
        let rules = rules(limits.0, limits.1, limits.2);
        let mut simulator = Simulator::new(rules, targets, slots, behaviour(seed, fails_percent, longest));
        let mut jumps = jumps;
        jumps.sort_unstable();
        let mut kills = kills.into_iter();
        for (when, skew) in jumps {
            if simulator.kill_after.is_none() {
                simulator.kill_after = kills.next().map(|after| simulator.actions + after);
            }
            simulator.run_until(when);
            simulator.set_clock(minutes(skew));
            simulator.run_until(when);
        }
        for after in kills {
            simulator.kill_after = Some(simulator.actions + after);
            simulator.run_until(2880);
        }
        // Long enough for clocks that stayed behind, for runs under way and for doubts.
        simulator.run_until(2880 + 2100);
        simulator.assert_all_accounted();
        prop_assert_eq!(simulator.settled.len(), count);
    }

    // The clock is set wrong by anything, and right again within the hour: no slot is missed for that.
    #[test]
    fn a_clock_set_wrong_for_a_while_loses_no_slot(
        assets in 1..5_usize,
        when in 1..2700_i64,
        wrong_for in 1..55_i64,
        skew in prop_oneof![-600_000..-6_i64, 6..600_000_i64],
    ) {
        let (targets, slots) = estate(assets, 240);
        let count = slots.len();
        let mut simulator = Simulator::new(rules(4, 2, 3), targets, slots, behaviour(1, 0, 10));
        simulator.run_until(when);
        simulator.set_clock(minutes(skew));
        simulator.run_until(when + wrong_for);
        simulator.set_clock(SignedDuration::ZERO);
        simulator.run_until(3200);
        prop_assert_eq!(simulator.jumps, 2);
        prop_assert_eq!(simulator.settled.len(), count);
        prop_assert_eq!(simulator.count(SlotEnding::Ok), count);
    }
}

#[test]
fn a_kill_after_any_action_loses_nothing() {
    let run = |kill_after: Option<usize>| {
        let (targets, slots) = estate(3, 240);
        let count = slots.len();
        let mut simulator = Simulator::new(rules(2, 1, 2), targets, slots, behaviour(3, 20, 15));
        simulator.kill_after = kill_after;
        simulator.run_until(3200);
        simulator.assert_all_accounted();
        assert_eq!(simulator.settled.len(), count, "killed after {kill_after:?}");
        assert_eq!(simulator.count(SlotEnding::Ok), count, "killed after {kill_after:?}");
        (simulator.actions, simulator.interrupted)
    };
    let (actions, interrupted) = run(None);
    assert!(actions > 100 && interrupted == 0, "{actions} {interrupted}");
    let cut_off: usize = (1..actions).map(|after| run(Some(after)).1).sum();
    assert!(cut_off > 10, "only {cut_off} runs were cut off by {actions} kills");
}
