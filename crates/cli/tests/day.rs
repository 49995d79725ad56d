//! A working day with holdfast, through its command line.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use support::{ASSET, Customer, REPOSITORY, assert_same, code, objects, text};

fn fill(site: &Path) {
    fs::create_dir_all(site.join("wp-content/uploads")).unwrap();
    fs::write(site.join("index.php"), "<?php echo 'shop';\n").unwrap();
    for n in 0..50u32 {
        let noise: Vec<u8> =
            (0..20_000u32).flat_map(|i| ((i + n).wrapping_mul(2_654_435_761) >> 7).to_le_bytes()).collect();
        fs::write(site.join(format!("wp-content/uploads/image{n}.jpg")), noise).unwrap();
    }
}

#[test]
fn back_up_damage_repair_and_restore() {
    let customer = Customer::new();
    let site = customer.path("site");
    fill(&site);
    customer.run(0, &["backup", ASSET]);
    fs::write(site.join("index.php"), "<?php echo 'changed';\n").unwrap();
    let report = customer.json(0, &["backup", "--all"]);
    assert!(report[0]["totals"]["bytes_added"].as_u64().unwrap() < 100_000, "{report}");

    let points = customer.json(0, &["points", ASSET]);
    assert_eq!(points.as_array().unwrap().len(), 2);
    assert_eq!(points[1]["copies"], serde_json::json!(["here", "there"]));
    assert_eq!(points[1]["verdict"], "NO_EVIDENCE");
    customer.run(0, &["verify", "--read-data"]);
    assert_eq!(customer.json(0, &["points", ASSET])[1]["verdict"], "PASS");
    assert!(customer.run(0, &["ls", ASSET]).contains("index.php"));

    let pack = objects(&customer.repository("here"), "data").remove(0);
    let mut bytes = fs::read(&pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::set_permissions(&pack, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&pack, bytes).unwrap();
    let found = customer.run(4, &["verify", "--read-data"]);
    assert!(found.contains("here") && found.contains("touches"), "{found}");
    customer.run(0, &["repair", REPOSITORY]);
    customer.run(0, &["verify", "--read-data"]);

    let target = customer.path("restored");
    customer.run(0, &["restore", ASSET, "--to", target.to_str().unwrap(), "--location", "there"]);
    assert_same(&site, &target);
    let first = points[0]["id"].as_str().unwrap();
    let older = customer.path("older");
    customer.run(
        0,
        &[
            "restore",
            ASSET,
            "--to",
            older.to_str().unwrap(),
            "--point",
            &first[..10],
            "--include",
            "index.php",
        ],
    );
    assert_eq!(fs::read_to_string(older.join("index.php")).unwrap(), "<?php echo 'shop';\n");
    assert!(!older.join("wp-content").exists());
}

#[test]
fn a_file_that_cannot_be_read_makes_the_run_degraded() {
    let customer = Customer::new();
    let site = customer.path("site");
    fill(&site);
    // A folder on a broken mount answers every look with an error; a dangling FUSE mount is the usual case. An
    // immutable-to-root unreadable file does not exist on ordinary file systems, so the account is what is changed.
    fs::set_permissions(site.join("index.php"), fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(customer.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for entry in [customer.path("site"), customer.path("site/wp-content")] {
        fs::set_permissions(entry, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let nobody = 65534;
    for name in ["etc", "etc/keys", "here", "there", "state"] {
        let _ = fs::create_dir(customer.path(name));
        std::os::unix::fs::chown(customer.path(name), Some(nobody), Some(nobody)).unwrap();
    }
    use std::os::unix::process::CommandExt;
    let output = customer.command(&["backup", ASSET]).uid(nobody).gid(nobody).output().unwrap();
    assert_eq!(code(&output), 1, "{}", text(&output));
    assert!(text(&output).contains("index.php"), "{}", text(&output));
}

#[test]
fn what_makes_no_sense_is_refused_with_a_hint_and_changes_nothing() {
    let customer = Customer::new();
    assert!(customer.run(2, &["backup", "no.such.site"]).contains("hint:"));
    assert!(customer.run(2, &["restore", ASSET, "--to", "/tmp", "--at", "yesterday"]).contains("hint:"));
    assert!(customer.run(5, &["restic", REPOSITORY, "--", "forget", "latest"]).contains("reading commands"));
    let again = customer.run(2, &["init", customer.path("etc").to_str().unwrap()]);
    assert!(again.contains("left alone"), "{again}");
    fs::write(customer.path("etc/estate.toml"), "[assets.x]\nclass = \"website\"\nhots = \"web1\"\n")
        .unwrap();
    let broken = customer.run(2, &["validate"]);
    assert!(broken.contains("estate.toml:3") && broken.contains("host"), "{broken}");
    assert!(!customer.path("here").exists() && !customer.path("there").exists());
}

#[test]
fn a_location_that_is_away_is_owed_and_gets_its_copy_later() {
    let customer = Customer::new();
    fill(&customer.path("site"));
    customer.run(0, &["backup", ASSET]);
    fs::rename(customer.path("there"), customer.path("away")).unwrap();
    fs::write(customer.path("site/new.txt"), "new").unwrap();
    let owed = customer.run(1, &["backup", ASSET]);
    assert!(owed.contains("owed: location there"), "{owed}");
    fs::rename(customer.path("away"), customer.path("there")).unwrap();
    customer.run(0, &["backup", ASSET]);
    customer.run(0, &["verify", "--read-data"]);
    assert_eq!(customer.json(0, &["points", ASSET])[1]["copies"], serde_json::json!(["here", "there"]));
}

#[test]
fn stock_restic_opens_a_copy_with_the_password_of_the_key_ring() {
    let customer = Customer::new();
    fill(&customer.path("site"));
    customer.run(0, &["backup", ASSET, "--full"]);
    let output = customer.restic("restic", "there", &["check", "--read-data"]);
    assert!(output.status.success(), "{}", text(&output));
    let listed = customer.run(0, &["restic", REPOSITORY, "--location", "there", "--", "snapshots"]);
    assert!(listed.contains("asset:shop.example"), "{listed}");
    customer.run(0, &["restic", REPOSITORY, "--", "check", "--read-data"]);
}

#[test]
fn a_location_is_proven_by_trying() {
    let customer = Customer::new();
    let report = customer.json(0, &["location", "test", "here"]);
    let outcome = |what: &str| {
        let findings = report["findings"].as_array().unwrap();
        findings.iter().find(|f| f["what"] == what).map(|f| f["outcome"].as_str().unwrap().to_owned())
    };
    assert_eq!(outcome("read-back").as_deref(), Some("yes"), "{report}");
    assert_eq!(outcome("list-complete").as_deref(), Some("yes"), "{report}");
    // A folder on this machine cannot keep us from deleting, and that is said.
    assert_eq!(outcome("delete-refused").as_deref(), Some("no"), "{report}");
    assert_eq!(customer.run(2, &["location", "test", "nowhere"]).matches("hint:").count(), 1);
}

/// Its owner could otherwise stop the backups of everybody with one command.
#[test]
fn a_file_that_claims_exabytes_is_left_out_and_named() {
    let customer = Customer::new();
    // tmpfs allows such sizes; ext4 does not.
    let site = tempfile::tempdir_in("/dev/shm").unwrap();
    fill(site.path());
    fs::File::create(site.path().join("huge.img")).unwrap().set_len(1 << 62).unwrap();
    let estate = fs::read_to_string(customer.path("etc/estate.toml")).unwrap();
    let old = customer.path("site").display().to_string();
    fs::write(customer.path("etc/estate.toml"), estate.replace(&old, &site.path().display().to_string()))
        .unwrap();
    let degraded = customer.run(1, &["backup", ASSET]);
    assert!(degraded.contains("huge.img") && degraded.contains("too large"), "{degraded}");
    assert!(customer.run(0, &["ls", ASSET]).contains("index.php"));
}
