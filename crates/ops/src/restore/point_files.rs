//! The files of a dump where they lie in a point: read as they are needed, and never put on a disk.

use std::io::{self, Read};

use holdfast_asset::database::load::DumpFiles;
use holdfast_format::Snapshot;
use holdfast_repo::{Index, Troubles};

use crate::points::Found;

/// The files of a dump in a point.
pub(crate) struct PointFiles<'o> {
    /// The repository, open.
    pub(crate) found: &'o Found,
    /// Its index.
    pub(crate) index: &'o Index,
    /// The point.
    pub(crate) snapshot: &'o Snapshot,
    /// The dump's folder in it.
    pub(crate) folder: &'o [Vec<u8>],
    /// Told of damage.
    pub(crate) troubles: &'o Troubles,
}

impl DumpFiles for PointFiles<'_> {
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        let mut unreadable = None;
        let mut see = |path: &[u8], _: &holdfast_format::Node| match std::str::from_utf8(path) {
            Ok(name) => names.push(name.to_owned()),
            Err(_) => unreadable = Some(String::from_utf8_lossy(path).into_owned()),
        };
        let mirrors = &self.found.catalog.mirrors;
        let none = |_: &[u8]| false;
        let repository = &self.found.repository;
        repository
            .list_files(self.snapshot, self.folder, &none, self.index, mirrors, self.troubles, &mut see)
            .map_err(io::Error::other)?;
        match unreadable {
            Some(name) => Err(io::Error::other(format!("no dump has a file {name:?}"))),
            None => Ok(names),
        }
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Read + '_>> {
        let mut path = self.folder.to_vec();
        path.push(name.as_bytes().to_vec());
        let file = self
            .found
            .repository
            .open_file(self.snapshot, &path, self.index, &self.found.catalog.mirrors, self.troubles)
            .map_err(io::Error::other)?;
        Ok(Box::new(file))
    }
}
