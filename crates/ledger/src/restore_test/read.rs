//! Restore tests of the past, with what was seen as far as it was not erased.

use diesel::prelude::*;
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::{
    Moment, NewPick, NewRestoreTest, PickBegun, PickDestroyed, PickEnd, PickRow, Picked, RestoreTest,
    RestoreTestState, Row, TestedPick,
};
use crate::connection::Connection;
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::fact::Fact;
use crate::instant::{from_nanoseconds, to_nanoseconds};
use crate::leaf;
use crate::private::{self, ERASED};
use crate::reader::Reader;
use crate::schema::{restore_test_picks as picks, restore_tests as tests};

impl Reader {
    /// The tests that were planned from `from` on and before `to`, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn restore_tests_between(&self, from: Timestamp, to: Timestamp) -> Result<Vec<RestoreTest>> {
        let (from, to) = (to_nanoseconds(from)?, to_nanoseconds(to)?);
        self.ask(|connection| {
            let rows: Vec<Row> = tests::table
                .filter(tests::planned_at.ge(from))
                .filter(tests::planned_at.lt(to))
                .order((tests::planned_at, tests::id))
                .load(connection)
                .doing(|| "read the restore tests".to_owned())?;
            rows.into_iter().map(RestoreTest::of).collect()
        })
    }

    /// The test of an occasion.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn restore_test_of(&self, exercise: &str, occasion: &str) -> Result<Option<RestoreTest>> {
        self.ask(|connection| {
            let row: Option<Row> = tests::table
                .filter(tests::exercise.eq(exercise))
                .filter(tests::occasion.eq(occasion))
                .first(connection)
                .optional()
                .doing(|| format!("read the restore test of {occasion}"))?;
            row.map(RestoreTest::of).transpose()
        })
    }

    /// A test as it was planned, by the leaf: with the points that there were to draw.
    ///
    /// # Errors
    /// When there is no such test, or the leaf is not what was written.
    pub fn restore_test_as_planned(&self, id: &str) -> Result<(RestoreTest, Vec<NewPick>)> {
        self.ask(|connection| {
            let row: Option<Row> = tests::table
                .find(id)
                .first(connection)
                .optional()
                .doing(|| format!("read the restore test {id}"))?;
            let Some(row) = row else {
                return Err(Error::new(ErrorKind::Contradiction, format!("there is no restore test {id}")));
            };
            let test = RestoreTest::of(row)?;
            let leaf = leaf::load(connection, test.leaf, 1)?.into_iter().next();
            let fact = leaf.as_ref().map(leaf::Leaf::open).transpose()?;
            match fact {
                Some((Fact::RestoreTestPlanned(planned), _)) => Ok((test, planned.picks)),
                _ => Err(Error::damaged(format!("leaf {} does not plan the restore test {id}", test.leaf))),
            }
        })
    }

    /// The targets of tests that were planned from `from` on and before `to`, in the order of their planning.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn restore_picks_between(&self, from: Timestamp, to: Timestamp) -> Result<Vec<TestedPick>> {
        let (from, to) = (to_nanoseconds(from)?, to_nanoseconds(to)?);
        self.ask(|connection| {
            let rows: Vec<(PickRow, i64)> = picks::table
                .inner_join(tests::table.on(tests::id.eq(picks::test)))
                .filter(tests::planned_at.ge(from))
                .filter(tests::planned_at.lt(to))
                .order((picks::leaf, picks::id))
                .select((PickRow::as_select(), tests::planned_at))
                .load(connection)
                .doing(|| "read who was tested".to_owned())?;
            with_details(connection, rows)
        })
    }

    /// The targets of a test.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn picks_of_test(&self, test: &str) -> Result<Vec<TestedPick>> {
        self.ask(|connection| {
            let rows: Vec<(PickRow, i64)> = picks::table
                .inner_join(tests::table.on(tests::id.eq(picks::test)))
                .filter(picks::test.eq(test))
                .order((picks::leaf, picks::id))
                .select((PickRow::as_select(), tests::planned_at))
                .load(connection)
                .doing(|| format!("read who was tested by {test}"))?;
            let mut found = with_details(connection, rows)?;
            found.sort_by_key(TestedPick::number);
            Ok(found)
        })
    }

    /// Targets that were drawn for an occasion that is over at an instant, and that never began.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn picks_overdue(&self, now: Timestamp) -> Result<Vec<TestedPick>> {
        let now = to_nanoseconds(now)?;
        self.ask(|connection| {
            let rows: Vec<(PickRow, i64)> = picks::table
                .inner_join(tests::table.on(tests::id.eq(picks::test)))
                .filter(picks::begun_at.is_null())
                .filter(picks::ended_at.is_null())
                .filter(tests::ends.le(now))
                .order((picks::leaf, picks::id))
                .select((PickRow::as_select(), tests::planned_at))
                .load(connection)
                .doing(|| "read the restore tests that never began".to_owned())?;
            with_details(connection, rows)
        })
    }

    /// Targets whose test began and has no end, or of which something may be left.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn picks_unfinished(&self) -> Result<Vec<TestedPick>> {
        self.ask(|connection| {
            let is_open = picks::ended_at.is_null().or(picks::destroyed_at.is_null());
            let rows: Vec<(PickRow, i64)> = picks::table
                .inner_join(tests::table.on(tests::id.eq(picks::test)))
                .filter(picks::begun_at.is_not_null())
                .filter(is_open)
                .order((picks::leaf, picks::id))
                .select((PickRow::as_select(), tests::planned_at))
                .load(connection)
                .doing(|| "read the restore tests that did not end".to_owned())?;
            with_details(connection, rows)
        })
    }
}

/// Puts back what is kept apart.
fn with_details(connection: &mut Connection, rows: Vec<(PickRow, i64)>) -> Result<Vec<TestedPick>> {
    let hashes: Vec<String> = rows.iter().filter_map(|(row, _)| row.details.clone()).collect();
    let values = private::values(connection, &hashes)?;
    let details = |hash: &String| values.get(hash).map_or(ERASED, |row| row.value()).to_owned();
    rows.into_iter()
        .map(|(row, planned_at)| {
            let details = row.details.as_ref().map(details);
            TestedPick::of(row, planned_at, details)
        })
        .collect()
}

impl RestoreTest {
    fn of(row: Row) -> Result<RestoreTest> {
        let damaged = || Error::damaged(format!("the restore test {} cannot be read", row.id));
        let occasion = match (row.occasion, row.opens, row.ends) {
            (Some(label), Some(opens), Some(ends)) => {
                Some((label, from_nanoseconds(opens), from_nanoseconds(ends)))
            }
            _ => None,
        };
        Ok(RestoreTest {
            test: NewRestoreTest {
                exercise: row.exercise,
                occasion,
                seed: row.seed,
                seed_from: row.seed_from.as_deref().map(read).transpose()?,
                every: row.every,
                sample: row.sample.map(u32::try_from).transpose().map_err(|_| damaged())?,
                untested_max_seconds: row
                    .untested_max_seconds
                    .map(u64::try_from)
                    .transpose()
                    .map_err(|_| damaged())?,
                by: row.by,
                policy_version: row.policy_version.map(u64::try_from).transpose().map_err(|_| damaged())?,
                targets: read(&row.targets)?,
                left_out: read(&row.left_out)?,
            },
            planned_at: from_nanoseconds(row.planned_at),
            recorded_at: from_nanoseconds(row.recorded_at),
            leaf: u64::try_from(row.leaf).map_err(|_| damaged())?,
            id: row.id,
        })
    }
}

impl TestedPick {
    /// Its number among those that were drawn with it.
    pub fn number(&self) -> u64 {
        self.id.rsplit('.').next().and_then(|number| number.parse().ok()).unwrap_or(u64::MAX)
    }

    fn of(row: PickRow, planned_at: i64, details: Option<String>) -> Result<TestedPick> {
        let damaged = || Error::damaged(format!("the restore test {} cannot be read", row.id));
        let moment = |happened: Option<i64>, recorded: Option<i64>, leaf: Option<i64>| {
            let (Some(happened), Some(recorded), Some(leaf)) = (happened, recorded, leaf) else {
                return Ok(None);
            };
            Ok::<_, Error>(Some(Moment {
                happened_at: from_nanoseconds(happened),
                recorded_at: from_nanoseconds(recorded),
                leaf: u64::try_from(leaf).map_err(|_| damaged())?,
            }))
        };
        let state = RestoreTestState::read(&row.state)?;
        let begun = moment(row.begun_at, row.begun_recorded_at, row.begun_leaf)?;
        let begun = match begun {
            None => None,
            Some(moment) => Some((
                PickBegun {
                    pick: row.id.clone(),
                    location: row.location.clone().ok_or_else(damaged)?,
                    beside: read(&row.beside)?,
                    staging: row.staging.clone().ok_or_else(damaged)?,
                    action: row.action.clone().ok_or_else(damaged)?,
                    destroy_by: row.destroy_by.map(from_nanoseconds).ok_or_else(damaged)?,
                },
                moment,
            )),
        };
        let ended = moment(row.ended_at, row.ended_recorded_at, row.ended_leaf)?;
        let ended = match ended {
            None => None,
            Some(moment) => {
                let (failed, screenshot_sha256) = (read(&row.failed)?, row.screenshot_sha256.clone());
                let pick = row.id.clone();
                Some((PickEnd { pick, state, failed, details, screenshot_sha256 }, moment))
            }
        };
        let destroyed = moment(row.destroyed_at, row.destroyed_recorded_at, row.destroyed_leaf)?;
        let count = |count: Option<i64>| u64::try_from(count.unwrap_or(0)).map_err(|_| damaged());
        let destroyed = match destroyed {
            None => None,
            Some(moment) => {
                let (files, bytes) = (count(row.destroyed_files)?, count(row.destroyed_bytes)?);
                Some((PickDestroyed { pick: row.id.clone(), files, bytes, failure: None }, moment))
            }
        };
        Ok(TestedPick {
            picked: Picked {
                asset: row.asset.clone(),
                repository: row.repository.clone(),
                why: row.why.clone(),
                point: row.point.clone(),
                is_drawn: row.is_drawn,
            },
            planned: Moment {
                happened_at: from_nanoseconds(planned_at),
                recorded_at: from_nanoseconds(row.recorded_at),
                leaf: u64::try_from(row.leaf).map_err(|_| damaged())?,
            },
            state,
            begun,
            ended,
            destroyed,
            not_destroyed: row.not_destroyed,
            test: row.test,
            id: row.id,
        })
    }
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|_| Error::damaged("a restore test in the ledger cannot be read"))
}
