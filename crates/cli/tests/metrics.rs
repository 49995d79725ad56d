//! What Prometheus gets: a real scrape of a real daemon, judged by promtool, and everything that the dashboard, the rules and
//! the documentation name in it.
#![allow(clippy::disallowed_methods, reason = "tests run programs and wait")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;
#[path = "support/told.rs"]
mod told;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use holdfast_server::METRICS;
use holdfast_testkit::lab;
use holdfast_testkit::servers::Hook;
use support::daemon::{Daemon, fast_policy};
use support::{Customer, text};
use told::{hook_channel, wait_for};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn promtool(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(lab::program("promtool"))
        .args(arguments)
        .current_dir(root().join("packaging/prometheus"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[track_caller]
fn assert_well(output: &Output) {
    assert!(output.status.success(), "{}", text(output));
}

/// Every name of ours in a text.
fn names(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c: char| !is_part(c))
        .filter(|word| word.starts_with("holdfast_"))
        .map(str::to_owned)
        .collect()
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

/// The expressions of the dashboard, which is JSON.
fn dashboard() -> String {
    let board: serde_json::Value = serde_json::from_str(&read("packaging/grafana/holdfast.json")).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let expressions: Vec<String> =
        targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "every panel has an id of its own");
    expressions.join("\n")
}

fn get(address: &str, path: &str) -> (u16, String) {
    let output = Command::new("curl")
        .args(["-s", "-m", "20", "-w", "\n%{http_code}", &format!("{address}{path}")])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap_or(0), body.to_owned())
}

#[test]
fn a_real_scrape_passes_promtool_and_has_all_that_dashboard_rules_and_documentation_name() {
    let (customer, hook) = (Customer::with_a_point(), Hook::start());
    fast_policy(&customer, "62s", 1);
    customer.declare(&format!("[alerts]\n{}", hook_channel(&customer, &hook)));
    customer.declare(&format!("[alerts.ping]\nurl = \"{}\"\n", hook.url("ping")));
    customer.run(0, &["verify", "--rotate"]);
    let daemon = Daemon::launch_by(customer.command(&["serve", "--listen", "127.0.0.1:0"]));
    daemon.wait_until_said("measurements: ");
    let said = daemon.said();
    let address = said.lines().find_map(|line| line.strip_prefix("measurements: ")).unwrap();
    let address = address.trim_end_matches("/metrics").to_owned();
    daemon.wait_until_said("ended with point");
    // A file that makes no sense is an alarm.
    let estate = fs::read_to_string(customer.path("etc/estate.toml")).unwrap();
    fs::write(customer.path("etc/estate.toml"), "[locations").unwrap();
    daemon.wait_until_said("stays in use");
    fs::write(customer.path("etc/estate.toml"), estate).unwrap();
    let used: BTreeSet<String> =
        names(&dashboard()).union(&names(&read("packaging/prometheus/alerts.yml"))).cloned().collect();
    assert!(used.len() > 15, "{used:?}");
    let told = |body: &str| -> BTreeSet<String> {
        let samples = body.lines().filter(|line| !line.starts_with('#'));
        samples.flat_map(|line| names(line.split(['{', ' ']).next().unwrap())).collect()
    };
    let scraped = wait_for(
        "all metrics",
        || Some(get(&address, "/metrics").1).filter(|body| used.is_subset(&told(body))),
        || {
            let told = told(&get(&address, "/metrics").1);
            format!("{:?}\n{}", used.difference(&told).collect::<Vec<_>>(), daemon.said())
        },
    );
    assert_well(&promtool(&["check", "metrics"], &scraped));
    let described: BTreeSet<String> = METRICS.iter().map(|metric| metric.name.to_owned()).collect();
    assert_eq!(told(&scraped).difference(&described).count(), 0, "{scraped}");
    let documented = names(&read("docs/alerts.md"));
    assert_eq!(described.difference(&documented).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(documented.difference(&described).collect::<Vec<_>>(), Vec::<&String>::new());
    for words in [
        "holdfast_control_verdict{control=\"NOTIF-01\",verdict=",
        "holdfast_slots{asset=\"shop.example\",dataset=\"site\",state=\"ok\"}",
        "holdfast_location_owed_points{location=\"there\"} 0",
        "holdfast_alarms_total{kind=\"configuration-refused\"} 1",
    ] {
        assert!(scraped.contains(words), "{words}: {scraped}");
    }
    assert_eq!(get(&address, "/healthz"), (200, "well\n".to_owned()));
    assert_eq!(get(&address, "/").0, 404);
    daemon.end(0, 1);
    assert_eq!(get(&address, "/metrics").0, 0, "nobody answers any more");
}

#[test]
fn nothing_was_judged_is_not_well_and_a_port_that_is_taken_is_told() {
    let customer = Customer::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = customer.run(3, &["serve", "--listen", &address]);
    assert!(refused.contains(&address) && refused.contains("hint"), "{refused}");
}

#[test]
fn the_rules_are_rules_and_alert_when_they_should() {
    assert_well(&promtool(&["check", "rules", "alerts.yml"], ""));
    assert_well(&promtool(&["test", "rules", "alerts.test.yml"], ""));
}
