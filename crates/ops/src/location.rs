//! Tries out what a location really does, and takes up new ones.

use holdfast_ledger::{ActionKind, NewAction};
use holdfast_location::{Finding, Grade, ProbeOptions, Topic, Verdict, probe, probe_lock};
use serde::Serialize;

use crate::action;
use crate::ending::Ending;
use crate::error::Result;
use crate::object_lock::{self, Worth};
use crate::setup::Setup;
use crate::verdicts;

/// What trying out a location showed.
#[derive(Debug, Serialize)]
pub struct LocationReport {
    /// The location.
    pub location: String,
    /// One row per thing tried.
    pub findings: Vec<Finding>,
    /// What its object lock is worth now; none where the estate says nothing of one.
    pub object_lock: Option<Worth>,
    /// Done; attention when it breaks a promise or its lock is not proven; not done when it could not be reached.
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

/// Tries out the location called `name` with the credentials for writing, and its object lock with those for deleting as
/// well. What that showed of the lock is written down: until it is proven nothing there is called locked.
pub fn test(setup: &Setup, name: &str) -> Result<LocationReport> {
    let (location, surroundings) = setup.bare_location(name)?;
    let mut findings = probe(&*location, &surroundings, ProbeOptions::default());
    let is_yes = |topic| findings.iter().any(|f: &Finding| f.what == topic && f.outcome == Verdict::Yes);
    let (is_reached, is_written) = (is_yes(Topic::Reachable), is_yes(Topic::Write));
    if location.retains() && is_written {
        // A lock that was tried with half of the credentials is not proven.
        let deleter = setup.bare_deleter(name)?;
        findings.extend(probe_lock(&*location, deleter.as_deref(), &surroundings));
    }
    if is_reached {
        object_lock::keep(setup, name, &findings)?;
    }
    let object_lock = object_lock::worth(setup, name)?;
    let is_bad = findings.iter().any(|f| f.grade == Grade::Bad);
    let ending = match (is_reached, is_bad || matches!(object_lock, Some(Worth::Unproven(_)))) {
        (false, _) => Ending::NotDone,
        (true, true) => Ending::Attention,
        (true, false) => Ending::Done,
    };
    let report = LocationReport { location: name.to_owned(), findings, object_lock, ending };
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
