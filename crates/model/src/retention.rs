//! Which points are past their retention. Pure: a decision is a value with its reason, and somebody else acts on it.
//!
//! The worst that a purge can do is to believe a wrong clock: one battery that died, and every backup looks a
//! century old. So the clock is doubted first, and when it cannot be right, nothing is decided at all.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

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

/// A point, as far as its age matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointAge {
    /// The snapshot's id.
    pub id: String,
    /// The instant whose state it holds.
    pub time: Timestamp,
    /// Whether it is complete, and no check found it damaged.
    pub is_good: bool,
}

/// What is decided about a point, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The point.
    pub point: PointAge,
    /// What to do with it.
    pub action: Action,
    /// Why, for people.
    pub reason: String,
}

/// What to do with a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It stays.
    Keep,
    /// It is past its retention, and stays because nothing better is left.
    Exempt,
    /// It goes; nothing of it may be left after `purge_by`.
    Expire {
        /// Its time, the maximum and the grace together.
        purge_by: Timestamp,
    },
}

/// What the clock says, and what it is doubted against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockEvidence {
    /// The wall clock.
    pub now: Timestamp,
    /// When holdfast last recorded that it ran, where it knows.
    pub last_run: Option<Timestamp>,
    /// A longer pause than this since the last run is taken for a jump of the clock.
    pub pause_days_max: u32,
}

/// Why nothing is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A point is from the future.
    PointFromTheFuture {
        /// The point.
        id: String,
        /// Its time.
        time: Timestamp,
        /// The wall clock.
        now: Timestamp,
    },
    /// The clock shows less than at the last run.
    ClockWentBack {
        /// The last run.
        last_run: Timestamp,
        /// The wall clock.
        now: Timestamp,
    },
    /// The clock shows far more than at the last run.
    ClockJumped {
        /// The last run.
        last_run: Timestamp,
        /// The wall clock.
        now: Timestamp,
        /// The longest pause that is believed, in days.
        pause_days_max: u32,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::PointFromTheFuture { id, time, now } => write!(
                f,
                "nothing is purged: the point {id} is of {time}, but the clock says {now}; set the clock right first"
            ),
            Refusal::ClockWentBack { last_run, now } => write!(
                f,
                "nothing is purged: holdfast last ran at {last_run}, but the clock says {now}; set the clock right first"
            ),
            Refusal::ClockJumped { last_run, now, pause_days_max } => write!(
                f,
                "nothing is purged: holdfast last ran at {last_run} and the clock says {now}, a pause of more than \
                 {pause_days_max} days; make sure that the clock is right, run a backup, and purge then"
            ),
        }
    }
}

impl std::error::Error for Refusal {}

/// How far clocks of well-kept machines may differ.
const SKEW_MAX: SignedDuration = SignedDuration::from_mins(10);

/// Decides about every point of one dataset, in the given order. A point older than the rule's maximum expires,
/// except the newest good one (without any good one, the newest): the last way back is never taken.
///
/// # Errors
/// When the clock cannot be right; then nothing may be deleted.
pub fn expired(
    points: &[PointAge],
    rule: &RetentionRule,
    clock: &ClockEvidence,
) -> Result<Vec<Decision>, Refusal> {
    doubt(points, clock)?;
    let times = points.iter().map(|point| (point.time, point.is_good));
    let decided = actions(times, rule, clock.now);
    let decisions = points.iter().zip(decided).map(|(point, action)| Decision {
        point: point.clone(),
        action,
        reason: reason(point, action, rule, clock.now),
    });
    Ok(decisions.collect())
}

/// The same for times alone, with whether each is of a good point: for years of them at once. The clock is not doubted.
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
    let max = days_of(rule.max_days);
    points.enumerate().map(move |(position, (time, _))| {
        if now.duration_since(time) <= max {
            Action::Keep
        } else if last_good == Some(position) {
            Action::Exempt
        } else {
            Action::Expire { purge_by: purge_by(time, rule) }
        }
    })
}

fn reason(point: &PointAge, action: Action, rule: &RetentionRule, now: Timestamp) -> String {
    let age = now.duration_since(point.time);
    let (days, min, max) = (age.as_hours() / 24, rule.min_days, rule.max_days);
    match action {
        Action::Keep if age <= days_of(min) => {
            format!("{days} days old, younger than the minimum of {min} days")
        }
        Action::Keep => format!("{days} days old, within the maximum of {max} days"),
        Action::Exempt => {
            let what =
                if point.is_good { "the last good point" } else { "the newest point, and none is good" };
            format!("exempt: {days} days old, past the maximum of {max} days, but {what}")
        }
        Action::Expire { .. } => format!("{days} days old, past the maximum of {max} days"),
    }
}

fn doubt(points: &[PointAge], clock: &ClockEvidence) -> Result<(), Refusal> {
    let now = clock.now;
    let newest = points.iter().max_by_key(|point| point.time);
    if let Some(point) = newest.filter(|point| point.time.duration_since(now) > SKEW_MAX) {
        return Err(Refusal::PointFromTheFuture { id: point.id.clone(), time: point.time, now });
    }
    let Some(last_run) = clock.last_run else { return Ok(()) };
    if last_run.duration_since(now) > SKEW_MAX {
        return Err(Refusal::ClockWentBack { last_run, now });
    }
    if now.duration_since(last_run) > days_of(clock.pause_days_max) {
        return Err(Refusal::ClockJumped { last_run, now, pause_days_max: clock.pause_days_max });
    }
    Ok(())
}

fn days_of(days: u32) -> SignedDuration {
    SignedDuration::from_hours(i64::from(days) * 24)
}

fn purge_by(time: Timestamp, rule: &RetentionRule) -> Timestamp {
    let grace = SignedDuration::try_from(rule.grace).unwrap_or(SignedDuration::MAX);
    // At the end of representable time nothing is late.
    days_of(rule.max_days)
        .checked_add(grace)
        .and_then(|kept| time.checked_add(kept).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
