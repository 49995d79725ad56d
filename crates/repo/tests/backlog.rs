//! A location that cannot keep up: the run goes on at the pace of the other, neither memory nor spool grow beyond their
//! bounds, and in the end it has everything all the same.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(clippy::disallowed_methods, reason = "tests run diff and watch the clock")]
#![allow(clippy::print_stdout, reason = "the figures are part of the result")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use holdfast_location::layers::Op;
use holdfast_location::layers::faulty::{Fault, Faults, Faulty, Rule};
use holdfast_location::layers::record::{Record, Recording};
use holdfast_location::{Area, ErrorKind as LocationErrorKind};
use holdfast_repo::{Cancel, Mirror, Progress, Read, Repository, Troubles, VerifyRequest};
use holdfast_world::SystemClock;
use peak_alloc::PeakAlloc;
use support::{Bench, REPOSITORY, must_succeed, restic};

const FILE_BYTES: usize = 20_000_000;
const SPOOL_BYTES_MAX: u64 = 20_000_000;
/// Far more than a lane may hold in memory (40 MiB) and the spool beside it.
const SITE_BYTES: usize = 32 * FILE_BYTES;
/// Two lanes of 40 MiB with nothing in common, six packs of 16 MiB read back, and what is read, cut, sealed and packed
/// meanwhile. A gigabyte of files takes as much; without bounds it would be their size.
const MEMORY_BYTES_MAX: usize = 360_000_000;

/// Counts what the program holds at a time. The resident memory of the process would be the allocator's habits as well,
/// which differ by half with the load of the machine.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The location `here`, of which every call is counted, and `there`, which fails as its script says.
struct Pair {
    bench: Bench,
    site: PathBuf,
    here: Arc<Mirror>,
    calls: Recording,
    there: Arc<Mirror>,
    faults: Faults,
}

impl Pair {
    fn new() -> Pair {
        let mut bench = Bench::new(&["here", "there"]);
        bench.spool_bytes_max = SPOOL_BYTES_MAX;
        let site = bench.path("site");
        fs::create_dir(&site).unwrap();
        fs::write(site.join("index.php"), "<?php").unwrap();
        bench.archive(&bench.create(), &site, false).0.unwrap();
        let (calls, faults) = (Recording::new(), Faults::new());
        let here = Arc::new(Record::new(bench.local("here"), calls.clone()));
        let slow = Faulty::new(bench.local("there"), faults.clone(), Arc::new(SystemClock::new()));
        Pair {
            site,
            here: Arc::new(Mirror::new(here, None, REPOSITORY)),
            calls,
            there: Arc::new(Mirror::new(Arc::new(slow), None, REPOSITORY)),
            faults,
            bench,
        }
    }

    fn open(&self) -> Repository {
        self.bench.reopen(vec![Arc::clone(&self.here), Arc::clone(&self.there)])
    }

    /// Adds files that nothing compresses, from a generator that needs no memory.
    fn grow(&self, seed: u64, bytes: usize) {
        let mut state = seed;
        for file in 0..bytes / FILE_BYTES {
            let noise: Vec<u8> = (0..FILE_BYTES / 8)
                .flat_map(|_| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state ^ (state >> 31)).to_le_bytes()
                })
                .collect();
            fs::write(self.site.join(format!("media{seed}-{file}.bin")), noise).unwrap();
        }
    }

    /// Bytes of packs that were read back from `here` so far.
    fn read_back(&self) -> u64 {
        self.calls.counts().get(&(Op::Get, Some(Area::Data))).map_or(0, |count| count.bytes_down)
    }

    fn stored_there(&self) -> u64 {
        bytes_below(&self.bench.repository_path("there"))
    }

    #[track_caller]
    fn both_hold_the_same(&self) {
        let both = ["here", "there"].map(|location| self.bench.repository_path(location));
        assert_eq!(must_succeed(&Command::new("diff").arg("-r").args(both).output().unwrap()), "");
        assert_eq!(bytes_below(&self.bench.path("state/spool")), 0, "the spool keeps what nobody lacks");
        let request = VerifyRequest { locations: None, read: Read::Structure };
        let verified =
            self.open().verify(&request, &Troubles::default(), &Progress::default(), &Cancel::default());
        assert!(verified.unwrap().is_sound());
        must_succeed(&self.bench.restic(&restic(), "there", &["check"]));
    }
}

/// Bytes of all files below a folder; files that go away meanwhile count nothing.
fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |path: PathBuf| match path.symlink_metadata() {
        Ok(facts) if facts.is_dir() => bytes_below(&path),
        Ok(facts) => facts.len(),
        Err(_) => 0,
    };
    entries.map(|entry| size(entry.path())).sum()
}

/// Runs `work` and returns what it returned, with the most memory that it held at a time beyond what was held before.
fn watching_memory<T>(work: impl FnOnce() -> T) -> (T, usize) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let outcome = work();
    (outcome, MEMORY.peak_usage().saturating_sub(before))
}

/// Runs `work` and returns what it returned, with the largest size that the spool had meanwhile.
fn watching_spool<T>(spool: &Path, work: impl FnOnce() -> T) -> (T, u64) {
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut largest = 0;
            while !is_done.load(Ordering::Relaxed) {
                largest = bytes_below(spool).max(largest);
                std::thread::sleep(Duration::from_millis(2));
            }
            largest
        });
        let outcome = work();
        is_done.store(true, Ordering::Relaxed);
        (outcome, watcher.join().unwrap())
    })
}

#[test]
fn heavy_a_slow_location_is_fed_from_memory_then_spool_then_the_other_location() {
    let pair = Pair::new();
    pair.grow(1, SITE_BYTES);
    let repository = pair.open();
    let slow = Fault::Slow(Duration::from_millis(1000));
    pair.faults.add(Rule::always(slow).on(Op::Put).area(Area::Data));
    let spool = pair.bench.path("state/spool");
    let archive = || pair.bench.archive(&repository, &pair.site, false).0.unwrap();
    let ((archived, spool_bytes), peak) = watching_memory(|| watching_spool(&spool, archive));
    // All that was stored was read once more when it was over.
    let stored: u64 = archived.read_back.iter().filter(|r| r.location == "here").map(|r| r.bytes_read).sum();
    let read_back = pair.read_back().saturating_sub(stored);
    println!("spool {spool_bytes}, read back {read_back}, memory {peak}, of {SITE_BYTES} bytes");
    assert!(
        archived.deliveries.iter().all(|d| d.failure.is_none() && d.owed == 0),
        "{:?}",
        archived.deliveries
    );
    assert!(spool_bytes > 0, "the location was not slow enough to test anything");
    assert!(spool_bytes <= SPOOL_BYTES_MAX, "{spool_bytes} bytes lay in the spool");
    assert!(read_back > 0, "nothing went beyond memory and spool, so nothing was tested");
    assert!(peak < MEMORY_BYTES_MAX, "the run took {peak} bytes of memory for {SITE_BYTES} bytes of files");
    pair.both_hold_the_same();
}

#[test]
fn heavy_what_the_spool_cannot_hold_is_owed_and_read_from_the_healthy_location() {
    let pair = Pair::new();
    let bytes = 12 * FILE_BYTES;
    pair.grow(2, bytes);
    let repository = pair.open();
    let there = pair.stored_there();
    pair.faults.add(Rule::always(Fault::Fail(LocationErrorKind::Unreachable)).on(Op::Put).area(Area::Data));
    let spool = pair.bench.path("state/spool");
    let archive = || pair.bench.archive(&repository, &pair.site, false).0.unwrap();
    let ((archived, spool_bytes), peak) = watching_memory(|| watching_spool(&spool, archive));
    let delivery = |name: &str| archived.deliveries.iter().find(|d| d.location == name).unwrap();
    assert_eq!((delivery("here").owed, &delivery("here").failure), (0, &None));
    assert!(delivery("there").owed > 0 && delivery("there").failure.is_some(), "{:?}", archived.deliveries);
    assert!(spool_bytes <= SPOOL_BYTES_MAX, "{spool_bytes} bytes lay in the spool");
    assert!(peak < bytes, "the run took {peak} bytes of memory for {bytes} bytes of files");
    drop(repository);

    // Another failing run: the bound holds for what is left of the last one and the new together.
    pair.grow(3, bytes);
    let repository = pair.open();
    let (outcome, spool_bytes) =
        watching_spool(&spool, || pair.bench.archive(&repository, &pair.site, false).0);
    outcome.unwrap();
    assert!(spool_bytes <= SPOOL_BYTES_MAX, "{spool_bytes} bytes lay in the spool");
    assert!(pair.stored_there() < there + 1_000_000, "packs went to a location that refuses them");
    drop(repository);

    pair.faults.heal();
    let read_back = pair.read_back();
    let repository = pair.open();
    let (archived, peak) = watching_memory(|| pair.bench.archive(&repository, &pair.site, false).0.unwrap());
    let read_back = pair.read_back() - read_back;
    println!("spool {spool_bytes}, read back {read_back}, memory {peak}");
    assert!(
        archived.deliveries.iter().all(|d| d.failure.is_none() && d.owed == 0),
        "{:?}",
        archived.deliveries
    );
    let least = 2 * bytes as u64 - SPOOL_BYTES_MAX;
    assert!(
        read_back >= least,
        "{read_back} bytes were read from the healthy location, of {least} that lay only there"
    );
    assert!(peak < bytes, "delivering took {peak} bytes of memory");
    pair.both_hold_the_same();
}
