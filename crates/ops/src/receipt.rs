//! Receipts of purges: what was deleted, where, and when, one file per repository, location and purge.
//!
//! A receipt says only what was seen: a location that took the order and still lists the point has given no receipt for
//! it. It is written when the location no longer lists the point, which may be many purges after the decision.

use std::collections::BTreeSet;
use std::path::Path;

use holdfast_location::Area;
use holdfast_repo::{Deletions, MirrorState, Repository};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::known_points::KnownPoints;
use crate::record;

/// What one location deleted in one purge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The repository.
    pub repository: String,
    /// The location.
    pub location: String,
    /// When the purge began.
    pub time: Timestamp,
    /// Points that the location no longer lists.
    pub points: Vec<PurgedPoint>,
    /// Objects that it deleted.
    pub objects_deleted: u64,
    /// Objects that it has yet to delete.
    pub objects_waiting: u64,
    /// Why they wait.
    pub reason: Option<String>,
}

/// A point of a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgedPoint {
    /// The point.
    pub point: String,
    /// Its asset, where known.
    pub asset: Option<String>,
    /// The instant that it stood for.
    pub time: Timestamp,
    /// When its purge was decided.
    pub decided: Timestamp,
}

/// What became of the points whose purge was decided.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// Points that are gone from every location.
    pub gone: usize,
    /// Points that some location still lists, or could not be asked about.
    pub waiting: usize,
}

/// Looks at each location for the points whose purge was decided, keeps the receipts, and forgets the points that are gone
/// everywhere. `deletions` is what the locations said about their objects.
pub fn settle(
    state: &Path,
    repository_name: &str,
    repository: &Repository,
    time: Timestamp,
    deletions: &[Deletions],
    known: &mut KnownPoints,
) -> Result<Settled> {
    let configured: BTreeSet<&str> = repository.states().map(|(mirror, _)| mirror.name()).collect();
    for (mirror, mirror_state) in repository.states() {
        let listed: BTreeSet<String> = match mirror_state {
            MirrorState::Absent => BTreeSet::new(),
            MirrorState::Unusable { .. } => continue,
            MirrorState::Ready => match mirror.list(Area::Snapshots) {
                Ok(listed) => listed.into_iter().map(|(id, _)| id.to_hex()).collect(),
                Err(_) => continue,
            },
        };
        let mut points = Vec::new();
        for (id, point) in &mut known.points {
            let Some(purge) = &mut point.purge else { continue };
            if !listed.contains(id) && purge.waiting_at.remove(mirror.name()) {
                let (asset, decided) = (point.asset.clone(), purge.decided);
                points.push(PurgedPoint { point: id.clone(), asset, time: point.time, decided });
            }
        }
        let own: Vec<&Deletions> = deletions.iter().filter(|d| d.location == mirror.name()).collect();
        let receipt = Receipt {
            repository: repository_name.to_owned(),
            location: mirror.name().to_owned(),
            time,
            points,
            objects_deleted: own.iter().map(|d| d.deleted).sum(),
            objects_waiting: own.last().map_or(0, |d| d.waiting),
            reason: own.last().and_then(|d| d.failure.clone()),
        };
        if !receipt.points.is_empty() || receipt.objects_deleted > 0 {
            let kind = Path::new("receipts").join(repository_name).join(mirror.name());
            record::keep(state, &kind.display().to_string(), &file_name(time), &receipt)?;
        }
    }
    let mut settled = Settled::default();
    known.points.retain(|_, point| {
        let Some(purge) = &mut point.purge else { return true };
        // A location that left the estate is nobody's to wait for.
        purge.waiting_at.retain(|location| configured.contains(location.as_str()));
        let is_waiting = !purge.waiting_at.is_empty();
        *(if is_waiting { &mut settled.waiting } else { &mut settled.gone }) += 1;
        is_waiting
    });
    Ok(settled)
}

/// An instant as a file name that sorts.
fn file_name(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H-%M-%S.%6fZ").to_string()
}
