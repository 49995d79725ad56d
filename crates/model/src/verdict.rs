//! Verdicts: whether each control was kept as of an instant, by the evidence that was recorded until then.
//!
//! A green line that rests on a setting is worth nothing on the worst day. So a control passes only by something that was
//! executed and written down; a setting alone is NO_EVIDENCE, what is too old is STALE, and what this program cannot do says
//! so and never passes. Nothing here asks for the time or looks beyond the instant of the question: facts that were recorded
//! later do not exist, so the same question has the same answer for ever.
//!
//! Time alone can turn a verdict. Each rule asks for the instants at which it would through [`Look::is_past`], and what is
//! asked for there becomes the next deadline: no rule can have one that nobody waits for.

mod by_asset;
mod copies;
mod encryption;
mod facts;
mod integrity;
mod locations;
mod log;
pub mod mutations;
mod notices;
mod observed;
mod places;
mod recovery;
mod retention;
mod review;
mod rows;
mod rpo;
mod schedule;
mod scope;
mod self_recovery;

use std::cell::Cell;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use self::by_asset::ByAsset;
pub use self::facts::{
    ActionFact, AnchorFact, CopyChange, CopyState, DeliveryFact, Facts, Followed, ForkFact, HoldFact, Noted,
    PointFact, PolicyFact, PurgeFact, Reading, ReadingChange, RestartFact, ReviewFact, RunFact, Settled,
    SlotFact, SlotOutcome, StallFact,
};
pub use self::observed::{
    AssetDeclared, ChannelDeclared, HostDeclared, Inventory, KeyDrilled, Keys, Kit, LedgerCopied,
    LocationDeclared, LogAudited, LogWatched, Observed, PolicySeen, Probe, Recovered, Ring, RingAt,
    RingRefused, RingSealed, SiteDeclared, StorageWalked, Transport,
};
use self::places::Places;
pub use self::review::review_due;
use self::rows::Finding;
pub use self::rpo::{Breach, Rpo};
use crate::control::{CONTROLS, Control, ControlEvidence};
use crate::{Class, Dataset, Policy, coverage};

/// Which rules made a verdict. Raised whenever a rule changes what it says about the same facts.
pub const RULES: u32 = 2;

/// The controls that measure how much would be lost, part by part.
pub const OF_OBJECTIVES: [&str; 2] = ["DR-03", "DR-04"];

/// How the reason of a control begins that this program cannot keep.
const NOT_BUILT: &str = "not built";

/// What is said of a control, or of one of its targets; the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Verdict {
    /// It was not kept.
    #[serde(rename = "FAIL")]
    Fail,
    /// Nothing that was executed shows whether it was.
    #[serde(rename = "NO_EVIDENCE")]
    NoEvidence,
    /// It was, when that was last shown; that is too long ago.
    #[serde(rename = "STALE")]
    Stale,
    /// It was not, and somebody answers for that by name.
    #[serde(rename = "EXEMPT")]
    Exempt,
    /// It was kept.
    #[serde(rename = "PASS")]
    Pass,
    /// There is nothing to keep, or this program cannot do it.
    #[serde(rename = "NOT_APPLICABLE")]
    NotApplicable,
}

/// Something that was recorded, by which a verdict can be checked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Evidence {
    /// `leaf`, `run`, `slot`, `point`, `purge` or `hold`.
    pub kind: String,
    /// Its name in the ledger.
    pub id: String,
}

/// The verdict on one target of a control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// An asset's part, a location, a repository at a location.
    pub target: String,
    /// The asset that it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub why: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// When the oldest of that was recorded or found.
    pub as_of: Option<Timestamp>,
    /// How much would be lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo: Option<Rpo>,
}

/// The verdict on a control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlVerdict {
    /// The control.
    pub control: String,
    /// What it looks at.
    pub title: String,
    /// The section of the policy under which it is shown.
    pub section: u8,
    /// The sentences that it serves.
    pub sentences: Vec<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub why: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What is still well, and will not be for long, or is known only by somebody's word.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// When the oldest of that was recorded or found.
    pub as_of: Option<Timestamp>,
    /// One for each target; written down apart.
    #[serde(skip)]
    pub rows: Vec<Row>,
}

/// All verdicts as of an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// The instant.
    pub at: Timestamp,
    /// The version of the policy that was applied; none where none was recorded.
    pub policy_version: Option<u64>,
    /// Whose policy it is.
    pub company: String,
    /// The asset that would lose most.
    pub worst: Option<Worst>,
    /// One for each control of the catalogue, in its order.
    pub controls: Vec<ControlVerdict>,
    /// The next instant at which time alone may change something.
    pub deadline: Option<Timestamp>,
}

/// The asset that would lose most, compared with what it may lose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worst {
    /// The asset's part.
    pub target: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// How much.
    pub rpo: Rpo,
}

impl Verdict {
    /// All that there are, the worst first.
    pub const ALL: [Verdict; 6] = [
        Verdict::Fail,
        Verdict::NoEvidence,
        Verdict::Stale,
        Verdict::Exempt,
        Verdict::Pass,
        Verdict::NotApplicable,
    ];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Fail => "FAIL",
            Verdict::NoEvidence => "NO_EVIDENCE",
            Verdict::Stale => "STALE",
            Verdict::Exempt => "EXEMPT",
            Verdict::Pass => "PASS",
            Verdict::NotApplicable => "NOT_APPLICABLE",
        }
    }

    /// Whether people must do something about it.
    pub fn is_red(self) -> bool {
        matches!(self, Verdict::Fail | Verdict::NoEvidence | Verdict::Stale)
    }
}

impl ControlVerdict {
    /// Whether it is not applicable only because this program cannot do it.
    pub fn is_not_built(&self) -> bool {
        self.verdict == Verdict::NotApplicable && self.why.starts_with(NOT_BUILT)
    }

    /// Whether its rows measure how much would be lost, each against its objective.
    pub fn is_of_objectives(&self) -> bool {
        OF_OBJECTIVES.contains(&self.control.as_str())
    }
}

impl Evidence {
    pub(crate) fn leaf(leaf: u64) -> Evidence {
        Evidence { kind: "leaf".to_owned(), id: leaf.to_string() }
    }

    pub(crate) fn of(kind: &str, id: &str) -> Evidence {
        Evidence { kind: kind.to_owned(), id: id.to_owned() }
    }
}

/// Judges every control as of `now`; `None` while nobody wrote down what there is to protect.
pub fn assess(facts: &Facts, now: Timestamp) -> Option<Assessment> {
    let inventory = facts.inventory_at(now)?;
    let policy = facts.policy_at(now)?;
    let places = Places::of(&inventory.what, &facts.probes, now);
    let deadline = Cell::new(None);
    let by_asset = ByAsset::of(facts, now);
    let look = Look { facts, now, policy, inventory: &inventory.what, places, by_asset, deadline: &deadline };
    let covered = coverage(&policy.policy);
    let judge = |control: &Control| {
        let serves = |c: &&crate::SentenceCoverage| c.controls.iter().any(|other| other.id == control.id);
        let sentences = covered.iter().filter(serves).map(|c| c.sentence.id.to_string()).collect();
        let finding = look.judge(control);
        ControlVerdict {
            control: control.id.to_owned(),
            title: control.title.to_owned(),
            section: home(control.id),
            sentences,
            verdict: finding.verdict,
            why: finding.why,
            next: finding.next,
            warnings: finding.warnings,
            evidence: finding.evidence,
            as_of: finding.as_of,
            rows: finding.rows,
        }
    };
    let controls: Vec<ControlVerdict> = CONTROLS.iter().map(judge).collect();
    let measured = controls.iter().filter(|c| c.is_of_objectives()).flat_map(|c| &c.rows);
    let worst = measured
        .filter_map(|row| Some((row, row.rpo.as_ref()?)))
        .max_by_key(|(row, rpo)| (std::cmp::Reverse(row.verdict), rpo.used_permille(now), row.target.clone()))
        .map(|(row, rpo)| Worst { target: row.target.clone(), verdict: row.verdict, rpo: rpo.clone() });
    Some(Assessment {
        at: now,
        policy_version: policy.number,
        company: policy.policy.header.value.company.clone(),
        worst,
        controls,
        deadline: deadline.get(),
    })
}

/// What the rules look at.
struct Look<'f> {
    facts: &'f Facts,
    now: Timestamp,
    policy: &'f PolicyFact,
    inventory: &'f Inventory,
    places: Places,
    by_asset: ByAsset<'f>,
    deadline: &'f Cell<Option<Timestamp>>,
}

/// A part of an asset.
struct Part<'f> {
    asset: &'f str,
    class: Class,
    dataset: Dataset,
    repository: &'f str,
}

impl Part<'_> {
    fn target(&self) -> String {
        format!("{}/{}", self.asset, self.dataset)
    }
}

impl<'f> Look<'f> {
    /// Whether a deadline is past. One that is not will be waited for.
    fn is_past(&self, deadline: Timestamp) -> bool {
        if deadline <= self.now {
            return true;
        }
        if self.deadline.get().is_none_or(|next| deadline < next) {
            self.deadline.set(Some(deadline));
        }
        false
    }

    /// Whether something is no older than so much.
    fn is_fresh(&self, since: Timestamp, within: SignedDuration) -> bool {
        !self.is_past(after(since, within))
    }

    fn words(&self) -> &'f Policy {
        &self.policy.policy
    }

    /// Every part of every asset, by name.
    fn parts(&self) -> impl Iterator<Item = Part<'f>> {
        let inventory = self.inventory;
        inventory.assets.iter().flat_map(|(asset, declared)| {
            let class = Class::parse(&declared.class);
            let parts =
                class.into_iter().flat_map(move |class| class.datasets().iter().map(move |d| (class, *d)));
            parts.map(move |(class, dataset)| Part {
                asset,
                class,
                dataset,
                repository: &declared.repository,
            })
        })
    }

    /// Those that this version can back up and a rule covers.
    fn scheduled(&self) -> impl Iterator<Item = Part<'f>> {
        let policy = self.words();
        self.parts()
            .filter(|part| part.class.is_built() && policy.schedule_of(part.class, part.dataset).is_some())
    }

    /// The first instant of the day, in UTC, that lies so many days back: windows move once a day.
    fn days_ago(&self, days: i64) -> Timestamp {
        self.is_past(midnight_before(self.now, -1));
        midnight_before(self.now, days)
    }

    fn judge(&self, control: &Control) -> Finding {
        if let ControlEvidence::NotBuilt(waits_for) = control.evidence {
            return Finding::not_applicable(format!("{NOT_BUILT}: it waits for {waits_for}"));
        }
        match control.id {
            "SCOPE-01" => scope::covered(self),
            "SCOPE-02" => scope::complete(self),
            "SCHED-01" => schedule::slots(self),
            "SCHED-02" => schedule::fulls(self),
            "SCHED-03" => schedule::feasible(self),
            "RET-01" => retention::minimum(self),
            "RET-02" => retention::maximum(self),
            "RET-03" => retention::stalled(self),
            "RET-04" => retention::holds(self),
            "ENC-01" => encryption::transit(self),
            "ENC-02" => encryption::at_rest(self),
            "ENC-03" => self_recovery::keys(self),
            "LOC-01" => locations::apart(self),
            "LOC-02" => locations::off_production(self),
            "LOC-03" => locations::countries(self),
            "COPY-01" => copies::soon(self),
            "INT-01" => integrity::each_run(self),
            "INT-02" => integrity::read_again(self),
            "DR-03" => recovery::points(self, Class::Whmcs),
            "DR-04" => recovery::points(self, Class::Website),
            "DR-05" => self_recovery::rebuilt(self),
            "LOG-01" => log::unchanged(self),
            "LOG-02" => log::complete(self),
            "LOG-03" => log::witnessed(self),
            "NOTIF-01" => notices::delivered(self),
            "REV-01" => review::in_time(self),
            "REV-02" => review::after_changes(self),
            other => Finding::no_evidence(format!("no rule judges {other}")),
        }
    }
}

/// The section of the policy under which a control is shown; it may serve sentences of others.
fn home(control: &str) -> u8 {
    let area = control.split('-').next().unwrap_or_default();
    match (area, control) {
        (_, "LOC-02") => 9,
        ("SELF", _) => 1,
        ("SCOPE", _) => 2,
        ("NOTIF" | "REQ", _) => 3,
        ("SCHED", _) => 4,
        ("ENC" | "LOC" | "COPY" | "ACC" | "LOG", _) => 5,
        ("INT" | "TEST", _) => 6,
        ("DR", _) => 7,
        ("RET", _) => 8,
        ("PRIV" | "HOST", _) => 9,
        _ => 10,
    }
}

/// What the sections are about.
pub const SECTIONS: [(u8, &str); 10] = [
    (1, "Purpose"),
    (2, "Scope"),
    (3, "Roles"),
    (4, "Schedule"),
    (5, "Storage and encryption"),
    (6, "Verification and testing"),
    (7, "Disaster recovery"),
    (8, "Retention"),
    (9, "Compliance"),
    (10, "Review"),
];

/// The midnight, in UTC, with which the day began that lies so many days back; of those to come where there are less than none.
fn midnight_before(instant: Timestamp, days: i64) -> Timestamp {
    const DAY: i64 = 86_400;
    let midnight = instant.as_second().div_euclid(DAY) * DAY;
    let end = if days < 0 { Timestamp::MAX } else { Timestamp::MIN };
    Timestamp::from_second(midnight - days * DAY).unwrap_or(end)
}

/// A moment later, as far as time goes.
fn after(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.saturating_add(by).unwrap_or(Timestamp::MAX)
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

/// The minute of an instant, in UTC: verdicts are read in every zone.
fn minute(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests;
