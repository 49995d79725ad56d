//! Reads packs whole and checks them: the hash against the name, the header against the index, every blob.
//!
//! The copies of a pack are read one after the other by the same worker. Copies whose hash is the pack's name are the
//! same bytes, so only the first of them is opened; that makes verifying a second location cost a read and a hash.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};

use holdfast_format::{BlobDecoder, Cipher, Id, PackEntry, TRAILER_BYTES, decode_header, header_length};
use holdfast_location::Area;
use parking_lot::Mutex;

use super::survey::Survey;
use super::{Problem, ProblemKind, Read};
use crate::cancel::Cancel;
use crate::closure::close_over;
use crate::error::{ErrorKind, Result};
use crate::index::{Index, PackSummary};
use crate::progress::Progress;
use crate::repository::Repository;

/// Buffers that one worker keeps from pack to pack.
pub(super) struct Opener<'a> {
    cipher: &'a Cipher,
    index: &'a Index,
    decoder: BlobDecoder,
    plain: Vec<u8>,
    scratch: Vec<u8>,
}

pub(super) fn read(
    repository: &Repository,
    survey: &mut Survey,
    read: &Read,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<()> {
    let needed = match read {
        Read::Points(points) => Some(needed(repository, survey, points, cancel)?),
        _ => None,
    };
    let is_chosen =
        |pack: &Id| read.chooses(pack) && needed.as_ref().is_none_or(|needed| needed.contains(pack));
    let chosen: Vec<PackSummary> =
        survey.index.packs().iter().filter(|pack| is_chosen(&pack.id)).copied().collect();
    progress.objects_total.add(chosen.len() as u64);
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    let view: &Survey = survey;
    let work = || {
        let mut opener = Opener::new(&repository.cipher, &view.index);
        while let Some(pack) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
            if cancel.is_cancelled() {
                return;
            }
            let mut opened: Option<std::result::Result<(), String>> = None;
            for (lane, mirror) in view.mirrors.iter().enumerate() {
                if view.listings[lane].packs.get(&pack.id) != Some(&pack.size) {
                    continue;
                }
                let (bytes, problem) = match mirror.get_unchecked(Area::Data, &pack.id) {
                    Err(error) => {
                        let kind = match error.kind {
                            ErrorKind::NotFound => ProblemKind::Missing,
                            ErrorKind::Damaged => ProblemKind::Altered,
                            _ => ProblemKind::Unreadable,
                        };
                        (0, Some((kind, error.to_string())))
                    }
                    Ok(stored) if Id::of(&stored) != pack.id => {
                        let kind = if (stored.len() as u64) < pack.size {
                            ProblemKind::Truncated
                        } else {
                            ProblemKind::Altered
                        };
                        let message = "the stored bytes do not match the pack's name".to_owned();
                        (stored.len(), Some((kind, message)))
                    }
                    Ok(stored) => {
                        let outcome = opened.get_or_insert_with(|| opener.open(pack, &stored));
                        let problem = outcome.as_ref().err().map(|e| (ProblemKind::Altered, e.clone()));
                        (stored.len(), problem)
                    }
                };
                progress.bytes.add(bytes as u64);
                found.lock().push((lane, pack.id, bytes as u64, problem));
            }
            progress.objects.add(1);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..repository.writer.threads.max(1) {
            scope.spawn(work);
        }
    });
    cancel.check()?;
    let mut found = found.into_inner();
    found.sort_by_key(|(lane, id, ..)| (*lane, *id));
    for (lane, id, bytes, problem) in found {
        survey.report(lane).packs_read += 1;
        survey.report(lane).bytes_read += bytes;
        if problem.is_none() {
            survey.read_whole.insert(id);
        }
        if let Some((kind, message)) = problem {
            survey.report(lane).problems.push(Problem::new(Area::Data, Some(id), kind, message));
        }
    }
    Ok(())
}

/// The packs that hold what points need, every pack of a blob that lies in several.
fn needed(repository: &Repository, survey: &Survey, points: &[Id], cancel: &Cancel) -> Result<BTreeSet<Id>> {
    let roots = survey.snapshots.iter().filter(|(id, _)| points.contains(id)).map(|(_, s)| s.tree);
    let closure = close_over(repository, &survey.index, &survey.mirrors, roots, cancel)?;
    let places = survey.index.iter().filter(|(id, place)| closure.uses(place.kind, id));
    Ok(places.map(|(_, place)| place.pack).collect())
}

impl<'a> Opener<'a> {
    pub(super) fn new(cipher: &'a Cipher, index: &'a Index) -> Opener<'a> {
        Opener { cipher, index, decoder: BlobDecoder::new(), plain: Vec::new(), scratch: Vec::new() }
    }

    /// Opens a pack whose hash is right; what fails now was damaged before it was named, or belongs to another key.
    pub(super) fn open(&mut self, pack: &PackSummary, stored: &[u8]) -> std::result::Result<(), String> {
        for (entry, sealed) in blobs(self.cipher, self.index, pack, stored)? {
            self.decoder
                .decode(
                    self.cipher,
                    sealed,
                    entry.uncompressed.map(NonZeroU32::get),
                    &entry.id,
                    &mut self.plain,
                    &mut self.scratch,
                )
                .map_err(|e| format!("blob {}: {e}", entry.id))?;
        }
        Ok(())
    }
}

/// Checks that a pack is as the index says, and each blob as it was sealed, without opening any.
pub(super) fn check_seals(
    cipher: &Cipher,
    index: &Index,
    pack: &PackSummary,
    stored: &[u8],
) -> std::result::Result<(), String> {
    for (entry, sealed) in blobs(cipher, index, pack, stored)? {
        cipher.authenticate(sealed).map_err(|e| format!("blob {}: {e}", entry.id))?;
    }
    Ok(())
}

/// Checks each blob as it was sealed by the pack's own header, which is returned: whoever has no index yet compares later.
pub(super) fn sealed_entries(cipher: &Cipher, stored: &[u8]) -> std::result::Result<Vec<PackEntry>, String> {
    let entries = header(cipher, stored)?;
    for entry in &entries {
        cipher.authenticate(sealed(entry, stored)?).map_err(|e| format!("blob {}: {e}", entry.id))?;
    }
    Ok(entries)
}

/// The blobs of a pack, sealed, after its header was compared with the index.
fn blobs<'s>(
    cipher: &Cipher,
    index: &Index,
    pack: &PackSummary,
    stored: &'s [u8],
) -> std::result::Result<Vec<(PackEntry, &'s [u8])>, String> {
    let entries = header(cipher, stored)?;
    if entries.len() != pack.blobs as usize {
        return Err(format!("the header lists {} blobs, the index {}", entries.len(), pack.blobs));
    }
    let mut blobs = Vec::with_capacity(entries.len());
    for entry in entries {
        let is_indexed = index.all(entry.kind, &entry.id).any(|place| {
            place.pack == pack.id
                && (place.offset, place.length, place.uncompressed)
                    == (entry.offset, entry.length, entry.uncompressed)
        });
        if !is_indexed {
            return Err(format!("blob {} lies elsewhere than the index says", entry.id));
        }
        let sealed = sealed(&entry, stored)?;
        blobs.push((entry, sealed));
    }
    Ok(blobs)
}

fn header(cipher: &Cipher, stored: &[u8]) -> std::result::Result<Vec<PackEntry>, String> {
    let end = stored.len().checked_sub(TRAILER_BYTES).ok_or("the pack is too short")?;
    let mut trailer = [0; TRAILER_BYTES];
    trailer.copy_from_slice(&stored[end..]);
    let header_bytes = header_length(trailer).map_err(|e| e.to_string())? as usize;
    let start = end.checked_sub(header_bytes).ok_or("the pack is shorter than its header")?;
    decode_header(cipher, &stored[start..end], stored.len() as u64).map_err(|e| e.to_string())
}

fn sealed<'s>(entry: &PackEntry, stored: &'s [u8]) -> std::result::Result<&'s [u8], &'static str> {
    let start = entry.offset as usize;
    stored.get(start..start + entry.length as usize).ok_or("a blob reaches beyond the pack")
}
