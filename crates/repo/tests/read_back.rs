//! What a run stored is asked for again before the run is called good: a place that confirmed it and lost or bent it is
//! found in the run, not on the day of the restore.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(clippy::disallowed_methods, reason = "tests run restic")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use holdfast_location::layers::Op;
use holdfast_location::layers::faulty::{Damage, Fault, Faults, Faulty, Rule};
use holdfast_location::layers::record::{Record, Recording};
use holdfast_location::{Area, ErrorKind};
use holdfast_repo::{Archived, LocationState, Mirror, ProblemKind, ReadBack, Repository};
use holdfast_world::SystemClock;
use support::{Bench, REPOSITORY, verified};

/// A place that works, and one of which the test says how it fails.
struct Pair {
    bench: Bench,
    site: PathBuf,
    repository: Repository,
    faults: Faults,
}

impl Pair {
    fn new() -> Pair {
        let bench = Bench::new(&["here", "there"]);
        let site = bench.path("site");
        fs::create_dir(&site).unwrap();
        fs::write(site.join("index.php"), "<?php echo 'shop';\n").unwrap();
        drop(bench.create());
        let (there, faults) = bench.faulty("there");
        let repository = bench.reopen(vec![bench.mirror("here"), there]);
        Pair { bench, site, repository, faults }
    }

    fn change(&self, seed: u32) {
        let noise: Vec<u8> = (0..3_000_000u32)
            .flat_map(|n| (n.wrapping_add(seed).wrapping_mul(2_654_435_761) >> 7).to_le_bytes())
            .collect();
        fs::write(self.site.join(format!("new{seed}.bin")), noise).unwrap();
    }

    #[track_caller]
    fn archive(&self) -> Archived {
        self.bench.archive(&self.repository, &self.site, false).0.unwrap()
    }

    fn packs(&self, location: &str) -> Vec<PathBuf> {
        let folders = fs::read_dir(self.bench.repository_path(location).join("data")).unwrap();
        let files = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
        files.map(|file| file.unwrap().path()).collect()
    }
}

#[track_caller]
fn at<'a>(archived: &'a Archived, location: &str) -> &'a ReadBack {
    archived.read_back.iter().find(|r| r.location == location).unwrap()
}

#[test]
fn everything_that_a_run_stores_is_read_at_every_location() {
    let pair = Pair::new();
    pair.change(1);
    let first = pair.archive();
    for location in ["here", "there"] {
        let read = at(&first, location);
        let delivered = first.deliveries.iter().find(|d| d.location == location).unwrap();
        assert_eq!((&read.state, read.is_everything), (&LocationState::Ok, true), "{read:?}");
        assert_eq!((read.objects, read.bytes_read), (delivered.objects, delivered.bytes));
        assert_eq!(read.points, [first.id]);
    }
    pair.change(2);
    let second = pair.archive();
    let (read, delivered) = (at(&second, "there"), &second.deliveries[1]);
    assert_eq!((read.objects, read.bytes_read), (delivered.objects, delivered.bytes), "new data alone");
    assert!(!read.is_everything, "it stands on the first");
}

#[test]
fn what_a_place_bends_shortens_or_loses_is_found_in_the_run() {
    for (fault, area) in [
        (Damage::Flip(1000), Area::Data),
        (Damage::Truncate(1000), Area::Data),
        (Damage::Flip(40), Area::Index),
        (Damage::Flip(40), Area::Snapshots),
    ] {
        let pair = Pair::new();
        pair.archive();
        pair.change(1);
        pair.faults.add(Rule::nth(Op::Put, 1, Fault::Damage(fault.clone())).area(area));
        let archived = pair.archive();
        assert_eq!(at(&archived, "here").state, LocationState::Ok, "{fault:?} {area:?}");
        let there = at(&archived, "there");
        assert_eq!(there.state, LocationState::Damaged, "{fault:?} {area:?}");
        let [problem] = &there.problems[..] else { panic!("{:?}", there.problems) };
        assert_eq!((problem.kind, &problem.points), (ProblemKind::Altered, &vec![archived.id]));
        assert!(problem.object.starts_with(area.folder()), "{}", problem.object);
    }
}

#[test]
fn an_old_pack_that_is_gone_or_has_another_size_is_found_by_the_listing() {
    for damage in [None, Some("short")] {
        let pair = Pair::new();
        pair.change(1);
        pair.archive();
        let pack = pair.packs("there").pop().unwrap();
        fs::remove_file(&pack).unwrap();
        if let Some(bytes) = damage {
            fs::write(&pack, bytes).unwrap();
        }
        fs::write(pair.site.join("index.php"), "<?php").unwrap();
        let archived = pair.archive();
        assert_eq!(at(&archived, "here").state, LocationState::Ok);
        let there = at(&archived, "there");
        assert_eq!(there.state, LocationState::Damaged);
        let kind = if damage.is_some() { ProblemKind::Truncated } else { ProblemKind::Missing };
        assert_eq!((there.problems[0].kind, there.problems[0].points.len()), (kind, 0));
    }
}

#[test]
fn what_cannot_be_read_is_not_called_whole_and_not_called_damaged() {
    let pair = Pair::new();
    pair.faults.add(Rule::always(Fault::Fail(ErrorKind::Unreachable)).on(Op::Get).area(Area::Data));
    let archived = pair.archive();
    assert_eq!(at(&archived, "here").state, LocationState::Ok);
    let there = at(&archived, "there");
    assert!(matches!(there.state, LocationState::Unusable(_)), "{there:?}");
    assert!(there.problems.is_empty());
    assert!(archived.deliveries.iter().all(|d| d.owed == 0), "it was confirmed");
}

#[test]
fn a_pack_that_came_back_whole_from_nowhere_is_stored_again_by_the_next_run() {
    let bench = Bench::new(&["there"]);
    let site = bench.path("site");
    fs::create_dir(&site).unwrap();
    fs::write(site.join("index.php"), "<?php").unwrap();
    drop(bench.create());
    let (there, faults) = bench.faulty("there");
    let repository = bench.reopen(vec![there]);
    faults.add(Rule::always(Fault::Damage(Damage::Flip(100))).on(Op::Put).area(Area::Data));
    let first = bench.archive(&repository, &site, false).0.unwrap();
    assert_eq!(first.read_back[0].state, LocationState::Damaged);
    faults.heal();
    let second = bench.archive(&repository, &site, false).0.unwrap();
    assert!(second.totals.bytes_added > 0, "it was believed to be stored");
    assert_eq!(second.read_back[0].state, LocationState::Ok);
}

#[test]
fn what_a_location_was_owed_is_read_back_when_it_arrives() {
    let pair = Pair::new();
    pair.change(1);
    pair.faults.set_down(true);
    let first = pair.archive();
    assert_eq!(first.read_back.len(), 1, "nothing is read where nothing was taken");
    pair.faults.heal();
    pair.faults.add(Rule::nth(Op::Put, 2, Fault::Damage(Damage::Flip(5000))).area(Area::Data));
    let second = pair.archive();
    let there = at(&second, "there");
    assert_eq!(there.state, LocationState::Damaged, "{there:?}");
    let mut points = there.problems[0].points.clone();
    points.sort();
    let mut expected = vec![first.id, second.id];
    expected.sort();
    assert_eq!(points, expected, "either may need it");
}

/// The location took packs and broke off before their index file: the next run brings only that, and stands on packs that
/// nobody read.
#[test]
fn packs_of_a_run_that_broke_off_are_read_back_with_the_next() {
    let pair = Pair::new();
    pair.change(1);
    pair.faults.add(Rule::always(Fault::Fail(ErrorKind::Unreachable)).on(Op::Put).area(Area::Index));
    pair.faults.add(Rule::nth(Op::Put, 2, Fault::Damage(Damage::Flip(5000))).area(Area::Data));
    let first = pair.archive();
    assert!(first.deliveries.iter().any(|d| d.location == "there" && d.owed > 0), "{:?}", first.deliveries);
    pair.faults.heal();
    let second = pair.archive();
    assert_eq!(at(&second, "there").state, LocationState::Damaged, "{:?}", at(&second, "there"));
}

#[test]
fn an_unchanged_run_costs_one_listing_and_one_read_more_at_each_location() {
    let pair = Pair::new();
    pair.change(1);
    pair.archive();
    // The second one settles the times of the folders above.
    pair.archive();
    let recording = Recording::new();
    let recorded = Record::new(pair.bench.local("here"), recording.clone());
    let mirror = Mirror::new(Arc::new(recorded), None, REPOSITORY);
    let repository = pair.bench.reopen(vec![Arc::new(mirror)]);
    let before = recording.counts();
    let archived = pair.bench.archive(&repository, &pair.site, false).0.unwrap();
    let calls = |op, area| {
        let of = |counts: &std::collections::BTreeMap<_, holdfast_location::layers::record::Count>| {
            counts.get(&(op, Some(area))).map_or(0, |count| count.calls)
        };
        of(&recording.counts()) - of(&before)
    };
    assert_eq!(archived.totals.bytes_added, 0, "something changed after all");
    assert_eq!(calls(Op::List, Area::Data), 1);
    let data_read = recording.counts().get(&(Op::Get, Some(Area::Data))).map_or(0, |count| count.bytes_down);
    assert!(data_read < 10_000, "{data_read} bytes are no directories of the parent");
    assert_eq!((calls(Op::Get, Area::Snapshots), calls(Op::Get, Area::Index)), (1, 0));
    assert!(verified(&repository).is_sound());
}

/// Otherwise a far location would take as long again after the last object was sent, with the way back idle until then.
#[test]
fn packs_are_read_back_while_the_run_still_stores() {
    let pair = Pair::new();
    pair.change(1);
    let (calls, faults) = (Recording::with_calls(), Faults::new());
    let slow = Faulty::new(pair.bench.local("there"), faults.clone(), Arc::new(SystemClock::new()));
    let there = Record::new(Arc::new(slow), calls.clone());
    // Time enough for a pack of a few MB to come back from a folder.
    faults.add(Rule::always(Fault::Slow(Duration::from_secs(3))).on(Op::Put).area(Area::Index));
    let mirrors = vec![pair.bench.mirror("here"), Arc::new(Mirror::new(Arc::new(there), None, REPOSITORY))];
    let archived = pair.bench.archive(&pair.bench.reopen(mirrors), &pair.site, false).0.unwrap();
    assert_eq!(at(&archived, "there").state, LocationState::Ok);
    let calls: Vec<_> = calls.calls().into_iter().map(|call| (call.op, call.area)).collect();
    let index_stored = calls.iter().position(|call| *call == (Op::Put, Some(Area::Index))).unwrap();
    let read = (Op::Get, Some(Area::Data));
    assert!(calls[..index_stored].contains(&read), "{calls:?}");
    let (stored, again) = calls.split_at(index_stored);
    let packs = stored.iter().filter(|call| **call == (Op::Put, Some(Area::Data))).count();
    assert_eq!(calls.iter().filter(|call| **call == read).count(), packs, "read once each: {again:?}");
}
