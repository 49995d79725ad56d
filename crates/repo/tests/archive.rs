//! Archives real folders and lets stock restic judge the result.
#![allow(clippy::disallowed_methods, reason = "tests run restic and read the clock")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{Bench, assert_same, make_tree, must_succeed, restic, tree_of};

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
        must_succeed(&bench.restic(&restic(), location, &["check", "--read-data"]));
        let target = bench.path(&format!("restored-{location}"));
        must_succeed(&bench.restic(
            &restic(),
            location,
            &["restore", "latest", "--target", target.to_str().unwrap()],
        ));
        assert_same(&site, &target.join(site.strip_prefix("/").unwrap()));
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
