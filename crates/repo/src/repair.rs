//! Repairs: brings every location what it lacks, and replaces what is damaged, from locations that have it whole.
//!
//! Nothing is believed but bytes that hash to their name. A damaged object is removed only when good bytes are at hand,
//! and what was stored is read back. What no location has is named, with the points and paths that it costs; points are
//! never rewritten, because half a point that looks whole is worse than one that says what it lacks.

mod heal;
mod rebuild;
mod write_off;

use std::collections::BTreeSet;
use std::sync::Arc;

use holdfast_format::Id;
use holdfast_location::Area;
use serde::Serialize;

use crate::cancel::Cancel;
use crate::catalog;
use crate::error::{ErrorKind, Result};
use crate::locks::{HeldLock, Mode, read_lock};
use crate::mirror::Mirror;
use crate::monitor::Monitor;
use crate::progress::Progress;
use crate::repository::Repository;
use crate::tombstones::Tombstones;
use crate::verify::{Problem, ProblemKind, Read, Verified, VerifyRequest};

/// How to repair.
#[derive(Clone, Copy, Debug, Default)]
pub struct RepairRequest {
    /// Only say what would be done.
    pub dry_run: bool,
    /// Accept as lost what no location has whole: save what can still be opened of it, and take the rest out of the index.
    pub write_off: bool,
}

/// What a repair does to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is missing and is stored.
    Deliver,
    /// It is damaged: removed, and stored again.
    Replace,
    /// Objects that were deleted elsewhere are deleted here.
    DeleteTombstoned,
    /// A lock that cannot be read is removed.
    RemoveDamagedLock,
    /// Index files that no location has whole are written anew from the packs.
    RebuildIndex,
    /// It is whole nowhere, was written off, and is removed.
    WriteOff,
}

/// One step of a repair.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// Where.
    pub location: String,
    /// What: area and name.
    pub object: String,
    /// What is done.
    pub action: Action,
    /// Where the good bytes come from: a location, or `local` for the key ring and the local cache.
    pub from: Option<String>,
    /// Whether it was done; in a dry run always true.
    pub done: bool,
    /// Why not.
    pub failure: Option<String>,
}

/// Something that no location has whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// The object: area and name.
    pub object: String,
    /// Points that need it.
    pub points: Vec<Id>,
    /// Some of the paths that need it.
    pub files: Vec<String>,
    /// How many paths need it.
    pub files_total: u64,
}

/// What a repair did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Repaired {
    /// Step by step.
    pub steps: Vec<Step>,
    /// What is lost.
    pub lost: Vec<Lost>,
    /// Locations that could not be looked at, each with the reason.
    pub unusable: Vec<(String, String)>,
    #[serde(skip)]
    lost_objects: BTreeSet<(Area, Id)>,
}

impl Repaired {
    /// Whether everything that was damaged or missing is whole now.
    pub fn is_healed(&self) -> bool {
        self.lost.is_empty() && self.unusable.is_empty() && self.steps.iter().all(|s| s.done)
    }
}

impl Repository {
    /// Repairs. Every location is read whole, unless `verified` tells what is damaged; its word is checked again.
    pub fn repair(
        &self,
        request: &RepairRequest,
        verified: Option<&Verified>,
        monitor: &dyn Monitor,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Repaired> {
        let mut repaired = Repaired::default();
        let everywhere = VerifyRequest { locations: None, read: Read::All };
        self.remove_damaged_locks(request, &mut repaired);
        let before = self.survey(&everywhere, cancel)?;
        let mut held: Vec<(Arc<Mirror>, HeldLock)> = Vec::new();
        if !request.dry_run {
            // What is replaced is another version, which nothing locks yet.
            self.distrust_locks()?;
            for mirror in &before.mirrors {
                let lock = HeldLock::take(mirror, &self.cipher, &self.writer, Mode::Exclusive)?;
                held.push((Arc::clone(mirror), lock));
            }
        }
        let read = if verified.is_some() { Read::Structure } else { Read::All };
        let survey = self.survey(&everywhere, cancel)?;
        let (found, mut survey) = self.verify_survey(survey, &read, progress, cancel)?;
        let problems = gather(&found, verified);
        for location in &found.locations {
            if let crate::verify::LocationState::Unusable(reason) = &location.state {
                repaired.unusable.push((location.location.clone(), reason.clone()));
            }
        }
        let blobs_are_unlisted = found.repository.iter().any(|p| p.area == Area::Index);
        self.rebuild_indexes(request, &mut survey, blobs_are_unlisted, &mut repaired, cancel)?;
        self.heal(request, &survey, &problems, &held, &mut repaired, monitor, cancel)?;
        for problem in &found.repository {
            repaired.lose(problem);
        }
        if request.write_off && !request.dry_run {
            self.write_off(&survey, &held, &mut repaired, cancel)?;
        }
        drop(held);
        self.delete_what_waits(request, &mut repaired, monitor, progress, cancel)?;
        if !request.dry_run && (request.write_off || !found.repository.is_empty()) {
            // Rebuilt index files, or packs whose deletion was taken back, may have brought the blobs to light again.
            let after = self.survey(&everywhere, cancel)?;
            let (after, survey) = self.verify_survey(after, &Read::Structure, progress, cancel)?;
            repaired.lost.retain(|lost| !found.repository.iter().any(|p| p.object == lost.object));
            after.repository.iter().for_each(|problem| repaired.lose(problem));
            if request.write_off {
                self.accept_missing(&survey, cancel)?;
            }
        }
        Ok(repaired)
    }

    /// Removes locks that cannot be read. They protect nobody, and every deletion would wait for them for ever.
    fn remove_damaged_locks(&self, request: &RepairRequest, repaired: &mut Repaired) {
        for mirror in self.readable() {
            for (id, size) in mirror.list(Area::Locks).unwrap_or_default() {
                let is_damaged = size > 0
                    && read_lock(mirror, &self.cipher, &id).is_err_and(|e| e.kind == ErrorKind::Damaged);
                if is_damaged {
                    let outcome = if request.dry_run { Ok(()) } else { mirror.delete_lock(&id) };
                    repaired.note(mirror, Area::Locks, Some(id), Action::RemoveDamagedLock, None, outcome);
                }
            }
        }
    }

    fn delete_what_waits(
        &self,
        request: &RepairRequest,
        repaired: &mut Repaired,
        monitor: &dyn Monitor,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<()> {
        let mut tombstones = Tombstones::load(&self.folders.tombstones)?;
        if tombstones.is_empty() || self.ready().is_empty() {
            return Ok(());
        }
        let step = |location: &str, objects: u64, failure: Option<String>| Step {
            location: location.to_owned(),
            object: format!("{objects} objects"),
            action: Action::DeleteTombstoned,
            from: None,
            done: failure.is_none(),
            failure,
        };
        if request.dry_run {
            for mirror in self.ready() {
                let waiting = tombstones.waiting_at(mirror.name()).len() as u64;
                if waiting > 0 {
                    repaired.steps.push(step(mirror.name(), waiting, None));
                }
            }
            return Ok(());
        }
        let deleting = self.lock_for_deleting(monitor)?;
        let catalog = catalog::list(&deleting.mirrors())?;
        let outcome =
            self.deliver_debts(&catalog, &tombstones, monitor, progress, cancel).and_then(|complete| {
                self.carry_out_tombstones(
                    &deleting,
                    &catalog,
                    &complete,
                    &mut tombstones,
                    None,
                    monitor,
                    cancel,
                )
            });
        match outcome {
            Ok(outcomes) => repaired.steps.extend(
                outcomes
                    .into_iter()
                    .filter(|o| o.deleted + o.waiting > 0)
                    .map(|o| step(&o.location, o.deleted + o.waiting, o.failure)),
            ),
            Err(error) => repaired.steps.push(step("all", 0, Some(error.to_string()))),
        }
        Ok(())
    }
}

/// The problems to act on: what was found now, and what an earlier look found in the packs.
fn gather(found: &Verified, verified: Option<&Verified>) -> Vec<(String, Problem)> {
    let mut problems: Vec<(String, Problem)> = Vec::new();
    let earlier = verified.into_iter().flat_map(|v| &v.locations);
    for location in found.locations.iter().chain(earlier) {
        for problem in location.problems.iter().filter(|p| !p.is_notice()) {
            let is_known = problems
                .iter()
                .any(|(l, p)| *l == location.location && p.area == problem.area && p.id == problem.id);
            if !is_known {
                problems.push((location.location.clone(), problem.clone()));
            }
        }
    }
    problems
}

impl Repaired {
    fn note(
        &mut self,
        mirror: &Mirror,
        area: Area,
        id: Option<Id>,
        action: Action,
        from: Option<String>,
        outcome: Result<()>,
    ) {
        let failure = outcome.err().map(|e| e.to_string());
        let object = Problem::new(area, id, ProblemKind::Missing, "").object;
        self.steps.push(Step {
            location: mirror.name().to_owned(),
            object,
            action,
            from,
            done: failure.is_none(),
            failure,
        });
    }

    fn lose(&mut self, problem: &Problem) {
        self.lost_objects.extend(problem.id.map(|id| (problem.area, id)));
        if !self.lost.iter().any(|l| l.object == problem.object) {
            self.lost.push(Lost {
                object: problem.object.clone(),
                points: problem.points.clone(),
                files: problem.files.clone(),
                files_total: problem.files_total,
            });
        }
    }
}
