//! Every read of client data is in the log before it happens, or does not happen.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]
#![allow(clippy::disallowed_methods, reason = "tests wait for what they started")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use holdfast_ledger::Reader;
use serde_json::Value;
use support::daemon::{Daemon, fast_policy};
use support::{ASSET, Customer, REPOSITORY, code, noise, objects, text, walk};

fn log(customer: &Customer, filter: &[&str]) -> Vec<Value> {
    let entries = customer.json(0, &[&["audit", "log", "--since", "all"], filter].concat());
    entries.as_array().unwrap().clone()
}

/// Reads by each way there is.
fn read_all_ways(customer: &Customer, expected: i32) -> Vec<String> {
    let target =
        customer.path(&format!("restored-{}", fs::read_dir(customer.folder.path()).unwrap().count()));
    let target = target.to_str().unwrap();
    let file = customer.path("site/index.php");
    vec![
        customer.run(expected, &["ls", ASSET, "/", "--purpose", "ticket 1"]),
        customer.run(
            expected,
            &["restore", ASSET, "--to", target, "--include", "*.php", "--purpose", "ticket 2"],
        ),
        customer.run(
            expected,
            &["restic", REPOSITORY, "--purpose", "ticket 3", "--", "dump", "latest", file.to_str().unwrap()],
        ),
    ]
}

#[test]
fn every_way_to_read_is_an_entry_with_who_what_why_and_its_result() {
    let customer = Customer::with_a_point();
    let point = customer.json(0, &["points", ASSET])[0]["id"].clone();
    customer.run(0, &["ls", ASSET, "--purpose", "ticket 1", "/"]);
    let to = customer.path("restored");
    let to = to.to_str().unwrap();
    customer.run(0, &["restore", ASSET, "--to", to, "--include", "*.php", "--purpose", "ticket 2"]);
    customer.run(0, &["restic", REPOSITORY, "--purpose", "ticket 3", "--", "ls", "latest"]);
    for (kind, purpose, paths) in [
        ("ls", "ticket 1", vec!["/"]),
        ("restore", "ticket 2", vec!["*.php"]),
        ("restic", "ticket 3", vec!["ls", "latest"]),
    ] {
        let entries = log(&customer, &["--kind", kind]);
        assert_eq!(entries.len(), 2, "{kind}: {entries:?}");
        let (begun, ended) = (&entries[0], &entries[1]);
        assert_eq!((&begun["kind"], &ended["kind"]), (&"action-begun".into(), &"action-ended".into()));
        assert_eq!(begun["fact"]["purpose"], purpose, "{begun}");
        assert_eq!(begun["fact"]["paths"], serde_json::json!(paths), "{begun}");
        assert_eq!(begun["fact"]["repository"], REPOSITORY);
        if kind != "restic" {
            assert_eq!((&begun["fact"]["asset"], &begun["fact"]["point"]), (&ASSET.into(), &point));
        }
        let actor: Value = serde_json::from_str(begun["actor"].as_str().unwrap()).unwrap();
        assert!(actor["uid"].is_u64() && actor["user"].is_string() && actor["host"].is_string(), "{actor}");
        assert_eq!(ended["fact"]["outcome"], "done", "{ended}");
        assert_eq!((&ended["actor"], &ended["fact"]["kind"]), (&begun["actor"], &kind.into()));
    }
    assert_eq!(log(&customer, &["--kind", "restore"])[0]["fact"]["target"], to);
    // One that fails is one, too.
    customer.run(
        2,
        &["restore", ASSET, "--to", customer.path("other").to_str().unwrap(), "--include", "nothing.xyz"],
    );
    let failed = log(&customer, &["--kind", "restore"]).pop().unwrap();
    assert_eq!(failed["fact"]["outcome"], "usage", "{failed}");
    assert!(failed["fact"]["detail"].as_str().unwrap().contains("matches nothing"), "{failed}");
    // For eyes, and by filter.
    let shown = customer.run(0, &["audit", "log", "--asset", ASSET, "--kind", "action-begun"]);
    assert!(shown.contains("ticket 2") && !shown.contains("ticket 3"), "{shown}");
    assert!(log(&customer, &["--actor", "nobody-of-this-name"]).is_empty());
    customer.run(0, &["audit", "verify", "--against-all"]);
}

#[test]
fn without_the_log_nothing_is_read() {
    let customer = Customer::with_a_point();
    fs::write(customer.path("state/ledger.db"), "no ledger at all, but long enough to be looked at").unwrap();
    for refused in read_all_ways(&customer, 3) {
        assert!(refused.contains("nothing was done") && refused.contains("ledger.db"), "{refused}");
        assert!(!refused.contains("<?php"), "{refused}");
    }
    let restored = fs::read_dir(customer.folder.path()).unwrap().flatten();
    assert!(!restored.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with("restored")));
    let refused = customer.run(3, &["restore", ASSET, "--to", customer.path("x").to_str().unwrap()]);
    assert!(refused.contains("--break-glass"), "{refused}");
}

#[test]
fn a_broken_glass_leaves_a_signed_record_that_comes_into_the_log_and_is_red_until_reviewed() {
    let customer = Customer::with_a_point();
    let ledger = customer.path("state/ledger.db");
    let whole = fs::read(&ledger).unwrap();
    fs::write(&ledger, "no ledger at all, but long enough to be looked at").unwrap();
    let to = customer.path("restored");
    let report = customer.json(
        1,
        &["restore", ASSET, "--to", to.to_str().unwrap(), "--break-glass", "the shop is down, ticket 9"],
    );
    assert_eq!(fs::read_to_string(to.join("index.php")).unwrap(), "<?php");
    let file = PathBuf::from(report["break_glass_record"].as_str().unwrap());
    assert_eq!(file.parent(), to.parent());
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let record = fs::read_to_string(&file).unwrap();
    assert!(record.contains("ticket 9") && record.contains("\"outcome\":\"done\""), "{record}");
    for location in ["here", "there"] {
        // Before and after, sealed.
        let records = objects(&customer.path(location).join("holdfast-log"), "index");
        assert_eq!(records.len(), 2, "{location}");
        for record in records {
            let bytes = fs::read(record).unwrap();
            assert!(!bytes.windows(8).any(|window| window == b"ticket 9"), "{location}");
        }
    }
    fs::write(&ledger, &whole).unwrap();
    // Whoever can write there can leave anything; it comes not into the log.
    let junk = customer.path("there/holdfast-log/index").join("ab".repeat(32));
    fs::write(junk, "made up").unwrap();
    let found = customer.json(1, &["audit", "break-glass"]);
    let actions = found["actions"].as_array().unwrap();
    assert_eq!(actions.len(), 1, "{found}");
    assert_eq!((&actions[0]["asset"], &actions[0]["outcome"]), (&ASSET.into(), &"done".into()));
    assert!(actions[0]["purpose"].as_str().unwrap().contains("ticket 9"), "{found}");
    // Once only, from wherever.
    let again = customer.json(1, &["audit", "break-glass", "--record", file.to_str().unwrap()]);
    assert_eq!(again["actions"].as_array().unwrap().len(), 1, "{again}");
    let forged = customer.path("forged");
    fs::write(&forged, record.replace("ticket 9", "ticket 8")).unwrap();
    customer.run(2, &["audit", "break-glass", "--record", forged.to_str().unwrap()]);
    let red = customer.json(1, &["audit", "verify"]);
    assert_eq!((&red["verdict"], &red["unreviewed"]), (&"consistent".into(), &1.into()), "{red}");
    let id = actions[0]["id"].as_str().unwrap();
    customer.run(2, &["audit", "break-glass", "review", "nothing", "--by", "M. Chen", "--note", "x"]);
    customer.run(0, &["audit", "break-glass", "review", id, "--by", "M. Chen", "--note", "it was needed"]);
    customer.run(0, &["audit", "break-glass"]);
    customer.run(0, &["audit", "verify"]);
    assert_eq!(log(&customer, &["--kind", "action-reviewed"]).len(), 1);
}

#[test]
fn a_record_comes_into_the_log_with_the_next_signed_head_from_one_location_alone() {
    let customer = Customer::with_a_point();
    let to = customer.path("restored");
    customer.run(1, &["restore", ASSET, "--to", to.to_str().unwrap(), "--break-glass", "no time"]);
    fs::remove_dir_all(customer.path("here/holdfast-log/index")).unwrap();
    customer.run(0, &["audit", "checkpoint"]);
    let merged = log(&customer, &["--kind", "restore"]);
    assert_eq!(merged.len(), 2, "{merged:?}");
    assert!(merged[0]["fact"]["break_glass"].is_string(), "{merged:?}");
    assert_eq!(merged[1]["fact"]["outcome"], "done");
}

#[test]
fn the_daemon_writes_entries_down_for_whoever_reads() {
    let customer = Customer::with_a_point();
    fast_policy(&customer, "24h", 1);
    let daemon = Daemon::start(&customer);
    let listed = read_all_ways(&customer, 0);
    assert!(listed[0].contains("index.php") && listed[2].contains("<?php"), "{listed:?}");
    for kind in ["ls", "restore", "restic"] {
        let entries = log(&customer, &["--kind", kind]);
        assert_eq!(entries.len(), 2, "{kind}: {entries:?}");
        assert_eq!(entries[1]["fact"]["outcome"], "done", "{entries:?}");
    }
    // Its own signed head lies at the locations, without anybody having asked.
    daemon.wait_for(&customer, Duration::from_secs(60), |_| {
        code(&customer.holdfast(&["audit", "verify", "--against-all"])) == 0
    });
    for folder in ["entries", "entries-answered"] {
        assert_eq!(fs::read_dir(customer.path("state/records").join(folder)).unwrap().count(), 0, "{folder}");
    }
    daemon.end(0, 1);
    customer.run(0, &["audit", "verify", "--against-all"]);
}

#[test]
fn a_restore_that_was_killed_is_an_entry_without_a_result_and_is_told() {
    let customer = Customer::new();
    fs::write(customer.path("site/large.bin"), noise(7, 30 << 20)).unwrap();
    customer.run(0, &["backup", ASSET]);
    // Slow enough that it is still at it when it is killed.
    for location in ["here", "there"] {
        let url = format!("url = \"{}\"", customer.path(location).display());
        customer.change_estate(&url, &format!("{url}\nbandwidth = \"1 MB/s\""));
    }
    let to = customer.path("restored");
    let mut restore = customer.command(&["restore", ASSET, "--to", to.to_str().unwrap()]);
    let mut child = restore.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    let open = || Reader::open(&customer.path("state/ledger.db")).and_then(|reader| reader.actions_open());
    while open().map_or(true, |open| open.is_empty()) {
        assert!(start.elapsed() < Duration::from_secs(60), "no entry was made");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "it was over before it was killed");
    let told = customer.run(0, &["audit", "verify"]);
    assert!(
        told.contains("without a result: restore shop.example") && told.contains("no result yet"),
        "{told}"
    );
    fs::write(customer.path("site/new.php"), "<?php").unwrap();
    customer.run(0, &["backup", ASSET]);
    let told = customer.run(0, &["audit", "verify"]);
    assert!(told.contains("was cut off"), "{told}");
    assert_eq!(log(&customer, &["--kind", "restore"])[1]["fact"]["outcome"], "cut-off");
}

#[test]
fn what_changes_or_deletes_is_in_the_log_as_well() {
    let customer = Customer::with_a_point();
    let pack = objects(&customer.repository("there"), "data").remove(0);
    support::flip(&pack);
    customer.run(0, &["repair"]);
    customer.run(0, &["repair", "--dry-run"]);
    customer.run(0, &["purge", "--clock-is-right"]);
    customer.run(0, &["location", "establish", "there"]);
    for kind in ["repair", "clock-confirm", "location-establish"] {
        let entries = log(&customer, &["--kind", kind]);
        assert_eq!(entries.len(), 2, "{kind}: {entries:?}");
        assert_eq!(entries[1]["fact"]["outcome"], "done", "{kind}: {entries:?}");
    }
    // Without the log, none of it.
    fs::write(customer.path("state/ledger.db"), "no ledger at all, but long enough to be looked at").unwrap();
    let before = walk(&customer.path("there"));
    for refused in [&["repair"][..], &["location", "establish", "there"]] {
        let output = customer.holdfast(refused);
        assert_eq!(code(&output), 3, "{}", text(&output));
    }
    assert_eq!(walk(&customer.path("there")), before);
}
