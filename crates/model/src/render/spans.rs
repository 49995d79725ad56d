//! Times and names as a person writes them in a document.

use std::time::Duration;

use jiff::civil::Date;

use crate::policy::Cadence;
use crate::{Class, Dataset};

/// `30 minutes`, `24 hours`, `3 days`.
pub(super) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let count = |n: u64, unit: &str| if n == 1 { format!("1 {unit}") } else { format!("{n} {unit}s") };
    match seconds {
        s if s.is_multiple_of(86_400) && s >= 3 * 86_400 => count(s / 86_400, "day"),
        s if s.is_multiple_of(3600) && s > 0 => count(s / 3600, "hour"),
        s if s.is_multiple_of(60) && s > 0 => count(s / 60, "minute"),
        s => count(s, "second"),
    }
}

/// `27 August 2025`.
pub(super) fn day(date: Date) -> String {
    date.strftime("%-d %B %Y").to_string()
}

pub(super) fn every(cadence: Cadence) -> &'static str {
    match cadence {
        Cadence::Hourly => "every hour",
        Cadence::Daily => "every day",
        Cadence::Weekly => "every week",
        Cadence::Monthly => "every month",
        Cadence::Quarterly => "every quarter",
    }
}

pub(super) fn class(class: Class) -> &'static str {
    match class {
        Class::Vm => "Virtual machines",
        Class::Plesk => "Plesk servers",
        Class::Whmcs => "WHMCS",
        Class::Website => "Websites",
    }
}

/// Inside of a sentence, where only names have capital letters.
pub(super) fn inline(of: Class) -> String {
    match of {
        Class::Vm | Class::Website => class(of).to_lowercase(),
        Class::Plesk | Class::Whmcs => class(of).to_owned(),
    }
}

pub(super) fn part(class_of: Class, dataset: Option<Dataset>) -> String {
    match dataset {
        Some(dataset) => format!("{}: {dataset}", class(class_of)),
        None => class(class_of).to_owned(),
    }
}

/// `a, b and c`.
pub(super) fn listed(words: &[impl AsRef<str>]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// With a capital letter in front.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
