//! What the local folders hold of objects that are gone: caches outlive a purge unless somebody looks.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use holdfast_format::Id;
use holdfast_location::Area;

use crate::error::{Error, Result};
use crate::index::image;
use crate::repository::Repository;
use crate::tombstones::Tombstones;

impl Repository {
    /// Files of the cache and the spool that hold something of an object which is not among the `listed`, or which was
    /// deleted and still waits to be at some location. Foreign and torn files are among them.
    pub fn stale_cached(&self, listed: &BTreeSet<(Area, Id)>) -> Result<Vec<PathBuf>> {
        let tombstones = Tombstones::load(&self.folders.tombstones)?;
        let is_live = |area: Area, id: &Id| listed.contains(&(area, *id)) && !tombstones.contains(area, id);
        let mut stale = Vec::new();
        for area in [Area::Snapshots, Area::Index] {
            let folder = self.folders.cache.join(area.folder());
            stale.extend(
                files(&folder)?.into_iter().filter(|path| !id_of(path).is_some_and(|id| is_live(area, &id))),
            );
        }
        let any = [Area::Data, Area::Index, Area::Snapshots];
        let in_use = |id: Id| any.into_iter().any(|area| is_live(area, &id));
        stale.extend(files(&self.folders.spool)?.into_iter().filter(|path| !id_of(path).is_some_and(in_use)));
        let image = self.folders.cache.join("index.image");
        if image.exists()
            && !image::files(&image, &self.cipher)
                .is_some_and(|files| files.iter().all(|id| is_live(Area::Index, id)))
        {
            stale.push(image);
        }
        Ok(stale)
    }
}

fn id_of(path: &Path) -> Option<Id> {
    path.file_name()?.to_str().and_then(Id::from_hex)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::local("list", folder, error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<std::io::Result<_>>().map_err(|error| Error::local("list", folder, error))
}
