//! Many assets and many locations: one that is not there yet, or not there any more, holds up no other.
#![allow(clippy::disallowed_methods, reason = "tests measure time")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::time::{Duration, Instant};

use holdfast_testkit::corpus::Dice;
use support::{ASSET, Customer, code, objects, text};

fn customer() -> Customer {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    customer
}

#[test]
fn verifying_everything_passes_over_what_was_never_backed_up_and_says_so() {
    let customer = customer();
    let said = customer.run(3, &["verify"]);
    assert!(said.contains("nothing was verified"), "{said}");
    customer.run(0, &["backup", ASSET]);
    customer.another_site("new.example");
    customer.declare("[assets.machine]\nclass = \"vm\"\nhost = \"web1\"\n");
    let said = customer.run(0, &["verify"]);
    assert!(said.contains("C-new.example: nothing to verify: no point was ever made"), "{said}");
    assert!(said.contains("machine: nothing to verify: assets of class vm"), "{said}");
    // Who asks for it by name gets an error.
    customer.run(2, &["verify", "new.example"]);
    fs::remove_file(objects(&customer.repository("here"), "data").remove(0)).unwrap();
    customer.run(4, &["verify"]);
}

#[test]
fn what_a_location_lacks_is_hinted_at() {
    let customer = customer();
    customer.run(0, &["backup", ASSET]);
    let lacking = objects(&customer.repository("there"), "snapshots").remove(0);
    fs::remove_file(lacking).unwrap();
    let output = customer.holdfast(&["verify"]);
    let said = text(&output);
    assert!(code(&output) == 1 && said.contains("hint: `holdfast serve` brings what is owed"), "{said}");
}

#[test]
fn a_location_that_does_not_answer_is_waited_for_once_and_named_at_once() {
    let customer = customer();
    for n in 0..3 {
        customer.another_site(&format!("site{n}"));
    }
    customer.run(0, &["backup", "--all"]);
    // Nobody listens there.
    customer.declare(
        "[locations.dead]\nsite = \"london\"\nhost = \"dead\"\nurl = \"rest:http://127.0.0.1:1/x\"\n",
    );
    let start = Instant::now();
    let said = customer.run(1, &["backup", "--all"]);
    let spent = start.elapsed();
    assert!(spent < Duration::from_secs(55), "four assets took {spent:?}: {said}");
    assert_eq!(said.matches("location dead does not answer").count(), 1, "{said}");
    assert_eq!(said.matches("owed: location dead").count(), 4, "{said}");
    assert_eq!(said.matches("2 of 3 locations").count(), 4, "{said}");
}

#[test]
fn each_reason_is_told_once() {
    let customer = customer();
    customer.another_site("blog");
    customer.run(0, &["backup", "--all"]);
    fs::rename(customer.path("there"), customer.path("away")).unwrap();
    let said = customer.run(1, &["backup", "--all"]);
    assert_eq!(said.matches("location establish there").count(), 1, "{said}");
    assert_eq!(said.matches("owed: location there").count(), 2, "{said}");
}

#[test]
fn bandwidth_is_kept() {
    let customer = customer();
    fs::write(customer.path("site/noise.bin"), Dice::new(1).bytes(4_000_000)).unwrap();
    customer.change_estate("host = \"nas2\"", "host = \"nas2\"\nbandwidth = \"1MB/s\"");
    let start = Instant::now();
    customer.run(0, &["backup", ASSET]);
    assert!(start.elapsed() > Duration::from_secs(4), "{:?}", start.elapsed());
    let found = customer.path("etc/estate.toml");
    fs::write(&found, fs::read_to_string(&found).unwrap().replace("1MB/s", "1Mb/s")).unwrap();
    let said = customer.run(2, &["validate"]);
    assert!(said.contains("bandwidth") && said.contains("estate.toml:"), "{said}");
}

#[test]
fn tables_in_a_pipe_fit_on_a_page() {
    let customer = customer();
    customer.run(0, &["backup", ASSET]);
    fs::rename(customer.path("there"), customer.path("away")).unwrap();
    for command in
        [&["points", ASSET][..], &["verify"], &["purge", "--dry-run"], &["location", "test", "here"]]
    {
        let output = customer.holdfast(command);
        let table = String::from_utf8(output.stdout).unwrap();
        let widest = table.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert!((1..=100).contains(&widest), "{command:?}: {widest} columns\n{table}");
    }
}

#[test]
fn help_says_what_people_must_know_before_they_run_it() {
    let customer = Customer::new();
    for (command, words) in [
        ("--help", &["HOLDFAST_FULL_SPEED", "HOLDFAST_CONFIG"][..]),
        ("backup", &["HOLDFAST_FULL_SPEED", "Ends with 4", "with 1 when a file", "--accept-smaller"]),
        ("purge", &["last good point", "exempt", "Ends with 0", "receipt", "change nothing"]),
        ("verify", &["Ends with 4", "Ends\nwith 1"]),
    ] {
        let arguments: &[&str] = if command == "--help" { &["--help"] } else { &[command, "--help"] };
        let help = customer.run(0, arguments);
        let flowing = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(flowing.contains(&word.replace('\n', " ")), "{command}: {word:?} in {help}");
        }
    }
}

#[test]
fn a_renamed_asset_and_a_changed_client_leave_points_behind_and_validate_says_so() {
    let customer = customer();
    customer.run(0, &["backup", ASSET]);
    let left = || -> Vec<String> {
        let found = customer.json(1, &["validate"]);
        let found = found.as_array().unwrap().iter();
        let left = found.filter(|finding| finding["code"] == "estate.points-left-behind");
        left.map(|finding| finding["message"].as_str().unwrap().to_owned()).collect()
    };
    assert!(left().is_empty());
    let declared = format!("[assets.\"{ASSET}\"]");
    customer.change_estate(&declared, "[assets.\"renamed.example\"]");
    let renamed = left();
    assert!(renamed.len() == 1 && renamed[0].contains(&format!("1 point of {ASSET}")), "{renamed:?}");
    customer.change_estate("[assets.\"renamed.example\"]", &declared);
    assert!(left().is_empty());
    customer.change_estate("client = \"C-1042\"", "client = \"C-2000\"");
    let moved = left();
    assert!(moved.len() == 1 && moved[0].contains("the repository C-1042 holds"), "{moved:?}");
    customer.change_estate("client = \"C-2000\"", "client = \"C-1042\"");
    // What nothing backs up is told by `validate`, by `slots` and by the linter.
    customer.declare("[assets.machine]\nclass = \"vm\"\nhost = \"web1\"\n[hosts.spare]\nsite = \"london\"\nconnect = \"local\"\n");
    let validated = customer.json(1, &["validate"]).to_string();
    for code in ["estate.class-not-built", "agreement.host-without-assets", "lint.R3"] {
        assert!(validated.contains(code), "{code}: {validated}");
    }
    let slots = customer.json(1, &["slots"]);
    let names: Vec<&str> =
        slots["unprotected"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["machine", "spare"]);
    assert!(customer.run(1, &["slots"]).contains("UNPROTECTED: machine is of the class vm"));
}
