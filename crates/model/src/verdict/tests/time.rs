//! What was recorded later does not exist.

use super::verdict;
use super::world::{NOW, ago, at, hours, keys, restart, world};
use crate::verdict::*;

#[test]
fn nothing_that_was_recorded_later_changes_a_verdict_about_before() {
    let before = assess(&world(), ago(3)).unwrap();
    let mut facts = world();
    // Everything that can be recorded, two hours later.
    let later = ago(1);
    facts.keys.push(Noted { what: keys(&[]), recorded: later, leaf: 30 });
    let mut inventory = facts.inventories[0].what.clone();
    inventory.assets.clear();
    facts.inventories.push(Noted { what: inventory, recorded: later, leaf: 31 });
    for probes in 0..2 {
        let mut probe = facts.probes[probes].clone();
        (probe.recorded, probe.what.device) = (later, Some("one and the same".to_owned()));
        facts.probes.push(probe);
        let mut walk = facts.walks[probes].clone();
        walk.recorded = later;
        walk.what.findings.push("point: 1 objects".to_owned());
        facts.walks.push(walk);
    }
    let mut audit = facts.audits[0].clone();
    (audit.recorded, audit.what.damage) = (later, Some("edited".to_owned()));
    facts.audits.push(audit);
    for point in &mut facts.points {
        for changes in point.copies.values_mut() {
            changes.push(CopyChange { recorded: later, leaf: None, state: CopyState::default() });
        }
        point.purged = Some(later);
    }
    for reading in &mut facts.readings {
        let mut change = reading.changes[0].clone();
        (change.recorded, change.damage) = (later, vec!["everything".to_owned()]);
        reading.changes.push(change);
    }
    let mut policy = facts.policies[0].clone();
    (policy.number, policy.from, policy.recorded) = (Some(2), later, later);
    policy.policy.storage.copies.value.locations_min = 9;
    facts.policies.push(policy);
    facts.stalls.push(StallFact { recorded: later, message: "stalled".to_owned(), leaf: 32 });
    let then = assess(&facts, ago(3)).unwrap();
    for (now, was) in then.controls.iter().zip(&before.controls) {
        assert_eq!(now, was);
    }
    assert_eq!((then.worst, then.policy_version), (before.worst, before.policy_version));
    // And it does change what is said of now.
    assert_ne!(assess(&facts, at(NOW)).unwrap().controls, before.controls);
}

#[test]
fn a_slot_that_nobody_settled_is_judged_by_the_points_there_are() {
    let mut facts = world();
    for slot in &mut facts.slots {
        slot.settled = None;
    }
    let found = verdict(&facts, "SCHED-01", at(NOW));
    assert_eq!(found.verdict, Verdict::Pass, "{}", found.why);
    facts.points.retain(|point| point.asset == "a.example");
    assert_eq!(verdict(&facts, "SCHED-01", at(NOW)).verdict, Verdict::Fail);
}

#[test]
fn reminders_come_thirty_and_seven_days_before_the_review() {
    let facts = world();
    let warnings = |now: &str| verdict(&facts, "REV-01", at(now)).warnings;
    assert!(warnings("2027-03-20T12:00:00Z").is_empty());
    assert!(warnings("2027-03-21T12:00:00Z")[0].contains("30 days"));
    assert!(warnings("2027-04-13T12:00:00Z")[0].contains("7 days"));
}

#[test]
fn without_anything_recorded_nothing_passes() {
    let whole = world();
    let bare = Facts { policies: whole.policies, inventories: whole.inventories, ..Facts::default() };
    let assessment = assess(&bare, at(NOW)).unwrap();
    let passing: Vec<&str> = assessment
        .controls
        .iter()
        .filter(|c| c.verdict == Verdict::Pass)
        .map(|c| c.control.as_str())
        .collect();
    // That nothing changed is what the inventory itself shows.
    assert_eq!(passing, ["REV-02"]);
    assert_eq!(assess(&Facts::default(), at(NOW)), None);
}

#[test]
fn a_full_point_that_retention_took_was_full_all_the_same() {
    let mut facts = world();
    for point in facts.points.iter_mut().filter(|point| point.is_full) {
        point.purged = Some(ago(50));
        for changes in point.copies.values_mut() {
            changes.push(CopyChange { recorded: ago(49), leaf: None, state: CopyState::default() });
        }
    }
    let found = verdict(&facts, "SCHED-02", at(NOW));
    assert_eq!(found.verdict, Verdict::Pass, "{}", found.why);
    // One that was not known to be whole when it was taken: reading it now is advice that nobody can follow.
    for point in facts.points.iter_mut().filter(|point| point.is_full) {
        point.copies.values_mut().flatten().for_each(|change| change.state.whole_since = None);
    }
    let found = verdict(&facts, "SCHED-02", at(NOW));
    let next: Vec<_> = found.rows.iter().filter_map(|row| row.next.as_deref()).collect();
    assert!(
        found.verdict == Verdict::NoEvidence && next.iter().all(|next| next.ends_with("--full`")),
        "{next:?}"
    );
    assert!(!next.is_empty());
}

#[test]
fn a_new_log_is_red_for_a_week_and_answered_for_by_name_for_a_year() {
    let mut facts = world();
    facts.restarts.push(restart(ago(1)));
    let mut look = |days: i64| {
        let now = at(NOW) + hours(days * 24);
        let audit = LogAudited { leaves: 9, root: String::new(), damage: None };
        facts.audits.push(Noted { what: audit, recorded: now - hours(1), leaf: 30 });
        let found = verdict(&facts, "LOG-01", now);
        (found.verdict, found.why)
    };
    assert_eq!(look(6).0, Verdict::Fail);
    let (verdict, why) = look(8);
    assert!(verdict == Verdict::Exempt && why.contains("M. Chen") && why.contains("the disk died"), "{why}");
    assert_eq!(look(401).0, Verdict::Pass);
}
