//! Sizes in bytes as people write them. `KB` in the sense of 1,024 is refused rather than guessed at: `kB` is 1,000
//! and `KiB` is 1,024.

use std::fmt;

/// Why a text is no size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeError {
    /// The text.
    pub text: String,
}

impl fmt::Display for SizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no size: write a whole number and one of B, kB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB \
             (powers of 1024)",
            self.text
        )
    }
}

impl std::error::Error for SizeError {}

const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Reads a size such as `2GiB`, `500 kB` or `1048576`.
///
/// # Errors
/// When it is none, or more than 2^64 bytes.
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let wrong = || SizeError { text: text.to_owned() };
    let trimmed = text.trim();
    let (number, factor) = UNITS
        .iter()
        .find_map(|(unit, factor)| Some((trimmed.strip_suffix(unit)?.trim_end(), *factor)))
        .unwrap_or((trimmed, 1));
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).ok_or_else(wrong)
}

/// A size for people, to three digits: `1.46 GiB`.
pub fn show_size(bytes: u64) -> String {
    let Some((unit, factor)) = UNITS[..4].iter().find(|(_, factor)| bytes >= *factor) else {
        return format!("{bytes} B");
    };
    let value = bytes as f64 / *factor as f64;
    match value {
        ..10.0 => format!("{value:.2} {unit}"),
        10.0..100.0 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_exactly() {
        for (text, bytes) in [
            ("0", 0),
            ("1048576", 1 << 20),
            ("2GiB", 2 << 30),
            ("500 kB", 500_000),
            (" 7 B ", 7),
            ("16777215TiB", 16_777_215 << 40),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for bad in
            ["", "GiB", "2KB", "2gib", "-1", "1.5GiB", "1e3", "+2", "16777216TiB", "99999999999999999999"]
        {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_are_shown_to_three_digits() {
        let shown: Vec<_> =
            [0, 1023, 1024, 15 << 20, 999 << 30, u64::MAX].into_iter().map(show_size).collect();
        assert_eq!(shown, ["0 B", "1023 B", "1.00 KiB", "15.0 MiB", "999 GiB", "16777216 TiB"]);
    }
}
