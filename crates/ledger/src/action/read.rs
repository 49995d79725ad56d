//! Actions of the past, with the values about people that were not erased.

use std::collections::BTreeMap;

use diesel::prelude::*;
use jiff::Timestamp;

use super::{Action, ActionKind, ActionOutcome, NewAction, Row};
use crate::connection::Connection;
use crate::error::{Doing, Error, Result};
use crate::instant::{from_nanoseconds, to_nanoseconds};
use crate::private::{self, ERASED};
use crate::reader::Reader;
use crate::schema::actions;

impl Reader {
    /// The actions of which nobody said how they ended, oldest first: they go on, or were cut off.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn actions_open(&self) -> Result<Vec<Action>> {
        self.ask(|connection| {
            let is_open = actions::outcome.is_null().or(actions::outcome.eq(ActionOutcome::CutOff.as_str()));
            let rows: Vec<Row> = actions::table
                .filter(is_open)
                .order((actions::begun_at, actions::id))
                .load(connection)
                .doing(|| "read the actions".to_owned())?;
            with_values(connection, rows)
        })
    }

    /// What was done without the log, whether it was reviewed or not, oldest first.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn actions_without_log(&self) -> Result<Vec<Action>> {
        self.ask(|connection| {
            let rows: Vec<Row> = actions::table
                .filter(actions::break_glass.is_not_null())
                .order((actions::begun_at, actions::id))
                .load(connection)
                .doing(|| "read the actions".to_owned())?;
            with_values(connection, rows)
        })
    }

    /// The actions that began from `from` on and before `to`, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn actions_between(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Action>> {
        let (from, to) = (to_nanoseconds(from)?, to_nanoseconds(to)?);
        self.ask(|connection| {
            let rows: Vec<Row> = actions::table
                .filter(actions::begun_at.ge(from))
                .filter(actions::begun_at.lt(to))
                .order((actions::begun_at, actions::id))
                .load(connection)
                .doing(|| "read the actions".to_owned())?;
            with_values(connection, rows)
        })
    }
}

/// Puts back what is kept apart.
fn with_values(connection: &mut Connection, rows: Vec<Row>) -> Result<Vec<Action>> {
    let mut hashes = Vec::new();
    for row in &rows {
        hashes.extend(private::hashes_of(&row.paths)?);
        let others = [Some(&row.actor), Some(&row.purpose), row.target.as_ref(), row.detail.as_ref()];
        hashes.extend(others.into_iter().flatten().cloned());
    }
    let values = private::values(connection, &hashes)?;
    rows.into_iter().map(|row| Action::of(row, &values)).collect()
}

impl Action {
    fn of(row: Row, values: &BTreeMap<String, private::Row>) -> Result<Action> {
        let value =
            |hash: &String| values.get(hash).map_or_else(|| ERASED.to_owned(), |row| row.value().to_owned());
        let broken = || Error::damaged(format!("the action {} cannot be read", row.id));
        let paths = private::hashes_of(&row.paths)?;
        Ok(Action {
            action: NewAction {
                kind: ActionKind::read(&row.kind)?,
                actor: value(&row.actor),
                asset: row.asset.clone(),
                repository: row.repository.clone(),
                location: row.location.clone(),
                point: row.point.clone(),
                paths: paths.iter().map(value).collect(),
                target: row.target.as_ref().map(value),
                purpose: value(&row.purpose),
                break_glass: row.break_glass.clone(),
            },
            begun_at: from_nanoseconds(row.begun_at),
            ended_at: row.ended_at.map(from_nanoseconds),
            outcome: row.outcome.as_deref().map(ActionOutcome::read).transpose()?,
            detail: row.detail.as_ref().map(value),
            reviewed_at: row.reviewed_at.map(from_nanoseconds),
            reviewed_by: row.reviewed_by.clone(),
            review: row.review.clone(),
            leaf: u64::try_from(row.leaf).map_err(|_| broken())?,
            id: row.id,
        })
    }
}
