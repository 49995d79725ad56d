//! Restore tests: who is tested next, with which point, and by when everybody must have been.
//!
//! A test that somebody chooses is a test of what he knows to work. So the targets are enumerated first, and who of them is
//! tested follows from what the log held before the day began and from when each was drawn last: whoever has the log draws
//! the same again, and nobody knew it before. A sample that is too small for the day by which each must have been tested is
//! made larger, because the day is the promise.

mod draw;
mod occasion;
mod select;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::draw::Seed;
pub use self::occasion::{Occasion, first_occasion_from, occasion_at, occasion_before};
pub use self::select::{LeftOut, Pick, Selection, Target, Why, draw_location, draw_point, select};
use crate::policy::{Exercise, Rule};
use crate::{Cadence, Class, Policy};

/// What is restored for a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exercised {
    /// Websites, by sample.
    Websites,
    /// WHMCS, in full.
    Whmcs,
}

impl Exercised {
    /// Both.
    pub const ALL: [Exercised; 2] = [Exercised::Websites, Exercised::Whmcs];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Exercised::Websites => "websites",
            Exercised::Whmcs => "whmcs",
        }
    }

    /// Reads the written form.
    pub fn parse(text: &str) -> Option<Exercised> {
        Exercised::ALL.into_iter().find(|one| one.as_str() == text)
    }

    /// The class of its targets.
    pub fn class(self) -> Class {
        match self {
            Exercised::Websites => Class::Website,
            Exercised::Whmcs => Class::Whmcs,
        }
    }

    /// The rule of the policy that wants it.
    pub fn rule(self, policy: &Policy) -> Option<&Rule<Exercise>> {
        match self {
            Exercised::Websites => policy.verification.websites.as_ref(),
            Exercised::Whmcs => policy.verification.whmcs.as_ref(),
        }
    }
}

impl std::fmt::Display for Exercised {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How often, how many at a time, and by when everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How often.
    pub every: Cadence,
    /// How many at a time at least; all where it is not said.
    pub sample: Option<u32>,
    /// After how long without a test a target is overdue.
    pub untested_max: Option<Duration>,
}

impl Pace {
    /// What a rule says.
    pub fn of(exercise: &Exercise) -> Pace {
        Pace { every: exercise.every, sample: exercise.sample, untested_max: exercise.untested_max }
    }

    /// How many occasions fit into the time in which each must have been tested.
    pub fn rounds(&self) -> Option<u64> {
        Some((self.untested_max?.as_secs() / self.every.longest().as_secs()).max(1))
    }

    /// How many of so many targets must be tested each time for the last to be in time.
    pub fn needed(&self, targets: usize) -> usize {
        let Some(rounds) = self.rounds() else { return usize::from(targets > 0) };
        targets.div_ceil(usize::try_from(rounds).unwrap_or(usize::MAX))
    }

    /// How many of so many targets are tested each time: the sample, or as many as the deadline needs and one by chance.
    pub fn picks(&self, targets: usize) -> usize {
        let Some(sample) = self.sample else { return targets };
        (sample as usize).max(self.needed(targets) + 1).min(targets)
    }
}

#[cfg(test)]
mod tests;
