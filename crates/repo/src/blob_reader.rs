//! Reads blobs, from whichever mirror gives them whole.

use std::sync::Arc;

use holdfast_format::{BlobDecoder, BlobKind, Cipher, Id};
use holdfast_location::Area;

use crate::error::{Error, ErrorKind, Result};
use crate::index::{BlobPlace, Index};
use crate::mirror::Mirror;
use crate::monitor::{Monitor, Trouble, TroubleKind};

/// Reads single blobs by ranged requests. Keep one per thread: it holds decompression state.
pub struct BlobReader<'a> {
    cipher: &'a Cipher,
    index: &'a Index,
    mirrors: &'a [Arc<Mirror>],
    monitor: &'a dyn Monitor,
    decoder: BlobDecoder,
    scratch: Vec<u8>,
}

impl<'a> BlobReader<'a> {
    /// A reader that asks `mirrors` in their order.
    pub fn new(
        cipher: &'a Cipher,
        index: &'a Index,
        mirrors: &'a [Arc<Mirror>],
        monitor: &'a dyn Monitor,
    ) -> BlobReader<'a> {
        BlobReader { cipher, index, mirrors, monitor, decoder: BlobDecoder::new(), scratch: Vec::new() }
    }

    /// Reads a blob into `out`. Every place at every mirror is tried; damage met on the way is reported even when a later
    /// one is good.
    pub fn read(&mut self, kind: BlobKind, id: &Id, out: &mut Vec<u8>) -> Result<()> {
        let places: Vec<BlobPlace> = self.index.all(kind, id).collect();
        let mut last = Error::new(ErrorKind::Damaged, format!("blob {id} is in no index"));
        for place in &places {
            // First those that must have the pack. What another merely lacks is owed to it, and no damage.
            let is_due = |number: &usize| self.index.is_due(&place.pack, *number);
            let all = 0..self.mirrors.len();
            for number in all.clone().filter(is_due).chain(all.filter(|n| !is_due(n))) {
                let mirror = &self.mirrors[number];
                let range = u64::from(place.offset)..u64::from(place.offset) + u64::from(place.length);
                let outcome = mirror.get_range(Area::Data, &place.pack, range).and_then(|sealed| {
                    let length = place.uncompressed.map(std::num::NonZeroU32::get);
                    self.decoder
                        .decode(self.cipher, &sealed, length, id, out, &mut self.scratch)
                        .map_err(|e| Error::new(ErrorKind::Damaged, format!("blob {id}: {e}")))
                });
                let Err(error) = outcome else { return Ok(()) };
                let subject = mirror.describe(Area::Data, &place.pack);
                let is_owed = error.kind == ErrorKind::NotFound && !is_due(&number);
                if matches!(error.kind, ErrorKind::Damaged | ErrorKind::NotFound) && !is_owed {
                    self.monitor.trouble(Trouble::new(TroubleKind::Damage, &subject, error.to_string()));
                }
                last = Error::because(error.kind, format!("read {subject}"), error);
            }
        }
        Err(last)
    }
}
