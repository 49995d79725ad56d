//! Spans of time as people write them: `90s`, `30m`, `48h`, `30d`, `2w`. A day is 24 hours here; calendar months are
//! not spans, and have no unit.

use std::fmt;
use std::time::Duration;

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurationError {
    /// The text.
    pub text: String,
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no duration: write whole numbers, each with s, m, h, d or w, e.g. 48h or 1h30m",
            self.text
        )
    }
}

impl std::error::Error for DurationError {}

const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Reads a duration such as `48h`, `30d` or `1h30m`; larger units stand first, none twice.
///
/// # Errors
/// When it is none, or longer than a thousand years.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    const SECONDS_MAX: u64 = 1000 * 366 * 86_400;
    let wrong = || DurationError { text: text.to_owned() };
    let mut rest = text.trim();
    let mut units = UNITS.iter();
    let mut seconds: u64 = 0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits =
            rest.find(|c: char| !c.is_ascii_digit()).filter(|digits| *digits > 0).ok_or_else(wrong)?;
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit = rest[digits..].chars().next().ok_or_else(wrong)?;
        let (_, factor) = units.find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        seconds = number.checked_mul(*factor).and_then(|part| seconds.checked_add(part)).ok_or_else(wrong)?;
        rest = rest[digits + unit.len_utf8()..].trim_start();
    }
    if seconds > SECONDS_MAX { Err(wrong()) } else { Ok(Duration::from_secs(seconds)) }
}

/// A duration for people, in its two largest units: `3d 4h`; whole seconds.
pub fn show_duration(duration: Duration) -> String {
    let mut seconds = duration.as_secs();
    let mut parts = Vec::new();
    for (unit, factor) in &UNITS[1..] {
        if seconds >= *factor {
            parts.push(format!("{}{unit}", seconds / factor));
        }
        seconds %= factor;
    }
    parts.truncate(2);
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_exactly() {
        for (text, seconds) in [
            ("0s", 0),
            ("90s", 90),
            ("48h", 172_800),
            ("30d", 2_592_000),
            ("1h30m", 5_400),
            ("2w 1d", 1_296_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in
            ["", "5", "h", "1h1h", "30m1h", "1.5h", "-1h", "3months", "99999999999999999999d", "9999999w"]
        {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_are_shown_in_two_units() {
        let shown: Vec<_> =
            [0, 59, 60, 3_661, 90_061].map(|seconds| show_duration(Duration::from_secs(seconds))).into();
        assert_eq!(shown, ["0s", "59s", "1m", "1h 1m", "1d 1h"]);
    }
}
