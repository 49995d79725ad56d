//! Reads back what a run stored, before anybody calls the run good.
//!
//! A place that confirmed an object may still have lost or bent it, and the day on which a restore finds out is too late.
//! So everything that a run brought to a location is asked for again there, and compared with its name; of a pack, once,
//! the header is compared with the index and the seal of each blob checked, because bytes that were bent between sealing
//! and naming match their name everywhere. Blobs are not unpacked: a full point and the rotation over all data do that, and
//! here it would double what a first backup costs. What was there before is
//! not read, but must be listed with its size. Most packs were read while the run went on, see [`super::early`]. That is one listing more, and one request for each object that was sent;
//! where nothing changed, the snapshot is the only one, and it is kept for the next run, which saves that a request.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use holdfast_format::{Id, IndexFile, Snapshot, decode_unpacked};
use holdfast_location::Area;
use parking_lot::Mutex;
use serde::Serialize;

use super::early::EarlyPacks;
use super::packs;
use super::{LocationState, Problem, ProblemKind};
use crate::cancel::Cancel;
use crate::catalog::Catalog;
use crate::doubts::Doubts;
use crate::error::ErrorKind;
use crate::index::Index;
use crate::mirror::Mirror;
use crate::monitor::{Monitor, Trouble, TroubleKind};
use crate::outbox::Outbox;
use crate::repository::Repository;

/// Requests in flight at one location: small objects, and packs, which are held in memory whole.
const SMALL_READS_PER_LANE: usize = 4;
const PACK_READS_PER_LANE: usize = 2;

/// What was read back at one location after a run.
#[derive(Clone, Debug, Serialize)]
pub struct ReadBack {
    /// The location.
    pub location: String,
    /// `Ok` when all of it is whole; `Unusable` when not all of it could be read and nothing was found to be wrong.
    pub state: LocationState,
    /// Objects read: packs, index files and snapshots.
    pub objects: u64,
    /// Their bytes.
    pub bytes_read: u64,
    /// Whether the run stored everything that its point needs, so that no byte of it is older than the run.
    pub is_everything: bool,
    /// Points that the run brought there, older ones that were owed among them.
    #[serde(skip)]
    pub points: Vec<Id>,
    /// What is not as it should be. Problems of objects that lay there before name no points.
    pub problems: Vec<Problem>,
}

/// A location that took a run's point, and everything that the run brought there.
pub(crate) struct Brought {
    pub mirror: Arc<Mirror>,
    /// Its number in the index.
    pub number: usize,
    pub objects: Vec<(Area, Id)>,
}

impl Brought {
    /// What the lane of an outbox brought to its mirror of the catalog.
    pub fn by(outbox: &Outbox<'_>, catalog: &Catalog, lane: usize) -> Brought {
        let mirror = Arc::clone(&catalog.mirrors[lane]);
        Brought { mirror, number: lane, objects: outbox.brought(lane) }
    }
}

/// One location on the way through.
struct Lane<'a> {
    mirror: &'a Mirror,
    number: usize,
    objects: &'a [(Area, Id)],
    points: Vec<Id>,
    found: Mutex<Found>,
}

/// What the index files name that came back.
struct Fresh {
    index: Index,
    early: EarlyPacks,
}

#[derive(Default)]
struct Found {
    objects: u64,
    bytes_read: u64,
    problems: Vec<Problem>,
    whole_packs: BTreeSet<Id>,
    unread: Option<String>,
}

impl Repository {
    /// Reads back what a run brought to each location, but for the packs that came back `early`. `known` names what lay
    /// there before. Nothing that is found ends it; the monitor is told of damage.
    pub(crate) fn read_back(
        &self,
        brought: &[Brought],
        known: &Index,
        early: EarlyPacks,
        monitor: &dyn Monitor,
        cancel: &Cancel,
    ) -> Vec<ReadBack> {
        let lanes: Vec<Lane<'_>> = brought.iter().map(Lane::of).collect();
        let fresh = Mutex::new(Fresh { index: Index::default(), early });
        read_each(&lanes, SMALL_READS_PER_LANE, cancel, |area| area != Area::Data, &|lane, area, id| {
            let check = |stored: &[u8]| self.open_small(area, id, stored, &fresh);
            lane.read(area, id, check);
        });
        let Fresh { index: fresh, early } = fresh.into_inner();
        std::thread::scope(|scope| {
            for lane in &lanes {
                scope.spawn(|| lane.compare_listing(known, &fresh));
            }
        });
        let checked: BTreeMap<Id, OnceLock<Result<(), String>>> =
            lanes.iter().flat_map(Lane::packs).map(|id| (id, OnceLock::new())).collect();
        read_each(&lanes, PACK_READS_PER_LANE, cancel, |area| area == Area::Data, &|lane, area, id| {
            if let Some(size) = early.whole_at(lane.number, &id) {
                return lane.note(area, id, size, None);
            }
            lane.read(area, id, |stored| {
                let check = || {
                    let named = [&fresh, known].into_iter().find_map(|i| Some((i, i.pack(&id)?)));
                    let (index, pack) = named.ok_or("no index file names it")?;
                    packs::check_seals(&self.cipher, index, pack, stored)
                };
                checked.get(&id).map_or_else(check, |once| once.get_or_init(check).clone())
            });
        });
        self.note_doubts(&lanes);
        let is_everything = known.packs().is_empty();
        lanes.into_iter().map(|lane| lane.conclude(is_everything, monitor)).collect()
    }

    /// Opens an index file or a snapshot; what an index file names is what packs are compared with.
    fn open_small(&self, area: Area, id: Id, stored: &[u8], fresh: &Mutex<Fresh>) -> Result<(), String> {
        let json = decode_unpacked(&self.cipher, stored).map_err(|e| e.to_string())?;
        match area {
            Area::Index => {
                let file = IndexFile::parse(&json).map_err(|e| e.to_string())?;
                let mut fresh = fresh.lock();
                fresh.early.compare(&file);
                file.packs.iter().for_each(|pack| {
                    fresh.index.add(pack);
                });
            }
            Area::Snapshots => {
                Snapshot::parse(&json).map_err(|e| e.to_string())?;
            }
            _ => {}
        }
        // The next run needs it, and then need not ask for it.
        self.cache_object(area, &id, stored);
        Ok(())
    }

    /// A pack that came back whole from nowhere is stored again by the next run, which must not believe the index.
    fn note_doubts(&self, lanes: &[Lane<'_>]) {
        let whole: BTreeSet<Id> = lanes.iter().flat_map(|l| l.found.lock().whole_packs.clone()).collect();
        let is_bad = |p: &Problem| p.area == Area::Data && p.kind != ProblemKind::Unreadable;
        let bad: Vec<Id> = lanes
            .iter()
            .flat_map(|lane| {
                // Packs that lay there before may be whole at a location that this run did not reach.
                let brought: BTreeSet<Id> = lane.packs().collect();
                let found = lane.found.lock();
                let ids: Vec<Id> = found.problems.iter().filter(|p| is_bad(p)).filter_map(|p| p.id).collect();
                ids.into_iter().filter(move |id| brought.contains(id))
            })
            .filter(|id| !whole.contains(id))
            .collect();
        Doubts::load(&self.folders.cache).note(bad, whole);
    }
}

/// Hands every object that `is_chosen` to `read`, several at a time at each location.
fn read_each<'a>(
    lanes: &'a [Lane<'a>],
    in_flight: usize,
    cancel: &Cancel,
    is_chosen: fn(Area) -> bool,
    read: &(dyn Fn(&Lane<'a>, Area, Id) + Sync),
) {
    let work: Vec<(Vec<(Area, Id)>, AtomicUsize)> = lanes
        .iter()
        .map(|lane| lane.objects.iter().filter(|(area, _)| is_chosen(*area)).copied().collect())
        .map(|objects| (objects, AtomicUsize::new(0)))
        .collect();
    std::thread::scope(|scope| {
        for (lane, (objects, next)) in lanes.iter().zip(&work) {
            for _ in 0..objects.len().min(in_flight) {
                scope.spawn(move || {
                    while let Some((area, id)) = objects.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if cancel.is_cancelled() {
                            lane.give_up("stopped on request".to_owned());
                        }
                        if lane.found.lock().unread.is_some() {
                            return;
                        }
                        read(lane, *area, *id);
                    }
                });
            }
        }
    });
}

impl<'a> Lane<'a> {
    fn of(brought: &'a Brought) -> Lane<'a> {
        let points = brought.objects.iter().filter(|(area, _)| *area == Area::Snapshots);
        Lane {
            mirror: &brought.mirror,
            number: brought.number,
            objects: &brought.objects,
            points: points.map(|(_, id)| *id).collect(),
            found: Mutex::default(),
        }
    }

    fn packs(&self) -> impl Iterator<Item = Id> {
        self.objects.iter().filter(|(area, _)| *area == Area::Data).map(|(_, id)| *id)
    }

    fn give_up(&self, reason: String) {
        self.found.lock().unread.get_or_insert(reason);
    }

    /// Reads one object and notes what is wrong with it.
    fn read(&self, area: Area, id: Id, open: impl FnOnce(&[u8]) -> Result<(), String>) {
        let outcome = self.mirror.get_unchecked(area, &id);
        let bytes = outcome.as_ref().map_or(0, Bytes::len) as u64;
        let problem = match outcome {
            Ok(stored) if Id::of(&stored) != id => {
                Some((ProblemKind::Altered, "the stored bytes do not match the object's name".to_owned()))
            }
            Ok(stored) => open(&stored).err().map(|reason| (ProblemKind::Altered, reason)),
            Err(error) => match error.kind {
                ErrorKind::NotFound => {
                    Some((ProblemKind::Missing, "it was confirmed, and is not there".to_owned()))
                }
                ErrorKind::Damaged => Some((ProblemKind::Altered, error.to_string())),
                _ => return self.give_up(error.to_string()),
            },
        };
        self.note(area, id, bytes, problem);
    }

    fn note(&self, area: Area, id: Id, bytes: u64, problem: Option<(ProblemKind, String)>) {
        let mut found = self.found.lock();
        found.objects += 1;
        found.bytes_read += bytes;
        match problem {
            Some((kind, message)) => {
                let mut problem = Problem::new(area, Some(id), kind, message);
                // What it brought, only the points that came with it can need: the others were whole without it.
                problem.points.clone_from(&self.points);
                found.problems.push(problem);
            }
            None if area == Area::Data => {
                found.whole_packs.insert(id);
            }
            None => {}
        }
    }

    /// Every pack that an index file names must be listed with its size.
    fn compare_listing(&self, known: &Index, fresh: &Index) {
        let listed: BTreeMap<Id, u64> = match self.mirror.list(Area::Data) {
            Ok(listed) => listed.into_iter().collect(),
            Err(error) => return self.give_up(error.to_string()),
        };
        let brought: BTreeSet<Id> = self.packs().collect();
        let mut problems = Vec::new();
        for pack in known.packs().iter().chain(fresh.packs()) {
            let (kind, message) = match listed.get(&pack.id) {
                Some(size) if *size == pack.size => continue,
                // It is read, and then more is known.
                Some(_) if brought.contains(&pack.id) => continue,
                Some(size) => {
                    let kind = if *size < pack.size { ProblemKind::Truncated } else { ProblemKind::Altered };
                    (kind, format!("it has {size} bytes instead of {}", pack.size))
                }
                None if brought.contains(&pack.id) || !known.is_due(&pack.id, self.number) => continue,
                None => (ProblemKind::Missing, "the index names it and it is not there".to_owned()),
            };
            problems.push(Problem::new(Area::Data, Some(pack.id), kind, message));
        }
        self.found.lock().problems.append(&mut problems);
    }

    fn conclude(self, is_everything: bool, monitor: &dyn Monitor) -> ReadBack {
        let Found { objects, bytes_read, mut problems, unread, .. } = self.found.into_inner();
        problems.sort_by(|a, b| a.object.cmp(&b.object));
        problems.dedup_by(|a, b| a.object == b.object);
        for problem in &problems {
            let subject = format!("{} at location {}", problem.object, self.mirror.name());
            monitor.trouble(Trouble::new(TroubleKind::Damage, subject, &problem.message));
        }
        let state = match unread {
            _ if !problems.is_empty() => LocationState::Damaged,
            Some(reason) => {
                let reason = format!("not read back: {reason}");
                monitor.trouble(Trouble::new(TroubleKind::Location, self.mirror.name(), &reason));
                LocationState::Unusable(reason)
            }
            None => LocationState::Ok,
        };
        let location = self.mirror.name().to_owned();
        ReadBack { location, state, objects, bytes_read, is_everything, points: self.points, problems }
    }
}
