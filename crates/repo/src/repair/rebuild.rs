//! Writes index files anew when no location has them whole: every pack tells by its own header what it holds.

use std::collections::BTreeSet;

use bytes::Bytes;
use holdfast_format::{
    Id, IndexFile, IndexPack, TRAILER_BYTES, decode_header, encode_unpacked, header_length,
};
use holdfast_location::Area;

use super::{Action, RepairRequest, Repaired};
use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::mirror::Mirror;
use crate::repository::Repository;
use crate::sealed::Sealed;
use crate::tombstones::Tombstones;
use crate::verify::Survey;

impl Repository {
    /// Lists the packs of lost index files again, at every location, and removes the lost files. An index file that was
    /// deleted everywhere leaves no name; then `blobs_are_unlisted` tells that points need what nothing lists.
    pub(super) fn rebuild_indexes(
        &self,
        request: &RepairRequest,
        survey: &mut Survey,
        blobs_are_unlisted: bool,
        repaired: &mut Repaired,
        cancel: &Cancel,
    ) -> Result<()> {
        if survey.lost_indexes.is_empty() && !blobs_are_unlisted {
            return Ok(());
        }
        let unlisted: BTreeSet<Id> = survey
            .listings
            .iter()
            .flat_map(|l| l.packs.keys())
            .filter(|id| !survey.names_pack(id) && !survey.tombstones.contains(Area::Data, id))
            .copied()
            .collect();
        let mut packs = Vec::new();
        for id in unlisted {
            cancel.check()?;
            let entries =
                survey.mirrors.iter().zip(&survey.listings).find_map(|(mirror, listings)| {
                    self.read_header(mirror, &id, *listings.packs.get(&id)?).ok()
                });
            packs.extend(entries.map(|blobs| IndexPack { id, blobs }));
        }
        let mut sealed = Vec::new();
        for batch in packs.chunks(1000) {
            let json = IndexFile { packs: batch.to_vec(), ..IndexFile::default() }.to_json();
            sealed.push(Sealed::new(Area::Index, encode_unpacked(&self.cipher, self.writer.nonce(), &json)));
        }
        // Lost files of which every pack is named elsewhere are not missed either.
        let mut complete = !sealed.is_empty() || !blobs_are_unlisted;
        for lane in 0..survey.mirrors.len() {
            let mirror = survey.mirrors[lane].clone();
            for index in &sealed {
                let outcome = if request.dry_run {
                    Ok(())
                } else {
                    bring_packs(survey, lane, &packs)
                        .and_then(|()| mirror.put(Area::Index, &index.id, Bytes::clone(&index.bytes)))
                        .map(|_| ())
                };
                complete &= outcome.is_ok();
                repaired.note(&mirror, Area::Index, Some(index.id), Action::RebuildIndex, None, outcome);
            }
        }
        if complete && !request.dry_run {
            let objects: Vec<_> = survey.lost_indexes.iter().map(|id| (Area::Index, *id)).collect();
            let mut tombstones = Tombstones::load(&self.folders.tombstones)?;
            tombstones.bury(&objects, &self.location_names())?;
            for mirror in &survey.mirrors {
                let done: Vec<_> =
                    objects.iter().filter(|(area, id)| mirror.delete(*area, id).is_ok()).copied().collect();
                tombstones.confirm(&done, mirror.name())?;
            }
            survey.tombstones = tombstones;
            // Buried, they are no longer to be healed, even once every location confirmed.
            survey.replaced_indexes.extend(std::mem::take(&mut survey.lost_indexes));
        }
        Ok(())
    }

    fn read_header(&self, mirror: &Mirror, id: &Id, size: u64) -> Result<Vec<holdfast_format::PackEntry>> {
        let damaged = |e: holdfast_format::PackError| Error::new(ErrorKind::Damaged, e.to_string());
        let end = size
            .checked_sub(TRAILER_BYTES as u64)
            .ok_or_else(|| Error::new(ErrorKind::Damaged, format!("pack {id} is too short")))?;
        let tail = mirror.get_range(Area::Data, id, end..size)?;
        let trailer = <[u8; TRAILER_BYTES]>::try_from(&tail[..])
            .map_err(|_| Error::new(ErrorKind::Damaged, format!("pack {id} was cut off")))?;
        let length = header_length(trailer).map_err(damaged)?;
        let start = end
            .checked_sub(u64::from(length))
            .ok_or_else(|| Error::new(ErrorKind::Damaged, format!("pack {id} is shorter than its header")))?;
        let header = mirror.get_range(Area::Data, id, start..end)?;
        decode_header(&self.cipher, &header, size).map_err(damaged)
    }
}

/// An index file may only be where the packs are that it names.
pub(super) fn bring_packs(survey: &Survey, lane: usize, packs: &[IndexPack]) -> Result<()> {
    for pack in packs.iter().filter(|p| !survey.listings[lane].packs.contains_key(&p.id)) {
        let stored = crate::deletion::first_good(&survey.mirrors, Area::Data, &pack.id)?;
        survey.mirrors[lane].put(Area::Data, &pack.id, stored)?;
    }
    Ok(())
}
