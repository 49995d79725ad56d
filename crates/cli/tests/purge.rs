//! Retention through the command line: what is past its age goes from both places with its bytes, the last way back
//! stays, and a clock that cannot be right stops everything.
//!
//! Points of the past are made by stock restic, which lets itself be told the time.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use support::{ASSET, Customer, REPOSITORY, assert_same, bytes_below, flip, noise, objects, text, walk};

const LOCATIONS: [&str; 2] = ["here", "there"];
/// Bytes that each old point has for itself.
const OWN_BYTES: usize = 5_000_000;

/// A customer with one point of today at both locations.
fn customer_of_today() -> Customer {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php echo 'shop';\n").unwrap();
    fs::write(customer.path("site/shared.bin"), noise(1, 2_000_000)).unwrap();
    customer.run(0, &["backup", ASSET]);
    customer
}

/// A point of `date` in the copy `here`, with `site` plus a file of its own; returns its id.
fn old_point(customer: &Customer, date: &str, seed: u64) -> String {
    let own = customer.path("site/own.bin");
    fs::write(&own, noise(seed, OWN_BYTES)).unwrap();
    let (time, tag) = (format!("{date} 00:00:00"), format!("asset:{ASSET}"));
    let site = customer.path("site");
    let arguments = [
        "backup",
        "--json",
        "--time",
        &time,
        "--tag",
        &tag,
        "--tag",
        "kind:incremental",
        site.to_str().unwrap(),
    ];
    let output = customer.restic("restic", "here", &arguments);
    assert!(output.status.success(), "{}", text(&output));
    fs::remove_file(own).unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let summary: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let prefix = summary["snapshot_id"].as_str().unwrap();
    let found = snapshots(customer, "here").into_iter().find(|id| id.starts_with(prefix));
    found.unwrap()
}

fn snapshots(customer: &Customer, location: &str) -> Vec<String> {
    let objects = objects(&customer.repository(location), "snapshots");
    objects.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

/// Lets restic forget points at both locations, so that a test decides what is left.
fn forget(customer: &Customer, ids: &[String]) {
    for location in LOCATIONS {
        let mut arguments = vec!["forget"];
        arguments.extend(ids.iter().map(String::as_str));
        let output = customer.restic("restic", location, &arguments);
        assert!(output.status.success(), "{}", text(&output));
    }
    customer.lose_known_points();
}

fn verdicts(report: &serde_json::Value) -> BTreeMap<String, String> {
    let decisions = report["decisions"].as_array().unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    decisions.iter().map(|d| (text(&d["point"]), text(&d["verdict"]))).collect()
}

fn everything(customer: &Customer) -> [BTreeMap<PathBuf, (u64, SystemTime)>; 2] {
    LOCATIONS.map(|location| walk(&customer.path(location)))
}

#[track_caller]
fn assert_whole(customer: &Customer) {
    customer.run(0, &["verify", "--read-data"]);
    for location in LOCATIONS {
        let output = customer.restic("restic", location, &["check", "--read-data"]);
        assert!(output.status.success(), "{location}: {}", text(&output));
    }
}

#[test]
fn expired_points_go_from_both_places_with_their_bytes() {
    let customer = customer_of_today();
    let old = [
        old_point(&customer, "2020-01-01", 11),
        old_point(&customer, "2020-02-01", 12),
        old_point(&customer, "2020-03-01", 13),
    ];
    // Brings the other place what restic stored in one.
    customer.run(0, &["backup", ASSET]);
    for location in LOCATIONS {
        assert_eq!(snapshots(&customer, location).len(), 5, "{location}");
    }
    assert_whole(&customer);

    let before = everything(&customer);
    let told = customer.json(0, &["purge", "--dry-run"]);
    let expected = |id: &String| if old.contains(id) { "expire" } else { "keep" };
    let verdicts = verdicts(&told);
    assert_eq!(verdicts.len(), 5);
    assert!(verdicts.iter().all(|(id, verdict)| verdict == expected(id)), "{told}");
    assert_eq!(told["repositories"][0]["forgotten"], 3);
    assert_eq!(everything(&customer), before, "a dry run changed something");
    assert!(customer.run(0, &["purge", "--dry-run"]).contains("would forget 3 points"));

    let bytes = LOCATIONS.map(|location| bytes_below(&customer.path(location)));
    customer.run(0, &["purge"]);
    for (location, before) in LOCATIONS.into_iter().zip(bytes) {
        let left = snapshots(&customer, location);
        assert!(left.len() == 2 && old.iter().all(|id| !left.contains(id)), "{location}: {left:?}");
        let after = bytes_below(&customer.path(location));
        let (freed, least) = (before.saturating_sub(after), 3 * OWN_BYTES as u64 * 95 / 100);
        assert!(freed >= least, "{location}: {freed} bytes freed of at least {least}");
    }
    assert_eq!(customer.json(0, &["points", ASSET]).as_array().unwrap().len(), 2);
    assert_whole(&customer);
    let target = customer.path("restored");
    customer.run(0, &["restore", ASSET, "--to", target.to_str().unwrap(), "--location", "there"]);
    assert_same(&customer.path("site"), &target);
    // Nothing is left to do, and nothing comes back.
    let before = everything(&customer);
    customer.run(0, &["purge"]);
    assert_eq!(everything(&customer), before, "a second purge changed something");
    customer.run(0, &["backup", ASSET]);
    assert!(LOCATIONS.iter().all(|l| old.iter().all(|id| !snapshots(&customer, l).contains(id))));
}

#[test]
fn the_last_good_point_stays_whatever_its_age() {
    let customer = customer_of_today();
    let today = snapshots(&customer, "here");
    let older = old_point(&customer, "2020-01-01", 21);
    let good = old_point(&customer, "2020-02-01", 22);
    let before: Vec<PathBuf> = objects(&customer.repository("here"), "data");
    let newest = old_point(&customer, "2020-03-01", 23);
    let own_packs: Vec<PathBuf> =
        objects(&customer.repository("here"), "data").into_iter().filter(|p| !before.contains(p)).collect();
    fs::write(customer.path("site/later.txt"), "later").unwrap();
    customer.run(0, &["backup", ASSET]);
    let later: Vec<String> = snapshots(&customer, "here")
        .into_iter()
        .filter(|id| ![&older, &good, &newest].contains(&id))
        .collect();
    assert_eq!(later.len(), today.len() + 1);
    forget(&customer, &later);

    // As long as nobody knows better, the newest is the last way back.
    customer.run(0, &["verify", "--read-data"]);
    let told = verdicts(&customer.json(0, &["purge", "--dry-run"]));
    assert_eq!(
        (told[&older].as_str(), told[&good].as_str(), told[&newest].as_str()),
        ("expire", "expire", "exempt")
    );
    assert!(customer.run(0, &["purge", "--dry-run"]).contains("exempt:"));

    // Its own data is damaged everywhere: now the one before it is.
    let largest = own_packs.iter().max_by_key(|pack| fs::metadata(pack).unwrap().len()).unwrap();
    for location in LOCATIONS {
        flip(&customer.repository(location).join(largest.strip_prefix(customer.repository("here")).unwrap()));
    }
    customer.run(4, &["verify", "--read-data"]);
    let told = verdicts(&customer.json(0, &["purge", "--dry-run"]));
    assert_eq!(
        (told[&older].as_str(), told[&good].as_str(), told[&newest].as_str()),
        ("expire", "exempt", "expire")
    );
    customer.run(0, &["purge"]);
    for location in LOCATIONS {
        assert_eq!(snapshots(&customer, location), std::slice::from_ref(&good), "{location}");
    }
    assert_whole(&customer);
    let target = customer.path("restored");
    customer.run(0, &["restore", ASSET, "--to", target.to_str().unwrap()]);
    assert_eq!(fs::read(target.join("own.bin")).unwrap(), noise(22, OWN_BYTES));
}

#[test]
fn a_place_that_was_away_purges_when_it_is_back() {
    let customer = customer_of_today();
    let old = old_point(&customer, "2020-01-01", 31);
    customer.run(0, &["backup", ASSET]);
    let before = bytes_below(&customer.path("there"));
    fs::rename(customer.path("there"), customer.path("away")).unwrap();
    customer.run(1, &["purge"]);
    assert!(!snapshots(&customer, "here").contains(&old));
    fs::rename(customer.path("away"), customer.path("there")).unwrap();
    assert!(snapshots(&customer, "there").contains(&old), "it was away and lost a point");
    // A run in between must bring nothing back.
    customer.run(0, &["backup", ASSET]);
    assert!(!snapshots(&customer, "here").contains(&old), "a forgotten point came back");
    customer.run(0, &["purge"]);
    assert!(!snapshots(&customer, "there").contains(&old));
    let after = bytes_below(&customer.path("there"));
    assert!(after + OWN_BYTES as u64 * 9 / 10 < before, "{before} bytes, then {after}");
    assert_whole(&customer);
}

/// What the clock is doubted by otherwise, the last run, is tried on a clock of its own beside the code.
#[test]
fn a_point_of_the_future_stops_the_purge() {
    let customer = customer_of_today();
    let old = old_point(&customer, "2020-01-01", 41);
    customer.run(0, &["backup", ASSET]);
    let future = old_point(&customer, "2099-01-01", 42);
    let before = everything(&customer);
    for arguments in [&["purge"][..], &["purge", "--dry-run"]] {
        let refused = customer.run(5, arguments);
        assert!(refused.contains(&future[..8]) && refused.contains("set the clock right"), "{refused}");
        assert!(refused.contains("nothing is purged"), "{refused}");
    }
    assert_eq!(everything(&customer), before, "a refused purge changed something");
    assert!(snapshots(&customer, "here").contains(&old));
    // Once that is gone, and a run showed that the clock goes on, the purge does its work.
    let output = customer.restic("restic", "here", &["forget", &future]);
    assert!(output.status.success(), "{}", text(&output));
    customer.run(0, &["purge"]);
    assert!(LOCATIONS.iter().all(|location| !snapshots(&customer, location).contains(&old)));
    assert!(customer.path("state").join("repositories").join(REPOSITORY).exists());
}
