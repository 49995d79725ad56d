//! In which order content is read: pack by pack, each part of a pack once, however many files need it.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::atomic::Ordering;

use holdfast_format::{BlobKind, Id};

use crate::error::Result;
use crate::index::{BlobPlace, Index};
use crate::restore::files::state;
use crate::restore::plan::Plan;
use crate::restore::space::Need;

/// Bytes between two wanted blobs that are read along rather than asked around.
const GAP_BYTES_MAX: u64 = 256 << 10;
/// Bound of sealed content in memory, over all workers.
const IN_FLIGHT_BYTES_MAX: usize = 48 << 20;
/// No request is larger, but for a single blob that is.
const REQUEST_BYTES_MAX: u64 = 8 << 20;
/// A blob so much smaller sealed than plain may be nothing but zeros.
const ZERO_RATIO: u64 = 512;

/// All content to read.
pub(crate) struct Schedule {
    pub(crate) packs: Vec<Id>,
    /// Sorted by pack, offset and file.
    pub(crate) uses: Vec<Use>,
    pub(crate) jobs: Vec<Job>,
}

/// One place in a file that a blob goes to.
pub(crate) struct Use {
    pack: u32,
    offset: u32,
    length: u32,
    uncompressed: u32,
    pub(crate) file: u32,
    /// Which entry of the plan's content this is.
    content: u32,
    /// Offset in the file in bytes.
    pub(crate) at: u64,
}

/// One request and the uses of what it brings.
pub(crate) struct Job {
    pub(crate) pack: u32,
    pub(crate) uses: Range<usize>,
    pub(crate) bytes: Range<u64>,
}

impl Schedule {
    /// Schedules every file of the plan that is not unchanged, and says what room they need. Blobs of nothing but zeros
    /// are not read at all: they become holes.
    pub(crate) fn new(plan: &Plan, index: &Index, workers: usize) -> Result<(Schedule, Need)> {
        let mut schedule = Schedule { packs: Vec::new(), uses: Vec::new(), jobs: Vec::new() };
        let mut numbers: HashMap<Id, u32> = HashMap::new();
        let mut zeros = Zeros::default();
        let mut need = Need::default();
        for (number, file) in plan.files.iter().enumerate() {
            let found = file.state.load(Ordering::Relaxed);
            if found == state::UNCHANGED {
                continue;
            }
            if found == state::NEW {
                need.inodes += 1;
            }
            let (mut at, mut missing, mut data) = (0, 0, 0);
            for (position, id) in plan.blobs(number as u32).iter().enumerate() {
                let Some(place) = index.get(BlobKind::Data, id) else { continue };
                let length = u64::from(place.plain_length());
                if !zeros.are(id, &place) {
                    let pack = *numbers.entry(place.pack).or_insert_with(|| {
                        schedule.packs.push(place.pack);
                        schedule.packs.len() as u32 - 1
                    });
                    schedule.uses.push(Use {
                        pack,
                        offset: place.offset,
                        length: place.length,
                        uncompressed: place.uncompressed.map_or(0, NonZeroU32::get),
                        file: number as u32,
                        content: file.content_at + position as u32,
                        at,
                    });
                    missing += 1;
                    data += length;
                }
                at += length;
            }
            file.missing.store(missing, Ordering::Relaxed);
            need.bytes += data.next_multiple_of(4096);
        }
        schedule.uses.sort_unstable_by_key(|u| (u.pack, u.offset, u.file, u.at));
        let request = REQUEST_BYTES_MAX.min((IN_FLIGHT_BYTES_MAX / workers.max(1)) as u64).max(1 << 20);
        schedule.cut(request);
        Ok((schedule, need))
    }

    /// The blob that a use needs.
    pub(crate) fn blob(&self, plan: &Plan, number: usize) -> (Id, BlobPlace) {
        let one = &self.uses[number];
        let place = BlobPlace {
            pack: self.packs[one.pack as usize],
            kind: BlobKind::Data,
            offset: one.offset,
            length: one.length,
            uncompressed: NonZeroU32::new(one.uncompressed),
        };
        (plan.content[one.content as usize], place)
    }

    /// Whether two uses in a row need the same blob.
    pub(crate) fn is_same_blob(&self, one: usize, other: usize) -> bool {
        let (one, other) = (&self.uses[one], &self.uses[other]);
        one.pack == other.pack && one.offset == other.offset
    }

    fn cut(&mut self, request_bytes: u64) {
        for (number, one) in self.uses.iter().enumerate() {
            let (start, end) = (u64::from(one.offset), u64::from(one.offset) + u64::from(one.length));
            let fits = |job: &Job| {
                let is_near =
                    start <= job.bytes.end + GAP_BYTES_MAX && end <= job.bytes.start + request_bytes;
                job.pack == one.pack && (is_near || end <= job.bytes.end)
            };
            if let Some(job) = self.jobs.last_mut().filter(|job| fits(job)) {
                job.uses.end = number + 1;
                job.bytes.end = job.bytes.end.max(end);
            } else {
                self.jobs.push(Job { pack: one.pack, uses: number..number + 1, bytes: start..end });
            }
        }
    }
}

/// The ids of runs of zeros, by their lengths.
#[derive(Default)]
struct Zeros(HashMap<u32, Id>);

impl Zeros {
    fn are(&mut self, id: &Id, place: &BlobPlace) -> bool {
        let length = place.plain_length();
        if u64::from(place.length) * ZERO_RATIO > u64::from(length) {
            return false;
        }
        *self.0.entry(length).or_insert_with(|| Id::of(&vec![0; length as usize])) == *id
    }
}
