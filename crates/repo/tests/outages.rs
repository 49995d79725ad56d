//! A location that is down, slow, full, refusing or lying during a run: the other one gets its copy, the run says so, what
//! is owed is delivered afterwards, and nothing is deleted by mistake.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(clippy::disallowed_methods, reason = "tests run restic and diff")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use holdfast_format::Id;
use holdfast_location::layers::Op;
use holdfast_location::layers::faulty::{Damage, Fault, Faults, Rule};
use holdfast_location::{Area, ErrorKind};
use holdfast_repo::{Cancel, Mirror, Progress, PruneOptions, Repository, TroubleKind, Troubles};
use support::{Bench, make_tree, must_succeed, restic, verified};

/// A location of which a test says how it fails, beside one that works; one point is at both.
struct Pair {
    bench: Bench,
    site: PathBuf,
    there: Arc<Mirror>,
    faults: Faults,
    first: Id,
}

impl Pair {
    fn new() -> Pair {
        let bench = Bench::new(&["here", "there"]);
        let site = bench.path("site");
        make_tree(&site);
        let first = bench.archive(&bench.create(), &site, false).0.unwrap().id;
        let (there, faults) = bench.faulty("there");
        Pair { bench, site, there, faults, first }
    }

    fn open(&self) -> Repository {
        self.bench.reopen(vec![self.bench.mirror("here"), Arc::clone(&self.there)])
    }

    /// Something new of several packs' size, so that a fault can fall between them.
    fn change(&self, seed: u32) {
        let noise: Vec<u8> = (0..5_500_000u32)
            .flat_map(|n| (n.wrapping_add(seed).wrapping_mul(2_654_435_761) >> 7).to_le_bytes())
            .collect();
        fs::write(self.site.join("uploads/new.bin"), noise).unwrap();
    }

    #[track_caller]
    fn restic_is_content(&self, location: &str) {
        self.bench.restic_restores(location, &self.site);
    }

    #[track_caller]
    fn both_hold_the_same(&self) {
        let diff = Command::new("diff")
            .arg("-r")
            .args(["here", "there"].map(|l| self.bench.repository_path(l)))
            .output()
            .unwrap();
        assert_eq!(must_succeed(&diff), "");
    }
}

/// One failing run, then one after everything works again.
#[track_caller]
fn fails_and_catches_up(fault: impl FnOnce(&Faults)) {
    let pair = Pair::new();
    pair.change(1);
    let repository = pair.open();
    fault(&pair.faults);
    let (outcome, troubles) = pair.bench.archive(&repository, &pair.site, false);
    let archived = outcome.unwrap();
    let delivery = |name: &str| archived.deliveries.iter().find(|d| d.location == name).unwrap();
    assert_eq!((delivery("here").owed, &delivery("here").failure), (0, &None));
    assert!(delivery("there").failure.is_some(), "{:?}", archived.deliveries);
    let is_told = |t: &holdfast_repo::Trouble| t.kind == TroubleKind::Location;
    assert!(troubles.list().iter().any(is_told), "{:?}", troubles.list());
    pair.restic_is_content("here");
    drop(repository);

    pair.faults.heal();
    fs::write(pair.site.join("later.txt"), "later").unwrap();
    let later = pair.bench.archive(&pair.open(), &pair.site, false).0.unwrap();
    assert!(later.deliveries.iter().all(|d| d.failure.is_none() && d.owed == 0), "{:?}", later.deliveries);
    pair.both_hold_the_same();
    pair.restic_is_content("there");
}

#[test]
fn down_during_the_run() {
    fails_and_catches_up(|faults| faults.set_down(true));
}

#[test]
fn full_at_the_second_pack() {
    fails_and_catches_up(|faults| faults.full_after(Some(18 << 20)));
}

#[test]
fn refusing_to_store() {
    let refused = Rule::always(Fault::Fail(ErrorKind::Refused)).on(Op::Put);
    fails_and_catches_up(|faults| faults.add(refused.area(Area::Data)));
}

#[test]
fn refusing_the_snapshot_alone() {
    let refused = Rule::always(Fault::Fail(ErrorKind::Refused)).on(Op::Put);
    fails_and_catches_up(|faults| faults.add(refused.area(Area::Snapshots)));
}

#[test]
fn a_listing_that_breaks_off() {
    let broken = Rule::always(Fault::Fail(ErrorKind::Unreachable)).on(Op::List);
    fails_and_catches_up(|faults| faults.add(broken));
}

#[test]
fn slow() {
    let pair = Pair::new();
    pair.change(2);
    let slow = Rule::always(Fault::Slow(Duration::from_millis(400))).on(Op::Put);
    pair.faults.add(slow);
    let archived = pair.bench.archive(&pair.open(), &pair.site, false).0.unwrap();
    assert!(archived.deliveries.iter().all(|d| d.failure.is_none() && d.owed == 0));
    pair.both_hold_the_same();
    pair.restic_is_content("there");
}

/// Listings that leave out what is there, for every area: taken for true, they would make a run store on top of what it
/// does not see, and a purge delete what it believes to be unneeded.
#[test]
fn lying_in_its_listing() {
    for area in [Area::Data, Area::Index, Area::Snapshots, Area::Keys] {
        let pair = Pair::new();
        let names = |location: &str| names(&pair.bench.repository_path(location), area);
        let before = names("there");
        let hidden = &before[0];
        let lie = Rule::always(Fault::Damage(Damage::Hide(hidden.clone()))).on(Op::List).area(area);
        pair.faults.add(lie);
        pair.change(3);
        let archived = pair.bench.archive(&pair.open(), &pair.site, false).0.unwrap();
        assert!(archived.deliveries.iter().any(|d| d.location == "here" && d.owed == 0), "{area:?}");
        let pruned = pair.open().prune(
            &PruneOptions::default(),
            &Troubles::default(),
            &Progress::default(),
            &Cancel::default(),
        );
        // Whatever it makes of the lie, the first point stays whole at both.
        for location in ["here", "there"] {
            let first = pair.first.to_hex();
            let target = pair.bench.path(&format!("first-{location}"));
            let arguments = ["restore", &first, "--target", target.to_str().unwrap()];
            must_succeed(&pair.bench.restic(&restic(), location, &arguments));
            assert!(names(location).contains(hidden), "{area:?}: {location}: {pruned:?}");
        }
        pair.faults.heal();
        pair.bench.archive(&pair.open(), &pair.site, false).0.unwrap();
        pair.both_hold_the_same();
        assert!(verified(&pair.open()).is_sound(), "{area:?}");
        pair.restic_is_content("there");
    }
}

/// The names of a repository's objects of one area, sorted.
fn names(repository: &Path, area: Area) -> Vec<String> {
    let folder = match area {
        Area::Data => "data",
        Area::Index => "index",
        Area::Snapshots => "snapshots",
        _ => "keys",
    };
    let mut find = Command::new("find");
    find.arg(repository.join(folder)).args(["-type", "f", "-printf", "%f\\n"]);
    let text = must_succeed(&find.output().unwrap());
    let mut names: Vec<String> = text.lines().map(str::to_owned).collect();
    names.sort();
    names
}
