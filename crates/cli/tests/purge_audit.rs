//! What should be gone and is still there is found in storage, whatever any record says.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use holdfast_testkit::servers::Seaweed;
use serde_json::Value;
use support::{ASSET, Customer, REPOSITORY, objects, text};

fn place<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["places"].as_array().unwrap().iter().find(|place| place["place"] == name).unwrap()
}

fn kinds(report: &Value, name: &str) -> Vec<String> {
    let findings = place(report, name)["findings"].as_array().unwrap();
    let mut kinds: Vec<String> = findings.iter().map(|f| f["kind"].as_str().unwrap().to_owned()).collect();
    kinds.sort();
    kinds
}

/// As if it had lain there for long.
fn age(path: &Path) {
    let output = Command::new("touch").args(["--date", "2024-01-01"]).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn after_a_purge_every_place_is_clean() {
    let customer = Customer::with_a_point();
    customer.old_points(&["2024-05-06"]);
    customer.run(0, &["backup", ASSET]);
    let report = customer.json(1, &["purge", "--audit"]);
    for location in ["here", "there"] {
        assert_eq!(place(&report, location)["verdict"], "found", "{report}");
        assert_eq!(kinds(&report, location), ["point"], "{report}");
        let finding = &place(&report, location)["findings"][0];
        assert!(finding["since"].as_str().unwrap().starts_with("2024-05-06"), "{finding}");
    }
    let told = customer.run(1, &["purge", "--audit"]);
    assert!(told.contains("grace") && told.contains("found"), "{told}");
    customer.run(0, &["purge"]);
    let report = customer.json(0, &["purge", "--audit"]);
    for name in ["here", "there", "state"] {
        assert_eq!(place(&report, name)["verdict"], "clean", "{report}");
        assert!(place(&report, name)["objects"].as_u64().unwrap() > 0, "{report}");
    }
}

#[test]
fn leftovers_are_found_at_the_place_where_they_lie() {
    let customer = Customer::with_a_point();
    customer.old_points(&["2024-05-06"]);
    customer.run(0, &["backup", ASSET]);
    // What a purge that went wrong leaves: a cache, a spool, and a pack that nothing names any more.
    let state = customer.path("state/repositories").join(REPOSITORY);
    let (old, here) = (customer.path("old"), customer.repository("here"));
    fs::create_dir(&old).unwrap();
    let mut saved = Vec::new();
    for pack in objects(&here, "data") {
        let to = old.join(pack.file_name().unwrap());
        fs::copy(&pack, &to).unwrap();
        saved.push((to, pack));
    }
    let cached = objects(&state, "cache/snapshots");
    for file in &cached {
        fs::copy(file, old.join(file.file_name().unwrap())).unwrap();
    }
    customer.run(0, &["purge"]);
    customer.run(0, &["purge", "--audit"]);
    let gone: Vec<_> = saved.iter().filter(|(_, pack)| !pack.exists()).collect();
    assert!(!gone.is_empty());
    let (copy, pack) = gone[0];
    fs::create_dir_all(pack.parent().unwrap()).unwrap();
    fs::copy(copy, pack).unwrap();
    // So young it may be that of a run under way; later it is nobody's.
    let report = customer.json(0, &["purge", "--audit"]);
    assert_eq!(place(&report, "here")["within_grace"]["objects"], 1, "{report}");
    age(pack);
    let stray = customer.path("there/.Trash-0/files/C-1042.tar");
    fs::create_dir_all(stray.parent().unwrap()).unwrap();
    fs::write(&stray, "trash").unwrap();
    let temporary = customer.repository("there").join("data/.holdfast-tmp-00");
    fs::write(&temporary, "half").unwrap();
    age(&temporary);
    let lock = customer.repository("there").join("locks").join("ab".repeat(32));
    fs::write(&lock, "lock").unwrap();
    age(&lock);
    let purged = cached.iter().find(|file| !file.exists()).expect("a purged point leaves the cache");
    fs::copy(old.join(purged.file_name().unwrap()), purged).unwrap();
    fs::create_dir_all(state.join("spool")).unwrap();
    let spooled = state.join("spool").join(purged.file_name().unwrap());
    fs::copy(old.join(purged.file_name().unwrap()), spooled).unwrap();
    let report = customer.json(1, &["purge", "--audit"]);
    assert_eq!(kinds(&report, "here"), ["unreachable"], "{report}");
    assert_eq!(kinds(&report, "there"), ["foreign", "lock", "temporary"], "{report}");
    assert_eq!(kinds(&report, "state"), ["cache", "spool"], "{report}");
    // The next purge cleans what is its to clean.
    for path in [&stray, &lock, &temporary] {
        fs::remove_file(path).unwrap();
    }
    customer.run(0, &["purge"]);
    customer.run(0, &["purge", "--audit"]);
}

#[test]
fn what_could_not_be_walked_is_no_evidence_and_what_is_exempt_is_told() {
    let customer = Customer::with_a_point();
    customer.old_points(&["2024-05-06"]);
    customer.run(0, &["backup", ASSET]);
    let here = customer.repository("here");
    fs::rename(customer.path("there"), customer.path("away")).unwrap();
    let report = customer.json(1, &["purge", "--audit"]);
    assert_eq!(place(&report, "there")["verdict"], "NO_EVIDENCE", "{report}");
    assert_eq!(place(&report, "state")["verdict"], "NO_EVIDENCE", "{report}");
    assert!(!place(&report, "there")["reasons"][0].as_str().unwrap().is_empty());
    fs::rename(customer.path("away"), customer.path("there")).unwrap();
    customer.run(0, &["purge"]);
    // Only the old point is left: it is the last way back, and past its age.
    let other = Customer::new();
    fs::write(other.path("site/index.php"), "<?php").unwrap();
    other.run(0, &["backup", ASSET]);
    let today = objects(&other.repository("here"), "snapshots").remove(0);
    let today = today.file_name().unwrap().to_str().unwrap().to_owned();
    other.old_points(&["2024-05-06"]);
    other.run(0, &["backup", ASSET]);
    let newest: Vec<String> = objects(&other.repository("here"), "snapshots")
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    let listed = other.json(0, &["points", ASSET]);
    let old = listed.as_array().unwrap().iter().find(|p| p["time"].as_str().unwrap().starts_with("2024"));
    let old = old.unwrap()["id"].as_str().unwrap();
    for location in ["here", "there"] {
        let mut arguments = vec!["forget", today.as_str()];
        arguments.extend(newest.iter().map(String::as_str).filter(|id| *id != old && *id != today));
        let output = other.restic("restic", location, &arguments);
        assert!(output.status.success(), "{}", text(&output));
    }
    other.lose_known_points();
    other.run(0, &["purge"]);
    let report = other.json(0, &["purge", "--audit"]);
    assert_eq!(place(&report, "here")["exempt"][0]["point"], old, "{report}");
    assert!(here.exists());
}

#[test]
fn a_bucket_that_keeps_versions_is_purged_of_them() {
    let server = Seaweed::start("backups");
    let customer = Customer::with_versions(&server, &server.credentials_toml());
    customer.run(0, &["backup", ASSET]);
    customer.old_points(&["2024-05-06"]);
    customer.run(0, &["backup", ASSET]);
    customer.run(0, &["purge"]);
    let report = customer.json(0, &["purge", "--audit"]);
    assert_eq!(place(&report, "there")["verdict"], "clean", "{report}");
    let versions = server.versions("backups");
    let current = server.objects("backups").len();
    let hidden: Vec<&String> =
        versions.iter().filter(|path| path.contains(REPOSITORY) && path.contains("-v20")).collect();
    assert!(hidden.is_empty(), "{hidden:?} besides {current} objects");
    let receipts = customer.receipts("there");
    let of_versions = receipts.iter().find(|receipt| receipt["group"] == "versions").unwrap();
    assert!(of_versions["objects"].as_u64().unwrap() > 0, "{receipts:?}");
}

#[test]
fn versions_that_cannot_be_deleted_keep_a_purge_open_and_are_found() {
    let server = Seaweed::start("backups");
    let customer = Customer::with_versions(&server, &server.operator_credentials_toml());
    customer.run(0, &["backup", ASSET]);
    customer.old_points(&["2024-05-06"]);
    customer.run(0, &["backup", ASSET]);
    server.forbid_deleting_versions("backups");
    let told = customer.run(1, &["purge"]);
    assert!(told.contains("older versions of what was deleted are left there"), "{told}");
    let report = customer.json(1, &["purge", "--audit"]);
    assert!(kinds(&report, "there").contains(&"version".to_owned()), "{report}");
    assert!(kinds(&report, "there").contains(&"delete-marker".to_owned()), "{report}");
    customer.run(1, &["purge", "--history"]);
    server.allow_everything("backups");
    customer.run(0, &["purge"]);
    customer.run(0, &["purge", "--audit"]);
    customer.run(0, &["purge", "--history"]);
}
