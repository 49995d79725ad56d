//! Fifty sites through half a year on a virtual calendar, and what must not be possible to whoever wants easy tests.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::*;

const DAY: u64 = 86_400;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn weekly(sample: u32, days: u64) -> Pace {
    let untested_max = Some(Duration::from_secs(days * DAY));
    Pace { every: Cadence::Weekly, sample: Some(sample), untested_max }
}

fn target(name: &str, since: Timestamp) -> Target {
    Target { asset: name.to_owned(), since, drawn: None, is_unwell: false, has_points: true }
}

/// Weeks of London, in which a clock is set back in October and forward in March.
struct Weeks {
    zone: TimeZone,
    next: Timestamp,
}

impl Iterator for Weeks {
    type Item = Occasion;

    fn next(&mut self) -> Option<Occasion> {
        let occasion = first_occasion_from(Cadence::Weekly, &self.zone, self.next)?;
        self.next = occasion.ends;
        Some(occasion)
    }
}

fn weeks(from: &str) -> Weeks {
    Weeks { zone: TimeZone::get("Europe/London").unwrap(), next: at(from) }
}

fn seed(week: usize, occasion: &Occasion) -> Seed {
    Seed::of_occasion(&format!("root of week {week}"), Exercised::Websites, occasion)
}

/// The estate over time: what was drawn when, and how it ended.
struct Estate {
    pace: Pace,
    targets: BTreeMap<String, Target>,
    /// When each was tested, whatever came of it.
    tested: BTreeMap<String, Vec<Timestamp>>,
    picks: Vec<usize>,
}

impl Estate {
    fn of(sites: usize, pace: Pace, since: Timestamp) -> Estate {
        let targets = (0..sites).map(|n| format!("site{n:02}.example"));
        let targets = targets.map(|name| (name.clone(), target(&name, since))).collect();
        Estate { pace, targets, tested: BTreeMap::new(), picks: Vec::new() }
    }

    /// A week: everything that is drawn is tested at its very end, which is as late as can be.
    fn pass(&mut self, week: usize, occasion: &Occasion, is_well: impl Fn(&str) -> bool) -> Selection {
        let targets: Vec<Target> = self.targets.values().cloned().collect();
        let selection = select(&seed(week, occasion), occasion, &self.pace, &targets);
        for pick in &selection.picks {
            let target = self.targets.get_mut(&pick.asset).unwrap();
            target.drawn = Some(occasion.opens);
            target.is_unwell = !is_well(&pick.asset);
            let late = occasion.ends - SignedDuration::from_secs(1);
            self.tested.entry(pick.asset.clone()).or_default().push(late);
        }
        self.picks.push(selection.picks.len());
        selection
    }

    /// The longest that any site was ever without a test, until `now`.
    fn longest(&self, now: Timestamp) -> SignedDuration {
        let gap = |target: &Target| {
            let tested = self.tested.get(&target.asset).into_iter().flatten().copied();
            let instants: Vec<Timestamp> = [target.since].into_iter().chain(tested).chain([now]).collect();
            instants.windows(2).map(|pair| pair[1].duration_since(pair[0])).max().unwrap()
        };
        self.targets.values().map(gap).max().unwrap()
    }
}

#[test]
fn fifty_sites_in_half_a_year_are_each_tested_within_their_deadline() {
    for (sample, days) in [(5, 90), (1, 90), (5, 60), (2, 42), (0, 28), (50, 90)] {
        let mut estate = Estate::of(50, weekly(sample, days), at("2026-08-31T00:00:00Z"));
        let mut now = at("2026-08-31T00:00:00Z");
        for (week, occasion) in weeks("2026-08-31T00:00:00Z").take(26).enumerate() {
            estate.pass(week, &occasion, |_| true);
            now = occasion.ends;
        }
        let longest = estate.longest(now);
        let max = SignedDuration::from_hours(days as i64 * 24);
        assert!(longest <= max, "sample {sample}, {days} days: {longest:?}");
        assert!(estate.picks.iter().all(|picks| *picks >= sample as usize), "{:?}", estate.picks);
        assert_eq!(estate.tested.len(), 50);
    }
}

/// What the promise rests on: were the sample taken by its word, the deadline would be past for some.
#[test]
fn a_sample_that_is_too_small_for_the_deadline_would_miss_it_and_is_made_larger() {
    let pace = weekly(1, 90);
    assert_eq!((pace.rounds(), pace.needed(50), pace.picks(50)), (Some(12), 5, 6));
    assert_eq!(weekly(5, 90).picks(50), 6, "five by their turn, and one by chance");
    assert_eq!(weekly(20, 90).picks(50), 20);
    assert_eq!(weekly(20, 90).picks(7), 7);
    assert_eq!(weekly(20, 90).picks(0), 0);
    let all = Pace { sample: None, ..weekly(0, 90) };
    assert_eq!(all.picks(50), 50);
    // By its word: one a week.
    let mut estate = Estate::of(50, Pace { untested_max: None, ..weekly(1, 90) }, at("2026-08-31T00:00:00Z"));
    let mut now = Timestamp::MIN;
    for (week, occasion) in weeks("2026-08-31T00:00:00Z").take(26).enumerate() {
        estate.pass(week, &occasion, |_| true);
        now = occasion.ends;
    }
    assert!(estate.longest(now) > SignedDuration::from_hours(90 * 24));
}

#[test]
fn sites_that_come_later_have_their_turn_and_keep_nobody_from_his() {
    let mut estate = Estate::of(50, weekly(5, 90), at("2026-08-31T00:00:00Z"));
    let mut now = Timestamp::MIN;
    for (week, occasion) in weeks("2026-08-31T00:00:00Z").take(52).enumerate() {
        if week % 3 == 0 {
            let name = format!("new{week}.example");
            estate.targets.insert(name.clone(), target(&name, occasion.opens));
        }
        // Every fifth site is never well, and is looked at again and again.
        estate.pass(week, &occasion, |name| !name.ends_with("5.example"));
        now = occasion.ends;
    }
    assert!(estate.longest(now) <= SignedDuration::from_hours(90 * 24));
}

#[test]
fn the_same_seed_gives_the_same_picks_whatever_the_order_of_the_targets() {
    let occasion = weeks("2026-08-31T00:00:00Z").next().unwrap();
    let targets: Vec<Target> = Estate::of(50, weekly(5, 90), occasion.opens).targets.into_values().collect();
    let mut turned = targets.clone();
    turned.reverse();
    let first = select(&seed(1, &occasion), &occasion, &weekly(5, 90), &targets);
    assert_eq!(first, select(&seed(1, &occasion), &occasion, &weekly(5, 90), &turned));
    assert_ne!(first, select(&seed(2, &occasion), &occasion, &weekly(5, 90), &targets));
    let written = seed(1, &occasion).to_string();
    assert_eq!(Seed::parse(&written), Some(seed(1, &occasion)));
    assert_eq!(Seed::parse(&written[1..]), None);
    assert_eq!(Seed::parse(&"é".repeat(32)), None);
}

/// What is pinned here must never change: who has an old log must be able to draw again what was drawn then.
#[test]
fn lots_fall_as_they_fell_in_the_first_version() {
    let occasion = occasion_at(Cadence::Weekly, &TimeZone::UTC, at("2026-11-28T12:00:00Z")).unwrap();
    assert_eq!(occasion.label, "2026-W48");
    let seed = Seed::of_occasion("ab", Exercised::Websites, &occasion);
    assert_eq!(seed.to_string(), "29d0dbecc578a3cff751b9946cee08c180834c35be035865df762272f9da2c6d");
    assert_eq!(draw_point(&seed, "shop.example", 1000), Some(707));
}

#[test]
fn over_time_every_point_is_drawn_and_not_the_newest_alone() {
    let occasion = weeks("2026-08-31T00:00:00Z").next().unwrap();
    let mut drawn = BTreeSet::new();
    for week in 0..400 {
        drawn.insert(draw_point(&seed(week, &occasion), "shop.example", 30).unwrap());
    }
    assert_eq!(drawn.len(), 30);
    assert_eq!(draw_point(&seed(1, &occasion), "shop.example", 0), None);
    assert_eq!(draw_location(&seed(1, &occasion), "shop.example", 1), Some(0));
}

/// Whoever tests the easy ones by hand moves nobody else's turn, and a name chosen well wins nothing over the weeks.
#[test]
fn nobody_can_pick_easy_ones() {
    let mut estate = Estate::of(50, weekly(5, 90), at("2026-08-31T00:00:00Z"));
    let mut by_reason: BTreeMap<Why, usize> = BTreeMap::new();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for (week, occasion) in weeks("2026-08-31T00:00:00Z").take(104).enumerate() {
        for pick in estate.pass(week, &occasion, |_| true).picks {
            *by_reason.entry(pick.why).or_default() += 1;
            *times.entry(pick.asset).or_default() += 1;
        }
    }
    // In each week one at least was drawn by lot alone, so that whoever was just tested is never safe.
    assert!(by_reason[&Why::Chance] >= 104, "{by_reason:?}");
    assert_eq!(times.len(), 50);
    let (least, most) = (times.values().min().unwrap(), times.values().max().unwrap());
    assert!(*least >= 8 && *most <= 20, "{least} to {most}");
}

#[test]
fn what_failed_is_drawn_again_and_takes_nobodys_turn() {
    let mut estate = Estate::of(50, weekly(5, 90), at("2026-08-31T00:00:00Z"));
    let mut weeks = weeks("2026-08-31T00:00:00Z");
    let first = estate.pass(0, &weeks.next().unwrap(), |_| false);
    let second = estate.pass(1, &weeks.next().unwrap(), |_| true);
    let again: BTreeSet<&str> = second.picks.iter().map(|pick| pick.asset.as_str()).collect();
    assert!(first.picks.iter().all(|pick| again.contains(pick.asset.as_str())));
    let in_turn = second.picks.iter().filter(|pick| pick.why == Why::Turn).count();
    assert_eq!(in_turn, 5, "{second:?}");
}

#[test]
fn something_without_points_is_left_out_by_name_while_it_is_new_and_drawn_later() {
    let occasions: Vec<Occasion> = weeks("2026-08-31T00:00:00Z").take(4).collect();
    let mut bare = target("bare.example", occasions[1].opens - SignedDuration::from_hours(20));
    bare.has_points = false;
    let old = target("old.example", occasions[0].opens);
    let pace = weekly(5, 90);
    let selection = select(&seed(1, &occasions[1]), &occasions[1], &pace, &[bare.clone(), old.clone()]);
    assert_eq!(selection.left_out.len(), 1);
    assert_eq!(selection.picks.len(), 1);
    let selection = select(&seed(2, &occasions[2]), &occasions[2], &pace, &[bare, old]);
    assert_eq!((selection.left_out.len(), selection.picks.len()), (0, 2));
}

#[test]
fn occasions_are_the_calendars() {
    let london = TimeZone::get("Europe/London").unwrap();
    let november = occasion_at(Cadence::Monthly, &london, at("2026-11-28T12:00:00Z")).unwrap();
    assert_eq!((november.label.as_str(), november.opens), ("2026-11", at("2026-11-01T00:00:00Z")));
    let october = occasion_before(Cadence::Monthly, &london, at("2026-11-28T12:00:00Z")).unwrap();
    // Summer time when it begins.
    assert_eq!((october.label.as_str(), october.opens), ("2026-10", at("2026-09-30T23:00:00Z")));
    assert_eq!(october.ends, november.opens);
    let next = first_occasion_from(Cadence::Monthly, &london, at("2026-11-28T12:00:00Z")).unwrap();
    assert_eq!(next.label, "2026-12");
}
