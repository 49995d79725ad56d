//! A root whose folders are websites by themselves: what is new enrols, what vanished is missed by its name, and no name in
//! it can do harm.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::time::Duration;

use serde_json::Value;
use support::daemon::{Daemon, fast_policy, of_state};
use support::{ASSET, Customer};

/// A customer with a root of websites, of which there are these.
fn hosting(sites: &[&str], more: &str) -> Customer {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    fs::create_dir(customer.path("vhosts")).unwrap();
    sites.iter().for_each(|site| make(&customer, site));
    customer.declare(&format!(
        "[discover.vhosts]\npath = \"{}/*\"\nclass = \"website\"\nhost = \"web1\"\nclient = \"folder\"\n{more}",
        customer.path("vhosts").display()
    ));
    customer
}

fn make(customer: &Customer, site: &str) {
    let folder = customer.path("vhosts").join(site);
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("index.php"), format!("<?php echo '{site}';")).unwrap();
}

fn codes(customer: &Customer, code: &str) -> Vec<String> {
    let output = customer.command(&["validate", "--json"]).output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = found.as_array().unwrap().iter().filter(|finding| finding["code"] == code);
    found.map(|finding| finding["message"].as_str().unwrap().to_owned()).collect()
}

fn scope(status: &Value) -> Vec<(String, String, String)> {
    let controls = status["controls"].as_array().unwrap();
    let rows = controls.iter().find(|control| control["control"] == "SCOPE-01").unwrap()["rows"].clone();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| (text(row, "target"), text(row, "verdict"), text(row, "why"))).collect()
}

#[track_caller]
fn assert_row(rows: &[(String, String, String)], target: &str, verdict: &str, why: &str) {
    let found = rows.iter().find(|row| row.0 == target).unwrap_or_else(|| panic!("{target}: {rows:#?}"));
    assert!(found.1 == verdict && found.2.contains(why), "{found:?}");
}

#[test]
fn each_folder_is_a_website_of_its_own_client_and_what_vanished_is_missed_and_can_be_had() {
    let customer = hosting(&["a.example", "b.example"], "");
    customer.run(0, &["backup", "--all"]);
    for client in ["a.example", "b.example"] {
        assert!(customer.path("here").join(client).join("snapshots").is_dir(), "{client}");
    }
    let before = customer.json(1, &["status"]);
    assert_row(&scope(&before), "a.example/site", "PASS", "has points");

    fs::rename(customer.path("vhosts/a.example"), customer.path("elsewhere")).unwrap();
    let after = customer.json(1, &["status"]);
    assert_row(&scope(&after), "a.example", "FAIL", "its folder vanished");
    assert_row(&scope(&after), "a.example", "FAIL", "its point stays");
    assert!(scope(&after).iter().all(|row| row.0 != "a.example/site"), "nothing expects points of it");
    let missed = codes(&customer, "estate.discover-vanished");
    assert!(missed.len() == 1 && missed[0].contains("a.example"), "{missed:?}");
    assert!(codes(&customer, "estate.points-left-behind").is_empty(), "it is told once");
    // No run that fails each time, and no mistake when it is asked for.
    let said = customer.run(0, &["backup", "--all"]);
    assert!(said.contains("b.example") && !said.contains("a.example"), "{said}");
    let said = customer.run(3, &["backup", "a.example"]);
    assert!(said.contains("its folder vanished"), "{said}");
    // Who wants it back gets it by its name.
    let to = customer.path("back");
    customer.run(0, &["restore", "a.example", "--to", to.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(to.join("index.php")).unwrap(), "<?php echo 'a.example';");
    let all = customer.path("all");
    customer.run(0, &["restore", "--all", "--to", all.to_str().unwrap()]);
    assert!(all.join("a.example/index.php").exists() && all.join("b.example/index.php").exists());
    // A purge takes it for one that left.
    let plan = customer.run(0, &["purge", "--dry-run"]);
    assert!(!plan.contains("CANNOT"), "{plan}");

    // The past is told as it was.
    let at = before["at"].as_str().unwrap();
    let then = customer.json(1, &["status", "--at", at]);
    assert_row(&scope(&then), "a.example/site", "PASS", "has points");
    assert!(scope(&then).iter().all(|row| row.0 != "a.example"), "it had not vanished by then");

    // What comes back is the same again.
    fs::rename(customer.path("elsewhere"), customer.path("vhosts/a.example")).unwrap();
    let again = customer.json(1, &["status"]);
    assert_row(&scope(&again), "a.example/site", "PASS", "has points");
    assert!(scope(&again).iter().all(|row| row.0 != "a.example"));
    assert_eq!(customer.json(0, &["points", "a.example"]).as_array().unwrap().len(), 1);

    // Gone on purpose: somebody says so, by name.
    fs::remove_dir_all(customer.path("vhosts/a.example")).unwrap();
    assert_row(&scope(&customer.json(1, &["status"])), "a.example", "FAIL", "vanished");
    customer.change_estate("client = \"folder\"", "client = \"folder\"\nexcept = [\"a.example\"]");
    assert!(scope(&customer.json(1, &["status"])).iter().all(|row| row.0 != "a.example"));
    assert!(codes(&customer, "estate.discover-vanished").is_empty());
}

#[test]
fn no_name_in_a_root_breaks_out_takes_the_place_of_another_or_is_passed_over() {
    let customer = hosting(&["good.example"], "except = [\"default\", \"*.test\"]\n");
    let vhosts = customer.path("vhosts");
    let long = "x".repeat(65);
    // Of a name that is no text, of one for a terminal, of one that is an option, of another client, of one that is declared.
    let hostile: [&[u8]; 7] = [
        b"\xff\xfe",
        b"\x1b[2Jred",
        b"-rf",
        b"m\xc3\xbcnchen.example",
        long.as_bytes(),
        b"C-1042",
        ASSET.as_bytes(),
    ];
    for name in hostile {
        fs::create_dir(vhosts.join(OsStr::from_bytes(name))).unwrap();
    }
    for name in [".hidden", "default", "own.test"] {
        fs::create_dir(vhosts.join(name)).unwrap();
    }
    fs::write(vhosts.join("notes.txt"), "x").unwrap();
    symlink("good.example", vhosts.join("www.good.example")).unwrap();
    symlink("/etc", vhosts.join("etc.example")).unwrap();
    // A location for copies lies in the root.
    fs::create_dir(vhosts.join("copies")).unwrap();
    customer.declare(&format!(
        "[locations.third]\nsite = \"manchester\"\nhost = \"nas3\"\nurl = \"{}\"\n",
        vhosts.join("copies/deep").display()
    ));
    let refused = codes(&customer, "estate.discover-refused");
    for (name, why) in [
        ("\"\\xFF\\xFE\"", "no text"),
        ("\"\\u{1b}[2Jred\"", "is no name"),
        ("\"-rf\"", "is no name"),
        ("\"münchen.example\"", "is no name"),
        (&format!("\"{long}\""), "is no name"),
        ("\"C-1042\"", "would share the repository C-1042"),
        (&format!("\"{ASSET}\""), "another asset has its name"),
        ("\"etc.example\"", "symbolic link"),
        ("\"copies\"", "the location third"),
    ] {
        assert!(refused.iter().any(|one| one.contains(name) && one.contains(why)), "{name}: {refused:#?}");
    }
    assert_eq!(refused.len(), 9, "{refused:#?}");
    let said = customer.run(1, &["validate"]);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "discover.vhosts: 1 website in",
        "by except: 2 (default, own.test)",
        "hidden: 1 (.hidden)",
        "no folder: 1 (notes.txt)",
        "a link to another of the same root: 1 (www.good.example)",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    customer.change_estate(
        &format!("{}", vhosts.join("copies/deep").display()),
        customer.path("third").to_str().unwrap(),
    );
    let said = customer.run(0, &["backup", "--all"]);
    assert!(said.contains("good.example: point") && said.contains(&format!("{ASSET}: point")), "{said}");
    assert!(!customer.path("here/etc.example").exists());
    let rows = scope(&customer.json(1, &["status"]));
    assert_row(&rows, "discover.vhosts: etc.example", "FAIL", "unprotected: it is a symbolic link");
    assert_row(&rows, "discover.vhosts: \\xFF\\xFE", "FAIL", "unprotected");
    assert_row(&rows, "good.example/site", "PASS", "has points");

    // The same folder under a name of its own is that one, and no other.
    customer.declare(&format!(
        "[assets.named]\nclass = \"website\"\nhost = \"web1\"\npath = \"{}\"\n",
        vhosts.join("good.example").display()
    ));
    let said = customer.run(1, &["validate"]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("declared in estate.toml: 1 (good.example)"), "{said}");
    assert!(codes(&customer, "estate.discover-vanished").is_empty());
    let said = customer.run(0, &["backup", "--all"]);
    assert!(said.contains("named: point") && !said.contains("good.example: point"), "{said}");
}

#[test]
fn a_root_that_cannot_be_read_is_no_empty_one() {
    let customer = hosting(&["a.example"], "");
    customer.run(0, &["backup", "--all"]);
    fs::rename(customer.path("vhosts"), customer.path("away")).unwrap();
    assert_eq!(codes(&customer, "estate.discover-unreadable").len(), 1);
    assert!(codes(&customer, "estate.discover-vanished").is_empty());
    let rows = scope(&customer.json(1, &["status"]));
    assert_row(&rows, "discover.vhosts", "FAIL", "cannot be told");
    assert_row(&rows, "a.example/site", "PASS", "has points");
    // Expected to be there, so its backup fails aloud.
    let said = customer.run(3, &["backup", "--all"]);
    assert!(said.contains("a.example: no point"), "{said}");
}

#[test]
fn a_pattern_names_one_folder_that_stands_for_many() {
    let customer = hosting(&[], "");
    fs::create_dir_all(customer.path("vhosts/anna/public_html")).unwrap();
    fs::create_dir_all(customer.path("vhosts/empty")).unwrap();
    fs::create_dir_all(customer.path("vhosts/mallory")).unwrap();
    // Whoever owns the folder may replace the one in it.
    symlink(customer.path("vhosts/anna/public_html"), customer.path("vhosts/mallory/public_html")).unwrap();
    customer.change_estate("/vhosts/*\"", "/vhosts/*/public_html\"");
    let refused = codes(&customer, "estate.discover-refused");
    assert!(refused.len() == 1 && refused[0].contains("mallory"), "{refused:?}");
    let said = customer.run(1, &["validate"]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("1 website in") && said.contains("asks for: 1 (empty)"), "{said}");
    for (old, new) in [("/*/public_html", "/public_html"), ("/public_html", "/*/*"), ("/*/*", "/*/a/b")] {
        customer.change_estate(&format!("/vhosts{old}\""), &format!("/vhosts{new}\""));
        let said = customer.run(2, &["validate"]);
        assert!(said.contains("estate.toml:") && said.contains("folder"), "{new}: {said}");
    }
}

#[test]
fn the_daemon_enrols_what_is_new_with_a_deadline_and_misses_what_vanished() {
    let customer = hosting(&["a.example"], "look_every = \"1s\"\n");
    fast_policy(&customer, "62s", 1);
    let daemon = Daemon::start(&customer);
    let has_point = |report: &Value, asset: &str| {
        // On a machine that is busy it may be late.
        let is_done = |slot: &&Value| slot["state"] == "ok" || slot["state"] == "late";
        let slots = report["slots"].as_array().unwrap().iter().filter(is_done);
        slots.into_iter().any(|slot| slot["asset"] == asset && slot["basis"] == "first")
    };
    daemon.wait_for(&customer, Duration::from_secs(60), |report| has_point(report, "a.example"));
    make(&customer, "new.example");
    daemon.wait_until_said("new websites: new.example");
    daemon.wait_for(&customer, Duration::from_secs(60), |report| has_point(report, "new.example"));
    // A folder that comes for a file or one that cannot be an asset changes nothing else.
    fs::create_dir(customer.path("vhosts/not a name")).unwrap();
    daemon.wait_until_said("NOT PROTECTED: \"not a name\"");
    fs::remove_dir_all(customer.path("vhosts/a.example")).unwrap();
    daemon.wait_until_said("VANISHED: a.example");
    let report = daemon.wait_for(&customer, Duration::from_secs(60), |report| {
        of_state(report, "waived").iter().any(|slot| slot["asset"] == "a.example")
    });
    let waived = of_state(&report, "waived");
    assert!(waived.iter().all(|slot| slot["reason"] == "its folder vanished"), "{waived:#?}");
    daemon.end(0, 1);
    let rows = scope(&customer.json(1, &["status"]));
    assert_row(&rows, "a.example", "FAIL", "its folder vanished");
    assert_row(&rows, "discover.vhosts: not a name", "FAIL", "unprotected");
    assert_row(&rows, "new.example/site", "PASS", "has points");
}
