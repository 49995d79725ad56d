//! The points that are known to have been made: one file per repository in the state folder.
//!
//! A point that is deleted at every location leaves nothing behind by which the repository itself could miss it. So each
//! one is written down when it is made or first seen, and stays written down until a purge removed it from every
//! location. What is known, was not purged, and lies nowhere, is missing. Only commands that hold the state lock write
//! here; the others compare.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use holdfast_format::{Id, Snapshot};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::record;

/// The points known of one repository, by their hexadecimal id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPoints {
    /// The points.
    pub points: BTreeMap<String, KnownPoint>,
    /// Assets with points here that the estate does not back up into this repository any more, and since when that is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left: BTreeMap<String, Timestamp>,
    /// By location: versions of deleted objects that are locked there, as the last purge that looked saw them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub locked: BTreeMap<String, BTreeMap<String, LockedVersion>>,
}

/// A version of a deleted object that cannot be removed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedVersion {
    /// When a purge first met it. What was purged before that left nothing in it.
    pub since: Timestamp,
    /// Until when it is locked.
    pub until: Timestamp,
}

/// What is remembered of a point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPoint {
    /// The asset that its tag names; none for points of other programs.
    pub asset: Option<String>,
    /// The instant that it stands for.
    pub time: Timestamp,
    /// `full`, `incremental` or `foreign`.
    pub kind: String,
    /// When it was first seen, or made, by a clock that could be right. The age of one that no run of ours recorded counts
    /// from here, and that of one which was recorded while the clock was wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Timestamp>,
    /// Set from just before a purge deletes it until no location lists it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge: Option<DecidedPurge>,
}

/// A purge of one point that was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedPurge {
    /// When.
    pub decided: Timestamp,
    /// Locations of which it is not known yet that the point is gone there.
    pub waiting_at: BTreeSet<String>,
    /// Locations of which it is not known yet that its bytes are gone there, too.
    #[serde(default)]
    pub bytes_at: BTreeSet<String>,
    /// By location: since when nothing is left of it there but what is locked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub only_locked_since: BTreeMap<String, Timestamp>,
}

/// A point that should be there and is nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissingPoint {
    /// The point.
    pub point: String,
    /// Its asset, where known.
    pub asset: Option<String>,
    /// The instant that it stood for.
    pub time: Timestamp,
}

const KIND: &str = "points";

/// What is known of a repository; `None` when nothing was ever written down.
pub fn load(state: &Path, repository: &str) -> Result<Option<KnownPoints>> {
    record::one(state, KIND, repository)
}

/// Writes it down; durable when it returns.
pub fn keep(state: &Path, repository: &str, known: &KnownPoints) -> Result<()> {
    record::keep(state, KIND, repository, known)
}

impl KnownPoints {
    /// Takes note of a point that was made or seen; `now` is what the clock says, where it can be right.
    pub fn note(&mut self, id: &Id, snapshot: &Snapshot, now: Option<Timestamp>) {
        let point = self.points.entry(id.to_hex()).or_insert_with(|| KnownPoint {
            asset: tag(snapshot, "asset:"),
            time: snapshot.time,
            kind: tag(snapshot, "kind:").unwrap_or_else(|| "foreign".to_owned()),
            first_seen: None,
            purge: None,
        });
        // What is to come was seen by a clock that was wrong.
        if now.is_some_and(|now| point.first_seen.is_none_or(|seen| seen > now)) {
            point.first_seen = now;
        }
    }

    /// When a point was first seen; absent for one that is not known yet.
    pub fn first_seen(&self, id: &str) -> Option<Timestamp> {
        self.points.get(id)?.first_seen
    }

    /// The points that nobody purged and that are not among the `listed`.
    pub fn missing(&self, listed: &BTreeSet<String>) -> Vec<MissingPoint> {
        let absent = self.points.iter().filter(|(id, point)| point.purge.is_none() && !listed.contains(*id));
        absent
            .map(|(id, point)| MissingPoint {
                point: id.clone(),
                asset: point.asset.clone(),
                time: point.time,
            })
            .collect()
    }
}

fn tag(snapshot: &Snapshot, prefix: &str) -> Option<String> {
    snapshot.tags.iter().find_map(|tag| tag.strip_prefix(prefix)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(tags: &[&str]) -> Snapshot {
        let mut snapshot = Snapshot::new(Timestamp::from_second(5).unwrap(), Id([0; 32]));
        snapshot.tags = tags.iter().map(ToString::to_string).collect();
        snapshot
    }

    #[test]
    fn a_point_is_missing_unless_it_is_listed_or_was_purged() {
        let ids = [1, 2, 3].map(|n| Id([n; 32]));
        let mut known = KnownPoints::default();
        for id in &ids {
            known.note(id, &snapshot(&["asset:a", "kind:full"]), None);
            assert_eq!(known.first_seen(&id.to_hex()), None, "no clock that could be right saw it");
            known.note(id, &snapshot(&[]), Some(Timestamp::MAX));
            known.note(id, &snapshot(&[]), Some(Timestamp::UNIX_EPOCH));
        }
        known.points.get_mut(&ids[1].to_hex()).unwrap().purge = Some(DecidedPurge {
            decided: Timestamp::UNIX_EPOCH,
            waiting_at: BTreeSet::new(),
            bytes_at: BTreeSet::new(),
            only_locked_since: BTreeMap::new(),
        });
        // Seen again, it is still to be purged.
        known.note(&ids[1], &snapshot(&[]), Some(Timestamp::MAX));
        assert_eq!(known.first_seen(&ids[1].to_hex()), Some(Timestamp::UNIX_EPOCH));
        let missing = known.missing(&BTreeSet::from([ids[2].to_hex()]));
        assert_eq!(missing.len(), 1);
        assert_eq!((missing[0].point.as_str(), missing[0].asset.as_deref()), (&*ids[0].to_hex(), Some("a")));
    }
}
