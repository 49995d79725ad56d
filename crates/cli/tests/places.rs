//! Places that hold somebody else's repository, and places that were replaced.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::path::Path;

use support::{ASSET, Customer, REPOSITORY, code, objects, text};

fn customer_with_a_point() -> Customer {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    customer.run(0, &["backup", ASSET]);
    customer
}

fn lose_key_and_state(customer: &Customer) {
    fs::remove_file(customer.path(&format!("etc/keys/{REPOSITORY}.toml"))).unwrap();
    fs::remove_dir_all(customer.path("state")).unwrap();
    // The log is another matter: a lost one is told, whatever becomes of repositories.
    for location in ["here", "there"] {
        fs::remove_dir_all(customer.path(location).join("holdfast-log")).unwrap();
    }
}

fn everything(repository: &Path) -> Vec<std::path::PathBuf> {
    ["keys", "snapshots", "index", "data"].iter().flat_map(|area| objects(repository, area)).collect()
}

#[test]
fn a_repository_is_not_started_over_one_whose_key_is_missing() {
    let customer = customer_with_a_point();
    let before = everything(&customer.repository("there"));
    lose_key_and_state(&customer);
    let refused = customer.run(2, &["backup", ASSET]);
    assert!(refused.contains("key import"), "{refused}");
    // Without its config it is still somebody's.
    for location in ["here", "there"] {
        fs::remove_file(customer.repository(location).join("config")).unwrap();
    }
    customer.run(2, &["backup", ASSET]);
    assert_eq!(everything(&customer.repository("there")), before);
    assert!(!customer.path(&format!("etc/keys/{REPOSITORY}.toml")).exists());
}

#[test]
fn somebody_elses_repository_that_comes_back_is_named_and_left_alone() {
    let customer = customer_with_a_point();
    let before = everything(&customer.repository("there"));
    lose_key_and_state(&customer);
    fs::remove_dir_all(customer.path("here")).unwrap();
    fs::rename(customer.path("there"), customer.path("away")).unwrap();
    fs::write(customer.path("there"), "a file where the folder should be").unwrap();
    customer.run(1, &["backup", ASSET]);
    fs::remove_file(customer.path("there")).unwrap();
    fs::rename(customer.path("away"), customer.path("there")).unwrap();
    for command in [&["backup", ASSET][..], &["repair"][..]] {
        let output = customer.holdfast(command);
        let said = text(&output);
        assert_ne!(code(&output), 0, "{said}");
        assert!(said.contains("another repository"), "{said}");
    }
    assert_eq!(everything(&customer.repository("there")), before);
}

#[test]
fn one_place_behind_two_names_is_refused() {
    let customer = customer_with_a_point();
    fs::remove_dir_all(customer.path("there")).unwrap();
    std::os::unix::fs::symlink(customer.path("here"), customer.path("there")).unwrap();
    assert!(customer.run(2, &["validate"]).contains("estate.duplicate-location"));
    assert!(customer.run(2, &["backup", ASSET]).contains("same place"));
    fs::remove_file(customer.path("there")).unwrap();
    std::os::unix::fs::symlink(customer.path("site"), customer.path("there")).unwrap();
    assert!(customer.run(2, &["validate"]).contains("estate.location-in-source"));
    assert_eq!(fs::read_dir(customer.path("site")).unwrap().count(), 1, "a refused run changes nothing");
}

#[test]
fn a_replaced_disk_gets_everything_once_it_is_declared_ready() {
    let customer = customer_with_a_point();
    fs::remove_dir_all(customer.path("there")).unwrap();
    let owed = customer.run(1, &["backup", ASSET]);
    assert!(owed.contains("location establish there"), "{owed}");
    assert!(!customer.path("there").exists(), "an unmounted disk must not be written under");
    customer.run(0, &["location", "establish", "there"]);
    customer.run(0, &["backup", ASSET]);
    customer.run(0, &["verify", "--read-data"]);
    assert_eq!(
        everything(&customer.repository("there")).len(),
        everything(&customer.repository("here")).len()
    );
}

#[test]
fn a_lost_state_folder_and_an_unmounted_disk_are_no_new_place() {
    let customer = customer_with_a_point();
    fs::remove_dir_all(customer.path("state")).unwrap();
    fs::rename(customer.path("there"), customer.path("away")).unwrap();
    let mount_point = customer.path("there");
    fs::create_dir(&mount_point).unwrap();
    let is_untouched = || fs::read_dir(&mount_point).unwrap().count() == 0;
    // With the state folder the audit log is lost, and that is told until somebody begins a new one.
    let owed = customer.run(4, &["backup", ASSET]);
    assert!(owed.contains("location establish there") && owed.contains("AUDIT LOG: location here"), "{owed}");
    assert!(is_untouched(), "a repository was written below the mount point");
    customer.run(0, &["audit", "restart", "--by", "M. Chen", "--reason", "the disk with the state died"]);
    customer.run(3, &["location", "test", "there"]);
    assert!(is_untouched(), "a test is no word that the place is new");
    // A key file that nobody can read is a key all the same.
    customer.secret(&format!("{REPOSITORY}.toml"), "damaged");
    let output = customer.holdfast(&["backup", ASSET]);
    assert_eq!(code(&output), 2, "{}", text(&output));
    assert!(is_untouched());
    assert!(customer.run(0, &["location", "establish", "there"]).contains("ready"));
    assert!(!is_untouched());
}

#[test]
fn trying_out_one_place_makes_no_other_one_ready() {
    let customer = Customer::new();
    // Secrets of places lie beside the keys and are none.
    customer.secret("unrelated.toml", "user = \"u\"\npassword = \"p\"\n");
    customer.declare(
        "[locations.far]\nsite = \"london\"\nhost = \"far\"\nurl = \"rest:http://127.0.0.1:9/x\"\n\
         credentials = { file = \"keys/unrelated.toml\" }\n",
    );
    customer.run(0, &["location", "test", "here"]);
    assert!(customer.path("here").exists() && !customer.path("there").exists());
}
