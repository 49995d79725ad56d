//! Thirteen months of the policy that is shipped, over three changes of the clocks, through the scheduler itself.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::super::*;
use super::simulator::{Behaviour, Simulator, at, rules, target};
use crate::{Class, Dataset, Policy, read_policy, template};

const DAYS: i64 = 396;
const DAY: i64 = 1440;

fn estate() -> Vec<(AssetName, Class)> {
    let names = [
        ("billing", Class::Whmcs),
        ("vm-1", Class::Vm),
        ("panel", Class::Plesk),
        ("shop.example", Class::Website),
        ("blog.example", Class::Website),
    ];
    names.iter().map(|(name, class)| (AssetName::parse(name).unwrap(), *class)).collect()
}

/// Runs last between a third of what the policy assumes and all of it.
fn behaviour(policy: &Policy) -> Behaviour {
    let whole: BTreeMap<AssetName, u64> = estate()
        .into_iter()
        .map(|(name, class)| {
            let lasts = class.datasets().iter().map(|dataset| policy.lasts_of(class, *dataset, None).total());
            (name, lasts.min().unwrap().as_secs() / 60)
        })
        .collect();
    Box::new(move |asset, _, number| {
        let whole = whole[asset];
        (whole / 3 + number.wrapping_mul(7) % (whole - whole / 3 + 1), true)
    })
}

#[test]
fn thirteen_months_account_for_every_slot_and_keep_every_objective() {
    let policy = read_policy("policy.toml", &template::policy_example()).value.unwrap();
    let targets =
        estate().iter().map(|(name, _)| target(name.as_str(), "web1", &["here", "there"])).collect();
    let mut simulator = Simulator::new(rules(4, 4, 4), targets, Vec::new(), behaviour(&policy));
    let mut expected = BTreeSet::new();
    for day in 0..DAYS {
        for (name, class) in estate() {
            for dataset in class.datasets() {
                let (plan, cannot) = policy.slot_plan(class, *dataset, None).unwrap();
                assert_eq!(cannot, None);
                let slots = plan.slots(&name, *dataset, Some(at(0)), at(day * DAY), at((day + 1) * DAY));
                expected.extend(slots.iter().map(crate::slot::Slot::id));
                simulator.expect(slots);
            }
        }
        simulator.run_until((day + 1) * DAY);
    }
    // A monthly slot that opened on the last day is due a month later.
    simulator.run_until((DAYS + 32) * DAY);
    assert_eq!(simulator.settled.len(), expected.len());
    assert_eq!(simulator.count(SlotEnding::Ok), expected.len());
    for (name, class) in estate() {
        for dataset in class.datasets() {
            let Some(objective) = policy.objective_of(class, *dataset) else { continue };
            let worst = worst_age(&simulator, &name, *dataset);
            assert!(worst <= SignedDuration::try_from(objective.age).unwrap(), "{name} {dataset}: {worst:?}");
        }
    }
}

/// The age of the newest state just before the next one was done, at its worst.
fn worst_age(simulator: &Simulator, name: &AssetName, dataset: Dataset) -> SignedDuration {
    let points = simulator.points.iter().filter(|(of, _, _)| *of == (name.clone(), dataset));
    let points: Vec<_> = points.map(|(_, recovery, done)| (*recovery, *done)).collect();
    assert!(points.len() > 390, "{name} {dataset}: {}", points.len());
    points.windows(2).map(|pair| pair[1].1.duration_since(pair[0].0)).max().unwrap()
}
