//! The stat cache: per directory, what the last run knew, in one sealed file.
//!
//! It makes an unchanged run cost one `statx` a file. It is never needed and never believed too far: every blob it names
//! is looked up in the index, a record that does not open is a cache miss, and deleting the file costs time only. It holds
//! names and sizes of client data, so each record is sealed like everything else that is written to disk.
//!
//! File: records one after another, then a sealed footer with the records' places, then the footer's offset as u64.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use holdfast_format::{Cipher, Id};
use parking_lot::Mutex;

use crate::archive::known::KnownDirectory;
use crate::archive::record;
use crate::writer::Writer;

const MAGIC: &[u8; 8] = b"hfstat1\n";
const PATH_HASH_BYTES: usize = 16;

type PathHash = [u8; PATH_HASH_BYTES];

/// Login and group names as the run that wrote the cache saw them. Names are in the nodes, and a change of
/// `/etc/passwd` leaves no trace on the files.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Names {
    pub(crate) users: Vec<(u32, Option<String>)>,
    pub(crate) groups: Vec<(u32, Option<String>)>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Footer {
    names: Names,
    /// Path hash in hex, offset, length.
    records: Vec<(String, u64, u32)>,
}

/// An existing cache, opened for look-ups from many threads.
pub(crate) struct StatCache {
    file: File,
    names: Names,
    /// Sorted by hash.
    records: Vec<(PathHash, u64, u32)>,
}

impl StatCache {
    /// Opens the cache at `path`; `None` where there is none or it is not whole.
    pub(crate) fn open(path: &Path, cipher: &Cipher) -> Option<StatCache> {
        let file = File::open(path).ok()?;
        let size = file.metadata().ok()?.len();
        let mut magic = [0; 8];
        file.read_exact_at(&mut magic, 0).ok()?;
        let mut offset = [0; 8];
        file.read_exact_at(&mut offset, size.checked_sub(8)?).ok()?;
        let offset = u64::from_le_bytes(offset);
        let mut sealed = vec![0; usize::try_from(size.checked_sub(8)?.checked_sub(offset)?).ok()?];
        file.read_exact_at(&mut sealed, offset).ok()?;
        let json = record::unseal(cipher, &sealed)?;
        let footer: Footer = serde_json::from_slice(&json).ok().filter(|_| magic == *MAGIC)?;
        let mut records = Vec::with_capacity(footer.records.len());
        for (hash, offset, length) in footer.records {
            records.push((u128::from_str_radix(&hash, 16).ok()?.to_be_bytes(), offset, length));
        }
        records.sort_unstable();
        Some(StatCache { file, names: footer.names, records })
    }

    /// The names that the cache was written with.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// Looks up a directory by its path below the root; the sealed record too, so that it can be kept as it is.
    pub(crate) fn get(&self, cipher: &Cipher, path: &[u8]) -> Option<(KnownDirectory, Vec<u8>)> {
        let hash = path_hash(path);
        let position = self.records.binary_search_by_key(&hash, |(h, ..)| *h).ok()?;
        let (_, offset, length) = self.records[position];
        let mut sealed = vec![0; length as usize];
        self.file.read_exact_at(&mut sealed, offset).ok()?;
        let known = record::decode(&record::unseal(cipher, &sealed)?)?;
        Some((known, sealed))
    }
}

/// A cache being written. Failures are remembered and cost the cache, not the run.
pub(crate) struct NewStatCache {
    path: PathBuf,
    state: Mutex<Option<State>>,
}

struct State {
    file: BufWriter<File>,
    offset: u64,
    records: Vec<(String, u64, u32)>,
}

impl NewStatCache {
    /// Starts writing beside `path`.
    pub(crate) fn create(path: &Path) -> NewStatCache {
        let state = path.parent().and_then(|folder| {
            std::fs::create_dir_all(folder).ok()?;
            let mut file = BufWriter::with_capacity(256 << 10, File::create(temporary(path)).ok()?);
            file.write_all(MAGIC).ok()?;
            Some(State { file, offset: MAGIC.len() as u64, records: Vec::new() })
        });
        NewStatCache { path: path.to_owned(), state: Mutex::new(state) }
    }

    /// Adds the sealed record of a directory.
    pub(crate) fn add(&self, path: &[u8], sealed: &[u8]) {
        let mut slot = self.state.lock();
        let Some(state) = slot.as_mut() else { return };
        if state.file.write_all(sealed).is_err() {
            *slot = None;
            return;
        }
        let hash = format!("{:032x}", u128::from_be_bytes(path_hash(path)));
        state.records.push((hash, state.offset, sealed.len() as u32));
        state.offset += sealed.len() as u64;
    }

    /// Completes the cache and puts it in place of the old one.
    pub(crate) fn finish(self, cipher: &Cipher, writer: &Writer, names: Names) {
        let Some(mut state) = self.state.into_inner() else { return };
        let footer = Footer { names, records: state.records };
        let Ok(json) = serde_json::to_vec(&footer) else { return };
        let sealed = record::seal(cipher, writer.nonce(), &json);
        let written = state
            .file
            .write_all(&sealed)
            .and_then(|()| state.file.write_all(&state.offset.to_le_bytes()))
            .and_then(|()| state.file.flush());
        if written.is_ok() {
            let _ = std::fs::rename(temporary(&self.path), &self.path);
        } else {
            let _ = std::fs::remove_file(temporary(&self.path));
        }
    }
}

fn temporary(path: &Path) -> PathBuf {
    path.with_extension("new")
}

fn path_hash(path: &[u8]) -> PathHash {
    let mut hash = [0; PATH_HASH_BYTES];
    hash.copy_from_slice(&Id::of(path).0[..PATH_HASH_BYTES]);
    hash
}
