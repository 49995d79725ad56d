//! Heals locations from each other.

use holdfast_ledger::{ActionKind, NewAction};
use holdfast_repo::{Progress, RepairRequest, Repaired, Trouble, Troubles};
use serde::Serialize;

use crate::action;
use crate::ending::Ending;
use crate::error::Result;
use crate::evidence;
use crate::object_lock;
use crate::setup::Setup;

/// What repairing one repository did.
#[derive(Debug, Serialize)]
pub struct RepairReport {
    /// The repository.
    pub repository: String,
    /// The steps, and what was lost; absent when it could not be done.
    pub repaired: Option<Repaired>,
    /// Why it could not be done.
    pub error: Option<String>,
    /// What went wrong on the way.
    pub troubles: Vec<Trouble>,
    /// How it ended: done when all healed, damage otherwise.
    pub ending: Ending,
}

/// The repositories that there is something to repair of: those of the ring, and those of the estate whose key file is
/// there and cannot be read, which is then told.
pub fn repositories(setup: &Setup) -> Result<Vec<String>> {
    let mut known = setup.ring.repositories()?;
    for name in setup.repositories().into_keys() {
        if !known.contains(&name) && setup.ring.path(&name).exists() {
            known.push(name);
        }
    }
    known.sort();
    Ok(known)
}

/// Repairs one repository, which the log has first, or in a dry run says what it would do.
pub fn repair(
    setup: &Setup,
    repository: &str,
    request: RepairRequest,
    progress: &Progress,
) -> Result<RepairReport> {
    let troubles = Troubles::default();
    if request.dry_run {
        return Ok(carry_out(setup, repository, request, progress, &troubles));
    }
    // Owned from the beginning: whoever takes the ledger later takes an entry without a result for one of the dead.
    setup.ledger()?;
    let action = NewAction {
        repository: Some(repository.to_owned()),
        paths: if request.write_off { vec!["--write-off".to_owned()] } else { Vec::new() },
        ..action::by_us(setup, ActionKind::Repair, None)
    };
    let work = || Ok(carry_out(setup, repository, request, progress, &troubles));
    action::recorded(setup, action, work, |report| report.ending)
}

fn carry_out(
    setup: &Setup,
    repository: &str,
    request: RepairRequest,
    progress: &Progress,
    troubles: &Troubles,
) -> RepairReport {
    let opened =
        if request.dry_run { setup.open(repository, None) } else { setup.open_for_deleting(repository) };
    let outcome = opened.and_then(|mut opened| {
        if !request.dry_run {
            opened.establish();
        }
        let repaired = opened.repair(&request, None, troubles, progress, &setup.cancel())?;
        if !request.dry_run {
            evidence::keep_healed(setup, repository, &repaired)?;
            object_lock::raise(setup, repository, &opened, troubles)?;
        }
        Ok(repaired)
    });
    let mut report = RepairReport {
        repository: repository.to_owned(),
        repaired: None,
        error: None,
        troubles: Vec::new(),
        ending: Ending::Done,
    };
    match outcome {
        Ok(repaired) => {
            report.ending = if repaired.is_healed() { Ending::Done } else { Ending::Damage };
            report.repaired = Some(repaired);
        }
        Err(error) => {
            report.ending = error.ending;
            report.error = Some(error.message);
        }
    }
    report.troubles = troubles.list();
    report
}
