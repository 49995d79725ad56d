//! Sealing: AES-256-CTR, then Poly1305-AES over the ciphertext, exactly as restic does it.
//!
//! A sealed message is `IV (16) | ciphertext | tag (16)`. Two things would go wrong unnoticed elsewhere: the counter
//! is the whole 128-bit block with carry over all 16 bytes (a 64-bit counter agrees until the low half wraps), and
//! the tag must be checked before a single byte is decrypted, or a forger gets answers about plaintext.

use std::fmt;
use std::hint::black_box;

use aes::cipher::{Array, BlockCipherEncrypt, InnerIvInit, KeyInit, StreamCipherCore};
use aes::{Aes128Enc, Aes256Enc};
use ctr::{CtrCore, flavors::Ctr128BE};
use poly1305::Poly1305;
use poly1305::universal_hash::UniversalHash;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bytes that sealing adds: IV and tag.
pub const OVERHEAD: usize = 32;

const IV_BYTES: usize = 16;
const TAG_BYTES: usize = 16;

/// Encryption and authentication alternate over pieces of this size so that the second finds the first's output
/// in the nearest cache. A multiple of 16, as both work on such blocks.
const PIECE_BYTES: usize = 16 * 1024;

/// The 64 bytes that open a repository: `encrypt` (32), `mac.k` (16), `mac.r` (16). Wiped when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey {
    encrypt: [u8; 32],
    mac_k: [u8; 16],
    mac_r: [u8; 16],
}

impl MasterKey {
    /// Draws a key. `random` fills the buffer it is given with secure random bytes; parts that come out as all
    /// zeros, which readers refuse, are drawn again.
    pub fn generate(random: &mut dyn FnMut(&mut [u8])) -> MasterKey {
        loop {
            let mut bytes = Zeroizing::new([0; 64]);
            random(bytes.as_mut_slice());
            if let Some(key) = MasterKey::from_bytes(&bytes) {
                return key;
            }
        }
    }

    /// Assembles a key from its parts; `None` when one of them is all zeros.
    pub fn from_parts(encrypt: [u8; 32], mac_k: [u8; 16], mac_r: [u8; 16]) -> Option<MasterKey> {
        let key = MasterKey { encrypt, mac_k, mac_r };
        (key.encrypt != [0; 32] && key.mac_k != [0; 16] && key.mac_r != [0; 16]).then_some(key)
    }

    /// Assembles a key from `encrypt | k | r`; `None` when one of them is all zeros.
    pub fn from_bytes(bytes: &[u8; 64]) -> Option<MasterKey> {
        let part = |at: usize| bytes[at..at + 16].try_into().expect("sixteen bytes");
        MasterKey::from_parts(bytes[..32].try_into().expect("32 bytes"), part(32), part(48))
    }

    /// The encryption key.
    pub fn encrypt(&self) -> &[u8; 32] {
        &self.encrypt
    }

    /// The key `k` of Poly1305-AES.
    pub fn mac_k(&self) -> &[u8; 16] {
        &self.mac_k
    }

    /// The key `r` of Poly1305-AES, not clamped.
    pub fn mac_r(&self) -> &[u8; 16] {
        &self.mac_r
    }

    /// Prepares the key schedules.
    pub fn cipher(&self) -> Cipher {
        Cipher {
            stream: Aes256Enc::new(&Array(self.encrypt)),
            mac: Aes128Enc::new(&Array(self.mac_k)),
            mac_r: Zeroizing::new(self.mac_r),
        }
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(secret)")
    }
}

/// Prepared key schedules: seals and opens. Cheap to share between threads; wiped when dropped.
#[derive(Clone)]
pub struct Cipher {
    stream: Aes256Enc,
    mac: Aes128Enc,
    mac_r: Zeroizing<[u8; 16]>,
}

/// Why a sealed message was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CipherError {
    /// Shorter than IV and tag together; holds the length found.
    TooShort(usize),
    /// The IV is all zeros, which no writer produces: the object is blank or damaged.
    ZeroIv,
    /// The tag does not match: another key, or damage.
    Unauthentic,
}

impl Cipher {
    /// Appends the sealed form of `plaintext` to `out`: [`OVERHEAD`] bytes more than the plaintext.
    ///
    /// `iv` must be 16 fresh random bytes for every message: two messages under one IV reveal each other. Readers
    /// refuse an IV of zeros.
    pub fn seal(&self, iv: [u8; 16], plaintext: &[u8], out: &mut Vec<u8>) {
        out.reserve(plaintext.len() + OVERHEAD);
        out.extend_from_slice(&iv);
        let start = out.len();
        out.extend_from_slice(plaintext);
        self.seal_in_place(iv, start, out);
    }

    /// Encrypts what lies in `out` from `start` on, and appends the tag. The IV must already stand before it.
    pub(crate) fn seal_in_place(&self, iv: [u8; 16], start: usize, out: &mut Vec<u8>) {
        let mut stream = self.key_stream(iv);
        let mut mac = self.authenticator(iv);
        let mut pieces = out[start..].chunks_exact_mut(PIECE_BYTES);
        for piece in &mut pieces {
            let (blocks, _) = Array::slice_as_chunks_mut(piece);
            stream.apply_keystream_blocks(blocks);
            mac.update(blocks);
        }
        let rest = pieces.into_remainder();
        stream.apply_keystream_partial(rest.into());
        let tag = tag_of(mac, rest);
        out.extend_from_slice(&tag);
    }

    /// Opens `sealed` into `out`, which is cleared first. Nothing is decrypted unless the tag matches; on error
    /// `out` stays empty.
    pub fn open(&self, sealed: &[u8], out: &mut Vec<u8>) -> Result<(), CipherError> {
        out.clear();
        let (iv, ciphertext) = self.authentic(sealed)?;
        out.extend_from_slice(ciphertext);
        self.key_stream(iv).apply_keystream_partial(out.as_mut_slice().into());
        Ok(())
    }

    /// Whether `sealed` is as it was when it was sealed, without opening it.
    ///
    /// # Errors
    /// As [`Cipher::open`].
    pub fn authenticate(&self, sealed: &[u8]) -> Result<(), CipherError> {
        self.authentic(sealed).map(|_| ())
    }

    /// IV and ciphertext, once the tag was found to match.
    fn authentic<'s>(&self, sealed: &'s [u8]) -> Result<([u8; IV_BYTES], &'s [u8]), CipherError> {
        let ciphertext_len = sealed.len().checked_sub(OVERHEAD).ok_or(CipherError::TooShort(sealed.len()))?;
        let (iv, rest) = sealed.split_first_chunk::<IV_BYTES>().expect("longer than an IV");
        let (ciphertext, tag) = rest.split_at(ciphertext_len);
        if *iv == [0; IV_BYTES] {
            return Err(CipherError::ZeroIv);
        }
        if !same_in_constant_time(&tag_of(self.authenticator(*iv), ciphertext), tag) {
            return Err(CipherError::Unauthentic);
        }
        Ok((*iv, ciphertext))
    }

    fn key_stream(&self, iv: [u8; 16]) -> CtrCore<&Aes256Enc, Ctr128BE> {
        CtrCore::inner_iv_init(&self.stream, &Array(iv))
    }

    /// Poly1305 under the one-time key `r | AES-128(k, IV)`; Poly1305 clamps `r` itself.
    fn authenticator(&self, iv: [u8; 16]) -> Poly1305 {
        let mut key = Zeroizing::new([0; 32]);
        let mut pad = Array(iv);
        self.mac.encrypt_block(&mut pad);
        key[..16].copy_from_slice(self.mac_r.as_slice());
        key[16..].copy_from_slice(&pad);
        pad.zeroize();
        Poly1305::new(&Array(*key))
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher(secret)")
    }
}

impl fmt::Display for CipherError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CipherError::TooShort(bytes) => {
                write!(
                    f,
                    "a sealed message has at least {OVERHEAD} bytes, this one has {bytes}: it was cut off"
                )
            }
            CipherError::ZeroIv => f.write_str("the message begins with zeros: it is blank or damaged"),
            CipherError::Unauthentic => f.write_str(
                "the authentication tag does not match: the data is damaged, or the key is another one",
            ),
        }
    }
}

impl std::error::Error for CipherError {}

/// Feeds `data` in whole blocks, which goes through the vectorised code, then the unpadded rest.
fn tag_of(mut mac: Poly1305, data: &[u8]) -> [u8; TAG_BYTES] {
    let (blocks, rest) = Array::slice_as_chunks(data);
    mac.update(blocks);
    mac.compute_unpadded(rest).into()
}

/// Compares without giving away, by the time it takes, how many bytes agree.
fn same_in_constant_time(a: &[u8; TAG_BYTES], b: &[u8]) -> bool {
    let difference = a.iter().zip(b).fold(0, |sum, (x, y)| sum | (x ^ y));
    b.len() == TAG_BYTES && black_box(difference) == 0
}

#[cfg(test)]
mod tests;
