//! The rule in examples, and its promises over arbitrary histories.

use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_790_000_000;
const DAY: i64 = 86_400;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn point(id: &str, days_old: i64, is_good: bool) -> PointAge {
    PointAge { id: id.to_owned(), time: at(NOW - days_old * DAY), is_good }
}

fn rule(min_days: u32, max_days: u32) -> RetentionRule {
    RetentionRule { min_days, max_days, grace: Duration::from_secs(48 * 3600) }
}

fn clock() -> ClockEvidence {
    ClockEvidence { now: at(NOW), last_run: Some(at(NOW - DAY)), pause_days_max: 7 }
}

fn actions(points: &[PointAge], rule: &RetentionRule) -> Vec<(String, Action)> {
    let decisions = expired(points, rule, &clock()).unwrap();
    decisions.into_iter().map(|decision| (decision.point.id, decision.action)).collect()
}

#[test]
fn age_decides_and_the_grace_only_dates_the_deletion() {
    let points = [point("new", 1, true), point("edge", 60, true), point("old", 61, true)];
    let purge_by = at(NOW - 61 * DAY + 62 * DAY);
    assert_eq!(
        actions(&points, &rule(30, 60)),
        [
            ("new".to_owned(), Action::Keep),
            ("edge".to_owned(), Action::Keep),
            ("old".to_owned(), Action::Expire { purge_by })
        ]
    );
}

#[test]
fn a_single_number_is_both_bounds() {
    let points = [point("new", 0, true), point("in", 30, true), point("out", 31, true)];
    let expires: Vec<_> = actions(&points, &rule(30, 30))
        .into_iter()
        .filter(|(_, action)| matches!(action, Action::Expire { .. }))
        .map(|(id, _)| id)
        .collect();
    assert_eq!(expires, ["out"]);
}

#[test]
fn after_a_long_outage_the_last_good_point_stays_and_says_why() {
    let points = [point("a", 120, true), point("b", 119, true), point("damaged", 118, false)];
    let decisions = expired(&points, &rule(30, 90), &clock()).unwrap();
    assert!(matches!(decisions[0].action, Action::Expire { .. }));
    assert_eq!(decisions[1].action, Action::Exempt);
    assert!(
        decisions[1].reason.contains("exempt") && decisions[1].reason.contains("last good"),
        "{}",
        decisions[1].reason
    );
    assert!(matches!(decisions[2].action, Action::Expire { .. }));
}

#[test]
fn without_any_good_point_the_newest_stays() {
    let points = [point("a", 120, false), point("b", 119, false)];
    let kept: Vec<_> =
        actions(&points, &rule(30, 90)).into_iter().filter(|(_, a)| *a == Action::Exempt).collect();
    assert_eq!(kept, [("b".to_owned(), Action::Exempt)]);
}

#[test]
fn a_clock_that_cannot_be_right_decides_nothing() {
    let points = [point("old", 400, true), point("new", 1, true)];
    let at_clock = |now: i64| expired(&points, &rule(30, 60), &ClockEvidence { now: at(now), ..clock() });
    assert!(matches!(at_clock(NOW - 3 * DAY), Err(Refusal::PointFromTheFuture { id, .. }) if id == "new"));
    assert!(matches!(at_clock(NOW + 365 * DAY), Err(Refusal::ClockJumped { .. })));
    let back = ClockEvidence { last_run: Some(at(NOW + DAY)), ..clock() };
    assert!(matches!(expired(&points, &rule(30, 60), &back), Err(Refusal::ClockWentBack { .. })));
    // Minutes of difference between machines are nothing to refuse over.
    let points = [point("old", 400, true), PointAge { time: at(NOW + 300), ..point("new", 0, true) }];
    assert_eq!(actions(&points, &rule(30, 60)).len(), 2);
    // Each refusal says what to do.
    for refusal in [at_clock(NOW - 3 * DAY).unwrap_err(), at_clock(NOW + 365 * DAY).unwrap_err()] {
        assert!(refusal.to_string().contains("clock"), "{refusal}");
    }
}

#[test]
fn nothing_is_decided_about_nothing() {
    assert!(expired(&[], &rule(30, 60), &clock()).unwrap().is_empty());
}

proptest! {
    #[test]
    fn below_the_minimum_nothing_expires_and_past_the_maximum_everything_but_the_last_good(
        ages in proptest::collection::vec((0..400 * DAY, any::<bool>()), 0..60),
        min_days in 1_u32..120,
        more_days in 0_u32..120,
        grace_hours in 0_u64..100,
    ) {
        let rule = RetentionRule { min_days, max_days: min_days + more_days, grace: Duration::from_secs(grace_hours * 3600) };
        let points: Vec<PointAge> = ages
            .iter()
            .enumerate()
            .map(|(number, (age, is_good))| PointAge { id: number.to_string(), time: at(NOW - age), is_good: *is_good })
            .collect();
        let decisions = expired(&points, &rule, &clock()).unwrap();
        prop_assert_eq!(decisions.len(), points.len());
        let newest_good = points.iter().filter(|point| point.is_good).map(|point| point.time).max();
        let mut exempt = 0;
        for (decision, (age, _)) in decisions.iter().zip(&ages) {
            prop_assert!(!decision.reason.is_empty());
            match decision.action {
                Action::Keep => prop_assert!(*age <= i64::from(rule.max_days) * DAY),
                Action::Exempt => {
                    exempt += 1;
                    prop_assert!(*age > i64::from(rule.max_days) * DAY);
                    prop_assert!(newest_good.is_none_or(|newest| decision.point.is_good && decision.point.time == newest));
                }
                Action::Expire { purge_by } => {
                    prop_assert!(*age > i64::from(rule.max_days) * DAY && *age > i64::from(min_days) * DAY);
                    let late = purge_by.as_second() - decision.point.time.as_second();
                    prop_assert_eq!(late, i64::from(rule.max_days) * DAY + i64::try_from(grace_hours).unwrap() * 3600);
                }
            }
        }
        prop_assert!(exempt <= 1);
        // Something always stays, and if anything good was there, something good does.
        let stays = |decision: &&Decision| !matches!(decision.action, Action::Expire { .. });
        prop_assert_eq!(decisions.iter().any(|d| stays(&d)), !points.is_empty());
        prop_assert_eq!(decisions.iter().filter(stays).any(|d| d.point.is_good), newest_good.is_some());
    }

    #[test]
    fn time_only_ever_expires_more(
        ages in proptest::collection::vec(0..200 * DAY, 1..30),
        later in 0..6 * DAY,
    ) {
        let points: Vec<PointAge> = ages
            .iter()
            .enumerate()
            .map(|(number, age)| PointAge { id: number.to_string(), time: at(NOW - age), is_good: true })
            .collect();
        let gone = |now: i64| -> Vec<bool> {
            let decisions = expired(&points, &rule(30, 60), &ClockEvidence { now: at(now), ..clock() }).unwrap();
            decisions.into_iter().map(|decision| matches!(decision.action, Action::Expire { .. })).collect()
        };
        for (before, after) in gone(NOW).into_iter().zip(gone(NOW + later)) {
            prop_assert!(!before || after);
        }
    }
}
