//! From the facts of a restore test to its rows.

use diesel::prelude::*;
use serde::Serialize;

use super::{Ended, PickBegun, PickDestroyed, Picked, Planned, RestoreTestState};
use crate::connection::Connection;
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::fact::Stamp;
use crate::instant::to_nanoseconds;
use crate::schema::{restore_test_picks as picks, restore_tests as tests};

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = tests)]
pub(crate) struct Row {
    pub(super) id: String,
    pub(super) exercise: String,
    pub(super) occasion: Option<String>,
    pub(super) opens: Option<i64>,
    pub(super) ends: Option<i64>,
    pub(super) seed: String,
    pub(super) seed_from: Option<String>,
    pub(super) sample: Option<i64>,
    pub(super) untested_max_seconds: Option<i64>,
    pub(super) every: String,
    pub(super) by: String,
    pub(super) policy_version: Option<i64>,
    pub(super) targets: String,
    pub(super) left_out: String,
    pub(super) planned_at: i64,
    pub(super) recorded_at: i64,
    pub(super) leaf: i64,
}

#[derive(Queryable, Selectable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = picks)]
pub(crate) struct PickRow {
    pub(super) id: String,
    pub(super) test: String,
    pub(super) asset: String,
    pub(super) repository: String,
    pub(super) why: String,
    pub(super) point: Option<String>,
    pub(super) is_drawn: bool,
    pub(super) state: String,
    pub(super) location: Option<String>,
    pub(super) beside: String,
    pub(super) staging: Option<String>,
    pub(super) action: Option<String>,
    pub(super) destroy_by: Option<i64>,
    pub(super) begun_at: Option<i64>,
    pub(super) begun_recorded_at: Option<i64>,
    pub(super) begun_leaf: Option<i64>,
    pub(super) failed: String,
    pub(super) details: Option<String>,
    pub(super) screenshot_sha256: Option<String>,
    pub(super) ended_at: Option<i64>,
    pub(super) ended_recorded_at: Option<i64>,
    pub(super) ended_leaf: Option<i64>,
    pub(super) destroyed_files: Option<i64>,
    pub(super) destroyed_bytes: Option<i64>,
    pub(super) not_destroyed: Option<String>,
    pub(super) destroyed_at: Option<i64>,
    pub(super) destroyed_recorded_at: Option<i64>,
    pub(super) destroyed_leaf: Option<i64>,
    pub(super) recorded_at: i64,
    pub(super) leaf: i64,
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
