//! The occasions on which tests are made: the literal weeks, months and quarters of the policy's zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::Cadence;
use crate::slot::calendar::{Period, containing, label, periods};

/// A period of the calendar in which a test must be made, from the drawing of its targets to the result of the last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Occasion {
    /// Its name: `2026-W48`, `2026-11`.
    pub label: String,
    /// Its first instant.
    pub opens: Timestamp,
    /// The first instant of the next.
    pub ends: Timestamp,
}

/// The occasion that an instant lies in; none at the ends of representable time.
pub fn occasion_at(every: Cadence, zone: &TimeZone, at: Timestamp) -> Option<Occasion> {
    containing(every, zone_of(every, zone), at).map(|period| Occasion::of(every, &period))
}

/// The one before the one that an instant lies in.
pub fn occasion_before(every: Cadence, zone: &TimeZone, at: Timestamp) -> Option<Occasion> {
    let current = containing(every, zone_of(every, zone), at)?;
    let moment = jiff::SignedDuration::from_nanos(1);
    occasion_at(every, zone, current.start.checked_sub(moment).ok()?)
}

/// The first one that opens at an instant or later. Nobody can have been told of one that was open before its rule was.
pub fn first_occasion_from(every: Cadence, zone: &TimeZone, from: Timestamp) -> Option<Occasion> {
    periods(every, zone, from).next().map(|period| Occasion::of(every, &period))
}

/// An hour is one of elapsed time, whatever the zone does.
fn zone_of(every: Cadence, zone: &TimeZone) -> &TimeZone {
    const UTC: &TimeZone = &TimeZone::UTC;
    if every == Cadence::Hourly { UTC } else { zone }
}

impl Occasion {
    fn of(every: Cadence, period: &Period) -> Occasion {
        let label = label(every, period.date, period.start);
        Occasion { label, opens: period.start, ends: period.end }
    }
}
