//! A location that could not even be opened: its secret file is missing, or nothing says how to log in.
//!
//! It must not take the others down with it. So it stands in its place, refuses everything with the reason, and is owed
//! its copies like one that is down.

use std::ops::Range;

use bytes::Bytes;
use holdfast_location::{Area, Error, ErrorKind, Identity, Key, Listed, Location, Put};

/// Stands for a location that cannot be used, and says why.
pub(super) struct Closed {
    name: String,
    reason: String,
}

impl Closed {
    pub(super) fn new(name: &str, reason: &str) -> Closed {
        Closed { name: name.to_owned(), reason: reason.to_owned() }
    }

    fn refuse<T>(&self) -> Result<T, Error> {
        Err(Error::new(ErrorKind::Unsupported, &self.name, "open it", &self.reason))
    }
}

impl Location for Closed {
    fn name(&self) -> &str {
        &self.name
    }

    fn establish(&self) -> Result<(), Error> {
        self.refuse()
    }

    fn prepare(&self, _repository: &str) -> Result<(), Error> {
        self.refuse()
    }

    fn put(&self, _key: &Key, _bytes: Bytes) -> Result<Put, Error> {
        self.refuse()
    }

    fn get(&self, _key: &Key, _range: Option<Range<u64>>) -> Result<Bytes, Error> {
        self.refuse()
    }

    fn size(&self, _key: &Key) -> Result<u64, Error> {
        self.refuse()
    }

    fn list(&self, _repository: &str, _area: Area) -> Result<Vec<Listed>, Error> {
        self.refuse()
    }

    fn delete(&self, _key: &Key) -> Result<(), Error> {
        self.refuse()
    }

    fn repositories(&self) -> Result<Vec<String>, Error> {
        self.refuse()
    }

    fn identity(&self) -> Result<Identity, Error> {
        self.refuse()
    }
}
