//! Ctrl-C in the middle of a command, and two commands at once: both end with an answer, and neither leaves anything that
//! the next command stumbles over.
//!
//! The moment is chosen by what the process has read or stored so far, as the kernel counts it, so that a slow machine
//! tests the same thing as a fast one.
#![allow(clippy::disallowed_methods, reason = "tests run programs and wait")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::{ASSET, Customer, REPOSITORY, assert_same, code, noise, objects, text};

const LOCATIONS: [&str; 2] = ["here", "there"];
const FILES: u64 = 40;
const FILE_BYTES: usize = 5_000_000;
/// No process may hang after a signal. What is in memory still goes out, which takes a busy machine a while.
const END_MAX: Duration = Duration::from_secs(120);

/// A site that takes a while: 200 MB that nothing compresses.
fn big_customer() -> Customer {
    let customer = Customer::new();
    for number in 0..FILES {
        fs::write(customer.path(&format!("site/media{number}.bin")), noise(number + 1, FILE_BYTES)).unwrap();
    }
    customer
}

fn start(customer: &Customer, arguments: &[&str]) -> Child {
    customer.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    let sent =
        std::process::Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status();
    assert!(sent.unwrap().success(), "the process was gone before the signal {name}");
}

/// Waits until `is_due`, while the process runs.
#[track_caller]
fn wait_until(child: &mut Child, is_due: impl Fn(&Child) -> bool) {
    let start = Instant::now();
    while !is_due(child) {
        assert!(child.try_wait().unwrap().is_none(), "the command ended before the moment came");
        assert!(start.elapsed() < Duration::from_secs(60), "the moment never came");
        sleep(Duration::from_millis(1));
    }
}

/// Bytes that the process has asked the kernel for so far.
fn bytes_read(child: &Child) -> u64 {
    let io = fs::read_to_string(format!("/proc/{}/io", child.id())).unwrap_or_default();
    let line = io.lines().find_map(|line| line.strip_prefix("rchar: "));
    line.map_or(0, |number| number.trim().parse().unwrap())
}

/// Interrupts a command and checks how it ends.
#[track_caller]
fn interrupt(customer: &Customer, mut child: Child, name: &str) -> Output {
    let start = Instant::now();
    signal(&child, name);
    while child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < END_MAX, "the command did not end after {name}");
        sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 130, "{}", text(&output));
    for location in LOCATIONS {
        let locks = objects(&customer.repository(location), "locks");
        assert!(locks.is_empty(), "locks were left at {location}: {locks:?}");
    }
    output
}

fn bytes_of(folder: &Path) -> u64 {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.metadata().map_or(0, |m| m.len()))
        .sum()
}

#[test]
fn heavy_an_interrupted_backup_leaves_what_the_next_one_uses() {
    let customer = big_customer();
    let repository = customer.repository("here");
    for name in ["INT", "TERM"] {
        let before = objects(&repository, "data").len();
        let mut child = start(&customer, &["backup", ASSET]);
        // Of two packs of 16 MiB here, and less than thirteen in all, one of the locations lacks little enough to get the
        // index file of what was stored, however far both lag.
        wait_until(&mut child, |_| objects(&repository, "data").len() >= before + 2);
        interrupt(&customer, child, name);
        assert_eq!(objects(&repository, "snapshots").len(), 0, "an interrupted run made a point");
    }
    let report = customer.json(0, &["backup", ASSET]);
    let (bytes, added) = (&report[0]["totals"]["bytes"], &report[0]["totals"]["bytes_added"]);
    let (bytes, added) = (bytes.as_u64().unwrap(), added.as_u64().unwrap());
    // Two packs of 16 MiB each time were seen stored.
    assert!(added + (50 << 20) < bytes, "{added} of {bytes} bytes were stored once more");
    customer.run(0, &["verify", "--read-data"]);
    for location in LOCATIONS {
        let output = customer.restic("restic", location, &["check", "--read-data"]);
        assert!(output.status.success(), "{location}: {}", text(&output));
    }
}

#[test]
fn heavy_an_interrupted_verify_and_restore_leave_nothing_in_the_way() {
    let customer = big_customer();
    customer.run(0, &["backup", ASSET]);
    // The first point was read back whole by its run; the second stands on what its own run did not read.
    customer.run(0, &["backup", ASSET]);
    let mut child = start(&customer, &["verify", "--read-data"]);
    wait_until(&mut child, |child| bytes_read(child) > 60_000_000);
    interrupt(&customer, child, "INT");
    let point = &customer.json(0, &["points", ASSET])[1];
    assert_eq!(point["verdict"], "NO_EVIDENCE", "half a reading is no evidence: {point}");

    let target = customer.path("restored");
    let mut child = start(&customer, &["restore", ASSET, "--to", target.to_str().unwrap()]);
    wait_until(&mut child, |child| bytes_read(child) > 60_000_000 && bytes_of(&target) > 0);
    interrupt(&customer, child, "INT");
    customer.run(0, &["restore", ASSET, "--to", target.to_str().unwrap(), "--overwrite"]);
    assert_same(&customer.path("site"), &target);
    customer.run(0, &["verify", "--read-data"]);
    assert_eq!(customer.json(0, &["points", ASSET])[1]["verdict"], "PASS");
}

#[test]
fn heavy_the_second_of_two_on_one_state_folder_ends_and_names_the_first() {
    let customer = big_customer();
    let repository = customer.repository("here");
    let mut first = start(&customer, &["backup", ASSET]);
    wait_until(&mut first, |_| !objects(&repository, "locks").is_empty());
    // It holds still, so that the others certainly come while it is at work.
    signal(&first, "STOP");
    for arguments in [&["backup", ASSET][..], &["backup", "--all"], &["purge"], &["repair", REPOSITORY]] {
        let refused = customer.run(3, arguments);
        let holder = format!("holdfast backup, process {}", first.id());
        assert!(refused.contains(&holder) && refused.contains("hint:"), "{refused}");
    }
    // Another state folder has another owner; there, the repository's own lock stands in the way of deleting.
    let mut elsewhere = std::process::Command::new(env!("CARGO_BIN_EXE_holdfast"));
    elsewhere.arg("--config").arg(customer.path("etc")).arg("--state").arg(customer.path("elsewhere"));
    let output = elsewhere.arg("purge").output().unwrap();
    let said = text(&output);
    assert_eq!(code(&output), 3, "{said}");
    assert!(said.contains(&format!("process {}", first.id())), "{said}");
    signal(&first, "CONT");
    let output = first.wait_with_output().unwrap();
    assert_eq!(code(&output), 0, "{}", text(&output));
    customer.run(0, &["backup", ASSET]);
    customer.run(0, &["verify", "--read-data"]);
}
