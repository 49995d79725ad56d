use proptest::prelude::*;

use super::*;

fn index() -> impl Strategy<Value = IndexFile> {
    let blob = (any::<bool>(), any::<[u8; 32]>(), any::<u32>(), any::<u32>(), any::<Option<NonZeroU32>>())
        .prop_map(|(is_tree, id, offset, length, uncompressed)| {
            let kind = if is_tree { BlobKind::Tree } else { BlobKind::Data };
            PackEntry { kind, id: Id(id), offset, length, uncompressed }
        });
    let pack = (any::<[u8; 32]>(), prop::collection::vec(blob, 0..10))
        .prop_map(|(id, blobs)| IndexPack { id: Id(id), blobs });
    prop::collection::vec(pack, 0..10).prop_map(|packs| IndexFile { packs, packs_to_delete: Vec::new() })
}

proptest! {
    #[test]
    fn what_is_written_is_read(index in index()) {
        let json = index.to_json();
        prop_assert_eq!(IndexFile::parse(&json).unwrap(), index.clone());
        let mut seen = Vec::new();
        IndexFile::visit(&json, &mut |pack, blob| seen.push((pack, blob))).unwrap();
        let all = index.packs.iter().flat_map(|pack| pack.blobs.iter().map(|blob| (pack.id, *blob)));
        prop_assert_eq!(seen, all.collect::<Vec<_>>());
    }
}

const PACK: &str = "ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8";
const BLOB: &str = "bc08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8";

#[test]
fn spells_entries_like_restic() {
    let blob = |kind, uncompressed| PackEntry {
        kind,
        id: Id::from_hex(BLOB).unwrap(),
        offset: 7,
        length: 40,
        uncompressed: NonZeroU32::new(uncompressed),
    };
    let blobs = vec![blob(BlobKind::Data, 0), blob(BlobKind::Tree, 100)];
    let index = IndexFile {
        packs: vec![IndexPack { id: Id::from_hex(PACK).unwrap(), blobs }],
        ..IndexFile::default()
    };
    let expected = format!(
        r#"{{"packs":[{{"id":"{PACK}","blobs":[{{"id":"{BLOB}","type":"data","offset":7,"length":40}},{{"id":"{BLOB}","type":"tree","offset":7,"length":40,"uncompressed_length":100}}]}}]}}"#
    );
    assert_eq!(String::from_utf8(index.to_json()).unwrap(), expected);
    assert_eq!(IndexFile::default().to_json(), b"{\"packs\":[]}");
}

#[test]
fn reads_other_orders_other_fields_and_rustics_marks() {
    let json = format!(
        r#" {{"supersedes":["x"],"packs_to_delete":[{{"time":"2026","blobs":[],"id":"{PACK}","size":1}}],
            "packs":[{{"blobs":[{{"length":1,"type":"tree","x":{{}},"offset":2,"id":"{BLOB}"}}],"id":"{PACK}"}}]}} "#
    );
    let index = IndexFile::parse(json.as_bytes()).unwrap();
    assert_eq!(index.packs_to_delete.len(), 1);
    assert_eq!(index.packs[0].blobs[0].offset, 2);
    let mut seen = 0;
    IndexFile::visit(json.as_bytes(), &mut |_, _| seen += 1).unwrap();
    assert_eq!(seen, 1);
    assert_eq!(IndexFile::parse(br#"{"packs":null}"#).unwrap(), IndexFile::default());
}

#[test]
fn what_is_no_index_is_refused() {
    let pack = |inside: &str| format!(r#"{{"packs":[{{{inside}}}]}}"#);
    for bad in [
        String::new(),
        "[]".into(),
        "{}x".into(),
        r#"{"packs":{}}"#.into(),
        pack(r#""blobs":[]"#),
        pack(r#""id":"xyz","blobs":[]"#),
        pack(&format!(r#""id":"{PACK}","id":"{PACK}","blobs":[]"#)),
        pack(&format!(r#""id":"{PACK}","blobs":[{{"id":"{BLOB}","type":"blob","offset":0,"length":1}}]"#)),
        pack(&format!(r#""id":"{PACK}","blobs":[{{"id":"{BLOB}","type":"data","offset":-1,"length":1}}]"#)),
        pack(&format!(
            r#""id":"{PACK}","blobs":[{{"id":"{BLOB}","type":"data","offset":0,"length":4294967296}}]"#
        )),
        pack(&format!(r#""id":"{PACK}","blobs":[{{"id":"{BLOB}","type":"data","offset":0}}]"#)),
    ] {
        assert!(IndexFile::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}
