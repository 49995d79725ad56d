//! Points on their way out that somebody holds by now.
//!
//! A purge that found a location away decided all the same, and its deletion waits. Whoever holds the points meanwhile
//! expects that nothing more of them goes. What still lies whole somewhere is kept, and what does not is told: elsewhere
//! its data is gone, and no hold brings it back.

use std::collections::BTreeMap;

use holdfast_format::Id;
use holdfast_repo::{Monitor, Repository, Trouble, TroubleKind, Withdrawal};
use jiff::Timestamp;
use serde::Serialize;

use super::Run;
use crate::error::Result;
use crate::hold::{self, Subject};
use crate::known_points::{self, KnownPoints};
use crate::setup::Setup;

/// A point that a purge decided on, and that some location still holds or may hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OnItsWayOut {
    /// The repository.
    pub repository: String,
    /// The point.
    pub point: String,
    /// Its asset, where known.
    pub asset: Option<String>,
    /// The instant that it stands for.
    pub time: Timestamp,
    /// The locations that have yet to delete it. At every other one it is gone.
    pub left_at: Vec<String>,
}

/// The points of an asset or a client that are on their way out, by the records.
///
/// # Errors
/// When a record cannot be read.
pub fn on_their_way_out(setup: &Setup, subject: &Subject) -> Result<Vec<OnItsWayOut>> {
    let mut found = Vec::new();
    for repository in setup.ring.repositories()? {
        let known = known_points::load(&setup.places.state, &repository)?.unwrap_or_default();
        for (id, point) in known.points {
            let is_meant = match subject {
                Subject::Asset(name) => point.asset.as_ref() == Some(name),
                Subject::Client(client) => {
                    let owner = point.asset.as_deref().and_then(|asset| setup.estate.assets.get(asset));
                    let owner = owner.and_then(|asset| asset.client.as_ref());
                    // As `hold::standing_in` reckons: whoever's the asset is by now, the repository stays its client's.
                    repository == *client || owner.is_some_and(|owner| owner.as_str() == client)
                }
            };
            let Some(purge) = point.purge.filter(|_| is_meant) else { continue };
            let left_at = purge.waiting_at.into_iter().collect();
            let (repository, asset, time) = (repository.clone(), point.asset, point.time);
            found.push(OnItsWayOut { repository, point: id, asset, time, left_at });
        }
    }
    Ok(found)
}

/// Takes back the deletion of held points that still lie whole somewhere, and tells of all of them.
pub(super) fn keep(run: &Run<'_>, name: &str, repository: &Repository, known: &KnownPoints) -> Result<()> {
    let mut held: BTreeMap<Id, Timestamp> = BTreeMap::new();
    for (id, point) in known.points.iter().filter(|(_, point)| point.purge.is_some()) {
        let holds = match &point.asset {
            Some(asset) => hold::standing_in(run.setup, asset, name)?,
            None => hold::standing_on_all_of(run.setup, name)?,
        };
        if !holds.is_empty() {
            held.extend(Id::from_hex(id).map(|id| (id, point.time)));
        }
    }
    let ids: Vec<Id> = held.keys().copied().collect();
    for (id, outcome) in repository.withdraw(&ids, run.dry_run, &run.setup.cancel())? {
        let (kind, what) = match outcome {
            Withdrawal::Kept(location) => {
                (TroubleKind::Notice, format!("still lies whole at {location}: its deletion is taken back"))
            }
            Withdrawal::Late(reasons) => (
                TroubleKind::Warning,
                format!(
                    "cannot be kept any more, because an earlier purge deleted its data elsewhere: {}",
                    reasons.join("; ")
                ),
            ),
            Withdrawal::Unknown => (
                TroubleKind::Warning,
                "was decided on before, and no location that may still have it can be looked at".to_owned(),
            ),
        };
        let subject = format!("point {id} of {}", held[&id]);
        run.troubles.trouble(Trouble::new(kind, subject, format!("it is held, and {what}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
