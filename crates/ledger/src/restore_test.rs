//! Restore tests: who was drawn, written before anything is restored, and what came of each.
//!
//! A test whose result is written when it went well is a test that always goes well. So the plan names every target and every
//! one that was drawn first; one that has no end is a failure for whoever judges, whatever became of it. What was seen names
//! clients' files and pages: the leaf holds its hash, see [`crate::private`], and the questions that were not answered well.

mod apply;
mod read;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::fact::Fact;
use crate::ledger::Transaction;
use crate::private::Private;
use crate::words::words;

pub(crate) use self::apply::{PickRow, Row, apply_begun, apply_destroyed, apply_ended, apply_planned};

words! {
    /// How far the test of one target came.
    RestoreTestState {
        /// It was drawn, and nothing was restored yet.
        Planned = "planned",
        /// It is being restored and looked at.
        Validating = "validating",
        /// All that was asked was answered as it must be.
        Successful = "successful",
        /// Something was not, or could not be asked.
        Failed = "failed",
        /// It was not done when it had to be.
        TimedOut = "timed-out",
    }
}

/// Which head of the log a seed follows from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedFrom {
    /// How many leaves the head is about.
    pub leaves: u64,
    /// Its root, as hex.
    pub root: String,
    /// The signed note, by its SHA-256; none where no head was ever signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
}

/// A test that is planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewRestoreTest {
    /// What is tested: `websites`, `whmcs`.
    pub exercise: String,
    /// The period of the calendar that it is made for: its name, its first instant, and that of the next; none where
    /// somebody asked for it.
    pub occasion: Option<(String, Timestamp, Timestamp)>,
    /// What lots were drawn from, as hex.
    pub seed: String,
    /// The head of the log that it follows from; none where somebody gave it.
    pub seed_from: Option<SeedFrom>,
    /// How often, by the policy.
    pub every: String,
    /// How many at a time, by the policy.
    pub sample: Option<u32>,
    /// After how many seconds without a test a target is overdue.
    pub untested_max_seconds: Option<u64>,
    /// Which command or service, of whom, where.
    pub by: String,
    /// The version of the policy; none where none was recorded.
    pub policy_version: Option<u64>,
    /// Everything that could be tested, with what the choice rests on.
    pub targets: serde_json::Value,
    /// What could not, and why.
    pub left_out: serde_json::Value,
}

/// One target that was drawn, with what its point was drawn from. That stands in the leaf alone: a year of it is large, and whoever
/// draws again reads the leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPick {
    /// What was drawn.
    #[serde(flatten)]
    pub picked: Picked,
    /// The points that there were to draw, by the beginnings of their ids, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<String>,
}

/// One target that was drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picked {
    /// The asset.
    pub asset: String,
    /// The repository that holds its points.
    pub repository: String,
    /// Why it was chosen: `due`, `turn`, `again`, `chance`, `asked`.
    pub why: String,
    /// The point that is restored; none where there is none.
    pub point: Option<String>,
    /// Whether the lot chose the point, and not somebody.
    pub is_drawn: bool,
}

/// That a target is about to be restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PickBegun {
    /// Which.
    pub pick: String,
    /// The location that it comes from.
    pub location: String,
    /// Points of other parts that are restored with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<String>,
    /// What it is restored into, for people.
    pub staging: String,
    /// The entry in the log of what people do with clients' data.
    pub action: String,
    /// By when nothing of it may be left.
    pub destroy_by: Timestamp,
}

/// How the test of a target ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PickEnd {
    /// Which.
    pub pick: String,
    /// Successful, failed or timed out.
    pub state: RestoreTestState,
    /// The questions that were not answered as they must be, by name.
    pub failed: Vec<String>,
    /// Everything that was seen, as JSON; it lies apart.
    pub details: Option<String>,
    /// SHA-256 of the picture that was taken.
    pub screenshot_sha256: Option<String>,
}

/// What became of what was restored for a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PickDestroyed {
    /// Which.
    pub pick: String,
    /// Files that were there.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Why some of it may still be there; it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// A recorded test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RestoreTest {
    /// The id.
    pub id: String,
    /// What was planned.
    #[serde(flatten)]
    pub test: NewRestoreTest,
    /// When it was planned.
    pub planned_at: Timestamp,
    /// When that was recorded.
    pub recorded_at: Timestamp,
    /// The leaf that proves it.
    pub leaf: u64,
}

/// A recorded target of a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TestedPick {
    /// The id.
    pub id: String,
    /// The test.
    pub test: String,
    /// What was drawn.
    #[serde(flatten)]
    pub picked: Picked,
    /// How far it came.
    pub state: RestoreTestState,
    /// How it began.
    pub begun: Option<(PickBegun, Moment)>,
    /// How it ended; what was erased of it reads `[erased]`.
    pub ended: Option<(PickEnd, Moment)>,
    /// That nothing of it is left.
    pub destroyed: Option<(PickDestroyed, Moment)>,
    /// Why something may be left.
    pub not_destroyed: Option<String>,
    /// When it was planned, and by which leaf that is proven.
    pub planned: Moment,
}

/// When something happened, when that was recorded, and the leaf that proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// When it happened.
    pub happened_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The leaf.
    pub leaf: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Planned {
    id: String,
    test: NewRestoreTest,
    picks: Vec<NewPick>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    pick: String,
    state: RestoreTestState,
    failed: Vec<String>,
    details: Option<String>,
    screenshot_sha256: Option<String>,
}

impl Transaction<'_> {
    /// Records that a test is planned, with everybody who was drawn, and returns its id. Its picks are `ID.1`, `ID.2` and so on.
    ///
    /// # Errors
    /// `Contradiction` for an occasion that has one; or when it could not be written: then nothing must be restored.
    pub fn plan_restore_test(
        &mut self,
        test: NewRestoreTest,
        drawn: Vec<NewPick>,
        happened_at: Timestamp,
    ) -> Result<String> {
        let id = self.new_id();
        let planned = Planned { id: id.clone(), test, picks: drawn };
        self.record(happened_at, &Fact::RestoreTestPlanned(planned))?;
        Ok(id)
    }

    /// Records that one of its targets is about to be restored.
    ///
    /// # Errors
    /// `Contradiction` for one that was not drawn, or began already.
    pub fn begin_pick(&mut self, begun: PickBegun, happened_at: Timestamp) -> Result<()> {
        self.record(happened_at, &Fact::RestoreTestBegun(begun)).map(|_| ())
    }

    /// Records how that ended.
    ///
    /// # Errors
    /// `Contradiction` for one that was not drawn, or has ended.
    pub fn end_pick(&mut self, end: PickEnd, happened_at: Timestamp) -> Result<()> {
        let details = end.details.map(|details| Private::new(self.random, &details));
        let ended = Ended {
            pick: end.pick,
            state: end.state,
            failed: end.failed,
            details: details.as_ref().map(|details| details.hash.clone()),
            screenshot_sha256: end.screenshot_sha256,
        };
        let stamp = self.record(happened_at, &Fact::RestoreTestEnded(ended))?;
        details.map_or(Ok(()), |details| details.keep(self.connection, &stamp))
    }

    /// Records what became of what was restored.
    ///
    /// # Errors
    /// `Contradiction` for one that did not begin, or of which nothing was left before.
    pub fn destroy_pick(&mut self, destroyed: PickDestroyed, happened_at: Timestamp) -> Result<()> {
        self.record(happened_at, &Fact::RestoreTestDestroyed(destroyed)).map(|_| ())
    }
}
