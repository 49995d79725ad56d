//! What the engine's tests share: a repository over local folders, ready to use.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "test support")]

pub mod stock;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use holdfast_location::layers::faulty::{Faults, Faulty};
use holdfast_location::{Location, Place, Surroundings};
use holdfast_repo::{
    ArchiveRequest, Archived, Cancel, LocalFolders, Mirror, Progress, Read, Repository, Troubles, Verified,
    VerifyRequest, Writer,
};
use holdfast_testkit::folder_source::FolderSource;
use holdfast_world::{SystemClock, SystemRandom};
use tempfile::TempDir;

pub const PASSWORD: &str = "correct horse battery staple";
pub const REPOSITORY: &str = "C-1042";

/// Two local folders as locations, and the machine's own state.
pub struct Bench {
    pub folder: TempDir,
    pub locations: Vec<String>,
    pub threads: usize,
    pub spool_bytes_max: u64,
}

impl Bench {
    pub fn new(locations: &[&str]) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        for name in locations {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Bench {
            folder,
            locations: locations.iter().map(|&n| n.to_owned()).collect(),
            threads: 2,
            spool_bytes_max: 64 << 20,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn repository_path(&self, location: &str) -> PathBuf {
        self.path(location).join(REPOSITORY)
    }

    pub fn writer(&self) -> Writer {
        Writer {
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(SystemRandom),
            hostname: "testhost".to_owned(),
            machine: "0a1b2c3d".to_owned(),
            username: "tester".to_owned(),
            uid: 0,
            gid: 0,
            pid: std::process::id(),
            is_process_alive: Arc::new(|pid| Path::new(&format!("/proc/{pid}")).exists()),
            threads: self.threads,
        }
    }

    pub fn mirrors(&self) -> Vec<Arc<Mirror>> {
        self.locations.iter().map(|name| self.mirror(name)).collect()
    }

    pub fn mirror(&self, name: &str) -> Arc<Mirror> {
        let surroundings = Surroundings::new(Arc::new(SystemClock::new()), Arc::new(SystemRandom));
        let place = Place::folder(name, self.path(name));
        let location = if self.path(name).is_dir() {
            holdfast_location::establish(&place, &surroundings).unwrap()
        } else {
            holdfast_location::open(&place, &surroundings).unwrap()
        };
        Arc::new(Mirror::new(location, None, REPOSITORY))
    }

    /// The folder `name` as a location, without anything around it.
    pub fn local(&self, name: &str) -> Arc<dyn Location> {
        let surroundings = Surroundings::new(Arc::new(SystemClock::new()), Arc::new(SystemRandom));
        let place = Place::folder(name, self.path(name));
        holdfast_location::open(&place, &surroundings).unwrap()
    }

    /// The folder `name` as a location that fails as its script says.
    pub fn faulty(&self, name: &str) -> (Arc<Mirror>, Faults) {
        let faults = Faults::new();
        let layer = Faulty::new(self.local(name), faults.clone(), Arc::new(SystemClock::new()));
        (Arc::new(Mirror::new(Arc::new(layer), None, REPOSITORY)), faults)
    }

    pub fn folders(&self) -> LocalFolders {
        LocalFolders {
            cache: self.path("state/cache"),
            spool: self.path("state/spool"),
            spool_bytes_max: self.spool_bytes_max,
            tombstones: self.path("state/tombstones.jsonl"),
        }
    }

    /// A new repository at every location.
    pub fn create(&self) -> Repository {
        let writer = self.writer();
        let identity = Repository::generate(PASSWORD, &writer);
        let mut repository =
            Repository::open(self.mirrors(), identity, PASSWORD, self.folders(), writer).unwrap();
        for (location, outcome) in repository.establish() {
            outcome.unwrap_or_else(|e| panic!("{location}: {e}"));
        }
        repository
    }

    /// The existing repository, opened again with these mirrors.
    pub fn reopen(&self, mirrors: Vec<Arc<Mirror>>) -> Repository {
        let identity = Repository::adopt(&mirrors, PASSWORD).unwrap();
        Repository::open(mirrors, identity, PASSWORD, self.folders(), self.writer()).unwrap()
    }

    /// Archives a folder; troubles are returned beside the outcome.
    pub fn archive(
        &self,
        repository: &Repository,
        folder: &Path,
        full: bool,
    ) -> (holdfast_repo::Result<Archived>, Troubles) {
        let source = FolderSource::new(folder);
        let request = ArchiveRequest {
            source: &source,
            cache_name: "test",
            tags: Vec::new(),
            excludes: Vec::new(),
            full,
            locks: None,
        };
        let troubles = Troubles::default();
        let outcome = repository.archive(&request, &troubles, &Progress::default(), &Cancel::default());
        (outcome, troubles)
    }

    /// Stock restic finds the copy at `location` sound, down to every byte, and restores the newest point of `site` as it is.
    #[track_caller]
    pub fn restic_restores(&self, location: &str, site: &Path) {
        must_succeed(&self.restic(&restic(), location, &["check", "--read-data"]));
        let target = self.path(&format!("restored-{location}"));
        let _ = fs::remove_dir_all(&target);
        let arguments = ["restore", "latest", "--target", target.to_str().unwrap()];
        must_succeed(&self.restic(&restic(), location, &arguments));
        assert_same(site, &target.join(site.strip_prefix("/").unwrap()));
    }

    /// Runs stock restic on the copy at `location`.
    pub fn restic(&self, program: &Path, location: &str, arguments: &[&str]) -> std::process::Output {
        Command::new(program)
            .args(["--no-cache", "--repo"])
            .arg(self.repository_path(location))
            .args(arguments)
            .env("RESTIC_PASSWORD", PASSWORD)
            .output()
            .unwrap_or_else(|e| panic!("{} is missing ({e}): run `cargo xtask test`", program.display()))
    }
}

/// A program of the lab.
#[track_caller]
pub fn lab(program: &str) -> PathBuf {
    holdfast_testkit::lab::program(program)
}

/// The tree of `folder` in a point at `location`, as stock restic prints it. A point's own tree holds the folders above
/// too, and those of a test change while other tests run beside it.
#[track_caller]
pub fn tree_of(bench: &Bench, location: &str, point: holdfast_format::Id, folder: &Path) -> String {
    let what = format!("{}:{}", point.to_hex(), folder.display());
    must_succeed(&bench.restic(&lab("restic-newest"), location, &["cat", "tree", &what]))
}

/// Debian's restic.
pub fn restic() -> PathBuf {
    PathBuf::from("/usr/bin/restic")
}

/// Every byte at every location is read.
#[track_caller]
pub fn verified(repository: &Repository) -> Verified {
    let request = VerifyRequest { locations: None, read: Read::All };
    repository.verify(&request, &Troubles::default(), &Progress::default(), &Cancel::default()).unwrap()
}

/// Panics with everything it printed unless the command succeeded.
#[track_caller]
pub fn must_succeed(output: &std::process::Output) -> String {
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    text
}

pub fn make_tree(root: &Path) {
    fs::create_dir_all(root.join("uploads/2026")).unwrap();
    fs::create_dir(root.join("empty")).unwrap();
    fs::write(root.join("index.php"), "<?php echo 'hello & <world>';\n").unwrap();
    fs::write(root.join("empty.txt"), "").unwrap();
    fs::write(root.join("new\nline"), "x").unwrap();
    fs::write(root.join("ümlaut \u{a0}\u{2028}"), "x").unwrap();
    let big: Vec<u8> =
        (0..12_000_000u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()).collect();
    fs::write(root.join("uploads/2026/big.bin"), &big).unwrap();
    for n in 0..300 {
        fs::write(root.join(format!("uploads/file{n}.txt")), format!("content {n}\n").repeat(n)).unwrap();
    }
    symlink("nowhere", root.join("dangling")).unwrap();
    fs::hard_link(root.join("index.php"), root.join("uploads/linked.php")).unwrap();
}

/// Compares content and metadata of two trees with rsync, which prints every difference.
#[track_caller]
pub fn assert_same(left: &Path, right: &Path) {
    let output = Command::new("rsync")
        .args(["-aHAXnci", "--delete"])
        .arg(format!("{}/", left.display()))
        .arg(format!("{}/", right.display()))
        .output()
        .expect("rsync is missing: run `cargo xtask test`");
    assert_eq!(must_succeed(&output), "");
}
