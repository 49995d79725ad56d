//! Until when what a point refers to is locked, where a location can lock objects.

use jiff::{SignedDuration, Timestamp};

use super::{RetentionRule, days_of};

const DAY_SECONDS: i64 = 24 * 3600;

/// The point's time and the minimum, up to the next midnight (UTC): so the points of one day ask for the same lock, and an
/// object that all of them share is touched once a day, not with each of them. Never past the point's time and the
/// maximum: what is locked cannot be purged, whoever asks. With one number of days for both there is no slack at all.
pub fn lock_until(made: Timestamp, rule: &RetentionRule) -> Timestamp {
    let after = |days: u32| made.saturating_add(days_of(days)).unwrap_or(Timestamp::MAX);
    let (min, max) = (after(rule.min_days), after(rule.max_days));
    let over = min.as_second().rem_euclid(DAY_SECONDS);
    let is_midnight = over == 0 && min.subsec_nanosecond() == 0;
    let up = if is_midnight { 0 } else { DAY_SECONDS - over };
    let rounded = Timestamp::from_second(min.as_second())
        .and_then(|min| min.checked_add(SignedDuration::from_secs(up)));
    // A lock is kept to the second.
    let until = rounded.unwrap_or(Timestamp::MAX).min(max);
    Timestamp::from_second(until.as_second()).unwrap_or(until)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn until(made: &str, min_days: u32, max_days: u32) -> String {
        let rule = RetentionRule { min_days, max_days, grace: Duration::ZERO };
        lock_until(made.parse().unwrap(), &rule).to_string()
    }

    #[test]
    fn the_points_of_a_day_ask_for_one_lock_that_never_outlives_the_maximum() {
        assert_eq!(until("2026-11-01T00:00:01Z", 30, 90), "2026-12-02T00:00:00Z");
        assert_eq!(until("2026-11-01T23:59:59.5Z", 30, 90), "2026-12-02T00:00:00Z");
        assert_eq!(until("2026-11-01T00:00:00Z", 30, 90), "2026-12-01T00:00:00Z");
        assert_eq!(until("2026-11-01T00:00:00.000000001Z", 30, 90), "2026-12-02T00:00:00Z");
        // One number: the minimum is the maximum, to the second.
        assert_eq!(until("2026-11-01T12:34:56.7Z", 30, 30), "2026-12-01T12:34:56Z");
        // No room for a whole day.
        assert_eq!(until("2026-11-01T12:34:56Z", 0, 0), "2026-11-01T12:34:56Z");
        assert_eq!(until("1969-12-31T12:00:00Z", 1, 9), "1970-01-02T00:00:00Z");
    }

    #[test]
    fn it_lies_between_minimum_and_maximum_whatever_the_rule() {
        for seconds in (0..200_000).step_by(977) {
            let made = Timestamp::from_second(seconds).unwrap();
            for (min_days, max_days) in [(0, 0), (0, 1), (1, 1), (30, 31), (30, 90)] {
                let rule = RetentionRule { min_days, max_days, grace: Duration::ZERO };
                let until = lock_until(made, &rule);
                assert!(until >= made + days_of(min_days) && until <= made + days_of(max_days));
            }
        }
    }
}
