//! What each mirror is owed.
//!
//! Nothing needs to remember debts: an index file reaches a location only after all its packs, and a snapshot only after
//! its index. So whatever the listings of two mirrors differ by, and no tombstone forbids, is owed to the one that lacks
//! it, with the packs that the index files name. That holds after a crash, after a lost state folder, and after somebody
//! ran stock restic against one of the mirrors.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_format::Id;
use holdfast_location::Area;

use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::tombstones::Tombstones;

/// What one mirror lacks, in the order in which it must be delivered, each with the bits of the mirrors that have it.
#[derive(Default, Debug)]
pub struct Debt {
    /// The objects.
    pub objects: Vec<(Area, Id, u32)>,
    /// Set when it could not be found out what is owed.
    pub failure: Option<Error>,
}

impl Repository {
    /// The debts of each mirror of `catalog`, in its order.
    pub fn debts(&self, catalog: &Catalog, tombstones: &Tombstones, monitor: &dyn Monitor) -> Vec<Debt> {
        (0..catalog.mirrors.len())
            .map(|lane| match self.debt_of(catalog, lane, tombstones, monitor) {
                Ok(objects) => Debt { objects, failure: None },
                Err(error) => Debt { objects: Vec::new(), failure: Some(error) },
            })
            .collect()
    }

    fn debt_of(
        &self,
        catalog: &Catalog,
        lane: usize,
        tombstones: &Tombstones,
        monitor: &dyn Monitor,
    ) -> Result<Vec<(Area, Id, u32)>> {
        let lacks = |listed: &BTreeMap<Id, u32>, area: Area| -> Vec<(Area, Id, u32)> {
            listed
                .iter()
                .filter(|(id, bits)| **bits & (1 << lane) == 0 && !tombstones.contains(area, id))
                .map(|(id, bits)| (area, *id, *bits))
                .collect()
        };
        let indexes = lacks(&catalog.indexes, Area::Index);
        let snapshots = lacks(&catalog.snapshots, Area::Snapshots);
        let mut objects = Vec::new();
        if !indexes.is_empty() {
            let present: BTreeSet<Id> =
                catalog.mirrors[lane].list(Area::Data)?.into_iter().map(|(id, _)| id).collect();
            let mut seen = BTreeSet::new();
            for (_, id, bits) in &indexes {
                for pack in self.read_index(catalog, id, *bits, monitor)?.packs {
                    if !present.contains(&pack.id) && seen.insert(pack.id) {
                        objects.push((Area::Data, pack.id, *bits));
                    }
                }
            }
        }
        objects.extend(indexes);
        objects.extend(snapshots);
        Ok(objects)
    }
}
