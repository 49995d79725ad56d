//! The policy: what was promised, in the ten sections of a written backup policy.
//!
//! Every rule carries the numbers of the sentences that it comes from, so that a verdict can be traced to a promise,
//! and a promise without a rule can be found.

mod read;
mod rule;
mod times;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;

pub use self::read::read_policy;
use crate::reading::Span;
use crate::retention::RetentionRule;
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

/// Whose policy it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The company.
    pub company: String,
    /// The day from which this version holds.
    pub effective: Date,
    /// The day of its last change.
    pub updated: Date,
    /// Counts versions, from 1.
    pub version: u32,
}

/// How the company is reached. Appears in notices and reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The number in the register of companies.
    pub company_number: Option<String>,
    /// Lines of the postal address.
    pub address: Vec<String>,
    /// E-mail address.
    pub email: String,
    /// Phone number, in international form.
    pub phone: Option<String>,
}

/// How often something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cadence {
    /// Every hour.
    Hourly,
    /// Every day.
    Daily,
    /// Every week.
    Weekly,
    /// Every month.
    Monthly,
    /// Every three months.
    Quarterly,
}

/// How a class or a dataset is backed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// How often a point is made.
    pub incremental: Cadence,
    /// How often a point is made for which everything is read again.
    pub full: Option<Cadence>,
    /// How long points are kept.
    pub retention: RetentionRule,
    /// Whether a copy must lie elsewhere.
    pub offsite: bool,
    /// How long captures and copies last until something was measured.
    pub assume: Option<Lasts>,
}

/// Section 5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// Whether transport is encrypted.
    pub transit: Option<Rule<bool>>,
    /// The cipher at rest.
    pub at_rest: Option<Rule<String>>,
    /// How many copies, and how far apart.
    pub copies: Rule<Copies>,
    /// Whether access follows roles.
    pub access: Option<Rule<bool>>,
    /// Whether access is logged.
    pub logging: Option<Rule<bool>>,
    /// Whether people need a second factor.
    pub second_factor: Option<Rule<bool>>,
}

/// How many copies, and how far apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copies {
    /// At how many locations a point must be.
    pub locations_min: u32,
    /// How far apart they must be, in kilometres.
    pub distance_km_min: u32,
}

/// Section 6.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Whether every backup is checked.
    pub integrity: Option<Rule<bool>>,
    /// Sample restores of websites.
    pub websites: Option<Rule<Exercise>>,
    /// Full restores of WHMCS.
    pub whmcs: Option<Rule<Exercise>>,
    /// Rehearsed disasters.
    pub drill: Option<Rule<Exercise>>,
}

/// Something that is rehearsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exercise {
    /// How often.
    pub every: Cadence,
    /// How many assets each time; all where it is not said.
    pub sample: Option<u32>,
    /// Which classes.
    pub classes: Vec<Class>,
}

/// Section 7.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// In which order classes are restored.
    pub order: Option<Rule<Vec<Class>>>,
    /// How long a recovery may take.
    pub rto: Option<Rule<Duration>>,
    /// How old the newest restorable state may be, per class.
    pub rpo: BTreeMap<Class, Rule<PointObjective>>,
}

/// How old the newest restorable state may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointObjective {
    /// The longest age.
    pub age: Duration,
    /// For which parts, by an explicit decision; all of them where it is empty.
    pub datasets: Vec<Dataset>,
}

/// Section 8. The numbers of days stand in section 4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Whether retention follows section 4.
    pub follows_schedule: Option<Rule<bool>>,
    /// How long after its retention a point may still be there physically.
    pub purge: Option<Rule<Duration>>,
    /// Whether reclaimed space is reported.
    pub efficiency: Option<Rule<bool>>,
}

/// Section 9.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compliance {
    /// The regulations that apply.
    pub regulations: Option<Rule<Vec<String>>>,
    /// Whether personal data is encrypted.
    pub encryption: Option<Rule<bool>>,
    /// Whether access to personal data is logged.
    pub access_log: Option<Rule<bool>>,
    /// Whether copies on the protected machine are forbidden.
    pub separate_server: Option<Rule<bool>>,
}

/// Section 10.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Review {
    /// After how many months at the latest.
    pub interval_months: Option<Rule<u32>>,
    /// After which kinds of changes.
    pub changes: Option<Rule<Vec<String>>>,
}

impl<T> Rule<T> {
    /// The sentences for people: `4.5, 8.1`.
    pub fn sentences_shown(&self) -> String {
        self.sentences.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl Policy {
    /// The rule for a dataset: its own one, else that of its class.
    pub fn schedule_of(&self, class: Class, dataset: Dataset) -> Option<&Rule<Schedule>> {
        self.schedule.get(&(class, Some(dataset))).or_else(|| self.schedule.get(&(class, None)))
    }
}

impl Cadence {
    /// Every cadence, the most frequent first.
    pub const ALL: [Cadence; 5] =
        [Cadence::Hourly, Cadence::Daily, Cadence::Weekly, Cadence::Monthly, Cadence::Quarterly];

    /// As it is written in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Cadence::Hourly => "hourly",
            Cadence::Daily => "daily",
            Cadence::Weekly => "weekly",
            Cadence::Monthly => "monthly",
            Cadence::Quarterly => "quarterly",
        }
    }
}

#[cfg(test)]
mod tests;
