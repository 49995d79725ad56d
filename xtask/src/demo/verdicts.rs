//! What an auditor asks at the end of the month: was the policy kept? On one machine that plays every part it was not, and the
//! program must say so, for exactly these reasons.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use super::product::Product;
use super::{chapter, say};

/// What must be red where one machine plays every part, and no policy was ever reviewed; and nothing else.
const EXPECTED_RED: &[(&str, &str)] = &[
    ("SCOPE-01", "what stands on this machine and in no file is not looked for"),
    ("LOC-01", "both places are one machine"),
    ("LOC-02", "and that machine is the one that they protect"),
    ("DR-04", "so nothing lies off site, and no state counts as safe"),
    ("TEST-01", "nothing lies off site that could be restored for a test, and `serve --once` waits for none"),
    ("TEST-04", "so nothing was restored for a test"),
    ("NOTIF-01", "nobody is to be told: the demo declares no channel"),
    ("REV-01", "nobody ever reviewed this policy"),
];

/// Asks, compares and shows.
pub(super) fn tell(end: &Product, later: &Product) -> Result<()> {
    chapter("What an auditor asks: was the policy kept?");
    let status = end.json(&["status"], 1)?;
    let controls = status["controls"].as_array().context("status --json has no controls")?;
    let red: BTreeMap<&str, &str> = controls
        .iter()
        .filter(|control| matches!(control["verdict"].as_str(), Some("FAIL" | "NO_EVIDENCE" | "STALE")))
        .map(|control| {
            (control["control"].as_str().unwrap_or_default(), control["why"].as_str().unwrap_or_default())
        })
        .collect();
    let expected: Vec<&str> = EXPECTED_RED.iter().map(|(control, _)| *control).collect();
    let mut sorted = expected.clone();
    sorted.sort_unstable();
    ensure!(
        red.keys().copied().eq(sorted.iter().copied()),
        "on one machine exactly {sorted:?} must be red, and there are {red:#?}"
    );
    say("Red, and rightly so, for exactly these reasons:");
    for (control, why) in EXPECTED_RED {
        say(&format!("  {control}: {why}"));
    }
    end.whole(&["status"], 1)?;
    let at = status["assessed_at"].as_str().context("status --json has no instant")?;
    let told = later.json(&["status", "--at", at], 1)?;
    let again = later.json(&["status", "--at", at], 1)?;
    ensure!(
        told == again && told["controls"].as_array().is_some_and(|all| all.len() == controls.len()),
        "the past changed"
    );
    say("Asked again about the same instant, it tells the same: the past is looked up, never computed.");
    Ok(())
}
