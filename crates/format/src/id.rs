//! SHA-256 identifiers. Everything in a repository is found by one; a name that is not exactly 64 lower-case hex
//! digits is somebody else's file and must never be mistaken for an object.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};
use sha2::{Digest, Sha256};

/// SHA-256 of an object: of the plaintext for blobs, of the stored bytes for files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub [u8; 32]);

/// A text is not an [`Id`]: it needs exactly 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnId;

impl Id {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Id {
        Id(Sha256::digest(bytes).into())
    }

    /// The 64 lower-case hex digits.
    pub fn to_hex(&self) -> String {
        self.to_string()
    }

    /// Reads 64 lower-case hex digits; anything else is not an id.
    pub fn from_hex(text: &str) -> Option<Id> {
        Id::from_hex_bytes(text.as_bytes())
    }

    /// The raw hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn hex_digits(&self) -> [u8; 64] {
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        digits
    }

    fn from_hex_bytes(text: &[u8]) -> Option<Id> {
        let text: &[u8; 64] = text.try_into().ok()?;
        let mut id = [0; 32];
        let mut bad = 0;
        for (byte, pair) in id.iter_mut().zip(text.chunks_exact(2)) {
            let (high, low) = (VALUES[usize::from(pair[0])], VALUES[usize::from(pair[1])]);
            bad |= high | low;
            *byte = high << 4 | low & 15;
        }
        (bad < 16).then_some(Id(id))
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Value of each hex digit; 255 for every other byte.
static VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut digit = 0;
    while digit < 16 {
        values[DIGITS[digit] as usize] = digit as u8;
        digit += 1;
    }
    values
};

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.hex_digits()).expect("hex digits are ASCII"))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Id {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Id, NotAnId> {
        Id::from_hex(text).ok_or(NotAnId)
    }
}

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id has exactly 64 lower-case hexadecimal digits")
    }
}

impl std::error::Error for NotAnId {}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.hex_digits()).expect("hex digits are ASCII"))
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        struct Hex;

        impl Visitor<'_> for Hex {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an id of 64 lower-case hexadecimal digits")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
                Id::from_hex(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_str(Hex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_are_two_forms_of_one_id() {
        let id = Id::of(b"{\"nodes\":[]}\n");
        let text = "ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8";
        assert_eq!(id.to_hex(), text);
        assert_eq!(Id::from_hex(text), Some(id));
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Id>(&format!("\"{text}\"")).unwrap(), id);
    }

    #[test]
    fn other_texts_are_not_ids() {
        let upper = "AC08CE34BA4F8123618661BEF2425F7028FFB9AC740578A3EE88684D2523FEE8";
        let odd = "gc08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8";
        for text in ["", "ac", upper, odd, &"é".repeat(32), &"0".repeat(65)] {
            assert_eq!(Id::from_hex(text), None, "{text}");
        }
    }
}
