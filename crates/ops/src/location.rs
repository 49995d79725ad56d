//! Tries out what a location really does, and takes up new ones.

use holdfast_ledger::{ActionKind, NewAction};
use holdfast_location::{Finding, Grade, ProbeOptions, Topic, Verdict, probe};
use serde::Serialize;

use crate::action;
use crate::ending::Ending;
use crate::error::Result;
use crate::setup::Setup;

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

/// Makes a new or replaced place ready, on somebody's word that it is one.
///
/// # Errors
/// When that could not be written down, or the place cannot be had.
pub fn establish(setup: &Setup, name: &str) -> Result<()> {
    let action = NewAction {
        location: Some(name.to_owned()),
        ..action::by_us(setup, ActionKind::LocationEstablish, None)
    };
    setup.location(name)?;
    action::recorded(setup, action, || setup.establish_location(name), |()| Ending::Done)
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
    Ok(LocationReport { location: name.to_owned(), findings, ending })
}
