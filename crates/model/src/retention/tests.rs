//! The rule in examples, and its promises over arbitrary histories.

use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_790_000_000;
const DAY: i64 = 86_400;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn point(id: &str, days_old: i64, is_good: bool) -> PointAge {
    PointAge { id: id.to_owned(), time: at(NOW - days_old * DAY), origin: Origin::Recorded, is_good }
}

/// One that claims to be of `time`.
fn foreign(id: &str, time: Timestamp, seen_days_ago: i64) -> PointAge {
    let origin = Origin::Foreign { first_seen: at(NOW - seen_days_ago * DAY) };
    PointAge { id: id.to_owned(), time, origin, is_good: false }
}

fn rule(min_days: u32, max_days: u32) -> RetentionRule {
    RetentionRule { min_days, max_days, grace: Duration::from_secs(48 * 3600) }
}

fn clock() -> ClockEvidence {
    let last_reading = Some(at(NOW - DAY));
    ClockEvidence { now: at(NOW), last_reading, pause_days_max: 7, jumps: Vec::new() }
}

fn actions(points: &[PointAge], rule: &RetentionRule) -> Vec<(String, Action)> {
    let decisions = expired(points, rule, &Safeguards::default(), &clock()).unwrap();
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
    let decisions = expired(&points, &rule(30, 90), &Safeguards::default(), &clock()).unwrap();
    assert!(matches!(decisions[0].action, Action::Expire { .. }));
    assert_eq!(decisions[1].action, Action::Exempt);
    assert_eq!(decisions[1].reason, "119 days old, past the maximum of 90 days, but the last good point");
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
    let at_clock = |now: i64| {
        let clock = ClockEvidence { now: at(now), ..clock() };
        expired(&points, &rule(30, 60), &Safeguards::default(), &clock)
    };
    assert!(matches!(at_clock(NOW - 3 * DAY), Err(Refusal::ClockWentBack { .. })));
    assert!(matches!(at_clock(NOW + 7 * DAY), Err(Refusal::ClockJumped { pause_days_max: 7, .. })));
    assert!(at_clock(NOW + 6 * DAY).is_ok());
    // Minutes of difference between readings are nothing to refuse over.
    assert!(at_clock(NOW - DAY - 300).is_ok());
    // Each refusal says what to do.
    for refusal in [at_clock(NOW - 3 * DAY).unwrap_err(), at_clock(NOW + 365 * DAY).unwrap_err()] {
        assert!(refusal.to_string().contains("set the clock right"), "{refusal}");
    }
}

#[test]
fn what_lies_in_a_jump_counts_towards_the_maximum_and_towards_no_minimum() {
    let points = [point("old", 131, true), point("before", 120, true), point("newest", 100, true)];
    // From 101 days ago to the day before yesterday: the oldest lay there for 30 days and some, and then for two.
    let jumps = vec![(at(NOW - 101 * DAY), at(NOW - 2 * DAY))];
    let clock = ClockEvidence { jumps, ..clock() };
    let decided = expired(&points, &rule(30, 60), &Safeguards::default(), &clock).unwrap();
    assert!(matches!(decided[0].action, Action::Expire { .. }), "{decided:?}");
    assert_eq!(decided[1].action, Action::Keep);
    let why = "120 days old, of which 21 are known to have passed, because the clock jumped, younger than the minimum of 30 days";
    assert_eq!(decided[1].reason, why);
    assert_eq!(decided[2].action, Action::Keep);
    assert!(!is_past(&points[1], &rule(30, 60), &Safeguards::default(), &clock));
    // It is not kept for ever.
    let later = ClockEvidence { now: at(NOW + 10 * DAY), last_reading: Some(at(NOW + 9 * DAY)), ..clock };
    let decided = expired(&points, &rule(30, 60), &Safeguards::default(), &later).unwrap();
    assert!(matches!(decided[1].action, Action::Expire { .. }), "{decided:?}");
}

#[test]
fn a_foreign_point_is_as_old_as_it_has_been_known_whatever_it_claims() {
    let points = [
        point("ours", 90, true),
        point("newest", 61, true),
        foreign("backdated", at(NOW - 4000 * DAY), 1),
        foreign("near", at(NOW), 60),
        foreign("of the future", at(NOW + 4000 * DAY), 61),
    ];
    let decided: Vec<_> = actions(&points, &rule(30, 60)).into_iter().map(|(_, action)| action).collect();
    let expires = |days: i64| Action::Expire { purge_by: at(NOW - days * DAY + 62 * DAY) };
    assert_eq!(decided, [expires(90), Action::Exempt, Action::Keep, Action::Keep, expires(61)]);
}

#[test]
fn foreign_points_stay_while_nothing_of_ours_is_known_to_be_good() {
    let lost = [foreign("a", at(NOW), 100), foreign("b", at(0), 100)];
    assert!(actions(&lost, &rule(30, 60)).iter().all(|(_, action)| *action == Action::Exempt));
    let damaged = [point("ours", 1, false), foreign("a", at(NOW), 100)];
    assert_eq!(actions(&damaged, &rule(30, 60))[1].1, Action::Exempt);
    let whole = [point("ours", 1, true), foreign("a", at(NOW), 100)];
    assert!(matches!(actions(&whole, &rule(30, 60))[1].1, Action::Expire { .. }));
}

#[test]
fn a_hold_keeps_every_point_and_says_whose_it_is() {
    let review_on = jiff::civil::date(2026, 1, 31);
    let hold = Hold { owner: "R. Iyer".to_owned(), reason: "case 7".to_owned(), review_on };
    let safeguards = Safeguards { holds: vec![hold], ..Safeguards::default() };
    let points = [point("old", 4000, false), point("newer", 400, true), foreign("junk", at(0), 400)];
    for decision in expired(&points, &rule(30, 60), &safeguards, &clock()).unwrap() {
        assert_eq!(decision.action, Action::Exempt);
        assert_eq!(decision.reason, "held by R. Iyer until reviewed on 2026-01-31: case 7");
    }
}

#[test]
fn a_shorter_policy_takes_nothing_away_that_was_promised_longer() {
    let long = PastMinimum { version: 3, from: at(0), until: Some(at(NOW - 20 * DAY)), min_days: 90 };
    let short = PastMinimum { version: 4, from: at(NOW - 20 * DAY), until: None, min_days: 7 };
    let safeguards = Safeguards { minima: vec![long, short], ..Safeguards::default() };
    let points = [
        point("of then", 25, true),
        point("past it", 91, true),
        point("of now", 15, true),
        point("newest", 1, true),
    ];
    let decided = expired(&points, &rule(7, 10), &safeguards, &clock()).unwrap();
    assert_eq!(decided[0].action, Action::Keep);
    assert!(decided[0].reason.contains("minimum of 90 days of policy version 3"), "{}", decided[0].reason);
    assert_eq!(decided[1].action, Action::Expire { purge_by: at(NOW - 91 * DAY + 92 * DAY) });
    assert_eq!(decided[2].action, Action::Expire { purge_by: at(NOW - 15 * DAY + 12 * DAY) });
    assert_eq!(decided[3].action, Action::Keep);
}

#[test]
fn after_a_suspect_backup_nothing_expires() {
    let safeguards = Safeguards { is_suspect: true, ..Safeguards::default() };
    let points = [point("old", 400, true), point("empty", 0, true)];
    let decided = expired(&points, &rule(30, 60), &safeguards, &clock()).unwrap();
    assert_eq!(decided[0].action, Action::Exempt);
    assert!(decided[0].reason.contains("suspect"), "{}", decided[0].reason);
}

#[test]
fn what_is_given_up_goes_to_the_last_point_past_its_age_and_unless_it_is_held() {
    let given_up = Safeguards { is_given_up: true, is_suspect: true, ..Safeguards::default() };
    let points = [point("last", 61, true), foreign("junk", at(NOW), 61), point("young", 60, true)];
    let goes = |safeguards: &Safeguards| -> Vec<bool> {
        let decided = expired(&points, &rule(30, 60), safeguards, &clock()).unwrap();
        decided.into_iter().map(|decision| matches!(decision.action, Action::Expire { .. })).collect()
    };
    assert_eq!(goes(&given_up), [true, true, false]);
    let alone = expired(&points[..1], &rule(30, 60), &given_up, &clock()).unwrap();
    assert!(matches!(alone[0].action, Action::Expire { .. }), "{alone:?}");
    let hold =
        Hold { owner: "o".to_owned(), reason: "r".to_owned(), review_on: jiff::civil::date(2030, 1, 1) };
    assert_eq!(goes(&Safeguards { holds: vec![hold], ..given_up }), [false; 3]);
}

#[test]
fn nothing_is_decided_about_nothing() {
    assert!(expired(&[], &rule(30, 60), &Safeguards::default(), &clock()).unwrap().is_empty());
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
            .map(|(number, (age, is_good))| PointAge { time: at(NOW - age), ..point(&number.to_string(), 0, *is_good) })
            .collect();
        let decisions = expired(&points, &rule, &Safeguards::default(), &clock()).unwrap();
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
            .map(|(number, age)| PointAge { time: at(NOW - age), ..point(&number.to_string(), 0, true) })
            .collect();
        let gone = |now: i64| -> Vec<bool> {
            let clock = ClockEvidence { now: at(now), ..clock() };
            let decisions = expired(&points, &rule(30, 60), &Safeguards::default(), &clock).unwrap();
            decisions.into_iter().map(|decision| matches!(decision.action, Action::Expire { .. })).collect()
        };
        for (before, after) in gone(NOW).into_iter().zip(gone(NOW + later)) {
            prop_assert!(!before || after);
        }
    }

    #[test]
    fn whatever_else_happens_the_promises_are_kept(
        ages in proptest::collection::vec((-5 * DAY..400 * DAY, any::<bool>()), 0..40),
        strangers in proptest::collection::vec((-4000 * DAY..4000 * DAY, 0..400_i64), 0..40),
        versions in proptest::collection::vec((0..400_i64, 0..400_i64, 1_u32..200), 0..5),
        (min_days, more_days) in (1_u32..120, 0_u32..120),
        is_held in any::<bool>(),
        is_suspect in any::<bool>(),
    ) {
        let rule = rule(min_days, min_days + more_days);
        let minima = versions.iter().zip(1..).map(|((from, lasted, min_days), version)| PastMinimum {
            version,
            from: at(NOW - from * DAY),
            until: (*lasted < *from).then(|| at(NOW - (from - lasted) * DAY)),
            min_days: *min_days,
        });
        let hold = Hold {
            owner: "o".to_owned(), reason: "r".to_owned(), review_on: jiff::civil::date(2020, 1, 1),
        };
        let safeguards = Safeguards {
            minima: minima.collect(), holds: is_held.then_some(hold).into_iter().collect(), is_suspect,
            is_given_up: false,
        };
        let ours: Vec<PointAge> = ages
            .iter()
            .enumerate()
            .map(|(number, (age, is_good))| PointAge { time: at(NOW - age), ..point(&number.to_string(), 0, *is_good) })
            .collect();
        let alone = expired(&ours, &rule, &safeguards, &clock()).unwrap();
        let goes = |decision: &Decision| matches!(decision.action, Action::Expire { .. });

        // Nothing younger than any minimum of its time goes.
        for decision in alone.iter().filter(|decision| goes(decision)) {
            let age = NOW - decision.point.time.as_second();
            prop_assert!(age > i64::from(min_days) * DAY);
            for past in &safeguards.minima {
                let was_in_force = past.until.is_none_or(|until| until > decision.point.time);
                prop_assert!(!was_in_force || age > i64::from(past.min_days) * DAY);
            }
        }
        // Where any good point is, a good one stays.
        let stays = alone.iter().filter(|decision| !goes(decision));
        prop_assert_eq!(stays.clone().any(|d| d.point.is_good), ours.iter().any(|point| point.is_good));
        prop_assert_eq!(stays.count() > 0, !ours.is_empty());
        prop_assert!(!(is_held || is_suspect) || !alone.iter().any(goes));

        // Whatever strangers put between them changes nothing about ours.
        let junk = strangers
            .iter()
            .map(|(time, seen)| foreign("junk", at(NOW + time), *seen))
            .collect::<Vec<_>>();
        let mut mixed = Vec::new();
        let (mut left, mut right) = (ours.iter(), junk.iter());
        while mixed.len() < ours.len() + junk.len() {
            mixed.extend(right.next().cloned());
            mixed.extend(left.next().cloned());
        }
        let together = expired(&mixed, &rule, &safeguards, &clock()).unwrap();
        let of_ours: Vec<Decision> =
            together.iter().filter(|d| d.point.origin == Origin::Recorded).cloned().collect();
        prop_assert_eq!(of_ours, alone);
        // And what they put there goes in its time, once something good of ours is left.
        let is_free = !is_held && !is_suspect && ours.iter().any(|point| point.is_good);
        for decision in together.iter().filter(|d| d.point.origin != Origin::Recorded) {
            let age = NOW - decision.point.since().as_second();
            let longest = safeguards.minima.iter().map(|past| past.min_days).max().unwrap_or(0);
            let latest = i64::from(rule.max_days.max(longest)) * DAY;
            prop_assert!(!is_free || age <= latest || goes(decision));
            prop_assert!(age > i64::from(min_days) * DAY || !goes(decision));
        }
    }
}
