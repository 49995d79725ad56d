//! Faults of restore tests, and what their controls say around them.

use super::faults::{Broken, at_once_in, from_in};
use super::world::{NOW, ago, at, hours, restore_test, world, world_of};
use super::*;

/// Tuesday of the week of the question.
fn this_week() -> Timestamp {
    at("2026-11-24T03:00:00Z")
}

fn last_of<'f>(facts: &'f mut Facts, asset: &str) -> &'f mut TestedFact {
    facts
        .restored
        .iter_mut()
        .filter(|tested| tested.asset == asset)
        .max_by_key(|tested| tested.planned)
        .unwrap()
}

fn fail(tested: &mut TestedFact, outcome: TestOutcome, question: &str) {
    let ended = tested.ended.as_mut().unwrap();
    (ended.outcome, ended.failed) = (outcome, vec![question.to_owned()]);
}

pub(super) fn inject(control: &str, fault: &str) -> Broken {
    let whole = world_of(control);
    match fault {
        "a week passes without a restore test" => from_in(whole, at("2026-11-30T00:00:00Z"), |_| {}),
        "one that was drawn has no result" => {
            at_once_in(whole, |facts| last_of(facts, "a.example").ended = None)
        }
        "the result of one that was drawn is taken away" => at_once_in(whole, |facts| {
            let gone = last_of(facts, "a.example").id.clone();
            facts.restored.retain(|tested| tested.id != gone);
        }),
        "a restore test fails" => {
            at_once_in(whole, |facts| fail(last_of(facts, "a.example"), TestOutcome::Failed, "answers"))
        }
        "a restore test is not done in time" => {
            at_once_in(whole, |facts| fail(last_of(facts, "a.example"), TestOutcome::TimedOut, "time"))
        }
        "one site is never drawn any more" => {
            let last = at("2026-11-18T03:05:00Z");
            from_in(whole, last + hours(90 * 24), |facts| {
                for week in 0..14 {
                    let begun = this_week() + hours(week * 7 * 24);
                    restore_test(facts, Exercised::Websites, begun, &["a.example"]);
                }
            })
        }
        "only points that somebody chose pass" => at_once_in(whole, |facts| {
            fail(last_of(facts, "b.example"), TestOutcome::Failed, "rows");
            let mut chosen = last_of(facts, "b.example").clone();
            (chosen.id, chosen.is_drawn, chosen.occasion) = ("chosen".to_owned(), false, None);
            let ended = chosen.ended.as_mut().unwrap();
            (ended.outcome, ended.failed, ended.recorded) = (TestOutcome::Successful, Vec::new(), ago(1));
            facts.restored.push(chosen);
        }),
        "a month passes without a restore test" => from_in(whole, at("2026-12-01T00:00:00Z"), |facts| {
            facts.tests.retain(|test| {
                test.recorded < at("2026-11-01T00:00:00Z") || test.exercised == Exercised::Websites
            });
            let is_old = |tested: &TestedFact| tested.planned < at("2026-11-01T00:00:00Z");
            facts.restored.retain(|tested| is_old(tested) || tested.exercised == Exercised::Websites);
        }),
        "the restore test of the month fails" => at_once_in(whole, |facts| {
            fail(last_of(facts, "billing.example"), TestOutcome::Failed, "decrypts");
        }),
        "one of two is not tested" => at_once_in(whole, |facts| {
            facts.tests.iter_mut().for_each(|test| test.drawn.retain(|id| !id.ends_with("second.example")));
            facts.restored.retain(|tested| tested.asset != "second.example");
        }),
        "what was restored is not destroyed" => {
            let begun = at("2026-11-23T06:00:00Z");
            from_in(whole, begun + hours(24), |facts| {
                restore_test(facts, Exercised::Websites, begun, &["a.example"]);
                last_of(facts, "a.example").destroyed = None;
            })
        }
        "what was restored is destroyed too late" => at_once_in(whole, |facts| {
            let tested = last_of(facts, "a.example");
            let late = tested.begun.as_ref().unwrap().destroy_by + hours(1);
            tested.destroyed.as_mut().unwrap().recorded = late;
        }),
        "what was restored tried to reach the outside" => {
            at_once_in(whole, |facts| fail(last_of(facts, "a.example"), TestOutcome::Failed, QUIET))
        }
        "nothing was ever restored" => at_once_in(whole, |facts| facts.restored.clear()),
        other => panic!("the table has a fault that nobody injects: {other:?}"),
    }
}

#[test]
fn before_the_first_week_is_over_nothing_is_proven_and_nobody_is_late() {
    let mut facts = world();
    (facts.tests, facts.restored) = (Vec::new(), Vec::new());
    facts.inventories[0].recorded = ago(6);
    let found = verdict(&facts, "TEST-01", at(NOW));
    assert_eq!(found.verdict, Verdict::NoEvidence, "{}", found.why);
    let of_assets: Vec<Verdict> = found.rows[1..].iter().map(|row| row.verdict).collect();
    assert_eq!(of_assets, [Verdict::NotApplicable; 2]);
    // The week that was open when it was written down counts for nobody; the one after does.
    let found = verdict(&facts, "TEST-01", at("2026-11-30T12:00:00Z"));
    assert_eq!(found.verdict, Verdict::NoEvidence, "{}", found.why);
    let found = verdict(&facts, "TEST-01", at("2026-12-07T00:00:00Z"));
    assert_eq!(found.verdict, Verdict::Fail, "{}", found.why);
    // One that somebody asked for is evidence until then.
    restore_test(&mut facts, Exercised::Websites, at("2026-11-23T11:00:00Z"), &["a.example"]);
    let found = verdict(&facts, "TEST-01", at(NOW));
    assert_eq!(found.verdict, Verdict::Pass, "{}", found.why);
}

#[test]
fn a_site_that_passes_again_is_green_again() {
    let mut facts = world();
    fail(last_of(&mut facts, "a.example"), TestOutcome::Failed, "answers");
    assert_eq!(verdict(&facts, "TEST-01", at(NOW)).verdict, Verdict::Fail);
    restore_test(&mut facts, Exercised::Websites, ago(1), &["a.example"]);
    let found = verdict(&facts, "TEST-01", at(NOW));
    assert_eq!(found.verdict, Verdict::Pass, "{}", found.why);
}

#[test]
fn while_it_is_tested_nothing_is_red() {
    let mut facts = world();
    restore_test(&mut facts, Exercised::Websites, ago(1), &["a.example", "b.example"]);
    let tested = last_of(&mut facts, "a.example");
    (tested.ended, tested.destroyed) = (None, None);
    for control in ["TEST-01", "TEST-04"] {
        let found = verdict(&facts, control, at(NOW));
        assert!(!found.verdict.is_red(), "{control}: {}", found.why);
    }
}

#[test]
fn targets_follow_from_what_was_recorded() {
    let facts = world();
    let targets = facts.test_targets(Exercised::Websites, at(NOW), &|_| true);
    assert_eq!(targets.len(), 2);
    assert_eq!(targets[0].drawn, Some(at("2026-11-16T00:00:00Z")));
    assert_eq!(facts.tests_count_from(Exercised::Websites, at(NOW)), Some(ago(50 * 24)));
    assert!(facts.test_targets(Exercised::Whmcs, at(NOW), &|_| true).is_empty());
}

#[test]
fn a_test_that_could_not_reach_its_point_says_nothing_against_it() {
    let failed = |questions: &[&str]| {
        let mut facts = world();
        let points: Vec<String> = facts.points.iter().map(|point| point.id.clone()).collect();
        let tested = last_of(&mut facts, "b.example");
        tested.points = points;
        fail(tested, TestOutcome::Failed, "loads");
        tested.ended.as_mut().unwrap().failed = questions.iter().map(ToString::to_string).collect();
        verdict(&facts, "DR-04", at(NOW)).verdict
    };
    assert_eq!(failed(&["loads"]), Verdict::Fail);
    for way in ["found", "staging", "time", "interrupted", "ended"] {
        assert_eq!(failed(&["loads", way]), Verdict::Pass, "{way}");
    }
    // A page that does not answer may be the staging's fault.
    assert_eq!(failed(&["answers"]), Verdict::Pass);
}
