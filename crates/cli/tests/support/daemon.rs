//! A daemon under test: what it says is kept, and it ends with the test.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Customer;

pub struct Daemon {
    child: Child,
    said: Arc<Mutex<String>>,
}

/// A policy that is approved and wants a point of every website each minute, within what is left of the objective.
pub fn fast_policy(customer: &Customer, objective: &str, assumed_seconds: u32) {
    let path = customer.path("etc/policy.toml");
    let mut policy = fs::read_to_string(&path).unwrap();
    let assume = format!("assume = {{ capture = \"{assumed_seconds}s\", copy = \"{assumed_seconds}s\" }}");
    for (old, new) in [
        ("# approved_by = \"<who approved this version>\"", "approved_by = \"D. Okafor\"".to_owned()),
        (
            "sentence = \"4.5\"\nincremental = \"daily\"",
            format!("sentence = \"4.5\"\n{assume}\nincremental = \"hourly\""),
        ),
        (
            "rpo.website = { sentence = \"7.4\", objective = \"24h\" }",
            format!("rpo.website = {{ sentence = \"7.4\", objective = \"{objective}\" }}"),
        ),
    ] {
        assert!(policy.contains(old), "{old}");
        policy = policy.replacen(old, &new, 1);
    }
    fs::write(path, policy).unwrap();
}

/// What `slots` tells, whatever its exit code.
pub fn slots(customer: &Customer) -> Value {
    let output = customer.command(&["slots", "--json"]).output().unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// Slots in a state.
pub fn of_state<'v>(report: &'v Value, state: &str) -> Vec<&'v Value> {
    report["slots"].as_array().unwrap().iter().filter(|slot| slot["state"] == state).collect()
}

impl Daemon {
    /// Starts it, and waits until it is ready.
    pub fn start(customer: &Customer) -> Daemon {
        let daemon = Daemon::launch(customer);
        daemon.wait_until_said("ready:");
        daemon
    }

    /// Starts it.
    pub fn launch(customer: &Customer) -> Daemon {
        Daemon::launch_by(customer.command(&["serve"]))
    }

    /// Starts it by a command.
    pub fn launch_by(mut command: Command) -> Daemon {
        command.env("HOLDFAST_FULL_SPEED", "1").stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said: Arc<Mutex<String>> = Arc::default();
        let (stderr, heard) = (child.stderr.take().unwrap(), Arc::clone(&said));
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut said = heard.lock().unwrap();
                said.push_str(&line);
                said.push('\n');
            }
        });
        Daemon { child, said }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    #[track_caller]
    pub fn wait_until_said(&self, words: &str) {
        let start = Instant::now();
        while !self.said().contains(words) {
            // A slot a minute away, and a run, are no failure.
            assert!(start.elapsed() < Duration::from_secs(150), "{words:?} was not said: {}", self.said());
            // What is waited for may last no longer than a few milliseconds.
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// Waits until the slots are as they should be.
    #[track_caller]
    pub fn wait_for(&self, customer: &Customer, patience: Duration, is_so: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let report = slots(customer);
            if is_so(&report) {
                return report;
            }
            assert!(
                start.elapsed() < patience,
                "it did not come to that: {}\n{}",
                report["counts"],
                self.said()
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Asks it to end, by so many signals; returns what it said.
    #[track_caller]
    pub fn end(mut self, expected: i32, signals: usize) -> String {
        for _ in 0..signals {
            self.signal("TERM");
            // Two signals of a kind that come at once are one.
            std::thread::sleep(Duration::from_millis(100));
        }
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "it does not end: {}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        };
        // Its last words may still be on their way.
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(status.code(), Some(expected), "{}", self.said());
        self.said()
    }

    /// kill -9; returns what it had said.
    pub fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        // Its last words may still be on their way.
        std::thread::sleep(Duration::from_millis(20));
        self.said()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
