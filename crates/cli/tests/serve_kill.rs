//! kill -9 of the daemon at random, under load. Afterwards every slot is accounted for, none was served twice, the ledger
//! says what its leaves say, and every point is whole.
#![allow(clippy::disallowed_methods, reason = "tests run programs and wait")]
#![allow(clippy::print_stdout, reason = "the count is part of the result")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use holdfast_ledger::Reader;
use jiff::Timestamp;
use serde_json::Value;
use support::daemon::{Daemon, fast_policy, of_state, slots};
use support::{Customer, noise};

/// How many kills: the count with `--long`, fewer in every run.
fn rounds() -> u64 {
    if std::env::var_os("HOLDFAST_TEST_LONG").is_some() { 100 } else { 10 }
}

fn instant(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// What a daemon was doing when it was killed, by what it had said.
fn phase(said: &str) -> &'static str {
    let begun = said.matches(" begins, for ").count();
    let ended = said.matches(" ended with point").count() + said.matches(" failed: ").count();
    match (said.contains("ready:"), begun, ended) {
        (false, ..) => "taking stock",
        (true, 0, _) => "ready, and nothing begun",
        (true, begun, ended) if begun > ended => "runs under way",
        (true, ..) => "after its runs",
    }
}

const PHASES: [&str; 4] = ["taking stock", "ready, and nothing begun", "runs under way", "after its runs"];

#[test]
fn kill_of_the_daemon_at_random() {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    // So long that the first run of a new client waits for no other slot that it could serve as well.
    fast_policy(&customer, "3m", 50);
    for number in 0..8 {
        customer.another_site(&format!("old{number}.example"));
    }
    let mut dice: u64 = 4711;
    let mut phases: BTreeMap<&str, u64> = PHASES.into_iter().map(|phase| (phase, 0)).collect();
    for round in 0..rounds() {
        // Something to do at once, whatever the time: a client who is new.
        let name = format!("new{round}.example");
        customer.another_site(&name);
        fs::write(customer.path(&name).join("media.bin"), noise(round, 4 << 20)).unwrap();
        fs::write(customer.path("site/media.bin"), noise(round + 1000, 2 << 20)).unwrap();
        let daemon = Daemon::launch(&customer);
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pause = dice >> 33;
        // A quarter of the kills at any moment, and one each in the moments that are short: the first, while something
        // runs, and just before.
        match round % 4 {
            0 => std::thread::sleep(Duration::from_millis(pause % 1500)),
            1 => std::thread::sleep(Duration::from_millis(pause % 60)),
            2 => {
                daemon.wait_until_said("begins");
                std::thread::sleep(Duration::from_millis(pause % 40));
            }
            _ => daemon.wait_until_said("ready:"),
        }
        *phases.entry(phase(&daemon.kill())).or_default() += 1;
    }
    for (phase, kills) in &phases {
        println!("{kills:>4} kills: {phase}");
    }
    // Ten kills are too few to be sure of every phase.
    assert!(rounds() < 100 || phases.values().all(|kills| *kills > 0), "a phase was not hit: {phases:?}");
    let daemon = Daemon::start(&customer);
    // Until every client has a point: one whose only run was cut off rests for a minute first, and its repository may lie at
    // one location alone until then.
    let report = daemon.wait_for(&customer, Duration::from_secs(300), |report| {
        let mut has_point: BTreeMap<&str, bool> = BTreeMap::new();
        for slot in report["slots"].as_array().unwrap() {
            let is_served = ["ok", "late", "degraded"].iter().any(|state| slot["state"] == *state);
            *has_point.entry(slot["asset"].as_str().unwrap()).or_default() |= is_served;
        }
        has_point.len() as u64 == rounds() + 9 && has_point.values().all(|has_point| *has_point)
    });
    drop(report);
    // Everything that is under way ends, and everything that is due is settled.
    daemon.end(0, 1);
    let ended = Timestamp::now();
    let report = slots(&customer);
    println!("{} kills; slots: {}", rounds(), report["counts"]);

    let all = report["slots"].as_array().unwrap();
    assert!(report["never_recorded"].as_array().unwrap().is_empty(), "{report}");
    for slot in all {
        assert_eq!(slot["is_recorded"], true, "{slot}");
        let is_decided =
            slot["state"] != "expected" && !slot["reason"].as_str().unwrap_or("").contains("not settled");
        // What became due while the daemon drained is left to the next one.
        let was_due = instant(&slot["due"]) < ended - jiff::SignedDuration::from_secs(15);
        assert!(is_decided || !was_due, "not accounted for: {slot}");
    }
    assert!(!of_state(&report, "ok").is_empty());

    let output = customer.command(&["runs", "--json"]).output().unwrap();
    let runs: Value = serde_json::from_slice(&output.stdout).unwrap();
    let runs = runs.as_array().unwrap();
    let interrupted = runs.iter().filter(|run| run["outcome"] == "interrupted").count();
    println!("{} runs, {interrupted} of them cut off", runs.len());
    assert!(interrupted > 0, "no kill hit a run: {runs:?}");
    let mut served: BTreeMap<&str, usize> = BTreeMap::new();
    let mut of_asset: BTreeMap<&str, Vec<(Timestamp, Timestamp)>> = BTreeMap::new();
    for run in runs {
        assert_eq!(run["state"], "ended", "{run}");
        let times = (instant(&run["begun_at"]), instant(&run["ended_at"]));
        of_asset.entry(run["asset"].as_str().unwrap()).or_default().push(times);
        if matches!(run["outcome"].as_str().unwrap(), "done" | "degraded") {
            for slot in run["slots"].as_array().unwrap() {
                *served.entry(slot.as_str().unwrap()).or_default() += 1;
            }
        }
    }
    let twice: Vec<_> = served.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "served twice: {twice:?}");
    for (asset, times) in &mut of_asset {
        times.sort();
        assert!(times.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{asset} ran twice at once: {times:?}");
    }
    Reader::open(&customer.path("state/ledger.db")).unwrap().audit().unwrap();
    customer.run(0, &["verify", "--read-data"]);
}
