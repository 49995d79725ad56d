//! Which points are past their retention. Pure: a decision is a value with its reason, and somebody else acts on it.
//!
//! Three things would make a purge the worst of all attacks. A wrong clock that is believed: one battery that died, and
//! every backup looks a century old; so the clock is doubted first, and when it cannot be right, nothing is decided at all
//! ([`ClockEvidence`]), and what it skipped counts towards no minimum. Whoever may write into a repository choosing what is old: so only points that runs of ours
//! recorded have an age of their own, and count as good or newest ([`Origin`]). And a policy made shorter by an editor:
//! so a point stays for the longest minimum that was in force while it lay there ([`PastMinimum`]).

use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

pub use self::clock::{ClockEvidence, Refusal};
pub use self::lock::lock_until;
pub use self::log::{LogAge, LogDecision, superfluous};
pub use self::minimum::{PastMinimum, days_min};

mod clock;
mod lock;
mod log;
mod minimum;

/// How long points are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionRule {
    /// No point younger than this may be gone.
    pub min_days: u32,
    /// Points older than this expire.
    pub max_days: u32,
    /// By when, after that, nothing of an expired point may be left anywhere.
    pub grace: Duration,
}

impl RetentionRule {
    /// Points older than this expire.
    pub fn max(&self) -> SignedDuration {
        days_of(self.max_days)
    }

    /// The grace, as times are counted.
    pub fn grace(&self) -> SignedDuration {
        SignedDuration::try_from(self.grace).unwrap_or(SignedDuration::MAX)
    }
}

/// A point, as far as its age matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointAge {
    /// The snapshot's id.
    pub id: String,
    /// The instant whose state it holds, or since when it is known where the clock was wrong then; of a foreign one, what
    /// it claims.
    pub time: Timestamp,
    /// Who says so.
    pub origin: Origin,
    /// Whether it is complete, and no check found it damaged. Never asked of a foreign one.
    pub is_good: bool,
}

/// Where a point comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A run of ours recorded it.
    Recorded,
    /// It was found in the repository. Whoever put it there chose its time, so its age counts from here.
    Foreign {
        /// When it was first seen.
        first_seen: Timestamp,
    },
}

/// Somebody's word that the points of an asset stay, whatever their age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// When it is to be looked at again. It holds beyond that day.
    pub review_on: Date,
}

/// What keeps points of an asset beside the rule in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Safeguards {
    /// Minima of the versions of the policy.
    pub minima: Vec<PastMinimum>,
    /// The holds that stand.
    pub holds: Vec<Hold>,
    /// Whether the last backup is suspect. The newest point may be of an empty folder; then the old ones are what there is.
    pub is_suspect: bool,
    /// Whether nobody wants a way back any more: then the last good point goes like the others.
    pub is_given_up: bool,
}

/// What is decided about a point, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The point.
    pub point: PointAge,
    /// What to do with it.
    pub action: Action,
    /// Why, for people; that it stays or goes is said by the action alone.
    pub reason: String,
}

/// What to do with a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It stays.
    Keep,
    /// It is past its retention, and stays for a reason.
    Exempt,
    /// It goes; nothing of it may be left after `purge_by`.
    Expire {
        /// Its time, the maximum and the grace together.
        purge_by: Timestamp,
    },
}

impl PointAge {
    /// Since when its age counts.
    pub fn since(&self) -> Timestamp {
        match self.origin {
            Origin::Recorded => self.time,
            Origin::Foreign { first_seen } => first_seen,
        }
    }
}

/// Decides about every point of one dataset, in the given order. A point older than the rule's maximum expires, unless a
/// minimum of its past, a hold or a suspect backup keeps it, and except the newest good one that was recorded (without
/// any good one, the newest): the last way back is never taken.
///
/// # Errors
/// When the clock cannot be right; then nothing may be deleted.
pub fn expired(
    points: &[PointAge],
    rule: &RetentionRule,
    safeguards: &Safeguards,
    clock: &ClockEvidence,
) -> Result<Vec<Decision>, Refusal> {
    clock.doubt()?;
    let now = clock.now;
    let is_recorded = |point: &&PointAge| point.origin == Origin::Recorded;
    let recorded = || points.iter().filter(is_recorded);
    let mut by_rule = actions(recorded().map(|point| (point.time, point.is_good)), rule, now);
    let has_good = recorded().any(|point| point.is_good);
    let decide = |point: &PointAge| {
        let by_rule = match point.origin {
            Origin::Recorded => by_rule.next().unwrap_or(Action::Keep),
            Origin::Foreign { first_seen } => action(first_seen, rule, now),
        };
        let (action, reason) = guarded(point, by_rule, rule, safeguards, has_good, clock);
        Decision { point: point.clone(), action, reason }
    };
    Ok(points.iter().map(decide).collect())
}

/// The rule alone, for times of good or bad points that were recorded: for years of them at once. The clock is not
/// doubted.
pub fn actions(
    points: impl Iterator<Item = (Timestamp, bool)> + Clone,
    rule: &RetentionRule,
    now: Timestamp,
) -> impl Iterator<Item = Action> {
    let last_good = points
        .clone()
        .enumerate()
        .max_by_key(|(position, (time, is_good))| (*is_good, *time, *position))
        .map(|(position, _)| position);
    points.enumerate().map(move |(position, (time, _))| match action(time, rule, now) {
        Action::Expire { .. } if last_good == Some(position) => Action::Exempt,
        action => action,
    })
}

/// Whether a point that lies nowhere any more would be past its retention by now.
pub fn is_past(
    point: &PointAge,
    rule: &RetentionRule,
    safeguards: &Safeguards,
    clock: &ClockEvidence,
) -> bool {
    let action = action(point.since(), rule, clock.now);
    let (guarded, _) = guarded(point, action, rule, safeguards, true, clock);
    matches!(guarded, Action::Expire { .. })
}

fn action(since: Timestamp, rule: &RetentionRule, now: Timestamp) -> Action {
    if now.duration_since(since) <= rule.max() {
        Action::Keep
    } else {
        Action::Expire { purge_by: purge_by(since, rule.max_days, rule) }
    }
}

/// What stands in the way of the rule; and why, in any case.
fn guarded(
    point: &PointAge,
    by_rule: Action,
    rule: &RetentionRule,
    safeguards: &Safeguards,
    has_good: bool,
    clock: &ClockEvidence,
) -> (Action, String) {
    let (since, now) = (point.since(), clock.now);
    let (age, proven) = (now.duration_since(since), clock.proven(since));
    let minimum = minimum::strictest(&safeguards.minima, rule.min_days, since, now);
    let (days, max) = (age.as_hours() / 24, rule.max_days);
    let old = match point.origin {
        Origin::Recorded if age.is_negative() => format!("of {}, which is to come", point.time),
        Origin::Recorded => format!("{days} days old"),
        Origin::Foreign { first_seen } => {
            format!("foreign (no run of ours recorded it), first seen {days} days ago, at {first_seen}")
        }
    };
    let past = format!("{old}, past the maximum of {max} days");
    let exempt = |why: String| (Action::Exempt, why);
    if by_rule == Action::Keep || proven <= days_of(minimum.days) {
        let is_young = proven <= days_of(minimum.days);
        let within = if is_young { minimum.words() } else { format!("within the maximum of {max} days") };
        let proven_days = proven.as_hours() / 24;
        let jumped = match is_young && proven_days < days {
            true => format!(", of which {proven_days} are known to have passed, because the clock jumped"),
            false => String::new(),
        };
        return (Action::Keep, format!("{old}{jumped}, {within}"));
    }
    if let Some(hold) = safeguards.holds.first() {
        let Hold { owner, reason, review_on } = hold;
        return exempt(format!("held by {owner} until reviewed on {review_on}: {reason}"));
    }
    if safeguards.is_given_up {
        let action = Action::Expire { purge_by: purge_by(since, max.max(minimum.days), rule) };
        return (action, format!("{past}, and its asset left long ago"));
    }
    if by_rule == Action::Exempt {
        let what = if point.is_good { "the last good point" } else { "the newest point, and none is good" };
        return exempt(format!("{past}, but {what}"));
    }
    if safeguards.is_suspect {
        return exempt(format!("{past}, but the last backup is suspect"));
    }
    if point.origin != Origin::Recorded && !has_good {
        return exempt(format!("{past}, but no point that a run of ours recorded is known to be good"));
    }
    (Action::Expire { purge_by: purge_by(since, max.max(minimum.days), rule) }, past)
}

/// Days as a span of time.
pub fn days_of(days: u32) -> SignedDuration {
    SignedDuration::from_hours(i64::from(days) * 24)
}

fn purge_by(since: Timestamp, max_days: u32, rule: &RetentionRule) -> Timestamp {
    // At the end of representable time nothing is late.
    days_of(max_days)
        .checked_add(rule.grace())
        .and_then(|kept| since.checked_add(kept).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
