//! The damage matrix: whatever is damaged, wherever, is found, named, and healed where good bytes are left.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(clippy::disallowed_methods, reason = "tests run restic")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use holdfast_repo::{
    Cancel, LocationState, ProblemKind, Progress, Read, RepairRequest, Repaired, Repository, Troubles,
    Verified, VerifyRequest,
};
use support::{Bench, assert_same, must_succeed, restic};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Damage {
    Flip,
    Truncate,
    Delete,
    Swap,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Object {
    Pack,
    Index,
    Snapshot,
    Key,
    Config,
    Lock,
}

fn verify(repository: &Repository, read: Read) -> Verified {
    let request = VerifyRequest { locations: None, read };
    repository.verify(&request, &Troubles::default(), &Progress::default(), &Cancel::default()).unwrap()
}

fn repair(repository: &Repository, dry_run: bool) -> Repaired {
    let request = RepairRequest { dry_run, write_off: false };
    repository.repair(&request, None, &Troubles::default(), &Progress::default(), &Cancel::default()).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .flat_map(|p| if p.is_dir() { files(&p) } else { vec![p] })
        .collect();
    // The largest first: among packs that is one with data.
    found.sort_by_key(|p| (std::cmp::Reverse(fs::metadata(p).unwrap().len()), p.clone()));
    found
}

fn write(path: &Path, bytes: &[u8]) {
    if path.exists() {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::write(path, bytes).unwrap();
}

/// Damages an object; returns the part of its name by which a report must call it.
fn damage(bench: &Bench, other: &Bench, location: &str, object: Object, damage: Damage) -> String {
    let root = bench.repository_path(location);
    let (path, name) = match object {
        Object::Config => (root.join("config"), "config".to_owned()),
        _ => {
            let folder = match object {
                Object::Pack => "data",
                Object::Index => "index",
                Object::Snapshot => "snapshots",
                Object::Key => "keys",
                _ => "locks",
            };
            let path = files(&root.join(folder))[0].clone();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (path, name)
        }
    };
    let mut bytes = fs::read(&path).unwrap();
    match damage {
        Damage::Flip => {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            write(&path, &bytes);
        }
        Damage::Truncate => write(&path, &bytes[..bytes.len() - 7]),
        Damage::Delete => fs::remove_file(&path).unwrap(),
        Damage::Swap => {
            let relative = path.strip_prefix(&root).unwrap();
            let foreign = match object {
                Object::Config => other.repository_path("here").join(relative),
                _ => {
                    let folder = relative.components().next().unwrap();
                    files(&other.repository_path("here").join(folder))[0].clone()
                }
            };
            write(&path, &fs::read(foreign).unwrap());
        }
    }
    name
}

fn make(locations: &[&str]) -> (Bench, PathBuf) {
    let bench = Bench::new(locations);
    let site = bench.path("site");
    fs::create_dir_all(site.join("uploads")).unwrap();
    for n in 0..40 {
        fs::write(site.join(format!("uploads/file{n}.txt")), format!("content {n}\n").repeat(n * 90))
            .unwrap();
    }
    let repository = bench.create();
    bench.archive(&repository, &site, false).0.unwrap();
    fs::write(site.join("second.txt"), "second").unwrap();
    bench.archive(&repository, &site, false).0.unwrap();
    drop(repository);
    for location in locations {
        // A lock of a process that is gone.
        let output = bench.restic(&restic(), location, &["list", "locks", "--no-lock"]);
        must_succeed(&output);
    }
    (bench, site)
}

/// Leaves a stale lock behind, the way a crash does.
fn leave_lock(bench: &Bench, location: &str) {
    let mirror = bench.mirror(location);
    let repository = bench.reopen(vec![mirror.clone()]);
    let mut writer = bench.writer();
    writer.pid = u32::MAX - 1;
    let held =
        holdfast_repo::HeldLock::take(&mirror, repository.cipher(), &writer, holdfast_repo::Mode::Shared)
            .unwrap();
    let locks = files(&bench.repository_path(location).join("locks"));
    let kept = fs::read(&locks[0]).unwrap();
    drop(held);
    write(&locks[0], &kept);
}

fn row(object: Object, kind: Damage, everywhere: bool, keep_cache: bool) {
    let label = format!("{kind:?} {object:?} everywhere={everywhere}");
    let (bench, site) = make(&["here", "there"]);
    let (other, _) = make(&["here"]);
    let identity = Repository::adopt(&bench.mirrors(), support::PASSWORD).unwrap();
    if object == Object::Lock {
        for bench in [&bench, &other] {
            bench.locations.iter().for_each(|l| leave_lock(bench, l));
        }
        if kind == Damage::Delete {
            return;
        }
    }
    let targets: &[&str] = if everywhere { &["here", "there"] } else { &["here"] };
    let names: Vec<String> = targets.iter().map(|l| damage(&bench, &other, l, object, kind)).collect();
    if !keep_cache {
        let _ = fs::remove_dir_all(bench.path("state"));
    }
    let repository =
        Repository::open(bench.mirrors(), identity, support::PASSWORD, bench.folders(), bench.writer())
            .unwrap();
    let found = verify(&repository, Read::All);
    for (target, name) in targets.iter().zip(&names) {
        let location = found.locations.iter().find(|l| l.location == *target).unwrap();
        let named = location.problems.iter().find(|p| p.object.contains(name.as_str()));
        // What is deleted everywhere leaves no name behind; then what it costs is found.
        if let Some(problem) = named {
            assert_eq!(problem.kind == ProblemKind::Lock, object == Object::Lock, "{label}");
            if object == Object::Pack {
                assert!(!problem.points.is_empty() && problem.files_total > 0, "{label}: {problem:?}");
            }
        } else {
            assert!(kind == Damage::Delete && everywhere, "{label}: {found:#?}");
            if object == Object::Index {
                assert!(!found.repository.is_empty(), "{label}: {found:#?}");
            }
        }
        if object != Object::Lock && named.is_some() {
            assert!(matches!(location.state, LocationState::Damaged | LocationState::Owed), "{label}");
        }
    }
    let planned = repair(&repository, true);
    let repaired = repair(&repository, false);
    drop(repository);
    let is_curable =
        !everywhere || matches!(object, Object::Key | Object::Config | Object::Lock | Object::Index);
    if is_curable {
        assert!(repaired.is_healed(), "{label}: {repaired:#?}");
        assert!(!planned.steps.is_empty(), "{label}");
        let repository = bench.reopen(bench.mirrors());
        let verified = verify(&repository, Read::All);
        assert!(verified.is_sound(), "{label}: {verified:#?}");
        drop(repository);
        for location in ["here", "there"] {
            must_succeed(&bench.restic(&restic(), location, &["check", "--read-data"]));
            let target = bench.path(&format!("restored-{location}"));
            let arguments = ["restore", "latest", "--target", target.to_str().unwrap()];
            must_succeed(&bench.restic(&restic(), location, &arguments));
            assert_same(&site, &target.join(site.strip_prefix("/").unwrap()));
        }
    } else if object == Object::Snapshot && kind == Damage::Delete {
        // Only a ledger can know that it was there.
        assert!(repaired.is_healed(), "{label}: {repaired:#?}");
    } else {
        assert!(!repaired.lost.is_empty(), "{label}: {repaired:#?}");
        assert!(repaired.lost.iter().any(|l| !l.points.is_empty()), "{label}: {:#?}", repaired.lost);
    }
}

macro_rules! rows {
    ($($test:ident: $object:ident;)*) => {$(
        #[test]
        fn $test() {
            for kind in [Damage::Flip, Damage::Truncate, Damage::Delete, Damage::Swap] {
                for everywhere in [false, true] {
                    row(Object::$object, kind, everywhere, false);
                }
            }
        }
    )*};
}

rows! {
    a_damaged_pack: Pack;
    a_damaged_index: Index;
    a_damaged_snapshot: Snapshot;
    a_damaged_key: Key;
    a_damaged_config: Config;
    a_damaged_lock: Lock;
}

#[test]
fn slices_of_the_data_cover_all_of_it() {
    let (bench, _) = make(&["here"]);
    let repository = bench.reopen(bench.mirrors());
    let all = verify(&repository, Read::All).locations[0].packs_read;
    let slices: u64 = (0..3)
        .map(|numerator| verify(&repository, Read::Share { numerator, of: 3 }).locations[0].packs_read)
        .sum();
    assert_eq!(slices, all);
    assert!(all >= 2);
}
