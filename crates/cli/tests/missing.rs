//! Points that were made and are nowhere.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;

use support::{ASSET, Customer, objects};

fn customer_with_two_points() -> Customer {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    customer.run(0, &["backup", ASSET]);
    fs::write(customer.path("site/index.php"), "<?php changed").unwrap();
    customer.run(0, &["backup", ASSET]);
    customer
}

fn delete_first_point(customer: &Customer, locations: &[&str]) -> String {
    let id = customer.json(0, &["points", ASSET])[0]["id"].as_str().unwrap().to_owned();
    for location in locations {
        let files = objects(&customer.repository(location), "snapshots");
        fs::remove_file(files.iter().find(|file| file.ends_with(&id)).unwrap()).unwrap();
    }
    id
}

#[test]
fn a_point_that_was_deleted_everywhere_is_missed() {
    let customer = customer_with_two_points();
    let id = delete_first_point(&customer, &["here", "there"]);
    let found = customer.run(4, &["verify"]);
    assert!(found.contains("MISSING") && found.contains(&id[..8]), "{found}");
    assert_eq!(customer.json(4, &["verify", "--read-data"])[0]["missing"][0]["point"], id.as_str());
    let points = customer.json(1, &["points", ASSET]);
    assert_eq!((&points[0]["id"], &points[0]["verdict"]), (&id.as_str().into(), &"FAIL".into()), "{points}");
    assert_eq!(points[0]["copies"], serde_json::json!([]));
    // Neither another backup nor a purge makes it forgotten.
    customer.run(0, &["backup", ASSET]);
    customer.run(0, &["purge"]);
    customer.run(4, &["verify"]);
}

#[test]
fn a_point_that_may_lie_where_nobody_could_look_is_not_called_missing() {
    let customer = customer_with_two_points();
    let id = delete_first_point(&customer, &["here"]);
    fs::rename(customer.path("there"), customer.path("away")).unwrap();
    let points = customer.json(1, &["points", ASSET]);
    assert_eq!(
        (&points[0]["id"], &points[0]["verdict"]),
        (&id.as_str().into(), &"NO_EVIDENCE".into()),
        "{points}"
    );
    let report = customer.json(3, &["verify"]);
    assert_eq!(report[0]["missing"], serde_json::json!([]), "{report}");
    fs::rename(customer.path("away"), customer.path("there")).unwrap();
    customer.run(0, &["backup", ASSET]);
    customer.run(0, &["verify"]);
}

#[test]
fn a_repository_that_was_deleted_everywhere_is_missed() {
    let customer = customer_with_two_points();
    for location in ["here", "there"] {
        fs::remove_dir_all(customer.repository(location)).unwrap();
    }
    let report = customer.json(4, &["verify"]);
    assert_eq!(report[0]["missing"].as_array().unwrap().len(), 2, "{report}");
    let points = customer.json(1, &["points", ASSET]);
    assert_eq!(points.as_array().unwrap().len(), 2, "{points}");
    // A new start does not make them forgotten.
    customer.run(0, &["backup", ASSET]);
    customer.run(4, &["verify"]);
    assert_eq!(customer.json(1, &["points", ASSET]).as_array().unwrap().len(), 3);
}

#[test]
fn points_from_before_a_lost_state_folder_are_taken_up_again() {
    let customer = customer_with_two_points();
    fs::remove_dir_all(customer.path("state")).unwrap();
    // That the audit log went with it is told.
    let told = customer.run(4, &["backup", ASSET]);
    assert!(told.contains("holdfast audit restart"), "{told}");
    delete_first_point(&customer, &["here", "there"]);
    customer.run(4, &["verify"]);
}
