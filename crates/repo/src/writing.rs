//! What everything begins with that brings objects to the locations: their locks, what lies there, what a writer may rely on,
//! and what each location is owed.
//!
//! The order is what keeps it true: whoever lists before it holds the lock may rely on what a prune deletes meanwhile.

use std::sync::Arc;

use holdfast_format::{Id, Snapshot};

use crate::align::Debt;
use crate::cancel::Cancel;
use crate::catalog::{self, Catalog};
use crate::error::{Error, ErrorKind, Result};
use crate::index::Index;
use crate::locks::{HeldLock, Mode};
use crate::mirror::Mirror;
use crate::monitor::{Monitor, Trouble, TroubleKind};
use crate::outbox::Delivery;
use crate::repository::{MirrorState, Repository};
use crate::tombstones::Tombstones;

/// A writer that has begun.
pub(crate) struct Writing {
    /// The locks, as long as it goes on.
    pub held: Vec<(Arc<Mirror>, HeldLock)>,
    /// What lies where; its mirrors are those that take part.
    pub catalog: Catalog,
    /// Where the blobs lie that need not be stored again.
    pub index: Index,
    /// The snapshots that could be read, oldest first.
    pub snapshots: Vec<(Id, Snapshot)>,
    /// What each of the catalog's mirrors is owed.
    pub debts: Vec<Debt>,
    /// The locations that take no part, and why.
    pub left_out: Vec<Delivery>,
}

impl Repository {
    /// Locks, lists, and finds out what is owed. What cannot be reached is told and left out, as long as one location is
    /// there.
    pub(crate) fn begin_writing(&self, monitor: &dyn Monitor, cancel: &Cancel) -> Result<Writing> {
        let (held, mut left_out) = self.lock_for_writing(monitor)?;
        let locked: Vec<Arc<Mirror>> = held.iter().map(|(mirror, _)| Arc::clone(mirror)).collect();
        let mut catalog = catalog::list(&locked)?;
        for (mirror, error) in catalog.failures.drain(..) {
            monitor.trouble(Trouble::new(TroubleKind::Location, mirror.name(), error.to_string()));
            left_out.push(not_reached(&mirror, error.kind, error.to_string()));
        }
        let tombstones = Tombstones::load(&self.folders.tombstones)?;
        let trusted = self.trusted_indexes(&catalog, &tombstones, monitor).beside(&tombstones);
        let snapshots = self.load_snapshots(&catalog, monitor);
        let debts = self.debts(&catalog, &trusted, &snapshots, &tombstones, cancel);
        Ok(Writing { held, catalog, index: trusted.index, snapshots, debts, left_out })
    }

    /// Takes a shared lock at every usable mirror; the others are reported and left out.
    fn lock_for_writing(
        &self,
        monitor: &dyn Monitor,
    ) -> Result<(Vec<(Arc<Mirror>, HeldLock)>, Vec<Delivery>)> {
        let mut held = Vec::new();
        let mut left_out = Vec::new();
        let mut last = None;
        for (mirror, state) in self.states() {
            let (kind, reason) = match state {
                MirrorState::Ready => {
                    match HeldLock::take(mirror, &self.cipher, &self.writer, Mode::Shared) {
                        Ok(lock) => {
                            held.push((Arc::clone(mirror), lock));
                            continue;
                        }
                        Err(error) => (error.kind, error.to_string()),
                    }
                }
                MirrorState::Absent => (ErrorKind::NotFound, "has no copy of the repository yet".to_owned()),
                MirrorState::Unusable { kind, reason } => (*kind, reason.clone()),
            };
            monitor.trouble(Trouble::new(TroubleKind::Location, mirror.name(), reason.clone()));
            left_out.push(not_reached(mirror, kind, reason.clone()));
            last = Some(Error::new(kind, reason));
        }
        match (held.is_empty(), last) {
            (true, Some(error)) => Err(error),
            (true, None) => Err(Error::new(ErrorKind::Usage, "the repository has no locations")),
            (false, _) => Ok((held, left_out)),
        }
    }
}

fn not_reached(mirror: &Mirror, kind: ErrorKind, reason: String) -> Delivery {
    Delivery {
        location: mirror.name().to_owned(),
        objects: 0,
        bytes: 0,
        owed: 0,
        failure: Some(reason),
        failure_kind: Some(kind),
    }
}
