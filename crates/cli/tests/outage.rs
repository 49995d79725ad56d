//! All backups stop for 120 days, and the purge goes on every day. Afterwards nothing that is past its age lies anywhere,
//! but the last good point of each asset, which restores. What lies there is counted by walking the places, with code of
//! this test and with stock restic; no word of holdfast's own is taken for it.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use holdfast_model::Dataset;
use holdfast_ops::Progress;
use holdfast_ops::backup::{How, backup};
use holdfast_ops::ending::Ending;
use holdfast_ops::purge::purge;
use holdfast_world::Clock;
use holdfast_world::fake::FakeClock;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use support::{ASSET, Customer, REPOSITORY, assert_same, bytes_below, noise, objects, text};

const LOCATIONS: [&str; 2] = ["here", "there"];
const OTHER: &str = "blog";
/// Bytes that each point has for itself.
const OWN_BYTES: usize = 400_000;
/// The shipped policy's maximum and grace for websites.
const DAYS_MAX: i64 = 60;
const GRACE_HOURS: i64 = 48;

/// The ids of the snapshots that stock restic lists in a copy.
fn listed(customer: &Customer, location: &str, name: &str) -> Vec<String> {
    let ring = fs::read_to_string(customer.path(&format!("etc/keys/{name}.toml"))).unwrap();
    let password = ring.lines().find_map(|line| line.strip_prefix("password = ")).unwrap().trim_matches('"');
    let output = std::process::Command::new("restic")
        .args(["--no-cache", "--no-lock", "--json", "--repo"])
        .arg(customer.path(location).join(name))
        .args(["snapshots"])
        .env("RESTIC_PASSWORD", password)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let snapshots: Value = serde_json::from_slice(&output.stdout).unwrap();
    let id = |snapshot: &Value| snapshot["id"].as_str().unwrap().to_owned();
    snapshots.as_array().unwrap().iter().map(id).collect()
}

fn names(copy: &Path) -> Vec<String> {
    let objects = objects(copy, "snapshots");
    objects.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn after_120_days_without_backups_only_the_last_good_points_are_left_anywhere() {
    let customer = Customer::new();
    customer.another_site(OTHER);
    let assets = [(ASSET, "site", REPOSITORY.to_owned()), (OTHER, OTHER, format!("C-{OTHER}"))];
    for (_, site, _) in &assets {
        fs::write(customer.path(site).join("shared.bin"), noise(1, 300_000)).unwrap();
    }
    let clock = Arc::new(FakeClock::new("2026-01-05T03:00:00Z".parse().unwrap()));
    let setup = customer.on_clock(&clock);
    let mut made: BTreeMap<String, (&str, Timestamp)> = BTreeMap::new();
    let mut newest: BTreeMap<&str, String> = BTreeMap::new();
    for round in 0..8 {
        for (number, (asset, site, _)) in assets.iter().enumerate() {
            let own = noise(100 + 2 * round + number as u64, OWN_BYTES);
            fs::write(customer.path(site).join("own.bin"), own).unwrap();
            let report =
                backup(&setup, (asset, Dataset::Site), How::default(), &Progress::default()).unwrap();
            assert_eq!(report.ending, Ending::Done, "{:?}", report.troubles);
            let id = report.point.unwrap();
            made.insert(id.clone(), (asset, report.time.unwrap()));
            newest.insert(asset, id);
        }
        clock.advance(Duration::from_secs(4 * 24 * 3600));
    }
    drop(setup);
    // All of it is whole; so the newest is the last good one.
    customer.run(0, &["verify", "--read-data"]);
    let stopped = clock.now();
    let setup = customer.on_clock(&clock);
    let sizes = || {
        assets.iter().flat_map(|(_, _, name)| LOCATIONS.map(|l| bytes_below(&customer.path(l).join(name))))
    };
    let full: Vec<u64> = sizes().collect();
    for day in 0..120 {
        clock.advance(Duration::from_secs(24 * 3600));
        let report = purge(&setup, false, &Progress::default()).unwrap();
        assert_eq!(report.ending, Ending::Done, "day {day}: {:?} {:?}", report.repositories, report.troubles);
        let age = |id: &String| clock.now().duration_since(made[id].1);
        for (asset, _, name) in &assets {
            for location in LOCATIONS {
                let left = names(&customer.path(location).join(name));
                let is_late =
                    |id: &&String| age(id) > SignedDuration::from_hours(24 * DAYS_MAX + GRACE_HOURS);
                let late: Vec<&String> =
                    left.iter().filter(is_late).filter(|id| **id != newest[asset]).collect();
                assert!(late.is_empty(), "day {day}: {late:?} still lie at {location}");
                assert!(
                    left.contains(&newest[asset]),
                    "day {day}: the last good point is gone at {location}"
                );
                // And nothing goes before its time.
                let due = made.iter().filter(|(id, _)| age(id) <= SignedDuration::from_hours(24 * DAYS_MAX));
                let mut of_asset = due.filter(|(_, (of, _))| of == asset);
                assert!(of_asset.all(|(id, _)| left.contains(id)), "day {day}: {location}");
            }
        }
    }
    assert!(clock.now().duration_since(stopped) >= SignedDuration::from_hours(24 * 120));
    let report = purge(&setup, true, &Progress::default()).unwrap();
    let verdicts: Vec<(&str, &str)> =
        report.decisions.iter().map(|d| (d.asset.as_str(), d.verdict)).collect();
    assert_eq!(verdicts, [(ASSET, "exempt"), (OTHER, "exempt")]);
    assert!(report.decisions.iter().all(|d| d.reason.contains("but the last good point")), "{report:?}");
    drop(setup);
    for (number, (asset, site, name)) in assets.iter().enumerate() {
        for (place, location) in LOCATIONS.into_iter().enumerate() {
            let copy = customer.path(location).join(name);
            assert_eq!(names(&copy), std::slice::from_ref(&newest[asset]), "{location}");
            assert_eq!(listed(&customer, location, name), std::slice::from_ref(&newest[asset]), "{location}");
            // Seven points' own bytes are gone, not only their names.
            let (before, after) = (full[number * 2 + place], bytes_below(&copy));
            assert!(
                after + 7 * OWN_BYTES as u64 * 9 / 10 < before,
                "{location}: {before} bytes, then {after}"
            );
            assert!(after < 2 * (OWN_BYTES as u64 + 300_000), "{location}: {after} bytes are left");
            let target = customer.path(&format!("restored {asset} {location}"));
            customer.run(0, &["restore", asset, "--location", location, "--to", target.to_str().unwrap()]);
            assert_same(&customer.path(site), &target);
        }
    }
}
