//! Lists for people: whoever is woken reads the first ten, and how many more there are.

/// How many are named.
const NAMED_MAX: usize = 10;

/// The first of them, and how many there are beside.
pub(super) fn named(all: &[String]) -> String {
    let first = all.get(..NAMED_MAX).unwrap_or(all);
    format!("{}{}", first.join("; "), and_more(all.len(), NAMED_MAX))
}

/// How many are there beside those that are named.
pub(super) fn and_more(all: usize, named: usize) -> String {
    let more = all.saturating_sub(named);
    if more > 0 { format!("; and {more} more") } else { String::new() }
}
