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
    let assessed = r#"{\"fact\":{\"assessed\":{\"changes\":[{\"control\":\"DR-04\",\"document\":{\"control\":\"DR-04\",\"verdict\":\"FAIL\",\"evidence\":[{\"kind\":\"point\",\"id\":\"p1\"}]}}]}}}"#;
    fs::create_dir(folder).unwrap();
    let (mut tree, mut log) = (Tree::default(), "{\"holdfast_log\":1,\"key\":null}\n".to_owned());
    for (number, payload) in [fact, assessed].into_iter().enumerate() {
        let plain = payload.replace("\\\"", "\"");
        tree.push(plain.as_bytes());
        let hash: [u8; 32] = Sha256::new().chain_update([0]).chain_update(&plain).finalize().into();
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        log += &format!("{{\"leaf\":{number},\"hash\":\"{hash}\",\"payload\":\"{payload}\"}}\n");
    }
    log += "{\"end\":2}\n";
    let report = report.to_string();
    let mut list =
        format!("{NAME} evidence-pack\n1\nperiod A B\nlog 2 {}\n", STANDARD.encode(tree.root(2).unwrap()));
    for (name, content) in [("log.jsonl", &log), ("report.json", &report)] {
        fs::write(folder.join(name), content).unwrap();
        let hash: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
        list += &format!("{hash} {} {name}\n", content.len());
    }
    let signature = [id(key), key.sign(list.as_bytes()).to_bytes().to_vec()].concat();
    let note = format!("{list}\n\u{2014} {NAME} {}\n", STANDARD.encode(signature));
    fs::write(folder.join("MANIFEST"), note).unwrap();
    fs::write(folder.with_extension("head"), checkpoint(key, 2, &tree.root(2).unwrap())).unwrap();
    // The log went on.
    fs::write(folder.with_extension("later"), checkpoint(key, 3, &[9; 32])).unwrap();
}

#[test]
fn a_report_that_says_other_than_its_log_is_found_out_though_it_is_signed() {
    let place = tempfile::tempdir().unwrap();
    let key = SigningKey::from_bytes(&[7; 32]);
    let report = |verdict: &str, leaf: u64, cited: serde_json::Value| {
        let evidence = serde_json::json!([{ "kind": "point", "id": "p1" }]);
        let document = serde_json::json!({ "control": "DR-04", "verdict": verdict, "evidence": evidence });
        let control = serde_json::json!({ "leaf": leaf, "document": document, "rows": [] });
        let citation = serde_json::json!({ "kind": "point", "id": "p1", "leaf": cited });
        serde_json::json!({ "verdicts": { "controls": [control] }, "citations": [citation] })
    };
    for (name, report, code, said) in [
        ("honest", report("FAIL", 1, 0.into()), 0, "1 verdicts and 1 pieces of evidence"),
        ("better", report("PASS", 1, 0.into()), 4, "CITATION: the verdict DR-04 does not stand in leaf 1"),
        ("elsewhere", report("FAIL", 0, 0.into()), 4, "CITATION: the verdict DR-04 does not stand in leaf 0"),
        // A verdict that names a point does not record it.
        ("by-itself", report("FAIL", 1, 1.into()), 4, "CITATION: point p1 is not recorded in leaf 1"),
        (
            "nowhere",
            report("FAIL", 1, serde_json::Value::Null),
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
    // Without a head from elsewhere: nothing shows what was before.
    let (code, text) = run(place.path(), &["honest", "--key", &line(&key)]);
    assert!(code == Some(1) && text.contains("NO_EVIDENCE"), "{code:?} {text}");
}
