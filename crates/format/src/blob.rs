//! Blobs: the pieces of content and the directories, each compressed, sealed, and named by its plaintext's hash.
//!
//! A blob is believed only when tag, compression, length and SHA-256 all agree; everything else is damage that must
//! be reported, not restored.

use std::fmt;

use crate::cipher::{Cipher, CipherError, OVERHEAD};
use crate::compression::{Compressor, Decompressor, FrameError};
use crate::id::Id;

/// Largest plaintext a [`BlobDecoder`] produces unless told otherwise: 1 GiB. Writers of data stay below 16 MiB;
/// the tree of a directory with a million entries is about 300 MB.
pub const BLOB_BYTES_MAX: u32 = 1 << 30;

/// Compresses and seals blobs; holds zstd's tables, so keep one per thread.
pub struct BlobEncoder {
    compressor: Compressor,
}

/// What [`BlobEncoder::encode`] appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Length of the plaintext when the blob is stored compressed.
    pub uncompressed_len: Option<u32>,
    /// Bytes appended, IV and tag included.
    pub sealed_len: u32,
}

/// Opens, decompresses and checks blobs; holds zstd's buffers, so keep one per thread.
pub struct BlobDecoder {
    decompressor: Decompressor,
    bytes_max: u32,
}

/// Why a blob cannot be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobError {
    /// It could not be opened.
    Sealed(CipherError),
    /// It could not be decompressed.
    Compressed(FrameError),
    /// It opened, but to another length than the index states.
    Length {
        /// What the index states.
        expected: u64,
        /// What came out.
        found: u64,
    },
    /// It opened, but to other content: the SHA-256 is not the blob's id.
    Content {
        /// The id asked for.
        expected: Id,
        /// The hash of what came out.
        found: Id,
    },
}

impl BlobEncoder {
    /// An encoder for a zstd level (1 fastest, 22 smallest; negative levels are faster still).
    pub fn new(level: i32) -> BlobEncoder {
        BlobEncoder { compressor: Compressor::new(level) }
    }

    /// The level given to [`BlobEncoder::new`].
    pub fn level(&self) -> i32 {
        self.compressor.level()
    }

    /// Appends the sealed form of `plaintext` to `out`.
    ///
    /// With `compress`, the compressed form is stored when it is smaller, else the plaintext (legal for data). Trees
    /// belong in [`BlobEncoder::encode_tree`]. `iv` must be fresh random bytes. Empty blobs do not exist in the
    /// format, and blobs stay below 4 GiB.
    ///
    /// # Panics
    /// If `plaintext` is empty, or 4 GiB or more: both would be unreadable.
    pub fn encode(
        &mut self,
        cipher: &Cipher,
        iv: [u8; 16],
        plaintext: &[u8],
        compress: bool,
        out: &mut Vec<u8>,
    ) -> Encoded {
        self.append(cipher, iv, plaintext, if compress { Form::Smaller } else { Form::Raw }, out)
    }

    /// Like [`BlobEncoder::encode`], for a tree: always compressed, since restic's prune repacks raw ones.
    pub fn encode_tree(&mut self, cipher: &Cipher, iv: [u8; 16], tree: &[u8], out: &mut Vec<u8>) -> Encoded {
        self.append(cipher, iv, tree, Form::Compressed, out)
    }

    fn append(
        &mut self,
        cipher: &Cipher,
        iv: [u8; 16],
        plaintext: &[u8],
        form: Form,
        out: &mut Vec<u8>,
    ) -> Encoded {
        assert!(!plaintext.is_empty(), "the format has no empty blobs");
        let plaintext_len = u32::try_from(plaintext.len()).expect("a blob is shorter than 4 GiB");
        let first = out.len();
        out.extend_from_slice(&iv);
        let start = out.len();
        let mut uncompressed_len = None;
        if form != Form::Raw {
            self.compressor.append(plaintext, out);
            if form == Form::Compressed || out.len() - start < plaintext.len() {
                uncompressed_len = Some(plaintext_len);
            } else {
                out.truncate(start);
            }
        }
        if uncompressed_len.is_none() {
            out.reserve(plaintext.len() + OVERHEAD);
            out.extend_from_slice(plaintext);
        }
        cipher.seal_in_place(iv, start, out);
        let sealed_len = u32::try_from(out.len() - first).expect("a sealed blob is shorter than 4 GiB");
        Encoded { uncompressed_len, sealed_len }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Raw,
    Smaller,
    Compressed,
}

impl BlobDecoder {
    /// A decoder for blobs of up to [`BLOB_BYTES_MAX`] bytes.
    pub fn new() -> BlobDecoder {
        BlobDecoder::with_bytes_max(BLOB_BYTES_MAX)
    }

    /// A decoder that refuses to produce blobs longer than `bytes_max`.
    pub fn with_bytes_max(bytes_max: u32) -> BlobDecoder {
        BlobDecoder { decompressor: Decompressor::new(), bytes_max }
    }

    /// Opens, decompresses and checks one blob. `out` receives the plaintext; on error its content means nothing.
    ///
    /// `uncompressed_len` is what index or pack header state (`None`: stored raw), `expected` the blob's id.
    /// `scratch` holds the compressed form meanwhile and can be reused from call to call.
    pub fn decode(
        &mut self,
        cipher: &Cipher,
        sealed: &[u8],
        uncompressed_len: Option<u32>,
        expected: &Id,
        out: &mut Vec<u8>,
        scratch: &mut Vec<u8>,
    ) -> Result<(), BlobError> {
        match uncompressed_len {
            None => cipher.open(sealed, out)?,
            Some(length) => {
                if length > self.bytes_max {
                    return Err(BlobError::Compressed(FrameError::TooLarge(self.bytes_max.into())));
                }
                cipher.open(sealed, scratch)?;
                self.decompressor.decompress(scratch, self.bytes_max.into(), out)?;
                if out.len() as u64 != u64::from(length) {
                    return Err(BlobError::Length { expected: length.into(), found: out.len() as u64 });
                }
            }
        }
        let found = Id::of(out);
        if found == *expected { Ok(()) } else { Err(BlobError::Content { expected: *expected, found }) }
    }
}

impl Default for BlobDecoder {
    fn default() -> BlobDecoder {
        BlobDecoder::new()
    }
}

/// [`BlobDecoder::decode`] for callers that have no decoder at hand.
pub fn decode_blob(
    cipher: &Cipher,
    sealed: &[u8],
    uncompressed_len: Option<u32>,
    expected: &Id,
    out: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
) -> Result<(), BlobError> {
    BlobDecoder::new().decode(cipher, sealed, uncompressed_len, expected, out, scratch)
}

impl From<CipherError> for BlobError {
    fn from(error: CipherError) -> BlobError {
        BlobError::Sealed(error)
    }
}

impl From<FrameError> for BlobError {
    fn from(error: FrameError) -> BlobError {
        BlobError::Compressed(error)
    }
}

impl fmt::Display for BlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BlobError::Sealed(error) => error.fmt(f),
            BlobError::Compressed(error) => error.fmt(f),
            BlobError::Length { expected, found } => {
                write!(f, "the index states {expected} bytes, the blob holds {found}")
            }
            BlobError::Content { expected, found } => {
                write!(f, "the content is not what its name says: expected SHA-256 {expected}, found {found}")
            }
        }
    }
}

impl std::error::Error for BlobError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BlobError::Sealed(error) => Some(error),
            BlobError::Compressed(error) => Some(error),
            BlobError::Length { .. } | BlobError::Content { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
