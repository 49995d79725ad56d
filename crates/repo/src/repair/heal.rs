//! Replaces what is damaged and brings what is missing, object by object, with bytes that were found whole.

use std::sync::Arc;

use bytes::Bytes;
use holdfast_format::Id;
use holdfast_location::Area;

use super::{Action, RepairRequest, Repaired};
use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::locks::HeldLock;
use crate::mirror::Mirror;
use crate::monitor::{Monitor, Trouble, TroubleKind};
use crate::repository::Repository;
use crate::verify::{Problem, ProblemKind, Survey};

impl Repository {
    #[allow(clippy::too_many_arguments, reason = "one call, and every argument is another thing")]
    pub(super) fn heal(
        &self,
        request: &RepairRequest,
        survey: &Survey,
        problems: &[(String, Problem)],
        held: &[(Arc<Mirror>, HeldLock)],
        repaired: &mut Repaired,
        monitor: &dyn Monitor,
        cancel: &Cancel,
    ) -> Result<()> {
        for (lane, mirror) in survey.mirrors.iter().enumerate() {
            // Packs before the index files that name them, those before the points that need them: a location that
            // misses a pack must not look whole.
            let mut is_behind = false;
            for area in [Area::Keys, Area::Config, Area::Data, Area::Index, Area::Snapshots] {
                let here = problems.iter().filter(|(name, p)| name == mirror.name() && p.area == area);
                let mut failed = false;
                for (_, problem) in here {
                    cancel.check()?;
                    held.iter().try_for_each(|(_, lock)| lock.check())?;
                    let is_gone = |id: Id| {
                        survey.tombstones.contains(area, &id) || survey.replaced_indexes.contains(&id)
                    };
                    if problem.id.is_some_and(is_gone) {
                        continue;
                    }
                    if is_behind && problem.kind == ProblemKind::Owed {
                        continue;
                    }
                    failed |= !self.heal_object(request, survey, lane, problem, repaired, monitor);
                }
                is_behind |= failed;
            }
        }
        Ok(())
    }

    /// Heals one object at one mirror; `false` when that failed.
    fn heal_object(
        &self,
        request: &RepairRequest,
        survey: &Survey,
        lane: usize,
        problem: &Problem,
        repaired: &mut Repaired,
        monitor: &dyn Monitor,
    ) -> bool {
        let mirror = &survey.mirrors[lane];
        let area = problem.area;
        let is_absent = matches!(problem.kind, ProblemKind::Missing | ProblemKind::Owed);
        let action = if is_absent { Action::Deliver } else { Action::Replace };
        let (from, outcome) = match problem.id {
            None => {
                let stored = &self.identity.config;
                let outcome = if area != Area::Config {
                    return true;
                } else if request.dry_run {
                    Ok(())
                } else {
                    replace_config(mirror, stored)
                };
                ("local".to_owned(), outcome)
            }
            Some(id) => match self.good_bytes(survey, lane, area, &id) {
                Some((from, stored)) => {
                    let outcome = if request.dry_run { Ok(()) } else { replace(mirror, area, &id, &stored) };
                    (from, outcome)
                }
                None => {
                    repaired.lose(problem);
                    monitor.trouble(Trouble::new(
                        TroubleKind::Damage,
                        &problem.object,
                        "no location has it whole",
                    ));
                    return false;
                }
            },
        };
        let is_done = outcome.is_ok();
        repaired.note(mirror, area, problem.id, action, Some(from), outcome);
        is_done
    }

    /// The bytes of an object, whole by their hash, and where they are from. Bytes that are no snapshot are no good wherever
    /// a snapshot should be: whoever put them at one location would have them at all.
    fn good_bytes(&self, survey: &Survey, lane: usize, area: Area, id: &Id) -> Option<(String, Bytes)> {
        let is_known = area != Area::Snapshots || survey.snapshots.iter().any(|(known, _)| known == id);
        if !is_known {
            return None;
        }
        let others = survey.mirrors.iter().enumerate().filter(|(other, _)| *other != lane);
        for (_, mirror) in others {
            if let Ok(stored) = mirror.get(area, id) {
                return Some((mirror.name().to_owned(), stored));
            }
        }
        if let Some(stored) = self.sealed_copy(area, id) {
            return Some(("local".to_owned(), stored));
        }
        // A disk that fails now and then may have given bad bytes once.
        let mirror = &survey.mirrors[lane];
        mirror.get(area, id).ok().map(|stored| (mirror.name().to_owned(), stored))
    }
}

/// Puts good bytes in the place of damaged ones and reads them back.
fn replace(mirror: &Mirror, area: Area, id: &Id, stored: &Bytes) -> Result<()> {
    if mirror.get(area, id).is_ok() {
        return Ok(());
    }
    mirror.delete(area, id)?;
    mirror.put(area, id, stored.clone())?;
    mirror.get(area, id).map(|_| ())
}

fn replace_config(mirror: &Mirror, stored: &Bytes) -> Result<()> {
    mirror.delete_config()?;
    mirror.put_config(stored.clone())?;
    match mirror.get_config()? {
        Some(read) if read == *stored => Ok(()),
        _ => Err(Error::new(
            ErrorKind::Damaged,
            format!("location {} did not keep the config as it was stored", mirror.name()),
        )),
    }
}
