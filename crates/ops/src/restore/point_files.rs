//! The files of a database's dump, or of its log, as a point has them.

use std::io::{self, Read};

use holdfast_asset::database::load::{DumpFiles, log_manifest as read_log_manifest};
use holdfast_asset::database::log::{LogManifest, log_place_of};
use holdfast_asset::database::{Access, MANIFEST_NAME, place_of};
use holdfast_format::{Id, Snapshot};
use holdfast_model::Dataset;
use holdfast_repo::{Catalog, Index, Repository, Troubles};

use crate::error::{Error, Result};
use crate::points::find;
use crate::setup::Setup;

/// The files in one folder of a point.
pub(crate) struct PointFiles<'o> {
    pub(crate) repository: &'o Repository,
    pub(crate) catalog: &'o Catalog,
    pub(crate) index: &'o Index,
    pub(crate) snapshot: &'o Snapshot,
    pub(crate) folder: &'o [Vec<u8>],
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
        let none = |_: &[u8]| false;
        self.repository
            .list_files(
                self.snapshot,
                self.folder,
                &none,
                self.index,
                &self.catalog.mirrors,
                self.troubles,
                &mut see,
            )
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
            .repository
            .open_file(self.snapshot, &path, self.index, &self.catalog.mirrors, self.troubles)
            .map_err(io::Error::other)?;
        Ok(Box::new(file))
    }
}

/// What a dump says of itself.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn manifest(setup: &Setup, asset: &str, database: &str, point: &str) -> Result<Vec<u8>> {
    let troubles = Troubles::default();
    let found = find(setup, (asset, Some(Dataset::Database)), None, &troubles)?;
    let id = Id::from_hex(point);
    let snapshot = found.snapshots.iter().find(|(known, _)| Some(*known) == id).map(|(_, snapshot)| snapshot);
    let snapshot =
        snapshot.ok_or_else(|| Error::not_done(format!("the dump {point} of {asset} is not there")))?;
    let index = found.repository.load_index(&found.catalog, &troubles).index;
    let folder = place_of(database);
    let files = PointFiles {
        repository: &found.repository,
        catalog: &found.catalog,
        index: &index,
        snapshot,
        folder: &folder,
        troubles: &troubles,
    };
    let mut bytes = Vec::new();
    let read = files.open(MANIFEST_NAME).and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(|error| {
        Error::not_done(format!("read what the dump {point} of {asset} says of itself: {error}"))
    })?;
    Ok(bytes)
}

/// What a point of a log says of itself.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn log_manifest(
    repository: &Repository,
    snapshot: &Snapshot,
    access: &Access,
    troubles: &Troubles,
) -> Result<LogManifest> {
    let catalog = holdfast_repo::list(&repository.ready())?;
    let index = repository.load_index(&catalog, troubles).index;
    let folder = log_place_of(&access.database);
    let files =
        PointFiles { repository, catalog: &catalog, index: &index, snapshot, folder: &folder, troubles };
    read_log_manifest(&files).map_err(|error| Error::not_done(error.message))
}
