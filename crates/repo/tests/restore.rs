//! Restores, compared with the original by rsync and with what stock restic restores.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test: it runs restic, rsync and setfacl"
)]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use holdfast_format::Snapshot;
use holdfast_repo::{
    Cancel, ErrorKind, Include, Index, Progress, Repository, RestoreRequest, Restored, Result, TroubleKind,
    Troubles, list,
};
use support::{Bench, assert_same, make_tree, must_succeed, restic};

struct Point {
    repository: Repository,
    index: Index,
    snapshot: Snapshot,
    root: Vec<Vec<u8>>,
}

impl Point {
    fn latest(bench: &Bench, root: &Path) -> Point {
        let repository = bench.reopen(bench.mirrors());
        let catalog = list(&repository.ready()).unwrap();
        let troubles = Troubles::default();
        let index = repository.load_index(&catalog, &troubles).index;
        let snapshot = repository.load_snapshots(&catalog, &troubles).pop().unwrap().1;
        let root = root.components().skip(1).map(|c| c.as_os_str().as_bytes().to_vec()).collect();
        Point { repository, index, snapshot, root }
    }

    fn restore(&self, target: &Path, overwrite: bool) -> (Result<Restored>, Troubles) {
        self.restore_some(target, overwrite, None, &Cancel::default())
    }

    fn restore_some(
        &self,
        target: &Path,
        overwrite: bool,
        include: Option<Include<'_>>,
        cancel: &Cancel,
    ) -> (Result<Restored>, Troubles) {
        let from = self.repository.ready();
        let troubles = Troubles::default();
        let request = RestoreRequest {
            snapshot: &self.snapshot,
            root: &self.root,
            target,
            include,
            enter: None,
            overwrite,
            from: &from,
        };
        let outcome = self.repository.restore(&request, &self.index, &troubles, &Progress::default(), cancel);
        (outcome, troubles)
    }

    #[track_caller]
    fn restored(&self, target: &Path, overwrite: bool) -> Restored {
        let (outcome, troubles) = self.restore(target, overwrite);
        assert_eq!(troubles.list(), []);
        let restored = outcome.unwrap();
        assert_eq!(restored.failures, 0);
        restored
    }
}

fn run(program: &str, arguments: &[&dyn AsRef<OsStr>]) {
    let mut command = Command::new(program);
    command.args(arguments.iter().map(AsRef::as_ref));
    must_succeed(
        &command.output().unwrap_or_else(|e| panic!("{program} is missing ({e}): run `cargo xtask test`")),
    );
}

/// Everything that a file system can hold and a careless restore loses.
fn make_odd_tree(root: &Path) {
    make_tree(root);
    fs::write(root.join(OsStr::from_bytes(b"bad \xff\xfe utf-8")), "bytes").unwrap();
    fs::write(root.join("n".repeat(255)), "long").unwrap();
    fs::create_dir_all(root.join("a/deep/er")).unwrap();
    fs::hard_link(root.join("uploads/2026/big.bin"), root.join("a/deep/er/big-again")).unwrap();
    for (name, mode) in [("setuid", 0o4755), ("setgid", 0o2750), ("none", 0o000), ("readonly", 0o444)] {
        fs::write(root.join(name), name).unwrap();
        std::os::unix::fs::chown(root.join(name), Some(1234), Some(4321)).unwrap();
        fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    run("mkfifo", &[&root.join("pipe")]);
    run("mknod", &[&root.join("null"), &"c", &"1", &"3"]);
    run("mknod", &[&root.join("disk"), &"b", &"7", &"77"]);
    fs::set_permissions(root.join("pipe"), fs::Permissions::from_mode(0o620)).unwrap();
    run("setfacl", &[&"-m", &"u:33:rwx,g:44:r", &root.join("index.php")]);
    run("setfacl", &[&"-m", &"u:33:rwx,d:u:33:rwx", &root.join("a/deep")]);
    run("setfattr", &[&"-n", &"user.comment", &"-v", &"to be kept", &root.join("empty.txt")]);
    run("setfattr", &[&"-n", &"user.folder", &"-v", &"1", &root.join("empty")]);
    fs::set_permissions(root.join("empty"), fs::Permissions::from_mode(0o1777)).unwrap();
    fs::set_permissions(root.join("a/deep/er"), fs::Permissions::from_mode(0o555)).unwrap();
    for path in ["a/deep/er/big-again", "a/deep/er", "a", "empty", "dangling", "pipe", "."] {
        run("touch", &[&"-h", &"-d", &"1999-12-31 23:59:59.123456789", &root.join(path)]);
    }
}

fn restic_backup(bench: &Bench, folder: &Path) {
    must_succeed(&bench.restic(&restic(), "here", &["backup", "-q", folder.to_str().unwrap()]));
}

fn sparse_file(path: &Path) {
    let file = File::create(path).unwrap();
    file.set_len(1 << 30).unwrap();
    file.write_all_at(b"in the middle", 600 << 20).unwrap();
    file.write_all_at(&[7; 100_000], (600 << 20) + 5_000_000).unwrap();
}

#[test]
fn what_restic_archived_is_restored_with_all_it_had() {
    let bench = Bench::new(&["here"]);
    let site = bench.path("site");
    make_odd_tree(&site);
    bench.create();
    restic_backup(&bench, &site);
    let target = bench.path("target");
    let restored = Point::latest(&bench, &site).restored(&target, false);
    assert_same(&site, &target);
    assert_eq!((restored.unchanged_files, restored.damaged_objects_met), (0, 0));
    let inode = |path: &str| fs::metadata(target.join(path)).unwrap().ino();
    assert_eq!(inode("uploads/2026/big.bin"), inode("a/deep/er/big-again"));
}

#[test]
fn what_we_archived_is_restored_as_restic_restores_it() {
    let bench = Bench::new(&["here"]);
    let site = bench.path("site");
    make_odd_tree(&site);
    symlink(OsStr::from_bytes(b"to \xff nowhere"), site.join("raw")).unwrap();
    let repository = bench.create();
    bench.archive(&repository, &site, false).0.unwrap();
    let target = bench.path("new/target");
    Point::latest(&bench, &site).restored(&target, false);
    assert_same(&site, &target);
    let other = bench.path("other");
    must_succeed(&bench.restic(
        &restic(),
        "here",
        &["restore", "latest", "--target", other.to_str().unwrap()],
    ));
    // restic 0.14 knows no targets but UTF-8.
    let other = other.join(site.strip_prefix("/").unwrap());
    for folder in [&target, &other] {
        fs::remove_file(folder.join("raw")).unwrap();
        run("touch", &[&"-d", &"2026-01-01", folder]);
    }
    assert_same(&other, &target);
}

#[test]
fn holes_come_back_as_holes() {
    let bench = Bench::new(&["here"]);
    let site = bench.path("site");
    fs::create_dir(&site).unwrap();
    sparse_file(&site.join("image"));
    File::create(site.join("only-hole")).unwrap().set_len(3 << 30).unwrap();
    bench.create();
    restic_backup(&bench, &site);
    let target = bench.path("target");
    Point::latest(&bench, &site).restored(&target, false);
    assert_same(&site, &target);
    for name in ["image", "only-hole"] {
        let blocks = fs::metadata(target.join(name)).unwrap().blocks() * 512;
        assert!(blocks < 4 << 20, "{name} occupies {blocks} bytes");
    }
}

#[test]
fn overwriting_brings_back_what_differs_and_leaves_what_is_not_known() {
    let bench = Bench::new(&["here"]);
    let site = bench.path("site");
    make_odd_tree(&site);
    bench.create();
    restic_backup(&bench, &site);
    let point = Point::latest(&bench, &site);
    let target = bench.path("target");
    let first = point.restored(&target, false);

    let outside = bench.path("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("precious"), "untouched").unwrap();
    fs::write(target.join("index.php"), "<?php evil(); //................").unwrap(); // also its other name
    fs::remove_dir_all(target.join("uploads/2026")).unwrap();
    symlink(&outside, target.join("uploads/2026")).unwrap();
    fs::remove_file(target.join("empty.txt")).unwrap();
    symlink(outside.join("precious"), target.join("empty.txt")).unwrap();
    fs::remove_file(target.join("dangling")).unwrap();
    fs::create_dir(target.join("dangling")).unwrap();
    fs::remove_file(target.join("readonly")).unwrap();
    fs::hard_link(outside.join("precious"), target.join("readonly")).unwrap();
    fs::set_permissions(target.join("setuid"), fs::Permissions::from_mode(0o600)).unwrap();
    run("setfattr", &[&"-n", &"user.foreign", &"-v", &"1", &target.join("uploads/file7.txt")]);
    run("setfattr", &[&"-x", &"user.folder", &target.join("empty")]);
    let kept = fs::metadata(target.join("uploads/file9.txt")).unwrap();

    let second = point.restored(&target, true);
    assert_same(&site, &target);
    assert!(second.files < 8, "{second:?}");
    assert_eq!(second.files + second.unchanged_files, first.files);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(fs::read(outside.join("precious")).unwrap(), b"untouched");
    let after = fs::metadata(target.join("uploads/file9.txt")).unwrap();
    assert_eq!(
        (kept.ino(), kept.ctime_nsec()),
        (after.ino(), after.ctime_nsec()),
        "an equal file was touched"
    );

    fs::write(target.join("uploads/mine"), "not in the point").unwrap();
    point.restored(&target, true);
    assert_eq!(fs::read(target.join("uploads/mine")).unwrap(), b"not in the point");
}

#[test]
fn a_target_that_holds_something_is_refused() {
    let bench = Bench::new(&["here"]);
    let site = bench.path("site");
    fs::create_dir(&site).unwrap();
    fs::write(site.join("file"), "new").unwrap();
    bench.create();
    restic_backup(&bench, &site);
    let target = bench.path("target");
    fs::create_dir(&target).unwrap();
    fs::write(target.join("file"), "old").unwrap();
    let error = Point::latest(&bench, &site).restore(&target, false).0.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Usage);
    assert!(error.to_string().contains("--overwrite"), "{error}");
    assert_eq!(fs::read(target.join("file")).unwrap(), b"old");
}

#[test]
fn too_little_space_is_found_before_anything_is_written() {
    let bench = Bench::new(&["here"]);
    let site = bench.path("site");
    make_tree(&site);
    bench.create();
    restic_backup(&bench, &site);
    let mount = bench.path("mount");
    fs::create_dir(&mount).unwrap();
    run("mount", &[&"-t", &"tmpfs", &"-o", &"size=1m", &"none", &mount]);
    let (outcome, _) = Point::latest(&bench, &site).restore(&mount.join("target"), false);
    let is_empty = fs::read_dir(&mount).unwrap().next().is_none();
    run("umount", &[&mount]);
    let error = outcome.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Full, "{error}");
    assert!(error.to_string().contains("1048576 bytes free"), "{error}");
    assert!(is_empty);
}

#[test]
fn only_what_is_selected_is_restored_with_the_folders_above_it() {
    let bench = Bench::new(&["here"]);
    let site = bench.path("site");
    make_tree(&site);
    bench.create();
    restic_backup(&bench, &site);
    let target = bench.path("target");
    let include = |path: &[u8], is_dir: bool| !is_dir && path.ends_with(b"big.bin");
    let point = Point::latest(&bench, &site);
    let restored = point.restore_some(&target, false, Some(&include), &Cancel::default()).0.unwrap();
    assert_eq!((restored.files, restored.directories), (1, 3));
    assert_eq!(paths(&target), ["uploads", "uploads/2026", "uploads/2026/big.bin"].map(PathBuf::from));
    assert_same(&site.join("uploads/2026"), &target.join("uploads/2026"));
}

/// A location whose data can be read, but not the trees beside the way: restoring one file must not even ask for them.
#[test]
fn one_file_costs_the_folders_above_it_and_no_others() {
    let mut bench = Bench::new(&["here"]);
    let site = bench.path("site");
    make_tree(&site);
    for number in 0..200 {
        let folder = site.join(format!("beside/{number}"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("file"), format!("{number}")).unwrap();
    }
    bench.threads = 1;
    let repository = bench.create();
    bench.archive(&repository, &site, false).0.unwrap();
    let point = Point::latest(&bench, &site);
    let asked = std::sync::Mutex::new(Vec::new());
    let include = |path: &[u8], _: bool| {
        asked.lock().unwrap().push(PathBuf::from(OsStr::from_bytes(path)));
        path == b"uploads/2026/big.bin"
    };
    let enter = |path: &[u8]| b"uploads/2026".starts_with(path);
    let target = bench.path("target");
    let from = point.repository.ready();
    let request = RestoreRequest {
        snapshot: &point.snapshot,
        root: &point.root,
        target: &target,
        include: Some(&include),
        enter: Some(&enter),
        overwrite: false,
        from: &from,
    };
    let troubles = Troubles::default();
    let restored = point
        .repository
        .restore(&request, &point.index, &troubles, &Progress::default(), &Cancel::default())
        .unwrap();
    assert_eq!((restored.files, restored.directories, restored.failures), (1, 3, 0));
    assert_eq!(paths(&target), ["uploads", "uploads/2026", "uploads/2026/big.bin"].map(PathBuf::from));
    assert_same(&site.join("uploads/2026"), &target.join("uploads/2026"));
    let asked = asked.into_inner().unwrap();
    assert!(asked.contains(&PathBuf::from("beside")), "{asked:?}");
    assert!(!asked.iter().any(|path| path.starts_with("beside") && path != Path::new("beside")), "{asked:?}");
}

#[test]
fn a_single_file_can_be_the_root() {
    let bench = Bench::new(&["here"]);
    let site = bench.path("site");
    make_tree(&site);
    bench.create();
    restic_backup(&bench, &site);
    let target = bench.path("target");
    let file = site.join("uploads/2026/big.bin");
    Point::latest(&bench, &file).restored(&target, false);
    assert_eq!(paths(&target), [PathBuf::from("big.bin")]);
    let restored = target.join("big.bin");
    assert!(fs::read(&file).unwrap() == fs::read(&restored).unwrap());
    assert_eq!(
        fs::metadata(&file).unwrap().modified().unwrap(),
        fs::metadata(&restored).unwrap().modified().unwrap()
    );
}

#[test]
fn damage_at_one_location_is_healed_from_the_next() {
    let bench = Bench::new(&["here", "there"]);
    let site = bench.path("site");
    make_tree(&site);
    let repository = bench.create();
    bench.archive(&repository, &site, false).0.unwrap();
    for (number, pack) in packs(&bench.repository_path("here")).iter().enumerate() {
        match number % 3 {
            0 => flip(pack),
            1 => fs::remove_file(pack).unwrap(),
            _ => File::options().write(true).open(pack).unwrap().set_len(100).unwrap(),
        }
    }
    let target = bench.path("target");
    let (outcome, troubles) = Point::latest(&bench, &site).restore(&target, false);
    let restored = outcome.unwrap();
    assert_same(&site, &target);
    assert_eq!(restored.failures, 0);
    assert!(restored.damaged_objects_met > 1);
    assert_eq!(troubles.count(TroubleKind::Damage) as u64, restored.damaged_objects_met);
}

#[test]
fn a_file_that_no_location_has_whole_is_left_out_and_named() {
    let bench = Bench::new(&["here"]);
    let site = bench.path("site");
    make_tree(&site);
    bench.create();
    restic_backup(&bench, &site);
    let big =
        packs(&bench.repository_path("here")).into_iter().max_by_key(|p| fs::metadata(p).unwrap().len());
    flip(&big.unwrap());
    let target = bench.path("target");
    let (outcome, troubles) = Point::latest(&bench, &site).restore(&target, false);
    let restored = outcome.unwrap();
    assert_eq!(restored.damaged_objects_met, 1);
    let lost: Vec<PathBuf> =
        paths(&site).into_iter().filter(|p| !target.join(p).exists() && p != Path::new("dangling")).collect();
    assert!(!lost.is_empty());
    assert_eq!(restored.failures, lost.len() as u64);
    for path in &lost {
        assert!(troubles.list().iter().any(|t| t.subject == path.to_str().unwrap()), "{path:?} is not named");
        fs::remove_file(site.join(path)).unwrap();
    }
    for folder in [&site, &target] {
        run("find", &[folder, &"-type", &"d", &"-exec", &"touch", &"-d", &"2026-01-01", &"{}", &"+"]);
    }
    assert_same(&site, &target);
}

#[test]
fn a_stopped_restore_leaves_no_halves_and_goes_on() {
    let bench = Bench::new(&["here"]);
    let site = bench.path("site");
    make_tree(&site);
    let repository = bench.create();
    bench.archive(&repository, &site, false).0.unwrap();
    let point = Point::latest(&bench, &site);
    let target = bench.path("target");
    let cancel = Cancel::default();
    let from = repository.ready();
    let request = RestoreRequest {
        snapshot: &point.snapshot,
        root: &point.root,
        target: &target,
        include: None,
        enter: None,
        overwrite: false,
        from: &from,
    };
    let progress = Progress::default();
    let outcome = std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            point.repository.restore(&request, &point.index, &Troubles::default(), &progress, &cancel)
        });
        while progress.files.get() < 3 && !run.is_finished() {
            std::hint::spin_loop();
        }
        cancel.cancel();
        run.join().unwrap()
    });
    // A fast machine may have finished; what is there must be whole either way.
    assert!(outcome.as_ref().map_or_else(|e| e.kind == ErrorKind::Cancelled, |_| true), "{outcome:?}");
    for path in paths(&target).into_iter().filter(|p| target.join(p).is_file()) {
        assert!(fs::read(site.join(&path)).unwrap() == fs::read(target.join(&path)).unwrap(), "{path:?}");
    }
    let whole =
        paths(&target).iter().filter(|p| target.join(p).is_file() && !p.ends_with("linked.php")).count();
    let second = point.restored(&target, true);
    assert!(second.unchanged_files > 0 && second.unchanged_files <= whole as u64 + 1, "{second:?} {whole}");
    assert_same(&site, &target);
}

#[test]
fn listing_shows_what_restic_shows() {
    let bench = Bench::new(&["here"]);
    let site = bench.path("site");
    make_tree(&site);
    bench.create();
    restic_backup(&bench, &site);
    let point = Point::latest(&bench, &site);
    let from = point.repository.ready();
    let list = |below: &[Vec<u8>], recursive| {
        let mut listed = Vec::new();
        let mut see =
            |path: &[u8], _: &holdfast_format::Node| listed.push(PathBuf::from(OsStr::from_bytes(path)));
        let troubles = Troubles::default();
        let done = point.repository.list_files(
            &point.snapshot,
            below,
            &|_: &[u8]| recursive,
            &point.index,
            &from,
            &troubles,
            &mut see,
        );
        done.map(|()| listed)
    };
    let mut all = list(&point.root, true).unwrap();
    all.sort();
    assert_eq!(all, paths(&site));
    assert_eq!(list(&point.root, false).unwrap().len(), fs::read_dir(&site).unwrap().count());
    let absent = [&point.root[..], &[b"absent".to_vec()]].concat();
    assert_eq!(list(&absent, true).unwrap_err().kind, ErrorKind::NotFound);
    let file = [&point.root[..], &[b"index.php".to_vec()]].concat();
    assert_eq!(list(&file, true).unwrap(), [PathBuf::from("index.php")]);
}

/// All paths below a folder, sorted.
fn paths(folder: &Path) -> Vec<PathBuf> {
    let output = Command::new("find")
        .args([folder.as_os_str(), OsStr::new("-mindepth"), OsStr::new("1"), OsStr::new("-print0")])
        .output()
        .unwrap();
    let mut paths: Vec<PathBuf> = output
        .stdout
        .split(|b| *b == 0)
        .filter(|p| !p.is_empty())
        .map(|p| Path::new(OsStr::from_bytes(p)).strip_prefix(folder).unwrap().to_owned())
        .collect();
    paths.sort();
    paths
}

fn packs(repository: &Path) -> Vec<PathBuf> {
    let data = repository.join("data");
    let all = paths(&data).into_iter().map(|p| data.join(p));
    all.filter(|p| p.is_file()).collect()
}

/// Damages the middle of a file.
fn flip(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    let file = File::options().read(true).write(true).open(path).unwrap();
    let middle = file.metadata().unwrap().len() / 2;
    let mut byte = [0];
    file.read_exact_at(&mut byte, middle).unwrap();
    file.write_all_at(&[byte[0] ^ 1], middle).unwrap();
}
