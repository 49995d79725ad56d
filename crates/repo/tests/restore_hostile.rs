//! Restores of points that a hostile or broken program wrote, into targets that somebody prepared.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test: it runs restic, rsync and setfacl"
)]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::num::NonZeroU32;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};

use bytes::Bytes;
use holdfast_format::source::{EntryKind, FileTime, Metadata};
use holdfast_format::{
    BlobEncoder, BlobKind, Id, IndexPack, Node, PackEntry, Snapshot, TreeWriter, seal_header,
};
use holdfast_location::Area;
use holdfast_repo::{
    Cancel, Index, Monitor, Progress, Repository, RestoreRequest, Restored, Trouble, TroubleKind, Troubles,
};
use support::Bench;

/// Puts blobs into a repository as they are, past every check of ours.
struct Forger<'a> {
    repository: &'a Repository,
    index: Index,
    nonce: AtomicU8,
}

impl Forger<'_> {
    fn pack(&mut self, kind: BlobKind, plain: &[u8]) -> Id {
        let cipher = self.repository.cipher();
        let mut sealed = Vec::new();
        let nonce = [self.nonce.fetch_add(1, Ordering::Relaxed) + 1; 16];
        let encoded = BlobEncoder::new(3).encode(cipher, nonce, plain, true, &mut sealed);
        let id = Id::of(plain);
        let entry = PackEntry {
            kind,
            id,
            offset: 0,
            length: encoded.sealed_len,
            uncompressed: encoded.uncompressed_len.and_then(NonZeroU32::new),
        };
        seal_header(cipher, nonce.map(|b| b ^ 0x80), &[entry], &mut sealed);
        let pack = Id::of(&sealed);
        for mirror in self.repository.ready() {
            mirror.put(Area::Data, &pack, Bytes::from(sealed.clone())).unwrap();
        }
        self.index.add(&IndexPack { id: pack, blobs: vec![entry] });
        id
    }

    fn tree(&mut self, nodes: &[Node]) -> Id {
        let mut tree = TreeWriter::new();
        for node in nodes {
            let mut encoded = Vec::new();
            node.encode(&mut encoded);
            tree.push(&encoded);
        }
        self.pack(BlobKind::Tree, &tree.finish())
    }

    fn restore(&self, tree: Id, target: &Path, overwrite: bool, monitor: &dyn Monitor) -> Restored {
        let snapshot = Snapshot::new("2026-01-01T00:00:00Z".parse().unwrap(), tree);
        let from = self.repository.ready();
        let request = RestoreRequest {
            snapshot: &snapshot,
            root: &[],
            target,
            include: None,
            enter: None,
            overwrite,
            from: &from,
        };
        self.repository
            .restore(&request, &self.index, monitor, &Progress::default(), &Cancel::default())
            .unwrap()
    }
}

fn forger(repository: &Repository) -> Forger<'_> {
    Forger { repository, index: Index::default(), nonce: AtomicU8::new(0) }
}

fn node(name: &[u8], kind: EntryKind) -> Node {
    let metadata = Metadata {
        kind,
        permissions: 0o755,
        uid: 0,
        gid: 0,
        inode: 0,
        device_id: 0,
        links: 1,
        size: 0,
        device: 0,
        mtime: FileTime { seconds: 1, nanoseconds: 2 },
        ctime: FileTime::default(),
    };
    Node::new(name.to_vec(), metadata)
}

fn file(name: &[u8], content: Id) -> Node {
    Node { content: Some(vec![content]), ..node(name, EntryKind::File) }
}

fn link(name: &[u8], target: &str) -> Node {
    Node { link_target: Some(target.as_bytes().to_vec()), ..node(name, EntryKind::Symlink) }
}

fn directory(name: &[u8], subtree: Id) -> Node {
    Node { subtree: Some(subtree), ..node(name, EntryKind::Directory) }
}

fn names(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = entries.collect();
    names.sort();
    names
}

#[test]
fn names_that_lead_out_of_the_target_are_refused_and_the_rest_goes_on() {
    let bench = Bench::new(&["here"]);
    let repository = bench.create();
    let mut forger = forger(&repository);
    let evil = forger.pack(BlobKind::Data, b"evil");
    let good = forger.pack(BlobKind::Data, b"good");
    let below = forger.tree(&[file(b"..", evil), file(b"../../up", evil), file(b"inside", good)]);
    let absolute = bench.path("absolute");
    let tree = forger.tree(&[
        file(b"", evil),
        file(b".", evil),
        directory(b"..", below),
        file(b"../up", evil),
        file(absolute.to_str().unwrap().as_bytes(), evil),
        file(b"sub/through", evil),
        file(b"nul\0", evil),
        file(b"good", good),
        directory(b"sub", below),
    ]);
    let outer = bench.path("outer");
    fs::create_dir(&outer).unwrap();
    let troubles = Troubles::default();
    let restored = forger.restore(tree, &outer.join("target"), false, &troubles);
    assert_eq!(names(&outer), ["target"]);
    assert!(!absolute.exists());
    assert_eq!(names(&outer.join("target")), ["good", "sub"]);
    assert_eq!(names(&outer.join("target/sub")), ["inside"]);
    assert_eq!(fs::read(outer.join("target/sub/inside")).unwrap(), b"good");
    assert_eq!(restored.failures, 9);
    assert_eq!(troubles.count(TroubleKind::Target), 9);
}

#[test]
fn a_symlink_in_the_point_is_never_written_through() {
    let bench = Bench::new(&["here"]);
    let repository = bench.create();
    let mut forger = forger(&repository);
    let evil = forger.pack(BlobKind::Data, b"evil");
    let outside = bench.path("outside");
    fs::create_dir(&outside).unwrap();
    let below = forger.tree(&[file(b"planted", evil)]);
    // The same name twice: first a symlink, then a directory to be written through it.
    let tree = forger.tree(&[link(b"way", outside.to_str().unwrap()), directory(b"way", below)]);
    let target = bench.path("target");
    let troubles = Troubles::default();
    let restored = forger.restore(tree, &target, false, &troubles);
    assert!(names(&outside).is_empty());
    assert_eq!(restored.failures, 1);
    assert!(troubles.list()[0].message.contains("twice"), "{:?}", troubles.list());
}

/// Puts a symlink in place of a directory while a restore runs: at the first trouble it is told.
struct Planter<'a> {
    troubles: Troubles,
    directory: &'a Path,
    outside: &'a Path,
}

impl Monitor for Planter<'_> {
    fn trouble(&self, trouble: Trouble) {
        if self.troubles.list().is_empty() {
            fs::create_dir_all(self.directory.parent().unwrap()).unwrap();
            symlink(self.outside, self.directory).unwrap();
        }
        self.troubles.trouble(trouble);
    }
}

#[test]
fn a_symlink_planted_while_the_restore_runs_is_not_followed() {
    let bench = Bench::new(&["here"]);
    let repository = bench.create();
    let mut forger = forger(&repository);
    let evil = forger.pack(BlobKind::Data, b"evil");
    let below = forger.tree(&[file(b"file", evil)]);
    let tree = forger.tree(&[file(b"..", evil), directory(b"sub", below)]);
    let (target, outside) = (bench.path("target"), bench.path("outside"));
    fs::create_dir(&outside).unwrap();
    for overwrite in [false, true] {
        let planter =
            Planter { troubles: Troubles::default(), directory: &target.join("sub"), outside: &outside };
        let restored = forger.restore(tree, &target, overwrite, &planter);
        assert!(names(&outside).is_empty());
        assert_eq!(fs::symlink_metadata(target.join("sub")).unwrap().is_symlink(), !overwrite);
        assert_eq!(restored.failures, if overwrite { 1 } else { 3 }, "{:?}", planter.troubles.list());
        fs::remove_dir_all(&target).unwrap();
    }
}

#[test]
fn content_that_is_nowhere_and_directories_without_content_are_named() {
    let bench = Bench::new(&["here"]);
    let repository = bench.create();
    let mut forger = forger(&repository);
    let good = forger.pack(BlobKind::Data, b"good");
    let absent = Id::of(b"absent");
    let tree = forger.tree(&[
        file(b"absent-content", absent),
        directory(b"absent-tree", absent),
        Node { content: Some(Vec::new()), ..node(b"empty", EntryKind::File) },
        Node { content: Some(vec![good, absent]), ..node(b"half", EntryKind::File) },
        node(b"link-to-nothing", EntryKind::Symlink),
        node(b"no-tree", EntryKind::Directory),
        file(b"z-good", good),
    ]);
    let target = bench.path("target");
    let troubles = Troubles::default();
    let restored = forger.restore(tree, &target, false, &troubles);
    assert_eq!(names(&target), ["absent-tree", "empty", "no-tree", "z-good"]);
    assert_eq!(restored.failures, 5);
    let subjects: Vec<String> = troubles.list().into_iter().map(|t| t.subject).collect();
    for name in ["absent-content", "absent-tree", "half", "link-to-nothing", "no-tree"] {
        assert!(subjects.iter().any(|s| s == name), "{name} is not in {subjects:?}");
    }
}
