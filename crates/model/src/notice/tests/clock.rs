//! A clock that runs ahead, and is set back.

use super::*;

/// A notice, and in which real minute it was said.
struct Heard {
    real: i64,
    said: Said,
}

/// What people hear while a clock is ahead by so much between two instants. At each look a leaf is recorded.
fn heard(looks: &[i64], (ahead, from, until): (i64, i64, i64), later: i64) -> Vec<Heard> {
    let clock = |real: i64| if (from..until).contains(&real) { real + ahead } else { real };
    let mut heard: Vec<Heard> = Vec::new();
    let mut alarms = Vec::new();
    for real in looks.iter().copied() {
        let now = minute_of(clock(real));
        let said: Vec<Said> = heard
            .iter()
            .map(|one| {
                let after = looks.iter().filter(|look| **look > one.real && **look <= real);
                let earliest = after.map(|look| minute_of(clock(*look))).min();
                let at = if one.said.at > now { earliest.unwrap_or(one.said.at) } else { one.said.at };
                Said { at, ..one.said.clone() }
            })
            .collect();
        let mut known = known(clock(real));
        let mut rows = vec![site("first", -2000, &[(-560, None)])];
        if real >= later {
            rows.push(site("later", later - 1440, &[(later, None)]));
        }
        known.controls =
            vec![control("DR-04", Verdict::Fail, rows), control("LOC-01", Verdict::Fail, Vec::new())];
        alarms.push(AlarmSeen {
            kind: "gave-up".to_owned(),
            subject: "a.example".to_owned(),
            message: "nothing works".to_owned(),
            recorded: now,
        });
        known.alarms.clone_from(&alarms);
        known.alarms.sort_by_key(|alarm| alarm.recorded);
        for notice in
            decide(&conditions(&known), &watched(&known), &said, Pace::default(), minute_of(-1), now)
        {
            let items = notice.news.iter().map(|(item, _)| item.clone()).collect();
            heard.push(Heard { real, said: Said { topic: notice.topic, at: now, items } });
        }
    }
    heard
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_clock_that_ran_ahead_and_was_set_back_neither_floods_nor_silences(
        ahead in 1_i64..100_000,
        from in 30_i64..2000,
        lasts in 1_i64..3000,
        later in 1_i64..1000,
        pauses in prop::collection::vec(1_i64..60, 300..301),
    ) {
        let mut at = 0;
        let looks: Vec<i64> = pauses.iter().map(|pause| { at += pause; at }).collect();
        let (until, later) = (from + lasts, from + lasts + later);
        let heard = heard(&looks, (ahead, from, until), later);
        let day = 24 * 60;
        for topic in [Topic::Breach, Topic::Controls(Team::Compliance), Topic::Alarm("gave-up".to_owned())] {
            let of: Vec<&Heard> = heard.iter().filter(|one| one.said.topic == topic).collect();
            for pair in of.windows(2) {
                // A day that a clock left out is a day for whoever reads the clock.
                let is_jump = pair[0].real < from && pair[1].real >= from;
                let is_news = pair[1].said.items.iter().any(|item| item.phase == Phase::Begun);
                let pause = if is_news { 10 } else { day };
                prop_assert!(is_jump || pair[1].real - pair[0].real >= pause, "{topic:?} {} {}", pair[0].real, pair[1].real);
            }
        }
        let begun = |target: &str| -> Vec<i64> {
            let has = |one: &&Heard| one.said.items.iter().any(|item| item.target == target && item.phase == Phase::Begun);
            heard.iter().filter(has).map(|one| one.real).collect()
        };
        prop_assert_eq!(begun("first/site").len(), 1);
        prop_assert_eq!(begun("LOC-01").len(), 1);
        if later + 200 <= at {
            let told = begun("later/site");
            prop_assert_eq!(told.len(), 1);
            prop_assert!(told[0] <= later + 10 + 3 * 60, "{} told at {}", later, told[0]);
        }
        // What is raised all the time is heard of every day, or at the latest when the clock comes past what it was ahead.
        let alarms: Vec<i64> = heard.iter().filter(|one| matches!(one.said.topic, Topic::Alarm(_))).map(|one| one.real).collect();
        let gaps = alarms.windows(2).map(|pair| pair[1] - pair[0]).chain([at - alarms.last().copied().unwrap_or_default()]);
        for gap in gaps {
            prop_assert!(gap <= 3 * day + 3 * 60, "{alarms:?} until {at}");
        }
    }
}
