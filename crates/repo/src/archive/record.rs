//! One directory's record in the stat cache: our own binary form, compressed and sealed.
//!
//! The form is private to one machine and one version (the cache's magic changes with it); anything unexpected decodes to
//! nothing, which is a cache miss.

use std::cell::RefCell;

use holdfast_format::source::{EntryKind, FileTime};
use holdfast_format::{Cipher, Id, OVERHEAD};
use zstd::bulk::{Compressor, Decompressor};

use crate::archive::known::{Head, KnownDirectory, KnownEntry, Stamp, Value};

/// Records are small; this only keeps a damaged length from asking for all memory.
const PLAIN_BYTES_MAX: usize = 1 << 30;

const KINDS: [EntryKind; 7] = [
    EntryKind::File,
    EntryKind::Directory,
    EntryKind::Symlink,
    EntryKind::BlockDevice,
    EntryKind::CharDevice,
    EntryKind::Fifo,
    EntryKind::Socket,
];

thread_local! {
    // Making a context costs more than a record takes to decompress: in an unchanged run it was a fifth of the time.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = RefCell::new(Compressor::new(1).ok());
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = RefCell::new(Decompressor::new().ok());
}

/// Compresses and seals a record.
pub(crate) fn seal(cipher: &Cipher, nonce: [u8; 16], plain: &[u8]) -> Vec<u8> {
    let mut framed = (plain.len() as u32).to_le_bytes().to_vec();
    let compressed = COMPRESSOR.with_borrow_mut(|compressor| match compressor {
        Some(compressor) => compressor.compress(plain).ok(),
        None => None,
    });
    match compressed {
        Some(compressed) => framed.extend_from_slice(&compressed),
        None => return Vec::new(),
    }
    let mut sealed = Vec::with_capacity(framed.len() + OVERHEAD);
    cipher.seal(nonce, &framed, &mut sealed);
    sealed
}

/// Opens what [`seal`] made.
pub(crate) fn unseal(cipher: &Cipher, sealed: &[u8]) -> Option<Vec<u8>> {
    let mut framed = Vec::new();
    cipher.open(sealed, &mut framed).ok()?;
    let (length, compressed) = framed.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    DECOMPRESSOR.with_borrow_mut(|decompressor| {
        decompressor.as_mut()?.decompress(compressed, length.min(PLAIN_BYTES_MAX)).ok()
    })
}

/// Writes a record. Heads that are not encoded make the directory unfit for the cache.
pub(crate) fn encode(known: &KnownDirectory) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + known.entries.len() * 256);
    out.extend_from_slice(&known.tree.0);
    put_u32(&mut out, known.entries.len());
    for entry in &known.entries {
        put_bytes(&mut out, &entry.name);
        match &entry.stamp {
            None => out.push(u8::MAX),
            Some(stamp) => {
                out.push(KINDS.iter().position(|k| *k == stamp.kind).unwrap_or(0) as u8);
                out.extend_from_slice(&stamp.size.to_le_bytes());
                out.extend_from_slice(&stamp.inode.to_le_bytes());
                for time in [stamp.mtime, stamp.ctime] {
                    out.extend_from_slice(&time.seconds.to_le_bytes());
                    out.extend_from_slice(&time.nanoseconds.to_le_bytes());
                }
            }
        }
        match &entry.head {
            Head::Encoded(head) => put_bytes(&mut out, head),
            Head::Attributes(_) => put_bytes(&mut out, b""),
        }
        match &entry.value {
            Value::Nothing => out.push(0),
            Value::Subtree(id) => {
                out.push(1);
                out.extend_from_slice(&id.0);
            }
            Value::Content(content) => {
                out.push(2);
                put_u32(&mut out, content.len());
                for id in content {
                    out.extend_from_slice(&id.0);
                }
            }
        }
    }
    out
}

/// Reads a record.
pub(crate) fn decode(bytes: &[u8]) -> Option<KnownDirectory> {
    let mut input = Input(bytes);
    let tree = input.id()?;
    let count = input.u32()? as usize;
    let mut entries = Vec::with_capacity(count.min(bytes.len() / 16));
    for _ in 0..count {
        let name = input.bytes()?.to_vec();
        let stamp = match input.u8()? {
            u8::MAX => None,
            kind => Some(Stamp {
                kind: *KINDS.get(kind as usize)?,
                size: input.u64()?,
                inode: input.u64()?,
                mtime: input.time()?,
                ctime: input.time()?,
            }),
        };
        let head = Head::Encoded(input.bytes()?.to_vec());
        let value = match input.u8()? {
            0 => Value::Nothing,
            1 => Value::Subtree(input.id()?),
            2 => {
                let count = input.u32()? as usize;
                let ids = input.take(count.checked_mul(32)?)?;
                Value::Content(ids.chunks_exact(32).map(|c| Id(c.try_into().expect("exact"))).collect())
            }
            _ => return None,
        };
        entries.push(KnownEntry { name, stamp, head, value });
    }
    input.0.is_empty().then_some(KnownDirectory { tree, entries })
}

fn put_u32(out: &mut Vec<u8>, n: usize) {
    out.extend_from_slice(&(n as u32).to_le_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u32(out, bytes.len());
    out.extend_from_slice(bytes);
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn id(&mut self) -> Option<Id> {
        self.array().map(Id)
    }

    fn time(&mut self) -> Option<FileTime> {
        Some(FileTime { seconds: i64::from_le_bytes(self.array()?), nanoseconds: self.u32()? })
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let n = self.u32()? as usize;
        self.take(n)
    }
}
