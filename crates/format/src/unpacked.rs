//! Snapshots, indexes and locks: JSON, sealed, and compressed in version 2 repositories.
//!
//! The plaintext tells its own form by its first byte: `{` or `[` is JSON as it stands (the only form version 1
//! knows), 2 is a zstd frame. Anything else was not written by a restic repository.

use std::fmt;

use crate::cipher::{Cipher, CipherError, OVERHEAD};
use crate::compression::{Compressor, Decompressor, FrameError};

/// Largest JSON [`decode_unpacked`] produces: 512 MiB. An index of restic's at its largest is below 100 MiB.
pub const UNPACKED_BYTES_MAX: u64 = 512 << 20;

const COMPRESSED: u8 = 2;
const LEVEL: i32 = 3;

/// Why a stored snapshot, index or lock could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnpackedError {
    /// It could not be opened.
    Sealed(CipherError),
    /// It could not be decompressed.
    Compressed(FrameError),
    /// The first byte is not one the format knows; `None` when nothing is there.
    UnknownForm(Option<u8>),
}

/// Compresses and seals `json`. The file's name is [`crate::Id::of`] the result.
pub fn encode_unpacked(cipher: &Cipher, iv: [u8; 16], json: &[u8]) -> Vec<u8> {
    let mut plaintext = vec![COMPRESSED];
    Compressor::new(LEVEL).append(json, &mut plaintext);
    seal(cipher, iv, &plaintext)
}

/// Seals `json` without compressing it: the form of version 1 repositories, legal in version 2 as well.
pub fn encode_unpacked_plain(cipher: &Cipher, iv: [u8; 16], json: &[u8]) -> Vec<u8> {
    seal(cipher, iv, json)
}

/// Opens a stored file and gives its JSON, at most [`UNPACKED_BYTES_MAX`] bytes of it.
pub fn decode_unpacked(cipher: &Cipher, stored: &[u8]) -> Result<Vec<u8>, UnpackedError> {
    let mut plaintext = Vec::new();
    cipher.open(stored, &mut plaintext).map_err(UnpackedError::Sealed)?;
    match plaintext.first() {
        Some(b'{' | b'[') => Ok(plaintext),
        Some(&COMPRESSED) => {
            let mut json = Vec::new();
            Decompressor::new()
                .decompress(&plaintext[1..], UNPACKED_BYTES_MAX, &mut json)
                .map_err(UnpackedError::Compressed)?;
            Ok(json)
        }
        first => Err(UnpackedError::UnknownForm(first.copied())),
    }
}

fn seal(cipher: &Cipher, iv: [u8; 16], plaintext: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(plaintext.len() + OVERHEAD);
    cipher.seal(iv, plaintext, &mut stored);
    stored
}

impl fmt::Display for UnpackedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnpackedError::Sealed(error) => error.fmt(f),
            UnpackedError::Compressed(error) => error.fmt(f),
            UnpackedError::UnknownForm(Some(byte)) => {
                write!(f, "the file begins with byte {byte:#04x}; only JSON and zstd (0x02) are known")
            }
            UnpackedError::UnknownForm(None) => f.write_str("the file opens to nothing"),
        }
    }
}

impl std::error::Error for UnpackedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            UnpackedError::Sealed(error) => Some(error),
            UnpackedError::Compressed(error) => Some(error),
            UnpackedError::UnknownForm(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cipher::MasterKey;

    fn cipher() -> Cipher {
        MasterKey::from_bytes(&[7; 64]).unwrap().cipher()
    }

    #[test]
    fn both_forms_give_the_json_back() {
        let json = br#"{"packs":[]}"#;
        for stored in
            [encode_unpacked(&cipher(), [1; 16], json), encode_unpacked_plain(&cipher(), [1; 16], json)]
        {
            assert_eq!(decode_unpacked(&cipher(), &stored).unwrap(), json);
        }
    }

    #[test]
    fn unknown_forms_and_oversized_frames_are_refused() {
        let seal = |plaintext: &[u8]| seal(&cipher(), [1; 16], plaintext);
        assert_eq!(decode_unpacked(&cipher(), &seal(b"")), Err(UnpackedError::UnknownForm(None)));
        assert_eq!(decode_unpacked(&cipher(), &seal(b"\x01{}")), Err(UnpackedError::UnknownForm(Some(1))));
        assert!(matches!(decode_unpacked(&cipher(), &seal(b"\x02{}")), Err(UnpackedError::Compressed(_))));
        let mut bomb = vec![COMPRESSED];
        Compressor::new(1).append(&vec![b' '; UNPACKED_BYTES_MAX as usize + 1], &mut bomb);
        assert_eq!(
            decode_unpacked(&cipher(), &seal(&bomb)),
            Err(UnpackedError::Compressed(FrameError::TooLarge(UNPACKED_BYTES_MAX)))
        );
    }
}
