//! A controller that is lost, and what brings it back.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use super::{Customer, code, text};

pub const LEDGER: &str = "holdfast-ledger";
pub const SECRET: &str = "AGE-SECRET-KEY-1";

/// Makes a kit; returns its folder.
#[track_caller]
pub fn make_kit(customer: &Customer, name: &str, more: &[&str]) -> PathBuf {
    let out = customer.path(name);
    let said = customer.run(0, &[&["key", "kit", "--out", out.to_str().unwrap()], more].concat());
    assert!(!said.contains(SECRET), "{said}");
    out
}

/// The machine is gone, with configuration, keys and state.
pub fn lose(customer: &Customer) {
    fs::create_dir(customer.path("lost")).unwrap();
    for folder in ["etc", "state"] {
        fs::rename(customer.path(folder), customer.path("lost").join(folder)).unwrap();
    }
}

/// A command of the controller in `folder`.
pub fn of(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    command.arg("--config").arg(folder).arg("--state").arg(folder.join("state")).args(arguments);
    command.output().unwrap()
}

#[track_caller]
pub fn run_of(folder: &Path, expected: i32, arguments: &[&str]) -> String {
    let output = of(folder, arguments);
    assert_eq!(code(&output), expected, "holdfast {}: {}", arguments.join(" "), text(&output));
    text(&output)
}

pub fn recovering(url: &str, kit: &[&Path], into: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    command.args(["key", "recover", "--location", url, "--into"]).arg(into);
    for file in kit {
        command.arg("--kit").arg(file);
    }
    command
}

#[track_caller]
pub fn recover(expected: i32, url: &str, kit: &[&Path], into: &Path) -> String {
    let output = recovering(url, kit, into).output().unwrap();
    assert_eq!(code(&output), expected, "{}", text(&output));
    text(&output)
}

pub fn status_at(customer: &Customer, instant: &str) -> Vec<u8> {
    customer.holdfast(&["status", "--at", instant, "--json"]).stdout
}

/// Judges, and returns the instant.
pub fn judged(customer: &Customer) -> String {
    let output = customer.command(&["status", "--json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["assessed_at"].as_str().unwrap().to_owned()
}

pub fn verdict_of(report: &Value, control: &str) -> String {
    let controls = report["controls"].as_array().unwrap();
    controls.iter().find(|c| c["control"] == control).unwrap()["verdict"].as_str().unwrap().to_owned()
}

pub fn status(customer: &Customer) -> Value {
    let output = customer.command(&["status", "--all", "--json"]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output)))
}

pub fn local(customer: &Customer, location: &str) -> String {
    customer.path(location).display().to_string()
}
