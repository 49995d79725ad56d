//! How much would be lost, minute by minute.

use jiff::{SignedDuration, Timestamp};

use super::verdict;
use super::world::{NOW, ago, at, hours, point, world};
use crate::verdict::*;

fn rpo(facts: &Facts, asset: &str, now: Timestamp) -> Rpo {
    let found = verdict(facts, "DR-04", now);
    let row = found.rows.into_iter().find(|row| row.asset.as_deref() == Some(asset)).unwrap();
    row.rpo.unwrap()
}

#[test]
fn the_age_counts_from_the_start_of_the_walk_and_never_from_the_end_of_the_run() {
    let facts = world();
    let measured = rpo(&facts, "a.example", at(NOW));
    assert_eq!(measured.recovery_point, Some(at("2026-11-23T02:00:00Z")));
    assert_eq!(measured.age_seconds(at(NOW)), 10 * 3600);
    assert_eq!(measured.breaks_at, at("2026-11-24T02:00:00Z"));
    // The next came twelve hours after, and was protected ten minutes later.
    assert_eq!(measured.worst_seconds, 12 * 3600 + 600);
    assert_eq!(measured.within_per_10000(at(NOW)), 10_000);
    assert_eq!(measured.breaches, []);
    assert!(measured.headroom_seconds.is_some());
}

#[test]
fn a_pause_is_a_breach_from_the_minute_on_in_which_the_objective_was_over() {
    let mut facts = world();
    // Two days without a point that is recorded.
    let pause = at("2026-11-15T12:00:00Z")..at("2026-11-17T12:00:00Z");
    facts.points.retain(|point| point.asset != "a.example" || !pause.contains(&point.instant));
    let measured = rpo(&facts, "a.example", at(NOW));
    // The last before it stands for two o'clock on the 15th, the first after it for two in the afternoon of the 17th.
    let breach = Breach {
        from: at("2026-11-16T02:00:00Z"),
        until: Some(at("2026-11-17T14:00:00Z") + SignedDuration::from_mins(10)),
    };
    assert_eq!(measured.breaches, [breach]);
    assert_eq!(measured.worst_seconds, 60 * 3600 + 600);
    let window = at(NOW).duration_since(measured.window_from(at(NOW))).as_secs();
    let broken = 36 * 3600 + 600;
    assert_eq!(i64::from(measured.within_per_10000(at(NOW))), (window - broken) * 10_000 / window);
    let found = verdict(&facts, "DR-04", at(NOW));
    assert_eq!(found.verdict, Verdict::Pass, "it is kept now");
    assert!(
        found.warnings.iter().any(|warning| warning.contains("was broken at 2026-11-16 02:00")),
        "{:?}",
        found.warnings
    );
}

#[test]
fn in_an_outage_nothing_new_is_to_be_written_down_until_something_happens() {
    let mut facts = world();
    let began = at("2026-11-21T12:00:00Z");
    facts.points.retain(|point| point.asset != "a.example" || point.instant < began);
    let first = rpo(&facts, "a.example", at("2026-11-23T12:00:00Z"));
    let second = rpo(&facts, "a.example", at("2026-11-23T17:35:00Z"));
    assert_eq!(first, second, "and the share within the objective goes down all the same");
    let share = |hour| first.within_per_10000(at(hour));
    assert!(share("2026-11-23T17:35:00Z") < share("2026-11-23T12:00:00Z"));
    // The outage is older than the window now, and lasts as long as ever.
    let late = rpo(&facts, "a.example", at("2027-01-23T12:00:00Z"));
    assert_eq!(late.breaches, first.breaches);
    assert_eq!(late.within_per_10000(at("2027-01-23T12:00:00Z")), 0);
}

#[test]
fn what_the_first_rules_wrote_down_is_told_as_it_was_written() {
    let mut document = serde_json::to_value(rpo(&world(), "a.example", at(NOW))).unwrap();
    let known_since = document.as_object_mut().unwrap().remove("known_since");
    assert!(known_since.is_some());
    document["window_from"] = "2026-10-24T00:00:00Z".into();
    document["within_per_10000"] = 9_876.into();
    let read: Rpo = serde_json::from_value(document.clone()).unwrap();
    assert_eq!(read.within_per_10000(at(NOW)), 9_876);
    assert_eq!(read.window_from(at(NOW)), at("2026-10-24T00:00:00Z"));
    assert_eq!(serde_json::to_value(&read).unwrap(), document);
}

#[test]
fn a_copy_that_is_lost_takes_back_what_it_protected() {
    let mut facts = world();
    for point in facts.points.iter_mut().filter(|point| point.asset == "a.example") {
        let gone = CopyChange { recorded: ago(1), leaf: None, state: CopyState::default() };
        point.copies.get_mut("frankfurt").unwrap().push(gone);
    }
    assert_eq!(rpo(&facts, "a.example", ago(2)).recovery_point, Some(at("2026-11-23T02:00:00Z")));
    assert_eq!(rpo(&facts, "a.example", at(NOW)).recovery_point, None);
}

#[test]
fn before_the_objective_breaks_somebody_is_warned() {
    let facts = world();
    // 70 % of 24 hours after two o'clock.
    let warned = at("2026-11-23T18:48:00Z");
    assert!(verdict(&facts, "DR-04", warned - SignedDuration::from_secs(1)).warnings.is_empty());
    let found = verdict(&facts, "DR-04", warned);
    assert_eq!((found.verdict, found.warnings.len()), (Verdict::Pass, 2), "{:?}", found.warnings);
}

#[test]
fn the_worst_asset_is_the_headline() {
    let mut facts = world();
    facts.points.push(point("a.example", "C-1", ago(1)));
    let worst = assess(&facts, at(NOW)).unwrap().worst.unwrap();
    assert_eq!(worst.target, "b.example/site");
    // One that breaks its promise is worse than one that is older.
    let broken = assess(&facts, at("2026-11-24T02:30:00Z")).unwrap().worst.unwrap();
    assert_eq!((broken.target.as_str(), broken.verdict), ("b.example/site", Verdict::Fail));
}

#[test]
fn what_is_new_has_until_its_objective() {
    let mut facts = world();
    let mut inventory = facts.inventories[0].what.clone();
    let new = inventory.assets["a.example"].clone();
    inventory.assets.insert("new.example".to_owned(), new);
    facts.inventories.push(Noted { what: inventory, recorded: ago(2), leaf: 20 });
    let row = |now| {
        let found = verdict(&facts, "DR-04", now);
        found.rows.into_iter().find(|row| row.asset.as_deref() == Some("new.example")).unwrap().verdict
    };
    assert_eq!(row(at(NOW)), Verdict::NoEvidence);
    assert_eq!(row(ago(2) + hours(24)), Verdict::Fail);
}
