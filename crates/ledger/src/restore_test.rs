//! Restore tests: who was drawn, written before anything is restored, and what came of each.
//!
//! A test whose result is written when it went well is a test that always goes well. So the plan names every target and every
//! one that was drawn first; one that has no end is a failure for whoever judges, whatever became of it. What was seen names
//! clients' files and pages: the leaf holds its hash, see [`crate::private`], and the questions that were not answered well.

mod read;

use diesel::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::fact::{Fact, Stamp};
use crate::instant::to_nanoseconds;
use crate::ledger::Transaction;
use crate::private::Private;
use crate::schema::{restore_test_picks as picks, restore_tests as tests};
use crate::words::words;

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

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = tests)]
pub(crate) struct Row {
    id: String,
    exercise: String,
    occasion: Option<String>,
    opens: Option<i64>,
    ends: Option<i64>,
    seed: String,
    seed_from: Option<String>,
    sample: Option<i64>,
    untested_max_seconds: Option<i64>,
    every: String,
    by: String,
    policy_version: Option<i64>,
    targets: String,
    left_out: String,
    planned_at: i64,
    recorded_at: i64,
    leaf: i64,
}

#[derive(Queryable, Selectable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = picks)]
pub(crate) struct PickRow {
    id: String,
    test: String,
    asset: String,
    repository: String,
    why: String,
    point: Option<String>,
    is_drawn: bool,
    state: String,
    location: Option<String>,
    beside: String,
    staging: Option<String>,
    action: Option<String>,
    destroy_by: Option<i64>,
    begun_at: Option<i64>,
    begun_recorded_at: Option<i64>,
    begun_leaf: Option<i64>,
    failed: String,
    details: Option<String>,
    screenshot_sha256: Option<String>,
    ended_at: Option<i64>,
    ended_recorded_at: Option<i64>,
    ended_leaf: Option<i64>,
    destroyed_files: Option<i64>,
    destroyed_bytes: Option<i64>,
    not_destroyed: Option<String>,
    destroyed_at: Option<i64>,
    destroyed_recorded_at: Option<i64>,
    destroyed_leaf: Option<i64>,
    recorded_at: i64,
    leaf: i64,
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

pub(crate) fn apply_planned(connection: &mut Connection, planned: &Planned, stamp: &Stamp) -> Result<()> {
    let test = &planned.test;
    if let Some((label, _, _)) = &test.occasion {
        let before: Option<String> = tests::table
            .filter(tests::exercise.eq(&test.exercise))
            .filter(tests::occasion.eq(label))
            .select(tests::id)
            .first(connection)
            .optional()
            .doing(|| format!("find the test of {label}"))?;
        if let Some(before) = before {
            let why = format!("the test of {} in {label} is planned already: {before}", test.exercise);
            return Err(Error::new(ErrorKind::Contradiction, why));
        }
    }
    let (mut opens, mut ends) = (None, None);
    if let Some((_, from, to)) = &test.occasion {
        (opens, ends) = (Some(to_nanoseconds(*from)?), Some(to_nanoseconds(*to)?));
    }
    let row = Row {
        id: planned.id.clone(),
        exercise: test.exercise.clone(),
        occasion: test.occasion.as_ref().map(|(label, _, _)| label.clone()),
        opens,
        ends,
        seed: test.seed.clone(),
        seed_from: test.seed_from.as_ref().map(json).transpose()?,
        sample: test.sample.map(i64::from),
        untested_max_seconds: test.untested_max_seconds.map(number).transpose()?,
        every: test.every.clone(),
        by: test.by.clone(),
        policy_version: test.policy_version.map(number).transpose()?,
        targets: test.targets.to_string(),
        left_out: test.left_out.to_string(),
        planned_at: stamp.happened_at,
        recorded_at: stamp.recorded_at,
        leaf: stamp.leaf,
    };
    diesel::insert_into(tests::table)
        .values(&row)
        .execute(connection)
        .doing(|| "record that a restore test is planned".to_owned())?;
    for (at, pick) in planned.picks.iter().enumerate() {
        let row = PickRow::planned(&planned.id, at + 1, &pick.picked, stamp);
        diesel::insert_into(picks::table)
            .values(&row)
            .execute(connection)
            .doing(|| format!("record that {} was drawn", pick.picked.asset))?;
    }
    Ok(())
}

pub(crate) fn apply_begun(connection: &mut Connection, begun: &PickBegun, stamp: &Stamp) -> Result<()> {
    let is_meant = picks::id.eq(&begun.pick).and(picks::state.eq(RestoreTestState::Planned.as_str()));
    let count = diesel::update(picks::table.filter(is_meant))
        .set((
            picks::state.eq(RestoreTestState::Validating.as_str()),
            picks::location.eq(&begun.location),
            picks::beside.eq(json(&begun.beside)?),
            picks::staging.eq(&begun.staging),
            picks::action.eq(&begun.action),
            picks::destroy_by.eq(to_nanoseconds(begun.destroy_by)?),
            picks::begun_at.eq(stamp.happened_at),
            picks::begun_recorded_at.eq(stamp.recorded_at),
            picks::begun_leaf.eq(stamp.leaf),
        ))
        .execute(connection)
        .doing(|| format!("record that the test {} begins", begun.pick))?;
    only_one(count, || format!("no test {} waits to begin", begun.pick))
}

pub(crate) fn apply_ended(connection: &mut Connection, ended: &Ended, stamp: &Stamp) -> Result<()> {
    let is_end = !matches!(ended.state, RestoreTestState::Planned | RestoreTestState::Validating);
    let is_open = picks::id.eq(&ended.pick).and(picks::ended_at.is_null());
    let count = diesel::update(picks::table.filter(is_open))
        .set((
            picks::state.eq(ended.state.as_str()),
            picks::failed.eq(json(&ended.failed)?),
            picks::details.eq(&ended.details),
            picks::screenshot_sha256.eq(&ended.screenshot_sha256),
            picks::ended_at.eq(is_end.then_some(stamp.happened_at)),
            picks::ended_recorded_at.eq(stamp.recorded_at),
            picks::ended_leaf.eq(stamp.leaf),
        ))
        .execute(connection)
        .doing(|| format!("record how the test {} ended", ended.pick))?;
    only_one(count, || format!("no test {} is open", ended.pick))
}

pub(crate) fn apply_destroyed(
    connection: &mut Connection,
    destroyed: &PickDestroyed,
    stamp: &Stamp,
) -> Result<()> {
    let is_gone = destroyed.failure.is_none();
    let is_meant =
        picks::id.eq(&destroyed.pick).and(picks::begun_at.is_not_null()).and(picks::destroyed_at.is_null());
    let count = diesel::update(picks::table.filter(is_meant))
        .set((
            picks::destroyed_files.eq(number(destroyed.files)?),
            picks::destroyed_bytes.eq(number(destroyed.bytes)?),
            picks::not_destroyed.eq(&destroyed.failure),
            picks::destroyed_at.eq(is_gone.then_some(stamp.happened_at)),
            picks::destroyed_recorded_at.eq(stamp.recorded_at),
            picks::destroyed_leaf.eq(stamp.leaf),
        ))
        .execute(connection)
        .doing(|| format!("record what became of the staging of {}", destroyed.pick))?;
    only_one(count, || format!("nothing of the test {} can be left", destroyed.pick))
}

impl PickRow {
    fn planned(test: &str, at: usize, pick: &Picked, stamp: &Stamp) -> PickRow {
        PickRow {
            id: format!("{test}.{at}"),
            test: test.to_owned(),
            asset: pick.asset.clone(),
            repository: pick.repository.clone(),
            why: pick.why.clone(),
            point: pick.point.clone(),
            is_drawn: pick.is_drawn,
            state: RestoreTestState::Planned.as_str().to_owned(),
            location: None,
            beside: "[]".to_owned(),
            staging: None,
            action: None,
            destroy_by: None,
            begun_at: None,
            begun_recorded_at: None,
            begun_leaf: None,
            failed: "[]".to_owned(),
            details: None,
            screenshot_sha256: None,
            ended_at: None,
            ended_recorded_at: None,
            ended_leaf: None,
            destroyed_files: None,
            destroyed_bytes: None,
            not_destroyed: None,
            destroyed_at: None,
            destroyed_recorded_at: None,
            destroyed_leaf: None,
            recorded_at: stamp.recorded_at,
            leaf: stamp.leaf,
        }
    }
}

fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| Error::caused(ErrorKind::System, "write down a restore test", error))
}

fn number(number: u64) -> Result<i64> {
    i64::try_from(number)
        .map_err(|_| Error::new(ErrorKind::Contradiction, "nobody restores that much for a test"))
}

fn only_one(count: usize, otherwise: impl FnOnce() -> String) -> Result<()> {
    if count == 1 { Ok(()) } else { Err(Error::new(ErrorKind::Contradiction, otherwise())) }
}
