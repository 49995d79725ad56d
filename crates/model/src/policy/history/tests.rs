//! Versions follow each other, and the past stays with the version of its time.

use super::*;
use crate::{read_policy, template};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn version(number: u32, effective: &str) -> Policy {
    let text = template::policy_example()
        .replace("effective = \"27/08/2025\"", &format!("effective = \"{effective}\""))
        .replace("version = 1\n", &format!("version = {number}\napproved_by = \"R. Ahmed\"\n"));
    read_policy("policy.toml", &text).value.unwrap()
}

fn hourly_websites(policy: &mut Policy) {
    let rule = policy.schedule.get_mut(&(Class::Website, None)).unwrap();
    rule.value.incremental = crate::Cadence::Hourly;
}

#[test]
fn a_version_holds_from_midnight_of_its_day_in_its_zone() {
    let mut history = History::default();
    history.add(version(1, "27/08/2025"), at("2026-11-23T12:00:00Z")).unwrap();
    assert_eq!(history.versions()[0].from, at("2025-08-26T23:00:00Z"));
    assert!(history.in_force(at("2025-08-26T22:59:59Z")).is_none());
    let held = history.in_force(at("2025-08-26T23:00:00Z")).unwrap();
    assert_eq!((held.policy.header.value.version, held.approver.as_str()), (1, "R. Ahmed"));
}

#[test]
fn versions_only_follow_each_other() {
    let recorded = at("2026-01-01T00:00:00Z");
    let mut history = History::default();
    history.add(version(1, "03/04/2026"), recorded).unwrap();
    let day = |text: &str| text.parse::<Date>().unwrap();
    let refused = |history: &mut History, number, effective| {
        history.add(version(number, effective), recorded).map(|_| ()).unwrap_err()
    };
    let backward = VersionRefusal::Effective { last: day("2026-04-03"), effective: day("2026-03-04") };
    assert_eq!(refused(&mut history, 2, "04/03/2026"), backward);
    let same_day = VersionRefusal::Effective { last: day("2026-04-03"), effective: day("2026-04-03") };
    assert_eq!(refused(&mut history, 2, "03/04/2026"), same_day);
    assert_eq!(refused(&mut history, 3, "01/05/2026"), VersionRefusal::Number { last: 1, version: 3 });
    assert_eq!(refused(&mut history, 1, "01/05/2026"), VersionRefusal::Number { last: 1, version: 1 });
    let mut nobody = version(2, "01/05/2026");
    nobody.header.value.approved_by = None;
    assert_eq!(history.add(nobody, recorded).map(|_| ()), Err(VersionRefusal::NotApproved { version: 2 }));
    assert_eq!(history.versions().len(), 1, "a refusal changes nothing");
    history.add(version(2, "01/05/2026"), recorded).unwrap();
    assert_eq!(history.versions().len(), 2);
}

#[test]
fn a_version_that_is_recorded_late_changes_nothing_of_the_time_before() {
    let mut history = History::default();
    history.add(version(1, "27/08/2025"), at("2025-08-27T00:00:00Z")).unwrap();
    let recorded = at("2026-02-10T09:30:00Z");
    history.add(version(2, "01/02/2026"), recorded).unwrap();
    let number = |time: &str| history.in_force(at(time)).unwrap().policy.header.value.version;
    assert_eq!((number("2026-02-05T00:00:00Z"), number("2026-02-10T09:30:00Z")), (1, 2));
    // The days between its day and its recording were promised by the version before.
    let mut later = history.clone();
    let refusal = later.add(version(3, "05/02/2026"), at("2026-02-11T00:00:00Z")).map(|_| ()).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        VersionRefusal::Effective {
            last: "2026-02-10".parse().unwrap(),
            effective: "2026-02-05".parse().unwrap(),
        }
        .to_string()
    );
}

#[test]
fn each_slot_is_wanted_by_the_version_of_its_opening() {
    let asset = AssetName::parse("shop.example").unwrap();
    let site = (Class::Website, Dataset::Site);
    let mut history = History::default();
    history.add(version(1, "27/08/2025"), at("2025-08-27T00:00:00Z")).unwrap();
    let (from, to) = (at("2026-01-01T00:00:00Z"), at("2026-03-01T00:00:00Z"));
    let wanted = |history: &History| -> Vec<Slot> {
        let slots = history.slots(&asset, site, None, None, (from, to));
        slots.into_iter().map(|(_, slot)| slot).collect()
    };
    let before = wanted(&history);
    let mut second = version(2, "10/02/2026");
    hourly_websites(&mut second);
    history.add(second, at("2026-02-01T00:00:00Z")).unwrap();
    let after = wanted(&history);
    let change = at("2026-02-10T00:00:00Z");
    let past = |slots: &[Slot]| slots.iter().filter(|slot| slot.opens < change).cloned().collect::<Vec<_>>();
    assert_eq!(past(&before), past(&after));
    let hourly = after.iter().filter(|slot| slot.id().contains("/hourly/")).count();
    assert_eq!(hourly, 19 * 24);
    assert!(
        history
            .slots(&asset, site, None, None, (at("2025-01-01T00:00:00Z"), at("2025-02-01T00:00:00Z")))
            .is_empty()
    );
}
