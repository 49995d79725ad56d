//! Which locks were set at a location, so that an unchanged run need not ask about each object again.
//!
//! A cache: without it every object is asked about, and nothing is lost. What it must never do is claim a lock that is not
//! there. An object that is stored anew is another version, without a lock: so whatever was just brought to the location
//! and stands here shows that something was lost there, and nothing is believed ([`KnownLocks::distrust`]); and whoever
//! deletes or replaces objects throws all of it away first.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast_format::{Id, decode_unpacked, encode_unpacked};
use holdfast_location::Area;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::PointToLock;
use crate::align::Debt;
use crate::error::{Error, Result};
use crate::mirror::Mirror;
use crate::repository::{LocalFolders, Repository};

/// The locks that are known of one location.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct KnownLocks {
    objects: BTreeMap<(Area, Id), Timestamp>,
    /// Points of which everything is locked.
    points: BTreeMap<Id, Timestamp>,
}

#[derive(Default, Serialize, Deserialize)]
struct Written {
    points: Vec<(Id, Timestamp)>,
    objects: Vec<(String, Id, Timestamp)>,
}

impl KnownLocks {
    /// Whether everything that a point refers to is locked as long as it shall be.
    pub(super) fn covers(&self, point: &PointToLock) -> bool {
        self.points.get(&point.id).is_some_and(|until| *until >= point.until)
    }

    pub(super) fn until(&self, object: (Area, Id)) -> Option<Timestamp> {
        self.objects.get(&object).copied()
    }

    pub(super) fn is_locked(&self, object: (Area, Id), until: Timestamp) -> bool {
        self.until(object).is_some_and(|known| known >= until)
    }

    pub(super) fn note(&mut self, object: (Area, Id), until: Timestamp) {
        self.objects.insert(object, until);
    }

    pub(super) fn note_point(&mut self, point: &PointToLock) {
        self.points.insert(point.id, point.until);
    }

    /// Believes nothing where something of it had to be stored again.
    pub(super) fn distrust<'a>(&mut self, mut brought: impl Iterator<Item = &'a (Area, Id)>) -> bool {
        let is_lost = brought.any(|object| self.objects.contains_key(object));
        if is_lost {
            *self = KnownLocks::default();
        }
        is_lost
    }
}

impl Repository {
    /// Throws away what is known of every location, before objects are deleted or replaced there. What cannot be removed
    /// would claim locks that are gone, so that is an error.
    pub(crate) fn distrust_locks(&self) -> Result<()> {
        let folder = folder(&self.folders);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::local("remove", &folder, error))
            }
            _ => Ok(()),
        }
    }

    /// The same for each location that is about to get back what it lost, before it does: a run may die right after.
    pub(crate) fn distrust_locks_where_owed(&self, mirrors: &[Arc<Mirror>], debts: &[Debt]) {
        for (mirror, debt) in mirrors.iter().zip(debts).filter(|(mirror, _)| mirror.retains()) {
            let objects: Vec<(Area, Id)> = debt.objects.iter().map(|(area, id, _)| (*area, *id)).collect();
            let mut known = self.known_locks(mirror.name());
            if known.distrust(objects.iter()) {
                self.keep_locks(mirror.name(), &known);
            }
        }
    }

    pub(super) fn known_locks(&self, location: &str) -> KnownLocks {
        self.read_locks(&folder(&self.folders).join(location)).unwrap_or_default()
    }

    fn read_locks(&self, path: &Path) -> Option<KnownLocks> {
        let json = decode_unpacked(&self.cipher, &fs::read(path).ok()?).ok()?;
        let written: Written = serde_json::from_slice(&json).ok()?;
        let area = |name: &str| Area::ALL.into_iter().find(|area| area.folder() == name);
        // One that is over tells nothing, and a location may have dropped it.
        let now = self.writer.clock.now();
        let objects = written.objects.into_iter().filter(|(_, _, until)| *until > now);
        let objects = objects.filter_map(|(name, id, until)| Some(((area(&name)?, id), until)));
        Some(KnownLocks { objects: objects.collect(), points: written.points.into_iter().collect() })
    }

    /// Keeps what is known; what is over is forgotten. A cache: what cannot be written is asked about again.
    pub(super) fn keep_locks(&self, location: &str, known: &KnownLocks) {
        let now = self.writer.clock.now();
        let points = known.points.iter().filter(|(_, until)| **until > now);
        let objects = known.objects.iter().filter(|(_, until)| **until > now);
        let written = Written {
            points: points.map(|(id, until)| (*id, *until)).collect(),
            objects: objects.map(|((area, id), until)| (area.folder().to_owned(), *id, *until)).collect(),
        };
        let folder = folder(&self.folders);
        let Ok(json) = serde_json::to_vec(&written) else { return };
        let sealed = encode_unpacked(&self.cipher, self.writer.nonce(), &json);
        let _ = holdfast_world::durable::create_directory(&folder, 0o700)
            .and_then(|()| holdfast_world::durable::write(&folder.join(location), &sealed, 0o600));
    }
}

fn folder(folders: &LocalFolders) -> PathBuf {
    folders.cache.join("object-locks")
}
