//! What every location lists, compared with what it should hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::sync::Arc;

use bytes::Bytes;
use holdfast_format::{Id, IndexFile, Snapshot, decode_unpacked};
use holdfast_location::Area;

use super::{LocationState, LocationVerified, Problem, ProblemKind, VerifyRequest};
use crate::cancel::Cancel;
use crate::closure::{Cost, DamagedBlobs, affected, close_over};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{BlobPlace, Index};
use crate::locks::{is_stale, read_lock};
use crate::mirror::Mirror;
use crate::repository::{MirrorState, Repository};
use crate::tombstones::Tombstones;

/// What one location lists: names and sizes.
#[derive(Default)]
pub(crate) struct Listings {
    pub keys: BTreeMap<Id, u64>,
    pub snapshots: BTreeMap<Id, u64>,
    pub indexes: BTreeMap<Id, u64>,
    pub packs: BTreeMap<Id, u64>,
    pub locks: BTreeMap<Id, u64>,
}

/// What all locations list, and what follows from it. `mirrors` and `listings` run in parallel.
pub(crate) struct Survey {
    pub mirrors: Vec<Arc<Mirror>>,
    pub listings: Vec<Listings>,
    pub reports: Vec<LocationVerified>,
    /// Number of the report of each mirror.
    report_of: Vec<usize>,
    pub index: Index,
    pub snapshots: Vec<(Id, Snapshot)>,
    pub tombstones: Tombstones,
    /// The packs that each readable index file names.
    pub packs_of: BTreeMap<Id, Vec<Id>>,
    /// Index files that no location gave whole.
    pub lost_indexes: Vec<Id>,
    /// Lost index files that were written anew.
    pub replaced_indexes: Vec<Id>,
    /// Packs that were read and found whole at some location.
    pub read_whole: BTreeSet<Id>,
}

impl Survey {
    /// The report of the mirror at `lane`.
    pub fn report(&mut self, lane: usize) -> &mut LocationVerified {
        &mut self.reports[self.report_of[lane]]
    }

    fn listed(&self, area: Area) -> BTreeSet<Id> {
        let all = self.listings.iter().flat_map(|l| l.of(area).keys());
        all.copied().filter(|id| !self.tombstones.contains(area, id)).collect()
    }
}

impl Listings {
    fn read(mirror: &Mirror) -> Result<Listings> {
        let list = |area| Ok::<_, Error>(mirror.list(area)?.into_iter().collect());
        // In this order what is written meanwhile only adds packs that nothing names yet.
        Ok(Listings {
            snapshots: list(Area::Snapshots)?,
            indexes: list(Area::Index)?,
            packs: list(Area::Data)?,
            keys: list(Area::Keys)?,
            locks: list(Area::Locks)?,
        })
    }

    pub fn of(&self, area: Area) -> &BTreeMap<Id, u64> {
        match area {
            Area::Keys => &self.keys,
            Area::Snapshots => &self.snapshots,
            Area::Index => &self.indexes,
            Area::Locks | Area::Config => &self.locks,
            Area::Data => &self.packs,
        }
    }
}

impl Repository {
    /// Lists the chosen locations and checks everything but the content of packs.
    pub(crate) fn survey(&self, request: &VerifyRequest, cancel: &Cancel) -> Result<Survey> {
        let mut survey = Survey {
            mirrors: Vec::new(),
            listings: Vec::new(),
            reports: Vec::new(),
            report_of: Vec::new(),
            index: Index::default(),
            snapshots: Vec::new(),
            tombstones: Tombstones::load(&self.folders.tombstones)?,
            packs_of: BTreeMap::new(),
            lost_indexes: Vec::new(),
            replaced_indexes: Vec::new(),
            read_whole: BTreeSet::new(),
        };
        for (mirror, state) in self.states() {
            if request.locations.as_ref().is_some_and(|l| !l.iter().any(|n| n == mirror.name())) {
                continue;
            }
            let mut report = LocationVerified::empty(mirror.name());
            let listed = match state {
                MirrorState::Absent => Err(format!("location {} has no such repository", mirror.name())),
                MirrorState::Unusable { reason, .. } if !state.is_readable() => Err(reason.clone()),
                _ => Listings::read(mirror).map_err(|e| e.to_string()),
            };
            match listed {
                Ok(listings) => {
                    report.snapshots = listings.snapshots.len() as u64;
                    report.points = listings.snapshots.keys().copied().collect();
                    report.index_files = listings.indexes.len() as u64;
                    report.packs = listings.packs.len() as u64;
                    survey.report_of.push(survey.reports.len());
                    survey.mirrors.push(Arc::clone(mirror));
                    survey.listings.push(listings);
                }
                Err(reason) => report.state = LocationState::Unusable(reason),
            }
            survey.reports.push(report);
        }
        for lane in 0..survey.mirrors.len() {
            self.check_config(&mut survey, lane);
            self.check_locks(&mut survey, lane);
        }
        self.check_keys(&mut survey);
        for id in survey.listed(Area::Index) {
            cancel.check()?;
            let parse = |stored: &[u8]| {
                self.parse_json(stored, |json| IndexFile::parse(json).map_err(|e| e.to_string()))
            };
            match self.check_object(&mut survey, Area::Index, id, parse) {
                Some(file) => {
                    survey.packs_of.insert(id, file.packs.iter().map(|p| p.id).collect());
                    for pack in &file.packs {
                        survey.index.add(pack);
                    }
                }
                None => survey.lost_indexes.push(id),
            }
        }
        for id in survey.listed(Area::Snapshots) {
            cancel.check()?;
            let parse = |stored: &[u8]| {
                self.parse_json(stored, |json| Snapshot::parse(json).map_err(|e| e.to_string()))
            };
            if let Some(snapshot) = self.check_object(&mut survey, Area::Snapshots, id, parse) {
                survey.snapshots.push((id, snapshot));
            }
        }
        survey.snapshots.sort_by_key(|(id, snapshot)| (snapshot.time, *id));
        survey.check_packs();
        Ok(survey)
    }

    fn parse_json<T>(
        &self,
        stored: &[u8],
        parse: impl FnOnce(&[u8]) -> std::result::Result<T, String>,
    ) -> std::result::Result<T, String> {
        parse(&decode_unpacked(&self.cipher, stored).map_err(|e| e.to_string())?)
    }

    fn check_config(&self, survey: &mut Survey, lane: usize) {
        let (kind, message) = match survey.mirrors[lane].get_config() {
            Ok(Some(stored)) if stored == self.identity.config => return,
            Ok(Some(stored)) if stored.len() < self.identity.config.len() => {
                (ProblemKind::Truncated, "the config is cut off".to_owned())
            }
            Ok(Some(_)) => {
                (ProblemKind::Altered, "the config is damaged or belongs to another repository".to_owned())
            }
            Ok(None) => (ProblemKind::Missing, "there is no config".to_owned()),
            Err(error) => (ProblemKind::Unreadable, error.to_string()),
        };
        survey.report(lane).problems.push(Problem::new(Area::Config, None, kind, message));
    }

    fn check_locks(&self, survey: &mut Survey, lane: usize) {
        let mirror = Arc::clone(&survey.mirrors[lane]);
        let locks: Vec<(Id, u64)> = survey.listings[lane].locks.iter().map(|(id, n)| (*id, *n)).collect();
        for (id, size) in locks {
            let message = match read_lock(&mirror, &self.cipher, &id) {
                _ if size == 0 => "the lock is empty and is ignored".to_owned(),
                Ok(lock) if is_stale(&lock, &self.writer) => {
                    format!("the lock of {} on {} since {} is stale", lock.username, lock.hostname, lock.time)
                }
                Ok(_) => continue,
                Err(error) if error.kind == ErrorKind::NotFound => continue,
                Err(error) => format!("the lock cannot be read: {error}"),
            };
            survey.report(lane).problems.push(Problem::new(
                Area::Locks,
                Some(id),
                ProblemKind::Lock,
                message,
            ));
        }
    }

    /// The ring's key file must be everywhere; further ones, of stock restic, must be what they were.
    fn check_keys(&self, survey: &mut Survey) {
        let own = Id::of(&self.identity.key_file);
        let mut keys = survey.listed(Area::Keys);
        keys.insert(own);
        for id in keys {
            let parse = |stored: &[u8]| {
                holdfast_format::KeyFile::parse(stored).map(|_| ()).map_err(|e| e.to_string())
            };
            self.check_object(survey, Area::Keys, id, parse);
        }
    }

    /// Checks one object at every location and returns it parsed, from wherever it was whole.
    fn check_object<T>(
        &self,
        survey: &mut Survey,
        area: Area,
        id: Id,
        parse: impl FnOnce(&[u8]) -> std::result::Result<T, String>,
    ) -> Option<T> {
        let sizes: Vec<Option<u64>> = survey.listings.iter().map(|l| l.of(area).get(&id).copied()).collect();
        let size = sizes.iter().flatten().copied().max().unwrap_or(0);
        let mut good: Option<Bytes> = None;
        let mut holders = Vec::new();
        for (lane, mirror) in survey.mirrors.clone().iter().enumerate() {
            let (kind, message) = match sizes[lane] {
                // A key file is stored before anything else, so its absence is no delay.
                None if area == Area::Keys => (ProblemKind::Missing, "the key file is missing".to_owned()),
                None => (ProblemKind::Owed, "another location has it, this one lacks it".to_owned()),
                Some(_) => match mirror.get_unchecked(area, &id) {
                    Ok(stored) if Id::of(&stored) == id => {
                        holders.push(lane);
                        good = Some(stored);
                        continue;
                    }
                    Ok(stored) if (stored.len() as u64) < size => {
                        (ProblemKind::Truncated, "it is cut off".to_owned())
                    }
                    Ok(_) => {
                        (ProblemKind::Altered, "the stored bytes do not match the object's name".to_owned())
                    }
                    Err(error) if error.kind == ErrorKind::NotFound => {
                        (ProblemKind::Missing, "it is listed, but not there".to_owned())
                    }
                    Err(error) => (ProblemKind::Unreadable, error.to_string()),
                },
            };
            survey.report(lane).problems.push(Problem::new(area, Some(id), kind, message));
        }
        match parse(&good.or_else(|| self.sealed_copy(area, &id))?) {
            Ok(parsed) => Some(parsed),
            Err(reason) => {
                for lane in holders {
                    let problem = Problem::new(area, Some(id), ProblemKind::Altered, reason.clone());
                    survey.report(lane).problems.push(problem);
                }
                None
            }
        }
    }

    /// A local sealed copy of an object, whole by its hash.
    pub(crate) fn sealed_copy(&self, area: Area, id: &Id) -> Option<Bytes> {
        if area == Area::Keys && *id == Id::of(&self.identity.key_file) {
            return Some(self.identity.key_file.clone());
        }
        let cached = self.folders.cache.join(area.folder()).join(id.to_hex());
        let spooled = self.folders.spool.join(id.to_hex());
        [cached, spooled]
            .into_iter()
            .filter_map(|path| fs::read(path).ok())
            .find(|stored| Id::of(stored) == *id)
            .map(Bytes::from)
    }
}

impl Survey {
    fn check_packs(&mut self) {
        for lane in 0..self.mirrors.len() {
            let listings = &self.listings[lane];
            // A pack is due at a location once an index file that names it is there.
            let due: BTreeSet<Id> =
                listings.indexes.keys().filter_map(|id| self.packs_of.get(id)).flatten().copied().collect();
            let mut problems = Vec::new();
            for pack in self.index.packs() {
                let (kind, message) = match listings.packs.get(&pack.id) {
                    Some(size) if *size == pack.size => continue,
                    Some(size) if *size < pack.size => {
                        (ProblemKind::Truncated, format!("it has {size} bytes instead of {}", pack.size))
                    }
                    Some(size) => {
                        (ProblemKind::Altered, format!("it has {size} bytes instead of {}", pack.size))
                    }
                    None if due.contains(&pack.id) => {
                        (ProblemKind::Missing, "the index names it and it is not there".to_owned())
                    }
                    None => (ProblemKind::Owed, "another location has it, this one lacks it".to_owned()),
                };
                problems.push(Problem::new(Area::Data, Some(pack.id), kind, message));
            }
            for area in [Area::Data, Area::Index, Area::Snapshots] {
                for id in listings.of(area).keys() {
                    let (kind, message) = if self.tombstones.contains(area, id) {
                        (ProblemKind::Waiting, "it was deleted elsewhere and is still here")
                    } else if area == Area::Data && self.index.pack(id).is_none() {
                        (ProblemKind::Orphan, "no index names it")
                    } else {
                        continue;
                    };
                    problems.push(Problem::new(area, Some(*id), kind, message));
                }
            }
            self.report(lane).problems.append(&mut problems);
        }
    }

    /// Packs that are whole at none of the locations looked at, and packs that were read and are whole at one.
    pub fn judge_packs(&self) -> (Vec<Id>, Vec<Id>) {
        let mut bad: BTreeMap<Id, usize> = BTreeMap::new();
        for report in &self.reports {
            let of_packs = report.problems.iter().filter(|p| p.area == Area::Data && !p.is_notice());
            // What a location would not give today it may give tomorrow.
            let certain = of_packs.filter(|p| p.kind != ProblemKind::Unreadable);
            let ids: BTreeSet<Id> = certain.filter_map(|p| p.id).collect();
            ids.into_iter().for_each(|id| *bad.entry(id).or_default() += 1);
        }
        let nowhere = bad.into_iter().filter(|(id, count)| {
            *count >= self.mirrors.len() && self.index.pack(id).is_some() && !self.read_whole.contains(id)
        });
        (nowhere.map(|(id, _)| id).collect(), self.read_whole.iter().copied().collect())
    }

    /// Follows every point, and says of each problem which points and paths need the object.
    pub fn explain(&mut self, repository: &Repository, cancel: &Cancel) -> Result<Vec<Problem>> {
        let roots = self.snapshots.iter().map(|(_, snapshot)| snapshot.tree);
        let closure = close_over(repository, &self.index, &self.mirrors, roots, cancel)?;
        let mut general = Vec::new();
        if !closure.missing.is_empty() && self.is_behind(repository) {
            let message = format!(
                "{} blobs that points need are in no index that counts: it stands on index files that were replaced \
                 elsewhere, and is owed the new ones",
                closure.missing.len()
            );
            for lane in 0..self.mirrors.len() {
                let problem = Problem::new(Area::Index, None, ProblemKind::Owed, message.clone());
                self.report(lane).problems.push(problem);
            }
        } else if !closure.missing.is_empty() {
            let message = format!(
                "{} blobs that points need are in no index, or are directories that no location gives whole",
                closure.missing.len()
            );
            general.push(Problem::new(Area::Index, None, ProblemKind::Missing, message));
        }
        if let Some(error) = &closure.unknown {
            let message = format!("not every point could be followed: {error}");
            general.push(Problem::new(Area::Snapshots, None, ProblemKind::Unreadable, message));
        }
        let mut problems: Vec<&mut Problem> =
            self.reports.iter_mut().flat_map(|r| &mut r.problems).chain(&mut general).collect();
        problems.retain(|p| !p.is_notice());
        let mut numbers: HashMap<(Area, Option<Id>), usize> = HashMap::new();
        for problem in &problems {
            let next = numbers.len();
            numbers.entry((problem.area, problem.id)).or_insert(next);
        }
        let mut of_pack: HashMap<Id, Vec<usize>> = HashMap::new();
        for ((area, id), number) in &numbers {
            match (area, id) {
                (Area::Data, Some(id)) => of_pack.entry(*id).or_default().push(*number),
                (Area::Index, Some(id)) => {
                    for pack in self.packs_of.get(id).into_iter().flatten() {
                        of_pack.entry(*pack).or_default().push(*number);
                    }
                }
                _ => {}
            }
        }
        let mut damaged = DamagedBlobs::new();
        if !of_pack.is_empty() {
            for (id, place) in self.index.iter() {
                // What lies whole in another pack too costs nobody anything.
                let is_elsewhere = |place: BlobPlace| !of_pack.contains_key(&place.pack);
                if self.index.all(place.kind, &id).any(is_elsewhere) {
                    continue;
                }
                if let Some(objects) = of_pack.get(&place.pack) {
                    damaged.entry((place.kind, id)).or_default().extend(objects);
                }
            }
        }
        if let Some(number) = numbers.get(&(Area::Index, None)) {
            for blob in &closure.missing {
                damaged.entry(*blob).or_default().push(*number);
            }
        }
        damaged.values_mut().for_each(|objects| {
            objects.sort_unstable();
            objects.dedup();
        });
        let index = &self.index;
        let costs =
            affected(repository, index, &self.mirrors, &self.snapshots, &damaged, numbers.len(), cancel)?;
        for problem in problems {
            let cost: &Cost = &costs[numbers[&(problem.area, problem.id)]];
            problem.points.clone_from(&cost.points);
            problem.files.clone_from(&cost.files);
            problem.files_total = cost.files_total;
            if let (Area::Snapshots, Some(id)) = (problem.area, problem.id) {
                problem.points = vec![id];
            }
        }
        Ok(general)
    }

    /// Whether all that was looked at are locations that were away while index files were replaced, and others were not looked
    /// at: then what counts now is not to be found here, and nobody can tell from here that it is lost.
    fn is_behind(&self, repository: &Repository) -> bool {
        let is_waiting =
            |listings: &Listings| listings.indexes.keys().any(|id| self.tombstones.contains(Area::Index, id));
        self.mirrors.len() < repository.states().count() && self.listings.iter().all(is_waiting)
    }

    /// Whether a readable index file names the pack.
    pub fn names_pack(&self, id: &Id) -> bool {
        self.index.pack(id).is_some()
    }
}
