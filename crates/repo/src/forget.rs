//! Forgets points: removes their snapshots at every location. Data goes with the next prune.

use holdfast_format::Id;
use holdfast_location::Area;
use serde::Serialize;

use crate::cancel::Cancel;
use crate::catalog;
use crate::deletion::{Deletions, sizes};
use crate::error::{Error, ErrorKind, Result};
use crate::monitor::Monitor;
use crate::progress::Progress;
use crate::repository::Repository;
use crate::tombstones::Tombstones;

/// What became of points that were to be forgotten.
#[derive(Clone, Debug, Serialize)]
pub struct Forgotten {
    /// The points.
    pub points: Vec<Id>,
    /// By location; one that is away deletes when it is back.
    pub locations: Vec<Deletions>,
}

impl Repository {
    /// Forgets points. The decision is durable before the first deletion, for the locations that are away as well.
    /// Kind `NotFound`, with nothing changed, when one of them is at no reachable location.
    pub fn forget(
        &self,
        points: &[Id],
        monitor: &dyn Monitor,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Forgotten> {
        let deleting = self.lock_for_deleting(monitor)?;
        let listed = catalog::list(&deleting.mirrors())?;
        let mut tombstones = Tombstones::load(&self.folders.tombstones)?;
        for id in points {
            if !listed.snapshots.contains_key(id) && !tombstones.contains(Area::Snapshots, id) {
                return Err(Error::new(
                    ErrorKind::NotFound,
                    format!("point {id} is at no location that can be reached; nothing was forgotten"),
                ));
            }
        }
        cancel.check()?;
        deleting.check()?;
        let objects: Vec<_> = points.iter().map(|id| (Area::Snapshots, *id)).collect();
        tombstones.bury(&objects, &self.location_names())?;
        let mut locations = Vec::new();
        for (mirror, _) in &deleting.held {
            let mut outcome = Deletions { location: mirror.name().to_owned(), ..Deletions::default() };
            let (before, mut done) = (sizes(mirror, Area::Snapshots), Vec::new());
            for object in &objects {
                match mirror.delete(object.0, &object.1) {
                    Ok(()) => done.push(*object),
                    Err(error) => outcome.failure = Some(error.to_string()),
                }
            }
            outcome.note(Area::Snapshots, &done, &before);
            outcome.waiting = (objects.len() - done.len()) as u64;
            progress.objects.add(outcome.deleted);
            tombstones.confirm(&done, mirror.name())?;
            locations.push(outcome);
        }
        for (location, reason) in &deleting.away {
            locations.push(Deletions {
                location: location.clone(),
                waiting: objects.len() as u64,
                failure: Some(reason.clone()),
                ..Deletions::default()
            });
        }
        Ok(Forgotten { points: points.to_vec(), locations })
    }
}
