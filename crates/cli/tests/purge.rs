//! Retention through the command line: what is past its age goes from both places with its bytes, the last way back
//! stays, and a clock that cannot be right stops everything.
//!
//! Points of the past are made by the backup itself, on a clock of the test's own.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use serde_json::Value;
use support::{ASSET, Customer, assert_same, bytes_below, flip, noise, objects, text, walk};

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

/// A point of `date` at both places, with `site` plus a file of its own; returns its id.
fn old_point(customer: &Customer, date: &str, seed: u64) -> String {
    let own = customer.path("site/own.bin");
    fs::write(&own, noise(seed, OWN_BYTES)).unwrap();
    let id = customer.back_up_at(ASSET, &format!("{date}T00:00:00Z"));
    fs::remove_file(own).unwrap();
    id
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

fn verdicts(report: &Value) -> BTreeMap<String, String> {
    let decisions = report["decisions"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
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
    let said = customer.run(0, &["purge", "--dry-run"]);
    assert_eq!(said.matches("exempt").count(), 1, "{said}");

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

/// What strangers write cannot be told from nothing, and decides nothing.
#[test]
fn a_snapshot_that_claims_to_be_of_the_future_is_told_and_stops_nothing() {
    let customer = customer_of_today();
    let old = old_point(&customer, "2020-01-01", 41);
    customer.run(0, &["backup", ASSET]);
    let (tag, site) = (format!("asset:{ASSET}"), customer.path("site"));
    for time in ["2099-01-01 00:00:00", "2019-01-01 00:00:00"] {
        let arguments =
            ["backup", "--time", time, "--tag", &tag, "--tag", "kind:full", site.to_str().unwrap()];
        let output = customer.restic("restic", "here", &arguments);
        assert!(output.status.success(), "{}", text(&output));
    }
    let before = everything(&customer);
    let told = customer.json(1, &["purge", "--dry-run"]);
    assert_eq!(everything(&customer), before, "a dry run changed something");
    let foreign: Vec<&Value> =
        told["decisions"].as_array().unwrap().iter().filter(|d| d["origin"] == "foreign").collect();
    assert_eq!(foreign.len(), 2, "{told}");
    assert!(foreign.iter().all(|d| d["verdict"] == "keep"), "{told}");
    let said = customer.run(1, &["purge"]);
    assert!(
        said.contains("1 point (") && said.contains("claiming to be of a time that is to come"),
        "{said}"
    );
    assert!(said.contains("2 points (") && said.contains("that no run of ours recorded"), "{said}");
    assert!(LOCATIONS.iter().all(|location| !snapshots(&customer, location).contains(&old)));
    let points = customer.json(0, &["points", ASSET]);
    let foreign: Vec<&Value> =
        points.as_array().unwrap().iter().filter(|point| point["kind"] == "foreign").collect();
    assert_eq!(foreign.len(), 2, "{points}");
    for point in foreign {
        let reason = point["reason"].as_str().unwrap();
        assert_eq!(point["verdict"], "NO_EVIDENCE");
        assert!(reason.starts_with("foreign: no run of ours recorded it; first seen at"), "{reason}");
        assert_eq!(
            reason.contains("to come"),
            point["time"].as_str().unwrap().starts_with("20") && point["time"].as_str().unwrap() > "2090",
            "{reason}"
        );
    }
}

#[test]
fn a_clock_that_cannot_be_right_stops_the_purge_until_somebody_says_that_it_is() {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    // The last that anything of holdfast saw of the clock is years ago.
    customer.old_points(&["2020-01-01", "2020-01-02"]);
    let before = everything(&customer);
    for arguments in [&["purge"][..], &["purge"], &["purge", "--dry-run"]] {
        let refused = customer.run(5, arguments);
        assert!(
            refused.contains("nothing is purged") && refused.contains("set the clock right"),
            "{refused}"
        );
        assert!(refused.contains("--clock-is-right"), "{refused}");
    }
    assert_eq!(everything(&customer), before, "a refused purge changed something");
    // Neither does a backup vouch for the clock: the daemon makes one whatever the clock says.
    customer.run(0, &["backup", ASSET]);
    customer.run(5, &["purge"]);
    assert_eq!(snapshots(&customer, "here").len(), 3);
    // Somebody's word starts the purge again. How much of these years really passed, nobody knows by it.
    let report = customer.json(0, &["purge", "--clock-is-right"]);
    let reason = report["decisions"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("of which 0 are known to have passed, because the clock jumped"), "{reason}");
    assert_eq!(snapshots(&customer, "here").len(), 3);
    customer.run(0, &["purge"]);
}

#[test]
fn without_the_last_reading_of_the_clock_backups_go_on_and_purges_do_not() {
    let customer = customer_of_today();
    let old = old_point(&customer, "2020-01-01", 51);
    let record = customer.path("state/records/clock/reading.json");
    fs::write(&record, "nonsense").unwrap();
    let said = customer.run(1, &["backup", ASSET]);
    assert!(said.contains("reading.json"), "{said}");
    assert!(customer.run(3, &["purge"]).contains("reading.json"));
    assert!(snapshots(&customer, "here").contains(&old));
    assert_eq!(snapshots(&customer, "here").len(), 3);
    // Moved away, the last point that a run made is what the clock is doubted by.
    fs::remove_file(record).unwrap();
    customer.run(0, &["purge"]);
    assert!(!snapshots(&customer, "here").contains(&old));
}
