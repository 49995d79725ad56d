//! Everything that a location holds of a client, and that it is gone afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_ledger::{NewReceipt, PurgePhase};
use holdfast_location::Area;
use holdfast_repo::Mirror;
use serde::{Deserialize, Serialize};

use crate::error::Result;
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
    /// Why something is left, or may be.
    pub failure: Option<String>,
}

/// Without keys first: what a broken-off attempt leaves is already unreadable.
const ORDER: [Area; 5] = [Area::Keys, Area::Snapshots, Area::Index, Area::Data, Area::Locks];

type Sums = BTreeMap<&'static str, (u64, u64)>;

/// Removes everything of a client at one location, and records the receipts.
pub(super) fn shred(setup: &Setup, purge: &str, client: &str, mirror: &Arc<Mirror>) -> Result<Shredded> {
    let mut sums = Sums::new();
    let outcome = empty(mirror, &mut sums);
    let failure = outcome.and_then(|()| left(mirror)).map_or_else(
        |error| Some(error.to_string()),
        |left| (left > 0).then(|| format!("{left} objects are still there, although each was deleted")),
    );
    let now = setup.world.clock.now();
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
    Ok(Shredded { location: mirror.name().to_owned(), objects, bytes, failure })
}

fn empty(mirror: &Mirror, sums: &mut Sums) -> holdfast_repo::Result<()> {
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
    let walk = mirror.walk()?;
    if let Some(cause) = walk.refused.first() {
        let context = format!("location {} does not show everything that it holds: {cause}", mirror.name());
        return Err(holdfast_repo::Error::new(holdfast_repo::ErrorKind::Refused, context));
    }
    for lying in &walk.lying {
        mirror.erase(lying)?;
        let group = if lying.version.is_some() { "versions" } else { "foreign" };
        add(sums, group, lying.bytes);
    }
    mirror.discard_empty()
}

fn add(sums: &mut Sums, group: &'static str, bytes: u64) {
    let sum = sums.entry(group).or_default();
    *sum = (sum.0 + 1, sum.1 + bytes);
}

/// How much is left, by another look.
fn left(mirror: &Mirror) -> holdfast_repo::Result<u64> {
    let mut left = mirror.walk()?.lying.len() as u64;
    for area in ORDER {
        left += mirror.list(area)?.len() as u64;
    }
    Ok(left)
}
