//! What a repository holds, as listed at every usable mirror: snapshots and index files.
//!
//! Mirrors may differ for a while: a location was down, or somebody ran stock restic against one of them. The catalog is
//! the union of what the reachable ones list, with a note of who has what; the difference is what is owed. A listing that
//! fails takes its mirror out of the catalog; a part of a listing is never used.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use holdfast_format::{Cipher, Id, IndexFile, Snapshot, decode_unpacked};
use holdfast_location::Area;

use crate::error::{Error, ErrorKind, Result};
use crate::index::Index;
use crate::mirror::Mirror;
use crate::monitor::{Monitor, Trouble, TroubleKind};
use crate::repository::Repository;
use crate::tombstones::Tombstones;

/// The listings of some mirrors, merged.
pub struct Catalog {
    /// The mirrors that were listed, in the repository's order.
    pub mirrors: Vec<Arc<Mirror>>,
    /// Index files, with one bit per entry of `mirrors` that has it.
    pub indexes: BTreeMap<Id, u32>,
    /// Snapshots, likewise.
    pub snapshots: BTreeMap<Id, u32>,
    /// Mirrors that could not be listed.
    pub failures: Vec<(Arc<Mirror>, Error)>,
}

/// The index of a catalog.
pub struct LoadedIndex {
    /// Everything that could be read.
    pub index: Index,
    /// Index files that no location gave whole.
    pub unreadable: Vec<Id>,
}

/// Lists snapshots and index files at `mirrors`. An error when none could be listed.
pub fn list(mirrors: &[Arc<Mirror>]) -> Result<Catalog> {
    let mut catalog = Catalog {
        mirrors: Vec::new(),
        indexes: BTreeMap::new(),
        snapshots: BTreeMap::new(),
        failures: Vec::new(),
    };
    for mirror in mirrors {
        // Snapshots first: an index written in between only adds blobs, the other order could miss some.
        let listed = mirror.list(Area::Snapshots).and_then(|s| Ok((s, mirror.list(Area::Index)?)));
        match listed {
            Ok((snapshots, indexes)) => {
                let bit = 1 << catalog.mirrors.len();
                catalog.mirrors.push(Arc::clone(mirror));
                for (id, _) in snapshots {
                    *catalog.snapshots.entry(id).or_default() |= bit;
                }
                for (id, _) in indexes {
                    *catalog.indexes.entry(id).or_default() |= bit;
                }
            }
            Err(error) => catalog.failures.push((Arc::clone(mirror), error)),
        }
    }
    if catalog.mirrors.is_empty() {
        let (mirror, error) = catalog
            .failures
            .pop()
            .ok_or_else(|| Error::new(ErrorKind::Unreachable, "no location to list"))?;
        return Err(Error::because(error.kind, format!("list the repository at {}", mirror.name()), error));
    }
    Ok(catalog)
}

impl Catalog {
    /// The mirrors that hold an object, by its bits.
    pub fn holders(&self, bits: u32) -> impl Iterator<Item = &Arc<Mirror>> {
        self.mirrors.iter().enumerate().filter(move |(n, _)| bits & (1 << n) != 0).map(|(_, mirror)| mirror)
    }
}

impl Repository {
    /// Loads the index files of a catalog for a reader. Those that no holder gives whole are reported and named in the
    /// result. Writers rely on less, see [`Repository::trusted_indexes`].
    pub fn load_index(&self, catalog: &Catalog, monitor: &dyn Monitor) -> LoadedIndex {
        let mut loaded = LoadedIndex { index: Index::default(), unreadable: Vec::new() };
        let tombstones = self.tombstones_if_readable(monitor);
        let is_buried = |id: &Id| tombstones.as_ref().is_some_and(|t| t.contains(Area::Index, id));
        let unreadable = &mut loaded.unreadable;
        let mut failed = |id: &Id, error: Error| {
            let trouble = Trouble::new(TroubleKind::Damage, format!("index {id}"), error.to_string());
            monitor.trouble(trouble);
            unreadable.push(*id);
        };
        // The first place of a blob is asked first, so what stays comes before what goes.
        let (buried, live): (BTreeMap<Id, u32>, _) =
            catalog.indexes.iter().partition(|(id, _)| is_buried(id));
        loaded.index = self.gather(catalog, &live, monitor, &mut failed);
        for (id, bits) in &buried {
            match self.read_index(catalog, id, *bits, monitor) {
                Ok(file) => file.packs.iter().for_each(|pack| {
                    loaded.index.add_of(pack, *bits);
                }),
                Err(error) => failed(id, error),
            }
        }
        self.forget_cached(catalog);
        loaded
    }

    /// What was deleted. Reading goes on without it, for a restore must; then what was forgotten may show again.
    fn tombstones_if_readable(&self, monitor: &dyn Monitor) -> Option<Tombstones> {
        match Tombstones::load(&self.folders.tombstones) {
            Ok(tombstones) => Some(tombstones),
            Err(error) => {
                let path = self.folders.tombstones.display().to_string();
                monitor.trouble(Trouble::new(TroubleKind::Damage, path, error.to_string()));
                None
            }
        }
    }

    /// Reads one index file, from the local cache where it is, else from a mirror that has it.
    pub fn read_index(
        &self,
        catalog: &Catalog,
        id: &Id,
        bits: u32,
        monitor: &dyn Monitor,
    ) -> Result<IndexFile> {
        let cached = self.cached(Area::Index, id);
        if let Some(file) =
            fs::read(&cached).ok().and_then(|stored| parse_index(&self.cipher, id, &stored).ok())
        {
            return Ok(file);
        }
        let (stored, file) = self.read_checked(catalog, Area::Index, id, bits, monitor, parse_index)?;
        write_cache(cached, &stored);
        Ok(file)
    }

    /// Reads every snapshot of a catalog. One that no holder gives whole is reported and left out: it must not hide the
    /// others.
    /// Points that were forgotten are left out, though a location that was away may still list them.
    pub fn load_snapshots(&self, catalog: &Catalog, monitor: &dyn Monitor) -> Vec<(Id, Snapshot)> {
        let mut snapshots = Vec::new();
        let tombstones = self.tombstones_if_readable(monitor);
        for (id, bits) in &catalog.snapshots {
            if tombstones.as_ref().is_some_and(|t| t.contains(Area::Snapshots, id)) {
                continue;
            }
            let cached = self.cached(Area::Snapshots, id);
            if let Some(snapshot) =
                fs::read(&cached).ok().and_then(|s| parse_snapshot(&self.cipher, id, &s).ok())
            {
                snapshots.push((*id, snapshot));
                continue;
            }
            match self.read_checked(catalog, Area::Snapshots, id, *bits, monitor, parse_snapshot) {
                Ok((stored, snapshot)) => {
                    write_cache(cached, &stored);
                    snapshots.push((*id, snapshot));
                }
                Err(error) => {
                    monitor.trouble(Trouble::new(
                        TroubleKind::Damage,
                        format!("snapshot {id}"),
                        error.to_string(),
                    ));
                }
            }
        }
        snapshots.sort_by_key(|(id, snapshot)| (snapshot.time, *id));
        snapshots
    }

    /// Keeps an index file or a snapshot, sealed as a location gave it.
    pub(crate) fn cache_object(&self, area: Area, id: &Id, stored: &[u8]) {
        write_cache(self.cached(area, id), stored);
    }

    fn cached(&self, area: Area, id: &Id) -> PathBuf {
        self.folders.cache.join(area.folder()).join(id.to_hex())
    }

    /// Reads an object from the first holder that gives it whole; damage met on the way is reported.
    fn read_checked<T>(
        &self,
        catalog: &Catalog,
        area: Area,
        id: &Id,
        bits: u32,
        monitor: &dyn Monitor,
        parse: fn(&Cipher, &Id, &[u8]) -> Result<T>,
    ) -> Result<(Bytes, T)> {
        let mut last = Error::new(ErrorKind::Damaged, format!("{} {id} is at no location", area.folder()));
        for mirror in catalog.holders(bits) {
            let outcome = mirror
                .get_unchecked(area, id)
                .and_then(|stored| parse(&self.cipher, id, &stored).map(|parsed| (stored, parsed)));
            match outcome {
                Ok(found) => return Ok(found),
                Err(error) => {
                    let error =
                        Error::because(error.kind, format!("read {}", mirror.describe(area, id)), error);
                    if error.kind == ErrorKind::Damaged {
                        monitor.trouble(Trouble::new(
                            TroubleKind::Damage,
                            mirror.describe(area, id),
                            error.to_string(),
                        ));
                    }
                    last = error;
                }
            }
        }
        Err(last)
    }

    /// Drops cached index files and snapshots that are listed nowhere any more.
    pub(crate) fn forget_cached(&self, catalog: &Catalog) {
        for (folder, known) in [("index", &catalog.indexes), ("snapshots", &catalog.snapshots)] {
            let Ok(entries) = fs::read_dir(self.folders.cache.join(folder)) else { continue };
            for entry in entries.flatten() {
                let id = entry.file_name().to_str().and_then(Id::from_hex);
                if id.is_none_or(|id| !known.contains_key(&id)) {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
    }
}

fn parse_index(cipher: &Cipher, id: &Id, stored: &[u8]) -> Result<IndexFile> {
    let json = open_unpacked(cipher, id, stored)?;
    IndexFile::parse(&json)
        .map_err(|e| Error::new(ErrorKind::Damaged, format!("the index makes no sense: {e}")))
}

pub(crate) fn parse_snapshot(cipher: &Cipher, id: &Id, stored: &[u8]) -> Result<Snapshot> {
    let json = open_unpacked(cipher, id, stored)?;
    Snapshot::parse(&json)
        .map_err(|e| Error::new(ErrorKind::Damaged, format!("the snapshot makes no sense: {e}")))
}

fn open_unpacked(cipher: &Cipher, id: &Id, stored: &[u8]) -> Result<Vec<u8>> {
    if Id::of(stored) != *id {
        return Err(Error::new(ErrorKind::Damaged, "the stored bytes do not match the object's name"));
    }
    decode_unpacked(cipher, stored).map_err(|e| Error::new(ErrorKind::Damaged, e.to_string()))
}

/// Keeps a sealed object locally. A torn file fails its hash later, so nothing is synced and no failure matters.
fn write_cache(path: PathBuf, stored: &[u8]) {
    if let Some(folder) = path.parent() {
        let _ = fs::create_dir_all(folder);
    }
    let _ = fs::write(path, stored);
}
