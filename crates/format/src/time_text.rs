//! Times as Go writes them: RFC 3339 with up to nine digits of a second, none when they are zero.
//!
//! The spelling is part of a tree's hash. Written by hand because it runs three times for every file of a backup,
//! and because a file system may hold times that calendars of ordinary libraries do not reach.

use crate::source::FileTime;

const SECONDS_PER_DAY: i64 = 86_400;

/// 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z, in seconds since 1970: all that four digits of a year can say.
const SECONDS_MIN: i64 = -62_167_219_200;
const SECONDS_MAX: i64 = 253_402_300_799;

/// Appends `time`, spelled at `offset_minutes` east of UTC (`Z` when 0). Years before 0 and after 9999 are clamped.
pub(crate) fn write(time: FileTime, offset_minutes: i16, out: &mut Vec<u8>) {
    let offset_seconds = i64::from(offset_minutes) * 60;
    let local = time.seconds.saturating_add(offset_seconds);
    let (local, nanoseconds) = match local {
        ..SECONDS_MIN => (SECONDS_MIN, 0),
        SECONDS_MIN..=SECONDS_MAX => (local, time.nanoseconds.min(999_999_999)),
        _ => (SECONDS_MAX, 999_999_999),
    };
    let (year, month, day) = date_of(local.div_euclid(SECONDS_PER_DAY));
    let second = local.rem_euclid(SECONDS_PER_DAY) as u32;
    digits(year, 4, out);
    out.push(b'-');
    digits(month, 2, out);
    out.push(b'-');
    digits(day, 2, out);
    out.push(b'T');
    digits(second / 3600, 2, out);
    out.push(b':');
    digits(second / 60 % 60, 2, out);
    out.push(b':');
    digits(second % 60, 2, out);
    if nanoseconds != 0 {
        out.push(b'.');
        digits(nanoseconds, 9, out);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
    if offset_minutes == 0 {
        out.push(b'Z');
        return;
    }
    out.push(if offset_minutes < 0 { b'-' } else { b'+' });
    let offset = u32::from(offset_minutes.unsigned_abs());
    digits(offset / 60, 2, out);
    out.push(b':');
    digits(offset % 60, 2, out);
}

/// Reads a time and the offset, in minutes, that it is spelled at. Digits beyond the ninth are dropped.
pub(crate) fn parse(text: &str) -> Option<(FileTime, i16)> {
    let bytes = text.as_bytes();
    let (date_and_time, mut rest) = bytes.split_at_checked(19)?;
    let number = |from: usize, count: usize| read_digits(&date_and_time[from..from + count]);
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|&(at, mark)| date_and_time[at] != mark) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_of(year, month, day)?;
    let mut nanoseconds = 0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = fraction.iter().take_while(|digit| digit.is_ascii_digit()).count();
        if count == 0 {
            return None;
        }
        let kept = count.min(9);
        nanoseconds = read_digits(&fraction[..kept])? * 10_u32.pow(9 - kept as u32);
        rest = &fraction[count..];
    }
    let offset_minutes = match rest {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), offset @ ..] if offset.len() == 5 && offset[2] == b':' => {
            let (hours, minutes) = (read_digits(&offset[..2])?, read_digits(&offset[3..])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let minutes = i16::try_from(hours * 60 + minutes).ok()?;
            if *sign == b'-' { -minutes } else { minutes }
        }
        _ => return None,
    };
    let local = days * SECONDS_PER_DAY + i64::from(hour * 3600 + minute * 60 + second);
    Some((FileTime { seconds: local - i64::from(offset_minutes) * 60, nanoseconds }, offset_minutes))
}

/// A timestamp in UTC.
pub(crate) fn of_timestamp(time: jiff::Timestamp) -> String {
    let mut out = Vec::new();
    write(file_time(time), 0, &mut out);
    String::from_utf8(out).expect("digits and marks are ASCII")
}

/// Reads a timestamp; `None` also when it is beyond what a timestamp can hold.
pub(crate) fn to_timestamp(text: &str) -> Option<jiff::Timestamp> {
    let (time, _) = parse(text)?;
    jiff::Timestamp::new(time.seconds, time.nanoseconds as i32).ok()
}

/// serde's view of a timestamp in this spelling.
pub(crate) mod timestamp {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::time_text;

    pub(crate) fn serialize<S: Serializer>(time: &jiff::Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&time_text::of_timestamp(*time))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<jiff::Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        time_text::to_timestamp(&text)
            .ok_or_else(|| serde::de::Error::custom(format_args!("{text:?} is not an RFC 3339 time")))
    }
}

/// jiff counts the nanoseconds before 1970 backwards, we count forward always.
fn file_time(time: jiff::Timestamp) -> FileTime {
    let nanoseconds = time.as_nanosecond();
    FileTime {
        seconds: nanoseconds.div_euclid(1_000_000_000) as i64,
        nanoseconds: nanoseconds.rem_euclid(1_000_000_000) as u32,
    }
}

fn digits(mut number: u32, count: usize, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 10];
    for digit in digits[..count].iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&digits[..count]);
}

fn read_digits(digits: &[u8]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0')))
}

/// Year, month, day of a day counted from 1970-01-01, by the proleptic Gregorian calendar.
///
/// Years are taken to begin in March, so that the leap day comes last; then 400 years have exactly 146,097 days.
fn date_of(days: i64) -> (u32, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year as u32, month as u32, day as u32)
}

/// The inverse of [`date_of`]; `None` for days that no calendar has.
fn days_of(year: u32, month: u32, day: u32) -> Option<i64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if day == 0 || day > last {
        return None;
    }
    let year = i64::from(year) - i64::from(month <= 2);
    let month = i64::from((month + 9) % 12);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests;
