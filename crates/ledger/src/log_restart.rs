//! That a new log began. A ledger that was lost, or brought back from an old copy, cannot continue what was signed and carried
//! away; going on under the same key would be two logs in one name. So somebody says so, and from then on another key signs.

use diesel::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::error::{Doing, Error, Result};
use crate::fact::{Fact, Stamp};
use crate::instant::from_nanoseconds;
use crate::ledger::Transaction;
use crate::reader::Reader;
use crate::schema::log_restarts;

/// That a new log began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogRestart {
    /// The public half of the key that signed before.
    pub old_key: String,
    /// Who says so.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub happened_at: Timestamp,
    /// The leaf that proves it.
    pub leaf: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Restarted {
    old_key: String,
    by: String,
    reason: String,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = log_restarts)]
pub(crate) struct Row {
    leaf: i64,
    old_key: String,
    by: String,
    reason: String,
    happened_at: i64,
    recorded_at: i64,
}

impl Transaction<'_> {
    /// Records that another key than `old_key` signs from now on.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn restart_log(
        &mut self,
        old_key: &str,
        by: &str,
        reason: &str,
        happened_at: Timestamp,
    ) -> Result<()> {
        let restarted =
            Restarted { old_key: old_key.to_owned(), by: by.to_owned(), reason: reason.to_owned() };
        self.record(happened_at, &Fact::LogRestarted(restarted)).map(|_| ())
    }
}

impl Reader {
    /// Every restart of the log, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn log_restarts(&self) -> Result<Vec<LogRestart>> {
        self.ask(|connection| {
            let rows: Vec<Row> = log_restarts::table
                .order(log_restarts::leaf)
                .load(connection)
                .doing(|| "read the restarts of the log".to_owned())?;
            rows.into_iter().map(LogRestart::of).collect()
        })
    }
}

pub(crate) fn apply(connection: &mut Connection, restarted: &Restarted, stamp: &Stamp) -> Result<()> {
    let row = Row {
        leaf: stamp.leaf,
        old_key: restarted.old_key.clone(),
        by: restarted.by.clone(),
        reason: restarted.reason.clone(),
        happened_at: stamp.happened_at,
        recorded_at: stamp.recorded_at,
    };
    diesel::insert_into(log_restarts::table)
        .values(&row)
        .execute(connection)
        .doing(|| "record that a new log begins".to_owned())
        .map(|_| ())
}

impl LogRestart {
    fn of(row: Row) -> Result<LogRestart> {
        Ok(LogRestart {
            leaf: u64::try_from(row.leaf)
                .map_err(|_| Error::damaged(format!("the restart of leaf {} cannot be read", row.leaf)))?,
            old_key: row.old_key,
            by: row.by,
            reason: row.reason,
            happened_at: from_nanoseconds(row.happened_at),
        })
    }
}
