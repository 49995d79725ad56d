use super::*;

const TREE: &str = "ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8";

fn full() -> Snapshot {
    let id = Id::from_hex(TREE).unwrap();
    let time: jiff::Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
    Snapshot {
        parent: Some(id),
        paths: vec!["/srv/<a>".into()],
        hostname: "web1".into(),
        username: "root".into(),
        uid: 1,
        gid: 2,
        excludes: vec!["*.tmp".into()],
        tags: vec!["a".into(), "b".into()],
        original: Some(id),
        program_version: "holdfast".into(),
        summary: Some(Summary {
            backup_start: time,
            backup_end: time,
            files_new: 1,
            files_changed: 2,
            files_unmodified: 3,
            dirs_new: 4,
            dirs_changed: 5,
            dirs_unmodified: 6,
            data_blobs: 7,
            tree_blobs: 8,
            data_added: 9,
            data_added_packed: 10,
            total_files_processed: 11,
            total_bytes_processed: 12,
        }),
        ..Snapshot::new(time, id)
    }
}

#[test]
fn reads_what_it_writes() {
    for snapshot in [full(), Snapshot::new(full().time, full().tree)] {
        assert_eq!(Snapshot::parse(&snapshot.to_json()).unwrap(), snapshot);
    }
    let empty = Snapshot::new(full().time, full().tree).to_json();
    let expected = format!(r#"{{"time":"2026-01-02T03:04:05.678Z","tree":"{TREE}","paths":[]}}"#);
    assert_eq!(String::from_utf8(empty).unwrap(), expected);
}

#[test]
fn a_foreign_time_keeps_its_spelling_until_it_is_changed() {
    let json =
        format!(r#"{{"time":"2026-01-02T05:04:05.5+02:00","tree":"{TREE}","paths":["/a"],"label":"x"}}"#);
    let mut snapshot = Snapshot::parse(json.as_bytes()).unwrap();
    assert_eq!(snapshot.time.to_string(), "2026-01-02T03:04:05.5Z");
    assert!(String::from_utf8(snapshot.to_json()).unwrap().contains("2026-01-02T05:04:05.5+02:00"));
    snapshot.time = full().time;
    assert!(String::from_utf8(snapshot.to_json()).unwrap().contains("2026-01-02T03:04:05.678Z"));
}

#[test]
fn nulls_are_empty_but_a_tree_is_mandatory() {
    let null = format!(
        r#"{{"time":"2026-01-02T03:04:05Z","tree":"{TREE}","paths":null,"tags":null,"summary":null}}"#
    );
    assert_eq!(Snapshot::parse(null.as_bytes()).unwrap().tags, Vec::<String>::new());
    for bad in [
        "{}",
        r#"{"time":"2026-01-02T03:04:05Z","paths":[]}"#,
        r#"{"time":"2026-01-02T03:04:05Z","tree":null,"paths":[]}"#,
        &format!(r#"{{"time":"yesterday","tree":"{TREE}","paths":[]}}"#),
    ] {
        assert!(Snapshot::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}
