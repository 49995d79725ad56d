//! Checks: what was read of a repository at one location, and what was found.

use diesel::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::fact::{Fact, Stamp};
use crate::instant::{from_nanoseconds, to_nanoseconds};
use crate::ledger::Transaction;
use crate::reader::Reader;
use crate::schema::checks;
use crate::words::words;

words! {
    /// What a check found.
    CheckOutcome {
        /// All that was read is as it was written.
        Whole = "whole",
        /// Something has not arrived there yet.
        Owed = "owed",
        /// Something is not as it was written, or is gone.
        Damaged = "damaged",
        /// It could not be done.
        Unusable = "unusable",
    }
}

/// How much was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckScope {
    /// The structure alone.
    Structure,
    /// Everything that one point needs.
    Point(String),
    /// Slice `number` of `of` of all data; together they are everything.
    Slice {
        /// Counts from 0.
        number: u32,
        /// How many there are.
        of: u32,
    },
    /// Every byte.
    All,
}

/// A check that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCheck {
    /// The repository.
    pub repository: String,
    /// The location.
    pub location: String,
    /// How much was read.
    pub scope: CheckScope,
    /// The same in bytes.
    pub bytes_read: u64,
    /// What was found.
    pub outcome: CheckOutcome,
    /// What is wrong, for people.
    pub detail: Option<String>,
}

/// A recorded check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was done and found.
    #[serde(flatten)]
    pub check: NewCheck,
    /// When it was made.
    pub happened_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The leaf that proves it.
    pub leaf: u64,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = checks)]
pub(crate) struct Row {
    leaf: i64,
    repository: String,
    location: String,
    scope: String,
    point: Option<String>,
    slice: Option<i64>,
    slices: Option<i64>,
    bytes_read: i64,
    outcome: String,
    detail: Option<String>,
    happened_at: i64,
    recorded_at: i64,
}

impl Transaction<'_> {
    /// Records a check.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn record_check(&mut self, check: NewCheck, happened_at: Timestamp) -> Result<()> {
        self.record(happened_at, &Fact::Checked(check)).map(|_| ())
    }
}

impl Reader {
    /// Checks of a repository since an instant, at one location or at all, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn checks_of(
        &self,
        repository: &str,
        location: Option<&str>,
        since: Timestamp,
    ) -> Result<Vec<Check>> {
        let since = to_nanoseconds(since)?;
        self.ask(|connection| {
            let mut query = checks::table
                .filter(checks::repository.eq(repository))
                .filter(checks::happened_at.ge(since))
                .into_boxed();
            if let Some(location) = location {
                query = query.filter(checks::location.eq(location));
            }
            let rows: Vec<Row> = query
                .order((checks::happened_at, checks::leaf))
                .load(connection)
                .doing(|| format!("read the checks of {repository}"))?;
            rows.into_iter().map(Check::of).collect()
        })
    }
}

pub(crate) fn apply(connection: &mut Connection, check: &NewCheck, stamp: &Stamp) -> Result<()> {
    let (scope, point, slice) = match &check.scope {
        CheckScope::Structure => ("structure", None, None),
        CheckScope::Point(point) => ("point", Some(point.clone()), None),
        CheckScope::Slice { number, of } => ("slice", None, Some((i64::from(*number), i64::from(*of)))),
        CheckScope::All => ("all", None, None),
    };
    let row = Row {
        leaf: stamp.leaf,
        repository: check.repository.clone(),
        location: check.location.clone(),
        scope: scope.to_owned(),
        point,
        slice: slice.map(|(number, _)| number),
        slices: slice.map(|(_, of)| of),
        bytes_read: i64::try_from(check.bytes_read)
            .map_err(|_| Error::new(ErrorKind::Contradiction, "nobody reads that many bytes"))?,
        outcome: check.outcome.as_str().to_owned(),
        detail: check.detail.clone(),
        happened_at: stamp.happened_at,
        recorded_at: stamp.recorded_at,
    };
    diesel::insert_into(checks::table)
        .values(&row)
        .execute(connection)
        .doing(|| format!("record the check of {} at {}", check.repository, check.location))
        .map(|_| ())
}

impl Check {
    fn of(row: Row) -> Result<Check> {
        let damaged = || Error::damaged(format!("the check of leaf {} cannot be read", row.leaf));
        let number = |number: Option<i64>| number.and_then(|n| u32::try_from(n).ok()).ok_or_else(damaged);
        let scope = match row.scope.as_str() {
            "structure" => CheckScope::Structure,
            "point" => CheckScope::Point(row.point.clone().ok_or_else(damaged)?),
            "slice" => CheckScope::Slice { number: number(row.slice)?, of: number(row.slices)? },
            "all" => CheckScope::All,
            _ => return Err(damaged()),
        };
        Ok(Check {
            happened_at: from_nanoseconds(row.happened_at),
            recorded_at: from_nanoseconds(row.recorded_at),
            leaf: u64::try_from(row.leaf).map_err(|_| damaged())?,
            check: NewCheck {
                scope,
                bytes_read: u64::try_from(row.bytes_read).map_err(|_| damaged())?,
                outcome: CheckOutcome::read(&row.outcome)?,
                repository: row.repository,
                location: row.location,
                detail: row.detail,
            },
        })
    }
}
