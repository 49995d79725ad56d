//! A repository assembled from our parts, judged by restic.

use std::ffi::OsStr;
use std::fs;
use std::num::NonZeroU32;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use holdfast_format::source::{EntryKind, FileTime, Metadata, Xattr};
use holdfast_format::{
    BlobEncoder, BlobKind, Cipher, Config, Id, IndexFile, IndexPack, KeyFile, Lock, MasterKey, Node,
    PackEntry, ScryptParams, Snapshot, Summary, TreeWriter, encode_tail, encode_unpacked, seal_header,
};

use crate::program::{PASSWORD, Restic};

#[test]
fn the_systems_restic_accepts_our_repository() {
    accepts(Restic::of_system);
}

#[test]
fn the_newest_restic_accepts_our_repository_and_rewrites_it() {
    let (folder, restic) = accepts(Restic::newest);
    // Rewriting encodes every tree anew and refuses when a byte would differ.
    let text = restic.run(&["rewrite", "--exclude", "empty", "latest"]);
    assert!(text.contains("saved new snapshot"), "{text}");
    restic.run(&["forget", "--prune", "--keep-last", "1"]);
    restic.run(&["check", "--read-data"]);
    drop(folder);
}

fn accepts(program: fn(&Path) -> Restic) -> (tempfile::TempDir, Restic) {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("repository");
    let mut writer = Writer::create(&repository);
    let snapshot = writer.back_up();
    let restic = program(&repository);

    let text = restic.run(&["check", "--read-data"]);
    assert!(text.contains("no errors were found"), "{text}");
    let listed = restic.run(&["snapshots", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    assert_eq!(listed[0]["id"], snapshot.to_hex());
    assert_eq!(listed[0]["tags"], serde_json::json!(["holdfast"]));

    let target = folder.path().join("target");
    restic.run(&[OsStr::new("restore"), OsStr::new("latest"), OsStr::new("--target"), target.as_ref()]);
    let root = target.join("srv");
    assert!(fs::read(root.join("content")).unwrap() == content().concat());
    assert_eq!(fs::read(root.join("empty")).unwrap(), b"");
    let stat = fs::symlink_metadata(root.join("content")).unwrap();
    assert_eq!((stat.mode() & 0o7777, stat.mtime(), stat.mtime_nsec()), (0o4640, 1_500_000_000, 120_000_000));
    assert_eq!(stat.ino(), fs::metadata(root.join("hard")).unwrap().ino());
    assert_eq!(fs::read_link(root.join("link")).unwrap().as_os_str(), "<dangling> \u{2028}");
    assert!(fs::symlink_metadata(root.join("fifo")).unwrap().file_type().is_fifo());
    for name in odd_names() {
        let path = root.join(OsStr::from_bytes(&name));
        assert_eq!(fs::read(&path).unwrap(), b"", "{}", path.display());
    }

    writer.lock();
    let (success, text) = restic.attempt(&["prune"]);
    assert!(!success && text.contains("locked"), "our lock is seen: {text}");
    restic.run(&["unlock", "--remove-all"]);
    restic.run(&["backup", root.to_str().unwrap()]);
    restic.run(&["prune"]);
    restic.run(&["check", "--read-data"]);
    (folder, restic)
}

fn odd_names() -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> =
        (1..=255_u8).filter(|&byte| byte != b'/').map(|byte| vec![b'n', byte]).collect();
    names.extend(["n<&>'\"\\", "n\u{ad}\u{a0}\u{3000}", "n\u{e0001}😀é\u{fffd}", "n\u{2028}"].map(Vec::from));
    names.sort();
    names
}

/// A piece that compresses and one that does not.
fn content() -> [Vec<u8>; 2] {
    let mut state = 1_u64;
    let noise = (0..100_000).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    [b"all the same ".repeat(10_000), noise.collect()]
}

/// Writes the smallest complete repository: a pack of data, a pack of trees, an index, a snapshot.
struct Writer<'a> {
    repository: &'a Path,
    cipher: Cipher,
    encoder: BlobEncoder,
    draws: u64,
    packs: Vec<IndexPack>,
}

impl Writer<'_> {
    fn create(repository: &Path) -> Writer<'_> {
        for folder in ["keys", "snapshots", "index", "locks", "data"] {
            fs::create_dir_all(repository.join(folder)).unwrap();
        }
        let mut draws = 0;
        let mut random = |buffer: &mut [u8]| draw(&mut draws, buffer);
        let master = MasterKey::generate(&mut random);
        let key = KeyFile::create(
            PASSWORD.as_bytes(),
            &master,
            ScryptParams::FOR_RANDOM_PASSWORDS,
            now(),
            "root",
            "web1",
            &mut random,
        );
        let config = Config::generate(&mut random);
        let cipher = master.cipher();
        let encoder = BlobEncoder::new(3);
        let mut writer = Writer { repository, cipher, encoder, draws, packs: Vec::new() };
        writer.store("keys", &key.to_json());
        let iv = writer.iv();
        fs::write(repository.join("config"), config.seal(&writer.cipher, iv)).unwrap();
        writer
    }

    fn back_up(&mut self) -> Id {
        let content = content();
        let ids = self.pack(BlobKind::Data, &content);
        let nodes = nodes(&ids, content.iter().map(Vec::len).sum::<usize>() as u64);
        let mut tree = TreeWriter::new();
        for (node, ids) in &nodes {
            let mut encoded = Vec::new();
            node.encode_head(&mut encoded);
            encode_tail(ids.as_deref(), None, None, &mut encoded);
            tree.push(&encoded);
        }
        let tree = tree.finish();
        let mut node = Node::new(b"srv".to_vec(), metadata(EntryKind::Directory, 0o755));
        node.subtree = Some(Id::of(&tree));
        let root = holdfast_format::encode_tree(&[node]);
        let tree = self.pack(BlobKind::Tree, &[root, tree])[0];
        let index = IndexFile { packs: self.packs.clone(), packs_to_delete: Vec::new() };
        self.store_sealed("index", &index.to_json());
        let counts = Summary {
            backup_start: now(),
            backup_end: now(),
            files_new: nodes.len() as u64,
            files_changed: 0,
            files_unmodified: 0,
            dirs_new: 1,
            dirs_changed: 0,
            dirs_unmodified: 0,
            data_blobs: 2,
            tree_blobs: 2,
            data_added: 1,
            data_added_packed: 1,
            total_files_processed: nodes.len() as u64,
            total_bytes_processed: 1,
        };
        let snapshot = Snapshot {
            paths: vec!["/srv".into()],
            hostname: "web1".into(),
            username: "root".into(),
            tags: vec!["holdfast".into()],
            program_version: "holdfast".into(),
            summary: Some(counts),
            ..Snapshot::new(now(), tree)
        };
        self.store_sealed("snapshots", &snapshot.to_json())
    }

    /// A lock of somebody on another host.
    fn lock(&mut self) {
        let lock = Lock {
            time: now(),
            exclusive: true,
            hostname: "elsewhere".into(),
            username: "root".into(),
            pid: 1,
            uid: 0,
            gid: 0,
        };
        self.store_sealed("locks", &lock.to_json());
    }

    fn pack(&mut self, kind: BlobKind, blobs: &[Vec<u8>]) -> Vec<Id> {
        let mut pack = Vec::new();
        let mut entries = Vec::new();
        for blob in blobs {
            let offset = pack.len() as u32;
            let iv = self.iv();
            let encoded = match kind {
                BlobKind::Data => self.encoder.encode(&self.cipher, iv, blob, true, &mut pack),
                BlobKind::Tree => self.encoder.encode_tree(&self.cipher, iv, blob, &mut pack),
            };
            entries.push(PackEntry {
                kind,
                id: Id::of(blob),
                offset,
                length: encoded.sealed_len,
                uncompressed: encoded.uncompressed_len.and_then(NonZeroU32::new),
            });
        }
        let iv = self.iv();
        seal_header(&self.cipher, iv, &entries, &mut pack);
        let ids = entries.iter().map(|entry| entry.id).collect();
        let folder = format!("data/{}", &Id::of(&pack).to_hex()[..2]);
        let id = self.store(&folder, &pack);
        self.packs.push(IndexPack { id, blobs: entries });
        ids
    }

    fn store_sealed(&mut self, folder: &str, json: &[u8]) -> Id {
        let iv = self.iv();
        let stored = encode_unpacked(&self.cipher, iv, json);
        self.store(folder, &stored)
    }

    fn store(&self, folder: &str, bytes: &[u8]) -> Id {
        let folder = self.repository.join(folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(Id::of(bytes).to_hex()), bytes).unwrap();
        Id::of(bytes)
    }

    fn iv(&mut self) -> [u8; 16] {
        let mut iv = [0; 16];
        draw(&mut self.draws, &mut iv);
        iv
    }
}

/// One of everything, in ascending order of names.
fn nodes(ids: &[Id], size: u64) -> Vec<(Node, Option<Vec<Id>>)> {
    let hard = Metadata { size, inode: 7, device_id: 8, links: 2, ..metadata(EntryKind::File, 0o4640) };
    let content = Node {
        user: Some("root".into()),
        xattrs: vec![Xattr { name: b"user.x<y>".to_vec(), value: b"\x00\xff".to_vec() }],
        ..Node::new(b"content".to_vec(), hard)
    };
    let hard = Node { name: b"hard".to_vec(), ..content.clone() };
    let link = Node {
        link_target: Some("<dangling> \u{2028}".into()),
        ..Node::new(b"link".to_vec(), metadata(EntryKind::Symlink, 0o777))
    };
    let mut nodes = vec![
        (content, Some(ids.to_vec())),
        (Node::new(b"empty".to_vec(), metadata(EntryKind::File, 0o600)), Some(Vec::new())),
        (Node::new(b"fifo".to_vec(), metadata(EntryKind::Fifo, 0o600)), None),
        (hard, Some(ids.to_vec())),
        (link, None),
    ];
    let odd = odd_names().into_iter().map(|name| Node::new(name, metadata(EntryKind::File, 0o600)));
    nodes.extend(odd.map(|node| (node, Some(Vec::new()))));
    nodes
}

fn metadata(kind: EntryKind, permissions: u32) -> Metadata {
    let mtime = FileTime { seconds: 1_500_000_000, nanoseconds: 120_000_000 };
    // Whoever runs the tests can restore what is their own.
    let own = fs::metadata("/proc/self").unwrap();
    Metadata {
        kind,
        permissions,
        uid: own.uid(),
        gid: own.gid(),
        inode: 5,
        device_id: 6,
        links: 1,
        size: 0,
        device: 0,
        mtime,
        ctime: mtime,
    }
}

fn now() -> jiff::Timestamp {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    jiff::Timestamp::from_nanosecond(since_1970.as_nanos() as i128).unwrap()
}

/// Never the same twice, which is all that a test needs.
fn draw(draws: &mut u64, buffer: &mut [u8]) {
    for piece in buffer.chunks_mut(32) {
        *draws += 1;
        piece.copy_from_slice(&Id::of(&draws.to_le_bytes()).0[..piece.len()]);
    }
}
