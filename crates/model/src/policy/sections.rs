//! What each section of the policy says.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;

use super::Rule;
use crate::reading::Located;
use crate::retention::RetentionRule;
use crate::scheduler::Window;
use crate::slot::Lasts;
use crate::{Class, Dataset};

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
    /// Who approved this version.
    pub approved_by: Option<String>,
    /// The two dates as they were written.
    pub dates_written: Vec<Located<String>>,
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
    /// Whether the choice inside the range of days was made: keep until the maximum.
    pub is_range_decided: bool,
    /// Whether a copy must lie elsewhere, where the rule says.
    pub offsite: Option<bool>,
    /// Whether it must be encrypted, where the rule says.
    pub encrypted: Option<bool>,
    /// How long captures and copies last until something was measured.
    pub assume: Option<Lasts>,
    /// The times of day at which runs may start; always where it is empty.
    pub windows: Vec<Window>,
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
    pub second_factor: Option<Rule<SecondFactor>>,
}

/// Where people need a second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondFactor {
    /// Whether holdfast asks for it.
    pub is_required: bool,
    /// Whether other systems offer it, by name.
    pub systems: BTreeMap<String, ExternalSystem>,
}

/// Whether a system that backups depend on offers a second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalSystem {
    /// Whether it can be had there.
    pub is_available: bool,
    /// Whether it is switched on.
    pub is_enabled: bool,
    /// How that is known.
    pub evidence: Option<String>,
}

/// How many copies, and how far apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copies {
    /// At how many locations a point must be.
    pub locations_min: u32,
    /// How far apart they must be, in kilometres; 0 where it is not said.
    pub distance_km_min: u32,
    /// How many of them must lie at sites without production, where it is said.
    pub outside_production_min: Option<u32>,
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
    /// How what was restored for a test is treated.
    pub staging: Option<Rule<Staging>>,
}

/// How what was restored for a test is treated: it is personal data like any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staging {
    /// Whether it lies encrypted.
    pub is_encrypted: bool,
    /// Whether access to it is logged.
    pub is_logged: bool,
    /// Whether backups leave it out.
    pub is_excluded: bool,
    /// When it is destroyed at the latest.
    pub ttl: Duration,
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
    /// After how long without a test an asset is overdue.
    pub untested_max: Option<Duration>,
    /// What is switched off in the restored system, so that it does nothing to the world.
    pub neutralised: Vec<Neutralised>,
}

/// Something of a restored system that must not touch the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Neutralised {
    /// Any connection to the outside.
    Egress,
    /// Mail.
    Mail,
    /// Payment gateways.
    Gateways,
    /// Registrars of domains.
    Registrars,
    /// Timed jobs.
    Cron,
}

/// Section 7.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// In which order classes are restored.
    pub order: Option<Rule<Vec<Class>>>,
    /// How long a recovery may take.
    pub rto: Option<Rule<TimeObjective>>,
    /// How old the newest restorable state may be, per class.
    pub rpo: BTreeMap<Class, Rule<PointObjective>>,
}

/// How long a recovery may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeObjective {
    /// From the declaration of the disaster to the acceptance of the last service.
    pub within: Duration,
    /// Of what; empty where it is not said.
    pub classes: Vec<Class>,
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Whether retention follows section 4.
    pub follows_schedule: Option<Rule<bool>>,
    /// How long after its retention a point may still be there physically.
    pub purge: Option<Rule<Duration>>,
    /// Whether reclaimed space is reported.
    pub efficiency: Option<Rule<bool>>,
    /// After how long a hold must be looked at again; a policy without the rule says nothing of holds.
    pub holds: Option<Rule<Duration>>,
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
    pub separate_server: Option<Rule<SeparateServer>>,
}

/// Copies lie on another machine than what they protect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeparateServer {
    /// Whether that is required.
    pub is_required: bool,
    /// Whether machines are told apart by what they are and not by what they are called.
    pub is_physical: bool,
}

/// Section 10.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Review {
    /// After how many months at the latest.
    pub interval_months: Option<Rule<u32>>,
    /// After which kinds of changes.
    pub changes: Option<Rule<Vec<String>>>,
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

    /// Reads the written form.
    pub fn parse(text: &str) -> Option<Cadence> {
        Cadence::ALL.into_iter().find(|cadence| cadence.as_str() == text)
    }

    /// The longest that its period can last.
    pub fn longest(self) -> Duration {
        let days = match self {
            Cadence::Hourly => return Duration::from_secs(3600),
            Cadence::Daily => 1,
            Cadence::Weekly => 7,
            Cadence::Monthly => 31,
            Cadence::Quarterly => 92,
        };
        Duration::from_secs(days * 86_400)
    }
}

impl PointObjective {
    /// Whether it holds for a part.
    pub fn is_for(&self, dataset: Dataset) -> bool {
        self.datasets.is_empty() || self.datasets.contains(&dataset)
    }
}

impl Neutralised {
    /// Everything that a restored system could do to the world.
    pub const ALL: [Neutralised; 5] = [
        Neutralised::Egress,
        Neutralised::Mail,
        Neutralised::Gateways,
        Neutralised::Registrars,
        Neutralised::Cron,
    ];

    /// As it is written in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Neutralised::Egress => "egress",
            Neutralised::Mail => "mail",
            Neutralised::Gateways => "gateways",
            Neutralised::Registrars => "registrars",
            Neutralised::Cron => "cron",
        }
    }
}
