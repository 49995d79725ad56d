//! Carrying the signed head after commands that change something, where no daemon does it.

use super::anchor::{AnchorReport, When, anchor};
use crate::ending::Ending;
use crate::setup::Setup;

/// Carries the signed head where it is due, for a command that did its work; returns lines for people, and how it ended.
/// A location that is away is told, and is no reason to call the work undone: the next command brings it what it lacks.
pub fn anchor_after(setup: &Setup, when: When) -> (Vec<String>, Ending) {
    match anchor(setup, when) {
        Ok(report) => tell_anchored(&report),
        Err(error) => (vec![format!("audit log: {}", error.message)], error.ending),
    }
}

/// What there is to say about a report.
pub fn tell_anchored(report: &AnchorReport) -> (Vec<String>, Ending) {
    let mut lines = Vec::new();
    for at in &report.locations {
        let Some(reason) = &at.reason else { continue };
        match at.state {
            "FORK" => {
                lines.push(format!("AUDIT LOG: location {}: {reason}", at.location));
                lines.push(format!(
                    "  hint: `holdfast audit verify --against {}` tells more; where the ledger was lost, `holdfast audit restart` \
                     begins a new log",
                    at.location
                ));
            }
            _ => lines.push(format!("audit log: location {}: {reason}", at.location)),
        }
    }
    (lines, report.ending)
}
