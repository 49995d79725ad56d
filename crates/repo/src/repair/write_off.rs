//! Writes off what no location has whole, when a person says so.
//!
//! What can still be opened of a damaged pack is copied into a new one; the index stops naming the rest, so that backups
//! store it again where the source has it, and purges no longer stop at it. Only on demand: a machine with bad memory
//! finds every pack damaged everywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use holdfast_format::{BlobDecoder, BlobKind, Encoded, Id, IndexPack, PackEntry};
use holdfast_location::Area;

use super::rebuild::bring_packs;
use super::{Action, Repaired};
use crate::cancel::Cancel;
use crate::closure::close_over;
use crate::doubts::Doubts;
use crate::error::{Error, ErrorKind, Result};
use crate::index::{BlobPlace, Index};
use crate::locks::HeldLock;
use crate::mirror::Mirror;
use crate::packer::{Packer, Sink};
use crate::repository::Repository;
use crate::sealed::Sealed;
use crate::tombstones::Tombstones;
use crate::verify::Survey;
use crate::written_off::WrittenOff;

/// Packs that one new index file lists at most.
const INDEX_PACKS_MAX: usize = 1000;

/// Stores at every location before it returns.
struct Everywhere<'a>(&'a [Arc<Mirror>]);

impl Sink for Everywhere<'_> {
    fn submit(&self, object: Sealed) -> Result<()> {
        self.0
            .iter()
            .try_for_each(|mirror| mirror.put(object.area, &object.id, object.bytes.clone()).map(|_| ()))
    }
}

impl Repository {
    /// Takes lost packs out of the index and removes them with lost snapshots. The caller holds exclusive locks.
    pub(super) fn write_off(
        &self,
        survey: &Survey,
        held: &[(Arc<Mirror>, HeldLock)],
        repaired: &mut Repaired,
        cancel: &Cancel,
    ) -> Result<()> {
        let of = |area: Area| -> BTreeSet<Id> {
            repaired.lost_objects.iter().filter(|(a, _)| *a == area).map(|(_, id)| *id).collect()
        };
        let (packs, snapshots) = (of(Area::Data), of(Area::Snapshots));
        if survey.mirrors.len() < self.mirrors.len() {
            return Err(Error::new(
                ErrorKind::Unreachable,
                "nothing is written off while a location cannot be looked at: it may have what the others lost",
            ));
        }
        let sink = Everywhere(&survey.mirrors);
        let by_pack = entries_by_pack(&survey.index);
        self.salvage(survey, &packs, &by_pack, &sink, cancel)?;
        let names_lost = |named: &Vec<Id>| named.iter().any(|pack| packs.contains(pack));
        let replaced: BTreeSet<Id> =
            survey.packs_of.iter().filter(|(_, named)| names_lost(named)).map(|(id, _)| *id).collect();
        let kept: BTreeSet<Id> = replaced
            .iter()
            .flat_map(|id| &survey.packs_of[id])
            .filter(|pack| !packs.contains(pack))
            .copied()
            .collect();
        let relisted: Vec<IndexPack> =
            kept.iter().map(|id| IndexPack { id: *id, blobs: by_pack[id].clone() }).collect();
        for batch in relisted.chunks(INDEX_PACKS_MAX) {
            for lane in 0..survey.mirrors.len() {
                bring_packs(survey, lane, batch)?;
            }
            self.submit_index(batch.to_vec(), &sink)?;
        }
        cancel.check()?;
        held.iter().try_for_each(|(_, lock)| lock.check())?;
        let mut objects: Vec<(Area, Id)> = snapshots.iter().map(|id| (Area::Snapshots, *id)).collect();
        objects.extend(replaced.iter().map(|id| (Area::Index, *id)));
        objects.extend(packs.iter().map(|id| (Area::Data, *id)));
        let mut tombstones = Tombstones::load(&self.folders.tombstones)?;
        tombstones.bury(&objects, &self.location_names())?;
        for mirror in &survey.mirrors {
            let mut done = Vec::new();
            for (area, id) in &objects {
                let outcome = mirror.delete(*area, id);
                if outcome.is_ok() {
                    done.push((*area, *id));
                }
                if *area != Area::Index {
                    repaired.note(mirror, *area, Some(*id), Action::WriteOff, None, outcome);
                }
            }
            tombstones.confirm(&done, mirror.name())?;
        }
        Doubts::load(&self.folders.cache).note([], packs);
        Ok(())
    }

    /// Notes which blobs points lack after everything was tried.
    pub(super) fn accept_missing(&self, survey: &Survey, cancel: &Cancel) -> Result<()> {
        let roots = survey.snapshots.iter().map(|(_, snapshot)| snapshot.tree);
        let closure = close_over(self, &survey.index, &survey.mirrors, roots, cancel)?;
        if let Some(error) = closure.unknown {
            return Err(error);
        }
        WrittenOff::load(&self.folders.cache).replace(closure.missing)
    }

    /// Copies every blob that some location still gives whole, and that no other pack holds.
    fn salvage(
        &self,
        survey: &Survey,
        packs: &BTreeSet<Id>,
        by_pack: &BTreeMap<Id, Vec<PackEntry>>,
        sink: &dyn Sink,
        cancel: &Cancel,
    ) -> Result<()> {
        let packer = Packer::new(&self.cipher, &self.writer, sink);
        let mut decoder = BlobDecoder::new();
        let (mut plain, mut scratch) = (Vec::new(), Vec::new());
        let mut saved: BTreeSet<(BlobKind, Id)> = BTreeSet::new();
        for pack in packs {
            cancel.check()?;
            for blob in by_pack.get(pack).into_iter().flatten() {
                let is_elsewhere = |place: BlobPlace| !packs.contains(&place.pack);
                if survey.index.all(blob.kind, &blob.id).any(is_elsewhere)
                    || saved.contains(&(blob.kind, blob.id))
                {
                    continue;
                }
                let range = u64::from(blob.offset)..u64::from(blob.offset) + u64::from(blob.length);
                let uncompressed_len = blob.uncompressed.map(NonZeroU32::get);
                for mirror in &survey.mirrors {
                    let Ok(sealed) = mirror.get_range(Area::Data, pack, range.clone()) else { continue };
                    let opened = decoder.decode(
                        &self.cipher,
                        &sealed,
                        uncompressed_len,
                        &blob.id,
                        &mut plain,
                        &mut scratch,
                    );
                    if opened.is_ok() {
                        let encoded = Encoded { uncompressed_len, sealed_len: blob.length };
                        packer.add(blob.kind, &blob.id, &sealed, &encoded)?;
                        saved.insert((blob.kind, blob.id));
                        break;
                    }
                }
            }
        }
        packer.finish()
    }
}

fn entries_by_pack(index: &Index) -> BTreeMap<Id, Vec<PackEntry>> {
    let mut by_pack: BTreeMap<Id, Vec<PackEntry>> = BTreeMap::new();
    for (id, place) in index.iter() {
        let BlobPlace { pack, kind, offset, length, uncompressed } = place;
        by_pack.entry(pack).or_default().push(PackEntry { kind, id, offset, length, uncompressed });
    }
    by_pack
}
