//! What was looked at in something that was restored, and whether it held.
//!
//! A restore test that says "ok" proves nothing to whoever was not there. So it is a list of single questions, each with what was
//! seen; and a question that could not be asked is no answer: it counts as much against the test as a wrong one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One question, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The question, by a name that stays the same from version to version: `files`, `rows`, `answers`.
    pub what: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What was seen, for people: one sentence, with the numbers in it.
    pub seen: String,
    /// How long it took to find out.
    pub took: Duration,
}

/// How a question ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As it must be.
    Held,
    /// Not as it must be.
    Failed,
    /// It could not be found out. A test with such a question was not passed.
    Unproven,
    /// There was nothing to ask: a website without a database has no rows.
    NotApplicable,
}

impl Proof {
    /// Whether a test with this proof can be called successful.
    pub fn is_good(&self) -> bool {
        matches!(self.outcome, Outcome::Held | Outcome::NotApplicable)
    }
}
