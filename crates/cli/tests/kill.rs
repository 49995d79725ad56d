//! kill -9 in the middle of backups and prunes: no complete point is ever lost, and the next run succeeds.
//!
//! Kills are spread over the phases of a run, which the test sees from outside by what lies at the first location. A
//! phase that was never hit fails the test: it would mean that its crash safety was not tried.
#![allow(clippy::disallowed_methods, reason = "tests run programs and wait")]
#![allow(clippy::print_stdout, reason = "the histogram is part of the result")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use support::{ASSET, Customer, noise, objects, text};

/// What lies at a location.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    locks: usize,
    packs: usize,
    indexes: Vec<PathBuf>,
    snapshots: usize,
}

fn look(repository: &Path) -> Seen {
    Seen {
        locks: objects(repository, "locks").len(),
        packs: objects(repository, "data").len(),
        indexes: objects(repository, "index"),
        snapshots: objects(repository, "snapshots").len(),
    }
}

/// How many kills: the count with `--long`, fewer in every run.
fn rounds() -> usize {
    if std::env::var_os("HOLDFAST_TEST_LONG").is_some() { 200 } else { 24 }
}

/// A small generator, so that each run of the test tries the same moments.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// Kills the child once `is_due`, or lets it end. Returns whether it was killed.
fn kill_when(mut child: Child, mut is_due: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if is_due() || start.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
    }
}

fn start(customer: &Customer, arguments: &[&str]) -> Child {
    customer.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[track_caller]
fn assert_restic_finds_nothing(customer: &Customer, arguments: &[&str]) {
    for location in ["here", "there"] {
        let output = customer.restic("restic", location, arguments);
        assert!(output.status.success(), "{location}: {}", text(&output));
    }
}

#[test]
fn kill_during_backup() {
    let customer = Customer::new();
    let repository = customer.repository("here");
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    customer.run(0, &["backup", ASSET]);
    let mut dice = Dice(42);
    let mut hit: BTreeMap<&str, usize> = BTreeMap::new();
    for round in 0..rounds() {
        for n in 0..4 {
            fs::write(customer.path(&format!("site/media{n}.bin")), noise(round as u64 * 7 + n, 9 << 20))
                .unwrap();
        }
        let before = look(&repository);
        let child = start(&customer, &["backup", ASSET]);
        let phase = ["start", "locked", "packs", "indexed", "committed"][round % 5];
        let more = dice.roll(3) as usize;
        let pause = Duration::from_micros(dice.roll(20_000));
        let killed = kill_when(child, || match phase {
            "start" => {
                std::thread::sleep(pause);
                true
            }
            "locked" => look(&repository).locks > before.locks,
            "packs" => objects(&repository, "data").len() > before.packs + more.min(1),
            "indexed" => objects(&repository, "index").len() > before.indexes.len(),
            _ => objects(&repository, "snapshots").len() > before.snapshots,
        });
        let after = look(&repository);
        let reached = match () {
            () if !killed => "ended first",
            () if after.snapshots > before.snapshots => "committed",
            () if after.indexes.len() > before.indexes.len() => "indexed",
            () if after.packs > before.packs => "packs",
            () if after.locks > before.locks => "locked",
            () => "start",
        };
        *hit.entry(reached).or_default() += 1;
        assert!(after.snapshots >= before.snapshots, "round {round}: a complete point is gone");
        customer.run(0, &["backup", ASSET]);
        if round % 8 == 7 {
            assert_restic_finds_nothing(&customer, &["check"]);
            // Keeps the test's disk small.
            customer.run(0, &["purge"]);
        }
    }
    println!("killed {} backups, by phase: {hit:?}", rounds());
    for phase in ["start", "locked", "packs", "indexed", "committed"] {
        assert!(hit.contains_key(phase), "no kill hit the phase {phase:?}: {hit:?}");
    }
    assert_restic_finds_nothing(&customer, &["check", "--read-data"]);
    customer.run(0, &["verify", "--read-data"]);
}

#[test]
fn kill_during_prune() {
    let customer = Customer::new();
    let repository = customer.repository("here");
    let mut dice = Dice(7);
    let mut hit: BTreeMap<&str, usize> = BTreeMap::new();
    let mut complete = Vec::new();
    for round in 0..rounds() {
        // A point that is past its age, for the purge to forget; and one that restic forgets at both places, whose packs
        // are half garbage then.
        fs::write(customer.path("site/kept.bin"), noise(1000 + round as u64, 3 << 20)).unwrap();
        fs::write(customer.path("site/gone.bin"), noise(5000 + round as u64, 3 << 20)).unwrap();
        customer.run(0, &["backup", ASSET]);
        customer.old_points(&["2024-05-06"]);
        fs::remove_file(customer.path("site/gone.bin")).unwrap();
        customer.run(0, &["backup", ASSET]);
        let points = customer.json(0, &["points", ASSET]);
        let ids: Vec<String> =
            points.as_array().unwrap().iter().map(|p| p["id"].as_str().unwrap().to_owned()).collect();
        for location in ["here", "there"] {
            let output = customer.restic("restic", location, &["forget", &ids[ids.len() - 2]]);
            assert!(output.status.success(), "{}", text(&output));
        }
        customer.lose_known_points();
        complete.push(ids[ids.len() - 1].clone());
        let before = look(&repository);
        let child = start(&customer, &["purge"]);
        let phase = ["start", "locked", "rewritten", "indexed", "deleting"][round % 5];
        let pause = Duration::from_micros(dice.roll(20_000));
        let killed = kill_when(child, || match phase {
            "start" => {
                std::thread::sleep(pause);
                true
            }
            "locked" => !objects(&repository, "locks").is_empty(),
            "rewritten" => objects(&repository, "data").len() > before.packs,
            "indexed" => objects(&repository, "index").iter().any(|i| !before.indexes.contains(i)),
            _ => before.indexes.iter().any(|i| !i.exists()),
        });
        let after = look(&repository);
        let has_new_index = after.indexes.iter().any(|i| !before.indexes.contains(i));
        let reached = match () {
            () if !killed => "ended first",
            () if before.indexes.iter().any(|i| !i.exists()) => "deleting",
            () if has_new_index => "indexed",
            () if after.packs > before.packs => "rewritten",
            () if after.locks > 0 => "locked",
            () => "start",
        };
        *hit.entry(reached).or_default() += 1;
        let points = customer.json(0, &["points", ASSET]);
        for id in &complete {
            let is_there = points.as_array().unwrap().iter().any(|p| p["id"] == id.as_str());
            assert!(is_there, "round {round}: the complete point {id} is gone");
        }
        customer.run(0, &["purge"]);
        if round % 4 == 3 {
            assert_restic_finds_nothing(&customer, &["check", "--read-data"]);
            // Start afresh, so that the repository does not grow with the rounds.
            for location in ["here", "there"] {
                let mut arguments = vec!["forget"];
                arguments.extend(complete.iter().map(String::as_str));
                let output = customer.restic("restic", location, &arguments);
                assert!(output.status.success(), "{}", text(&output));
            }
            complete.clear();
            customer.lose_known_points();
        } else {
            // What was purged is not missed, whenever the purge was killed.
            customer.run(0, &["verify"]);
        }
    }
    println!("killed {} prunes, by phase: {hit:?}", rounds());
    for phase in ["start", "locked", "rewritten", "indexed", "deleting"] {
        assert!(hit.contains_key(phase), "no kill hit the phase {phase:?}: {hit:?}");
    }
    customer.run(0, &["purge"]);
    assert_restic_finds_nothing(&customer, &["check", "--read-data"]);
}

/// A point of years ago, at both places: with a file of its own, so that something is to be pruned.
fn expired_point(customer: &Customer, date: &str, seed: u64) {
    let own = customer.path("site/own.bin");
    fs::write(&own, noise(seed, 2 << 20)).unwrap();
    customer.back_up_at(ASSET, &format!("{date}T00:00:00Z"));
    fs::remove_file(own).unwrap();
}

fn names(customer: &Customer, location: &str, area: &str) -> BTreeSet<String> {
    let objects = objects(&customer.repository(location), area);
    objects.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

/// Our own forget, which decides for both places at once and carries it out at one after the other. Wherever it is killed,
/// at neither place a point that stays is hurt, nothing that went comes back, and the next purge completes it.
#[test]
fn kill_during_forget() {
    let customer = Customer::new();
    let locations = ["here", "there"];
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    customer.run(0, &["backup", ASSET]);
    let phases =
        ["locked", "forgetting here", "forgetting there", "indexed", "deleting here", "deleting there"];
    let rounds = if std::env::var_os("HOLDFAST_TEST_LONG").is_some() { 100 } else { phases.len() };
    let mut dice = Dice(99);
    let mut hit: BTreeMap<&str, usize> = BTreeMap::new();
    let mut round = 0;
    loop {
        // On a busy machine a moment may slip by; a phase that was missed is aimed at again.
        let missed = phases.into_iter().find(|phase| !hit.contains_key(phase));
        let phase = match missed {
            _ if round < rounds => phases[round % phases.len()],
            Some(phase) if round < 4 * rounds => phase,
            _ => break,
        };
        let of = |area: &str| locations.map(|location| names(&customer, location, area));
        let kept = names(&customer, "here", "snapshots");
        // What stays and what goes lie in the same packs, so that these have to be rewritten.
        fs::write(customer.path("site/new.bin"), noise(90_000 + round as u64, 1 << 20)).unwrap();
        for (number, date) in ["2020-01-01", "2020-02-01"].into_iter().enumerate() {
            expired_point(&customer, date, (round * 2 + number) as u64 + 1);
        }
        let expired: BTreeSet<String> =
            names(&customer, "here", "snapshots").difference(&kept).cloned().collect();
        assert_eq!(expired.len(), 2);
        // And a point of today.
        customer.run(0, &["backup", ASSET]);
        let [snapshots, same] = of("snapshots");
        assert_eq!(snapshots, same);
        let staying: BTreeSet<String> = snapshots.difference(&expired).cloned().collect();
        let (indexes, packs) = (of("index"), of("data"));

        let left = |location: usize| {
            names(&customer, locations[location], "snapshots").intersection(&expired).count()
        };
        let lost = |before: &[BTreeSet<String>; 2], area: &str, location: usize| {
            !before[location].is_subset(&names(&customer, locations[location], area))
        };
        let pause = Duration::from_micros(dice.roll(3_000));
        let child = start(&customer, &["purge"]);
        let killed = kill_when(child, || {
            let is_due = match phase {
                "locked" => !names(&customer, "there", "locks").is_empty(),
                "forgetting here" => left(0) < 2,
                "forgetting there" => left(1) < 2,
                "indexed" => !names(&customer, "there", "index").is_subset(&indexes[1]),
                "deleting here" => lost(&indexes, "index", 0) || lost(&packs, "data", 0),
                _ => lost(&indexes, "index", 1) || lost(&packs, "data", 1),
            };
            // Between some of these phases there is less than a millisecond.
            if is_due && phase == "locked" {
                std::thread::sleep(pause);
            }
            is_due
        });
        let reached = match () {
            () if !killed => "ended first",
            () if lost(&packs, "data", 1) || lost(&indexes, "index", 1) => "deleting there",
            () if lost(&packs, "data", 0) || lost(&indexes, "index", 0) => "deleting here",
            () if !names(&customer, "there", "index").is_subset(&indexes[1]) => "indexed",
            () if left(1) < 2 => "forgetting there",
            () if left(0) < 2 => "forgetting here",
            () => "locked",
        };
        *hit.entry(reached).or_default() += 1;

        let after = of("snapshots");
        for (location, names) in locations.iter().zip(&after) {
            assert!(
                staying.is_subset(names),
                "round {round}, {reached}: a point that stays is gone at {location}"
            );
        }
        // Every point that is still there can be read, at each place by itself.
        assert_restic_finds_nothing(&customer, &["check", "--no-lock"]);
        if (round + round / phases.len()).is_multiple_of(2) {
            // A backup comes in between: it must bring back nothing that one of the places has let go.
            customer.run(0, &["backup", ASSET]);
            for ((location, before), now) in locations.iter().zip(&after).zip(of("snapshots")) {
                let back: Vec<_> = expired.intersection(&now).filter(|id| !before.contains(*id)).collect();
                assert!(back.is_empty(), "round {round}, {reached}: {back:?} came back to {location}");
            }
        }
        customer.run(0, &["purge"]);
        let [here, there] = of("snapshots");
        assert_eq!(here, there);
        assert!(staying.is_subset(&here) && here.is_disjoint(&expired), "round {round}, {reached}");
        assert_eq!(
            names(&customer, "here", "data"),
            names(&customer, "there", "data"),
            "round {round}, {reached}"
        );
        round += 1;
    }
    println!("killed {round} purges that forget, by phase: {hit:?}");
    for phase in phases {
        assert!(hit.contains_key(phase), "no kill hit the phase {phase:?}: {hit:?}");
    }
    assert_restic_finds_nothing(&customer, &["check", "--read-data"]);
    customer.run(0, &["verify", "--read-data"]);
}
