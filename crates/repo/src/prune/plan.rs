//! Decides what a prune keeps, rewrites and deletes.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_format::{BlobKind, Id, IndexPack, PackEntry};
use serde::Serialize;

use super::Names;
use crate::cancel::Cancel;
use crate::catalog::Catalog;
use crate::closure::Closure;
use crate::error::{Error, ErrorKind, Result};
use crate::live::Live;
use crate::monitor::{Monitor, Trouble, TroubleKind};
use crate::packer::PACK_BYTES;
use crate::repository::Repository;
use crate::tombstones::Tombstones;

/// How thorough a prune is.
#[derive(Clone, Debug)]
pub struct PruneOptions {
    /// Unused bytes that may stay in packs that are partly in use, in thousandths of the used bytes. With 0 not a single
    /// blob stays that no point needs.
    pub unused_permille_max: u64,
    /// The points that somebody recorded. A snapshot of another that can never be read, or that names data which no index
    /// lists, is told and stops nothing; for the latter, packs that no index names stay. Where nobody knows which they are,
    /// each one counts.
    pub ours: Option<BTreeSet<Id>>,
}

impl Default for PruneOptions {
    fn default() -> PruneOptions {
        PruneOptions { unused_permille_max: 50, ours: None }
    }
}

/// What a prune does, in numbers. Bytes and packs are those of one copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PrunePlan {
    /// Points that stay.
    pub snapshots: u64,
    /// Snapshots that nobody recorded, and that cannot be read or lack data: nothing waits for them.
    pub snapshots_broken: u64,
    /// Packs that stay as they are.
    pub packs_kept: u64,
    /// Packs of which the used part is rewritten.
    pub packs_repacked: u64,
    /// Packs that are deleted without being rewritten, those that no index names included.
    pub packs_deleted: u64,
    /// Bytes that are rewritten.
    pub bytes_rewritten: u64,
    /// Bytes that the repository becomes smaller by.
    pub bytes_freed: u64,
    /// Bytes that no point needs and that stay, because giving them back is not worth the rewriting.
    pub bytes_unused_kept: u64,
}

/// A plan with the names.
pub(super) struct Decision {
    pub plan: PrunePlan,
    /// Packs to rewrite, each with the blobs that are kept.
    pub repacked: Vec<(Id, Vec<PackEntry>)>,
    /// Packs that stay but stand in an index file that goes.
    pub relisted: Vec<IndexPack>,
    pub replaced_indexes: Vec<Id>,
    /// Packs that go, the rewritten ones included.
    pub deleted_packs: Vec<Id>,
    /// Packs that no index names, by mirror; none where they may hold what snapshots lack.
    pub orphans: Vec<Vec<Id>>,
}

/// Packs below this size are small; so many of them are worth merging.
const SMALL_PACK_BYTES: u64 = PACK_BYTES as u64 / 4;
const SMALL_PACKS_MIN: usize = 10;
/// Index files with fewer blobs are small; so many of them are worth merging.
const SMALL_INDEX_BLOBS: usize = 10_000;
const SMALL_INDEXES_MIN: usize = 10;

struct Use {
    size: u64,
    used: u64,
    kind: BlobKind,
    is_mixed: bool,
    /// Whether it holds a blob that nothing needs, or that lies elsewhere as well.
    has_dead: bool,
    keep: Vec<PackEntry>,
}

impl Repository {
    pub(super) fn decide(
        &self,
        options: &PruneOptions,
        catalog: &Catalog,
        tombstones: &Tombstones,
        monitor: &dyn Monitor,
        cancel: &Cancel,
    ) -> Result<Decision> {
        let ours = options.ours.as_ref();
        let live = self.load_live(catalog, tombstones, ours, monitor)?;
        let (closure, lacking) = self.needs(&live, &live.index, &catalog.mirrors, ours, monitor, cancel)?;
        let uses: BTreeMap<Id, Use> =
            live.packs.iter().map(|pack| (pack.id, usage(pack, &live, &closure))).collect();
        let mut decision = Decision {
            plan: PrunePlan {
                snapshots: live.snapshots.len() as u64,
                snapshots_broken: live.junk + lacking,
                ..PrunePlan::default()
            },
            repacked: Vec::new(),
            relisted: Vec::new(),
            replaced_indexes: Vec::new(),
            deleted_packs: Vec::new(),
            orphans: Vec::new(),
        };
        let orphans = self.look_at_packs(&mut decision, catalog, tombstones, &live, &uses)?;
        if lacking == 0 {
            decision.plan.packs_deleted += orphans.len() as u64;
            decision.plan.bytes_freed += orphans.values().sum::<u64>();
        } else {
            // Where an index file was lost everywhere, what those snapshots lack lies in just these packs.
            decision.orphans.clear();
            if !orphans.is_empty() {
                let why = format!(
                    "{} packs that no index names are kept, because snapshots name data that no index lists \
                     and it may lie in them; run `holdfast repair`",
                    orphans.len()
                );
                monitor.trouble(Trouble::new(TroubleKind::Warning, "packs", why));
            }
        }
        decision.choose(options, uses);
        decision.replace_indexes(&live);
        Ok(decision)
    }

    /// Compares what each mirror lists with what is needed of it. A location that lost something, or does not tell the
    /// truth, is no place to delete at. Returns the packs that no index names, with their sizes.
    fn look_at_packs(
        &self,
        decision: &mut Decision,
        catalog: &Catalog,
        tombstones: &Tombstones,
        live: &Live,
        uses: &BTreeMap<Id, Use>,
    ) -> Result<BTreeMap<Id, u64>> {
        let mut orphans = BTreeMap::new();
        for (lane, mirror) in catalog.mirrors.iter().enumerate() {
            let listed: BTreeMap<Id, u64> = self.listed_packs(mirror)?.into_iter().collect();
            let indexes = live.files.iter().filter(|(id, _)| catalog.indexes[id] & (1 << lane) != 0);
            let due: Names = indexes.flat_map(|(_, packs)| packs).copied().collect();
            for (id, usage) in uses.iter().filter(|(id, usage)| usage.used > 0 && due.contains(id)) {
                if listed.get(id) != Some(&usage.size) {
                    return Err(Error::new(
                        ErrorKind::Damaged,
                        format!(
                            "nothing is deleted, because location {} lacks pack {id} or has it in another size; run `holdfast repair` first",
                            mirror.name()
                        ),
                    ));
                }
            }
            let strange = |id: &Id| {
                live.index.pack(id).is_none() && !tombstones.contains(holdfast_location::Area::Data, id)
            };
            let unknown: Vec<Id> = listed.keys().filter(|id| strange(id)).copied().collect();
            orphans.extend(unknown.iter().map(|id| (*id, listed[id])));
            decision.orphans.push(unknown);
        }
        Ok(orphans)
    }
}

fn usage(pack: &IndexPack, live: &Live, closure: &Closure) -> Use {
    let size = live.index.pack(&pack.id).map_or(0, |p| p.size);
    let kind = pack.blobs.first().map_or(BlobKind::Data, |b| b.kind);
    // Of several copies of a blob the first one counts; the others are as good as unused.
    let keep: Vec<PackEntry> = pack
        .blobs
        .iter()
        .filter(|blob| {
            closure.uses(blob.kind, &blob.id)
                && live
                    .index
                    .get(blob.kind, &blob.id)
                    .is_some_and(|place| place.pack == pack.id && place.offset == blob.offset)
        })
        .copied()
        .collect();
    let used = keep.iter().map(|b| u64::from(b.length) + 41).sum();
    Use {
        size,
        used,
        kind,
        is_mixed: pack.blobs.iter().any(|b| b.kind != kind),
        has_dead: keep.len() < pack.blobs.len(),
        keep,
    }
}

impl Decision {
    /// Whether points find something in another pack or index file afterwards.
    pub(super) fn changes_packs(&self) -> bool {
        !self.deleted_packs.is_empty() || !self.replaced_indexes.is_empty()
    }

    fn choose(&mut self, options: &PruneOptions, uses: BTreeMap<Id, Use>) {
        let used_total: u64 = uses.values().map(|u| u.used).sum();
        let mut unused: u64 =
            uses.values().filter(|u| u.used > 0).map(|u| u.size.saturating_sub(u.used)).sum();
        let unused_max = used_total / 1000 * options.unused_permille_max;
        let small: Vec<usize> = super::super::deletion::KINDS
            .iter()
            .map(|kind| {
                uses.values().filter(|u| u.used > 0 && u.kind == *kind && u.size < SMALL_PACK_BYTES).count()
            })
            .collect();
        let mut uses: Vec<(Id, Use)> = uses.into_iter().collect();
        // The most wasteful first: they give back the most for what is rewritten.
        uses.sort_by_key(|(id, u)| (u.used.saturating_mul(1000) / u.size.max(1), *id));
        for (id, usage) in uses {
            if usage.used == 0 {
                self.plan.packs_deleted += 1;
                self.plan.bytes_freed += usage.size;
                self.deleted_packs.push(id);
                continue;
            }
            let waste = usage.size.saturating_sub(usage.used);
            let number = usize::from(usage.kind == BlobKind::Data);
            let is_small = usage.size < SMALL_PACK_BYTES && small[number] >= SMALL_PACKS_MIN;
            // Header sizes are estimated above, so a pack without unused blobs may seem to waste a little.
            let is_wasteful = if options.unused_permille_max == 0 {
                usage.has_dead
            } else {
                waste > usage.keep.len() as u64 * 8 + 64 && unused > unused_max
            };
            if is_wasteful || is_small || usage.is_mixed {
                unused = unused.saturating_sub(waste);
                self.plan.packs_repacked += 1;
                self.plan.bytes_rewritten += usage.used;
                self.plan.bytes_freed += waste;
                self.deleted_packs.push(id);
                self.repacked.push((id, usage.keep));
            } else {
                self.plan.packs_kept += 1;
                self.plan.bytes_unused_kept += waste;
            }
        }
    }

    fn replace_indexes(&mut self, live: &Live) {
        let gone: BTreeSet<Id> = self.deleted_packs.iter().copied().collect();
        let blobs = |packs: &[Id]| -> usize {
            packs.iter().filter_map(|id| live.index.pack(id)).map(|p| p.blobs as usize).sum()
        };
        let small = live.files.iter().filter(|(_, packs)| blobs(packs) < SMALL_INDEX_BLOBS).count();
        let mut listed: BTreeSet<Id> = BTreeSet::new();
        for (id, packs) in &live.files {
            let is_small = small >= SMALL_INDEXES_MIN && blobs(packs) < SMALL_INDEX_BLOBS;
            let is_duplicate = packs.iter().any(|pack| listed.contains(pack));
            if is_small || is_duplicate || packs.is_empty() || packs.iter().any(|pack| gone.contains(pack)) {
                self.replaced_indexes.push(*id);
            } else {
                listed.extend(packs);
            }
        }
        self.relisted = live
            .packs
            .iter()
            .filter(|pack| !gone.contains(&pack.id) && !listed.contains(&pack.id))
            .cloned()
            .collect();
    }
}
