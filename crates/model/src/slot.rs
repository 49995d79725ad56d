//! Slots: the moments at which the policy wants a point. Compliance counts them.
//!
//! Counting backups that ran says nothing about those that did not: an asset without a single run would look perfect.
//! So the policy is expanded to what it expects, without looking at what happened, and every expected slot gets exactly
//! one state.
//!
//! Two kinds of slots stand side by side. *Literal* ones are the words of the policy: one per hour, or per calendar day,
//! week, month or quarter of its zone. *Compiled* ones are spaced by elapsed time, tightly enough that the newest
//! protected state is never older than the objective while captures and copies last as long as they were measured to;
//! a change of the clocks is no gap to them.

pub(crate) mod calendar;
mod compile;
mod judge;
mod plan;

use std::fmt;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

pub use self::compile::{
    Cannot, Compiled, Lasts, LastsBasis, Objective, SAMPLES_FOR_P99, compile, relied_upon,
};
pub use self::judge::{JudgedSlot, PointFact, SlotState, Waiver, judge};
pub use self::plan::SlotPlan;
use crate::{AssetName, Cadence, Dataset};

/// A moment at which the policy wants a point of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot {
    /// Whose point is wanted.
    pub asset: AssetName,
    /// Which part of it.
    pub dataset: Dataset,
    /// What kind of point.
    pub kind: SlotKind,
    /// Which rule wants it.
    pub basis: SlotBasis,
    /// The earliest instant whose state serves.
    pub opens: Timestamp,
    /// From this instant on a state is too new for this slot; never later than `due`.
    pub closes: Timestamp,
    /// When the point must be complete, checked and at enough locations.
    pub due: Timestamp,
}

/// What kind of point a slot wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SlotKind {
    /// Any point.
    Incremental,
    /// One for which everything was read again.
    Full,
}

/// Which rule wants a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SlotBasis {
    /// The deadline of a new asset to its first point.
    First,
    /// The words of the policy.
    Literal {
        /// How often.
        cadence: Cadence,
        /// The first day of its period, in the policy's zone; of an hour, its day in UTC.
        date: Date,
    },
    /// The objective: one per this many seconds.
    Compiled {
        /// Seconds between two slots.
        interval_s: u64,
    },
}

impl Slot {
    /// The slot's name: the same whenever, and from whichever instant on, it is expanded. Parts are asset, dataset,
    /// kind, rule and moment: `shop.example/site/incremental/daily/2026-10-25`.
    pub fn id(&self) -> String {
        self.to_string()
    }

    /// When the work must begin to be done in time, if it lasts as long as that of others did. Before `opens` where
    /// that cannot be.
    pub fn start_by(&self, lasts: &Lasts) -> Timestamp {
        let needed = SignedDuration::try_from(lasts.total()).unwrap_or(SignedDuration::MAX);
        self.due.checked_sub(needed).unwrap_or(Timestamp::MIN)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (asset, dataset, kind) = (&self.asset, self.dataset, self.kind.as_str());
        write!(f, "{asset}/{dataset}/{kind}/")?;
        match self.basis {
            SlotBasis::First => write!(f, "first/{}", self.opens),
            SlotBasis::Compiled { interval_s } => {
                write!(f, "every-{}/{}", compact(Duration::from_secs(interval_s)), self.opens)
            }
            SlotBasis::Literal { cadence, date } => {
                write!(f, "{}/{}", cadence.as_str(), calendar::label(cadence, date, self.opens))
            }
        }
    }
}

/// A duration without blanks, every unit that it needs: `30m`, `12h`, `1h30m`.
fn compact(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let parts = [(hours, "h"), (minutes, "m"), (rest, "s")];
    parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect()
}

impl SlotKind {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            SlotKind::Incremental => "incremental",
            SlotKind::Full => "full",
        }
    }

    /// Reads the written form.
    pub fn parse(text: &str) -> Option<SlotKind> {
        [SlotKind::Incremental, SlotKind::Full].into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for SlotKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for SlotBasis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SlotBasis::First => f.write_str("first"),
            SlotBasis::Literal { cadence, .. } => f.write_str(cadence.as_str()),
            SlotBasis::Compiled { interval_s } => {
                write!(f, "every {}", compact(Duration::from_secs(*interval_s)))
            }
        }
    }
}

#[cfg(test)]
mod tests;
