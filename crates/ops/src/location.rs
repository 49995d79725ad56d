//! Tries out what a location really does.

use holdfast_location::{Finding, Grade, ProbeOptions, Topic, Verdict, probe};
use serde::Serialize;

use crate::ending::Ending;
use crate::error::Result;
use crate::setup::Setup;
use crate::verdicts;

/// What trying out a location showed.
#[derive(Debug, Serialize)]
pub struct LocationReport {
    /// The location.
    pub location: String,
    /// One row per thing tried.
    pub findings: Vec<Finding>,
    /// Done; attention when it breaks a promise; not done when it could not be reached.
    #[serde(skip)]
    pub ending: Ending,
}

/// Tries out the location called `name` with the credentials for writing.
pub fn test(setup: &Setup, name: &str) -> Result<LocationReport> {
    let (location, surroundings) = setup.bare_location(name)?;
    let findings = probe(&*location, &surroundings, ProbeOptions::default());
    let is_reached = findings.iter().any(|f| f.what == Topic::Reachable && f.outcome == Verdict::Yes);
    let ending = match (is_reached, findings.iter().any(|f| f.grade == Grade::Bad)) {
        (false, _) => Ending::NotDone,
        (true, true) => Ending::Attention,
        (true, false) => Ending::Done,
    };
    let report = LocationReport { location: name.to_owned(), findings, ending };
    keep(setup, name);
    Ok(report)
}

/// Writes down what the location is, where nobody else has the ledger; whoever has it asks once a day by itself.
fn keep(setup: &Setup, name: &str) {
    if let Ok(ledger) = setup.ledger() {
        let observed: Vec<_> = verdicts::stocktaking::probe_now(setup, name).into_iter().collect();
        // What the test showed is told all the same.
        let _ = verdicts::observe(ledger, &observed, setup.world.clock.now());
    }
}
