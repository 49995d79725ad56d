use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::verdict::{Breach, ControlVerdict, Row, Rpo, Verdict};

mod clock;
mod told;

const START: &str = "2026-11-23T00:00:00Z";

fn minute_of(minutes: i64) -> Timestamp {
    START.parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

fn known(minutes: i64) -> Known {
    Known {
        now: minute_of(minutes),
        assessed: minute_of(minutes),
        controls: Vec::new(),
        away: std::collections::BTreeMap::new(),
        alarms: Vec::new(),
        review_due: None,
        stuck: Vec::new(),
        zone: TimeZone::UTC,
    }
}

/// A website with an objective of a day, whose newest state is so old.
fn site(name: &str, counts_from: i64, breaches: &[(i64, Option<i64>)]) -> Row {
    let rpo = Rpo {
        objective_seconds: 24 * 3600,
        recovery_point: Some(minute_of(counts_from)),
        point: Some("abc".to_owned()),
        counts_from: minute_of(counts_from),
        breaks_at: minute_of(counts_from + 24 * 60),
        known_since: None,
        first_window_from: None,
        worst_seconds: 0,
        first_within: None,
        breaches: breaches
            .iter()
            .map(|(from, until)| Breach { from: minute_of(*from), until: until.map(minute_of) })
            .collect(),
        headroom_seconds: None,
    };
    Row {
        target: format!("{name}/site"),
        asset: Some(name.to_owned()),
        verdict: Verdict::Fail,
        why: "the newest state that could be restored is old".to_owned(),
        next: Some(format!("`holdfast backup {name}`")),
        evidence: Vec::new(),
        as_of: None,
        rpo: Some(rpo),
    }
}

fn control(id: &str, verdict: Verdict, rows: Vec<Row>) -> ControlVerdict {
    ControlVerdict {
        control: id.to_owned(),
        title: "a thing is so".to_owned(),
        section: 1,
        sentences: Vec::new(),
        verdict,
        why: "because".to_owned(),
        next: Some("do something".to_owned()),
        warnings: Vec::new(),
        evidence: Vec::new(),
        as_of: None,
        rows,
    }
}

/// What is said at an instant, and remembered.
fn say(known: &Known, said: &mut Vec<Said>) -> Vec<Notice> {
    let notices =
        decide(&conditions(known), &watched(known), said, Pace::default(), minute_of(-1), known.now);
    said.extend(notices.iter().map(|notice| Said {
        topic: notice.topic.clone(),
        at: known.now,
        items: notice.news.iter().map(|(item, _)| item.clone()).collect(),
    }));
    notices
}

fn sender() -> Sender {
    Sender {
        company: "Hosting Ltd".to_owned(),
        contact: vec!["support@hosting.example".to_owned(), "+44 1".to_owned()],
        host: "backup1".to_owned(),
    }
}

fn letter(notice: &Notice) -> Letter {
    words(notice, &sender(), &TimeZone::UTC, minute_of(0))
}

fn subjects(notices: &[Notice]) -> Vec<String> {
    notices.iter().map(|notice| letter(notice).subject.replace("holdfast Hosting Ltd: ", "")).collect()
}

#[test]
fn before_it_breaks_when_it_breaks_and_when_it_ends() {
    let (mut said, day) = (Vec::new(), 24 * 60);
    let at = |minutes: i64, counts_from, breaches: &[(i64, Option<i64>)]| {
        let mut known = known(minutes);
        known.controls =
            vec![control("DR-04", Verdict::Fail, vec![site("shop.example", counts_from, breaches)])];
        known
    };
    // 70 % of a day are 16 hours and 48 minutes.
    assert_eq!(say(&at(16 * 60 + 47, 0, &[]), &mut said), []);
    let warned = say(&at(16 * 60 + 48, 0, &[]), &mut said);
    assert_eq!(
        subjects(&warned),
        [
            "BREAKS SOON: shop.example/site: 70 % of 1d are used up; it breaks at Tue 2026-11-24 00:00 UTC unless a point comes before"
        ]
    );
    assert_eq!(say(&at(20 * 60, 0, &[]), &mut said), [], "told once");
    let broken = say(&at(day, 0, &[(day, None)]), &mut said);
    assert_eq!(subjects(&broken), ["BREACH: shop.example/site beyond the objective"]);
    let text = letter(&broken[0]).text;
    for words in [
        "since  Tue 2026-11-24 00:00 UTC",
        "do     `holdfast backup shop.example`",
        "+44 1",
        "for Hosting Ltd",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(say(&at(day + 600, 0, &[(day, None)]), &mut said), []);
    let reminded = say(&at(2 * day, 0, &[(day, None)]), &mut said);
    assert_eq!(subjects(&reminded), ["STILL BROKEN: shop.example/site beyond the objective"]);
    let ended = say(&at(2 * day + 60, 2 * day, &[(day, Some(2 * day + 50))]), &mut said);
    assert_eq!(subjects(&ended), ["ENDED: shop.example/site within the objective again"]);
    assert_eq!(say(&at(2 * day + 120, 2 * day, &[(day, Some(2 * day + 50))]), &mut said), []);
}

#[test]
fn a_storm_is_one_notice_with_a_count_and_the_worst() {
    let day = 24 * 60;
    let mut now = known(day + 100);
    // One place is gone, and every point lies at one alone.
    let mut sites: Vec<Row> = (0..999).map(|n| site(&format!("s{n}.example"), 0, &[(day, None)])).collect();
    sites.push(site("worst.example", -5000, &[(day - 5000, None)]));
    now.controls = vec![control("DR-04", Verdict::Fail, sites), control("LOC-01", Verdict::Fail, Vec::new())];
    now.away.insert("there".to_owned(), (minute_of(1), "no route".to_owned()));
    let mut said = Vec::new();
    let notices = say(&now, &mut said);
    let mut told = subjects(&notices);
    told.sort();
    assert_eq!(
        told,
        [
            "BREACH: worst.example/site and 999 others beyond the objective",
            "LOCATION AWAY: there: no route",
            "RED: LOC-01: a thing is so (FAIL): because",
        ]
    );
    let breach = notices.iter().find(|notice| notice.topic == Topic::Breach).unwrap();
    assert!(letter(breach).text.contains("... and 980 more"), "{}", letter(breach).text);
    // Those that break a minute later wait for the next notice, and are told in one.
    for minutes in 1..=9 {
        now.now = minute_of(day + 100 + minutes);
        now.controls[0].rows.push(site(&format!("late{minutes}.example"), 0, &[(day + 100, None)]));
        assert_eq!(say(&now, &mut said), []);
    }
    now.now = minute_of(day + 110);
    let later = say(&now, &mut said);
    assert_eq!(subjects(&later), ["BREACH: late1.example/site and 8 others beyond the objective"]);
    assert_eq!(later[0].lasting.len(), 1000);
}

#[test]
fn what_began_before_the_window_is_no_new_breach_when_the_window_moves() {
    let mut said = Vec::new();
    let mut now = known(0);
    let mut row = site("a.example", -100_000, &[(-44_000, None)]);
    now.controls = vec![control("DR-04", Verdict::Fail, vec![row.clone()])];
    assert_eq!(say(&now, &mut said).len(), 1);
    // It began before the window, and from what is left of its time another instant follows.

    row.rpo.as_mut().unwrap().breaches[0].from = minute_of(-43_500);
    now.controls[0].rows = vec![row.clone()];
    now.now = minute_of(600);
    assert_eq!(say(&now, &mut said), []);
    row.rpo.as_mut().unwrap().breaches[0].until = Some(minute_of(650));
    now.controls[0].rows = vec![row];
    now.now = minute_of(660);
    assert_eq!(subjects(&say(&now, &mut said)), ["ENDED: a.example/site within the objective again"]);
    now.now = minute_of(700);
    assert_eq!(say(&now, &mut said), []);
}

#[test]
fn an_alarm_that_is_raised_every_hour_is_said_once_a_day() {
    let mut said = Vec::new();
    let mut now = known(0);
    let mut count = 0;
    for hour in 0..48 {
        now.now = minute_of(hour * 60 + 1);
        now.alarms.push(AlarmSeen {
            kind: "log-forked".to_owned(),
            subject: "there".to_owned(),
            message: "the heads there are gone".to_owned(),
            recorded: minute_of(hour * 60),
        });
        let notices = say(&now, &mut said);
        count += notices.len();
        for notice in notices {
            assert_eq!(notice.topic.team(), Some(Team::Compliance));
            assert!(letter(&notice).subject.contains("ALARM, log forked: there: the heads"), "{notice:?}");
        }
    }
    assert_eq!(count, 2);
    // Of another subject it is news.
    now.alarms.push(AlarmSeen { subject: "here".to_owned(), ..now.alarms[0].clone() });
    now.alarms.last_mut().unwrap().recorded = now.now;
    assert_eq!(say(&now, &mut said).len(), 1);
}

#[test]
fn reviews_are_asked_for_thirty_and_seven_days_before_and_when_it_is_too_late() {
    let mut said = Vec::new();
    let mut told = Vec::new();
    for day in 0..80 {
        let mut now = known(day * 24 * 60 + 30);
        now.review_due = Some("2027-01-02".parse().unwrap());
        told.extend(say(&now, &mut said).iter().map(|notice| (day, letter(notice).subject)));
    }
    let days: Vec<i64> = told.iter().map(|(day, _)| *day).collect();
    // The third of December, the 26th, and the day after the second of January.
    assert_eq!(days, [10, 33, 41], "{told:?}");
    assert!(told[0].1.contains("in 30 days") && told[1].1.contains("in 7 days"), "{told:?}");
    assert!(told[2].1.contains("overdue"), "{told:?}");
}

#[test]
fn controls_go_to_the_team_that_looks_after_them() {
    let mut now = known(0);
    let red = |id| control(id, Verdict::Fail, Vec::new());
    now.controls =
        vec![red("ENC-01"), red("SCHED-01"), red("RET-03"), red("LOG-01"), red("NOTIF-01"), red("DR-04")];
    now.controls.push(control("INT-01", Verdict::Pass, Vec::new()));
    let notices = say(&now, &mut Vec::new());
    let teams: Vec<_> = notices
        .iter()
        .map(|notice| {
            (
                notice.topic.team().unwrap().as_str(),
                notice.news.iter().map(|(i, _)| i.target.as_str()).collect(),
            )
        })
        .collect();
    let expected: Vec<(&str, Vec<&str>)> =
        vec![("infrastructure", vec!["SCHED-01"]), ("compliance", vec!["ENC-01", "LOG-01", "RET-03"])];
    assert_eq!(teams, expected, "objectives and notices are told by their own topics");
}

#[test]
fn a_name_cannot_begin_a_line_of_its_own() {
    let mut now = known(0);
    let why = "cannot read /srv/a\nBcc: everybody@example\r\nX: \u{202e}y".to_owned();
    now.away.insert("there".to_owned(), (minute_of(0), why));
    let letter = letter(&say(&now, &mut Vec::new())[0]);
    assert!(!letter.subject.contains(['\n', '\r']) && letter.subject.contains("Bcc: everybody@example X: y"));
    assert!(
        !letter.text.lines().any(|line| line.starts_with("Bcc") || line.starts_with("X:")),
        "{}",
        letter.text
    );
}

#[test]
fn the_digest_is_due_once_a_day_in_the_policys_zone() {
    let zone = TimeZone::get("Europe/London").unwrap();
    let seven = jiff::civil::time(7, 0, 0, 0);
    let due = |said: &[Said], text: &str| {
        digest_due(said, seven, &zone, text.parse().unwrap()).map(|at| at.to_string())
    };
    // In summer London is an hour ahead.
    assert_eq!(due(&[], "2026-07-02T06:00:00Z").unwrap(), "2026-07-02T06:00:00Z");
    assert_eq!(due(&[], "2026-07-02T05:59:59Z").unwrap(), "2026-07-01T06:00:00Z");
    let said = |text: &str| [Said { topic: Topic::Digest, at: text.parse().unwrap(), items: Vec::new() }];
    assert_eq!(due(&said("2026-07-02T06:00:01Z"), "2026-07-03T05:00:00Z"), None);
    assert_eq!(due(&said("2026-07-02T06:00:01Z"), "2026-07-03T06:00:00Z").unwrap(), "2026-07-03T06:00:00Z");
    // One from the future is what a clock leaves behind that was set back.
    assert!(due(&said("2026-08-02T06:00:01Z"), "2026-07-03T06:00:00Z").is_some());
}

#[test]
fn the_digest_names_what_is_broken() {
    let mut now = known(24 * 60 + 10);
    now.controls = vec![
        control("DR-04", Verdict::Fail, vec![site("shop.example", 0, &[(24 * 60, None)])]),
        control("LOC-01", Verdict::Fail, Vec::new()),
        control("INT-01", Verdict::Pass, Vec::new()),
    ];
    let alarm = |recorded, message: &str| AlarmSeen {
        kind: "damage-found".to_owned(),
        subject: message.to_owned(),
        message: message.to_owned(),
        recorded: minute_of(recorded),
    };
    now.alarms = vec![alarm(-10, "of yesterday"), alarm(60, "of today")];
    let (letter, items) =
        digest(&now, &conditions(&now), &Digest { slots: (5, 1, 2), ..Digest::default() }, &sender());
    assert_eq!(letter.subject, "holdfast Hosting Ltd: daily: 1 part beyond the objective, 1 control red");
    for words in
        ["1 pass, 2 fail", "5 backups in time, 1 late or incomplete, 2 missed", "shop.example/site", "LOC-01"]
    {
        assert!(letter.text.contains(words), "{words}: {}", letter.text);
    }
    assert!(letter.text.contains("of today") && !letter.text.contains("of yesterday"), "{}", letter.text);
    assert_eq!(items.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// However often and whenever somebody looks, and although nothing is remembered but what was said.
    #[test]
    fn each_breach_begins_and_ends_once(
        spans in prop::collection::vec(prop::collection::vec((1_i64..300, 1_i64..300), 1..6), 1..5),
        pauses in prop::collection::vec(1_i64..400, 1..60),
    ) {
        // Gaps and lengths, one after the other, for each site.
        let breaches: Vec<Vec<(i64, i64)>> = spans.iter().map(|spans| {
            let mut at = 0;
            spans.iter().map(|(gap, length)| { at += gap; let from = at; at += length; (from, at) }).collect()
        }).collect();
        let mut said = Vec::new();
        let (mut now, end) = (0, 5000);
        let looks: Vec<i64> = pauses.iter().map(|pause| { now += pause; now }).take_while(|at| *at < end).collect();
        for at in looks.into_iter().chain([end, end + 60]) {
            let mut known = known(at);
            let rows = breaches.iter().enumerate().map(|(number, spans)| {
                let seen: Vec<(i64, Option<i64>)> = spans.iter().filter(|(from, _)| *from <= at)
                    .map(|(from, until)| (*from, Some(*until).filter(|until| *until <= at))).collect();
                site(&format!("s{number}"), at, &seen)
            });
            known.controls = vec![control("DR-04", Verdict::Fail, rows.collect())];
            say(&known, &mut said);
        }
        let items: Vec<&Item> = said.iter().filter(|one| one.topic == Topic::Breach).flat_map(|one| &one.items).collect();
        for (number, spans) in breaches.iter().enumerate() {
            for (from, _) in spans {
                let of = |phases: &[Phase]| items.iter().filter(|item| item.target == format!("s{number}/site")
                    && item.since == minute_of(*from) && phases.contains(&item.phase)).count();
                prop_assert_eq!(of(&[Phase::Begun, Phase::Passed]), 1);
                prop_assert_eq!(of(&[Phase::Ended, Phase::Passed]), 1);
            }
        }
    }
}
