use super::*;
use crate::tree::{encode_tree, parse_tree};

fn metadata(kind: EntryKind) -> Metadata {
    Metadata {
        kind,
        permissions: 0o644,
        uid: 0,
        gid: 33,
        inode: 5,
        device_id: 6,
        links: 1,
        size: 7,
        device: 8,
        mtime: FileTime { seconds: 1_500_000_000, nanoseconds: 0 },
        ctime: FileTime { seconds: 0, nanoseconds: 1 },
    }
}

fn text(node: &Node) -> String {
    let mut out = Vec::new();
    node.encode(&mut out);
    String::from_utf8(out).unwrap()
}

const TIMES: &str = r#""mtime":"2017-07-14T02:40:00Z","atime":"2017-07-14T02:40:00Z","ctime":"1970-01-01T00:00:00.000000001Z""#;

#[test]
fn each_type_has_the_fields_that_restic_gives_it() {
    use EntryKind::{BlockDevice, CharDevice, Directory, Fifo, File, Socket, Symlink};
    for (kind, start, end) in [
        (File, r#""type":"file","mode":420"#, r#""inode":5,"size":7,"links":1"#),
        (Directory, r#""type":"dir","mode":2147484068"#, r#""inode":5"#),
        (Symlink, r#""type":"symlink","mode":134218148"#, r#""inode":5,"links":1"#),
        (BlockDevice, r#""type":"dev","mode":67109284"#, r#""inode":5,"links":1,"device":8"#),
        (CharDevice, r#""type":"chardev","mode":69206436"#, r#""inode":5,"links":1,"device":8"#),
        (Fifo, r#""type":"fifo","mode":33554852"#, r#""inode":5"#),
        (Socket, r#""type":"socket","mode":16777636"#, r#""inode":5"#),
    ] {
        let expected = format!(r#"{{"name":"n",{start},{TIMES},"uid":0,"gid":33,{end},"content":null}}"#);
        assert_eq!(text(&Node::new(b"n".to_vec(), metadata(kind))), expected);
    }
}

#[test]
fn the_device_is_told_for_hard_links_only() {
    for (kind, links, told) in
        [(EntryKind::File, 2, true), (EntryKind::File, 1, false), (EntryKind::Directory, 2, false)]
    {
        let node = Node::new(b"n".to_vec(), Metadata { links, ..metadata(kind) });
        assert_eq!(text(&node).contains(r#""device_id":6"#), told);
    }
}

#[test]
fn every_field_in_its_place() {
    let id = Id::of(b"x");
    let node = Node {
        user: Some("root".into()),
        group: Some("www<data>".into()),
        atime: Some(FileTime { seconds: 60, nanoseconds: 500_000_000 }),
        xattrs: vec![
            Xattr { name: b"user.a&b".to_vec(), value: b"\xff\x00".to_vec() },
            Xattr { name: b"user.empty".to_vec(), value: Vec::new() },
        ],
        content: Some(vec![id, id]),
        subtree: Some(id),
        error: Some("a\nb".into()),
        ..Node::new(b"<\"\n>".to_vec(), metadata(EntryKind::File))
    };
    let expected = format!(
        concat!(
            r#"{{"name":"\u003c\\\"\\n\u003e","type":"file","mode":420,"mtime":"2017-07-14T02:40:00Z","#,
            r#""atime":"1970-01-01T00:01:00.5Z","ctime":"1970-01-01T00:00:00.000000001Z","uid":0,"gid":33,"#,
            r#""user":"root","group":"www\u003cdata\u003e","inode":5,"size":7,"links":1,"#,
            r#""extended_attributes":[{{"name":"user.a\u0026b","value":"/wA="}},{{"name":"user.empty","value":""}}],"#,
            r#""content":["{id}","{id}"],"subtree":"{id}","error":"a\nb"}}"#
        ),
        id = id
    );
    assert_eq!(text(&node), expected);
    let mut parts = Vec::new();
    node.encode_head(&mut parts);
    encode_tail(node.content.as_deref(), node.subtree.as_ref(), node.error.as_deref(), &mut parts);
    assert_eq!(String::from_utf8(parts).unwrap(), expected);
}

#[test]
fn link_targets_of_any_bytes_come_back() {
    for (target, fields) in [
        (b"../a b".as_slice(), r#""linktarget":"../a b","content""#),
        (b"\xffx", r#""linktarget":"\ufffdx","linktarget_raw":"/3g=","content""#),
        (b"", r#""links":1,"content""#),
    ] {
        let node = Node {
            link_target: Some(target.to_vec()),
            ..Node::new(b"n".to_vec(), metadata(EntryKind::Symlink))
        };
        assert!(text(&node).contains(fields), "{}", text(&node));
        let read = parse_tree(&encode_tree(std::slice::from_ref(&node))).unwrap().remove(0);
        assert_eq!(read.link_target.unwrap_or_default(), target);
        assert!(read.foreign.is_none());
    }
}

#[test]
fn a_node_of_another_program_is_written_as_it_was() {
    for node in [
        // restic with a time zone and the device of everything
        r#"{"name":"a","type":"dir","mode":2147484141,"mtime":"2026-01-02T03:04:05.6+02:00","atime":"2026-01-02T03:04:05-01:30","ctime":"2026-01-02T03:04:05Z","uid":0,"gid":0,"inode":1,"device_id":65024,"content":null,"subtree":"ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8"}"#,
        // rustic counts the links of pipes
        r#"{"name":"a","type":"fifo","mode":33554852,"mtime":"2026-01-02T03:04:05Z","atime":"2026-01-02T03:04:05Z","ctime":"2026-01-02T03:04:05Z","uid":0,"gid":0,"links":1,"content":null}"#,
        // Windows
        r#"{"name":"a","type":"file","mode":438,"mtime":"2026-01-02T03:04:05Z","atime":"2026-01-02T03:04:05Z","ctime":"2026-01-02T03:04:05Z","uid":0,"gid":0,"generic_attributes":{"windows.creation_time":"gA==","windows.file_attributes":32},"content":[]}"#,
        // mode bits that the type does not explain, a null attribute, an odd link text
        r#"{"name":"a","type":"symlink","mode":420,"mtime":"0001-01-01T00:00:00Z","atime":"0000-01-01T00:00:00Z","ctime":"9999-12-31T23:59:59.999999999Z","uid":4294967295,"gid":0,"linktarget":"x","linktarget_raw":"/3g=","extended_attributes":[{"name":"user.x","value":null},{"name":"user.y","value":""}],"device":18446744073709551615,"content":null,"error":"\u003c"}"#,
    ] {
        let tree = format!("{{\"nodes\":[{node}]}}\n");
        let nodes = parse_tree(tree.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(encode_tree(&nodes)).unwrap(), tree);
    }
}
