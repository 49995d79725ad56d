//! The days of a period, in UTC: a report is read in every zone, and verdicts move at midnight UTC too.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// More days than a plot can show next to each other are put together.
const COLUMNS_MAX: usize = 62;

/// The day of an instant.
pub(super) fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// The first instant of a day.
pub(super) fn start(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// The first instant after a day.
pub(super) fn end(day: Date) -> Timestamp {
    start(day).saturating_add(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MAX)
}

/// Every day of a period, of which the end is the first instant that does not belong to it.
pub(super) fn of(from: Timestamp, to: Timestamp) -> Vec<Date> {
    let mut days = Vec::new();
    let mut next = day(from);
    while start(next) < to {
        days.push(next);
        match next.tomorrow() {
            Ok(tomorrow) => next = tomorrow,
            Err(_) => break,
        }
    }
    days
}

/// How many days share a column of a plot.
pub(super) fn per_column(days: usize) -> usize {
    days.div_ceil(COLUMNS_MAX).max(1)
}
