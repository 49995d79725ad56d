//! What a restore refuses, what it says when it ends early, and all assets at once.
#![allow(clippy::disallowed_methods, reason = "tests run programs and wait")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use holdfast_testkit::corpus::Dice;
use support::{ASSET, Customer, assert_same, code, objects, text};

fn customer() -> Customer {
    let customer = Customer::new();
    fs::create_dir(customer.path("site/wp-content")).unwrap();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    fs::write(customer.path("site/wp-content/a.txt"), "a").unwrap();
    customer
}

fn restore<'a>(target: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["restore", ASSET, "--to", target], more].concat()
}

#[test]
fn an_include_that_matches_nothing_writes_nothing_and_shows_what_there_is() {
    let customer = customer();
    customer.run(0, &["backup", ASSET]);
    let target = customer.path("restored");
    let target_text = target.to_str().unwrap();
    let said = customer.run(2, &restore(target_text, &["--include", "index.html"]));
    assert!(said.contains("index.php") && said.contains("holdfast ls"), "{said}");
    assert!(!target.exists());
    customer.run(0, &restore(target_text, &["--include", "a.txt"]));
    assert!(target.join("wp-content/a.txt").exists() && !target.join("index.php").exists());
}

#[test]
fn copies_and_sources_are_no_targets() {
    let customer = customer();
    customer.run(0, &["backup", ASSET]);
    std::os::unix::fs::symlink(customer.path("there"), customer.path("link")).unwrap();
    for target in ["here", "here/C-1042", "link/new", "site", "site/restored"] {
        let path = customer.path(target);
        let said = customer.run(2, &restore(path.to_str().unwrap(), &["--overwrite"]));
        assert!(said.contains("hint:"), "{target}: {said}");
    }
    customer.run(0, &["verify", "--read-data"]);
    assert!(!customer.path("site/restored").exists());
}

#[test]
fn damage_that_a_listing_meets_is_told() {
    let customer = customer();
    customer.run(0, &["backup", ASSET]);
    customer.run(0, &["ls", ASSET]);
    for pack in objects(&customer.repository("here"), "data") {
        let mut bytes = fs::read(&pack).unwrap();
        bytes.iter_mut().for_each(|byte| *byte ^= 0x55);
        fs::set_permissions(&pack, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&pack, bytes).unwrap();
    }
    fs::remove_dir_all(customer.path("state/repositories")).unwrap();
    let said = customer.run(4, &["ls", ASSET]);
    assert!(said.contains("index.php") && said.contains("damage: "), "{said}");
}

#[test]
fn an_interrupted_restore_says_how_to_go_on_and_goes_on() {
    let customer = customer();
    let mut dice = Dice::new(3);
    for n in 0..400 {
        fs::write(customer.path(&format!("site/{n}.bin")), dice.bytes(500_000)).unwrap();
    }
    customer.run(0, &["backup", ASSET]);
    let target = customer.path("restored");
    let arguments = restore(target.to_str().unwrap(), &[]);
    let child = customer.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while fs::read_dir(&target).map_or(0, Iterator::count) < 3 {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 130, "{}", text(&output));
    assert!(text(&output).contains("--overwrite"), "{}", text(&output));
    customer.run(0, &restore(target.to_str().unwrap(), &["--overwrite"]));
    assert_same(&customer.path("site"), &target);
}

#[test]
fn all_assets_come_back_each_into_its_own_folder() {
    let customer = customer();
    customer.another_site("blog");
    customer.run(0, &["backup", "--all"]);
    customer.another_site("new.example");
    customer.declare("[assets.zz-machine]\nclass = \"vm\"\nhost = \"web1\"\n");
    let target = customer.path("all");
    // One that was never backed up is said, and holds up no other.
    let said = customer.run(3, &["restore", "--all", "--to", target.to_str().unwrap()]);
    assert!(said.contains("new.example: NOT RESTORED"), "{said}");
    assert_same(&customer.path("site"), &target.join(ASSET));
    assert_same(&customer.path("blog"), &target.join("blog"));
    let reports = customer.json(3, &["restore", "--all", "--to", customer.path("again").to_str().unwrap()]);
    let order: Vec<&str> = reports.as_array().unwrap().iter().map(|r| r["asset"].as_str().unwrap()).collect();
    assert_eq!(
        order,
        ["zz-machine", "blog", "new.example", ASSET],
        "virtual machines come first, by the policy"
    );
    customer.run(2, &["restore", "--to", "/nowhere"]);
}
