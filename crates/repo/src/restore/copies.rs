//! Reads sealed content from the location that is to be preferred, and from the next where that one fails.

use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use holdfast_format::{BlobDecoder, BlobKind, Cipher, Id};
use holdfast_location::Area;

use crate::error::{Error, ErrorKind, Result};
use crate::index::{BlobPlace, Index};
use crate::mirror::Mirror;
use crate::monitor::{Monitor, Trouble, TroubleKind};
use crate::restore::reports::Reports;

/// The locations' copies of the repository.
pub(crate) struct Copies<'a> {
    pub(crate) cipher: &'a Cipher,
    pub(crate) index: &'a Index,
    mirrors: &'a [Arc<Mirror>],
    /// Which did not answer; they are asked last from then on.
    is_down: Vec<AtomicBool>,
    reports: &'a Reports<'a>,
}

/// A worker's buffers.
#[derive(Default)]
pub(crate) struct Decoding {
    decoder: BlobDecoder,
    scratch: Vec<u8>,
    /// The plaintext of the last blob.
    pub(crate) plain: Vec<u8>,
}

impl<'a> Copies<'a> {
    pub(crate) fn new(
        cipher: &'a Cipher,
        index: &'a Index,
        mirrors: &'a [Arc<Mirror>],
        reports: &'a Reports<'a>,
    ) -> Copies<'a> {
        let is_down = mirrors.iter().map(|_| AtomicBool::new(false)).collect();
        Copies { cipher, index, mirrors, is_down, reports }
    }

    /// Reads a part of a pack from the first location that gives it; says which one that was.
    pub(crate) fn range(&self, pack: &Id, range: &Range<u64>) -> Result<(usize, Bytes)> {
        let mut last = nowhere(pack);
        for number in self.order(pack) {
            match self.mirrors[number].get_range(Area::Data, pack, range.clone()) {
                Ok(sealed) => return Ok((number, sealed)),
                Err(error) => last = self.note(number, pack, error, last),
            }
        }
        Err(last)
    }

    /// Opens one blob out of bytes that the location `from` gave.
    pub(crate) fn decode(
        &self,
        decoding: &mut Decoding,
        from: usize,
        id: &Id,
        place: &BlobPlace,
        sealed: &[u8],
    ) -> Result<()> {
        let length = place.uncompressed.map(NonZeroU32::get);
        let Decoding { decoder, scratch, plain } = decoding;
        decoder.decode(self.cipher, sealed, length, id, plain, scratch).map_err(|error| {
            let error = Error::because(ErrorKind::Damaged, format!("blob {id}"), error);
            self.note(from, &place.pack, error, nowhere(&place.pack))
        })
    }

    /// Reads one blob from anywhere, `avoided` last.
    pub(crate) fn blob(&self, decoding: &mut Decoding, id: &Id, avoided: Option<usize>) -> Result<()> {
        let mut last = Error::new(ErrorKind::Unreachable, format!("no location gives blob {id}"));
        let places: Vec<BlobPlace> = self.index.all(BlobKind::Data, id).collect();
        let mut tries: Vec<(usize, &BlobPlace)> =
            places.iter().flat_map(|place| self.order(&place.pack).map(move |n| (n, place))).collect();
        tries.sort_by_key(|(number, _)| Some(*number) == avoided);
        for (number, place) in tries {
            let range = u64::from(place.offset)..u64::from(place.offset) + u64::from(place.length);
            match self.mirrors[number].get_range(Area::Data, &place.pack, range) {
                Ok(sealed) => match self.decode(decoding, number, id, place, &sealed) {
                    Ok(()) => return Ok(()),
                    Err(error) => last = error,
                },
                Err(error) => last = self.note(number, &place.pack, error, last),
            }
        }
        Err(last)
    }

    /// The locations: those that answered first, and among them those that must have the pack.
    fn order(&self, pack: &Id) -> impl Iterator<Item = usize> + use<> {
        let is_down = |n: usize| self.is_down[n].load(Ordering::Relaxed);
        let mut order: Vec<usize> = (0..self.mirrors.len()).collect();
        order.sort_by_key(|&n| (is_down(n), !self.index.is_due(pack, n)));
        order.into_iter()
    }

    /// Tells of a failure; gives the worse of it and `before`: damage outweighs silence, since waiting does not cure it.
    fn note(&self, number: usize, pack: &Id, error: Error, before: Error) -> Error {
        let mirror = &self.mirrors[number];
        let subject = mirror.describe(Area::Data, pack);
        // What a location never confirmed is owed to it, and no damage.
        if error.kind == ErrorKind::NotFound && !self.index.is_due(pack, number) {
            return if before.kind == ErrorKind::Damaged { before } else { error };
        }
        if matches!(error.kind, ErrorKind::Damaged | ErrorKind::NotFound) {
            self.reports.trouble(Trouble::new(TroubleKind::Damage, &subject, error.to_string()));
            return Error::because(ErrorKind::Damaged, format!("read {subject}"), error);
        }
        self.is_down[number].store(true, Ordering::Relaxed);
        self.reports.location(mirror.name(), format!("{error}; the next location is asked instead"));
        if before.kind == ErrorKind::Damaged { before } else { error }
    }
}

fn nowhere(pack: &Id) -> Error {
    Error::new(ErrorKind::Unreachable, format!("no location gives pack {pack}"))
}
