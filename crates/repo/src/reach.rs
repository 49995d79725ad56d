//! What one location holds of a repository, judged from what lies there: its points opened by their content, and the
//! data that none of them reaches. Nothing is believed of records or caches.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_format::{Id, IndexFile, Snapshot, decode_unpacked};
use holdfast_location::Area;

use crate::cancel::Cancel;
use crate::closure::close_over;
use crate::error::{Error, ErrorKind, Result};
use crate::index::Index;
use crate::mirror::Mirror;
use crate::repository::Repository;

/// What a location holds.
#[derive(Debug, Default)]
pub struct Reach {
    /// Its points, opened there.
    pub snapshots: Vec<(Id, Snapshot)>,
    /// Points that do not open, each with the reason.
    pub unreadable: Vec<(Id, String)>,
    /// Packs with something that no point reaches.
    pub dead: BTreeMap<Id, Dead>,
}

/// What is dead in a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dead {
    /// Bytes that no point reaches.
    pub bytes: u64,
    /// Whether that is all of it.
    pub is_whole: bool,
    /// Whether an index file names it.
    pub is_indexed: bool,
}

impl Repository {
    /// Opens what lies at the location called `location`; a point counts as long as `is_alive` says so.
    pub fn reach(
        &self,
        location: &str,
        is_alive: &mut dyn FnMut(&Id, &Snapshot) -> bool,
        cancel: &Cancel,
    ) -> Result<Reach> {
        let ready = self.require_ready()?;
        let mirror = ready.iter().find(|mirror| mirror.name() == location).ok_or_else(|| {
            Error::new(ErrorKind::Unreachable, format!("location {location} cannot be asked"))
        })?;
        let mut reach = Reach::default();
        let mut roots = Vec::new();
        for (id, _) in mirror.list(Area::Snapshots)? {
            match self.opened(mirror, Area::Snapshots, &id).and_then(|json| {
                Snapshot::parse(&json).map_err(|e| Error::new(ErrorKind::Damaged, e.to_string()))
            }) {
                Ok(snapshot) => {
                    if is_alive(&id, &snapshot) {
                        roots.push(snapshot.tree);
                    }
                    reach.snapshots.push((id, snapshot));
                }
                Err(error) if error.kind == ErrorKind::Damaged => {
                    reach.unreadable.push((id, error.to_string()));
                }
                Err(error) => return Err(error),
            }
        }
        let (mut index, mut packs) = (Index::default(), Vec::new());
        for (id, _) in mirror.list(Area::Index)? {
            let json = self.opened(mirror, Area::Index, &id)?;
            let file = IndexFile::parse(&json)
                .map_err(|e| Error::new(ErrorKind::Damaged, format!("index {id} makes no sense: {e}")))?;
            for pack in file.packs {
                if index.add(&pack) {
                    packs.push(pack);
                }
            }
        }
        let mirrors = [Arc::clone(mirror)];
        let closure = close_over(self, &index, &mirrors, roots, cancel)?;
        if let Some(error) = closure.unknown {
            return Err(error);
        }
        if !closure.missing.is_empty() {
            let context = format!(
                "what the points there reach is not known: {} blobs are missing; run `holdfast repair`",
                closure.missing.len()
            );
            return Err(Error::new(ErrorKind::Damaged, context));
        }
        let listed: BTreeMap<Id, u64> = mirror.list(Area::Data)?.into_iter().collect();
        for pack in packs.iter().filter(|pack| listed.contains_key(&pack.id)) {
            let is_dead = |blob: &&holdfast_format::PackEntry| !closure.uses(blob.kind, &blob.id);
            let dead: Vec<u64> = pack.blobs.iter().filter(is_dead).map(|b| u64::from(b.length)).collect();
            if !dead.is_empty() {
                let is_whole = dead.len() == pack.blobs.len();
                let bytes = if is_whole { listed[&pack.id] } else { dead.iter().sum() };
                reach.dead.insert(pack.id, Dead { bytes, is_whole, is_indexed: true });
            }
        }
        for (id, bytes) in listed.iter().filter(|(id, _)| index.pack(id).is_none()) {
            reach.dead.insert(*id, Dead { bytes: *bytes, is_whole: true, is_indexed: false });
        }
        Ok(reach)
    }

    /// A sealed object of this location, whole and opened.
    fn opened(&self, mirror: &Mirror, area: Area, id: &Id) -> Result<Vec<u8>> {
        let stored = mirror.get(area, id)?;
        decode_unpacked(&self.cipher, &stored)
            .map_err(|e| Error::new(ErrorKind::Damaged, format!("{}: {e}", mirror.describe(area, id))))
    }
}
