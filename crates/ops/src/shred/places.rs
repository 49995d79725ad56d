//! Everything that a location holds of a client, and that it is gone afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_ledger::{NewReceipt, PurgePhase};
use holdfast_location::{Area, Lying, What};
use holdfast_repo::{Mirror, StillLocked};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::object_lock::{self, LockedSum};
use crate::setup::Setup;

/// What a location removed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shredded {
    /// The location.
    pub location: String,
    /// Objects, older versions among them.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What an object lock keeps. Nobody can read it without the key.
    pub locked: Option<LockedSum>,
    /// Whether that is all that is left.
    pub is_only_locked: bool,
    /// Why something is left, or may be.
    pub failure: Option<String>,
}

/// Without keys first: what a broken-off attempt leaves is already unreadable.
const ORDER: [Area; 5] = [Area::Keys, Area::Snapshots, Area::Index, Area::Data, Area::Locks];

type Sums = BTreeMap<&'static str, (u64, u64)>;

/// Removes everything of a client at one location, and records the receipts.
pub(super) fn shred(setup: &Setup, purge: &str, client: &str, mirror: &Arc<Mirror>) -> Result<Shredded> {
    let (mut sums, mut locked) = (Sums::new(), Vec::new());
    let now = setup.world.clock.now();
    let outcome = empty(mirror, now, &mut sums, &mut locked).and_then(|()| left(mirror, &locked));
    let is_only_locked = matches!(outcome, Ok(0)) && !locked.is_empty();
    object_lock::subtract(&mut sums, &locked);
    let locked = LockedSum::of(&locked);
    let failure = match (outcome, &locked) {
        (Err(error), _) => Some(error.to_string()),
        (Ok(0), None) => None,
        (Ok(0), Some(locked)) => {
            Some(format!("{}; the key is destroyed; shred again once the lock is over", locked.words()))
        }
        (Ok(left), _) => Some(format!("{left} objects are still there, although each was deleted")),
    };
    setup.ledger()?.write(|transaction| {
        for (group, (objects, bytes)) in &sums {
            let phase = if *group == "keys" { PurgePhase::Logical } else { PurgePhase::Physical };
            transaction.record_receipt(
                NewReceipt {
                    purge: purge.to_owned(),
                    phase,
                    repository: client.to_owned(),
                    location: mirror.name().to_owned(),
                    group: (*group).to_owned(),
                    objects: *objects,
                    bytes: *bytes,
                    points: Vec::new(),
                },
                now,
            )?;
        }
        Ok(())
    })?;
    let (objects, bytes) = sums.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let location = mirror.name().to_owned();
    Ok(Shredded { location, objects, bytes, locked, is_only_locked, failure })
}

fn empty(
    mirror: &Mirror,
    now: Timestamp,
    sums: &mut Sums,
    locked: &mut Vec<StillLocked>,
) -> holdfast_repo::Result<()> {
    for area in ORDER {
        for (id, bytes) in mirror.list(area)? {
            mirror.delete(area, &id)?;
            add(sums, area.folder(), bytes);
        }
        if area == Area::Keys
            && let Some(config) = mirror.get_config()?
        {
            mirror.delete_config()?;
            add(sums, "config", config.len() as u64);
        }
    }
    // What no listing shows: foreign files, older versions, unfinished uploads.
    let mut walk = mirror.walk()?;
    if let Some(cause) = walk.refused.first() {
        let context = format!("location {} does not show everything that it holds: {cause}", mirror.name());
        return Err(holdfast_repo::Error::new(holdfast_repo::ErrorKind::Refused, context));
    }
    // A marker that goes before a locked version below it brings that back to sight.
    walk.lying.sort_by_key(|lying| lying.what == What::DeleteMarker);
    let (mut hidden, mut failure) = (BTreeSet::new(), None);
    for lying in &walk.lying {
        if lying.what == What::DeleteMarker && hidden.contains(&lying.path) {
            continue;
        }
        match mirror.erase_unless_locked(lying, now) {
            Ok(None) => {
                let group = if lying.version.is_some() { "versions" } else { "foreign" };
                add(sums, group, lying.bytes);
            }
            Ok(Some(one)) => {
                hidden.insert(lying.path.clone());
                locked.push(one);
            }
            // The others go all the same: what is left unread by one refusal may be a version of the key file.
            Err(error) => {
                hidden.insert(lying.path.clone());
                failure.get_or_insert(error);
            }
        }
    }
    if let Some(error) = failure {
        return Err(error);
    }
    mirror.discard_empty()
}

fn add(sums: &mut Sums, group: &'static str, bytes: u64) {
    let sum = sums.entry(group).or_default();
    *sum = (sum.0 + 1, sum.1 + bytes);
}

/// How much is left, by another look, beside what is locked.
fn left(mirror: &Mirror, locked: &[StillLocked]) -> holdfast_repo::Result<u64> {
    let name = |lying: &Lying| (lying.path.clone(), lying.version.clone());
    let versions: BTreeSet<(String, Option<String>)> = locked.iter().map(|one| name(&one.lying)).collect();
    let paths: BTreeSet<&str> = locked.iter().map(|one| one.lying.path.as_str()).collect();
    let is_left = |lying: &&Lying| match lying.what {
        What::DeleteMarker => !paths.contains(lying.path.as_str()),
        _ => !versions.contains(&name(lying)),
    };
    let mut left = mirror.walk()?.lying.iter().filter(is_left).count() as u64;
    for area in ORDER {
        left += mirror.list(area)?.len() as u64;
    }
    Ok(left)
}
