//! What "full" means: a change that leaves no trace in the metadata, under a cache that swears to the old content, is
//! missed by every incremental run and found by the full one alone.
//!
//! Nobody can set a ctime back. So the cache is poisoned the other way round: one run reads the old bytes under the stamp
//! that the changed file has. From then on everything that an incremental run trusts is wrong.
#![allow(clippy::disallowed_methods, reason = "tests run touch and restic")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use holdfast_format::Id;
use holdfast_repo::{ArchiveRequest, Archived, Cancel, Progress, Repository, Troubles};
use holdfast_testkit::folder_source::FolderSource;
use support::{Bench, make_tree, must_succeed, restic};

/// One blob.
const SMALL: &str = "index.php";
/// Many chunks, of which one is altered.
const BIG: &str = "uploads/2026/big.bin";

/// A site with one altered file, and a repository whose newest point and cache swear that nothing was altered.
struct Poisoned {
    bench: Bench,
    site: PathBuf,
    altered: PathBuf,
    old: Vec<u8>,
    new: Vec<u8>,
    repository: Repository,
    last: Archived,
}

fn poison(name: &str) -> Poisoned {
    let bench = Bench::new(&["here"]);
    let site = bench.path("site");
    make_tree(&site);
    let altered = site.join(name);
    // Hard links share content within a run; this is about what one run remembers of another.
    let _ = fs::remove_file(site.join("uploads/linked.php"));
    touch(&site);
    let old = fs::read(&altered).unwrap();
    let repository = bench.create();
    let first = bench.archive(&repository, &site, false).0.unwrap();

    let before = fs::metadata(&altered).unwrap();
    let mut new = old.clone();
    let middle = new.len() / 2;
    new[middle] ^= 1;
    fs::write(&altered, &new).unwrap();
    fs::File::open(&altered).unwrap().set_modified(before.modified().unwrap()).unwrap();
    let after = fs::metadata(&altered).unwrap();
    assert_eq!((before.len(), before.modified().unwrap()), (after.len(), after.modified().unwrap()));
    leave_the_racy_window();

    let saved = bench.path("old-content");
    fs::write(&saved, &old).unwrap();
    let source = FolderSource::lying(&site, &altered, &saved);
    let request = ArchiveRequest {
        source: &source,
        cache_name: "test",
        tags: Vec::new(),
        excludes: Vec::new(),
        full: false,
        locks: None,
    };
    let last =
        repository.archive(&request, &Troubles::default(), &Progress::default(), &Cancel::default()).unwrap();
    assert_eq!(last.totals.bytes_read, old.len() as u64, "the changed ctime must make it read the file");
    assert_eq!(content(&bench, last.id, &altered), content(&bench, first.id, &altered));
    Poisoned { bench, site, altered, old, new, repository, last }
}

fn touch(site: &Path) {
    let touched = Command::new("find")
        .arg(site)
        .args(["-exec", "touch", "-h", "-d", "2026-01-02 03:04:05.678", "{}", "+"])
        .status();
    assert!(touched.unwrap().success());
    leave_the_racy_window();
}

/// A stamp within two seconds of a run is not believed at all, and would be no test.
fn leave_the_racy_window() {
    std::thread::sleep(Duration::from_millis(3100));
}

/// A file's bytes in a point, as stock restic reads them.
fn content(bench: &Bench, point: Id, file: &Path) -> Vec<u8> {
    let output = bench.restic(&restic(), "here", &["dump", &point.to_hex(), file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn only_the_full_finds_it(name: &str, forget_cache: bool) {
    let Poisoned { bench, site, altered, old, new, repository, last } = poison(name);
    if forget_cache {
        // Then the parent point, which is poisoned as well, is what an incremental run believes.
        fs::remove_dir_all(bench.path("state/cache")).unwrap();
    }
    for _ in 0..2 {
        let incremental = bench.archive(&repository, &site, false).0.unwrap();
        assert_eq!(incremental.totals.bytes_read, 0);
        assert_eq!(incremental.totals.files_unmodified, incremental.totals.files);
        assert!(
            content(&bench, incremental.id, &altered) == old,
            "the poison does not work: this proves nothing"
        );
    }
    let full = bench.archive(&repository, &site, true).0.unwrap();
    assert_eq!(full.totals.bytes_read, full.totals.bytes, "a full run reads every byte");
    assert_ne!(full.snapshot.tree, last.snapshot.tree);
    assert!(content(&bench, full.id, &altered) == new, "the full run did not find the alteration");

    // The full cured the cache: what follows builds on the truth and reads nothing again.
    let next = bench.archive(&repository, &site, false).0.unwrap();
    assert_eq!(next.totals.bytes_read, 0);
    assert!(content(&bench, next.id, &altered) == new);
    must_succeed(&bench.restic(&restic(), "here", &["check", "--read-data"]));
}

#[test]
fn an_altered_small_file_under_a_poisoned_cache() {
    only_the_full_finds_it(SMALL, false);
}

#[test]
fn an_altered_big_file_under_a_poisoned_cache() {
    only_the_full_finds_it(BIG, false);
}

#[test]
fn an_altered_file_under_a_poisoned_parent_without_a_cache() {
    only_the_full_finds_it(SMALL, true);
}
