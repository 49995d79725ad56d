//! What is told although something like it was told before, and what is not although it looks like news.

use super::*;

/// A site whose schedule leaves so many minutes of its objective of so many.
fn planned(counts_from: i64, objective: u64, spare: u64, breaches: &[(i64, Option<i64>)]) -> Row {
    let mut row = site("shop.example", counts_from, breaches);
    let rpo = row.rpo.as_mut().unwrap();
    rpo.objective_seconds = objective * 60;
    rpo.headroom_seconds = Some(spare * 60);
    rpo.breaks_at = minute_of(counts_from) + SignedDuration::from_mins(i64::try_from(objective).unwrap());
    row
}

fn with(minutes: i64, controls: Vec<ControlVerdict>) -> Known {
    Known { controls, ..known(minutes) }
}

#[test]
fn a_schedule_that_uses_most_of_its_objective_warns_only_of_points_that_are_overdue() {
    let warns_at = |spare: u64| {
        let mut said = Vec::new();
        (0..100).find(|at| {
            let row = planned(0, 100, spare, &[]);
            !say(&with(*at, vec![control("DR-03", Verdict::Pass, vec![row])]), &mut said).is_empty()
        })
    };
    // By plan the next point is protected when 50, 70, 92 or all 100 minutes are used up.
    assert_eq!([50, 30, 8, 0].map(warns_at), [Some(70), Some(70), Some(92), Some(95)]);
}

#[test]
fn a_breach_waits_for_no_more_than_a_twentieth_of_its_objective() {
    let mut said = Vec::new();
    let at = |minutes, broken: bool| {
        let breaches = [(60, None)];
        let row = planned(0, 60, 5, if broken { &breaches } else { &[] });
        let mut first = planned(0, 60, 5, &[(57, None)]);
        first.target = "first.example/site".to_owned();
        with(minutes, vec![control("DR-03", Verdict::Fail, vec![first, row])])
    };
    let now = at(58, false);
    assert!(say(&now, &mut said).iter().any(|notice| notice.topic == Topic::Breach));
    let breaches = |known: &Known, said: &mut Vec<Said>| {
        say(known, said).into_iter().filter(|notice| notice.topic == Topic::Breach).count()
    };
    assert_eq!(breaches(&at(60, true), &mut said), 0, "two minutes after the first");
    assert_eq!(breaches(&at(61, true), &mut said), 1, "three minutes after it");
}

#[test]
fn a_control_that_gets_worse_and_new_parts_of_a_red_one_are_told() {
    let part = |name: &str, verdict| Row { verdict, rpo: None, ..site(name, 0, &[]) };
    let look = |minutes, verdict, rows: Vec<Row>, said: &mut Vec<Said>| {
        subjects(&say(&with(minutes, vec![control("LOC-01", verdict, rows)]), said))
    };
    let mut said = Vec::new();
    let (none, stale, fail) = (Verdict::NoEvidence, Verdict::Stale, Verdict::Fail);
    let told = look(0, none, vec![part("a", none)], &mut said);
    assert_eq!(told, ["RED: LOC-01 and 1 other: a thing is so (NO_EVIDENCE): because"]);
    assert_eq!(look(60, none, vec![part("a", none)], &mut said), [""; 0]);
    let told = look(120, fail, vec![part("a", none)], &mut said);
    assert_eq!(told, ["WORSE: LOC-01: a thing is so (FAIL): because"]);
    // Better, and as bad as before: told already.
    assert_eq!(look(200, stale, vec![part("a", none)], &mut said), [""; 0]);
    assert_eq!(look(300, fail, vec![part("a", none)], &mut said), [""; 0]);
    // A storm of parts is one notice, at most every hour.
    let mut rows: Vec<Row> = vec![part("a", none)];
    rows.extend((0..500).map(|n| part(&format!("s{n}"), fail)));
    let told = look(400, fail, rows.clone(), &mut said);
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("RED: LOC-01: s0/site and 499 others: "), "{told:?}");
    rows.push(part("another", fail));
    assert_eq!(look(459, fail, rows.clone(), &mut said), [""; 0]);
    assert_eq!(look(460, fail, rows.clone(), &mut said).len(), 1);
    // The digest counts controls.
    let now = with(470, vec![control("LOC-01", fail, rows)]);
    let (letter, _) = digest(&now, &conditions(&now), &Digest::default(), &sender());
    assert!(letter.subject.ends_with("1 control red"), "{}", letter.subject);
    let told = look(600, Verdict::Pass, Vec::new(), &mut said);
    assert!(told[0].starts_with("NOT RED ANY MORE: LOC-01 and 502 others"), "{told:?}");
}

#[test]
fn other_damage_in_the_same_repository_is_told_and_numbers_make_none() {
    let mut said = Vec::new();
    let mut now = known(0);
    let mut look = |minutes, message: &str| {
        now.now = minute_of(minutes);
        now.alarms.push(AlarmSeen {
            kind: "not-heard-of-yet".to_owned(),
            subject: "sites".to_owned(),
            message: message.to_owned(),
            recorded: minute_of(minutes),
        });
        let pace = Pace { remind: SignedDuration::from_hours(24 * 365), ..Pace::default() };
        let notices = decide(&conditions(&now), &watched(&now), &said, pace, minute_of(-1), now.now);
        said.extend(notices.iter().map(|notice| Said {
            topic: notice.topic.clone(),
            at: now.now,
            items: notice.news.iter().map(|(item, _)| item.clone()).collect(),
        }));
        assert!(notices.iter().all(|notice| notice.topic.team() == Some(Team::Infrastructure)));
        subjects(&notices)
    };
    assert_eq!(look(0, "3 objects are gone"), ["ALARM, not heard of yet: sites: 3 objects are gone"]);
    assert_eq!(look(60, "4 objects are gone"), [""; 0]);
    assert_eq!(look(120, "a snapshot is gone"), ["ALARM, not heard of yet: sites: a snapshot is gone"]);
    // Whoever wants to be reminded once a year hears of damage that goes on every day.
    assert_eq!(look(24 * 60 + 1, "5 objects are gone").len(), 1);
}

#[test]
fn what_nobody_looks_at_any_more_is_not_in_order_again() {
    let mut said = Vec::new();
    let broken = |name: &str| site(name, 0, &[(1440, None)]);
    let both = vec![control("DR-04", Verdict::Fail, vec![broken("a"), broken("b")])];
    assert_eq!(say(&with(1440, both), &mut said).len(), 1);
    let one = vec![control("DR-04", Verdict::Fail, vec![broken("b")])];
    let told = say(&with(1500, one), &mut said);
    assert_eq!(subjects(&told), ["NO LONGER WATCHED: a/site removed or without an objective; 1 still is"]);
    let text = letter(&told[0]).text;
    assert!(text.contains("Not watched any more") && !text.contains("ithin the objective again"), "{text}");
    // It kept its row, and lost its objective.
    let row = Row { rpo: None, ..broken("b") };
    let told = say(&with(1600, vec![control("DR-04", Verdict::NoEvidence, vec![row])]), &mut said);
    assert_eq!(subjects(&told), ["NO LONGER WATCHED: b/site removed or without an objective"]);
    assert_eq!(say(&with(1700, Vec::new()), &mut said), []);
}
