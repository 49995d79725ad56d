//! The periods of the calendar: hours, days, ISO weeks, months and quarters.
//!
//! A day begins where its zone says, so one day a year has 23 hours and one has 25. Hours are hours of elapsed time, so
//! that the hour which a zone repeats is two of them.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::Cadence;

/// A period of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    /// Its first day in the zone; of an hour, its day in UTC.
    pub(crate) date: Date,
    /// Its first instant.
    pub(crate) start: Timestamp,
    /// The first instant of the next.
    pub(crate) end: Timestamp,
}

/// The periods that start at or after `from`. Ends with representable time.
pub(crate) fn periods(cadence: Cadence, zone: &TimeZone, from: Timestamp) -> impl Iterator<Item = Period> {
    let zone = if cadence == Cadence::Hourly { TimeZone::UTC } else { zone.clone() };
    let mut next = containing(cadence, &zone, from);
    std::iter::from_fn(move || {
        let period = next?;
        next = following(cadence, &zone, &period);
        Some(period)
    })
    .skip_while(move |period| period.start < from)
}

/// The shortest that a period can be, whatever the zone does to its clocks: nothing but the hour may rely on more.
pub(super) fn shortest(cadence: Cadence) -> SignedDuration {
    let less_an_hour = |days: i64| SignedDuration::from_hours(24 * days - 1);
    match cadence {
        Cadence::Hourly => SignedDuration::from_hours(1),
        Cadence::Daily => less_an_hour(1),
        Cadence::Weekly => less_an_hour(7),
        Cadence::Monthly => less_an_hour(28),
        Cadence::Quarterly => less_an_hour(90),
    }
}

/// The name of a period among those of its cadence.
pub(crate) fn label(cadence: Cadence, date: Date, start: Timestamp) -> String {
    match cadence {
        Cadence::Hourly => start.strftime("%Y-%m-%dT%HZ").to_string(),
        Cadence::Daily => date.to_string(),
        Cadence::Weekly => {
            let week = date.iso_week_date();
            format!("{:04}-W{:02}", week.year(), week.week())
        }
        Cadence::Monthly => format!("{:04}-{:02}", date.year(), date.month()),
        Cadence::Quarterly => format!("{:04}-Q{}", date.year(), (date.month() + 2) / 3),
    }
}

/// The period that an instant lies in.
pub(crate) fn containing(cadence: Cadence, zone: &TimeZone, at: Timestamp) -> Option<Period> {
    let date = at.to_zoned(zone.clone()).date();
    let first = match cadence {
        Cadence::Hourly => {
            let hour = at.as_second().div_euclid(3600) * 3600;
            return hour_from(Timestamp::from_second(hour).ok()?);
        }
        Cadence::Daily => date,
        Cadence::Weekly => date.checked_sub(i64::from(date.weekday().since(Weekday::Monday)).days()).ok()?,
        Cadence::Monthly => date.first_of_month(),
        Cadence::Quarterly => Date::new(date.year(), (date.month() - 1) / 3 * 3 + 1, 1).ok()?,
    };
    period_from(cadence, zone, first)
}

fn following(cadence: Cadence, zone: &TimeZone, period: &Period) -> Option<Period> {
    match cadence {
        Cadence::Hourly => hour_from(period.end),
        _ => period_from(cadence, zone, day_after(cadence, period.date)?),
    }
}

fn period_from(cadence: Cadence, zone: &TimeZone, date: Date) -> Option<Period> {
    let start = first_instant(zone, date)?;
    let end = first_instant(zone, day_after(cadence, date)?)?;
    Some(Period { date, start, end })
}

fn hour_from(start: Timestamp) -> Option<Period> {
    let end = start.checked_add(SignedDuration::from_hours(1)).ok()?;
    Some(Period { date: start.to_zoned(TimeZone::UTC).date(), start, end })
}

/// The first day of the next period.
fn day_after(cadence: Cadence, date: Date) -> Option<Date> {
    let span = match cadence {
        Cadence::Hourly | Cadence::Daily => 1.day(),
        Cadence::Weekly => 1.week(),
        Cadence::Monthly => 1.month(),
        Cadence::Quarterly => 3.months(),
    };
    date.checked_add(span).ok()
}

/// Where midnight does not exist, the first instant after the gap.
fn first_instant(zone: &TimeZone, date: Date) -> Option<Timestamp> {
    zone.to_ambiguous_zoned(date.at(0, 0, 0, 0)).compatible().ok().map(|zoned| zoned.timestamp())
}
