//! Layers: a location around a location. Retrying, limiting, forbidding, counting and breaking on purpose each stay
//! one idea in one file, and none of them can forget a method of the contract: all go through [`Around`].

pub mod append_only;
pub mod breaker;
pub mod faulty;
pub mod record;
pub mod retry;
pub mod throttle;

use bytes::Bytes;
use jiff::Timestamp;

use crate::contract::{Identity, Listed, Location, Put};
use crate::error::Error;
use crate::key::{Area, Key};
use crate::object_lock::{LockBreak, Retained};
use crate::walk::{Lying, Walk};

/// The calls of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Op {
    /// [`Location::establish`].
    Establish,
    /// [`Location::prepare`].
    Prepare,
    /// [`Location::put`].
    Put,
    /// [`Location::get`].
    Get,
    /// [`Location::size`].
    Size,
    /// [`Location::list`].
    List,
    /// [`Location::delete`].
    Delete,
    /// [`Location::repositories`].
    Repositories,
    /// [`Location::identity`].
    Identity,
    /// [`Location::discard_empty`].
    DiscardEmpty,
    /// [`Location::walk`].
    Walk,
    /// [`Location::erase`].
    Erase,
    /// [`Location::retain`].
    Retain,
    /// [`Location::retained_until`].
    RetainedUntil,
    /// [`Location::break_lock`].
    BreakLock,
    /// [`Location::overwrite_raw`].
    OverwriteRaw,
}

/// One call, as layers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which call.
    pub op: Op,
    /// The area it touches, where it touches one.
    pub area: Option<Area>,
    /// The object's path, the repository, or nothing.
    pub path: String,
    /// Bytes handed over for storing.
    pub bytes_up: u64,
}

impl Call {
    fn place(op: Op) -> Call {
        Call { op, area: None, path: String::new(), bytes_up: 0 }
    }

    fn repository(op: Op, repository: &str, area: Option<Area>) -> Call {
        let path = match area {
            Some(area) => format!("{repository}/{}", area.folder()),
            None => repository.to_owned(),
        };
        Call { op, area, path, bytes_up: 0 }
    }

    fn object(op: Op, key: &Key, bytes: Option<&Bytes>) -> Call {
        let bytes_up = bytes.map_or(0, |bytes| bytes.len() as u64);
        Call { op, area: Some(key.area), path: key.path(), bytes_up }
    }
}

/// What a call answers, as layers see it.
pub(crate) trait Answer: Sized {
    /// Bytes that came from the place.
    fn bytes_down(&self) -> u64 {
        0
    }

    /// Applies scripted damage to what came.
    fn damaged(self, _damage: &faulty::Damage) -> Self {
        self
    }
}

impl Answer for () {}
impl Answer for Put {}
impl Answer for u64 {}
impl Answer for Vec<String> {}
impl Answer for Identity {}
impl Answer for Walk {}
impl Answer for Retained {}
impl Answer for Option<Timestamp> {}

impl Answer for Bytes {
    fn bytes_down(&self) -> u64 {
        self.len() as u64
    }

    fn damaged(self, damage: &faulty::Damage) -> Bytes {
        damage.applied(self)
    }
}

impl Answer for Vec<Listed> {
    fn damaged(mut self, damage: &faulty::Damage) -> Vec<Listed> {
        if let faulty::Damage::Hide(name) = damage {
            self.retain(|listed| !listed.name.starts_with(name.as_str()));
        }
        self
    }
}

/// A layer: something done around every call to the location inside.
pub(crate) trait Around: Send + Sync {
    /// The location inside.
    fn inner(&self) -> &dyn Location;

    /// Makes the call, zero, one or several times; `bytes` replaces what is stored.
    fn around<T: Answer>(
        &self,
        call: &Call,
        bytes: Option<&Bytes>,
        make: &dyn Fn(Option<&Bytes>) -> Result<T, Error>,
    ) -> Result<T, Error>;
}

/// Marks a layer's type, so that every [`Around`] is not blindly a location.
pub(crate) trait Layer: Around {}

impl<L: Layer> Location for L {
    fn name(&self) -> &str {
        self.inner().name()
    }

    fn establish(&self) -> Result<(), Error> {
        self.around(&Call::place(Op::Establish), None, &|_| self.inner().establish())
    }

    fn prepare(&self, repository: &str) -> Result<(), Error> {
        let call = Call::repository(Op::Prepare, repository, None);
        self.around(&call, None, &|_| self.inner().prepare(repository))
    }

    fn put(&self, key: &Key, bytes: Bytes) -> Result<Put, Error> {
        let call = Call::object(Op::Put, key, Some(&bytes));
        self.around(&call, Some(&bytes), &|changed| self.inner().put(key, changed.unwrap_or(&bytes).clone()))
    }

    fn get(&self, key: &Key, range: Option<std::ops::Range<u64>>) -> Result<Bytes, Error> {
        let call = Call::object(Op::Get, key, None);
        self.around(&call, None, &|_| self.inner().get(key, range.clone()))
    }

    fn size(&self, key: &Key) -> Result<u64, Error> {
        self.around(&Call::object(Op::Size, key, None), None, &|_| self.inner().size(key))
    }

    fn list(&self, repository: &str, area: Area) -> Result<Vec<Listed>, Error> {
        let call = Call::repository(Op::List, repository, Some(area));
        self.around(&call, None, &|_| self.inner().list(repository, area))
    }

    fn delete(&self, key: &Key) -> Result<(), Error> {
        self.around(&Call::object(Op::Delete, key, None), None, &|_| self.inner().delete(key))
    }

    fn repositories(&self) -> Result<Vec<String>, Error> {
        self.around(&Call::place(Op::Repositories), None, &|_| self.inner().repositories())
    }

    fn identity(&self) -> Result<Identity, Error> {
        self.around(&Call::place(Op::Identity), None, &|_| self.inner().identity())
    }

    fn discard_empty(&self, repository: &str) -> Result<(), Error> {
        let call = Call::repository(Op::DiscardEmpty, repository, None);
        self.around(&call, None, &|_| self.inner().discard_empty(repository))
    }

    fn walk(&self, repository: Option<&str>) -> Result<Walk, Error> {
        let call = Call::repository(Op::Walk, repository.unwrap_or_default(), None);
        self.around(&call, None, &|_| self.inner().walk(repository))
    }

    fn hides_versions(&self) -> bool {
        self.inner().hides_versions()
    }

    fn erase(&self, lying: &Lying) -> Result<(), Error> {
        let call = Call { path: lying.path.clone(), ..Call::place(Op::Erase) };
        self.around(&call, None, &|_| self.inner().erase(lying))
    }

    fn retains(&self) -> bool {
        self.inner().retains()
    }

    fn retain(&self, key: &Key, until: Timestamp) -> Result<Retained, Error> {
        self.around(&Call::object(Op::Retain, key, None), None, &|_| self.inner().retain(key, until))
    }

    fn retained_until(&self, path: &str, version: Option<&str>) -> Result<Option<Timestamp>, Error> {
        let call = Call { path: path.to_owned(), ..Call::place(Op::RetainedUntil) };
        self.around(&call, None, &|_| self.inner().retained_until(path, version))
    }

    fn break_lock(&self, lying: &Lying, how: LockBreak) -> Result<(), Error> {
        let call = Call { path: lying.path.clone(), ..Call::place(Op::BreakLock) };
        self.around(&call, None, &|_| self.inner().break_lock(lying, how))
    }

    fn overwrite_raw(&self, key: &Key, bytes: Bytes) -> Result<(), Error> {
        let call = Call::object(Op::OverwriteRaw, key, Some(&bytes));
        self.around(&call, Some(&bytes), &|changed| {
            self.inner().overwrite_raw(key, changed.unwrap_or(&bytes).clone())
        })
    }
}
