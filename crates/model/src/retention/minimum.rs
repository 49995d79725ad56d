//! The minimum that holds for a point: the longest of all that were in force while it lay there.
//!
//! If the rule of today alone counted, one edit of a file would take away what was promised yesterday.

use jiff::Timestamp;

/// The minimum of one version of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastMinimum {
    /// The version's number.
    pub version: u64,
    /// From when it was in force.
    pub from: Timestamp,
    /// Until when; `None` for the one that still is.
    pub until: Option<Timestamp>,
    /// No point younger than this may be gone.
    pub min_days: u32,
}

/// The minimum that holds for a point.
pub(super) struct Minimum {
    pub(super) days: u32,
    /// The version that asks for more than the rule in force does.
    version: Option<u64>,
}

/// How many days a point stays at least that lies there since `since`: the longest minimum that was in force in its time,
/// that of the rule in force included.
pub fn days_min(minima: &[PastMinimum], in_force: u32, since: Timestamp, now: Timestamp) -> u32 {
    strictest(minima, in_force, since, now).days
}

/// The longest minimum that was in force between `since` and `now`, that of the rule in force included.
pub(super) fn strictest(minima: &[PastMinimum], min_days: u32, since: Timestamp, now: Timestamp) -> Minimum {
    let was_in_force = |past: &&PastMinimum| past.from <= now && past.until.is_none_or(|until| until > since);
    let longest = minima.iter().filter(was_in_force).max_by_key(|past| (past.min_days, past.version));
    match longest.filter(|longest| longest.min_days > min_days) {
        Some(longest) => Minimum { days: longest.min_days, version: Some(longest.version) },
        None => Minimum { days: min_days, version: None },
    }
}

impl Minimum {
    /// That a point is younger.
    pub(super) fn words(&self) -> String {
        let days = self.days;
        match self.version {
            None => format!("younger than the minimum of {days} days"),
            Some(version) => format!(
                "younger than the minimum of {days} days of policy version {version}, which was in force in its time"
            ),
        }
    }
}
