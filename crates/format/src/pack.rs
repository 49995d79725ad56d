//! Packs: sealed blobs one after the other, then a sealed table of them, then the length of that table.
//!
//! Offsets are not stored but follow from the lengths, so one wrong length shifts everything behind it. A header is
//! accepted only when the lengths, the header and the trailer add up to the size of the file.

use std::fmt;
use std::num::NonZeroU32;

use crate::blob_kind::BlobKind;
use crate::cipher::{Cipher, CipherError, OVERHEAD};
use crate::id::Id;

/// Most blobs we put into one pack; rustic counts them in 16 bits when it prunes.
pub const MAX_BLOBS_PER_PACK: usize = 10_000;

/// Largest sealed header that readers accept.
pub const HEADER_BYTES_MAX: u32 = 16 << 20;

/// Length of the trailer, which holds the sealed header's length.
pub const TRAILER_BYTES: usize = 4;

const ENTRY_BYTES: usize = 37;
const COMPRESSED_ENTRY_BYTES: usize = 41;

/// Where one blob lies in a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PackEntry {
    /// Content or directory.
    pub kind: BlobKind,
    /// SHA-256 of the plaintext.
    pub id: Id,
    /// Where the sealed blob begins, in bytes from the start of the pack.
    pub offset: u32,
    /// Length of the sealed blob in bytes.
    pub length: u32,
    /// Length of the plaintext in bytes; `None` when the blob is stored without compression.
    pub uncompressed: Option<NonZeroU32>,
}

impl PackEntry {
    /// Length of the plaintext in bytes, whether compressed or not.
    pub fn plaintext_len(&self) -> u32 {
        self.uncompressed.map_or(self.length.saturating_sub(OVERHEAD as u32), NonZeroU32::get)
    }
}

/// Why a pack's table was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackError {
    /// The trailer states a header length that cannot be, in bytes.
    HeaderLength(u32),
    /// The header could not be opened.
    Sealed(CipherError),
    /// The header ends within an entry; holds the entry's number from 0.
    CutOff(usize),
    /// An entry is of a type that the format does not know.
    UnknownType {
        /// Number of the entry from 0.
        entry: usize,
        /// The type byte found.
        found: u8,
    },
    /// An entry states a sealed length below the smallest possible, or an uncompressed length of 0.
    ImpossibleLength(usize),
    /// The blobs, the header and the trailer do not add up to the size of the file.
    Size {
        /// What the header adds up to, in bytes.
        expected: u64,
        /// Size of the file in bytes.
        found: u64,
    },
}

/// The plaintext of a pack's header. Offsets are not written: the entries must be in order and without gaps.
///
/// # Panics
/// If the entries are not contiguous from offset 0: such a pack would be damaged from birth.
pub fn encode_header(entries: &[PackEntry]) -> Vec<u8> {
    let mut header = Vec::with_capacity(entries.len() * COMPRESSED_ENTRY_BYTES);
    let mut offset = 0_u64;
    for entry in entries {
        assert_eq!(u64::from(entry.offset), offset, "blobs of a pack follow one another without gaps");
        offset += u64::from(entry.length);
        let raw_type = match entry.kind {
            BlobKind::Data => 0,
            BlobKind::Tree => 1,
        };
        header.push(if entry.uncompressed.is_some() { raw_type + 2 } else { raw_type });
        header.extend_from_slice(&entry.length.to_le_bytes());
        if let Some(uncompressed) = entry.uncompressed {
            header.extend_from_slice(&uncompressed.get().to_le_bytes());
        }
        header.extend_from_slice(entry.id.as_bytes());
    }
    header
}

/// Appends the sealed header and the trailer to `out`, which completes a pack.
///
/// # Panics
/// If the entries are not contiguous, or too many for readers ([`HEADER_BYTES_MAX`]).
pub fn seal_header(cipher: &Cipher, iv: [u8; 16], entries: &[PackEntry], out: &mut Vec<u8>) {
    let header = encode_header(entries);
    let length = u32::try_from(header.len() + OVERHEAD)
        .ok()
        .filter(|&length| length <= HEADER_BYTES_MAX)
        .expect("packs are closed long before their header reaches 16 MiB");
    cipher.seal(iv, &header, out);
    out.extend_from_slice(&length.to_le_bytes());
}

/// Bytes that [`seal_header`] will append for `entries`.
pub fn sealed_header_len(entries: &[PackEntry]) -> usize {
    let bytes =
        |entry: &PackEntry| if entry.uncompressed.is_some() { COMPRESSED_ENTRY_BYTES } else { ENTRY_BYTES };
    entries.iter().map(bytes).sum::<usize>() + OVERHEAD + TRAILER_BYTES
}

/// Length in bytes of the sealed header that stands before the trailer, from the last four bytes of a pack.
pub fn header_length(trailer: [u8; TRAILER_BYTES]) -> Result<u32, PackError> {
    let length = u32::from_le_bytes(trailer);
    if (length as usize) < ENTRY_BYTES + OVERHEAD || length > HEADER_BYTES_MAX {
        return Err(PackError::HeaderLength(length));
    }
    Ok(length)
}

/// Opens a pack's header and checks that it accounts for every byte of a file of `pack_size` bytes.
pub fn decode_header(
    cipher: &Cipher,
    sealed_header: &[u8],
    pack_size: u64,
) -> Result<Vec<PackEntry>, PackError> {
    let mut header = Vec::new();
    cipher.open(sealed_header, &mut header).map_err(PackError::Sealed)?;
    let mut entries = Vec::with_capacity(header.len() / ENTRY_BYTES);
    let mut rest = header.as_slice();
    let mut offset = 0_u64;
    while !rest.is_empty() {
        let (entry, length) = decode_entry(&mut rest, entries.len())?;
        // An offset beyond 32 bits cannot belong to a file that fits the format; the size check below reports it.
        entries.push(PackEntry { offset: offset as u32, ..entry });
        offset += length;
    }
    let expected = offset + sealed_header.len() as u64 + TRAILER_BYTES as u64;
    if expected != pack_size || pack_size > u32::MAX.into() {
        return Err(PackError::Size { expected, found: pack_size });
    }
    Ok(entries)
}

fn decode_entry(rest: &mut &[u8], number: usize) -> Result<(PackEntry, u64), PackError> {
    let cut_off = PackError::CutOff(number);
    let [found] = *take::<1>(rest).ok_or(cut_off)?;
    let (kind, compressed) = match found {
        0 => (BlobKind::Data, false),
        1 => (BlobKind::Tree, false),
        2 => (BlobKind::Data, true),
        3 => (BlobKind::Tree, true),
        _ => return Err(PackError::UnknownType { entry: number, found }),
    };
    let length = u32::from_le_bytes(*take(rest).ok_or(cut_off)?);
    let mut uncompressed = None;
    if compressed {
        let stated = u32::from_le_bytes(*take(rest).ok_or(cut_off)?);
        uncompressed = Some(NonZeroU32::new(stated).ok_or(PackError::ImpossibleLength(number))?);
    }
    let id = Id(*take(rest).ok_or(cut_off)?);
    if (length as usize) < OVERHEAD {
        return Err(PackError::ImpossibleLength(number));
    }
    Ok((PackEntry { kind, id, offset: 0, length, uncompressed }, length.into()))
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(head)
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PackError::HeaderLength(bytes) => {
                write!(
                    f,
                    "the pack ends with a header length of {bytes} bytes, which cannot be: it is damaged or cut off"
                )
            }
            PackError::Sealed(error) => write!(f, "the pack's header: {error}"),
            PackError::CutOff(entry) => write!(f, "the pack's header ends within entry {entry}"),
            PackError::UnknownType { entry, found } => {
                write!(f, "entry {entry} of the pack's header is of the unknown type {found}")
            }
            PackError::ImpossibleLength(entry) => {
                write!(f, "entry {entry} of the pack's header states a length that no blob can have")
            }
            PackError::Size { expected, found } => {
                write!(f, "the pack's header accounts for {expected} bytes, the file has {found}")
            }
        }
    }
}

impl std::error::Error for PackError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            PackError::Sealed(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
