//! A purge leaves a trace that is true whenever it was cut off: what it decided is written before anything is deleted,
//! and the next one completes it.
#![allow(clippy::disallowed_methods, reason = "tests run programs and wait")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Stdio};

use serde_json::Value;
use support::{ASSET, Customer, REPOSITORY, objects, walk};

const LOCATIONS: [&str; 2] = ["here", "there"];

fn customer_with_old(days: &[&str]) -> Customer {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    customer.run(0, &["backup", ASSET]);
    customer.old_points(days);
    customer.run(0, &["backup", ASSET]);
    customer
}

fn history(customer: &Customer) -> Vec<Value> {
    let output = customer.command(&["purge", "--history", "--json"]).output().unwrap();
    let past: Value = serde_json::from_slice(&output.stdout).unwrap();
    past.as_array().unwrap_or_else(|| panic!("{past}")).clone()
}

fn states(history: &[Value]) -> Vec<&str> {
    history.iter().map(|purge| purge["state"].as_str().unwrap()).collect()
}

/// Points with a receipt of a phase at a location.
fn receipted(customer: &Customer, location: &str, phase: &str) -> BTreeSet<String> {
    let receipts = customer.receipts(location).into_iter().filter(|r| r["phase"] == phase);
    let points = receipts.flat_map(|r| r["points"].as_array().cloned().unwrap_or_default());
    points.map(|point| point.as_str().unwrap().to_owned()).collect()
}

fn decided(history: &[Value]) -> BTreeSet<String> {
    let points = history.iter().flat_map(|purge| purge["points"].as_array().unwrap());
    points.map(|point| point["point"].as_str().unwrap().to_owned()).collect()
}

/// Kills the child as soon as `is_due`; whether it came so far.
fn kill_when(mut child: Child, is_due: impl Fn() -> bool) -> bool {
    while child.try_wait().unwrap().is_none() {
        if is_due() {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
    }
    false
}

#[test]
fn a_purge_that_is_killed_anywhere_is_told_as_cut_off_and_completed_by_the_next() {
    let customer = customer_with_old(&[]);
    let marks = customer.path("state/records/points").join(format!("{REPOSITORY}.json"));
    let is_marked = || fs::read_to_string(&marks).is_ok_and(|text| text.contains("waiting_at"));
    for phase in ["marked", "forgotten", "bytes"] {
        let mut was_hit = false;
        for day in 1..=8 {
            customer.old_points(&[&format!("2024-05-0{day}")]);
            customer.run(0, &["backup", ASSET]);
            let here = customer.repository("here");
            let (snapshots, packs) = (objects(&here, "snapshots").len(), objects(&here, "data"));
            let child = customer.command(&["purge"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            let killed = kill_when(child.unwrap(), || match phase {
                "marked" => is_marked(),
                "forgotten" => objects(&here, "snapshots").len() < snapshots,
                _ => packs.iter().any(|pack| !pack.exists()),
            });
            // Whoever writes next finds it without an end.
            customer.run(0, &["backup", ASSET]);
            let past = history(&customer);
            let last = past.last().unwrap()["state"].as_str().unwrap();
            if killed && last == "cut-off" {
                was_hit = true;
                assert_eq!(past.last().unwrap()["points"].as_array().unwrap().len(), 1, "{past:?}");
                customer.run(1, &["purge", "--history"]);
            }
            customer.run(0, &["purge"]);
            let past = history(&customer);
            assert!(states(&past).iter().all(|state| *state == "done"), "{:?}", states(&past));
            for location in LOCATIONS {
                assert_eq!(receipted(&customer, location, "logical"), decided(&past), "{location}");
                assert_eq!(receipted(&customer, location, "physical"), decided(&past), "{location}");
            }
            if was_hit {
                break;
            }
        }
        assert!(was_hit, "no kill hit the phase {phase}");
    }
}

#[test]
fn what_waits_at_a_location_is_told_until_the_location_is_back() {
    let customer = customer_with_old(&["2024-05-06", "2024-05-07"]);
    fs::rename(customer.path("there"), customer.path("away")).unwrap();
    customer.run(1, &["purge"]);
    let past = history(&customer);
    assert_eq!(states(&past), ["waiting"]);
    let wait = &past[0]["waits"][0];
    assert_eq!((&wait["location"], &wait["points"]), (&Value::from("there"), &Value::from(2)), "{past:?}");
    assert!(receipted(&customer, "there", "logical").is_empty());
    let told = customer.run(1, &["purge", "--history"]);
    assert!(told.contains("waiting") && told.contains("2 points waited at there"), "{told}");
    fs::rename(customer.path("away"), customer.path("there")).unwrap();
    customer.run(0, &["purge"]);
    let past = history(&customer);
    assert_eq!(states(&past), ["done", "done"]);
    for location in LOCATIONS {
        assert_eq!(receipted(&customer, location, "physical"), decided(&past), "{location}");
    }
    customer.run(0, &["purge", "--history"]);
}

#[test]
fn without_the_ledger_nothing_is_purged() {
    let customer = customer_with_old(&["2024-05-06"]);
    let ledger = customer.path("state/ledger.db");
    let (whole, before) = (fs::read(&ledger).unwrap(), LOCATIONS.map(|l| walk(&customer.path(l))));
    fs::write(&ledger, "no ledger at all, but long enough to be looked at").unwrap();
    for beside in ["ledger.db-wal", "ledger.db-shm"] {
        let _ = fs::remove_file(customer.path("state").join(beside));
    }
    customer.run(3, &["purge"]);
    assert_eq!(LOCATIONS.map(|l| walk(&customer.path(l))), before);
    fs::write(&ledger, whole).unwrap();
    customer.run(0, &["purge"]);
    assert_ne!(LOCATIONS.map(|l| walk(&customer.path(l))), before);
}
