//! One location's copy of a repository.
//!
//! Objects other than `config` are named by the SHA-256 of their stored bytes, so a whole object is checked against its
//! name whenever it is read: bytes that a place hands out are never believed.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use holdfast_format::Id;
use holdfast_location::{Area, Key, Location, Lying, Put, Retained, Walk, What};
use jiff::{SignedDuration, Timestamp};

use crate::error::{Error, ErrorKind, Result};

/// So long an upload of another program may be under way.
const UPLOAD_MAX: SignedDuration = SignedDuration::from_hours(24);

/// What was removed of what a place hides.
#[derive(Debug, Default)]
pub struct Erased {
    /// Versions, delete markers and unfinished uploads that were removed.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is locked and stays until that is over.
    pub locked: Vec<StillLocked>,
    /// Why others are left.
    pub failure: Option<Error>,
}

/// A version that cannot be removed before an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StillLocked {
    /// What lies there.
    pub lying: Lying,
    /// Until when.
    pub until: Timestamp,
}

impl StillLocked {
    /// One name for one version.
    pub fn name(&self) -> String {
        format!("{}@{}", self.lying.path, self.lying.version.as_deref().unwrap_or_default())
    }

    /// The area of the object that it is a version of.
    pub fn area(&self) -> Option<Area> {
        Key::at(&self.lying.path).map(|key| key.area)
    }
}

/// A repository at one location.
#[derive(Clone)]
pub struct Mirror {
    writer: Arc<dyn Location>,
    deleter: Option<Arc<dyn Location>>,
    repository: Arc<str>,
}

impl Mirror {
    /// A mirror of `repository` at `writer`. Deletions go through `deleter` where the estate has separate credentials
    /// for them, else through `writer`.
    pub fn new(writer: Arc<dyn Location>, deleter: Option<Arc<dyn Location>>, repository: &str) -> Mirror {
        Mirror { writer, deleter, repository: Arc::from(repository) }
    }

    /// The location's name.
    pub fn name(&self) -> &str {
        self.writer.name()
    }

    /// The repository's name.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Makes the place ready to hold the repository.
    pub fn prepare(&self) -> Result<()> {
        Ok(self.writer.prepare(&self.repository)?)
    }

    /// Stores an object under its name.
    pub fn put(&self, area: Area, id: &Id, bytes: Bytes) -> Result<Put> {
        Ok(self.writer.put(&self.key(area, id), bytes)?)
    }

    /// Reads a whole object and checks it against its name.
    pub fn get(&self, area: Area, id: &Id) -> Result<Bytes> {
        let bytes = self.get_unchecked(area, id)?;
        if Id::of(&bytes) != *id {
            return Err(Error::new(
                ErrorKind::Damaged,
                format!("{}: the stored bytes do not match the object's name", self.describe(area, id)),
            ));
        }
        Ok(bytes)
    }

    /// Reads a whole object as it is, for callers that check it themselves.
    pub fn get_unchecked(&self, area: Area, id: &Id) -> Result<Bytes> {
        Ok(self.writer.get(&self.key(area, id), None)?)
    }

    /// Reads a part of an object. The caller authenticates it.
    pub fn get_range(&self, area: Area, id: &Id, range: Range<u64>) -> Result<Bytes> {
        Ok(self.writer.get(&self.key(area, id), Some(range))?)
    }

    /// The config file as stored, or `None` where the place was reached and has none.
    pub fn get_config(&self) -> Result<Option<Bytes>> {
        match self.writer.get(&self.config_key(), None) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind == holdfast_location::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the place was reached and holds nothing of a repository of this name: no config, and no parts of one that
    /// lost its config.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.get_config()?.is_none() && !self.holds_any(&[Area::Keys, Area::Snapshots, Area::Index])?)
    }

    /// Whether one of `areas` holds an object.
    pub fn holds_any(&self, areas: &[Area]) -> Result<bool> {
        for area in areas {
            if !self.list(*area)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Stores the config file.
    pub fn put_config(&self, bytes: Bytes) -> Result<Put> {
        Ok(self.writer.put(&self.config_key(), bytes)?)
    }

    /// Removes a damaged config file, so that a good one can be stored.
    pub fn delete_config(&self) -> Result<()> {
        Ok(self.deleter().delete(&self.config_key())?)
    }

    /// Every object of an area with its stored size, or an error: never a part of the list.
    pub fn list(&self, area: Area) -> Result<Vec<(Id, u64)>> {
        let listed = self.writer.list(&self.repository, area)?;
        Ok(listed.into_iter().filter_map(|o| Some((Id::from_hex(&o.name)?, o.size))).collect())
    }

    /// Removes an object, with the credentials that may.
    pub fn delete(&self, area: Area, id: &Id) -> Result<()> {
        Ok(self.deleter().delete(&self.key(area, id))?)
    }

    /// Removes one of our own locks, which the writer's credentials suffice for.
    pub fn delete_lock(&self, id: &Id) -> Result<()> {
        Ok(self.writer.delete(&self.key(Area::Locks, id))?)
    }

    /// Removes what a place with versions keeps below this repository of objects that were deleted or replaced, as far as
    /// it is not locked, and parts of uploads of theirs that nobody completed within a day. None where the place hides nothing. Names that are none of this
    /// repository's objects are left alone: who may write there chooses them, and a place may read them in its own way.
    pub fn erase_hidden(&self, now: Timestamp) -> Result<Option<Erased>> {
        if !self.writer.hides_versions() {
            return Ok(None);
        }
        let walk = self.deleter().walk(Some(&self.repository))?;
        if let Some(cause) = walk.refused.first() {
            let context = format!("location {} does not show what it hides: {cause}", self.name());
            return Err(Error::new(ErrorKind::Refused, context));
        }
        let is_dead = |lying: &&Lying| match lying.what {
            What::Current => false,
            What::Version | What::DeleteMarker => lying.version.is_some(),
            What::Upload => lying.modified.is_some_and(|begun| now.duration_since(begun) > UPLOAD_MAX),
        };
        let mut dead: Vec<&Lying> =
            walk.lying.iter().filter(|lying| self.is_object(&lying.path)).filter(is_dead).collect();
        // A marker that goes before the versions below it brings back what it hides.
        dead.sort_by_key(|lying| lying.what == What::DeleteMarker);
        let (mut erased, mut kept) = (Erased::default(), BTreeSet::new());
        for lying in dead {
            if lying.what == What::DeleteMarker && kept.contains(lying.path.as_str()) {
                continue;
            }
            match self.erase_unless_locked(lying, now) {
                Ok(None) => (erased.objects, erased.bytes) = (erased.objects + 1, erased.bytes + lying.bytes),
                Ok(Some(locked)) => {
                    kept.insert(lying.path.as_str());
                    erased.locked.push(locked);
                }
                Err(error) => {
                    kept.insert(lying.path.as_str());
                    erased.failure.get_or_insert(error);
                }
            }
        }
        Ok(Some(erased))
    }

    /// Whether a path is exactly that of an object which this repository may hold.
    fn is_object(&self, path: &str) -> bool {
        Key::at(path).is_some_and(|key| key.repository == self.repository)
    }

    /// Everything that lies below this repository's folder, see [`Location::walk`].
    pub fn walk(&self) -> Result<Walk> {
        Ok(self.deleter().walk(Some(&self.repository))?)
    }

    /// Removes one thing that a walk found.
    pub fn erase(&self, lying: &Lying) -> Result<()> {
        Ok(self.deleter().erase(lying)?)
    }

    /// Removes one thing that a walk found, or says until when it is locked.
    pub fn erase_unless_locked(&self, lying: &Lying, now: Timestamp) -> Result<Option<StillLocked>> {
        let Err(error) = self.deleter().erase(lying) else { return Ok(None) };
        if error.kind == holdfast_location::ErrorKind::Refused
            && let Some(until) = self.locked_until(lying, now)
        {
            return Ok(Some(StillLocked { lying: lying.clone(), until }));
        }
        Err(error.into())
    }

    /// Until when one thing that a walk found is locked; none where it is not, or where the place does not say.
    pub fn locked_until(&self, lying: &Lying, now: Timestamp) -> Option<Timestamp> {
        let ask = |place: &dyn Location| place.retained_until(&lying.path, lying.version.as_deref());
        // Credentials for deleting need not be able to look at locks.
        let said = ask(self.deleter()).or_else(|_| ask(&*self.writer)).ok().flatten();
        said.filter(|until| *until > now)
    }

    /// Whether the location is to lock objects.
    pub fn retains(&self) -> bool {
        self.writer.retains()
    }

    /// Locks an object until an instant at least.
    pub fn retain(&self, area: Area, id: &Id, until: Timestamp) -> Result<Retained> {
        Ok(self.writer.retain(&self.key(area, id), until)?)
    }

    /// Until when an object is locked, as the location says.
    pub fn retained_until(&self, area: Area, id: &Id) -> Result<Option<Timestamp>> {
        Ok(self.writer.retained_until(&self.key(area, id).path(), None)?)
    }

    /// Removes what is left of the repository's folders, where they are empty.
    pub fn discard_empty(&self) -> Result<()> {
        Ok(self.deleter().discard_empty(&self.repository)?)
    }

    /// How an object is called in messages.
    pub fn describe(&self, area: Area, id: &Id) -> String {
        format!("{} at location {}", self.key(area, id), self.name())
    }

    fn deleter(&self) -> &dyn Location {
        self.deleter.as_deref().unwrap_or(&*self.writer)
    }

    fn key(&self, area: Area, id: &Id) -> Key {
        Key::new(&self.repository, area, id.to_hex())
    }

    fn config_key(&self) -> Key {
        Key::new(&self.repository, Area::Config, "config")
    }
}
