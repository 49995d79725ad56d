//! Points of a database's log, which is followed each minute: everything about one in a single leaf.
//!
//! A backup is written down in ten leaves. Minute after minute that would bury everything else, and each question about
//! a repository would go through half a million checks after a year. So what was read back of such a point stands beside it,
//! and only what is wrong is a check of its own. And a minute in which nothing happened is no point at all: it is written down
//! that the server was asked and stood where the last point ends.

use diesel::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connection::{AT_ONCE, Connection};
use crate::copies::{self, CopyAt};
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::fact::{Fact, Stamp};
use crate::instant::{from_nanoseconds, to_nanoseconds};
use crate::ledger::Transaction;
use crate::point::{self, Point};
use crate::reader::Reader;
use crate::schema::{log_looks, log_points, points};

/// A point of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPoint {
    /// The point.
    pub point: Point,
    /// The dump that it goes on from.
    pub base: String,
    /// The server, as it tells itself from others; absent where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The file of the server's log in which it ends.
    pub file: String,
    /// Where in it.
    pub position: u64,
    /// The locations that took it.
    pub copies: Vec<LogCopy>,
}

/// A point of a log at one location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogCopy {
    /// The location.
    pub location: String,
    /// Whether everything that was brought there was read back and is whole.
    pub is_checked: bool,
}

/// The server was asked, and its log had gone no further than a point: of the log itself, or of the dump where nothing happened
/// since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLook {
    /// The point.
    pub point: String,
    /// The instant for which the server said so.
    pub until: Timestamp,
}

/// A point of a log as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedLog {
    /// The point.
    pub point: String,
    /// The dump that it goes on from.
    pub base: String,
    /// The server, as it tells itself from others.
    pub server: Option<String>,
    /// The file of the server's log in which it ends.
    pub file: String,
    /// Where in it.
    pub position: u64,
    /// Locations at which it was read back when it was made.
    pub checked_at: Vec<String>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The leaf that proves it.
    pub leaf: u64,
}

/// A point of a log with the instant until which it is complete.
pub type DatedLog = (RecordedLog, Timestamp);

/// A look, and when it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedLook {
    /// What was seen.
    pub look: LogLook,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = log_points)]
pub(crate) struct Row {
    point: String,
    base: String,
    server: Option<String>,
    file: String,
    position: i64,
    checked_at: String,
    recorded_at: i64,
    leaf: i64,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = log_looks)]
pub(crate) struct LookRow {
    leaf: i64,
    point: String,
    until: i64,
    recorded_at: i64,
}

impl Transaction<'_> {
    /// Records a point of a log, with its copies.
    ///
    /// # Errors
    /// `Contradiction` for one that is known already.
    pub fn record_log(&mut self, log: LogPoint, happened_at: Timestamp) -> Result<()> {
        self.record(happened_at, &Fact::LogRecorded(log)).map(|_| ())
    }

    /// Records that the server's log had gone no further.
    ///
    /// # Errors
    /// `Contradiction` for a point that was never recorded, or an instant before it.
    pub fn look_at_log(&mut self, look: LogLook, happened_at: Timestamp) -> Result<()> {
        self.record(happened_at, &Fact::LogLooked(look)).map(|_| ())
    }
}

impl Reader {
    /// The points of the log of an asset from an instant on, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn logs_of(&self, asset: &str, since: Timestamp) -> Result<Vec<DatedLog>> {
        let since = to_nanoseconds(since)?;
        self.ask(|connection| {
            let rows: Vec<(Row, i64)> = log_points::table
                .inner_join(points::table)
                .filter(points::asset.eq(asset))
                .filter(points::instant.ge(since))
                .order((points::instant, points::id))
                .select((log_points::all_columns, points::instant))
                .load(connection)
                .doing(|| format!("read the log of {asset}"))?;
            rows.into_iter().map(RecordedLog::dated).collect()
        })
    }

    /// The points of the log that go on from a dump, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn logs_on(&self, base: &str) -> Result<Vec<DatedLog>> {
        self.ask(|connection| {
            let rows: Vec<(Row, i64)> = log_points::table
                .inner_join(points::table)
                .filter(log_points::base.eq(base))
                .order((points::instant, points::id))
                .select((log_points::all_columns, points::instant))
                .load(connection)
                .doing(|| format!("read the log since {base}"))?;
            rows.into_iter().map(RecordedLog::dated).collect()
        })
    }

    /// Those of these points that are of a log.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn logs_among(&self, points: &[&str]) -> Result<Vec<RecordedLog>> {
        self.ask(|connection| {
            let mut found = Vec::new();
            for points in points.chunks(AT_ONCE) {
                let rows: Vec<Row> = log_points::table
                    .filter(log_points::point.eq_any(points))
                    .order(log_points::point)
                    .load(connection)
                    .doing(|| "read points of logs".to_owned())?;
                found.extend(rows);
            }
            found.into_iter().map(RecordedLog::of).collect()
        })
    }

    /// Every point of a log that was recorded at an instant or later, or that is of an instant no earlier; oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn logs_since(&self, since: Timestamp) -> Result<Vec<RecordedLog>> {
        let since = to_nanoseconds(since)?;
        self.ask(|connection| {
            let rows: Vec<Row> = log_points::table
                .inner_join(points::table)
                .filter(log_points::recorded_at.ge(since).or(points::instant.ge(since)))
                .order((points::instant, points::id))
                .select(log_points::all_columns)
                .load(connection)
                .doing(|| "read the logs".to_owned())?;
            rows.into_iter().map(RecordedLog::of).collect()
        })
    }

    /// Every look that was recorded at an instant or later, in the order in which they were.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn looks_since(&self, since: Timestamp) -> Result<Vec<RecordedLook>> {
        let since = to_nanoseconds(since)?;
        self.ask(|connection| {
            let rows: Vec<LookRow> = log_looks::table
                .filter(log_looks::recorded_at.ge(since))
                .order(log_looks::leaf)
                .load(connection)
                .doing(|| "read what was seen of logs".to_owned())?;
            Ok(rows.into_iter().map(RecordedLook::of).collect())
        })
    }

    /// The last look at a point.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn last_look(&self, point: &str) -> Result<Option<RecordedLook>> {
        self.ask(|connection| {
            let row: Option<LookRow> = log_looks::table
                .filter(log_looks::point.eq(point))
                .order(log_looks::leaf.desc())
                .first(connection)
                .optional()
                .doing(|| format!("read what was seen of the log since {point}"))?;
            Ok(row.map(RecordedLook::of))
        })
    }
}

pub(crate) fn apply(connection: &mut Connection, log: &LogPoint, stamp: &Stamp) -> Result<()> {
    point::apply(connection, &log.point, stamp)?;
    let mut checked: Vec<&str> = Vec::new();
    for copy in &log.copies {
        let at = CopyAt { point: log.point.id.clone(), location: copy.location.clone() };
        copies::apply_seen(connection, &at, stamp)?;
        checked.extend(copy.is_checked.then_some(copy.location.as_str()));
    }
    let row = Row {
        point: log.point.id.clone(),
        base: log.base.clone(),
        server: log.server.clone(),
        file: log.file.clone(),
        position: i64::try_from(log.position).unwrap_or(i64::MAX),
        checked_at: serde_json::json!(checked).to_string(),
        recorded_at: stamp.recorded_at,
        leaf: stamp.leaf,
    };
    diesel::insert_into(log_points::table)
        .values(&row)
        .execute(connection)
        .doing(|| format!("record the log point {}", log.point.id))
        .map(|_| ())
}

pub(crate) fn apply_looked(connection: &mut Connection, look: &LogLook, stamp: &Stamp) -> Result<()> {
    let doing = || format!("record what was seen of the log since {}", look.point);
    let instant: Option<i64> =
        points::table.find(&look.point).select(points::instant).first(connection).optional().doing(doing)?;
    let until = to_nanoseconds(look.until)?;
    let contradiction =
        |what: &str| Err(Error::new(ErrorKind::Contradiction, format!("the point {} {what}", look.point)));
    match instant {
        None => return contradiction("was never recorded"),
        Some(instant) if instant > until => return contradiction("is of a later instant than what was seen"),
        Some(_) => {}
    }
    let row = LookRow { leaf: stamp.leaf, point: look.point.clone(), until, recorded_at: stamp.recorded_at };
    diesel::insert_into(log_looks::table).values(&row).execute(connection).doing(doing).map(|_| ())
}

impl RecordedLog {
    fn dated((row, instant): (Row, i64)) -> Result<DatedLog> {
        Ok((RecordedLog::of(row)?, from_nanoseconds(instant)))
    }

    fn of(row: Row) -> Result<RecordedLog> {
        let damaged = || Error::damaged(format!("the log point {} cannot be read", row.point));
        Ok(RecordedLog {
            position: u64::try_from(row.position).map_err(|_| damaged())?,
            leaf: u64::try_from(row.leaf).map_err(|_| damaged())?,
            checked_at: serde_json::from_str(&row.checked_at).map_err(|_| damaged())?,
            recorded_at: from_nanoseconds(row.recorded_at),
            point: row.point,
            base: row.base,
            server: row.server,
            file: row.file,
        })
    }
}

impl RecordedLook {
    fn of(row: LookRow) -> RecordedLook {
        RecordedLook {
            look: LogLook { point: row.point, until: from_nanoseconds(row.until) },
            recorded_at: from_nanoseconds(row.recorded_at),
        }
    }
}
