//! No run is done before what it stored was read back, and what is old is read again in turn.
#![allow(clippy::disallowed_methods, reason = "tests wait for a program")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;

use holdfast_testkit::servers::{Bending, RestOptions, RestServer};
use support::{ASSET, Customer, REPOSITORY, objects};

fn customer_with(megabytes: u32) -> Customer {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    for n in 0..megabytes {
        let noise: Vec<u8> = (0..250_000u32)
            .flat_map(|i| (i + n).wrapping_mul(2_654_435_761).rotate_left(n).to_le_bytes())
            .collect();
        fs::write(customer.path(&format!("site/{n}.bin")), noise).unwrap();
    }
    customer
}

fn copy<'a>(report: &'a serde_json::Value, location: &str) -> &'a serde_json::Value {
    report[0]["copies"].as_array().unwrap().iter().find(|c| c["location"] == location).unwrap()
}

#[test]
fn a_bit_that_is_bent_on_its_way_is_found_in_the_run_and_shows_everywhere() {
    let server = RestServer::start(&RestOptions { is_careless: true, ..RestOptions::default() });
    let way = Bending::start(server.port());
    let mut customer = customer_with(60);
    customer.move_place("there", &way.url("copies"), &server.credentials_toml(), None);
    let report = customer.json(4, &["backup", ASSET]);
    assert!(way.is_bent());
    let (here, there) = (copy(&report, "here"), copy(&report, "there"));
    assert_eq!((&here["has_point"], &here["read_back"]["state"]), (&true.into(), &"ok".into()), "{here}");
    assert_eq!(
        (&there["has_point"], &there["read_back"]["state"]),
        (&false.into(), &"damaged".into()),
        "{there}"
    );
    assert_eq!(here["read_back"]["bytes_read"], here["bytes"], "all that was sent was read");
    assert_eq!(there["read_back"]["problems"][0]["points"][0], report[0]["point"]);

    let runs = customer.json(1, &["runs"]);
    assert_eq!(runs[0]["outcome"], "degraded", "{runs}");
    assert_eq!(runs[0]["read_back"][0]["outcome"], "whole", "{runs}");
    assert_eq!(runs[0]["read_back"][1]["outcome"], "damaged", "{runs}");
    let listed = customer.run(1, &["runs"]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(listed.contains("DAMAGED at there; whole at here"), "{listed}");
    let points = customer.json(1, &["points", ASSET]);
    assert_eq!((&points[0]["verdict"], &points[0]["reason"]), (&"FAIL".into(), &"damaged at there".into()));

    customer.run(0, &["repair", REPOSITORY]);
    customer.run(0, &["verify", "--read-data"]);
    let points = customer.json(0, &["points", ASSET]);
    assert_eq!(points[0]["verdict"], "PASS", "{points}");
    assert!(points[0]["checks"][1]["read"].is_string(), "{points}");
    fs::write(customer.path("site/index.php"), "<?php 2").unwrap();
    assert!(!customer.run(0, &["backup", ASSET]).contains("DAMAGED"));
}

#[test]
fn words_say_where_and_what_and_how_to_heal_it() {
    let customer = customer_with(1);
    customer.run(0, &["backup", ASSET]);
    fs::remove_file(objects(&customer.repository("there"), "data").remove(0)).unwrap();
    fs::write(customer.path("site/index.php"), "<?php 2").unwrap();
    let said = customer.run(4, &["backup", ASSET]);
    assert!(said.contains("DAMAGED: location there: data/") && said.contains("not there"), "{said}");
    assert!(said.contains("holdfast repair") && !said.contains("owed"), "{said}");
    // It stays known until it is healed, whatever point is looked at.
    let points = customer.json(1, &["points", ASSET]);
    assert!(points.as_array().unwrap().iter().all(|p| p["verdict"] == "FAIL"), "{points}");
    customer.run(0, &["repair", REPOSITORY]);
    customer.run(0, &["verify", "--read-data"]);
    assert_eq!(customer.json(0, &["points", ASSET])[1]["verdict"], "PASS");
}

#[test]
fn a_first_point_is_whole_everywhere_once_its_run_has_read_it_back() {
    let customer = customer_with(1);
    customer.run(0, &["backup", ASSET]);
    let points = customer.json(0, &["points", ASSET]);
    assert_eq!(points[0]["verdict"], "PASS", "{points}");
    // The next stands on bytes that its own run did not read.
    customer.run(0, &["backup", ASSET]);
    let points = customer.json(0, &["points", ASSET]);
    assert_eq!(points[1]["verdict"], "NO_EVIDENCE", "{points}");
    customer.run(0, &["backup", ASSET, "--full"]);
    assert_eq!(customer.json(0, &["points", ASSET])[2]["verdict"], "PASS");
}

#[test]
fn the_daily_share_is_read_once_a_day_and_written_down() {
    let customer = customer_with(1);
    customer.run(0, &["backup", ASSET]);
    let report = customer.json(0, &["verify", "--rotate"]);
    assert_eq!(report[0]["slice"], serde_json::json!([0, 28]), "{report}");
    assert_eq!(report[0]["verified"]["locations"].as_array().unwrap().len(), 2, "{report}");
    let said = customer.run(0, &["verify", "--rotate"]);
    assert!(said.contains("today's share was read already"), "{said}");
    customer.run(2, &["verify", "--rotate", "--read-data"]);
}
