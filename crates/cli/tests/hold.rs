//! Holds and waivers through the command line: who may keep what, for how long, and how it is told.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::sync::Arc;

use holdfast_ops::hold::{self, Subject};
use holdfast_world::fake::FakeClock;
use support::daemon::Daemon;
use support::{ASSET, Customer, REPOSITORY, objects};

const WHY: [&str; 4] = ["--owner", "R. Iyer", "--reason", "case 7"];

#[test]
fn a_hold_is_placed_listed_kept_and_released() {
    let customer = Customer::with_a_point();
    customer.old_points(&["2024-05-06"]);
    let refused = customer.run(2, &[&["hold", ASSET], &WHY[..]].concat());
    assert!(refused.contains("--review-on"), "{refused}");
    customer.run(2, &[&["hold", "shp.example", "--review-on", "2099-01-01"], &WHY[..]].concat());
    customer.run(2, &[&["hold", ASSET, "--review-on", "01/02/2099"], &WHY[..]].concat());
    let placed = customer.json(0, &[&["hold", ASSET, "--review-on", "2099-01-01"], &WHY[..]].concat());
    let of_client = &["hold", "--client", REPOSITORY, "--review-on", "2099-02-01"];
    let of_client = customer.json(0, &[&of_client[..], &WHY].concat());
    let listed = customer.json(0, &["hold", "list"]);
    assert_eq!((&listed[0]["id"], &listed[1]["id"]), (&placed["id"], &of_client["id"]), "{listed}");
    assert_eq!(listed[1]["asset"], format!("client:{REPOSITORY}"));
    let shown = customer.run(0, &["hold", "list"]);
    assert!(shown.contains("R. Iyer") && shown.contains("2099-01-01"), "{shown}");

    let told = customer.json(0, &["purge"]);
    assert_eq!(told["decisions"][0]["verdict"], "exempt", "{told}");
    let reason = told["decisions"][0]["reason"].as_str().unwrap();
    assert_eq!(reason, "held by R. Iyer until reviewed on 2099-01-01: case 7");
    assert_eq!(objects(&customer.repository("there"), "snapshots").len(), 2);

    for id in [&placed["id"], &of_client["id"]] {
        let id = id.as_str().unwrap();
        let short = id.rsplit('-').next().unwrap();
        customer.run(2, &["hold", "release", short]);
        customer.run(0, &["hold", "release", short, "--by", "M. Chen"]);
        customer.run(2, &["hold", "release", short, "--by", "M. Chen"]);
    }
    assert_eq!(customer.json(0, &["hold", "list"]), serde_json::json!([]));
    customer.run(0, &["purge"]);
    for location in ["here", "there"] {
        assert_eq!(objects(&customer.repository(location), "snapshots").len(), 1, "{location}");
    }
}

#[test]
fn a_hold_whose_review_is_overdue_holds_on_and_is_told() {
    let customer = Customer::with_a_point();
    customer.old_points(&["2024-05-06"]);
    {
        let setup = customer.on_clock(&Arc::new(FakeClock::new("2024-06-01T12:00:00Z".parse().unwrap())));
        let day = "2024-07-01".parse().unwrap();
        hold::place(&setup, &Subject::Asset(ASSET.to_owned()), "R. Iyer", "case 7", day).unwrap();
    }
    assert!(customer.run(1, &["hold", "list"]).contains("OVERDUE"));
    assert_eq!(customer.json(1, &["hold", "list"])[0]["is_overdue"], true);
    let said = customer.run(1, &["purge"]);
    assert!(said.contains("the review on 2024-07-01 is overdue"), "{said}");
    assert_eq!(objects(&customer.repository("here"), "snapshots").len(), 2);
}

#[test]
fn a_waiver_has_an_end_an_owner_and_a_reason() {
    let customer = Customer::with_a_point();
    let refused = customer.run(2, &[&["waive", ASSET], &WHY[..]].concat());
    assert!(refused.contains("--until"), "{refused}");
    customer.run(2, &["waive", ASSET, "--until", "2099-01-01", "--owner", "R. Iyer"]);
    for (until, dataset) in [("2020-01-01", "site"), ("2099-01-01", "disks"), ("soon", "site")] {
        let arguments = ["waive", ASSET, "--until", until, "--dataset", dataset];
        customer.run(2, &[&arguments[..], &WHY].concat());
    }
    let granted = customer.json(0, &[&["waive", ASSET, "--until", "2099-01-01"], &WHY[..]].concat());
    let listed = customer.json(0, &["waive", "list"]);
    assert_eq!(listed[0]["id"], granted["id"], "{listed}");
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!((&listed[0]["owner"], &listed[0]["reason"]), (&"R. Iyer".into(), &"case 7".into()));
    assert!(customer.run(0, &["waive", "list"]).contains("case 7"));
}

#[test]
fn the_daemon_writes_down_what_it_is_asked_for() {
    let customer = Customer::with_a_point();
    support::daemon::fast_policy(&customer, "24h", 1);
    let daemon = Daemon::start(&customer);
    let placed = customer.json(0, &[&["hold", ASSET, "--review-on", "2099-01-01"], &WHY[..]].concat());
    assert_eq!(customer.json(0, &["hold", "list"])[0]["id"], placed["id"]);
    let granted = customer.json(0, &[&["waive", ASSET, "--until", "2099-01-01"], &WHY[..]].concat());
    assert_eq!(customer.json(0, &["waive", "list"])[0]["id"], granted["id"]);
    let id = placed["id"].as_str().unwrap();
    customer.run(0, &["hold", "release", id, "--by", "M. Chen"]);
    assert_eq!(customer.json(0, &["hold", "list"]), serde_json::json!([]));
    for folder in ["requests", "answers"] {
        let left = fs::read_dir(customer.path("state/records").join(folder)).unwrap().count();
        assert_eq!(left, 0, "{folder} are left");
    }
    let said = daemon.end(0, 1);
    assert!(
        said.contains("is held by R. Iyer: case 7") && said.contains("was released by M. Chen"),
        "{said}"
    );
}
