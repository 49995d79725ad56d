//! Locations that cannot be opened, credentials that are not there, and doors that must stay shut.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;

use support::{ASSET, Customer, REPOSITORY, code, text};

fn location(name: &str, url: &str, more: &str) -> String {
    format!("[locations.{name}]\nsite = \"london\"\nhost = \"{name}\"\nurl = \"{url}\"\n{more}\n")
}

#[test]
fn a_location_that_cannot_be_opened_is_found_by_validate_and_holds_up_no_other() {
    for (more, cause) in [
        ("credentials = { file = \"keys/nowhere.toml\" }", "keys/nowhere.toml"),
        ("credentials = { file = \"keys/loginless.toml\" }", "no way to log in"),
    ] {
        let customer = Customer::new();
        fs::write(customer.path("site/index.php"), "<?php").unwrap();
        if more.contains("loginless") {
            customer.secret("loginless.toml", "host_key = \"SHA256:abc\"\n");
        }
        customer.declare(&location("far", "sftp://backup@127.0.0.1:9/srv/holdfast", more));
        let run = |expected: i32, arguments: &[&str]| {
            let output = customer.command(arguments).env_remove("SSH_AUTH_SOCK").output().unwrap();
            assert_eq!(code(&output), expected, "{arguments:?}: {}", text(&output));
            text(&output)
        };
        let found = run(2, &["validate"]);
        assert!(found.contains("location-cannot-be-opened") && found.contains(cause), "{found}");
        assert!(found.contains("estate.toml:"), "{found}");
        let owed = run(1, &["backup", ASSET]);
        assert!(owed.contains("2 of 3 locations") && owed.contains("owed: location far"), "{owed}");
        assert!(owed.contains(cause), "{owed}");
        run(
            0,
            &["restore", ASSET, "--to", customer.path("restored").to_str().unwrap(), "--location", "here"],
        );
        assert_eq!(fs::read_to_string(customer.path("restored/index.php")).unwrap(), "<?php");
    }
}

#[test]
fn nothing_goes_through_the_exit_door_but_reading() {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    customer.run(0, &["backup", ASSET]);
    let tags = || text(&customer.restic("restic", "here", &["snapshots", "--json"]));
    let before = tags();
    for sneaky in [
        &["--key-hint", "snapshots", "tag", "--add", "X", "latest"][..],
        &["--cache-dir", "ls", "forget", "latest"],
        &["-o", "check", "unlock"],
        &["--verbose", "snapshots"],
        &["tag", "--add", "X", "latest"],
    ] {
        let arguments = [&["restic", REPOSITORY, "--"], sneaky].concat();
        let refused = customer.run(5, &arguments);
        assert!(refused.contains("reading commands are"), "{refused}");
    }
    assert_eq!(tags(), before);
    customer.run(0, &["restic", REPOSITORY, "--", "snapshots", "--json"]);
}
