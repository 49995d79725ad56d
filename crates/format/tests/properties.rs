//! Whatever a source can hold is read back exactly as it was written.

use holdfast_format::source::{EntryKind, FileTime, Metadata, Xattr};
use holdfast_format::{Id, Lock, Node, Snapshot, encode_tree, go_json, parse_tree, quote};
use proptest::option;
use proptest::prelude::*;

fn name() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop::collection::vec(1..=255_u8, 1..30);
    let text = any::<String>().prop_map(String::into_bytes);
    prop_oneof![bytes, text].prop_map(|mut name| {
        name.retain(|byte| !matches!(byte, b'/' | 0));
        if matches!(name.as_slice(), b"" | b"." | b"..") { b"name".to_vec() } else { name }
    })
}

fn time() -> impl Strategy<Value = FileTime> {
    (-62_167_219_200..253_402_300_799_i64, prop_oneof![Just(0), 0..1_000_000_000_u32])
        .prop_map(|(seconds, nanoseconds)| FileTime { seconds, nanoseconds })
}

fn kind() -> impl Strategy<Value = EntryKind> {
    use EntryKind::{BlockDevice, CharDevice, Directory, Fifo, File, Socket, Symlink};
    prop::sample::select(vec![File, Directory, Symlink, BlockDevice, CharDevice, Fifo, Socket])
}

/// Metadata with 0 in the fields that are not written for its type.
fn metadata() -> impl Strategy<Value = Metadata> {
    let owner = (any::<u32>(), any::<u32>(), 0..0o10000_u32);
    let numbers = (any::<u64>(), any::<u64>(), 0..4_u64, any::<u64>(), any::<u64>());
    (kind(), owner, numbers, time(), time()).prop_map(
        |(kind, (uid, gid, permissions), (inode, device_id, links, size, device), mtime, ctime)| {
            use EntryKind::{BlockDevice, CharDevice, Directory, Fifo, File, Socket};
            let links = if matches!(kind, Directory | Fifo | Socket) { 0 } else { links };
            let is_device = matches!(kind, BlockDevice | CharDevice);
            Metadata {
                kind,
                permissions,
                uid,
                gid,
                inode,
                device_id: if links > 1 { device_id } else { 0 },
                links,
                size: if kind == File { size } else { 0 },
                device: if is_device { device } else { 0 },
                mtime,
                ctime,
            }
        },
    )
}

fn node() -> impl Strategy<Value = Node> {
    let text = || option::of("[^\\x00]{1,10}");
    let xattr = ("[a-z.]{1,10}", prop::collection::vec(any::<u8>(), 0..20))
        .prop_map(|(name, value)| Xattr { name: name.into_bytes(), value });
    let ids = || any::<[u8; 32]>().prop_map(Id);
    (
        (name(), metadata(), text(), text(), option::of(time())),
        (option::of(name()), prop::collection::vec(xattr, 0..3)),
        (option::of(prop::collection::vec(ids(), 0..4)), option::of(ids()), text()),
    )
        .prop_map(
            |((name, metadata, user, group, atime), (link_target, xattrs), (content, subtree, error))| Node {
                user,
                group,
                atime,
                link_target,
                xattrs,
                content,
                subtree,
                error,
                ..Node::new(name, metadata)
            },
        )
}

proptest! {
    #[test]
    fn trees(mut nodes in prop::collection::vec(node(), 0..8)) {
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        nodes.dedup_by(|a, b| a.name == b.name);
        let tree = encode_tree(&nodes);
        let read = parse_tree(&tree).unwrap();
        prop_assert_eq!(encode_tree(&read), tree);
        for node in &mut nodes {
            node.atime.get_or_insert(node.metadata.mtime);
        }
        prop_assert_eq!(read, nodes);
    }

    #[test]
    fn names(name in name()) {
        let mut quoted = Vec::new();
        quote::quote(&name, &mut quoted);
        prop_assert_eq!(quote::unquote(std::str::from_utf8(&quoted).unwrap()), Some(name));
    }

    #[test]
    fn json_strings(text: String, bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut out = Vec::new();
        go_json::write_string(text.as_bytes(), &mut out);
        prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        out.clear();
        go_json::write_string(&bytes, &mut out);
        prop_assert!(serde_json::from_slice::<String>(&out).is_ok());
    }

    #[test]
    fn snapshots_and_locks(
        nanoseconds in -62_135_596_800_000_000_000..253_402_207_200_000_000_000_i128,
        tree: [u8; 32],
        texts: [String; 3],
        lists: [Vec<String>; 3],
        numbers: [u32; 2],
        exclusive: bool,
        original: Option<[u8; 32]>,
    ) {
        let time = jiff::Timestamp::from_nanosecond(nanoseconds).unwrap();
        let [hostname, username, program_version] = texts;
        let [paths, excludes, tags] = lists;
        let [uid, gid] = numbers;
        let lock = Lock { time, exclusive, hostname: hostname.clone(), username: username.clone(), pid: uid.into(), uid, gid };
        prop_assert_eq!(Lock::parse(&lock.to_json()).unwrap(), lock);
        let original = original.map(Id);
        let snapshot = Snapshot {
            hostname, username, program_version, paths, excludes, tags, uid, gid, original, ..Snapshot::new(time, Id(tree))
        };
        prop_assert_eq!(Snapshot::parse(&snapshot.to_json()).unwrap(), snapshot);
    }
}
