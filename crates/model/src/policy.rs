//! The policy: what was promised, in the ten sections of a written backup policy.
//!
//! Every rule carries the numbers of the sentences that it comes from, so that a verdict can be traced to a promise,
//! and a promise without a rule can be found.

mod changes;
mod effective;
mod history;
mod read;
mod rule;
mod rules;
mod schedule;
mod sections;
mod times;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

pub use self::changes::{Change, changes};
pub use self::effective::{Effective, Origin, Value};
pub use self::history::{History, PolicyVersion, VersionRefusal};
pub use self::read::read_policy;
pub use self::rules::NamedRule;
pub use self::sections::{
    Cadence, Compliance, Contact, Copies, Exercise, ExternalSystem, Header, Neutralised, PointObjective,
    Recovery, Retention, Review, Schedule, SecondFactor, SeparateServer, Staging, Storage, TimeObjective,
    Verification,
};
pub use crate::reading::{Located, Span};
use crate::scheduler::Limits;
use crate::slot::Lasts;
use crate::{Class, Dataset, SentenceId};

/// Everything that policy.toml says.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Whose policy it is, and from when it holds.
    pub header: Rule<Header>,
    /// How the company is reached.
    pub contact: Rule<Contact>,
    /// Section 1.
    pub purpose: BTreeMap<String, Rule<()>>,
    /// Section 2: the parts of each class that are covered.
    pub scope: BTreeMap<Class, Rule<Vec<String>>>,
    /// Section 3: the duties of each team.
    pub roles: BTreeMap<String, Rule<Vec<String>>>,
    /// In which zone the days of section 4 begin.
    pub zone: TimeZone,
    /// How long captures and copies last until something was measured, where a schedule does not say.
    pub assume: Lasts,
    /// How much may run at once.
    pub limits: Limits,
    /// Section 4, per class or per dataset.
    pub schedule: BTreeMap<(Class, Option<Dataset>), Rule<Schedule>>,
    /// Section 5.
    pub storage: Storage,
    /// Section 6.
    pub verification: Verification,
    /// Section 7.
    pub recovery: Recovery,
    /// Section 8.
    pub retention: Retention,
    /// Section 9.
    pub compliance: Compliance,
    /// Section 10.
    pub review: Review,
}

/// A rule, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule<T> {
    /// The sentences that it comes from; at least one.
    pub sentences: Vec<SentenceId>,
    /// What it says, in the words of the file.
    pub says: Option<String>,
    /// Where it stands in the file.
    pub span: Span,
    /// The rule itself.
    pub value: T,
}

impl<T> Rule<T> {
    /// The sentences for people: `4.5, 8.1`.
    pub fn sentences_shown(&self) -> String {
        self.sentences.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests;
