//! The key rings at the locations, which had the client's key: each is replaced by one without it, and every older one removed,
//! versions included. And the copies of the ledger, which have what was erased of the client.

use std::collections::BTreeMap;

use holdfast_ledger::PurgeWait;
use holdfast_repo::Troubles;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::recovery::{self, Extent, Judges};
use crate::setup::Setup;

/// What became of one ring.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RingReplaced {
    /// The location.
    pub location: String,
    /// Why a ring with the key lies there still, or may.
    pub failure: Option<String>,
}

impl RingReplaced {
    pub(super) fn wait(&self, client: &str) -> Option<PurgeWait> {
        let reason = format!("the key ring there still has the key, or may: {}", self.failure.as_ref()?);
        Some(wait(client, Some(&self.location), reason))
    }
}

const NO_KIT: &str =
    "no recovery kit is in force any more, so nothing was replaced there: `holdfast key kit` makes one";
const LEFT: &str =
    "the location is not in estate.toml any more, and was not asked: remove what lies there by hand";

/// Replaces the rings; the key is gone from this machine already.
pub(super) fn replace(setup: &Setup, client: &str) -> Result<Vec<RingReplaced>> {
    let report = recovery::deliver_as(setup, Extent::Ring, Judges::Daemon)?;
    let failure = |at: &recovery::DeliveredTo| match (&at.older_rings_left, at.has_ring) {
        (Some(left), _) => Some(left.clone()),
        (None, false) => Some(at.reason.clone().unwrap_or_else(|| "it was not replaced".to_owned())),
        (None, true) => None,
    };
    let replaced = report.locations.iter();
    let mut rings: Vec<RingReplaced> =
        replaced.map(|at| RingReplaced { location: at.location.clone(), failure: failure(at) }).collect();
    // Those that were given one before, and that nobody asked now.
    let (holders, _) = recovery::holders_of(setup.ledger()?.read(), client)?;
    for location in holders.into_iter().filter(|name| !report.locations.iter().any(|at| at.location == *name))
    {
        let failure = Some(if report.kit.is_none() { NO_KIT } else { LEFT }.to_owned());
        rings.push(RingReplaced { location, failure });
    }
    Ok(rings)
}

/// Has the locations keep no copy of the ledger but one without what was erased; says where some are left, and why.
pub(super) fn forget_erased(setup: &Setup, client: &str) -> Vec<PurgeWait> {
    let why = |reason: String| format!("copies of the ledger there have what was erased, or may: {reason}");
    match try_forget_erased(setup, client) {
        Ok(left) => {
            left.into_iter().map(|(location, reason)| wait(client, Some(&location), why(reason))).collect()
        }
        Err(error) => vec![wait(client, None, why(error.message))],
    }
}

fn try_forget_erased(setup: &Setup, client: &str) -> Result<BTreeMap<String, String>> {
    let (_, before) = recovery::holders_of(setup.ledger()?.read(), client)?;
    let report = recovery::deliver_as(setup, Extent::Everything, Judges::Daemon)?;
    let mut left = BTreeMap::new();
    if report.kit.is_none() {
        left.extend(before.into_iter().map(|name| (name, NO_KIT.to_owned())));
        return Ok(left);
    }
    let is_asked = |name: &String| report.locations.iter().any(|at| at.location == *name);
    left.extend(before.into_iter().filter(|name| !is_asked(name)).map(|name| (name, LEFT.to_owned())));
    for at in report.locations.iter().filter(|at| !at.has_copy) {
        let reason = at.reason.clone().unwrap_or_else(|| "it was given no new one".to_owned());
        left.insert(at.location.clone(), reason);
    }
    if let Some(keep) = &report.copy {
        for (location, reason) in recovery::forget_all_but(setup, &report.shut, keep, &Troubles::default())? {
            left.entry(location).or_insert(reason);
        }
    }
    Ok(left)
}

fn wait(client: &str, location: Option<&str>, reason: String) -> PurgeWait {
    PurgeWait {
        repository: client.to_owned(),
        location: location.map(str::to_owned),
        points: 0,
        reason,
        locked_until: None,
    }
}
