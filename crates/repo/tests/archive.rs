//! Archives real folders and lets stock restic judge the result.
#![allow(clippy::disallowed_methods, reason = "tests run restic and read the clock")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use holdfast_location::Area;
use holdfast_location::layers::Op;
use holdfast_location::layers::record::{Record, Recording};
use holdfast_repo::{Mirror, Repository};
use support::{Bench, PASSWORD, REPOSITORY, make_tree, must_succeed, restic, tree_of};

#[test]
fn restic_checks_and_restores_what_we_archive_at_both_locations() {
    let bench = Bench::new(&["here", "there"]);
    let site = bench.path("site");
    make_tree(&site);
    let repository = bench.create();
    let (outcome, troubles) = bench.archive(&repository, &site, false);
    let archived = outcome.unwrap();
    assert_eq!(troubles.list(), []);
    assert_eq!(archived.deliveries.len(), 2);
    for location in ["here", "there"] {
        bench.restic_restores(location, &site);
    }
}

#[test]
fn an_unchanged_run_reads_nothing_and_stores_one_snapshot() {
    let bench = Bench::new(&["here"]);
    let site = bench.path("site");
    make_tree(&site);
    age(&site);
    let repository = bench.create();
    let first = bench.archive(&repository, &site, false).0.unwrap();
    let second = bench.archive(&repository, &site, false).0.unwrap();
    assert_eq!(tree_of(&bench, "here", second.id, &site), tree_of(&bench, "here", first.id, &site));
    assert_eq!(second.totals.bytes_read, 0);
    assert_eq!(second.totals.files_unmodified, second.totals.files);
    let summary = second.snapshot.summary.unwrap();
    // The folders above the site, of which /tmp may have changed.
    assert!(summary.data_blobs == 0 && summary.tree_blobs <= 4, "{summary:?}");
}

/// What is left is what the guarantees ask for: whose repository it is; locks before and after the lock is taken; what is
/// there, and once more before the snapshot.
#[test]
fn an_unchanged_run_asks_a_location_no_more_than_it_must() {
    let bench = Bench::new(&["here"]);
    let site = bench.path("site");
    make_tree(&site);
    age(&site);
    let repository = bench.create();
    bench.archive(&repository, &site, false).0.unwrap();
    // Reads the first run's index file and snapshot, as far as they are not at hand.
    bench.archive(&repository, &site, false).0.unwrap();
    let recording = Recording::with_calls();
    let location = Arc::new(Record::new(bench.local("here"), recording.clone()));
    let mirrors = vec![Arc::new(Mirror::new(location, None, REPOSITORY))];
    let writer = bench.writer();
    let identity = repository.identity().clone();
    let repository = Repository::open(mirrors, identity, PASSWORD, bench.folders(), writer).unwrap();
    bench.archive(&repository, &site, false).0.unwrap();
    let mut calls: Vec<_> = recording.calls().iter().map(|call| (call.op, call.area.unwrap())).collect();
    // The folders above the site have trees too, and those of a test change while other tests run beside it.
    let beside = [(Op::Put, Area::Data), (Op::Put, Area::Index), (Op::Get, Area::Index)];
    calls.retain(|call| !beside.contains(call));
    calls.sort();
    let mut expected = vec![
        (Op::Get, Area::Config),
        (Op::List, Area::Locks),
        (Op::Put, Area::Locks),
        (Op::List, Area::Snapshots),
        (Op::List, Area::Index),
        (Op::List, Area::Locks),
        (Op::List, Area::Index),
        (Op::Put, Area::Snapshots),
        // What was stored is read back, and what was there before must be listed.
        (Op::Get, Area::Snapshots),
        (Op::List, Area::Data),
        (Op::Delete, Area::Locks),
    ];
    expected.sort();
    assert_eq!(calls, expected);
}

#[test]
fn without_the_stat_cache_the_parent_snapshot_tells_what_changed() {
    let bench = Bench::new(&["here"]);
    let site = bench.path("site");
    make_tree(&site);
    age(&site);
    let repository = bench.create();
    let first = bench.archive(&repository, &site, false).0.unwrap();
    fs::remove_dir_all(bench.path("state/cache")).unwrap();
    fs::write(site.join("index.php"), "changed").unwrap();
    let second = bench.archive(&repository, &site, false).0.unwrap();
    assert_eq!(second.totals.bytes_read, 7);
    assert_ne!(second.snapshot.tree, first.snapshot.tree);
    must_succeed(&bench.restic(&restic(), "here", &["check", "--read-data"]));
}

#[test]
fn a_full_run_reads_every_byte_again() {
    let bench = Bench::new(&["here"]);
    let site = bench.path("site");
    make_tree(&site);
    age(&site);
    let repository = bench.create();
    let first = bench.archive(&repository, &site, false).0.unwrap();
    let full = bench.archive(&repository, &site, true).0.unwrap();
    assert_eq!(full.totals.bytes_read, first.totals.bytes_read);
    assert_eq!(tree_of(&bench, "here", full.id, &site), tree_of(&bench, "here", first.id, &site));
}

#[test]
fn a_location_that_comes_back_gets_what_it_is_owed() {
    let bench = Bench::new(&["here", "there"]);
    let site = bench.path("site");
    make_tree(&site);
    let repository = bench.create();
    bench.archive(&repository, &site, false).0.unwrap();
    fs::rename(bench.path("there"), bench.path("away")).unwrap();
    fs::write(site.join("second.txt"), "second").unwrap();
    let repository = bench.reopen(bench.mirrors());
    let (outcome, troubles) = bench.archive(&repository, &site, false);
    let archived = outcome.unwrap();
    assert!(archived.deliveries.iter().any(|d| d.location == "there" && d.failure.is_some()));
    assert!(!troubles.list().is_empty());
    fs::rename(bench.path("away"), bench.path("there")).unwrap();
    let repository = bench.reopen(bench.mirrors());
    let third = bench.archive(&repository, &site, false).0.unwrap();
    assert!(third.deliveries.iter().all(|d| d.failure.is_none() && d.owed == 0), "{:?}", third.deliveries);
    let diff = Command::new("diff")
        .arg("-r")
        .args(["here", "there"].map(|l| bench.repository_path(l)))
        .output()
        .unwrap();
    assert_eq!(must_succeed(&diff), "");
    must_succeed(&bench.restic(&restic(), "there", &["check", "--read-data"]));
}

/// Sets times into the past, and waits until the ctimes have left the window in which a stamp is not believed.
fn age(root: &Path) {
    let status = Command::new("find")
        .arg(root)
        .args(["-exec", "touch", "-h", "-d", "2026-01-02 03:04:05.678", "{}", "+"])
        .status()
        .unwrap();
    assert!(status.success());
    std::thread::sleep(std::time::Duration::from_millis(3100));
}
