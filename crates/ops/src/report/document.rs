//! What a report says, as report.json holds it and as the page and the tables show it: docs/report.md.
//!
//! One value feeds all of them, so that the page cannot say what the tables do not. It outlives the program: fields may be
//! added, none renamed, or `holdfast_report` counts up.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_ledger::{
    Action, Alarm, Anchor, Hold, LogRestart, Point, PointCopy, PolicyReview, Purge, PurgedPoint, Receipt,
    Run, Slot, TestedPick, Waiver,
};
use holdfast_model::verdict::Breach;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::Value;

pub use super::slots::SlotCounts;

/// The form of report.json.
pub const FORM: u32 = 1;

/// A report.
#[derive(Debug, Serialize)]
pub struct Document {
    /// [`FORM`].
    pub holdfast_report: u32,
    /// From when.
    pub from: Timestamp,
    /// As of when; nothing that was recorded later is in it.
    pub to: Timestamp,
    /// Whose, and by which policy.
    pub title: Title,
    /// The log that proves it.
    pub log: LogHead,
    /// How it stood at the end.
    pub verdicts: Verdicts,
    /// How verdicts on controls changed within the period.
    pub history: History,
    /// That the clock was ahead, in words; empty where nothing says so.
    pub clock_ahead: Vec<String>,
    /// The leaves in which what verdicts rest on is recorded.
    pub citations: Vec<Citation>,
    /// How much would have been lost, day by day.
    pub objectives: Vec<Objective>,
    /// What the policy expected, as it was recorded.
    pub slots: Vec<Slot>,
    /// What came of them, by part of an asset.
    pub slot_counts: Vec<SlotCounts>,
    /// What ran.
    pub runs: Vec<RunTold>,
    /// The points that lay somewhere.
    pub points: Vec<PointTold>,
    /// What was restored for tests.
    pub restore_tests: Vec<RestoreTestTold>,
    /// How old what lies there is, beside what was promised.
    pub retention: Vec<RetentionTold>,
    /// What was purged.
    pub purges: Vec<PurgeTold>,
    /// What was removed in the period, whichever purge did it.
    pub receipts: Vec<Receipt>,
    /// Holds that stood.
    pub holds: Vec<Hold>,
    /// Waivers that counted.
    pub waivers: Vec<Waiver>,
    /// What people were told at once.
    pub alarms: Vec<Alarm>,
    /// What people did with clients' data or keys.
    pub access: Vec<Action>,
    /// Reviews of the policy.
    pub reviews: Vec<PolicyReview>,
    /// Versions of the policy.
    pub policy_versions: Vec<PolicyTold>,
    /// Changes of the estate.
    pub estate_changes: Vec<EstateChange>,
    /// What places were sent and rid of, day by day.
    pub storage: Vec<PlaceTold>,
    /// Signed heads of the log that places were given.
    pub anchors: Vec<Anchor>,
    /// That the log began anew.
    pub log_restarts: Vec<LogRestart>,
    /// Where copies are to lie, as the estate declared it at the end.
    pub places: Vec<PlaceDeclared>,
    /// What standards ask for, and which controls bear on it.
    pub standards: Vec<StandardTold>,
}

/// Whose report it is.
#[derive(Debug, Default, Serialize)]
pub struct Title {
    /// The company.
    pub company: String,
    /// How it is reached, line by line; empty where no policy was adopted.
    pub contact: Vec<String>,
    /// The version of the policy in force at the end.
    pub policy: Option<PolicyTold>,
}

/// A target of a restore test. What was seen of it names clients' files and pages, and stays in the ledger.
#[derive(Debug, Serialize)]
pub struct RestoreTestTold {
    /// `websites` or `whmcs`.
    pub exercise: String,
    /// The period of the calendar that it was made for; none where somebody asked for it.
    pub occasion: Option<String>,
    /// The part of the asset whose point was drawn.
    pub dataset: String,
    /// What was drawn, and what came of it.
    #[serde(flatten)]
    pub pick: TestedPick,
}

/// A version of the policy.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyTold {
    /// Its number in the ledger.
    pub number: u64,
    /// SHA-256 of its text.
    pub sha256: String,
    /// From when it was to hold.
    pub effective: Timestamp,
    /// Who approved it.
    pub approver: String,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// The log, up to the last leaf that the report needs.
#[derive(Debug, Serialize)]
pub struct LogHead {
    /// So many leaves are in log.jsonl.
    pub leaves: u64,
    /// The root over them, in hex.
    pub root: String,
    /// The public key that signs.
    pub key: String,
}

/// How it stood.
#[derive(Debug, Serialize)]
pub struct Verdicts {
    /// The instant as of which they were written down.
    pub assessed_at: Timestamp,
    /// The version of the rules that made them.
    pub rules: u32,
    /// The version of the policy that was applied.
    pub policy_version: Option<u64>,
    /// How many controls have which verdict.
    pub counts: BTreeMap<String, usize>,
    /// The asset that would lose most.
    pub worst: Option<Value>,
    /// Every control, by section, the worst first.
    pub controls: Vec<ControlTold>,
}

/// How verdicts changed.
#[derive(Debug, Default, Serialize)]
pub struct History {
    /// From when on verdicts are known; absent where none was written down.
    pub known_from: Option<Timestamp>,
    /// Controls that were red at any time in the period.
    pub red_within: Vec<String>,
    /// Every change, in order.
    pub turns: Vec<Turn>,
}

/// A verdict that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Turn {
    /// From when on it held.
    pub at: Timestamp,
    /// The control.
    pub control: String,
    /// What held before; absent where nothing did.
    pub before: Option<String>,
    /// What held then; absent for a control that there is no more.
    pub verdict: Option<String>,
    /// Why.
    pub why: String,
    /// The leaf in which it stands.
    pub leaf: u64,
}

/// A verdict as it was written down.
#[derive(Debug, Serialize)]
pub struct ControlTold {
    /// The leaf in which it stands.
    pub leaf: u64,
    /// What stands there.
    pub document: Value,
    /// The same of each of its targets.
    pub rows: Vec<RowTold>,
}

/// A verdict on a target, as it was written down.
#[derive(Debug, Serialize)]
pub struct RowTold {
    /// The leaf in which it stands.
    pub leaf: u64,
    /// What stands there.
    pub document: Value,
}

/// Where something that a verdict rests on is recorded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Citation {
    /// What it is.
    pub kind: String,
    /// Its name.
    pub id: String,
    /// The first leaf that records it; absent for a slot that follows from the policy and was recorded by nobody.
    pub leaf: Option<u64>,
}

/// How much would have been lost of a part of an asset.
#[derive(Debug, Serialize)]
pub struct Objective {
    /// The control that measures it.
    pub control: String,
    /// The part of the asset.
    pub target: String,
    /// How much may be, as of the end.
    pub objective_seconds: u64,
    /// One for each day of the period.
    pub days: Vec<ObjectiveDay>,
    /// When the objective was broken within the period, or across its beginning.
    pub breaches: Vec<Breach>,
}

/// A day of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ObjectiveDay {
    /// The day, in UTC.
    pub day: Date,
    /// The highest age of what could be restored; absent where nothing was measured.
    pub worst_seconds: Option<u64>,
    /// The objective that day; the shortest where it changed.
    pub objective_seconds: u64,
    /// Whether it was broken for a while, by the objective of that while.
    pub broken: bool,
    /// Whether for a while there was no state at all that could be restored.
    pub without_any: bool,
    /// Whether both were so at once.
    pub broken_without_any: bool,
}

/// A run.
#[derive(Debug, Serialize)]
pub struct RunTold {
    /// The run.
    #[serde(flatten)]
    pub run: Run,
    /// What each location was sent, in bytes; absent where its report was erased, or never made.
    pub sent_bytes: Option<BTreeMap<String, u64>>,
    /// What was read back, by location.
    pub read_back: BTreeMap<String, String>,
}

/// A point.
#[derive(Debug, Serialize)]
pub struct PointTold {
    /// The point.
    #[serde(flatten)]
    pub point: Point,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The leaf that records it.
    pub leaf: u64,
    /// Its copies.
    pub copies: Vec<PointCopy>,
}

/// How old the points of a part of an asset are.
#[derive(Debug, Serialize)]
pub struct RetentionTold {
    /// The asset.
    pub asset: String,
    /// The part of it.
    pub dataset: String,
    /// The least that was promised; absent where no version of the policy was adopted or no rule covers it.
    pub days_min: Option<u32>,
    /// The most.
    pub days_max: Option<u32>,
    /// Points that lie somewhere.
    pub points: usize,
    /// The age of the oldest.
    pub oldest_hours: i64,
    /// The age of the newest.
    pub newest_hours: i64,
    /// The locations at which any of them lies.
    pub locations: BTreeSet<String>,
}

/// A purge.
#[derive(Debug, Serialize)]
pub struct PurgeTold {
    /// The purge.
    #[serde(flatten)]
    pub purge: Purge,
    /// What it decided.
    pub points: Vec<PurgedPoint>,
    /// What it did.
    pub receipts: Vec<Receipt>,
}

/// A change of what there is to protect, or of where copies are to lie.
#[derive(Debug, Serialize)]
pub struct EstateChange {
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The leaf that records it.
    pub leaf: u64,
    /// What changed, for people.
    pub changes: Vec<String>,
}

/// What one place was sent and rid of.
#[derive(Debug, Serialize)]
pub struct PlaceTold {
    /// The location.
    pub place: String,
    /// One for each day of the period.
    pub days: Vec<PlaceDay>,
    /// What walks through it found, oldest first.
    pub walks: Vec<Walk>,
}

/// A day of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlaceDay {
    /// The day, in UTC.
    pub day: Date,
    /// Bytes that runs sent.
    pub sent_bytes: u64,
    /// Runs of which nobody knows any more what they sent.
    pub runs_unknown: u64,
    /// Bytes that purges removed.
    pub removed_bytes: u64,
}

/// A walk through a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Walk {
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// What lay there, in bytes; absent where that was not kept.
    pub bytes: Option<u64>,
    /// How many objects.
    pub objects: u64,
    /// Bytes of what should not be there.
    pub overage_bytes: u64,
    /// The leaf that records it.
    pub leaf: u64,
}

/// A place as the estate declared it.
#[derive(Debug, Serialize)]
pub struct PlaceDeclared {
    /// The location.
    pub place: String,
    /// The physical place.
    pub site: String,
    /// Its country.
    pub country: Option<String>,
    /// The machine or service.
    pub host: String,
}

/// A demand of a standard.
#[derive(Debug, Serialize)]
pub struct StandardTold {
    /// Where it stands.
    pub reference: String,
    /// What it asks for, in our words.
    pub asks: String,
    /// The controls that bear on it, each with its verdict.
    pub controls: Vec<(String, String)>,
    /// What of it they do not show.
    pub not_shown: String,
}
