//! Instants as the database keeps them: nanoseconds since 1970, which sort and compare the same in every database.
//!
//! Seconds would be too coarse: a point is found again by its instant, and snapshots carry nanoseconds.

use jiff::Timestamp;

use crate::error::{Error, ErrorKind, Result};

/// For the database. Instants before 1678 or after 2262 do not fit.
pub(crate) fn to_nanoseconds(instant: Timestamp) -> Result<i64> {
    i64::try_from(instant.as_nanosecond()).map_err(|_| {
        Error::new(
            ErrorKind::Contradiction,
            format!("the instant {instant} lies outside of what can be kept"),
        )
    })
}

/// From the database. Every value is an instant.
pub(crate) fn from_nanoseconds(nanoseconds: i64) -> Timestamp {
    // All of i64 lies within the range of timestamps, so the default is never taken.
    Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_come_back_to_the_nanosecond_and_the_rest_is_refused() {
        for text in ["1970-01-01T00:00:00Z", "2026-03-29T01:00:00.123456789Z", "1901-01-01T00:00:00.5Z"] {
            let instant: Timestamp = text.parse().unwrap();
            assert_eq!(from_nanoseconds(to_nanoseconds(instant).unwrap()), instant);
        }
        assert_eq!(from_nanoseconds(i64::MIN).as_nanosecond(), i128::from(i64::MIN));
        assert_eq!(from_nanoseconds(i64::MAX).as_nanosecond(), i128::from(i64::MAX));
        let error = to_nanoseconds(Timestamp::MAX).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Contradiction);
    }
}
