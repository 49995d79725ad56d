use super::*;

fn tree_of(names: &[&str]) -> String {
    let node = |name: &&str| {
        let time = "2026-01-02T03:04:05Z";
        format!(
            r#"{{"name":"{name}","type":"file","mtime":"{time}","atime":"{time}","ctime":"{time}","uid":0,"gid":0,"content":[]}}"#
        )
    };
    format!("{{\"nodes\":[{}]}}\n", names.iter().map(node).collect::<Vec<_>>().join(","))
}

fn parse(names: &[&str]) -> Result<usize, TreeError> {
    parse_tree(tree_of(names).as_bytes()).map(|nodes| nodes.len())
}

#[test]
fn the_empty_directory_has_its_well_known_id() {
    let tree = TreeWriter::new().finish();
    assert_eq!(Id::of(&tree).to_hex(), "ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8");
    assert!(parse_tree(&tree).unwrap().is_empty());
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in [
        "",
        ".",
        "..",
        "/",
        "a/b",
        "../x",
        "/etc/passwd",
        r"\\x2f",
        r"\\x00",
        r"a\\u002fb",
        r"\\x2e\\x2e",
        r"\\056",
    ] {
        assert!(matches!(parse(&[name]), Err(TreeError::UnsafeName { node: 0, .. })), "{name}");
    }
    for name in ["...", ".a", "a..", r"\\xff", " ", r"\\n"] {
        assert_eq!(parse(&[name]).unwrap(), 1, "{name}");
    }
    for name in [r"\\", r"\\x4", r#"a\"b"#, r"\\'"] {
        assert!(matches!(parse(&[name]), Err(TreeError::UnreadableName { node: 0, .. })), "{name}");
    }
}

#[test]
fn names_ascend_by_their_bytes_and_never_repeat() {
    assert_eq!(parse(&["B", "a", "aa", "b", "é", r"\\xff"]).unwrap(), 6);
    for names in [["a", "a"], ["b", "a"], [r"\\x61", "a"], [r"\\xff", "é"]] {
        assert!(matches!(parse(&names), Err(TreeError::Order { node: 1, .. })), "{names:?}");
    }
}

#[test]
fn what_is_no_tree_is_refused() {
    for bad in [
        "",
        "[]",
        "{}",
        "{\"nodes\":null}",
        "{\"nodes\":[]}x",
        "{\"nodes\":[],\"nodes\":[]}",
        "{\"nodes\":[{}]}",
    ] {
        assert!(matches!(parse_tree(bad.as_bytes()), Err(TreeError::Json(_))), "{bad}");
    }
    let good = tree_of(&["a"]);
    for (from, to) in [("\"file\"", "\"irregular\""), ("\"file\"", "\"\"")] {
        let bad = good.replace(from, to);
        assert!(matches!(parse_tree(bad.as_bytes()), Err(TreeError::UnknownType { .. })), "{bad}");
    }
    for (from, to, field) in [
        ("\"atime\":\"2026", "\"atime\":\"x026", "atime"),
        ("\"uid\"", "\"linktarget_raw\":\"!\",\"uid\"", "linktarget"),
        (
            "\"uid\"",
            "\"extended_attributes\":[{\"name\":\"a\",\"value\":\"!\"}],\"uid\"",
            "extended_attributes",
        ),
    ] {
        let bad = good.replace(from, to);
        let error = parse_tree(bad.as_bytes()).unwrap_err();
        assert!(matches!(error, TreeError::Field { field: found, .. } if found == field), "{error}");
        assert!(error.to_string().contains("\"a\""), "{error}");
    }
}

#[test]
fn nodes_are_handed_over_up_to_the_first_bad_one() {
    let mut seen = 0;
    let error = visit_tree(tree_of(&["a", "b", "b"]).as_bytes(), &mut |_| seen += 1).unwrap_err();
    assert_eq!(error.to_string(), "node 2, \"b\", is out of order or there twice");
    assert_eq!(seen, 2);
}

#[test]
fn fields_that_other_programs_leave_out_read_as_nothing() {
    for times in ["", r#","mtime":null,"atime":null,"ctime":null"#] {
        let tree = format!(r#"{{"nodes":[{{"name":"a","type":"dir","mode":493{times},"subtree":null}}]}}"#);
        let node = parse_tree(tree.as_bytes()).unwrap().remove(0);
        assert_eq!(node.metadata.mtime, Default::default());
        assert_eq!((node.atime, node.content, node.subtree), (None, None, None));
    }
}
