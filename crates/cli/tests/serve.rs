//! The daemon: it runs the policy by itself, ends when it is asked to, and is alone.
#![allow(clippy::disallowed_methods, reason = "tests run programs and wait")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use serde_json::Value;
use support::daemon::{Daemon, fast_policy, of_state, slots};
use support::{ASSET, Customer, code, noise, objects, text};

/// A customer with `sites` websites, each with a slot every minute that is due two seconds after it opens.
fn customer(sites: usize) -> Customer {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    fast_policy(&customer, "62s", 1);
    for number in 1..sites {
        customer.another_site(&format!("site{number}.example"));
    }
    customer
}

#[test]
fn slots_are_recorded_run_and_settled_and_there_is_one_daemon() {
    let customer = customer(10);
    let daemon = Daemon::start(&customer);
    let is_ok = |slot: &Value, basis: &str| slot["state"] == "ok" && slot["basis"] == basis;
    let done = daemon.wait_for(&customer, Duration::from_secs(90), |report| {
        let slots = report["slots"].as_array().unwrap();
        let first = slots.iter().filter(|slot| is_ok(slot, "first")).count();
        first == 10 && slots.iter().any(|slot| is_ok(slot, "every 1m"))
    });
    // Written down before anything could have run.
    assert!(of_state(&done, "expected").len() > 1000, "{done}");
    // A second one, and whoever writes, ends and names the first.
    for arguments in [&["serve"][..], &["backup", ASSET], &["purge"]] {
        let refused = customer.run(3, arguments);
        assert!(refused.contains(&format!("holdfast serve, process {}", daemon.id())), "{refused}");
    }
    assert!(done["daemon"].as_str().unwrap().contains(&daemon.id().to_string()), "{done}");
    // Reading goes on beside it.
    assert_eq!(customer.json(0, &["points", ASSET]).as_array().unwrap().len() as u64, {
        let runs = customer.json(0, &["runs", ASSET]);
        runs.as_array().unwrap().iter().filter(|run| run["outcome"] == "done").count() as u64
    });
    let said = daemon.end(0, 1);
    assert!(said.contains("asked to stop"), "{said}");
    let report = slots(&customer);
    let runs = customer.json(0, &["runs"]);
    for slot in of_state(&report, "ok") {
        let run = runs.as_array().unwrap().iter().find(|run| run["id"] == slot["run"]).unwrap();
        assert!(run["point"].is_string() && run["slots"].as_array().unwrap().contains(&slot["id"]), "{slot}");
    }
    let shown = text(&customer.holdfast(&["slots", ASSET]));
    assert!(shown.contains(", first") && shown.contains("no holdfast serve is running"), "{shown}");
}

#[test]
fn a_location_that_is_gone_degrades_slots_and_a_source_that_is_gone_misses_them() {
    let customer = customer(1);
    let daemon = Daemon::start(&customer);
    daemon.wait_for(&customer, Duration::from_secs(150), |report| !of_state(report, "ok").is_empty());
    daemon.end(0, 1);
    fs::rename(customer.path("there"), customer.path("unmounted")).unwrap();
    customer.another_site("late.example");
    let daemon = Daemon::start(&customer);
    let report = daemon.wait_for(&customer, Duration::from_secs(150), |report| {
        of_state(report, "degraded").iter().any(|slot| slot["asset"] == "late.example")
    });
    let slot = of_state(&report, "degraded")[0].clone();
    assert!(slot["reason"].as_str().unwrap().contains("there has no copy"), "{slot}");
    assert!(slot["run"].is_string(), "{slot}");
    // The estate is changed while the daemon runs: no signal is needed.
    for number in 0..12 {
        let name = format!("gone{number}.example");
        customer.another_site(&name);
        fs::remove_dir_all(customer.path(&name)).unwrap();
    }
    let report = daemon.wait_for(&customer, Duration::from_secs(90), |report| {
        of_state(report, "missed").iter().any(|slot| slot["asset"].as_str().unwrap().starts_with("gone"))
    });
    let missed =
        of_state(&report, "missed").into_iter().find(|s| s["asset"].as_str().unwrap().starts_with("gone"));
    assert!(missed.unwrap()["reason"].as_str().unwrap().contains("no run"), "{report}");
    // Red, whoever asks.
    assert_eq!(code(&customer.holdfast(&["slots"])), 1);
    daemon.end(0, 1);
}

/// A customer whose first backup takes seconds, because the line is slow.
fn slow_customer() -> Customer {
    let customer = Customer::new();
    // So long that the first run waits for no other slot that it could serve as well.
    fast_policy(&customer, "5m", 80);
    fs::write(customer.path("site/media.bin"), noise(5, 30 << 20)).unwrap();
    customer.change_estate("host = \"nas1\"\n", "host = \"nas1\"\nbandwidth = \"3MB/s\"\n");
    customer
}

#[test]
fn a_signal_drains_and_what_runs_may_end() {
    let customer = slow_customer();
    let daemon = Daemon::start(&customer);
    daemon.wait_until_said("begins");
    daemon.signal("TERM");
    daemon.wait_until_said("1 runs under way may end");
    customer.another_site("new.example");
    let said = daemon.end(0, 0);
    assert!(said.contains("ended with point"), "{said}");
    let runs = customer.json(0, &["runs"]);
    assert_eq!(runs.as_array().unwrap().len(), 1, "nothing new may begin: {runs}");
    assert_eq!(runs[0]["outcome"], "done");
    assert_eq!(of_state(&slots(&customer), "ok").len(), 1);
}

#[test]
fn heavy_a_second_signal_interrupts_what_runs_and_its_slots_stay_owed() {
    let customer = Customer::new();
    fast_policy(&customer, "5m", 80);
    // Enough to be read for longer than two signals take.
    for number in 0..24 {
        fs::write(customer.path(&format!("site/{number}.bin")), noise(number, 16 << 20)).unwrap();
    }
    let daemon = Daemon::start(&customer);
    daemon.wait_until_said("begins");
    let said = daemon.end(130, 2);
    assert!(!said.contains("ended with point"), "{said}");
    let runs = customer.json(1, &["runs"]);
    assert_eq!(runs[0]["outcome"], "interrupted", "{runs}");
    for location in ["here", "there"] {
        assert_eq!(objects(&customer.repository(location), "locks").len(), 0, "{location}");
    }
    let report = slots(&customer);
    let first = report["slots"].as_array().unwrap().iter().find(|slot| slot["basis"] == "first").unwrap();
    assert_eq!(first["state"], "expected", "{first}");
}

#[test]
fn a_bad_edit_is_told_and_a_good_one_is_taken_over_without_a_signal() {
    let customer = customer(1);
    let daemon = Daemon::start(&customer);
    let policy = fs::read_to_string(customer.path("etc/policy.toml")).unwrap();
    fs::write(customer.path("etc/policy.toml"), policy.replace("hourly", "sometimes")).unwrap();
    daemon.wait_until_said("ALARM: policy.toml was changed and is not used");
    daemon.signal("HUP");
    customer.another_site("new.example");
    daemon.wait_until_said("new.example: run");
    fs::write(customer.path("etc/policy.toml"), policy).unwrap();
    let report = slots(&customer);
    let alarms = report["alarms"].as_array().unwrap();
    assert!(alarms.iter().any(|alarm| alarm["kind"] == "configuration-refused"), "{report}");
    daemon.end(0, 1);
    assert!(text(&customer.holdfast(&["slots"])).contains("ALARM"));
}

#[test]
fn the_supervisor_is_told_when_it_is_ready_and_that_it_stops() {
    let customer = customer(1);
    let path = customer.path("notify");
    let supervisor = UnixDatagram::bind(&path).unwrap();
    supervisor.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut command = customer.command(&["serve"]);
    command.env("NOTIFY_SOCKET", &path);
    let daemon = Daemon::launch_by(command);
    let hear = |words: &str| {
        let mut heard = [0; 4096];
        loop {
            let length = supervisor.recv(&mut heard).unwrap_or_else(|e| panic!("{words} was not said: {e}"));
            let message = String::from_utf8_lossy(&heard[..length]).into_owned();
            if message.lines().any(|line| line == words) {
                return message;
            }
        }
    };
    assert!(hear("READY=1").contains("1 assets"));
    hear("WATCHDOG=1");
    daemon.signal("TERM");
    hear("STOPPING=1");
    daemon.end(0, 0);
}

#[test]
fn without_anybody_who_approved_the_policy_nothing_runs() {
    let customer = customer(1);
    let policy = fs::read_to_string(customer.path("etc/policy.toml")).unwrap();
    fs::write(customer.path("etc/policy.toml"), policy.replace("approved_by", "# approved_by")).unwrap();
    let refused = customer.run(2, &["serve"]);
    assert!(refused.contains("approved_by"), "{refused}");
    let shown = customer.run(1, &["slots"]);
    assert!(shown.contains("NOT EXPECTED: shop.example/site"), "{shown}");
}
