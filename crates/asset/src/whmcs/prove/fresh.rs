//! Whether the newest that a WHMCS wrote is as new as its point claims to be.
//!
//! A dump of a database that nobody uses any more (the one before a move, a replica that stopped) is whole in every other way.

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};

use super::{Copy, Findings, Seen};
use crate::whmcs::questions::{self, About, CLOCK};

/// The clocks of PHP and of the database server differ by this much at most, unless they are of different zones.
const CLOCKS_APART_MAX: SignedDuration = SignedDuration::from_mins(5);

pub(super) fn fresh(copy: &mut Copy<'_>) -> Seen {
    let shown = shown(copy);
    let mut findings = Findings::default();
    let mut ages: Vec<(SignedDuration, String)> = Vec::new();
    for asked in questions::about(About::Newest) {
        let now = match copy.answer(asked) {
            Ok(now) => now.unwrap_or_default(),
            Err(why) => {
                findings.unproven.push(why);
                continue;
            }
        };
        match copy.original(asked) {
            Some(original) if original != now => {
                findings
                    .failed
                    .push(format!("{} is {now:?}, and was {original:?} at the original", asked.words));
            }
            _ => {}
        }
        let age = match now.parse::<DateTime>() {
            Ok(newest) => Some(shown.duration_since(newest)),
            Err(_) => now
                .parse()
                .ok()
                .filter(|seconds| *seconds > 0)
                .and_then(|seconds| Timestamp::from_second(seconds).ok())
                .map(|newest| copy.restored.instant.duration_since(newest)),
        };
        ages.extend(age.map(|age| (age, format!("{} is of {now}", asked.words))));
    }
    let rpo = copy.restored.rpo;
    let is_before = |(age, _): &&(SignedDuration, String)| *age >= -CLOCKS_APART_MAX;
    let newest = ages.iter().filter(is_before).min();
    match newest {
        Some((age, words)) if *age <= rpo => {
            let (age, words) = (in_words(*age), words.clone());
            return findings.seen(|| format!("{words}, {age} before the point's instant"));
        }
        Some((age, words)) => findings.failed.push(format!(
            "{words}, {} before the point's instant, and {} were allowed: is this the database that is used, and does its cron run?",
            in_words(*age),
            in_words(rpo)
        )),
        None if ages.is_empty() => findings.unproven.push("it says nowhere when it last did anything".to_owned()),
        None => findings.unproven.push(format!(
            "{}, which is after the point's instant: in which zone WHMCS writes is not known",
            ages[0].1
        )),
    }
    findings.seen(String::new)
}

/// What a clock on the wall of that WHMCS showed at the point's instant.
pub(super) fn shown(copy: &Copy<'_>) -> DateTime {
    let restored = copy.restored;
    let of_server = || restored.manifest.answers.get(CLOCK).and_then(|shown| shown.parse().ok());
    match &restored.zone {
        Some(zone) => restored.instant.to_zoned(zone.clone()).datetime(),
        None => of_server().unwrap_or_else(|| restored.instant.to_zoned(jiff::tz::TimeZone::UTC).datetime()),
    }
}

fn in_words(age: SignedDuration) -> String {
    let minutes = age.as_mins();
    match minutes {
        ..=0 => "less than a minute".to_owned(),
        1..=119 => format!("{minutes} min"),
        120..=2879 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1440),
    }
}
