//! Drawing lots that anybody can draw again.

use std::fmt;

use sha2::{Digest, Sha256};

use super::{Exercised, Occasion};

/// What lots are drawn from: 32 bytes that follow from the audit log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// Of an occasion, under the newest head of the log that was signed before it opened. Nobody can know the head of a log
    /// before its last entry is written, and nobody can change it after it was signed.
    pub fn of_occasion(root: &str, exercised: Exercised, occasion: &Occasion) -> Seed {
        Seed::of(root, exercised, &occasion.label)
    }

    /// Of a test that somebody asked for, under the same head.
    pub fn by_hand(root: &str, exercised: Exercised) -> Seed {
        Seed::of(root, exercised, "by hand")
    }

    fn of(root: &str, exercised: Exercised, when: &str) -> Seed {
        let what = ["holdfast restore test", root, exercised.as_str(), when];
        Seed(hash(&[], &what))
    }

    /// Reads the written form: 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Seed> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut seed = [0; 32];
        for (byte, pair) in seed.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+'))?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(Seed(seed))
    }

    /// A number for something, the same for ever. Its parts are told apart by their lengths.
    pub(super) fn number(&self, parts: &[&str]) -> u64 {
        let hash = hash(&self.0, parts);
        hash[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

fn hash(seed: &[u8], parts: &[&str]) -> [u8; 32] {
    let mut hasher = Sha256::new_with_prefix(seed);
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
