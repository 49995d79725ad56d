//! Signals end processes, so each case runs in a copy of this test program.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::disallowed_methods, reason = "the copy is told its part by a variable")]

use std::sync::atomic::Ordering;
use std::time::Duration;

use holdfast_world::process::{Finished, Invocation};
use holdfast_world::signals;
use rustix::process::{Signal, getpid, kill_process};

const PART: &str = "HOLDFAST_TEST_PART";

fn copy(part: &str) -> Finished {
    Invocation::new(std::env::current_exe().unwrap(), Duration::from_secs(60))
        .arguments(["--exact", "the_part_of_the_copy", "--nocapture"])
        .variable(PART, part)
        .run(None)
        .unwrap()
}

#[test]
fn the_part_of_the_copy() {
    let Ok(part) = std::env::var(PART) else { return };
    let interrupted = signals::install().unwrap();
    let send = |signal| kill_process(getpid(), signal).unwrap();
    let wait = || {
        while !interrupted.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
    };
    match part.as_str() {
        "hangup" => {
            send(Signal::HUP);
            assert!(!interrupted.load(Ordering::Relaxed));
        }
        "once" => {
            send(Signal::TERM);
            wait();
        }
        "twice" => {
            send(Signal::INT);
            wait();
            send(Signal::INT);
            std::thread::sleep(Duration::from_secs(30));
        }
        other => panic!("there is no part {other}"),
    }
}

#[test]
fn a_hangup_is_survived_one_interrupt_is_told_and_a_second_one_insists() {
    assert!(copy("hangup").success());
    assert!(copy("once").success());
    assert_eq!(copy("twice").code, Some(signals::EXIT_INTERRUPTED));
}
