//! The program as an auditor runs it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "tests run programs")]

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer, SigningKey};
use holdfast_audit_verify::Tree;
use sha2::{Digest, Sha256};

const NAME: &str = "holdfast/test";

fn id(key: &SigningKey) -> Vec<u8> {
    let public = key.verifying_key().to_bytes();
    Sha256::new().chain_update(NAME).chain_update([b'\n', 1]).chain_update(public).finalize()[..4].to_vec()
}

fn line(key: &SigningKey) -> String {
    let id: String = id(key).iter().map(|byte| format!("{byte:02x}")).collect();
    let public = [&[1][..], &key.verifying_key().to_bytes()].concat();
    format!("{NAME}+{id}+{}", STANDARD.encode(public))
}

fn checkpoint(key: &SigningKey, leaves: u64, root: &[u8]) -> String {
    let text = format!("{NAME}\n{leaves}\n{}\n", STANDARD.encode(root));
    let signature = [id(key), key.sign(text.as_bytes()).to_bytes().to_vec()].concat();
    format!("{text}\n\u{2014} {NAME} {}\n", STANDARD.encode(signature))
}

fn export(payloads: &[&str]) -> String {
    let mut text = "{\"holdfast_log\":1,\"key\":null}\n".to_owned();
    for (number, payload) in payloads.iter().enumerate() {
        let hash: [u8; 32] = Sha256::new().chain_update([0]).chain_update(payload).finalize().into();
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        text += &format!("{{\"leaf\":{number},\"hash\":\"{hash}\",\"payload\":\"{payload}\"}}\n");
    }
    text + &format!("{{\"end\":{}}}\n", payloads.len())
}

fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast-audit-verify"));
    let output = command.current_dir(folder).args(arguments).output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

#[test]
fn it_says_what_agrees_and_what_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    let key = SigningKey::from_bytes(&[7; 32]);
    let mut tree = Tree::default();
    ["a", "b", "c", "d"].iter().for_each(|payload| tree.push(payload.as_bytes()));
    fs::create_dir(folder.join("kept")).unwrap();
    write("kept/two", &checkpoint(&key, 2, &tree.root(2).unwrap()));
    write("kept/four", &checkpoint(&key, 4, &tree.root(4).unwrap()));
    write("key", &line(&key));
    write("whole", &export(&["a", "b", "c", "d", "e"]));
    let usual = |export: &str| run(folder, &[export, "--key", "key", "--checkpoint", "kept"]);
    let (code, said) = usual("whole");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("4 of them are covered by checkpoints from elsewhere (2)"), "{said}");
    for (name, payloads, kind, range) in [
        ("edited", &["a", "b", "X", "d", "e"][..], "REWRITTEN", "leaves 2 to 3"),
        ("deleted", &["a", "b", "d", "e"], "REWRITTEN", "leaves 2 to 3"),
        ("inserted", &["a", "X", "b", "c", "d", "e"], "REWRITTEN", "leaves 0 to 1"),
        ("reordered", &["a", "b", "d", "c", "e"], "REWRITTEN", "leaves 2 to 3"),
        ("truncated", &["a", "b", "c"], "TRUNCATED", "leaves 3 to 3"),
    ] {
        write(name, &export(payloads));
        let (code, said) = usual(name);
        assert_eq!(code, Some(4), "{name}: {said}");
        assert!(said.contains(kind) && said.contains(range), "{name}: {said}");
    }
    // The same key signed another tree.
    let other = checkpoint(&key, 4, &[9; 32]);
    write("other", &other);
    let (code, said) =
        run(folder, &["whole", "--key", "key", "--checkpoint", "kept", "--checkpoint", "other"]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("FORK"), "{said}");
    // A key of somebody else, no checkpoint at all, and no key.
    let stranger = line(&SigningKey::from_bytes(&[8; 32]));
    assert_eq!(run(folder, &["whole", "--key", &stranger, "--checkpoint", "kept"]).0, Some(4));
    let (code, said) = run(folder, &["whole", "--key", "key"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("NO_EVIDENCE"), "{said}");
    assert_eq!(run(folder, &["whole"]).0, Some(2));
    let (code, said) = run(folder, &["whole", "--key", "key", "--checkpoint", "kept", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &document["verdict"]), (Some(0), &"consistent".into()));
    // What a line says of itself counts for nothing.
    let relabelled = export(&["a", "b", "c", "d", "e"]).replace("\"payload\":\"c\"", "\"payload\":\"X\"");
    write("relabelled", &relabelled);
    let (code, said) = usual("relabelled");
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("EDITED") && said.contains("REWRITTEN"), "{said}");
    let cut: String =
        export(&["a", "b", "c", "d", "e"]).lines().take(5).map(|line| format!("{line}\n")).collect();
    write("cut", &cut);
    assert!(usual("cut").1.contains("CUT"));
}

#[test]
fn a_value_that_was_left_out_added_or_brought_back_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let hash = |value: &str| -> String {
        let hash: [u8; 32] = Sha256::new().chain_update([1; 32]).chain_update(value).finalize().into();
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let fact =
        |kind: &str, fact: serde_json::Value| serde_json::json!({ "nonce": "", "fact": { kind: fact } });
    let payloads = [
        fact(
            "action-begun",
            serde_json::json!({ "actor": hash("alice"), "paths": [hash("a.php"), hash("b.php")],
                                "target": null, "purpose": hash("moved") }),
        ),
        fact("action-ended", serde_json::json!({ "id": "x", "detail": hash("2 files") })),
        fact("private-erased", serde_json::json!({ "by": "bob", "hashes": [hash("a.php")] })),
    ];
    let payloads: Vec<String> = payloads.iter().map(serde_json::Value::to_string).collect();
    let mut tree = Tree::default();
    payloads.iter().for_each(|payload| tree.push(payload.as_bytes()));
    let key = SigningKey::from_bytes(&[7; 32]);
    fs::write(folder.join("key"), line(&key)).unwrap();
    fs::write(folder.join("kept"), checkpoint(&key, 3, &tree.root(3).unwrap())).unwrap();
    let verify = |values: &[&str], is_with: bool| {
        let mut text = format!("{{\"holdfast_log\":1,\"values\":{is_with}}}\n");
        for (number, payload) in payloads.iter().enumerate() {
            let hash: [u8; 32] = Sha256::new().chain_update([0]).chain_update(payload).finalize().into();
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            text += &serde_json::json!({ "leaf": number, "hash": hash, "payload": payload }).to_string();
            text += "\n";
        }
        for value in values {
            let line = serde_json::json!({ "value": value, "salt": "01".repeat(32), "hash": hash(value) });
            text += &format!("{line}\n");
        }
        fs::write(folder.join("export"), text + "{\"end\":3}\n").unwrap();
        run(folder, &["export", "--key", "key", "--checkpoint", "kept"])
    };
    let (code, said) = verify(&["alice", "b.php", "moved", "2 files"], true);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = verify(&["b.php", "moved", "2 files"], true);
    assert!(code == Some(4) && said.contains("a value that leaf 0 names is missing"), "{said}");
    let (code, said) = verify(&["alice", "b.php", "moved"], true);
    assert!(code == Some(4) && said.contains("a value that leaf 1 names is missing"), "{said}");
    let (code, said) = verify(&["alice", "b.php", "moved", "2 files", "mallory"], true);
    assert!(code == Some(4) && said.contains("no leaf names the value"), "{said}");
    let (code, said) = verify(&["alice", "a.php", "b.php", "moved", "2 files"], true);
    assert!(code == Some(4) && said.contains("was erased and is here"), "{said}");
    // However many are missing, something else that is wrong is told, too.
    let mut many = format!("{}\n", serde_json::json!({ "holdfast_log": 1, "values": true }));
    let hashes: Vec<String> = (0..200).map(|number| hash(&number.to_string())).collect();
    let payload = fact("action-begun", serde_json::json!({ "paths": hashes })).to_string();
    many += &format!("{}\n", serde_json::json!({ "leaf": 0, "hash": "", "payload": payload }));
    let export = holdfast_audit_verify::read(many.as_bytes()).unwrap();
    let kinds: std::collections::BTreeSet<_> = export.troubles.iter().map(|trouble| trouble.kind).collect();
    assert!(kinds.contains("cut") && kinds.contains("edited"), "{kinds:?}");
    assert_eq!(export.values_missing, 200);
    // Left out of the whole file: fine for who asked for that, and for nobody else.
    let (code, said) = verify(&[], false);
    assert!(code == Some(1) && said.contains("NO_EVIDENCE"), "{said}");
    assert!(said.contains("were left out of this export"), "{said}");
    let asked = ["export", "--key", "key", "--checkpoint", "kept", "--without-values"];
    assert_eq!(run(folder, &asked).0, Some(0));
}

/// A report that its owner signed: honest, or not.
fn pack(folder: &Path, key: &SigningKey, report: &serde_json::Value) {
    let fact = r#"{\"fact\":{\"point-recorded\":{\"id\":\"p1\"}}}"#;
    let earlier = r#"{\"happened_at\":\"2026-03-01T00:00:00Z\",\"fact\":{\"assessed\":{\"changes\":[{\"control\":\"DR-04\",\"document\":{\"control\":\"DR-04\",\"verdict\":\"PASS\",\"evidence\":[]}},{\"control\":\"DR-04\",\"target\":\"gone\",\"document\":{\"target\":\"gone\",\"verdict\":\"PASS\",\"evidence\":[]}},{\"control\":\"DR-04\",\"target\":\"red\",\"document\":{\"target\":\"red\",\"verdict\":\"FAIL\",\"evidence\":[]}}]}}}"#;
    let to_come = r#"{\"happened_at\":\"2026-03-02T00:00:00.5Z\",\"fact\":{\"assessed\":{\"changes\":[{\"control\":\"DR-04\",\"document\":{\"control\":\"DR-04\",\"verdict\":\"PASS\",\"evidence\":[]}}]}}}"#;
    let assessed = r#"{\"happened_at\":\"2026-03-02T00:00:00Z\",\"fact\":{\"assessed\":{\"changes\":[{\"control\":\"DR-04\",\"document\":{\"control\":\"DR-04\",\"verdict\":\"FAIL\",\"evidence\":[{\"kind\":\"point\",\"id\":\"p1\"}]}},{\"control\":\"DR-04\",\"target\":\"gone\",\"document\":null}]}}}"#;
    fs::create_dir(folder).unwrap();
    // With a value about somebody in the log that is not there, where a case says whether they are to be.
    let with_values = report["with_values"].as_bool();
    let value = r#"{\"fact\":{\"action-begun\":{\"actor\":\"aa\"}}}"#;
    let payloads = [fact, earlier, assessed, to_come].into_iter().chain(with_values.map(|_| value));
    let leaves = 4 + u64::from(with_values.is_some());
    let header = serde_json::json!({ "holdfast_log": 1, "values": with_values.unwrap_or(true) });
    let (mut tree, mut log) = (Tree::default(), format!("{header}\n"));
    for (number, payload) in payloads.enumerate() {
        let plain = payload.replace("\\\"", "\"");
        tree.push(plain.as_bytes());
        let hash: [u8; 32] = Sha256::new().chain_update([0]).chain_update(&plain).finalize().into();
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        log += &format!("{{\"leaf\":{number},\"hash\":\"{hash}\",\"payload\":\"{payload}\"}}\n");
    }
    log += &format!("{{\"end\":{leaves}}}\n");
    let root = tree.root(leaves).unwrap();
    let mut report = report.clone();
    let hex: String = root.iter().map(|byte| format!("{byte:02x}")).collect();
    for (field, value) in [
        ("from", "2026-02-01T00:00:00Z".into()),
        ("to", "2026-03-02T00:00:00Z".into()),
        ("log", serde_json::json!({ "leaves": leaves, "root": hex })),
    ] {
        // What a case says itself stands.
        report.as_object_mut().unwrap().entry(field).or_insert(value);
    }
    let listed = report["unlisted"].as_str().unwrap_or_default().to_owned();
    let report = report.to_string();
    let mut list = format!(
        "{NAME} evidence-pack\n1\nperiod 2026-02-01T00:00:00Z 2026-03-02T00:00:00Z\nlog {leaves} {}\n",
        STANDARD.encode(root)
    );
    for (name, content) in [("log.jsonl", &log), ("report.json", &report)] {
        fs::write(folder.join(name), content).unwrap();
        if name == listed {
            continue;
        }
        let hash: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
        list += &format!("{hash} {} {name}\n", content.len());
    }
    let signature = [id(key), key.sign(list.as_bytes()).to_bytes().to_vec()].concat();
    let note = format!("{list}\n\u{2014} {NAME} {}\n", STANDARD.encode(signature));
    fs::write(folder.join("MANIFEST"), note).unwrap();
    fs::write(folder.with_extension("head"), checkpoint(key, 3, &tree.root(3).unwrap())).unwrap();
    // The log went on.
    fs::write(folder.with_extension("later"), checkpoint(key, leaves + 1, &[9; 32])).unwrap();
}

#[test]
fn a_report_that_says_other_than_its_log_is_found_out_though_it_is_signed() {
    let place = tempfile::tempdir().unwrap();
    let key = SigningKey::from_bytes(&[7; 32]);
    let report = |verdict: &str, leaf: u64, cited: serde_json::Value| {
        let evidence = serde_json::json!([{ "kind": "point", "id": "p1" }]);
        let document = serde_json::json!({ "control": "DR-04", "verdict": verdict, "evidence": evidence });
        let row = serde_json::json!({ "target": "red", "verdict": "FAIL", "evidence": [] });
        let row = serde_json::json!({ "leaf": 1, "document": row });
        let control = serde_json::json!({ "leaf": leaf, "document": document, "rows": [row] });
        let citation = serde_json::json!({ "kind": "point", "id": "p1", "leaf": cited });
        serde_json::json!({ "verdicts": { "controls": [control] }, "citations": [citation] })
    };
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut changed = report("FAIL", 2, 0.into());
        change(&mut changed);
        changed
    };
    let rows = |report: &mut serde_json::Value| report["verdicts"]["controls"][0]["rows"].take();
    let pass = serde_json::json!({ "control": "DR-04", "verdict": "PASS", "evidence": [] });
    let stale = with(&|report| {
        report["verdicts"]["controls"][0]["document"] = pass.clone();
        report["verdicts"]["controls"][0]["leaf"] = 1.into();
    });
    let to_come = with(&|report| {
        report["verdicts"]["controls"][0]["document"] = pass.clone();
        report["verdicts"]["controls"][0]["leaf"] = 3.into();
    });
    let left_out = with(&|report| {
        rows(report);
    });
    let nothing = with(&|report| report["verdicts"]["controls"] = serde_json::json!([]));
    let withdrawn = with(&|report| {
        let gone = serde_json::json!({ "target": "gone", "verdict": "PASS", "evidence": [] });
        let rows = report["verdicts"]["controls"][0]["rows"].as_array_mut().unwrap();
        rows.push(serde_json::json!({ "leaf": 1, "document": gone }));
    });
    let twice = with(&|report| {
        let rows = report["verdicts"]["controls"][0]["rows"].as_array_mut().unwrap();
        rows.push(rows[0].clone());
    });
    for (name, report, code, said) in [
        ("honest", report("FAIL", 2, 0.into()), 0, "2 verdicts and 1 pieces of evidence"),
        ("covered", report("FAIL", 2, 0.into()), 0, "2 of 2 leaves with verdicts are covered"),
        ("better", report("PASS", 2, 0.into()), 4, "CITATION: the verdict DR-04 does not stand in leaf 2"),
        ("elsewhere", report("FAIL", 0, 0.into()), 4, "CITATION: the verdict DR-04 does not stand in leaf 0"),
        // Each of these is in the log, word for word, and was not the last word at the end.
        ("stale", stale, 4, "does not stand in leaf 1: the last word until the end of the period is leaf 2"),
        (
            "to-come",
            to_come,
            4,
            "does not stand in leaf 3: the last word until the end of the period is leaf 2",
        ),
        ("left-out", left_out, 4, "CITATION: the verdict DR-04 on red of leaf 1 is left out"),
        ("nothing", nothing, 4, "CITATION: the verdict DR-04 of leaf 2 is left out"),
        (
            "withdrawn",
            withdrawn,
            4,
            "on gone does not stand in leaf 1: at the end of the period there was none",
        ),
        ("twice", twice, 4, "CITATION: the verdict DR-04 on red is told twice"),
        (
            "worst",
            with(&|r| r["verdicts"]["worst"] = 1.into()),
            4,
            "CITATION: the asset that would lose most",
        ),
        // The list and the report are about the same.
        (
            "other-end",
            with(&|r| r["to"] = "2026-03-02T12:00:00Z".into()),
            4,
            "MANIFEST: report.json has another end",
        ),
        (
            "other-log",
            with(&|r| r["log"] = serde_json::json!({ "leaves": 3, "root": "00" })),
            4,
            "MANIFEST: report.json has another number of leaves",
        ),
        ("no-log", with(&|r| r["unlisted"] = "log.jsonl".into()), 4, "MANIFEST does not list log.jsonl"),
        (
            "no-report",
            with(&|r| r["unlisted"] = "report.json".into()),
            4,
            "MANIFEST does not list report.json",
        ),
        // A verdict that names a point does not record it.
        ("by-itself", report("FAIL", 2, 2.into()), 4, "CITATION: point p1 is not recorded in leaf 2"),
        (
            "nowhere",
            report("FAIL", 2, serde_json::Value::Null),
            4,
            "CITATION: point p1 is recorded in no leaf",
        ),
    ] {
        pack(&place.path().join(name), &key, &report);
        let (head, later) = (format!("{name}.head"), format!("{name}.later"));
        let key = line(&key);
        let arguments = [name, "--key", &key, "--checkpoint", &head, "--checkpoint", &later];
        let (got, text) = run(place.path(), &arguments);
        assert!(got == Some(code) && text.contains(said), "{name}: {got:?} {text}");
        assert!(text.contains("1 checkpoints are of a longer log"), "{name}: {text}");
    }
    // Values that were left out, all of them or some: no evidence, but for who asked for such a pack.
    for (name, with_values, said) in [
        ("without", false, "who did what with whose data"),
        ("some", true, "1 values about people are not in it"),
    ] {
        pack(&place.path().join(name), &key, &with(&|r| r["with_values"] = with_values.into()));
        let (key, head) = (line(&key), format!("{name}.head"));
        let arguments = [name, "--key", &key, "--checkpoint", &head];
        let (code, text) = run(place.path(), &arguments);
        assert!(
            code == Some(1) && text.contains("NO_EVIDENCE") && text.contains(said),
            "{name}: {code:?} {text}"
        );
        let (code, text) = run(place.path(), &[&arguments[..], &["--without-values"]].concat());
        assert!(code == Some(0) && text.contains("consistent"), "{name}: {code:?} {text}");
    }
    // Without a head from elsewhere: nothing shows what was before.
    let (code, text) = run(place.path(), &["honest", "--key", &line(&key)]);
    assert!(code == Some(1) && text.contains("NO_EVIDENCE"), "{code:?} {text}");
}
