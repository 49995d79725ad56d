//! A location that was away gets what it is owed without a new point, and it is read back there.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(clippy::disallowed_methods, reason = "tests run restic")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use holdfast_format::Id;
use holdfast_location::Area;
use holdfast_location::layers::Op;
use holdfast_location::layers::faulty::{Damage, Fault, Rule};
use holdfast_repo::{Cancel, CaughtUp, LocationState, Progress, Repository, Troubles};
use holdfast_testkit::corpus::noise;
use support::{Bench, make_tree, must_succeed, restic, verified};

/// A site with a first point everywhere, and two more that `there` missed.
struct Away {
    bench: Bench,
    site: PathBuf,
    missed: Vec<Id>,
}

impl Away {
    fn new() -> Away {
        let bench = Bench::new(&["here", "there"]);
        let site = bench.path("site");
        make_tree(&site);
        bench.archive(&bench.create(), &site, false).0.unwrap();
        fs::rename(bench.path("there"), bench.path("away")).unwrap();
        let alone = bench.reopen(bench.mirrors());
        let mut missed = Vec::new();
        for seed in 0..2 {
            fs::write(site.join("changing.bin"), noise(seed, 6_000_000)).unwrap();
            missed.push(bench.archive(&alone, &site, false).0.unwrap().id);
        }
        drop(alone);
        fs::rename(bench.path("away"), bench.path("there")).unwrap();
        Away { bench, site, missed }
    }

    #[track_caller]
    fn restic_restores_both(&self) {
        for location in ["here", "there"] {
            self.bench.restic_restores(location, &self.site);
        }
    }
}

fn catch_up(repository: &Repository) -> CaughtUp {
    repository.catch_up(&Troubles::default(), &Progress::default(), &Cancel::default()).unwrap()
}

#[test]
fn what_was_missed_arrives_without_a_new_point_and_is_read_back() {
    let away = Away::new();
    let both = away.bench.reopen(away.bench.mirrors());
    assert!(!verified(&both).is_sound());
    let caught_up = catch_up(&both);
    assert!(caught_up.is_complete(), "{caught_up:?}");
    assert_eq!(caught_up.read_back.len(), 1, "{caught_up:?}");
    let (read, delivered) = (&caught_up.read_back[0], &caught_up.deliveries[1]);
    assert_eq!((read.location.as_str(), &read.state), ("there", &LocationState::Ok));
    let mut points = read.points.clone();
    let mut missed = away.missed.clone();
    points.sort();
    missed.sort();
    assert_eq!(points, missed);
    assert_eq!((read.objects, read.bytes_read), (delivered.objects, delivered.bytes));
    assert!(verified(&both).is_sound());
    away.restic_restores_both();
    let again = catch_up(&both);
    assert!(again.is_complete() && again.read_back.is_empty(), "{again:?}");
    assert_eq!(again.deliveries.iter().map(|d| d.objects).sum::<u64>(), 0);
}

#[test]
fn what_is_bent_on_the_way_is_found() {
    let away = Away::new();
    let (there, faults) = away.bench.faulty("there");
    let both = away.bench.reopen(vec![away.bench.mirror("here"), there]);
    faults.add(Rule::nth(Op::Put, 1, Fault::Damage(Damage::Flip(1000))).area(Area::Data));
    let caught_up = catch_up(&both);
    assert_eq!(caught_up.read_back[0].state, LocationState::Damaged, "{caught_up:?}");
    assert!(!caught_up.read_back[0].problems[0].points.is_empty(), "{caught_up:?}");
}

#[test]
fn whoever_wants_the_end_gets_it_and_the_next_time_goes_on() {
    let away = Away::new();
    let (there, faults) = away.bench.faulty("there");
    let both = away.bench.reopen(vec![away.bench.mirror("here"), there]);
    faults.add(Rule::always(Fault::Slow(Duration::from_millis(900))).on(Op::Put).area(Area::Data));
    let cancel = Cancel::default();
    let caught_up = std::thread::scope(|scope| {
        let stop = cancel.clone();
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(400));
            stop.cancel();
        });
        both.catch_up(&Troubles::default(), &Progress::default(), &cancel).unwrap()
    });
    assert!(!caught_up.is_complete(), "{caught_up:?}");
    drop(both);
    // Nothing of it is a point there before all that it needs is.
    must_succeed(&away.bench.restic(&restic(), "there", &["check", "--read-data"]));
    let both = away.bench.reopen(away.bench.mirrors());
    assert!(catch_up(&both).is_complete());
    assert!(verified(&both).is_sound());
    away.restic_restores_both();
}

#[test]
fn nothing_is_brought_to_whom_nobody_reaches() {
    let away = Away::new();
    fs::rename(away.bench.path("there"), away.bench.path("gone")).unwrap();
    let alone = away.bench.reopen(away.bench.mirrors());
    let caught_up = catch_up(&alone);
    assert!(!caught_up.is_complete() && caught_up.read_back.is_empty(), "{caught_up:?}");
}
