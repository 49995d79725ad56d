//! Bytes a second as people write them: a size and `/s`. Network people mean bits by `Mb/s`, an eighth of it; so that
//! spelling is refused rather than guessed at.

use std::fmt;

use crate::size::parse_size;

/// Why a text is no rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateError {
    /// The text.
    pub text: String,
}

impl fmt::Display for RateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no bandwidth: write bytes a second above 0, such as \"50MB/s\" or \"800 kB/s\" (B, kB, MB, GB, KiB, \
             MiB, GiB)",
            self.text
        )
    }
}

impl std::error::Error for RateError {}

/// Reads a rate such as `50MB/s`, in bytes a second.
///
/// # Errors
/// When it is none, or zero: a place to which nothing may go is no place.
pub fn parse_rate(text: &str) -> Result<u64, RateError> {
    let size = text.trim().strip_suffix("/s").and_then(|size| parse_size(size).ok());
    size.filter(|bytes| *bytes > 0).ok_or_else(|| RateError { text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_exactly() {
        for (text, bytes) in [("50MB/s", 50_000_000), ("800 kB/s", 800_000), (" 1MiB/s ", 1 << 20)] {
            assert_eq!(parse_rate(text), Ok(bytes), "{text}");
        }
        for bad in ["", "50MB", "/s", "0MB/s", "50Mb/s", "50MB/min", "50 MB / s", "fast"] {
            assert!(parse_rate(bad).is_err(), "{bad}");
        }
    }
}
