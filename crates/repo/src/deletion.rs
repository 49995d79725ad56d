//! Deleting, at every location, so that nothing comes back and nothing that is needed goes.
//!
//! Deletions are decided under exclusive locks, written down for every location that the repository is configured for,
//! and then carried out where locations can be reached. A location that was away may hold a point that nobody else knew
//! of when the deletion was decided. So what waits is looked at again before it is carried out, with the points of all
//! locations that are reached: what a point needs meanwhile stays, and is listed anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_format::{BlobKind, Id, IndexFile, IndexPack, encode_unpacked};
use holdfast_location::Area;
use serde::Serialize;

use crate::cancel::Cancel;
use crate::catalog::Catalog;
use crate::error::{Error, ErrorKind, Result};
use crate::index::Index;
use crate::locks::{HeldLock, Mode};
use crate::mirror::Mirror;
use crate::monitor::{Monitor, Trouble, TroubleKind};
use crate::repository::{MirrorState, Repository};
use crate::sealed::Sealed;
use crate::tombstones::Tombstones;

/// Mirrors under exclusive locks, and those that could not be reached.
pub(crate) struct Deleting {
    pub held: Vec<(Arc<Mirror>, HeldLock)>,
    pub away: Vec<(String, String)>,
}

/// What a location did with its deletions.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Deletions {
    /// The location's name.
    pub location: String,
    /// Objects it deleted.
    pub deleted: u64,
    /// Objects it has yet to delete.
    pub waiting: u64,
    /// Why some wait.
    pub failure: Option<String>,
    /// What it deleted, by area: objects that were listed just before, and their bytes.
    pub removed: Vec<Removed>,
    /// The objects themselves, for who looks whether they are gone.
    #[serde(skip)]
    pub objects: Vec<(Area, Id)>,
}

/// What a location deleted in one area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// `snapshots`, `index` or `data`.
    pub group: &'static str,
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Deletions {
    /// Adds what else the location did, before this.
    fn preceded_by(&mut self, earlier: Deletions) {
        self.deleted += earlier.deleted;
        self.removed.extend(earlier.removed);
        self.objects.extend(earlier.objects);
    }

    /// Takes note of objects that were deleted; `sizes` are those that the place listed before.
    pub(crate) fn note(&mut self, area: Area, done: &[(Area, Id)], sizes: &BTreeMap<Id, u64>) {
        self.deleted += done.len() as u64;
        let listed: Vec<u64> = done.iter().filter_map(|(_, id)| sizes.get(id).copied()).collect();
        if !listed.is_empty() {
            let (objects, bytes) = (listed.len() as u64, listed.iter().sum());
            self.removed.push(Removed { group: area.folder(), objects, bytes });
        }
        self.objects.extend_from_slice(done);
    }
}

/// What a place lists in an area, with sizes; nothing where it cannot say: deleting does not depend on it.
pub(crate) fn sizes(mirror: &Mirror, area: Area) -> BTreeMap<Id, u64> {
    mirror.list(area).map(|listed| listed.into_iter().collect()).unwrap_or_default()
}

/// Adds to each location's word what it did earlier in the same purge.
pub(crate) fn merge(locations: &mut [Deletions], earlier: Vec<Deletions>) {
    for before in earlier {
        if let Some(now) = locations.iter_mut().find(|now| now.location == before.location) {
            now.preceded_by(before);
        }
    }
}

impl Deleting {
    pub fn mirrors(&self) -> Vec<Arc<Mirror>> {
        self.held.iter().map(|(mirror, _)| Arc::clone(mirror)).collect()
    }

    /// An error once any of the locks may be taken for stale.
    pub fn check(&self) -> Result<()> {
        self.held.iter().try_for_each(|(_, lock)| lock.check())
    }
}

impl Repository {
    /// Locks every usable mirror exclusively. Somebody else's lock, or one that cannot be read, refuses the whole; a mirror
    /// that is away, or takes no lock, is left out.
    pub(crate) fn lock_for_deleting(&self, monitor: &dyn Monitor) -> Result<Deleting> {
        self.require_ready()?;
        let mut deleting = Deleting { held: Vec::new(), away: Vec::new() };
        for (mirror, state) in self.states() {
            let reason = match state {
                MirrorState::Ready => {
                    match HeldLock::take(mirror, &self.cipher, &self.writer, Mode::Exclusive) {
                        Ok(lock) => {
                            deleting.held.push((Arc::clone(mirror), lock));
                            continue;
                        }
                        // A place that takes no lock, because it is full or read-only, must not stop the others.
                        Err(error)
                            if matches!(
                                error.kind,
                                ErrorKind::Unreachable | ErrorKind::Full | ErrorKind::Refused
                            ) =>
                        {
                            error.to_string()
                        }
                        Err(error) if error.kind == ErrorKind::Damaged => {
                            let context = format!(
                                "location {} holds a damaged lock; run `holdfast repair` first",
                                mirror.name()
                            );
                            return Err(Error::because(error.kind, context, error));
                        }
                        Err(error) => return Err(error),
                    }
                }
                MirrorState::Absent => "has no copy of the repository".to_owned(),
                MirrorState::Unusable { reason, .. } => reason.clone(),
            };
            monitor.trouble(Trouble::new(TroubleKind::Location, mirror.name(), reason.clone()));
            deleting.away.push((mirror.name().to_owned(), reason));
        }
        if deleting.held.is_empty() {
            return Err(Error::new(ErrorKind::Unreachable, "no location can be locked for deleting"));
        }
        Ok(deleting)
    }

    /// The names of all configured locations.
    pub(crate) fn location_names(&self) -> Vec<String> {
        self.mirrors.iter().map(|m| m.name().to_owned()).collect()
    }

    /// Deletes what waits at one mirror in an order that is safe to be interrupted: points, index files, packs.
    pub(crate) fn delete_waiting(&self, mirror: &Mirror, tombstones: &mut Tombstones) -> Deletions {
        let mut outcome = Deletions { location: mirror.name().to_owned(), ..Deletions::default() };
        for area in [Area::Snapshots, Area::Index, Area::Data] {
            let waiting = tombstones.waiting_at(mirror.name());
            let waiting: Vec<_> = waiting.into_iter().filter(|(a, _)| *a == area).collect();
            if waiting.is_empty() {
                continue;
            }
            let (sizes, mut done) = (sizes(mirror, area), Vec::new());
            for object in waiting {
                if outcome.failure.is_some() {
                    break;
                }
                match mirror.delete(object.0, &object.1) {
                    Ok(()) => done.push(object),
                    Err(error) => outcome.failure = Some(error.to_string()),
                }
            }
            outcome.note(area, &done, &sizes);
            if !done.is_empty()
                && let Err(error) = tombstones.confirm(&done, mirror.name())
            {
                outcome.failure = Some(error.to_string());
            }
        }
        outcome.waiting = tombstones.waiting_at(mirror.name()).len() as u64;
        outcome
    }

    /// Carries out the deletions that wait, after another look at what the points of all reached locations need.
    /// `complete` are the mirrors that have every live object; the others only lose points that were forgotten.
    #[allow(clippy::too_many_arguments, reason = "one step of a prune, and every argument is another thing")]
    pub(crate) fn carry_out_tombstones(
        &self,
        deleting: &Deleting,
        catalog: &Catalog,
        complete: &[Arc<Mirror>],
        tombstones: &mut Tombstones,
        ours: Option<&BTreeSet<Id>>,
        monitor: &dyn Monitor,
        cancel: &Cancel,
    ) -> Result<Vec<Deletions>> {
        let mirrors = deleting.mirrors();
        if mirrors.iter().all(|m| tombstones.waiting_at(m.name()).is_empty()) {
            return Ok(Vec::new());
        }
        // What is taken back may have been deleted and be stored anew.
        self.distrust_locks()?;
        self.rescue(catalog, complete, tombstones, ours, monitor, cancel)?;
        let mut outcomes = Vec::new();
        for mirror in &mirrors {
            deleting.check()?;
            if complete.iter().any(|m| m.name() == mirror.name()) {
                outcomes.push(self.delete_waiting(mirror, tombstones));
            } else {
                outcomes.push(Deletions {
                    location: mirror.name().to_owned(),
                    waiting: tombstones.waiting_at(mirror.name()).len() as u64,
                    failure: Some(
                        "it does not have everything yet that replaces what is to be deleted".to_owned(),
                    ),
                    ..Deletions::default()
                });
            }
        }
        Ok(outcomes)
    }

    /// Takes back the deletion of packs that are needed after all, and lists them in a new index file.
    fn rescue(
        &self,
        catalog: &Catalog,
        complete: &[Arc<Mirror>],
        tombstones: &mut Tombstones,
        ours: Option<&BTreeSet<Id>>,
        monitor: &dyn Monitor,
        cancel: &Cancel,
    ) -> Result<()> {
        let live = self.load_live(catalog, tombstones, ours, monitor)?;
        let mut needed: BTreeSet<Id> = live.index.packs().iter().map(|p| p.id).collect();
        needed.retain(|id| tombstones.contains(Area::Data, id));
        let mut everything = Index::default();
        let mut buried: Vec<IndexPack> = Vec::new();
        for pack in &live.packs {
            everything.add(pack);
        }
        for (id, bits) in catalog.indexes.iter().filter(|(id, _)| tombstones.contains(Area::Index, id)) {
            for pack in self.read_index(catalog, id, *bits, monitor)?.packs {
                if everything.add(&pack) {
                    buried.push(pack);
                }
            }
        }
        let (closure, _) = self.needs(&live, &everything, &catalog.mirrors, ours, monitor, cancel)?;
        buried.retain(|pack| {
            pack.blobs.iter().any(|b| closure.uses(b.kind, &b.id) && !live.index.contains(b.kind, &b.id))
        });
        needed.extend(buried.iter().map(|p| p.id));
        if needed.is_empty() {
            return Ok(());
        }
        if !buried.is_empty() {
            let json = IndexFile { packs: buried, ..IndexFile::default() }.to_json();
            let sealed = Sealed::new(Area::Index, encode_unpacked(&self.cipher, self.writer.nonce(), &json));
            let holders: Vec<&Arc<Mirror>> = complete.iter().collect();
            for mirror in holders {
                // Each location gets the packs before the index that names them.
                for id in &needed {
                    let stored = first_good(&catalog.mirrors, Area::Data, id)?;
                    mirror.put(Area::Data, id, stored)?;
                }
                mirror.put(Area::Index, &sealed.id, sealed.bytes.clone())?;
            }
        }
        let objects: Vec<(Area, Id)> = needed.into_iter().map(|id| (Area::Data, id)).collect();
        for name in self.location_names() {
            tombstones.confirm(&objects, &name)?;
        }
        Ok(())
    }
}

/// Reads an object from the first mirror that gives it whole.
pub(crate) fn first_good(mirrors: &[Arc<Mirror>], area: Area, id: &Id) -> Result<bytes::Bytes> {
    let mut last = Error::new(ErrorKind::Damaged, format!("{} {id} is at no location", area.folder()));
    for mirror in mirrors {
        match mirror.get(area, id) {
            Ok(stored) => return Ok(stored),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Kinds in the order in which packs are filled.
pub(crate) const KINDS: [BlobKind; 2] = [BlobKind::Tree, BlobKind::Data];
