//! Thirteen months with both changes of the clocks, a leap day and short months, and each rule of the verdicts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::{TimeZone, TimeZoneDatabase};
use proptest::prelude::*;

use super::*;
use crate::{Class, read_policy, template};

const MINUTE: u64 = 60;
const HOUR: u64 = 3600;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn zone(name: &str) -> TimeZone {
    TimeZoneDatabase::bundled().get(name).unwrap()
}

fn asset(name: &str) -> AssetName {
    AssetName::parse(name).unwrap()
}

fn lasts(capture_s: u64, copy_s: u64) -> Lasts {
    let (capture, copy) = (Duration::from_secs(capture_s), Duration::from_secs(copy_s));
    Lasts { capture, copy, basis: LastsBasis::Measured { samples: 100 } }
}

fn stated(age_s: u64) -> Objective {
    let sentences = vec![crate::SentenceId { section: 7, clause: 3 }];
    Objective { age: Duration::from_secs(age_s), sentences }
}

fn plan(
    zone_name: &str,
    incremental: Cadence,
    full: Option<Cadence>,
    compiled: Option<Compiled>,
) -> SlotPlan {
    SlotPlan { zone: zone(zone_name), incremental, full, compiled }
}

/// From 1 October 2027 to 1 November 2028, in London: both changes twice over, and 29 February 2028.
fn thirteen_months() -> (Timestamp, Timestamp) {
    (at("2027-09-30T23:00:00Z"), at("2028-11-01T00:00:00Z"))
}

fn literal_of(slots: &[Slot], kind: SlotKind) -> Vec<&Slot> {
    let is_meant = |slot: &&Slot| slot.kind == kind && matches!(slot.basis, SlotBasis::Literal { .. });
    slots.iter().filter(is_meant).collect()
}

#[test]
fn thirteen_months_have_as_many_slots_as_the_calendar_has_periods() {
    let (from, to) = thirteen_months();
    for (cadence, expected) in [
        (Cadence::Hourly, 397 * 24 + 1), // October 2028 ends an hour later than October 2027 began
        (Cadence::Daily, 397),
        (Cadence::Weekly, 57),
        (Cadence::Monthly, 13),
        (Cadence::Quarterly, 5),
    ] {
        let plan = plan("Europe/London", cadence, None, None);
        let slots = plan.slots(&asset("a"), Dataset::Site, None, from, to);
        assert_eq!(slots.len(), expected, "{cadence:?}");
        assert!(slots.windows(2).all(|pair| pair[0].due == pair[1].opens), "{cadence:?}: a gap");
    }
}

#[test]
fn days_have_23_24_or_25_hours_and_hours_have_one() {
    let (from, to) = thirteen_months();
    let lengths = |cadence| {
        let slots =
            plan("Europe/London", cadence, None, None).slots(&asset("a"), Dataset::Site, None, from, to);
        let mut counts = BTreeMap::new();
        for slot in slots {
            *counts.entry(slot.due.duration_since(slot.opens).as_hours()).or_insert(0) += 1;
        }
        counts
    };
    assert_eq!(lengths(Cadence::Daily), BTreeMap::from([(23, 1), (24, 394), (25, 2)]));
    assert_eq!(lengths(Cadence::Hourly), BTreeMap::from([(1, 397 * 24 + 1)]));
    assert_eq!(lengths(Cadence::Monthly).keys().min(), Some(&(29 * 24)));
}

#[test]
fn names_say_what_when_and_of_whom() {
    let plan = plan("Europe/London", Cadence::Daily, Some(Cadence::Weekly), None);
    let (from, to) = (at("2026-10-18T23:00:00Z"), at("2026-10-26T00:00:00Z"));
    let slots = plan.slots(&asset("shop.example"), Dataset::Site, None, from, to);
    let names: Vec<String> = slots.iter().map(Slot::id).collect();
    assert_eq!(names[0], "shop.example/site/incremental/daily/2026-10-19");
    assert_eq!(names[1], "shop.example/site/full/weekly/2026-W43");
    assert_eq!(names[7], "shop.example/site/incremental/daily/2026-10-25");
    // Far from UTC the day's name is the one that people there give it.
    let auckland = SlotPlan { zone: zone("Pacific/Auckland"), ..plan };
    let slots = auckland.slots(
        &asset("a"),
        Dataset::Site,
        None,
        at("2026-01-09T11:00:00Z"),
        at("2026-01-10T00:00:00Z"),
    );
    assert_eq!(slots[0].id(), "a/site/incremental/daily/2026-01-10");
    let hourly = plan_of(Cadence::Hourly, &stated(HOUR), lasts(60, 60));
    let slots = hourly.slots(
        &asset("a"),
        Dataset::Database,
        None,
        at("2026-01-09T11:00:00Z"),
        at("2026-01-09T12:00:00Z"),
    );
    assert!(slots.iter().any(|slot| slot.id() == "a/database/incremental/hourly/2026-01-09T11Z"));
    let compiled = slots.iter().find(|slot| matches!(slot.basis, SlotBasis::Compiled { .. })).unwrap();
    assert_eq!(compiled.id(), format!("a/database/incremental/every-30m/{}", compiled.opens));
}

fn plan_of(literal: Cadence, objective: &Objective, lasts: Lasts) -> SlotPlan {
    plan("Europe/London", literal, None, compile(literal, Some(objective), lasts).unwrap())
}

#[test]
fn what_the_words_say_is_tightened_until_the_objective_holds() {
    let interval = |literal, objective: Option<u64>, lasts| {
        let objective = objective.map(stated);
        let compiled = compile(literal, objective.as_ref(), lasts);
        compiled.map(|compiled| compiled.map(|compiled| compiled.interval.as_secs() / MINUTE))
    };
    // Even work of two seconds makes "hourly" too slow for an hour.
    assert_eq!(interval(Cadence::Hourly, Some(HOUR), lasts(1, 1)), Ok(Some(30)));
    assert_eq!(interval(Cadence::Hourly, Some(HOUR), lasts(15 * MINUTE, 15 * MINUTE)), Ok(Some(30)));
    assert_eq!(interval(Cadence::Hourly, Some(HOUR), lasts(15 * MINUTE, 16 * MINUTE)), Ok(Some(20)));
    // A capture must not meet the next one; a copy may.
    assert_eq!(interval(Cadence::Hourly, Some(HOUR), lasts(15 * MINUTE, 30 * MINUTE)), Ok(Some(15)));
    assert!(interval(Cadence::Hourly, Some(HOUR), lasts(31 * MINUTE, 0)).is_err());
    assert_eq!(interval(Cadence::Daily, Some(24 * HOUR), lasts(HOUR, HOUR)), Ok(Some(720)));
    assert_eq!(interval(Cadence::Daily, Some(HOUR), lasts(600, 600)), Ok(Some(30)));
    // Nothing promised: as often as the words say, evenly.
    assert_eq!(interval(Cadence::Daily, None, lasts(HOUR, HOUR)), Ok(Some(1440)));
    assert_eq!(interval(Cadence::Daily, Some(48 * HOUR), lasts(HOUR, HOUR)), Ok(Some(1440)));
    assert_eq!(interval(Cadence::Monthly, None, lasts(HOUR, HOUR)), Ok(None));
    let headroom = compile(Cadence::Hourly, Some(&stated(HOUR)), lasts(60, 240)).unwrap().unwrap().headroom;
    assert_eq!(headroom, Duration::from_secs(25 * MINUTE));
}

#[test]
fn until_a_hundred_measurements_the_longest_counts() {
    let seconds = |range: std::ops::RangeInclusive<u64>| range.map(Duration::from_secs).collect::<Vec<_>>();
    assert_eq!(relied_upon(&[]), None);
    assert_eq!(relied_upon(&seconds(1..=99)), Some(Duration::from_secs(99)));
    assert_eq!(relied_upon(&seconds(1..=100)), Some(Duration::from_secs(99)));
    assert_eq!(relied_upon(&seconds(1..=1000)), Some(Duration::from_secs(990)));
    assert_eq!(Lasts::measured(&seconds(1..=3), &[]), None);
}

#[test]
fn the_shipped_policy_keeps_its_objectives_with_the_durations_it_assumes() {
    let policy = read_policy("policy.toml", &template::policy_example()).value.unwrap();
    let every = |class, dataset| {
        let (plan, cannot) = policy.slot_plan(class, dataset, None).unwrap();
        assert_eq!(cannot, None);
        compact(plan.compiled.unwrap().interval)
    };
    assert_eq!(every(Class::Whmcs, Dataset::Database), "30m");
    // The objective is the service's, and its files are a part of it.
    assert_eq!(every(Class::Whmcs, Dataset::Files), "30m");
    assert_eq!(every(Class::Website, Dataset::Site), "12h");
    assert_eq!(every(Class::Vm, Dataset::Disks), "24h");
    assert_eq!(every(Class::Plesk, Dataset::Mail), "24h");
}

#[test]
fn a_new_asset_owes_a_first_point_within_its_objective_and_nothing_from_before() {
    let plan = plan_of(Cadence::Daily, &stated(24 * HOUR), lasts(600, 600));
    let enrolled = at("2026-03-10T15:20:30.5Z");
    let from = at("2026-03-01T00:00:00Z");
    let slots = plan.slots(&asset("new"), Dataset::Site, Some(enrolled), from, at("2026-03-13T00:00:00Z"));
    assert_eq!((slots[0].basis, slots[0].opens), (SlotBasis::First, enrolled));
    assert_eq!(slots[0].due, at("2026-03-11T15:20:30.5Z"));
    assert!(slots.iter().all(|slot| slot.opens >= enrolled));
    assert_eq!(literal_of(&slots, SlotKind::Incremental).len(), 2);
    let later = plan.slots(
        &asset("new"),
        Dataset::Site,
        Some(enrolled),
        at("2026-03-11T00:00:00Z"),
        at("2026-03-12T00:00:00Z"),
    );
    assert!(later.iter().all(|slot| slot.basis != SlotBasis::First), "the deadline is given once");
}

fn fact(id: &str, recovery: Timestamp, protected: Timestamp) -> PointFact {
    let (checked, copied) = (Some(protected), Some(protected));
    PointFact { id: id.to_owned(), recovery, is_full: false, lacks: None, checked, copied }
}

fn one_day() -> Slot {
    let plan = plan("UTC", Cadence::Daily, None, None);
    let (from, to) = (at("2026-05-05T00:00:00Z"), at("2026-05-06T00:00:00Z"));
    plan.slots(&asset("a"), Dataset::Site, None, from, to).remove(0)
}

fn state_of(slot: &Slot, points: &[PointFact], waivers: &[Waiver], now: &str) -> SlotState {
    judge([slot.clone()], points, waivers, at(now)).remove(0).state
}

#[test]
fn the_instant_of_consistency_decides_which_slot_and_the_protection_whether_in_time() {
    let slot = one_day();
    let after = "2026-05-09T00:00:00Z";
    let point = |recovery: &str, protected: &str| [fact("p", at(recovery), at(protected))];
    let state = |recovery, protected| state_of(&slot, &point(recovery, protected), &[], after);
    let ok = SlotState::Ok { point: "p".to_owned() };
    assert_eq!(state("2026-05-05T00:00:00Z", "2026-05-06T00:00:00Z"), ok);
    let late = SlotState::Late { point: "p".to_owned(), by: SignedDuration::from_hours(3) };
    assert_eq!(state("2026-05-05T23:00:00Z", "2026-05-06T03:00:00Z"), late);
    // It landed in the slot, with the state of the day before.
    assert_eq!(state("2026-05-04T23:59:59Z", "2026-05-05T04:00:00Z"), SlotState::Missed);
    assert_eq!(state("2026-05-06T00:00:00Z", "2026-05-06T01:00:00Z"), SlotState::Missed);
}

#[test]
fn nothing_from_after_the_moment_of_the_verdict_counts() {
    let slot = one_day();
    let points = [fact("p", at("2026-05-05T01:00:00Z"), at("2026-05-05T02:00:00Z"))];
    assert_eq!(state_of(&slot, &points, &[], "2026-05-05T01:30:00Z"), SlotState::Open);
    assert_eq!(state_of(&slot, &[], &[], "2026-05-05T23:59:59Z"), SlotState::Open);
    assert_eq!(state_of(&slot, &[], &[], "2026-05-06T00:00:00Z"), SlotState::Missed);
    assert_eq!(state_of(&slot, &points, &[], "2026-05-05T02:00:00Z").as_str(), "ok");
}

#[test]
fn a_point_counts_only_when_it_is_checked_and_copied_and_whole() {
    let slot = one_day();
    let now = "2026-05-07T00:00:00Z";
    let good = fact("p", at("2026-05-05T01:00:00Z"), at("2026-05-05T02:00:00Z"));
    let unchecked = PointFact { checked: None, ..good.clone() };
    let uncopied = PointFact { copied: None, ..good.clone() };
    assert_eq!(state_of(&slot, &[unchecked, uncopied], &[], now), SlotState::Missed);
    let partial = PointFact { lacks: Some("3 files".to_owned()), id: "q".to_owned(), ..good.clone() };
    let degraded = SlotState::Degraded { point: "q".to_owned(), lacks: "3 files".to_owned() };
    assert_eq!(state_of(&slot, std::slice::from_ref(&partial), &[], now), degraded);
    assert_eq!(state_of(&slot, &[partial, good.clone()], &[], now).as_str(), "ok");
    let full = Slot { kind: SlotKind::Full, ..slot };
    assert_eq!(state_of(&full, std::slice::from_ref(&good), &[], now), SlotState::Missed);
    assert_eq!(state_of(&full, &[PointFact { is_full: true, ..good }], &[], now).as_str(), "ok");
}

#[test]
fn a_waiver_is_no_time_machine() {
    let slot = one_day();
    let now = "2026-05-09T00:00:00Z";
    let waiver = |granted: &str, expiry: &str| Waiver {
        asset: asset("a"),
        dataset: None,
        reason: "moved away".to_owned(),
        owner: "ana".to_owned(),
        granted: at(granted),
        expiry: at(expiry),
    };
    let good = waiver("2026-05-01T00:00:00Z", "2026-05-08T00:00:00Z");
    assert_eq!(state_of(&slot, &[], std::slice::from_ref(&good), now).as_str(), "waived");
    let afterwards = waiver("2026-05-06T00:00:01Z", "2026-05-08T00:00:00Z");
    assert_eq!(state_of(&slot, &[], &[afterwards], now), SlotState::Missed);
    let run_out = waiver("2026-05-01T00:00:00Z", "2026-05-06T00:00:00Z");
    assert_eq!(state_of(&slot, &[], &[run_out], now), SlotState::Missed);
    let others = Waiver { asset: asset("b"), ..good.clone() };
    assert_eq!(state_of(&slot, &[], &[others], now), SlotState::Missed);
    let point = fact("p", at("2026-05-05T01:00:00Z"), at("2026-05-05T02:00:00Z"));
    assert_eq!(state_of(&slot, &[point], &[good], now).as_str(), "ok", "what was kept is not waived");
}

/// The points of a scheduler that starts each compiled slot's work in time, and whose work never lasts longer than the
/// 99th percentile. `delay` and `length` are per mille of what is allowed.
fn punctual(slots: &[Slot], lasts: &Lasts, delays: &[u16], lengths: &[u16]) -> Vec<PointFact> {
    let share = |whole: SignedDuration, mille: u16| {
        SignedDuration::from_secs(whole.as_secs() * i64::from(mille) / 1000)
    };
    let total = SignedDuration::try_from(lasts.total()).unwrap();
    let compiled = slots.iter().filter(|slot| matches!(slot.basis, SlotBasis::Compiled { .. }));
    let made = compiled.enumerate().map(|(n, slot)| {
        let latest = slot.start_by(lasts).min(slot.closes - SignedDuration::from_secs(1));
        let start = slot.opens + share(latest.duration_since(slot.opens), delays[n % delays.len()]);
        fact(&format!("p{n}"), start, start + share(total, lengths[n % lengths.len()]))
    });
    made.collect()
}

/// The oldest that the newest protected state ever is, between the first protection and `to`.
fn worst_age(points: &[PointFact], to: Timestamp) -> SignedDuration {
    let mut by_protection: Vec<_> = points.iter().map(|p| (p.protected().unwrap(), p.recovery)).collect();
    by_protection.sort();
    let mut newest = by_protection[0].1;
    let mut worst = SignedDuration::ZERO;
    for (protected, recovery) in by_protection.into_iter().chain([(to, Timestamp::MIN)]) {
        worst = worst.max(protected.duration_since(newest));
        newest = newest.max(recovery);
    }
    worst
}

fn any_zone() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "UTC",
        "Europe/London",
        "America/New_York",
        "Pacific/Auckland",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "Pacific/Kiritimati",
        "America/St_Johns",
    ])
}

fn any_cadence() -> impl Strategy<Value = Cadence> {
    prop::sample::select(Cadence::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Work within its measured durations, started anywhere between opening and the latest start: over thirteen months
    /// the objective holds at every instant, and every slot is kept, the literal ones of each day and hour included.
    #[test]
    fn while_work_lasts_as_measured_no_age_exceeds_the_objective(
        name in "[a-z]{1,8}",
        zone_name in any_zone(),
        hourly in any::<bool>(),
        capture in 1u64..1800,
        copy in 1u64..1800,
        delays in prop::collection::vec(0u16..=1000, 1..50),
        lengths in prop::collection::vec(0u16..=1000, 1..50),
    ) {
        let (literal, age, months) = if hourly { (Cadence::Hourly, HOUR, 2) } else { (Cadence::Daily, 24 * HOUR, 13) };
        let lasts = lasts(capture, copy);
        let objective = stated(age);
        let Ok(Some(compiled)) = compile(literal, Some(&objective), lasts) else {
            prop_assert!(hourly, "a day is long enough");
            return Ok(());
        };
        let plan = plan(zone_name, literal, None, Some(compiled));
        let (from, _) = thirteen_months();
        let to = from + SignedDuration::from_hours(months * 31 * 24);
        let slots = plan.slots(&asset(&name), Dataset::Site, None, from, to);
        let points = punctual(&slots, &lasts, &delays, &lengths);
        let age = SignedDuration::try_from(objective.age).unwrap();
        let last = points.iter().filter_map(PointFact::protected).max().unwrap();
        prop_assert!(worst_age(&points, last) <= age, "{}", worst_age(&points, last));
        let settled = slots.iter().filter(|slot| slot.due <= to).cloned();
        let judged = judge(settled, &points, &[], to);
        let bad = judged.iter().find(|judged| judged.state.as_str() != "ok");
        prop_assert!(bad.is_none(), "{bad:?}");
    }

    /// Without a promise: once a day, evenly, and still once in each calendar day of any zone.
    #[test]
    fn once_a_day_means_every_calendar_day_and_no_gap_of_25_hours(
        name in "[a-z]{1,8}", zone_name in any_zone(), minutes in 1u64..300,
    ) {
        let lasts = lasts(minutes * MINUTE, minutes * MINUTE);
        let compiled = compile(Cadence::Daily, None, lasts).unwrap();
        let plan = plan(zone_name, Cadence::Daily, None, compiled);
        let (from, to) = thirteen_months();
        let slots = plan.slots(&asset(&name), Dataset::Disks, None, from, to);
        let points = punctual(&slots, &lasts, &[0], &[1000]);
        prop_assert!(points.windows(2).all(|p| p[1].recovery.duration_since(p[0].recovery).as_hours() == 24));
        let settled: Vec<_> = slots.iter().filter(|slot| slot.due <= to).cloned().collect();
        let judged = judge(settled, &points, &[], to);
        let bad = judged.iter().find(|judged| judged.state.as_str() != "ok");
        prop_assert!(bad.is_none(), "{bad:?}");
    }

    /// Whatever happens to the points, as many states come out as slots were expected, and a slot without a point that
    /// serves it is never called kept.
    #[test]
    fn expected_equals_accounted(
        zone_name in any_zone(), incremental in any_cadence(), full in prop::option::of(any_cadence()),
        outages in prop::collection::vec((0i64..400, 1i64..60), 0..4),
        flags in prop::collection::vec((any::<bool>(), any::<bool>(), any::<bool>()), 1..40),
        now_day in 0i64..420,
    ) {
        let lasts = lasts(600, 600);
        let compiled = compile(incremental, None, lasts).unwrap();
        let plan = plan(zone_name, incremental, full, compiled);
        let (from, _) = thirteen_months();
        let day = |days: i64| from + SignedDuration::from_hours(24 * days);
        let to = day(if incremental == Cadence::Hourly { 60 } else { 397 });
        let now = day(now_day);
        let slots = plan.slots(&asset("a"), Dataset::Site, Some(from), from, to);
        let is_out = |time: Timestamp| outages.iter().any(|(start, days)| time >= day(*start) && time < day(start + days));
        let mut points = punctual(&slots, &lasts, &[500], &[900]);
        points.retain(|point| !is_out(point.recovery));
        for (n, point) in points.iter_mut().enumerate() {
            let (is_full, is_whole, is_checked) = flags[n % flags.len()];
            point.is_full = is_full;
            point.lacks = (!is_whole).then(|| "files".to_owned());
            if !is_checked { point.checked = None; }
        }
        let judged = judge(slots.clone(), &points, &[], now);
        prop_assert_eq!(judged.iter().map(|judged| &judged.slot).collect::<Vec<_>>(), slots.iter().collect::<Vec<_>>());
        for JudgedSlot { slot, state } in &judged {
            let serves = |point: &&PointFact| {
                (slot.opens..slot.closes).contains(&point.recovery)
                    && point.protected().is_some_and(|protected| protected <= now)
                    && (slot.kind == SlotKind::Incremental || point.is_full)
            };
            let any = points.iter().find(serves);
            match state {
                SlotState::Ok { .. } | SlotState::Late { .. } => {
                    prop_assert!(points.iter().filter(serves).any(|point| point.lacks.is_none()));
                }
                SlotState::Degraded { .. } => prop_assert!(any.is_some()),
                SlotState::Missed => prop_assert!(any.is_none() && slot.due <= now),
                SlotState::Open => prop_assert!(any.is_none() && slot.due > now),
                SlotState::Waived { .. } => prop_assert!(false, "nobody waived anything"),
            }
        }
    }

    /// A span cut in two has the slots of the whole, each with a name of its own.
    #[test]
    fn cutting_the_span_changes_nothing(
        zone_name in any_zone(), incremental in any_cadence(), full in prop::option::of(any_cadence()),
        cut_s in 0i64..5_000_000, length_s in 0i64..5_000_000, enrolled_s in prop::option::of(0i64..5_000_000),
        with_objective in any::<bool>(),
    ) {
        let objective = with_objective.then(|| stated(HOUR));
        let compiled = compile(incremental, objective.as_ref(), lasts(300, 300)).unwrap();
        let plan = plan(zone_name, incremental, full, compiled);
        let from = at("2028-02-20T11:22:33.25Z");
        let after = |seconds: i64| from + SignedDuration::from_secs(seconds);
        let (cut, to) = (after(cut_s), after(cut_s + length_s));
        let enrolled = enrolled_s.map(after);
        let slots = |from, to| plan.slots(&asset("a"), Dataset::Site, enrolled, from, to);
        let whole = slots(from, to);
        let halves = [slots(from, cut), slots(cut, to)].concat();
        prop_assert_eq!(&whole, &halves);
        let names: BTreeSet<String> = whole.iter().map(Slot::id).collect();
        prop_assert_eq!(names.len(), whole.len());
        for slot in &whole {
            prop_assert!(slot.opens < slot.closes && slot.closes <= slot.due);
        }
    }
}
