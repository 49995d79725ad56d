//! A location that was away gets what it is owed from the daemon, without waiting for the next run of anything.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::path::PathBuf;

use holdfast_ledger::{CheckScope, Reader};
use serde_json::{Value, json};
use support::{ASSET, Customer, REPOSITORY, assert_same, flip, noise, objects, text};

/// A customer with one point everywhere, and one that `there` missed.
fn owed() -> Customer {
    let customer = Customer::new();
    customer.approve();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    customer.run(0, &["backup", ASSET]);
    // The first slot, and what goes on beside it.
    customer.run(0, &["serve", "--once"]);
    fs::rename(customer.path("there"), customer.path("unmounted")).unwrap();
    fs::write(customer.path("site/new.bin"), noise(7, 400_000)).unwrap();
    customer.run(1, &["backup", ASSET]);
    customer
}

fn returns(customer: &Customer) {
    fs::rename(customer.path("unmounted"), customer.path("there")).unwrap();
}

/// The last that a list names. It is red as long as it has no proof, and says so by its exit code.
fn last(customer: &Customer, list: &str) -> Value {
    let output = customer.command(&[list, ASSET, "--json"]).output().unwrap();
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    all.as_array().unwrap().last().unwrap().clone()
}

#[test]
fn what_is_owed_arrives_without_a_run_and_is_known_to_be_read_back() {
    let customer = owed();
    let said = customer.run(0, &["serve", "--once"]);
    assert!(!said.contains("has what it was owed"), "{said}");
    returns(&customer);
    let run = last(&customer, "runs");
    assert_eq!(run["read_back"].as_array().unwrap().len(), 1, "{run}");
    let said = customer.run(0, &["serve", "--once"]);
    assert!(said.contains(&format!("{REPOSITORY}: there has what it was owed: 1 point")), "{said}");
    assert_eq!(last(&customer, "points")["copies"], json!(["here", "there"]));
    let after = last(&customer, "runs");
    assert_eq!(after["id"], run["id"], "no run was made for it");
    let at: Vec<&str> =
        after["read_back"].as_array().unwrap().iter().map(|r| r["location"].as_str().unwrap()).collect();
    assert_eq!(at, ["here", "there"], "{after}");
    let restored = customer.path("restored");
    customer.run(0, &["restore", ASSET, "--location", "there", "--to", restored.to_str().unwrap()]);
    assert_same(&customer.path("site"), &restored);
    assert!(text(&customer.restic("restic", "there", &["check", "--read-data"])).contains("no errors"));
    customer.run(0, &["verify", "--read-data"]);
    let said = customer.run(0, &["serve", "--once"]);
    assert!(!said.contains("has what it was owed"), "once: {said}");
}

#[test]
fn a_point_whose_asset_left_the_estate_is_brought_too() {
    let customer = owed();
    returns(&customer);
    let estate = fs::read_to_string(customer.path("etc/estate.toml")).unwrap();
    let of_asset = estate.find(&format!("[assets.\"{ASSET}\"]")).unwrap();
    let point = last(&customer, "points")["id"].as_str().unwrap().to_owned();
    fs::write(customer.path("etc/estate.toml"), &estate[..of_asset]).unwrap();
    customer.another_site("other.example");
    let said = text(&customer.holdfast(&["serve", "--once"]));
    assert!(said.contains("there has what it was owed: 1 point"), "{said}");
    let names: Vec<PathBuf> = objects(&customer.repository("there"), "snapshots");
    assert!(names.iter().any(|name| name.ends_with(&point)), "{names:?}");
}

#[test]
fn a_location_that_was_healed_by_hand_is_not_asked_for_ever() {
    let customer = owed();
    returns(&customer);
    customer.run(0, &["repair", REPOSITORY]);
    customer.run(0, &["serve", "--once"]);
    // Found by a look, and not said to have been read.
    let point = last(&customer, "points")["id"].as_str().unwrap().to_owned();
    let reader = Reader::open(&customer.path("state/ledger.db")).unwrap();
    let named = |scope: &CheckScope| {
        let checks = reader.every_check_of(REPOSITORY).unwrap();
        checks.iter().filter(|c| c.check.scope == *scope && c.check.findings.arrived.contains(&point)).count()
    };
    assert_eq!(named(&CheckScope::Structure), 1);
    customer.run(0, &["serve", "--once"]);
    assert_eq!(named(&CheckScope::Structure), 1, "and not looked for again");
    assert_eq!(last(&customer, "points")["copies"], json!(["here", "there"]));
    customer.run(0, &["verify", "--read-data"]);
}

#[test]
fn who_holds_it_is_away_and_so_nobody_is_said_to_have_it() {
    let customer = owed();
    returns(&customer);
    fs::rename(customer.path("here"), customer.path("elsewhere")).unwrap();
    let said = text(&customer.holdfast(&["serve", "--once"]));
    assert!(said.contains("there: nobody who could be asked has the point"), "{said}");
    fs::rename(customer.path("elsewhere"), customer.path("here")).unwrap();
    let point = last(&customer, "points");
    assert_eq!(point["copies"], json!(["here"]));
    let reader = Reader::open(&customer.path("state/ledger.db")).unwrap();
    let copies = reader.copies_of(point["id"].as_str().unwrap()).unwrap();
    assert_eq!(copies.iter().map(|copy| copy.location.as_str()).collect::<Vec<_>>(), ["here"]);
    // It is not forgotten either.
    let said = customer.run(0, &["serve", "--once"]);
    assert!(said.contains("there has what it was owed: 1 point"), "{said}");
    let copies = reader.copies_of(point["id"].as_str().unwrap()).unwrap();
    assert_eq!(copies.len(), 2);
}

#[test]
fn what_only_the_other_location_has_and_is_bent_there_is_not_spread() {
    let customer = owed();
    returns(&customer);
    // The newest pack lies here alone.
    let there: Vec<_> = objects(&customer.repository("there"), "data")
        .iter()
        .map(|path| path.file_name().unwrap().to_owned())
        .collect();
    let alone = objects(&customer.repository("here"), "data")
        .into_iter()
        .find(|path| !there.contains(&path.file_name().unwrap().to_owned()))
        .unwrap();
    flip(&alone);
    let said = text(&customer.holdfast(&["serve", "--once"]));
    assert!(!said.contains("has what it was owed") && said.contains("ALARM: what was brought"), "{said}");
    assert_eq!(last(&customer, "points")["copies"], json!(["here"]), "{said}");
    assert!(text(&customer.restic("restic", "there", &["check", "--read-data"])).contains("no errors"));
}
