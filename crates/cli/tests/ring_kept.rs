//! The key ring at the locations is the last thing that opens the backups: nothing poorer and no other controller replaces it, and
//! what a shredding leaves of it is told.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::lost::{LEDGER, local, make_kit, recover, status, verdict_of};
use support::{ASSET, Customer, REPOSITORY, code, flip, noise, objects, text};

fn rings(customer: &Customer) -> Vec<PathBuf> {
    let at = |location: &str| objects(&customer.path(location).join("holdfast-keys"), "keys");
    [at("here"), at("there")].concat()
}

fn copies(customer: &Customer) -> Vec<PathBuf> {
    let at = |location: &str| objects(&customer.path(location).join(LEDGER), "snapshots");
    [at("here"), at("there")].concat()
}

#[test]
fn a_key_that_cannot_be_read_here_goes_from_no_location() {
    let customer = Customer::with_a_point();
    let kit = make_kit(&customer, "kit", &[]).join("kit.txt");
    let (before, key) = (rings(&customer), customer.path("etc/keys").join(format!("{REPOSITORY}.toml")));
    let content = fs::read(&key).unwrap();
    let harms: [(&str, &dyn Fn()); 5] = [
        ("gone", &|| fs::remove_file(&key).unwrap()),
        ("empty", &|| fs::write(&key, "").unwrap()),
        ("cut off", &|| fs::write(&key, &content[..content.len() / 2]).unwrap()),
        ("not text", &|| fs::write(&key, noise(7, 300)).unwrap()),
        ("open to all", &|| fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap()),
    ];
    for (what, harm) in harms {
        harm();
        let said = customer.run(3, &["key", "deliver"]);
        assert!(said.contains("was brought to no location") && said.contains(REPOSITORY), "{what}: {said}");
        assert_eq!(rings(&customer), before, "{what}");
        assert_eq!(verdict_of(&status(&customer), "DR-05"), "FAIL", "{what}");
        // Not even after it was looked at again, when the poorer one could be taken for the last.
        customer.run(3, &["key", "deliver"]);
        assert_eq!(rings(&customer), before, "{what}");
        let _ = fs::remove_file(&key);
        fs::write(&key, &content).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        customer.run(0, &["key", "deliver"]);
    }
    customer.run(0, &["key", "drill", "--kit", kit.to_str().unwrap()]);
    assert_eq!(verdict_of(&status(&customer), "DR-05"), "PASS");
}

#[test]
fn a_controller_that_was_set_back_replaces_neither_ring_nor_copies() {
    let customer = Customer::with_a_point();
    make_kit(&customer, "kit", &[]);
    let old = customer.path("old");
    fs::create_dir(&old).unwrap();
    for folder in ["etc", "state"] {
        let copied = Command::new("cp").arg("-a").arg(customer.path(folder)).arg(&old).output().unwrap();
        assert!(copied.status.success(), "{}", text(&copied));
    }
    let of_old = |expected: i32, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
        command.arg("--config").arg(old.join("etc")).arg("--state").arg(old.join("state"));
        let output = command.args(arguments).output().unwrap();
        assert_eq!(code(&output), expected, "{arguments:?}: {}", text(&output));
        text(&output)
    };
    customer.another_site("blog");
    customer.run(0, &["backup", "--all"]);
    let now = (rings(&customer), copies(&customer));
    // No head tells yet.
    let said = of_old(1, &["key", "deliver"]);
    assert!(said.contains("another controller brought a ring there"), "{said}");
    of_old(0, &["backup", ASSET]);
    assert_eq!((rings(&customer), copies(&customer)), now);
    // Only a person may say that it is the one to go on; then the other one is the stranger.
    of_old(0, &["key", "deliver", "--replace-foreign"]);
    assert_ne!(rings(&customer), now.0);
    let said = customer.run(1, &["key", "deliver"]);
    assert!(said.contains("another controller brought a ring there"), "{said}");
    customer.run(0, &["key", "deliver", "--replace-foreign"]);
    customer.run(0, &["audit", "checkpoint"]);
    let now = (rings(&customer), copies(&customer));
    let said = of_old(1, &["key", "deliver", "--replace-foreign"]);
    assert!(said.contains("does not continue"), "{said}");
    assert_eq!((rings(&customer), copies(&customer)), now);
}

#[test]
fn a_damaged_ring_at_a_location_is_replaced() {
    let customer = Customer::with_a_point();
    let kit = make_kit(&customer, "kit", &[]).join("kit.txt");
    let ring = objects(&customer.path("there/holdfast-keys"), "keys").remove(0);
    flip(&ring);
    customer.run(0, &["key", "deliver"]);
    assert!(!ring.exists());
    customer.run(0, &["key", "drill", "--kit", kit.to_str().unwrap(), "--location", "there"]);
}

#[test]
fn a_bad_file_of_the_kit_hides_nothing_else() {
    let customer = Customer::with_a_point();
    make_kit(&customer, "kit", &[]);
    fs::write(customer.path("etc/keys/recovery.kit"), "kit?").unwrap();
    customer.another_site("blog");
    let report = status(&customer);
    assert_eq!(verdict_of(&report, "DR-05"), "FAIL", "{report}");
    // What else there is to see was seen.
    assert!(report.to_string().contains("C-blog"), "{report}");
}

/// A client that left, with old points alone, and rings and copies of the ledger that know it.
fn leaving() -> Customer {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    customer.another_site("blog");
    customer.run(0, &["backup", "--all"]);
    let young = objects(&customer.repository("here"), "snapshots");
    fs::write(customer.path("site/secret.bin"), noise(77, 40_000)).unwrap();
    customer.old_points(&["2024-05-06"]);
    customer.run(0, &["backup", ASSET]);
    let points = customer.json(0, &["points", ASSET]);
    let old = points.as_array().unwrap().iter().find(|p| p["time"].as_str().unwrap().starts_with("2024"));
    let old = old.unwrap()["id"].as_str().unwrap().to_owned();
    assert!(!young.is_empty());
    for location in ["here", "there"] {
        for path in objects(&customer.repository(location), "snapshots") {
            if path.file_name().unwrap() != old.as_str() {
                fs::remove_file(path).unwrap();
            }
        }
    }
    customer.lose_known_points();
    make_kit(&customer, "kit", &[]);
    let path = customer.path("etc/estate.toml");
    let estate = fs::read_to_string(&path).unwrap();
    let begin = estate.find(&format!("[assets.\"{ASSET}\"]")).unwrap();
    let end = estate[begin + 1..].find("\n[").map_or(estate.len(), |end| begin + 1 + end);
    fs::write(path, format!("{}{}", &estate[..begin], &estate[end..])).unwrap();
    customer
}

const SHRED: [&str; 7] =
    ["client", "shred", REPOSITORY, "--reason", "the contract ended", "--yes", REPOSITORY];

/// A folder that cannot be written to, not even by root.
struct ReadOnly(PathBuf);

impl ReadOnly {
    fn make(folder: &Path) -> ReadOnly {
        let mount = |arguments: &[&str]| {
            let output = Command::new("mount").args(arguments).arg(folder).output().unwrap();
            assert!(output.status.success(), "run as root: {}", text(&output));
        };
        mount(&["--bind", folder.to_str().unwrap()]);
        mount(&["-o", "remount,ro,bind"]);
        ReadOnly(folder.to_owned())
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_shredding_waits_for_each_copy_of_the_ledger_that_cannot_be_forgotten() {
    let customer = leaving();
    let before = objects(&customer.path("there").join(LEDGER), "snapshots");
    let closed = ReadOnly::make(&customer.path("there").join(LEDGER).join("snapshots"));
    let said = customer.run(1, &SHRED);
    let history = customer.json(1, &["purge", "--history"]).to_string();
    assert!(history.contains("copies of the ledger there have what was erased"), "{said}\n{history}");
    assert_eq!(objects(&customer.path("there").join(LEDGER), "snapshots"), before);
    drop(closed);
    customer.run(0, &SHRED);
    // One each, the new one.
    assert_eq!(copies(&customer).len(), 2);
    assert!(before.iter().all(|copy| !copy.exists()));
    customer.run(0, &["purge", "--history"]);
}

#[test]
fn a_shredding_waits_for_rings_that_nobody_can_replace_any_more() {
    let customer = leaving();
    fs::remove_file(customer.path("etc/keys/recovery.kit")).unwrap();
    customer.run(1, &SHRED);
    let history = customer.json(1, &["purge", "--history"]).to_string();
    assert!(history.contains("no recovery kit is in force any more"), "{history}");
    let kit = make_kit(&customer, "new", &[]).join("kit.txt");
    customer.run(0, &SHRED);
    customer.run(0, &["key", "drill", "--kit", kit.to_str().unwrap()]);
}

/// A copy of the ledger that claims to be of the future, made by stock restic.
fn copy_of_the_future(customer: &Customer, location: &str) {
    let key = fs::read_to_string(customer.path("etc/keys").join(format!("{LEDGER}.toml"))).unwrap();
    let password =
        key.lines().find_map(|l| l.strip_prefix("password = ")).unwrap().trim_matches('"').to_owned();
    let made = Command::new("restic")
        .args(["--no-cache", "backup", "--time", "2099-01-01 00:00:00", "--tag", "holdfast:ledger"])
        .arg("--repo")
        .arg(customer.path(location).join(LEDGER))
        .arg(customer.path("site"))
        .env("RESTIC_PASSWORD", password)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made));
}

#[test]
fn a_copy_from_the_future_is_passed_over_and_is_not_the_one_that_a_shredding_keeps() {
    let customer = leaving();
    let kit = customer.path("kit/kit.txt");
    let before = copies(&customer);
    copy_of_the_future(&customer, "here");
    let future: Vec<PathBuf> = copies(&customer).into_iter().filter(|copy| !before.contains(copy)).collect();
    assert_eq!(future.len(), 1);
    let tagged = "leaves:99999999";
    let key = fs::read_to_string(customer.path("etc/keys").join(format!("{LEDGER}.toml"))).unwrap();
    let password =
        key.lines().find_map(|l| l.strip_prefix("password = ")).unwrap().trim_matches('"').to_owned();
    let id = future[0].file_name().unwrap().to_str().unwrap().to_owned();
    let done = Command::new("restic")
        .args(["--no-cache", "tag", "--add", tagged, &id, "--repo"])
        .arg(customer.path("here").join(LEDGER))
        .env("RESTIC_PASSWORD", password)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", text(&done));
    let said = recover(1, &local(&customer, "here"), &[&kit], &customer.path("new"));
    assert!(said.contains("this machine's clock shows"), "{said}");
    customer.run(0, &SHRED);
    let left = copies(&customer);
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|copy| !before.contains(copy) && !future.contains(copy)), "{left:?}");
    customer.run(0, &["key", "drill", "--kit", kit.to_str().unwrap(), "--location", "here"]);
}

#[test]
fn the_key_of_a_client_who_was_shredded_does_not_come_back_with_an_old_ring() {
    let customer = leaving();
    let kit = customer.path("kit/kit.txt");
    let there = customer.path("there/holdfast-keys");
    let old = objects(&there, "keys").remove(0);
    let content = fs::read(&old).unwrap();
    customer.run(0, &SHRED);
    objects(&there, "keys").iter().for_each(|ring| fs::remove_file(ring).unwrap());
    fs::write(&old, content).unwrap();
    let new = customer.path("new");
    // The old ring's estate has the client still, whose repository is gone: that is told, too.
    let said = recover(1, &local(&customer, "there"), &[&kit], &new);
    assert!(said.contains("was shredded") && said.contains("names last"), "{said}");
    assert!(!new.join("keys").join(format!("{REPOSITORY}.toml")).exists());
    assert!(new.join("keys/C-blog.toml").exists());
    // Nor does it pass for the current one.
    let failed = customer.run(3, &["key", "drill", "--kit", kit.to_str().unwrap(), "--location", "there"]);
    assert!(failed.contains("is not the one that is here now"), "{failed}");
}

#[test]
fn what_a_person_entered_and_a_head_that_was_signed_go_to_the_locations() {
    let customer = Customer::with_a_point();
    make_kit(&customer, "kit", &[]);
    for entry in [
        vec!["hold", ASSET, "--owner", "Legal", "--reason", "a dispute", "--review-on", "2099-01-01"],
        vec!["policy", "review", "--by", "A. Reviewer"],
        vec!["audit", "checkpoint"],
    ] {
        let before = copies(&customer).len();
        customer.holdfast(&entry);
        assert_eq!(copies(&customer).len(), before + 2, "{entry:?}");
    }
}
