//! Runs: what was executed. Recorded when one begins, so that a run that was cut off is known, and again when it ends.

use std::collections::BTreeMap;

use diesel::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connection::{AT_ONCE, Connection};
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::fact::{Fact, Stamp};
use crate::instant::{from_nanoseconds, to_nanoseconds};
use crate::leaf::sha256;
use crate::lease::{from_token, to_token};
use crate::ledger::Transaction;
use crate::reader::Reader;
use crate::schema::{points, reports, run_slots, runs};
use crate::words::words;

words! {
    /// Whether a run is over.
    RunState {
        /// It began, and nothing says that it ended.
        Begun = "begun",
        /// It ended.
        Ended = "ended",
    }
}

words! {
    /// How a run ended.
    RunOutcome {
        /// A point, and nothing to say.
        Done = "done",
        /// A point that lacks something.
        Degraded = "degraded",
        /// No point.
        Failed = "failed",
        /// It was cut off.
        Interrupted = "interrupted",
    }
}

/// A run that begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewRun {
    /// The asset.
    pub asset: String,
    /// The part of it.
    pub dataset: String,
    /// `full` or `incremental`.
    pub kind: String,
    /// The slots that it serves; none for one that a person asked for.
    pub slots: Vec<String>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEnd {
    /// How.
    pub outcome: RunOutcome,
    /// The point that it made.
    pub point: Option<String>,
    /// Its report, as JSON.
    pub report: Option<String>,
    /// What it lasted, by a clock that nobody sets; absent where it made no point.
    pub lasted: Option<Lasted>,
}

/// What a run lasted, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lasted {
    /// From its beginning until the point was captured and sent to the locations, which goes on at once.
    pub capture_ms: u64,
    /// From there until it was checked.
    pub copy_ms: u64,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Run {
    /// The id.
    pub id: String,
    /// The asset.
    pub asset: String,
    /// The part of it.
    pub dataset: String,
    /// `full` or `incremental`.
    pub kind: String,
    /// The slots that it served.
    pub slots: Vec<String>,
    /// Whether it is over.
    pub state: RunState,
    /// When it began.
    pub begun_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<RunOutcome>,
    /// The point that it made.
    pub point: Option<String>,
    /// The fencing token of the instance that began it.
    pub token: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Begun {
    id: String,
    token: u64,
    run: NewRun,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    id: String,
    outcome: RunOutcome,
    point: Option<String>,
    report_sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lasted: Option<Lasted>,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = runs)]
pub(crate) struct Row {
    id: String,
    asset: String,
    dataset: String,
    kind: String,
    state: String,
    begun_at: i64,
    ended_at: Option<i64>,
    outcome: Option<String>,
    point: Option<String>,
    token: i64,
    report_sha256: Option<String>,
    recorded_at: i64,
    leaf: i64,
    capture_ms: Option<i64>,
    copy_ms: Option<i64>,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = run_slots)]
pub(crate) struct SlotRow {
    run: String,
    slot: String,
}

impl Transaction<'_> {
    /// Records that a run begins, and returns its id.
    ///
    /// # Errors
    /// When it could not be written; then the run must not begin.
    pub fn begin_run(&mut self, run: NewRun, happened_at: Timestamp) -> Result<String> {
        let id = self.new_id();
        self.record(happened_at, &Fact::RunBegun(Begun { id: id.clone(), token: self.token, run }))?;
        Ok(id)
    }

    /// Records how a run ended. Each ends once.
    ///
    /// # Errors
    /// `Contradiction` for one that never began, or has ended.
    pub fn end_run(&mut self, id: &str, end: RunEnd, happened_at: Timestamp) -> Result<()> {
        let ended = Ended {
            id: id.to_owned(),
            outcome: end.outcome,
            point: end.point,
            report_sha256: end.report.as_deref().map(sha256),
            lasted: end.lasted,
        };
        self.record(happened_at, &Fact::RunEnded(ended))?;
        if let Some(json) = end.report {
            diesel::insert_into(reports::table)
                .values((reports::run.eq(id), reports::json.eq(json)))
                .execute(self.connection)
                .doing(|| format!("keep the report of run {id}"))?;
        }
        Ok(())
    }

    /// Ends every run that an earlier instance began and did not live to end, and returns them as they were. Purges and
    /// actions without an end are recorded as cut off.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn interrupt_orphans(&mut self, happened_at: Timestamp) -> Result<Vec<Run>> {
        let own = from_token(self.token)?;
        self.cut_off_purges(self.token, happened_at)?;
        self.cut_off_actions(happened_at)?;
        let rows: Vec<Row> = runs::table
            .filter(runs::state.eq(RunState::Begun.as_str()))
            .filter(runs::token.lt(own))
            .order((runs::begun_at, runs::id))
            .load(self.connection)
            .doing(|| "find runs that were cut off".to_owned())?;
        let orphans = with_slots(self.connection, rows)?;
        for orphan in &orphans {
            let end = RunEnd { outcome: RunOutcome::Interrupted, point: None, report: None, lasted: None };
            self.end_run(&orphan.id, end, happened_at)?;
        }
        Ok(orphans)
    }
}

impl Reader {
    /// Runs that began from `from` on and before `to`, of one asset or of all, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn runs_between(&self, from: Timestamp, to: Timestamp, asset: Option<&str>) -> Result<Vec<Run>> {
        let (from, to) = (to_nanoseconds(from)?, to_nanoseconds(to)?);
        self.ask(|connection| {
            let mut query =
                runs::table.filter(runs::begun_at.ge(from)).filter(runs::begun_at.lt(to)).into_boxed();
            if let Some(asset) = asset {
                query = query.filter(runs::asset.eq(asset));
            }
            let rows: Vec<Row> = query
                .order((runs::begun_at, runs::id))
                .load(connection)
                .doing(|| "read the runs".to_owned())?;
            with_slots(connection, rows)
        })
    }

    /// Runs that began from `from` on and made a point that lacks something, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn runs_degraded(&self, from: Timestamp) -> Result<Vec<Run>> {
        let from = to_nanoseconds(from)?;
        self.ask(|connection| {
            let rows: Vec<Row> = runs::table
                .filter(runs::begun_at.ge(from))
                .filter(runs::outcome.eq(RunOutcome::Degraded.as_str()))
                .order((runs::begun_at, runs::id))
                .load(connection)
                .doing(|| "read the runs".to_owned())?;
            with_slots(connection, rows)
        })
    }

    /// Runs that began and have no end.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn runs_unfinished(&self) -> Result<Vec<Run>> {
        self.ask(|connection| {
            let rows: Vec<Row> = runs::table
                .filter(runs::state.eq(RunState::Begun.as_str()))
                .order((runs::begun_at, runs::id))
                .load(connection)
                .doing(|| "read the runs".to_owned())?;
            with_slots(connection, rows)
        })
    }

    /// The run with this id.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn run(&self, id: &str) -> Result<Option<Run>> {
        self.ask(|connection| {
            let row: Option<Row> =
                runs::table.find(id).first(connection).optional().doing(|| format!("read run {id}"))?;
            Ok(with_slots(connection, row.into_iter().collect())?.pop())
        })
    }

    /// The run that made a point of an asset; none where it was found somewhere.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn run_that_made(&self, asset: &str, point: &str) -> Result<Option<String>> {
        self.ask(|connection| {
            runs::table
                .filter(runs::asset.eq(asset))
                .filter(runs::point.eq(point))
                .select(runs::id)
                .first(connection)
                .optional()
                .doing(|| format!("find the run that made {point}"))
        })
    }

    /// The instant of the point that the last run of an asset made. Points that were found somewhere do not count:
    /// whoever can write there chose their instants.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn last_point_made(&self, asset: &str) -> Result<Option<Timestamp>> {
        self.ask(|connection| {
            let doing = || format!("find the last point of {asset}");
            let last: Option<Option<String>> = runs::table
                .filter(runs::asset.eq(asset))
                .filter(runs::point.is_not_null())
                .order(runs::leaf.desc())
                .select(runs::point)
                .first(connection)
                .optional()
                .doing(doing)?;
            let Some(point) = last.flatten() else { return Ok(None) };
            let instant: Option<i64> = points::table
                .find(point)
                .select(points::instant)
                .first(connection)
                .optional()
                .doing(doing)?;
            Ok(instant.map(from_nanoseconds))
        })
    }

    /// How long the last `count` runs lasted that made a point of this kind, newest first. The schedule rests on them. Of
    /// one that was recorded without its durations, all of its time counts as capture.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn durations(&self, asset: &str, dataset: &str, kind: &str, count: u32) -> Result<Vec<Lasted>> {
        type Times = (i64, Option<i64>, Option<i64>, Option<i64>);
        self.ask(|connection| {
            let times: Vec<Times> = runs::table
                .filter(runs::asset.eq(asset))
                .filter(runs::dataset.eq(dataset))
                .filter(runs::kind.eq(kind))
                .filter(runs::outcome.eq_any([RunOutcome::Done.as_str(), RunOutcome::Degraded.as_str()]))
                .order((runs::begun_at.desc(), runs::id.desc()))
                .limit(i64::from(count))
                .select((runs::begun_at, runs::ended_at, runs::capture_ms, runs::copy_ms))
                .load(connection)
                .doing(|| format!("read the durations of {asset}"))?;
            let took = |(begun, ended, capture, copy): Times| match (capture, copy) {
                (Some(capture), Some(copy)) => Some(Lasted {
                    capture_ms: u64::try_from(capture).ok()?,
                    copy_ms: u64::try_from(copy).ok()?,
                }),
                // A clock that was set back in the middle gives no duration.
                _ => {
                    let nanoseconds = u64::try_from(ended?.checked_sub(begun)?).ok()?;
                    Some(Lasted { capture_ms: nanoseconds.div_ceil(1_000_000), copy_ms: 0 })
                }
            };
            Ok(times.into_iter().filter_map(took).collect())
        })
    }
}

fn with_slots(connection: &mut Connection, rows: Vec<Row>) -> Result<Vec<Run>> {
    let mut slots: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    for ids in ids.chunks(AT_ONCE) {
        let found: Vec<SlotRow> = run_slots::table
            .filter(run_slots::run.eq_any(ids))
            .order((run_slots::run, run_slots::slot))
            .load(connection)
            .doing(|| "read the slots of runs".to_owned())?;
        for row in found {
            slots.entry(row.run).or_default().push(row.slot);
        }
    }
    let of = |row: Row| {
        Ok(Run {
            slots: slots.remove(&row.id).unwrap_or_default(),
            id: row.id,
            asset: row.asset,
            dataset: row.dataset,
            kind: row.kind,
            state: RunState::read(&row.state)?,
            begun_at: from_nanoseconds(row.begun_at),
            ended_at: row.ended_at.map(from_nanoseconds),
            outcome: row.outcome.as_deref().map(RunOutcome::read).transpose()?,
            point: row.point,
            token: to_token(row.token)?,
        })
    };
    rows.into_iter().map(of).collect()
}

pub(crate) fn apply_begun(connection: &mut Connection, begun: &Begun, stamp: &Stamp) -> Result<()> {
    let doing = || format!("begin run {}", begun.id);
    let row = Row {
        id: begun.id.clone(),
        asset: begun.run.asset.clone(),
        dataset: begun.run.dataset.clone(),
        kind: begun.run.kind.clone(),
        state: RunState::Begun.as_str().to_owned(),
        begun_at: stamp.happened_at,
        ended_at: None,
        outcome: None,
        point: None,
        token: from_token(begun.token)?,
        report_sha256: None,
        recorded_at: stamp.recorded_at,
        leaf: stamp.leaf,
        capture_ms: None,
        copy_ms: None,
    };
    diesel::insert_into(runs::table).values(&row).execute(connection).doing(doing)?;
    for slot in &begun.run.slots {
        let row = SlotRow { run: begun.id.clone(), slot: slot.clone() };
        diesel::insert_into(run_slots::table).values(&row).execute(connection).doing(doing)?;
    }
    Ok(())
}

pub(crate) fn apply_ended(connection: &mut Connection, ended: &Ended, stamp: &Stamp) -> Result<()> {
    let doing = || format!("end run {}", ended.id);
    let state: Option<String> =
        runs::table.find(&ended.id).select(runs::state).first(connection).optional().doing(doing)?;
    let contradiction =
        |what: &str| Err(Error::new(ErrorKind::Contradiction, format!("run {} {what}", ended.id)));
    match state.map(|word| RunState::read(&word)).transpose()? {
        None => return contradiction("never began"),
        Some(RunState::Ended) => return contradiction("has ended already"),
        Some(RunState::Begun) => {}
    }
    let milliseconds = |of: fn(&Lasted) -> u64| {
        ended.lasted.as_ref().map(|lasted| i64::try_from(of(lasted)).unwrap_or(i64::MAX))
    };
    diesel::update(runs::table.find(&ended.id))
        .set((
            runs::state.eq(RunState::Ended.as_str()),
            runs::ended_at.eq(stamp.happened_at),
            runs::outcome.eq(ended.outcome.as_str()),
            runs::point.eq(&ended.point),
            runs::report_sha256.eq(&ended.report_sha256),
            runs::capture_ms.eq(milliseconds(|lasted| lasted.capture_ms)),
            runs::copy_ms.eq(milliseconds(|lasted| lasted.copy_ms)),
            runs::recorded_at.eq(stamp.recorded_at),
            runs::leaf.eq(stamp.leaf),
        ))
        .execute(connection)
        .doing(doing)
        .map(|_| ())
}
