//! Windows: the times of day at which an asset's runs may start. A run that started may go on past the end.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// From one time of day to another, in the zone of the policy; past midnight where it ends before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first time at which a run may start.
    pub from: Time,
    /// The time from which on none may. The same as `from`: all day.
    pub to: Time,
}

/// When runs may start, around an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opening {
    /// Whether now is such a time.
    pub(super) is_open: bool,
    /// When that changes at the latest; `None` where it never does.
    pub(super) changes: Option<Timestamp>,
}

/// Whether runs may start at `at`, and when that changes.
pub(super) fn opening(windows: &[Window], zone: &TimeZone, at: Timestamp) -> Opening {
    if windows.is_empty() {
        return Opening { is_open: true, changes: None };
    }
    let spans = spans(windows, zone, at);
    let is_open = spans.iter().any(|(from, to)| *from <= at && at < *to);
    let changes = spans.iter().flat_map(|(from, to)| [*from, *to]).filter(|instant| *instant > at).min();
    Opening { is_open, changes }
}

/// The last instant, not later than `at`, at which a run may start; `at` itself where no window near it ends before.
pub(super) fn last_start(windows: &[Window], zone: &TimeZone, at: Timestamp) -> Timestamp {
    if opening(windows, zone, at).is_open {
        return at;
    }
    spans(windows, zone, at).into_iter().map(|(_, to)| to).filter(|to| *to <= at).max().unwrap_or(at)
}

/// The windows of the days around an instant.
fn spans(windows: &[Window], zone: &TimeZone, at: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let today = at.to_zoned(zone.clone()).date();
    // A time of day that the zone leaves out, or has twice, is the one that a clock on the wall would mean.
    let instant = |date: Date, time: Time| zone.to_timestamp(date.to_datetime(time)).ok();
    let mut spans = Vec::new();
    for offset in -2..=2_i64 {
        let Ok(date) = today.checked_add(offset.days()) else { continue };
        for window in windows {
            let end = if window.to <= window.from { date.checked_add(1.day()).ok() } else { Some(date) };
            let span = (instant(date, window.from), end.and_then(|end| instant(end, window.to)));
            if let (Some(from), Some(to)) = span {
                spans.push((from, to));
            }
        }
    }
    spans
}
