//! Object locks: what a point refers to cannot be deleted before an instant, where a location can lock.
//!
//! A pack is shared by points, and each of them promises its own minimum. So whenever a point comes to refer to an object,
//! the lock of that object is raised to the point's instant: of the snapshot, of the packs that it needs, and of the index
//! files that name those. A pack that only older points need is left alone, for a lock cannot be taken back and would keep
//! it past its time. `keys/` and the config are never locked: the key ring has both, and shredding a client destroys them.
//! Neither is `locks/`.
//!
//! The engine knows no policy: it is handed the instants ([`LockPlan`]). Which points are locked already is remembered in a
//! cache ([`known`]). A point whose locks were never completed, because a location was away, a run was killed or the cache
//! is gone, is owed them: it is walked, the newest first, and each object gets the latest instant of all that need it.

mod known;
mod raise;

use std::collections::{BTreeMap, BTreeSet};

use holdfast_format::{BlobKind, Id, Snapshot};
use holdfast_location::Area;
use jiff::Timestamp;
use serde::Serialize;

pub(crate) use self::known::KnownLocks;
use self::raise::raise;
use crate::cancel::Cancel;
use crate::catalog::{self, Catalog};
use crate::claims::Claims;
use crate::closure::walk_below;
use crate::error::Result;
use crate::index::Index;
use crate::monitor::{Monitor, Trouble, TroubleKind};
use crate::pack_set::PackSet;
use crate::repository::Repository;

/// Until when what points refer to is to be locked.
pub trait LockPlan: Sync {
    /// For a point of this instant that is being made.
    fn of_new(&self, made: Timestamp) -> Option<Timestamp>;

    /// For a point that is there; none where nothing is promised for it, or the promise is over.
    fn of(&self, id: &Id, snapshot: &Snapshot) -> Option<Timestamp>;
}

/// What became of the locks at one location.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LocationLocks {
    /// The location.
    pub location: String,
    /// Until when everything that the new point refers to is locked there; none where it is not, or where none was made.
    pub until: Option<Timestamp>,
    /// Objects whose locks were raised.
    pub raised: u64,
    /// Why not all are.
    pub failure: Option<String>,
}

/// A point whose objects are to be locked.
pub(crate) struct PointToLock {
    pub id: Id,
    pub tree: Id,
    pub until: Timestamp,
    /// The packs that it needs, where that is known without a walk.
    pub packs: Option<Vec<Id>>,
}

/// What the locks of a run or a purge are raised from.
pub(crate) struct Locking<'a> {
    pub catalog: &'a Catalog,
    pub index: &'a Index,
    pub points: Vec<PointToLock>,
    /// The point that was just made.
    pub new: Option<Id>,
    /// What was just brought to each mirror of the catalog.
    pub brought: Vec<BTreeSet<(Area, Id)>>,
}

impl Repository {
    /// Raises the locks of everything that points refer to, as far as that was not done yet.
    pub fn raise_locks(
        &self,
        plan: &dyn LockPlan,
        monitor: &dyn Monitor,
        cancel: &Cancel,
    ) -> Result<Vec<LocationLocks>> {
        let ready = self.ready();
        if !ready.iter().any(|mirror| mirror.retains()) {
            return Ok(Vec::new());
        }
        let catalog = catalog::list(&ready)?;
        let points = points_to_lock(plan, &self.load_snapshots(&catalog, monitor));
        let is_owed = |lane: usize| {
            let known = self.known_locks(catalog.mirrors[lane].name());
            points.iter().any(|point| has(&catalog, lane, &point.id) && !known.covers(point))
        };
        let lanes = (0..catalog.mirrors.len()).filter(|lane| catalog.mirrors[*lane].retains());
        if !lanes.into_iter().any(is_owed) {
            return Ok(Vec::new());
        }
        let index = self.load_index(&catalog, monitor).index;
        let brought = vec![BTreeSet::new(); catalog.mirrors.len()];
        let locking = Locking { catalog: &catalog, index: &index, points, new: None, brought };
        Ok(self.lock_objects(locking, monitor, cancel))
    }

    /// Raises locks at every mirror of a catalog that locks objects. What could not be done is told, and owed.
    pub(crate) fn lock_objects(
        &self,
        mut locking: Locking<'_>,
        monitor: &dyn Monitor,
        cancel: &Cancel,
    ) -> Vec<LocationLocks> {
        let mirrors = &locking.catalog.mirrors;
        let lanes: Vec<usize> = (0..mirrors.len()).filter(|lane| mirrors[*lane].retains()).collect();
        let mut known: BTreeMap<usize, KnownLocks> = lanes
            .iter()
            .map(|lane| {
                let mut known = self.known_locks(mirrors[*lane].name());
                known.distrust(locking.brought[*lane].iter());
                (*lane, known)
            })
            .collect();
        let is_owed = |point: &PointToLock| {
            lanes.iter().any(|lane| locking.has(*lane, &point.id) && !known[lane].covers(point))
        };
        // The newest first: what it needs is locked longest, and need not be looked at again.
        let mut owed: Vec<usize> = (0..locking.points.len()).collect();
        owed.retain(|number| is_owed(&locking.points[*number]));
        owed.sort_by_key(|number| std::cmp::Reverse(locking.points[*number].until));
        let mut failure = None;
        let walked = self.find_packs(&mut locking, &owed, cancel);
        if let Err(error) = &walked {
            failure = Some(format!("what points refer to could not be found: {error}"));
        }
        let mut outcomes = Vec::new();
        for lane in lanes {
            let mirror = &locking.catalog.mirrors[lane];
            let mut outcome =
                LocationLocks { location: mirror.name().to_owned(), ..LocationLocks::default() };
            let Some(known) = known.get_mut(&lane) else { continue };
            let here: Vec<&PointToLock> = owed
                .iter()
                .map(|number| &locking.points[*number])
                .filter(|point| point.packs.is_some() && locking.has(lane, &point.id))
                .collect();
            let wanted = self.wanted(&locking, lane, &here, known, monitor);
            let raised = raise(mirror, wanted, known, cancel);
            outcome.raised = raised.count;
            outcome.failure = raised.failure.or_else(|| failure.clone());
            for weakened in raised.weakened {
                monitor.trouble(Trouble::new(TroubleKind::Warning, mirror.name(), weakened));
            }
            if outcome.failure.is_none() {
                here.iter().for_each(|point| known.note_point(point));
            }
            if let (None, Some(id)) = (&outcome.failure, locking.new) {
                let new = locking.points.iter().find(|point| point.id == id && locking.has(lane, &id));
                match new.map(|point| (point.until, mirror.retained_until(Area::Snapshots, &id))) {
                    None => {}
                    Some((until, Ok(Some(said)))) if said >= until => outcome.until = Some(until),
                    Some((until, Ok(said))) => {
                        let said = said.map_or("nothing of it".to_owned(), |said| format!("until {said}"));
                        outcome.failure =
                            Some(format!("the point was locked until {until}, and the location says {said}"));
                    }
                    Some((_, Err(error))) => outcome.failure = Some(error.to_string()),
                }
            }
            if let Some(failure) = &outcome.failure {
                let message = format!("not everything is locked there that should be: {failure}");
                monitor.trouble(Trouble::new(TroubleKind::Warning, mirror.name(), message));
            }
            self.keep_locks(mirror.name(), known);
            outcomes.push(outcome);
        }
        outcomes
    }

    /// Walks the points of which it is not known what they need.
    fn find_packs(&self, locking: &mut Locking<'_>, owed: &[usize], cancel: &Cancel) -> Result<()> {
        let used = Claims::new();
        for number in owed {
            if locking.points[*number].packs.is_some() {
                continue;
            }
            let (index, packs) = (locking.index, PackSet::new(locking.index));
            let note = |kind: BlobKind, id: &Id| packs.note_blob(index, kind, id);
            let roots = [locking.points[*number].tree];
            let unseen = walk_below(self, index, &locking.catalog.mirrors, roots, &used, &note, cancel)?;
            if let Some(error) = unseen.unknown {
                return Err(error);
            }
            // What is missing or damaged everywhere cannot be locked, and others tell of it.
            locking.points[*number].packs = Some(packs.names(index));
        }
        Ok(())
    }

    /// Every object at a mirror with the latest instant of the points that need it.
    fn wanted(
        &self,
        locking: &Locking<'_>,
        lane: usize,
        points: &[&PointToLock],
        known: &KnownLocks,
        monitor: &dyn Monitor,
    ) -> BTreeMap<(Area, Id), Timestamp> {
        let mut wanted = BTreeMap::new();
        let mut want = |area, id: Id, until: Timestamp| {
            let latest = wanted.entry((area, id)).or_insert(until);
            *latest = until.max(*latest);
        };
        for point in points {
            want(Area::Snapshots, point.id, point.until);
            point.packs.iter().flatten().for_each(|id| want(Area::Data, *id, point.until));
        }
        let Some(latest) = wanted.values().max().copied() else { return wanted };
        let catalog = locking.catalog;
        let has_index = |id: &Id| locking.brought[lane].contains(&(Area::Index, *id));
        let mut indexes = BTreeMap::new();
        for (id, bits) in &catalog.indexes {
            if (bits & (1 << lane) == 0 && !has_index(id)) || known.is_locked((Area::Index, *id), latest) {
                continue;
            }
            // One that cannot be read is damage, which others tell, and names nothing that could be locked by it.
            let Ok(file) = self.read_index(catalog, id, *bits, monitor) else { continue };
            let until = file.packs.iter().filter_map(|pack| wanted.get(&(Area::Data, pack.id))).max();
            indexes.extend(until.map(|until| ((Area::Index, *id), *until)));
        }
        // Index files of the run itself name what the new point needs.
        let new = points.iter().find(|point| Some(point.id) == locking.new);
        if let Some(new) = new {
            let fresh = locking.brought[lane].iter();
            let fresh = fresh.filter(|(area, id)| *area == Area::Index && !catalog.indexes.contains_key(id));
            indexes.extend(fresh.map(|object| (*object, new.until)));
        }
        wanted.extend(indexes);
        wanted
    }
}

impl Locking<'_> {
    fn has(&self, lane: usize, point: &Id) -> bool {
        has(self.catalog, lane, point) || self.brought[lane].contains(&(Area::Snapshots, *point))
    }
}

fn has(catalog: &Catalog, lane: usize, point: &Id) -> bool {
    catalog.snapshots.get(point).is_some_and(|bits| bits & (1 << lane) != 0)
}

/// The points for which something is promised.
pub(crate) fn points_to_lock(plan: &dyn LockPlan, snapshots: &[(Id, Snapshot)]) -> Vec<PointToLock> {
    let point = |(id, snapshot): &(Id, Snapshot)| {
        let until = plan.of(id, snapshot)?;
        Some(PointToLock { id: *id, tree: snapshot.tree, until, packs: None })
    };
    snapshots.iter().filter_map(point).collect()
}
