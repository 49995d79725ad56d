//! The local copy of the index: it saves time, and nothing that happens to it changes what a repository is known to hold.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test: it runs restic and rsync")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Barrier;

use holdfast_format::{BlobKind, Id};
use holdfast_repo::{Cancel, Progress, RestoreRequest, Troubles, list};
use support::{Bench, assert_same, lab, must_succeed};

/// More blobs than it takes for a copy to be worth writing.
const FILES: usize = 11_000;

/// Every place of every blob, and packs with the mirrors that need not have them.
type Known = (BTreeSet<(Id, Id, u32, u32, u32, bool)>, BTreeSet<(Id, u32, u64, u32)>);

struct Loaded {
    known: Known,
    troubles: usize,
}

fn load(bench: &Bench) -> Loaded {
    let repository = bench.reopen(bench.mirrors());
    let catalog = list(&repository.ready()).unwrap();
    let troubles = Troubles::default();
    let index = repository.load_index(&catalog, &troubles).index;
    for (id, place) in index.iter() {
        assert!(index.all(place.kind, &id).any(|found| found == place));
    }
    let blobs = index.iter().map(|(id, place)| {
        (id, place.pack, place.offset, place.length, place.plain_length(), place.kind == BlobKind::Tree)
    });
    let packs = index.packs().iter().map(|pack| (pack.id, pack.blobs, pack.size, pack.not_due));
    Loaded { known: (blobs.collect(), packs.collect()), troubles: troubles.list().len() }
}

/// What the index files themselves say.
fn from_files(bench: &Bench) -> Known {
    let aside = bench.path("aside");
    let _ = fs::rename(copy(bench), &aside);
    let known = load(bench).known;
    let _ = fs::remove_file(copy(bench));
    let _ = fs::rename(&aside, copy(bench));
    known
}

fn copy(bench: &Bench) -> PathBuf {
    bench.path("state/cache/index.image")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn grow(site: &Path, name: &str, count: usize) {
    let folder = site.join(name);
    fs::create_dir_all(&folder).unwrap();
    for number in 0..count {
        fs::write(folder.join(number.to_string()), format!("{name} {number}")).unwrap();
    }
}

/// A repository with a copy of its index.
fn bench(locations: &[&str]) -> (Bench, PathBuf) {
    let bench = Bench::new(locations);
    let site = bench.path("site");
    grow(&site, "first", FILES);
    let repository = bench.create();
    bench.archive(&repository, &site, false).0.unwrap();
    assert!(!copy(&bench).exists());
    load(&bench);
    assert!(copy(&bench).exists());
    (bench, site)
}

#[test]
fn the_copy_is_used_and_says_what_the_index_files_say() {
    let (bench, _) = bench(&["here"]);
    let known = from_files(&bench);
    assert!(known.0.len() > FILES);
    // Neither cache nor location can give an index file any more. They are damaged, but they are listed.
    fs::remove_dir_all(bench.path("state/cache/index")).unwrap();
    for file in files(&bench.repository_path("here").join("index")) {
        fs::write(file, "rubbish").unwrap();
    }
    let loaded = load(&bench);
    assert!(loaded.known == known);
    assert_eq!(loaded.troubles, 0);
    fs::remove_file(copy(&bench)).unwrap();
    assert!(load(&bench).troubles > 0);
}

#[test]
fn whatever_happens_to_the_copy_costs_time_alone() {
    let (bench, _) = bench(&["here"]);
    let known = from_files(&bench);
    let whole = fs::read(copy(&bench)).unwrap();
    let other = {
        let (other, _) = self::bench(&["here"]);
        fs::read(copy(&other)).unwrap()
    };
    for found in [&b""[..], b"hfindex1", &whole[..whole.len() / 2], &whole[..whole.len() - 1], &other] {
        fs::write(copy(&bench), found).unwrap();
        let loaded = load(&bench);
        assert!(loaded.known == known && loaded.troubles == 0);
        assert_eq!(fs::metadata(copy(&bench)).unwrap().len(), whole.len() as u64, "it is made anew");
    }
    fs::remove_file(copy(&bench)).unwrap();
    fs::create_dir(copy(&bench)).unwrap();
    assert!(load(&bench).known == known);
}

#[test]
fn index_files_that_came_since_are_read_beside_it_until_they_are_many() {
    let (bench, site) = bench(&["here"]);
    let inode = || fs::metadata(copy(&bench)).unwrap().ino();
    let before = inode();
    for round in 1..=3 {
        grow(&site, &format!("more{round}"), 50);
        bench.archive(&bench.reopen(bench.mirrors()), &site, false).0.unwrap();
        let known = load(&bench).known;
        assert_eq!(inode(), before, "a few more are no reason to write it again");
        assert!(known.0.len() >= FILES + round * 50);
        assert!(known == from_files(&bench));
    }
    grow(&site, "many", FILES);
    bench.archive(&bench.reopen(bench.mirrors()), &site, false).0.unwrap();
    let known = load(&bench).known;
    assert_ne!(inode(), before);
    assert!(known == from_files(&bench) && known.0.len() > 2 * FILES);
}

#[test]
fn a_copy_that_knows_of_index_files_that_are_gone_is_not_believed() {
    let (bench, site) = bench(&["here"]);
    grow(&site, "many", FILES);
    bench.archive(&bench.reopen(bench.mirrors()), &site, false).0.unwrap();
    let everything = load(&bench).known;
    // As another machine's prune leaves it: index files and packs are gone, and nobody told us.
    let index = files(&bench.repository_path("here").join("index"));
    assert!(index.len() > 1);
    let gone: Vec<String> = {
        let repository = bench.reopen(bench.mirrors());
        let catalog = list(&repository.ready()).unwrap();
        let id = Id::from_hex(index[0].file_name().unwrap().to_str().unwrap()).unwrap();
        let file = repository.read_index(&catalog, &id, 1, &Troubles::default()).unwrap();
        file.packs.iter().map(|pack| pack.id.to_hex()).collect()
    };
    fs::remove_file(&index[0]).unwrap();
    for pack in &gone {
        fs::remove_file(bench.repository_path("here").join("data").join(&pack[..2]).join(pack)).unwrap();
    }
    let known = load(&bench).known;
    assert!(known.0.len() < everything.0.len());
    assert!(known == from_files(&bench));
    assert!(known.1.iter().all(|(pack, ..)| !gone.contains(&pack.to_hex())));
    // A writer stores again what is gone.
    let repository = bench.reopen(bench.mirrors());
    let archived = bench.archive(&repository, &site, false).0.unwrap();
    must_succeed(&bench.restic(&lab("restic-newest"), "here", &["ls", "--recursive", &archived.id.to_hex()]));
    let (target, from) = (bench.path("target"), repository.ready());
    let root: Vec<Vec<u8>> = site
        .components()
        .skip(1)
        .map(|component| component.as_os_str().as_encoded_bytes().to_vec())
        .collect();
    let request = RestoreRequest {
        snapshot: &archived.snapshot,
        root: &root,
        target: &target,
        include: None,
        enter: None,
        overwrite: false,
        from: &from,
    };
    let troubles = Troubles::default();
    let index = repository.load_index(&list(&from).unwrap(), &troubles).index;
    let progress = Progress::default();
    let restored = repository.restore(&request, &index, &troubles, &progress, &Cancel::default()).unwrap();
    assert_eq!((restored.failures, troubles.list()), (0, Vec::new()));
    assert_same(&site, &target);
}

#[test]
fn a_location_that_lacks_an_index_file_is_not_held_to_its_packs() {
    let (bench, site) = bench(&["here", "there"]);
    let indexes = || files(&bench.repository_path("there").join("index"));
    let before: BTreeSet<PathBuf> = indexes().into_iter().collect();
    grow(&site, "many", FILES);
    bench.archive(&bench.reopen(bench.mirrors()), &site, false).0.unwrap();
    load(&bench);
    let new: Vec<PathBuf> = indexes().into_iter().filter(|path| !before.contains(path)).collect();
    assert!(!new.is_empty());
    new.iter().for_each(|path| fs::remove_file(path).unwrap());
    let known = load(&bench).known;
    let not_due = |mirrors| known.1.iter().filter(|pack| pack.3 & 0b11 == mirrors).count();
    assert!(not_due(0b00) > 0 && not_due(0b10) > 0 && not_due(0b01) == 0);
    assert!(known == from_files(&bench));
    // What it lacks is owed to it, and comes with the next run.
    let delivered = bench.archive(&bench.reopen(bench.mirrors()), &site, false).0.unwrap();
    assert!(delivered.deliveries.iter().all(|delivery| delivery.owed == 0 && delivery.failure.is_none()));
    assert!(new.iter().all(|path| path.exists()));
    assert!(load(&bench).known.1.iter().all(|pack| pack.3 & 0b11 == 0));
}

#[test]
fn several_that_make_the_copy_at_once_do_not_disturb_each_other() {
    let (bench, _) = bench(&["here"]);
    let known = from_files(&bench);
    for _ in 0..5 {
        fs::remove_file(copy(&bench)).unwrap();
        let barrier = Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    barrier.wait();
                    let loaded = load(&bench);
                    assert!(loaded.known == known && loaded.troubles == 0);
                });
            }
        });
        let loaded = load(&bench);
        assert!(loaded.known == known && loaded.troubles == 0);
    }
}
