//! The contract that every place for copies fulfils.
//!
//! The engine's promises (a point that was reported complete is never lost, a purge never acts on half a listing)
//! hold only as far as every backend keeps the rules written on [`Location`]. A backend that shows half an object,
//! that lists a page and calls it everything, or that answers "not found" when it could not look, would turn into
//! silent data loss three floors up. `contract_suite` in `tests/` holds each of them to it.

use std::ops::Range;

use bytes::Bytes;

use jiff::Timestamp;

use crate::error::{Error, ErrorKind};
use crate::key::{Area, Key};
use crate::object_lock::{LockBreak, Retained};
use crate::walk::{self, Lying, Walk};

/// The repository name that a place keeps for its marker object, see [`Location::establish`].
pub const MARKER_REPOSITORY: &str = "holdfast-location";

/// The repository name under which a place keeps what belongs to the audit log: no repository to restic, and none of a client.
pub const LOG_REPOSITORY: &str = "holdfast-log";

/// The repository name under which a place keeps the encrypted key ring, apart from everything that is ever locked or kept.
pub const RING_REPOSITORY: &str = "holdfast-keys";

/// The repository that holds the copies of the ledger.
pub const LEDGER_REPOSITORY: &str = "holdfast-ledger";

/// One object of a listing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// The object's name within its area: 64 hex digits (`config` in [`Area::Config`]).
    pub name: String,
    /// Stored size in bytes.
    pub size: u64,
}

/// What a location says about itself when asked, as opposed to what the estate declares about it.
///
/// Two locations with an equal `fingerprint` are the same place under two names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Stable text naming the physical place: file system and device, SSH host key and path, endpoint and bucket.
    pub fingerprint: String,
    /// The same for people.
    pub description: String,
    /// The machine it was proven to be on, where that can be probed (`machine-id` for a local directory).
    pub machine: Option<String>,
    /// What would be lost together with this place: file system, SSH host key, endpoint. Two locations with an
    /// equal `device` are not two copies, even where their folders differ.
    pub device: Option<String>,
    /// The random id in the place's marker object, see [`Location::establish`]. It survives a change of address,
    /// so it shows one bucket behind two endpoints; `None` when the place was never established.
    pub marker: Option<String>,
}

/// What [`Location::put`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The object was stored.
    Stored,
    /// An object of this name and size was there already and was left alone.
    AlreadyThere,
}

/// A place for copies, holding any number of repositories in restic's layout.
///
/// Implementations are shared between threads; every call is blocking and may be made concurrently.
///
/// 1. **Atomic visibility.** An object is absent or whole, to `get`, `size` and `list` alike, whenever the writer
///    or the machine dies. When `put` returns, the object is durable.
/// 2. **Idempotent put.** Names are content hashes: an object of the same name and size is left alone
///    (`AlreadyThere`). One of another size is not overwritten: kind `Conflict`. `Config` has a fixed name and
///    follows the same rule.
/// 3. **Ranged get.** A range beyond the object's end is an error (`Corrupt`), never a short answer.
/// 4. **Listings are complete or an error.** Every object present before the call and not deleted during it is in
///    the answer. Foreign names (temporary files among them) are left out. A repository or an area that does not
///    exist yet lists as empty; a *place* that does not exist (unmounted, wrong bucket) is an error.
/// 5. **Idempotent delete.** Deleting what is absent succeeds.
/// 6. **Typed errors.** `NotFound` is said only by a place that was reached and looked. Everything uncertain is
///    `Unreachable`. No error text, log line or process list ever holds a credential.
pub trait Location: Send + Sync {
    /// The name that the estate gives this place.
    fn name(&self) -> &str;

    /// Makes the place itself: its root folder (the parent must exist; a bucket must exist) and its marker object,
    /// [`MARKER_REPOSITORY`]`/config`, holding a random id. Idempotent; an existing marker is left alone.
    ///
    /// Nothing else ever creates a place. An empty mount point looks exactly like an empty place, so without the
    /// marker a backup would fill the root file system and a purge would believe that everything is gone.
    /// Every call on a place without marker fails with `Unreachable` wherever the marker's absence matters: before a
    /// repository is created, before `NotFound` is said, and before a listing says "empty".
    fn establish(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Makes `repository` ready for writing (directories, REST creation). Idempotent.
    fn prepare(&self, repository: &str) -> Result<(), Error>;

    /// Stores an object, see rules 1 and 2.
    fn put(&self, key: &Key, bytes: Bytes) -> Result<Put, Error>;

    /// Reads a whole object, or exactly `range` of it.
    fn get(&self, key: &Key, range: Option<Range<u64>>) -> Result<Bytes, Error>;

    /// The stored size of an object in bytes.
    fn size(&self, key: &Key) -> Result<u64, Error>;

    /// Every object of one area of a repository, in any order, see rule 4.
    fn list(&self, repository: &str, area: Area) -> Result<Vec<Listed>, Error>;

    /// Removes an object, see rule 5.
    fn delete(&self, key: &Key) -> Result<(), Error>;

    /// The names of the repositories that this place holds.
    fn repositories(&self) -> Result<Vec<String>, Error>;

    /// Probes what this place really is.
    fn identity(&self) -> Result<Identity, Error>;

    /// Removes what is left of a repository that holds no object: its folders, and notes about it. Never removes an
    /// object; where something is in the way, it stays and this succeeds.
    fn discard_empty(&self, _repository: &str) -> Result<(), Error> {
        Ok(())
    }

    /// Everything that lies below a repository's folder, or below the place's root: foreign names, older versions and
    /// unfinished uploads included, as far as the place can show them. Complete, or an error, or said in `cannot_tell` and `refused`.
    fn walk(&self, repository: Option<&str>) -> Result<Walk, Error> {
        walk::by_listing(self, repository)
    }

    /// Whether a deletion may only hide here: then [`Location::walk`] shows older versions.
    fn hides_versions(&self) -> bool {
        false
    }

    /// Removes one thing that a walk found, for good: this version, this upload. Idempotent.
    fn erase(&self, lying: &Lying) -> Result<(), Error> {
        Err(unable(self.name(), format!("erase {}", lying.path)))
    }

    /// Whether the estate says that this place locks objects. What that is worth, [`probe_lock`](crate::probe_lock()) shows.
    fn retains(&self) -> bool {
        false
    }

    /// Locks an object, as everybody sees it, until an instant at least. A lock is raised and never lowered. Refuses where
    /// the place's clock and ours are further apart than a day: nobody could take back what was locked by a wrong one.
    fn retain(&self, key: &Key, _until: Timestamp) -> Result<Retained, Error> {
        Err(unable(self.name(), format!("lock {key}")))
    }

    /// Until when an object is locked, which may be past; `version` as a walk names it, else the object as everybody sees it.
    fn retained_until(&self, path: &str, _version: Option<&str>) -> Result<Option<Timestamp>, Error> {
        Err(unable(self.name(), format!("read the lock of {path}")))
    }

    /// Tries to get rid of a lock before its time. For [`probe_lock`](crate::probe_lock()) alone, as
    /// [`Location::overwrite_raw`] is.
    fn break_lock(&self, lying: &Lying, _how: LockBreak) -> Result<(), Error> {
        Err(unable(self.name(), format!("break the lock of {}", lying.path)))
    }

    /// Tries to replace an existing object by other bytes with whatever means this place's credentials allow, past
    /// rule 2. For [`probe`](crate::probe()) alone: only trying shows whether a place is immutable.
    ///
    /// `Ok` means that the call was accepted; what is there now must be read back. `Unsupported` means that this
    /// backend cannot try.
    fn overwrite_raw(&self, key: &Key, _bytes: Bytes) -> Result<(), Error> {
        Err(unable(self.name(), format!("overwrite {key}")))
    }
}

fn unable(location: &str, action: String) -> Error {
    Error::new(ErrorKind::Unsupported, location, action, "this kind of place has no way to")
}
