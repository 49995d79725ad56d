//! A local copy of the index as it lies in memory, so that a repository of ten million blobs opens in well under a second.
//!
//! Parsing as many entries from the JSON of index files takes many seconds, each time. The copy is read instead, with all
//! threads, and takes no more memory than the index itself. It is not mapped into memory: a mapped file that somebody
//! cuts short ends the program with a signal, a page that was checked may change afterwards, and reading it costs a
//! tenth of a second for every few hundred megabytes.
//!
//! A copy that is believed and wrong makes a backup leave out what is not stored. So every part is sealed with the
//! repository's key, which also keeps ids of client data from whoever reads the disk, and the footer names the seal of
//! every part: a torn file, a mixture of two, one of another repository or of another program gives nothing. What it was
//! made of stands in it, and the caller holds that against a fresh listing.
//!
//! File: magic, the sealed parts, the sealed footer, the footer's offset as u64. All numbers are little-endian.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use holdfast_format::{Cipher, Id, OVERHEAD};
use parking_lot::Mutex;

use super::{EMPTY, Entry, Index, PackSummary, SEGMENT_ENTRIES, TREE_BIT};

/// Changes with every change of the form, and of how the table is hashed.
const MAGIC: &[u8; 8] = b"hfindex1";
const ENTRY_BYTES: usize = size_of::<Entry>();
/// Slots of the table in one part.
const PART_SLOTS: usize = 1 << 18;
const TAG_BYTES: usize = 16;

/// An index with what it was made of.
#[derive(Default)]
pub(crate) struct Sourced {
    pub index: Index,
    /// The index files.
    pub files: Vec<Id>,
    /// For each pack of the index the number of its file.
    pub sources: Vec<u32>,
}

type Tag = [u8; TAG_BYTES];

struct Footer {
    sourced: Sourced,
    slots: usize,
    tags: Vec<Tag>,
}

/// Where a part goes.
enum Part<'a> {
    Entries(&'a mut Box<[Entry]>, usize),
    Table(&'a mut [u32]),
}

/// Reads the copy at `path`, if it is whole and `may_use` what it was made of.
pub(crate) fn read(
    path: &Path,
    cipher: &Cipher,
    may_use: &dyn Fn(&[Id]) -> bool,
    threads: usize,
) -> Option<Sourced> {
    let file = File::open(path).ok()?;
    let Footer { mut sourced, slots, tags } = read_footer(&file, cipher)?;
    if !may_use(&sourced.files) {
        return None;
    }
    let (len, pack_count) = (sourced.index.len, sourced.index.packs.len());
    let blank = Entry { id: [0; 32], pack: 0, offset: 0, length: 0, uncompressed: 0 };
    let mut segments: Vec<Box<[Entry]>> =
        (0..len.div_ceil(SEGMENT_ENTRIES)).map(|_| Box::default()).collect();
    let mut table = vec![EMPTY; slots];
    let entries = segments.iter_mut().enumerate().map(|(number, segment)| {
        Part::Entries(segment, (len - number * SEGMENT_ENTRIES).min(SEGMENT_ENTRIES))
    });
    let mut offset = MAGIC.len() as u64;
    let mut parts = Vec::new();
    for (part, tag) in entries.chain(table.chunks_mut(PART_SLOTS).map(Part::Table)).zip(&tags) {
        let sealed = part.plain_bytes() + OVERHEAD;
        parts.push((part, offset, sealed, tag));
        offset += sealed as u64;
    }
    let parts = Mutex::new(parts);
    let (is_whole, linked) = (AtomicBool::new(true), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                let (mut sealed, mut plain) = (Vec::new(), Vec::new());
                loop {
                    let Some((part, offset, length, tag)) = parts.lock().pop() else { return };
                    sealed.resize(length, 0);
                    let opened = file.read_exact_at(&mut sealed, offset).is_ok()
                        && sealed.ends_with(tag)
                        && cipher.open(&sealed, &mut plain).is_ok();
                    if !opened || !part.fill(&plain, blank, len, pack_count, &linked) {
                        is_whole.store(false, Ordering::Relaxed);
                        parts.lock().clear();
                    }
                }
            });
        }
    });
    drop(parts);
    // Every entry has its slot, and no entry two: then there are free slots too, at which every search ends.
    if !is_whole.into_inner() || linked.into_inner() != len {
        return None;
    }
    sourced.index.segments = segments;
    sourced.index.table = table;
    Some(sourced)
}

/// The index files that the copy at `path` was made of; none where it is not whole.
pub(crate) fn files(path: &Path, cipher: &Cipher) -> Option<Vec<Id>> {
    Some(read_footer(&File::open(path).ok()?, cipher)?.sourced.files)
}

/// Writes a copy to `path`. It replaces an older one as a whole, and is not synced: a torn one is not believed.
pub(crate) fn write(
    path: &Path,
    cipher: &Cipher,
    nonce: &dyn Fn() -> [u8; 16],
    sourced: &Sourced,
) -> io::Result<()> {
    let temporary = temporary(path);
    let outcome = write_to(&temporary, cipher, nonce, sourced).and_then(|()| fs::rename(&temporary, path));
    if outcome.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    outcome
}

fn write_to(path: &Path, cipher: &Cipher, nonce: &dyn Fn() -> [u8; 16], sourced: &Sourced) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // A new file, so that another process that is writing one at this moment keeps its own.
    let _ = fs::remove_file(path);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    file.write_all(MAGIC)?;
    let index = &sourced.index;
    let (mut plain, mut sealed, mut tags) = (Vec::new(), Vec::new(), Vec::<Tag>::new());
    let mut offset = MAGIC.len();
    let mut put = |plain: &[u8], file: &mut BufWriter<File>| -> io::Result<()> {
        sealed.clear();
        cipher.seal(nonce(), plain, &mut sealed);
        tags.push(*sealed.last_chunk().expect("a seal ends with its tag"));
        offset += sealed.len();
        file.write_all(&sealed)
    };
    for (number, segment) in index.segments.iter().enumerate() {
        plain.clear();
        let used = (index.len - number * SEGMENT_ENTRIES).min(SEGMENT_ENTRIES);
        segment[..used].iter().for_each(|entry| entry.write(&mut plain));
        put(&plain, &mut file)?;
    }
    for slots in index.table.chunks(PART_SLOTS) {
        plain.clear();
        slots.iter().for_each(|slot| plain.extend_from_slice(&slot.to_le_bytes()));
        put(&plain, &mut file)?;
    }
    sealed = Vec::new();
    cipher.seal(nonce(), &footer(sourced, &tags), &mut sealed);
    file.write_all(&sealed)?;
    file.write_all(&(offset as u64).to_le_bytes())?;
    file.flush()
}

fn footer(sourced: &Sourced, tags: &[Tag]) -> Vec<u8> {
    let index = &sourced.index;
    let mut out =
        Vec::with_capacity(64 + sourced.files.len() * 32 + index.packs.len() * 48 + tags.len() * 16);
    for count in [sourced.files.len(), index.packs.len(), index.len, index.table.len(), tags.len()] {
        out.extend_from_slice(&(count as u64).to_le_bytes());
    }
    sourced.files.iter().for_each(|id| out.extend_from_slice(&id.0));
    for (pack, source) in index.packs.iter().zip(&sourced.sources) {
        out.extend_from_slice(&pack.id.0);
        out.extend_from_slice(&pack.blobs.to_le_bytes());
        out.extend_from_slice(&pack.size.to_le_bytes());
        out.extend_from_slice(&source.to_le_bytes());
    }
    tags.iter().for_each(|tag| out.extend_from_slice(tag));
    out
}

fn read_footer(file: &File, cipher: &Cipher) -> Option<Footer> {
    let size = file.metadata().ok()?.len();
    let (mut magic, mut offset) = ([0; 8], [0; 8]);
    file.read_exact_at(&mut magic, 0).ok()?;
    file.read_exact_at(&mut offset, size.checked_sub(8)?).ok()?;
    let offset = u64::from_le_bytes(offset);
    let length = (size - 8).checked_sub(offset).filter(|_| magic == *MAGIC)?;
    let mut sealed = vec![0; usize::try_from(length).ok()?];
    file.read_exact_at(&mut sealed, offset).ok()?;
    let mut plain = Vec::new();
    cipher.open(&sealed, &mut plain).ok()?;
    let mut rest = &plain[..];
    let mut counts = [0; 5];
    for count in &mut counts {
        *count = usize::try_from(u64::from_le_bytes(take(&mut rest)?)).ok()?;
    }
    let [file_count, pack_count, len, slots, tag_count] = counts;
    let mut sourced = Sourced::default();
    for _ in 0..file_count {
        sourced.files.push(Id(take(&mut rest)?));
    }
    for number in 0..pack_count {
        let id = Id(take(&mut rest)?);
        let (blobs, size) = (u32::from_le_bytes(take(&mut rest)?), u64::from_le_bytes(take(&mut rest)?));
        let source = u32::from_le_bytes(take(&mut rest)?);
        sourced.files.get(source as usize)?;
        sourced.index.packs.push(PackSummary { id, blobs, size, not_due: 0 });
        sourced.index.pack_numbers.insert(id, number as u32);
        sourced.sources.push(source);
    }
    let mut tags = Vec::new();
    for _ in 0..tag_count {
        tags.push(take(&mut rest)?);
    }
    sourced.index.len = len;
    let parts = len.div_ceil(SEGMENT_ENTRIES) + slots.div_ceil(PART_SLOTS);
    let is_sound = rest.is_empty()
        && tag_count == parts
        && (slots.is_power_of_two() || len == 0)
        && len.checked_mul(10)? <= slots.checked_mul(7)?;
    is_sound.then_some(Footer { sourced, slots, tags })
}

impl Part<'_> {
    fn plain_bytes(&self) -> usize {
        match self {
            Part::Entries(_, count) => count * ENTRY_BYTES,
            Part::Table(slots) => size_of_val(*slots),
        }
    }

    /// Takes a part over; `false` when it leads out of the index.
    fn fill(self, plain: &[u8], blank: Entry, len: usize, packs: usize, linked: &AtomicUsize) -> bool {
        match self {
            Part::Entries(segment, count) => {
                let mut entries = Vec::with_capacity(SEGMENT_ENTRIES);
                entries.extend(plain.as_chunks::<ENTRY_BYTES>().0.iter().map(Entry::read));
                entries.resize(SEGMENT_ENTRIES, blank);
                *segment = entries.into_boxed_slice();
                segment[..count].iter().all(|entry| ((entry.pack & !TREE_BIT) as usize) < packs)
            }
            Part::Table(slots) => {
                let mut used = 0;
                for (slot, bytes) in slots.iter_mut().zip(plain.as_chunks::<4>().0) {
                    *slot = u32::from_le_bytes(*bytes);
                    used += usize::from(*slot != EMPTY);
                }
                linked.fetch_add(used, Ordering::Relaxed);
                slots.iter().all(|slot| *slot == EMPTY || (*slot as usize) < len)
            }
        }
    }
}

impl Entry {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id);
        for number in [self.pack, self.offset, self.length, self.uncompressed] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn read(bytes: &[u8; ENTRY_BYTES]) -> Entry {
        let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let mut id = [0; 32];
        id.copy_from_slice(&bytes[..32]);
        Entry { id, pack: number(32), offset: number(36), length: number(40), uncompressed: number(44) }
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, others) = rest.split_first_chunk::<N>()?;
    *rest = others;
    Some(*first)
}

fn temporary(path: &Path) -> PathBuf {
    path.with_extension("new")
}

#[cfg(test)]
mod tests;
