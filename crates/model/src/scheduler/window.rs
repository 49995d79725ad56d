//! Windows: the times of day at which an asset's runs may start. A run that started may go on past the end.

use std::fmt;
use std::time::Duration;

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

impl Window {
    /// Reads `01:00-05:00`.
    pub fn parse(text: &str) -> Option<Window> {
        let (from, to) = text.split_once('-')?;
        let time = |text: &str| {
            let (hours, minutes) = text.trim().split_once(':')?;
            let is_number = |digits: &str| digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
            if !is_number(hours) || !is_number(minutes) {
                return None;
            }
            Time::new(hours.parse().ok()?, minutes.parse().ok()?, 0, 0).ok()
        };
        // From a time to the same: all day, which is said by saying nothing.
        Some(Window { from: time(from)?, to: time(to)? }).filter(|window| window.from != window.to)
    }

    /// How long it is open, on a day of 24 hours.
    pub fn lasts(&self) -> Duration {
        let minutes =
            |time: Time| u64::from(time.hour().unsigned_abs()) * 60 + u64::from(time.minute().unsigned_abs());
        let (from, to) = (minutes(self.from), minutes(self.to));
        Duration::from_secs(60 * (to + DAY_MINUTES - from) % (60 * DAY_MINUTES))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Window { from, to } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from.hour(), from.minute(), to.hour(), to.minute())
    }
}

const DAY_MINUTES: u64 = 24 * 60;

/// The longest time of a day of 24 hours in which no window is open.
pub fn longest_closed(windows: &[Window]) -> Duration {
    let minutes = |time: Time| {
        usize::try_from(time.hour()).unwrap_or(0) * 60 + usize::try_from(time.minute()).unwrap_or(0)
    };
    let day = usize::try_from(DAY_MINUTES).unwrap_or(1440);
    let mut is_open = vec![windows.is_empty(); day];
    for window in windows {
        let length = usize::try_from(window.lasts().as_secs() / 60).unwrap_or(0);
        (0..length).for_each(|offset| is_open[(minutes(window.from) + offset) % day] = true);
    }
    // Twice around, so that a closed time past midnight is one.
    let (mut longest, mut closed) = (0, 0);
    for minute in 0..2 * day {
        closed = if is_open[minute % day] { 0 } else { closed + 1 };
        longest = longest.max(closed.min(day));
    }
    Duration::from_secs(60 * longest as u64)
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

/// The first instant, not before `at`, at which a run may start.
pub(crate) fn next_start(windows: &[Window], zone: &TimeZone, at: Timestamp) -> Timestamp {
    let Opening { is_open, changes } = opening(windows, zone, at);
    if is_open { at } else { changes.unwrap_or(at) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read_as_they_are_shown_and_past_midnight_too() {
        let read = |text: &str| Window::parse(text).unwrap();
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        for (text, lasts) in
            [("01:00-05:00", hours(4)), ("22:00-02:00", hours(4)), ("00:00-23:00", hours(23))]
        {
            assert_eq!((read(text).to_string().as_str(), read(text).lasts()), (text, lasts));
        }
        for wrong in
            ["", "1-5", "01:00", "01:00-24:00", "01:00-01:00", "1:00-5:00", "01:00-05:60", "-1:00-05:00"]
        {
            assert_eq!(Window::parse(wrong), None, "{wrong}");
        }
        assert_eq!(longest_closed(&[]), hours(0));
        assert_eq!(longest_closed(&[read("01:00-05:00")]), hours(20));
        assert_eq!(longest_closed(&[read("22:00-02:00")]), hours(20));
        assert_eq!(
            longest_closed(&[read("01:00-05:00"), read("13:00-14:00"), read("04:00-06:00")]),
            hours(11)
        );
    }
}
