//! kill -9 in the middle of backups and prunes: no complete point is ever lost, and the next run succeeds.
//!
//! Kills are spread over the phases of a run, which the test sees from outside by what lies at the first location. A
//! phase that was never hit fails the test: it would mean that its crash safety was not tried.
#![allow(clippy::disallowed_methods, reason = "tests run programs and wait")]
#![allow(clippy::print_stdout, reason = "the histogram is part of the result")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use support::{ASSET, Customer, objects, text};

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

fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut dice = Dice(seed);
    (0..bytes / 4).flat_map(|_| (dice.roll(1 << 31) as u32).to_le_bytes()).collect()
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
