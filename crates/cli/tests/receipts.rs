//! What a purge says it did, and what really lies at the locations afterwards.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;

use holdfast_testkit::servers::{RestOptions, RestServer};
use serde_json::Value;
use support::{ASSET, Customer, REPOSITORY, objects};

const OLD: [&str; 2] = ["2024-05-06", "2024-05-07"];

fn customer() -> Customer {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    customer
}

/// A point of today and two that are far past every retention, at every location.
fn with_old_points(customer: &Customer) {
    customer.run(0, &["backup", ASSET]);
    customer.old_points(&OLD);
    customer.run(0, &["backup", ASSET]);
}

/// The receipts of a location by the ledger, for the phase in which points are not listed any more.
fn receipts(customer: &Customer, location: &str) -> Vec<Value> {
    customer.receipts(location).into_iter().filter(|receipt| receipt["phase"] == "logical").collect()
}

fn rest(server: &RestServer, more: &str) -> String {
    format!(
        "[locations.rest]\nsite = \"manchester\"\nhost = \"rest\"\nurl = \"{}\"\n\
         credentials = {{ file = \"keys/rest.toml\" }}\n{more}\n",
        server.url("copies")
    )
}

#[test]
fn a_dry_run_tells_and_a_purge_does_and_leaves_a_receipt_at_each_location() {
    let customer = customer();
    with_old_points(&customer);
    let told = customer.run(0, &["purge", "--dry-run"]);
    assert!(told.contains("would forget 2 points") && told.matches("expire").count() == 2, "{told}");
    assert_eq!(
        customer.json(0, &["points", ASSET]).as_array().unwrap().len(),
        4,
        "a dry run changes nothing"
    );
    assert!(receipts(&customer, "here").is_empty());

    let report = customer.json(0, &["purge"]);
    assert_eq!(report["repositories"][0]["forgotten"], 2, "{report}");
    assert_eq!(customer.json(0, &["points", ASSET]).as_array().unwrap().len(), 2);
    for location in ["here", "there"] {
        let kept = receipts(&customer, location);
        assert_eq!(kept.len(), 1, "{kept:?}");
        assert_eq!((&kept[0]["objects"], kept[0]["points"].as_array().unwrap().len()), (&Value::from(2), 2));
        let bytes = customer.receipts(location).into_iter().filter(|r| r["phase"] == "physical");
        let bytes: Vec<Value> = bytes.collect();
        assert!(bytes.iter().all(|r| r["bytes"].as_u64().unwrap() > 0), "{bytes:?}");
        assert!(bytes.iter().any(|r| r["group"] == "data" && r["points"] == kept[0]["points"]), "{bytes:?}");
    }
    let history = customer.json(0, &["purge", "--history"]);
    assert_eq!(history.as_array().unwrap().len(), 1, "a dry run is no purge: {history}");
    let (points, state) = (history[0]["points"].as_array().unwrap(), &history[0]["state"]);
    assert_eq!((state, points.len()), (&Value::from("done"), 2), "{history}");
    for (day, point) in OLD.iter().zip(points) {
        assert!(point["instant"].as_str().unwrap().starts_with(day) && point["asset"] == ASSET, "{point}");
        assert!(point["reason"].as_str().unwrap().contains("past the maximum"), "{point}");
    }
    // What was purged is not missed.
    customer.run(0, &["verify"]);
    customer.run(0, &["purge"]);
    assert_eq!(receipts(&customer, "here").len(), 1, "nothing was deleted, nothing is receipted");
}

#[test]
fn what_a_location_refuses_to_delete_is_said_and_never_counted_as_gone() {
    let customer = customer();
    let server = RestServer::start(&RestOptions { append_only: true, ..RestOptions::default() });
    customer.secret("rest.toml", &server.credentials_toml());
    customer.declare(&rest(&server, ""));
    with_old_points(&customer);
    let copy = server.root.join("copies").join(REPOSITORY);
    let before = objects(&copy, "snapshots");
    assert_eq!(before.len(), 4);
    for _ in 0..2 {
        let report = customer.json(1, &["purge"]);
        let repository = &report["repositories"][0];
        assert_eq!(
            (&repository["forgotten"], &repository["waiting"]),
            (&Value::from(0), &Value::from(2)),
            "{report}"
        );
        let is_told = |t: &Value| {
            t["subject"] == "rest" && t["message"].as_str().unwrap().contains("wait to be deleted")
        };
        assert!(report["troubles"].as_array().unwrap().iter().any(is_told), "{report}");
        assert_eq!(objects(&copy, "snapshots"), before);
        assert!(receipts(&customer, "rest").is_empty(), "what is still there has no receipt");
        assert_eq!(receipts(&customer, "here").len(), 1);
    }
    assert!(customer.run(1, &["purge"]).contains("2 points still to be deleted"));
}

#[test]
fn the_credentials_that_delete_are_opened_by_those_who_delete_alone() {
    let customer = customer();
    let server = RestServer::start(&RestOptions::default());
    customer.secret("rest.toml", &server.credentials_toml());
    customer.declare(&rest(&server, "delete_credentials = { file = \"keys/rest-delete.toml\" }"));
    let said = customer.run(1, &["validate"]);
    assert!(!said.contains("rest-delete.toml"), "a machine in production need not have it: {said}");
    with_old_points(&customer);
    customer.run(0, &["verify", "--read-data"]);
    customer.run(0, &["points", ASSET]);
    customer.run(0, &["restore", ASSET, "--to", customer.path("restored").to_str().unwrap()]);
    customer.run(0, &["purge", "--dry-run"]);
    let refused = customer.run(1, &["purge"]);
    assert!(refused.contains("rest-delete.toml"), "{refused}");
    assert_eq!(objects(&server.root.join("copies").join(REPOSITORY), "snapshots").len(), 4);
    customer.secret("rest-delete.toml", &server.credentials_toml());
    let report = customer.json(0, &["purge"]);
    assert_eq!(report["repositories"][0]["forgotten"], 2, "{report}");
    assert_eq!(objects(&server.root.join("copies").join(REPOSITORY), "snapshots").len(), 2);
    assert_eq!(receipts(&customer, "rest").len(), 1);
}

#[test]
fn points_that_no_asset_owns_any_more_are_found() {
    let customer = customer();
    customer.another_site("blog");
    customer.run(0, &["backup", "--all"]);
    customer.run(0, &["purge"]);
    assert!(!customer.run(1, &["validate"]).contains("blog"));
    customer.change_estate("[assets.\"blog\"]", "[assets.\"renamed\"]");
    for command in [&["purge"][..], &["purge", "--dry-run"], &["validate"]] {
        let said = customer.run(1, command);
        assert!(said.contains("1 point of blog"), "{said}");
    }
    customer.change_estate("client = \"C-blog\"", "client = \"C-other\"");
    let said = customer.run(1, &["purge"]);
    assert!(said.contains("the repository C-blog holds 1 point of blog"), "{said}");
}
