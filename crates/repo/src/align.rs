//! What each mirror is owed.
//!
//! Nothing needs to remember debts: an index file reaches a location only after all its packs, and a snapshot only after
//! its index. So whatever the listings of two mirrors differ by, and no tombstone forbids, is owed to the one that lacks
//! it, with the packs that the index files name. That holds after a crash, after a lost state folder, and after somebody
//! ran stock restic against one of the mirrors.
//!
//! Two things are no debts. Bytes that cannot be read are damage, and one junk file at one location must not keep the
//! others from getting their copies. And a snapshot whose packs were deleted meanwhile would be a point that cannot be
//! restored there, so where deletions wait it is first followed to the end.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_format::{Id, Snapshot};
use holdfast_location::Area;

use crate::cancel::Cancel;
use crate::catalog::Catalog;
use crate::closure::close_over;
use crate::doubts::Doubts;
use crate::error::{Error, ErrorKind, Result};
use crate::index::Index;
use crate::monitor::{Monitor, Trouble, TroubleKind};
use crate::outbox::Outbox;
use crate::repository::Repository;
use crate::tombstones::Tombstones;

/// What one mirror lacks, in the order in which it must be delivered, each with the bits of the mirrors that have it.
#[derive(Default, Debug)]
pub struct Debt {
    /// The objects.
    pub objects: Vec<(Area, Id, u32)>,
    /// Packs that it has already, of index files that it lacks.
    pub present: Vec<Id>,
    /// Snapshots that it lacks and cannot get yet, because what they need is not there to be delivered.
    pub kept_back: Vec<Id>,
    /// Set when it could not be found out what is owed.
    pub failure: Option<Error>,
}

/// What a writer relies on.
pub(crate) struct Trusted {
    /// Where the blobs lie that need not be stored again.
    pub index: Index,
    /// Of the index files behind it those that some mirror lacks and can get: the mirrors that have it, and its packs.
    lacking: BTreeMap<Id, (u32, Vec<Id>)>,
    /// Whether an index file was left out, so that a snapshot may need what nobody is sent.
    is_partial: bool,
}

impl Trusted {
    /// Follows owed snapshots to the end where deletions wait, for whoever does not bring back afterwards what was deleted
    /// and is needed after all.
    pub fn beside(self, tombstones: &Tombstones) -> Trusted {
        Trusted { is_partial: self.is_partial || !tombstones.is_empty(), ..self }
    }
}

impl Repository {
    /// Reads the index files that a writer may rely on. Those that no holder gives whole are reported and left out: it
    /// stores some data again.
    pub(crate) fn trusted_indexes(
        &self,
        catalog: &Catalog,
        tombstones: &Tombstones,
        monitor: &dyn Monitor,
    ) -> Trusted {
        let everywhere = u32::MAX >> (32 - catalog.mirrors.len().clamp(1, 32));
        let doubts = Doubts::load(&self.folders.cache);
        let mut is_partial = false;
        let mut failed = |id: &Id, error: Error| {
            is_partial = true;
            let trouble = Trouble::new(TroubleKind::Damage, format!("index {id}"), error.to_string());
            monitor.trouble(trouble);
        };
        let mut wanted = catalog.indexes.clone();
        wanted.retain(|id, _| !tombstones.contains(Area::Index, id));
        let mut lacking = BTreeMap::new();
        let mut beyond_reach = Vec::new();
        for (id, bits) in wanted.iter().filter(|(_, bits)| **bits != everywhere) {
            match self.read_index(catalog, id, *bits, monitor) {
                // A location that lacks such a file cannot get it with all that it names.
                Ok(file) if file.packs.iter().any(|pack| doubts.contains(&pack.id)) => beyond_reach.push(*id),
                Ok(file) => {
                    lacking.insert(*id, (*bits, file.packs.iter().map(|pack| pack.id).collect()));
                }
                Err(error) => {
                    beyond_reach.push(*id);
                    failed(id, error);
                }
            }
        }
        wanted.retain(|id, _| !beyond_reach.contains(id));
        let index = if doubts.is_empty() {
            self.gather(catalog, &wanted, monitor, &mut failed)
        } else {
            self.gather_without(&doubts, catalog, &wanted, monitor, &mut failed)
        };
        is_partial |= !beyond_reach.is_empty();
        self.forget_cached(catalog);
        Trusted { index, lacking, is_partial }
    }

    /// The debts of each mirror of `catalog`, in its order. `snapshots` are those that could be read.
    pub(crate) fn debts(
        &self,
        catalog: &Catalog,
        trusted: &Trusted,
        snapshots: &[(Id, Snapshot)],
        tombstones: &Tombstones,
        cancel: &Cancel,
    ) -> Vec<Debt> {
        let index = trusted.is_partial.then_some(&trusted.index);
        (0..catalog.mirrors.len())
            .map(|lane| {
                let mut debt = Debt::default();
                let outcome = self
                    .owed_files(catalog, lane, trusted, tombstones, &mut debt)
                    .and_then(|()| self.owed_snapshots(catalog, lane, index, snapshots, cancel, &mut debt));
                debt.failure = outcome.err();
                debt
            })
            .collect()
    }

    fn owed_files(
        &self,
        catalog: &Catalog,
        lane: usize,
        trusted: &Trusted,
        tombstones: &Tombstones,
        debt: &mut Debt,
    ) -> Result<()> {
        let lacking: Vec<(&Id, &(u32, Vec<Id>))> =
            trusted.lacking.iter().filter(|(_, (bits, _))| bits & (1 << lane) == 0).collect();
        if lacking.is_empty() {
            return Ok(());
        }
        let present: BTreeSet<Id> =
            catalog.mirrors[lane].list(Area::Data)?.into_iter().map(|(id, _)| id).collect();
        let mut seen = BTreeSet::new();
        for (_, (bits, packs)) in &lacking {
            for pack in packs {
                if tombstones.contains(Area::Data, pack) || !seen.insert(*pack) {
                    continue;
                }
                if present.contains(pack) {
                    debt.present.push(*pack);
                } else {
                    debt.objects.push((Area::Data, *pack, *bits));
                }
            }
        }
        debt.objects.extend(lacking.iter().map(|(id, (bits, _))| (Area::Index, **id, *bits)));
        Ok(())
    }

    /// With `index` given, only snapshots of which it names everything are owed; the others are kept back.
    fn owed_snapshots(
        &self,
        catalog: &Catalog,
        lane: usize,
        index: Option<&Index>,
        snapshots: &[(Id, Snapshot)],
        cancel: &Cancel,
        debt: &mut Debt,
    ) -> Result<()> {
        let lacking = snapshots.iter().filter(|(id, _)| catalog.snapshots[id] & (1 << lane) == 0);
        for (id, snapshot) in lacking {
            let is_covered = match index {
                None => true,
                Some(index) => {
                    let closure = close_over(self, index, &catalog.mirrors, [snapshot.tree], cancel)?;
                    closure.missing.is_empty() && closure.unknown.is_none()
                }
            };
            if is_covered {
                debt.objects.push((Area::Snapshots, *id, catalog.snapshots[id]));
            } else {
                debt.kept_back.push(*id);
            }
        }
        Ok(())
    }
}

/// Hands the debts to an outbox. A mirror of which nobody knows what it lacks takes no part.
pub(crate) fn owe(debts: Vec<Debt>, catalog: &Catalog, outbox: &Outbox<'_>, monitor: &dyn Monitor) {
    for (lane, debt) in debts.into_iter().enumerate() {
        let Debt { objects, present, kept_back, failure } = debt;
        if let Some(error) = failure {
            outbox.exclude(lane, error.kind, error.to_string());
            continue;
        }
        for id in present {
            outbox.note_present(lane, id);
        }
        for (area, id, holders) in objects {
            outbox.owe(lane, area, id, holders);
        }
        for id in kept_back {
            let reason = format!(
                "point {id} cannot be brought to location {}, because some of what it needs was deleted or damaged; \
                 run `holdfast repair`",
                catalog.mirrors[lane].name()
            );
            monitor.trouble(Trouble::new(
                TroubleKind::Location,
                catalog.mirrors[lane].name(),
                reason.clone(),
            ));
            outbox.note_owed(lane, ErrorKind::Damaged, reason);
        }
    }
}
