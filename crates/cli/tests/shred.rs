//! A client that left is shredded: its key is destroyed, nothing of it is left anywhere, and what somebody saved before
//! opens with no key that we have.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use holdfast_testkit::servers::Seaweed;
use serde_json::Value;
use support::{ASSET, Customer, REPOSITORY, noise, objects, text, walk};

const REASON: [&str; 2] = ["--reason", "the contract ended"];

/// A client of old whose last point is past every minimum, beside another client who stays. The old points are made
/// by stock restic, which lets itself be told the time.
fn customer() -> Customer {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    customer.another_site("blog");
    customer.run(0, &["backup", "--all"]);
    customer
}

/// Leaves nothing but old points, which both locations hold.
fn grow_old(customer: &Customer, locations: &[PathBuf]) {
    let young = objects(&customer.repository("here"), "snapshots");
    fs::write(customer.path("site/secret.bin"), noise(77, 400_000)).unwrap();
    customer.old_points(&["2024-05-06"]);
    customer.run(0, &["backup", ASSET]);
    let all = objects(&customer.repository("here"), "snapshots");
    let points = customer.json(0, &["points", ASSET]);
    let old = points.as_array().unwrap().iter().find(|p| p["time"].as_str().unwrap().starts_with("2024"));
    let old = old.unwrap()["id"].as_str().unwrap().to_owned();
    assert!(young.len() < all.len());
    for path in all.iter().filter(|path| path.file_name().unwrap() != old.as_str()) {
        for location in locations {
            fs::remove_file(location.join("snapshots").join(path.file_name().unwrap())).unwrap();
        }
    }
    customer.lose_known_points();
}

fn local(customer: &Customer) -> Vec<PathBuf> {
    ["here", "there"].map(|location| customer.repository(location)).to_vec()
}

/// Takes the asset out of the estate.
fn leave(customer: &Customer) {
    let path = customer.path("etc/estate.toml");
    let estate = fs::read_to_string(&path).unwrap();
    let begin = estate.find(&format!("[assets.\"{ASSET}\"]")).unwrap();
    let end = estate[begin + 1..].find("\n[").map_or(estate.len(), |end| begin + 1 + end);
    fs::write(path, format!("{}{}", &estate[..begin], &estate[end..])).unwrap();
}

fn shred<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["client", "shred", REPOSITORY][..], &REASON, more].concat()
}

fn restic_opens(repository: &Path, password: &str) -> bool {
    let output = Command::new("restic")
        .args(["--no-cache", "--no-lock", "--repo"])
        .arg(repository)
        .args(["cat", "config"])
        .env("RESTIC_PASSWORD", password)
        .output()
        .unwrap();
    output.status.success()
}

fn password(customer: &Customer, repository: &str) -> String {
    let ring = fs::read_to_string(customer.path(&format!("etc/keys/{repository}.toml"))).unwrap();
    ring.lines().find_map(|l| l.strip_prefix("password = ")).unwrap().trim_matches('"').to_owned()
}

#[test]
fn a_client_is_shredded_only_when_it_has_left_and_by_who_names_it_twice() {
    let customer = customer();
    let before = walk(&customer.path("here"));
    let refused = customer.run(5, &shred(&["--yes", REPOSITORY]));
    assert!(refused.contains("still in estate.toml"), "{refused}");
    leave(&customer);
    let refused = customer.run(5, &shred(&["--yes", "C-1024"]));
    assert!(refused.contains("was not confirmed"), "{refused}");
    let refused = customer.run(5, &shred(&[]));
    assert!(refused.contains("--yes"), "{refused}");
    // Its point is of today.
    let refused = customer.run(5, &shred(&["--yes", REPOSITORY]));
    assert!(refused.contains("signatures of two"), "{refused}");
    let unknown = ["client", "shred", "C-none", "--reason", "x", "--yes", "C-none"];
    customer.run(2, &unknown);
    assert_eq!(walk(&customer.path("here")), before, "a refused shredding changed something");
    assert!(customer.path("etc/keys").join(format!("{REPOSITORY}.toml")).exists());
}

#[test]
fn nothing_of_a_shredded_client_is_left_and_no_key_opens_what_was_saved() {
    let customer = customer();
    grow_old(&customer, &local(&customer));
    leave(&customer);
    let saved = customer.path("saved");
    let copied = Command::new("cp").arg("-r").arg(customer.repository("here")).arg(&saved).output().unwrap();
    assert!(copied.status.success(), "{}", text(&copied));
    let (own, other) = (password(&customer, REPOSITORY), password(&customer, "C-blog"));
    assert!(restic_opens(&saved, &own));
    // Somebody was careful.
    let ring = customer.path("etc/keys").join(format!("{REPOSITORY}.toml"));
    fs::copy(&ring, customer.path("etc/keys/backup of the ring.bak")).unwrap();
    fs::write(customer.path("etc/note.txt"), format!("the password is {own}\n")).unwrap();
    fs::write(customer.path(&format!("there/{REPOSITORY}/notes.txt")), "foreign").unwrap();
    let report = customer.json(0, &shred(&["--yes", REPOSITORY, "--export-offered"]));
    assert_eq!(report["proof"]["is_unreadable"], true, "{report}");
    assert_eq!(report["proof"]["keys"], 1, "{report}");
    assert!(report["proof"]["objects"].as_u64().unwrap() > 1, "{report}");
    assert_eq!(report["keys_removed"].as_array().unwrap().len(), 3, "{report}");
    for location in ["here", "there"] {
        assert!(!customer.repository(location).exists(), "{location}");
        assert!(customer.path(location).join("C-blog").exists(), "{location}");
    }
    for folder in ["etc", "state"] {
        for file in walk(&customer.path(folder)).keys() {
            let content = fs::read(customer.path(folder).join(file)).unwrap();
            let found = content.windows(own.len()).any(|window| window == own.as_bytes());
            assert!(!found, "{folder}/{} still holds the password", file.display());
        }
    }
    assert!(!customer.path("state/repositories").join(REPOSITORY).exists());
    // Its password is gone with its files; with the other client's key the saved copy does not open.
    assert!(!restic_opens(&saved, &other));
    let history = customer.json(0, &["purge", "--history"]);
    let shredded = history.as_array().unwrap().iter().find(|purge| purge["kind"] == "shred").unwrap();
    assert_eq!((&shredded["state"], &shredded["client"]), (&Value::from("done"), &Value::from(REPOSITORY)));
    assert_eq!(
        (&shredded["reason"], &shredded["export_offered"]),
        (&Value::from(REASON[1]), &Value::from(true))
    );
    assert_eq!(shredded["points"].as_array().unwrap().len(), 1, "{shredded}");
    for location in ["here", "there"] {
        let receipts = shredded["receipts"].as_array().unwrap();
        let groups =
            receipts.iter().filter(|r| r["location"] == location).map(|r| r["group"].as_str().unwrap());
        let groups: Vec<&str> = groups.collect();
        assert!(["keys", "snapshots", "index", "data"].iter().all(|g| groups.contains(g)), "{groups:?}");
    }
    customer.run(0, &["purge", "--audit"]);
    customer.run(0, &["verify"]);
    customer.run(2, &shred(&["--yes", REPOSITORY]));
}

#[test]
fn a_location_that_is_away_is_owed_its_shredding_and_completed_by_the_next() {
    let customer = customer();
    grow_old(&customer, &local(&customer));
    leave(&customer);
    fs::rename(customer.path("there"), customer.path("away")).unwrap();
    let told = customer.run(1, &shred(&["--yes", REPOSITORY]));
    assert!(told.contains("there") && !customer.repository("here").exists(), "{told}");
    customer.run(1, &["purge", "--history"]);
    fs::rename(customer.path("away"), customer.path("there")).unwrap();
    let report = customer.json(1, &["purge", "--audit"]);
    assert!(report.to_string().contains("no-key"), "{report}");
    customer.run(0, &shred(&["--yes", REPOSITORY]));
    assert!(!customer.repository("there").exists());
    customer.run(0, &["purge", "--history"]);
    customer.run(0, &["purge", "--audit"]);
}

#[test]
fn a_bucket_that_keeps_versions_keeps_none_of_a_shredded_client() {
    let server = Seaweed::start("backups");
    server.keep_versions("backups");
    let mut customer = Customer::new();
    let url = server.url("backups", "copies");
    customer.move_place("there", &url, &server.credentials_toml(), None);
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    customer.run(0, &["backup", ASSET]);
    customer.old_points(&["2024-05-06"]);
    customer.run(0, &["backup", ASSET]);
    let young = customer.json(0, &["points", ASSET]);
    let young = young.as_array().unwrap().iter().filter(|p| !p["time"].as_str().unwrap().starts_with("2024"));
    for point in young {
        let id = point["id"].as_str().unwrap();
        fs::remove_file(customer.repository("here").join("snapshots").join(id)).unwrap();
        server.delete_object("backups", &format!("copies/{REPOSITORY}/snapshots/{id}"));
    }
    customer.lose_known_points();
    server.begin_upload("backups", &format!("copies/{REPOSITORY}/data/00/x"));
    leave(&customer);
    customer.declare("[assets.\"blog\"]\nclass = \"website\"\nhost = \"web1\"\nclient = \"C-blog\"\npath = \"/srv/blog\"\n");
    customer.run(0, &shred(&["--yes", REPOSITORY]));
    let versions = server.versions("backups");
    assert!(versions.iter().all(|path| !path.contains(REPOSITORY)), "{versions:?}");
    assert!(!server.uploads("backups").contains(REPOSITORY));
}
