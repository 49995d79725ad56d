use holdfast_format::Id;
use holdfast_ledger::Findings;
use holdfast_model::verdict::CopyState;

use super::timeline::Timeline;
use super::*;

const REPOSITORY: &str = "C-1042";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A location and everything that was written down of it.
#[derive(Default)]
struct Place {
    checks: Vec<Check>,
}

impl Place {
    fn record(&mut self, second: i64, check: NewCheck) {
        let (happened_at, recorded_at) = (at(second), at(1000));
        self.checks.push(Check { check, happened_at, recorded_at, leaf: self.checks.len() as u64 });
    }

    fn evidence(&self) -> Evidence {
        fold(&self.checks).remove("here").unwrap_or_default()
    }

    /// A verification; `general` is what no location is to blame for.
    fn look(&mut self, second: i64, read: &Read, found: LocationVerified, general: Vec<Problem>) {
        let verified = Verified { locations: vec![found], repository: general, points: 1 };
        let known = fold(&self.checks);
        for check in checks_of(REPOSITORY, read, &verified, &known, &known) {
            self.record(second, check);
        }
    }

    fn run(&mut self, second: i64, read: &ReadBack) {
        for check in checks_of_run(REPOSITORY, "r1", &id(1).to_hex(), [read].into_iter()) {
            self.record(second, check);
        }
    }

    fn only(&self) -> PointEvidence {
        let evidence = self.evidence();
        assert_eq!(evidence.points.len(), 1);
        evidence.points.into_values().next().unwrap()
    }
}

fn id(byte: u8) -> Id {
    Id([byte; 32])
}

fn whole(points: &[u8]) -> LocationVerified {
    let mut found = LocationVerified::empty("here");
    found.points = points.iter().map(|byte| id(*byte)).collect();
    found
}

fn with(kind: ProblemKind) -> LocationVerified {
    let mut found = whole(&[1]);
    found.problems.push(Problem::of_pack(id(9), kind, "bad", vec![id(1)]));
    found.state = if kind == ProblemKind::Owed { LocationState::Owed } else { LocationState::Damaged };
    found
}

fn read_back(is_everything: bool) -> ReadBack {
    ReadBack {
        location: "here".to_owned(),
        state: LocationState::Ok,
        objects: 3,
        bytes_read: 100,
        is_everything,
        points: vec![id(1)],
        problems: Vec::new(),
    }
}

#[test]
fn a_weaker_look_never_clears_damage() {
    let mut place = Place::default();
    place.look(1, &Read::All, whole(&[1]), Vec::new());
    assert_eq!(place.only().read, Some(at(1)));
    place.look(2, &Read::All, with(ProblemKind::Altered), Vec::new());
    for weaker in [Read::Structure, Read::Share { numerator: 0, of: 1 }, Read::Points(vec![id(2)])] {
        place.look(3, &weaker, whole(&[1]), Vec::new());
        assert_eq!((place.only().read, place.only().damaged), (None, Some(at(2))), "{weaker:?}");
    }
    place.run(3, &ReadBack { points: Vec::new(), ..read_back(false) });
    assert_eq!(place.only().damaged, Some(at(2)), "a run read what is new");
    place.look(4, &Read::Points(vec![id(1)]), whole(&[1]), Vec::new());
    assert_eq!((place.only().read, place.only().damaged), (Some(at(4)), None));
}

#[test]
fn a_point_that_is_owed_was_not_read() {
    let mut place = Place::default();
    place.look(1, &Read::All, with(ProblemKind::Owed), Vec::new());
    assert_eq!(place.only(), PointEvidence::default());
    assert_eq!(place.checks[0].check.outcome, CheckOutcome::Owed);
}

#[test]
fn slices_count_once_all_were_read_and_come_up_in_turn() {
    let mut place = Place::default();
    for time in 1..=5 {
        let (_, slice) = place.evidence().slices.next(4);
        place.look(time, &Read::Share { numerator: slice, of: 4 }, whole(&[1]), Vec::new());
        let expected = [None, None, None, Some(at(1)), Some(at(2))][time as usize - 1];
        assert_eq!(place.only().read, expected, "after {time} readings");
    }
}

#[test]
fn a_reading_speaks_for_no_point_that_arrived_later_even_when_the_clock_was_set_back() {
    let mut place = Place::default();
    place.look(100, &Read::All, whole(&[1]), Vec::new());
    place.look(50, &Read::Structure, whole(&[1, 2]), Vec::new());
    let read = |place: &Place, byte| place.evidence().points[&id(byte).to_hex()].read;
    assert_eq!((read(&place, 1), read(&place, 2)), (Some(at(100)), None));
    // One that went and came back begins anew.
    place.look(60, &Read::Structure, whole(&[2]), Vec::new());
    place.look(61, &Read::Structure, whole(&[1, 2]), Vec::new());
    assert_eq!(read(&place, 1), None);
    // Each is named when it comes and when it goes, and not in between.
    let named = |check: &Check| check.check.findings.arrived.len() + check.check.findings.gone.len();
    assert_eq!(place.checks.iter().map(named).collect::<Vec<_>>(), [1, 1, 1, 1]);
}

#[test]
fn what_a_run_brought_speaks_for_its_point_only_where_nothing_of_it_is_older() {
    let mut place = Place::default();
    place.run(1, &read_back(true));
    assert_eq!(place.only().read, Some(at(1)));
    let mut place = Place::default();
    place.run(1, &read_back(false));
    assert_eq!(place.only(), PointEvidence::default());
    // Slices read from then on count for it.
    place.look(2, &Read::Share { numerator: 0, of: 1 }, whole(&[1]), Vec::new());
    assert_eq!(place.only().read, Some(at(2)));
}

#[test]
fn damage_in_what_a_run_brought_touches_its_points_and_in_what_was_there_all() {
    let mut damaged = read_back(true);
    damaged.state = LocationState::Damaged;
    damaged.problems.push(Problem::of_pack(id(9), ProblemKind::Altered, "bad", vec![id(1)]));
    let mut place = Place::default();
    place.run(1, &damaged);
    assert_eq!((place.only().read, place.only().damaged), (None, Some(at(1))));
    assert!(place.evidence().other_damage.is_empty());
    damaged.problems = vec![Problem::of_pack(id(9), ProblemKind::Missing, "gone", Vec::new())];
    place.run(2, &damaged);
    assert_eq!(place.evidence().other_damage, [format!("data/{}: gone", id(9))]);
}

#[test]
fn what_could_not_be_looked_at_changes_nothing() {
    let mut place = Place::default();
    place.look(1, &Read::All, whole(&[1]), Vec::new());
    let before = place.evidence();
    let asked = before.first_asked_at;
    let mut unusable = LocationVerified::empty("here");
    unusable.state = LocationState::Unusable("no answer".to_owned());
    place.look(2, &Read::All, unusable, Vec::new());
    assert_eq!(place.evidence(), before);
    assert_eq!(place.checks[1].check.outcome, CheckOutcome::Unusable);
    assert_eq!(place.checks[1].check.detail.as_deref(), Some("no answer"));
    assert_eq!(place.evidence().first_asked_at, asked);
}

#[test]
fn a_repair_clears_what_it_healed_and_nothing_that_is_lost() {
    let mut place = Place::default();
    place.look(1, &Read::All, with(ProblemKind::Altered), Vec::new());
    let repaired = |place: &mut Place, second, damaged: Vec<String>, is_unfollowed| {
        let findings = Findings { damaged, is_unfollowed, ..Findings::default() };
        let check = NewCheck {
            repository: REPOSITORY.to_owned(),
            location: "here".to_owned(),
            scope: CheckScope::Repair,
            bytes_read: 0,
            outcome: CheckOutcome::Whole,
            detail: None,
            findings,
        };
        place.record(second, check);
    };
    repaired(&mut place, 2, vec![id(1).to_hex()], false);
    assert_eq!(place.only().damaged, Some(at(1)));
    repaired(&mut place, 3, Vec::new(), false);
    assert!(place.evidence().points.is_empty(), "nothing is known until it is read again");
    // It is read again, and counts again.
    place.look(4, &Read::All, whole(&[1]), Vec::new());
    assert_eq!(place.only().read, Some(at(4)));
}

#[test]
fn damage_to_no_point_in_particular_is_kept() {
    let mut place = Place::default();
    let broken = Problem::of_config(ProblemKind::Altered, "the config is damaged");
    place.look(1, &Read::All, whole(&[1]), vec![broken]);
    assert_eq!(place.evidence().other_damage, ["config: the config is damaged"]);
    // Nor is anything believed to have been read.
    assert_eq!(place.only().read, None);
    assert_eq!(place.checks[0].check.outcome, CheckOutcome::Damaged);
}

#[test]
fn another_way_of_cutting_forgets_nothing_that_was_read() {
    let mut slices = Slices::default();
    (0..4).for_each(|slice| slices.note(slice, 4, at(10 + i64::from(slice))));
    assert_eq!(slices.complete_since(), Some(at(10)));
    assert_eq!(slices.last_read(6, 7), Some(at(10)), "whatever is in it was read then or later");
    slices.note(6, 7, at(20));
    assert_eq!((slices.last_read(6, 7), slices.last_read(5, 7)), (Some(at(20)), Some(at(10))));
    slices.note_all(at(30));
    assert_eq!((slices.last_read(5, 7), slices.complete_since()), (Some(at(30)), Some(at(30))));
    assert_eq!(slices.latest(7), Some(at(20)));
}

#[test]
fn a_reading_speaks_for_no_point_that_a_backup_made_while_it_went_on() {
    let mut place = Place::default();
    place.look(1, &Read::All, whole(&[2]), Vec::new());
    let before = fold(&place.checks);
    // A backup ends: its point is new, and what it brought was read back.
    place.run(3, &read_back(false));
    let found =
        |found: LocationVerified| Verified { locations: vec![found], repository: Vec::new(), points: 1 };
    let read = Read::Share { numerator: 0, of: 1 };
    let now = fold(&place.checks);
    for check in checks_of(REPOSITORY, &read, &found(whole(&[2])), &before, &now) {
        assert_eq!(check.findings.later, [id(1).to_hex()]);
        assert!(check.findings.gone.is_empty(), "it did not go: {:?}", check.findings);
        place.record(2, check);
    }
    let read_of = |place: &Place, byte| place.evidence().points[&id(byte).to_hex()].read;
    assert_eq!((read_of(&place, 1), read_of(&place, 2)), (None, Some(at(2))));
    // One that was listed although its run had not ended is no second arrival.
    let listed = checks_of(REPOSITORY, &read, &found(whole(&[1, 2])), &before, &now);
    assert!(listed[0].findings.arrived.is_empty() && listed[0].findings.later.is_empty());
    // One that was known when the reading began, and is not listed, is gone.
    let gone = checks_of(REPOSITORY, &read, &found(whole(&[1])), &before, &now);
    assert_eq!(gone[0].findings.gone, [id(2).to_hex()]);
}

/// What a timeline says of a point and of a location at an instant.
fn told(timeline: &Timeline, second: i64) -> (Vec<Option<CopyState>>, Option<(u64, Timestamp)>) {
    let state = |byte| {
        let changes = timeline.copies.get(&id(byte).to_hex())?.get("here")?;
        changes.iter().rev().find(|change| change.recorded <= at(second)).map(|change| change.state)
    };
    let mut readings = timeline.readings.get("here").into_iter().flatten();
    let last = readings.rfind(|change| change.recorded <= at(second));
    ((1..=3).map(state).collect(), last.map(|change| (change.leaf, change.oldest)))
}

#[test]
fn what_is_forgotten_is_asked_for_by_nobody() {
    let mut place = Place::default();
    let check = |scope, findings: Findings| NewCheck {
        repository: REPOSITORY.to_owned(),
        location: "here".to_owned(),
        scope,
        bytes_read: 1,
        outcome: CheckOutcome::Whole,
        detail: None,
        findings,
    };
    let hex = |byte: u8| id(byte).to_hex();
    let arrived = |byte: u8| Findings { arrived: vec![hex(byte)], ..Findings::default() };
    let mut second = 0;
    let mut record = |place: &mut Place, check: NewCheck| {
        second += 10;
        place.record(second, check);
        place.checks.last_mut().unwrap().recorded_at = at(second);
    };
    for byte in 1..=3 {
        record(&mut place, check(CheckScope::Structure, arrived(byte)));
        for number in 0..4 {
            record(&mut place, check(CheckScope::Slice { number, of: 4 }, Findings::default()));
        }
        let damaged = Findings { damaged: vec![hex(byte)], ..Findings::default() };
        record(&mut place, check(CheckScope::All, damaged));
        record(&mut place, check(CheckScope::All, Findings::default()));
    }
    let gone = Findings { gone: vec![hex(1)], ..Findings::default() };
    record(&mut place, check(CheckScope::Structure, gone));
    record(&mut place, check(CheckScope::All, Findings::default()));
    let mut whole = Timeline::default();
    let mut forgetful = Timeline::default();
    for check in &place.checks {
        whole.follow(check, 4);
        forgetful.follow(check, 4);
        let now = check.recorded_at.as_second();
        forgetful.forget_before(at(now - 40), |point| point == hex(2));
        for asked in now - 40..=now {
            assert_eq!(told(&forgetful, asked), told(&whole, asked), "at {now}, about {asked}");
        }
    }
    let now = |place: &Place| place.checks.last().unwrap().recorded_at.as_second();
    assert_eq!(told(&whole, now(&place)).0[0], Some(CopyState::default()), "the first is gone");
    record(&mut place, check(CheckScope::All, Findings::default()));
    forgetful.follow(place.checks.last().unwrap(), 4);
    forgetful.forget_before(at(now(&place) + 1), |point| point == hex(2));
    let changes = forgetful.copies.values().flat_map(BTreeMap::values).map(Vec::len);
    assert_eq!(changes.sum::<usize>(), 1, "only what is asked about, and of that only the last");
}
