//! Sorting what lies at a place: objects of repositories, and what is none.

use std::collections::BTreeMap;

use holdfast_format::Id;
use holdfast_location::{
    Area, Key, LEDGER_REPOSITORY, LOG_REPOSITORY, Lying, RING_REPOSITORY, Walk, What, is_reserved,
    valid_repository,
};
use jiff::{SignedDuration, Timestamp};

use super::PlaceAudit;

/// Bytes, and when it was last changed.
pub(super) type Facts = (u64, Option<Timestamp>);

/// What lies at a place, by repository.
#[derive(Default)]
pub(super) struct Sorted {
    pub(super) repositories: BTreeMap<String, BTreeMap<(Area, Id), Facts>>,
}

/// A file that is being written, or a lock that is held, is younger than this.
const UNDER_WAY: SignedDuration = SignedDuration::from_hours(24);

impl Sorted {
    /// Sorts a walk; what no repository accounts for is noted as found.
    pub(super) fn of(walk: Walk, place: &mut PlaceAudit, now: Timestamp, grace: SignedDuration) -> Sorted {
        let mut sorted = Sorted::default();
        for lying in walk.lying {
            place.objects += 1;
            place.bytes += lying.bytes;
            let top = lying.path.split('/').next().unwrap_or_default();
            let object = object(&lying.path);
            // Our own, and nothing of a client: the marker, what trying out a location leaves, the objects of the audit log, and
            // what holdfast itself is rebuilt from.
            let holds_objects = [LOG_REPOSITORY, RING_REPOSITORY, LEDGER_REPOSITORY].contains(&top);
            if is_reserved(top) && (!holds_objects || object.is_some()) {
                continue;
            }
            let is_younger = |than| lying.modified.is_some_and(|m| now.duration_since(m) <= than);
            let is_lock = matches!(object, Some((Area::Locks, _)));
            let repository = valid_repository(top).then_some(top).filter(|_| lying.path.contains('/'));
            let (kind, why) = match lying.what {
                What::Current => match object {
                    Some((Area::Locks, _)) if is_younger(UNDER_WAY) => continue,
                    Some((Area::Locks, _)) => {
                        ("lock", "a lock that nobody refreshed for a day, and that keeps purges away")
                    }
                    Some(object) => {
                        let facts = (lying.bytes, lying.modified);
                        sorted.repositories.entry(top.to_owned()).or_default().insert(object, facts);
                        continue;
                    }
                    None if is_temporary(&lying) && is_younger(UNDER_WAY) => continue,
                    None if is_temporary(&lying) => {
                        ("temporary", "the half of a file that was never completed")
                    }
                    None => ("foreign", "a file that is no object of a repository"),
                },
                // Every run leaves those of its locks; they hold no client's data.
                What::Version | What::DeleteMarker if is_lock && is_younger(grace) => {
                    place.within_grace.add(lying.bytes);
                    continue;
                }
                What::Version => {
                    ("version", "an older version, which can be read back although its object was deleted")
                }
                What::DeleteMarker => ("delete-marker", "the name of an object that was deleted"),
                What::Upload => ("upload", "parts of an upload that was never completed"),
            };
            place.find(kind, repository, lying.bytes, lying.modified, lying.path.clone(), why);
        }
        sorted
    }
}

fn is_temporary(lying: &Lying) -> bool {
    lying.path.rsplit('/').next().is_some_and(|name| name.starts_with(".holdfast-tmp-"))
}

/// The object at a path, if it lies where its name says. The config has no id of its own.
fn object(path: &str) -> Option<(Area, Id)> {
    let key = Key::at(path)?;
    let id = if key.area == Area::Config { Id([0; 32]) } else { Id::from_hex(&key.name)? };
    Some((key.area, id))
}
