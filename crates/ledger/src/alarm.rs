//! Alarms: what people had to be told when it happened. Whoever was not there can still see that it was said, and when;
//! an alarm that lived only in a log file would be gone with the log.

use diesel::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::error::{Doing, Error, Result};
use crate::fact::{Fact, Stamp};
use crate::instant::{from_nanoseconds, to_nanoseconds};
use crate::ledger::Transaction;
use crate::reader::Reader;
use crate::schema::alarms;
use crate::words::words;

words! {
    /// What an alarm is about.
    AlarmKind {
        /// There is more to do than can be done: slots will be late.
        Overload = "overload",
        /// No run of a dataset succeeds, and nothing is tried for a while.
        GaveUp = "gave-up",
        /// The wall clock was set.
        ClockJumped = "clock-jumped",
        /// A changed policy or estate makes no sense; the one before stays in force.
        ConfigurationRefused = "configuration-refused",
        /// What should be gone still lies somewhere, for a day or longer.
        PurgeStalled = "purge-stalled",
        /// Stored bytes are not what they were, or are gone.
        DamageFound = "damage-found",
        /// Stored bytes were not read again within the days in which all of them must be.
        RereadOverdue = "reread-overdue",
        /// The audit log does not continue what was signed and carried away before.
        LogForked = "log-forked",
        /// Restore tests could not be made at all.
        NotTested = "not-tested",
        /// Verdicts could not be made several times in a row: those that are written down stand still.
        NotJudged = "not-judged",
        /// A database's log cannot be followed any further from its last dump: what happens until the next one is not held.
        LogGap = "log-gap",
    }
}

/// An alarm to record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAlarm {
    /// What it is about.
    pub kind: AlarmKind,
    /// Whom it is about: an asset, a repository, a file.
    pub subject: String,
    /// What people were told.
    pub message: String,
}

/// A recorded alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// What was said.
    #[serde(flatten)]
    pub alarm: NewAlarm,
    /// When it happened.
    pub happened_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The leaf that proves it.
    pub leaf: u64,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = alarms)]
pub(crate) struct Row {
    leaf: i64,
    kind: String,
    subject: String,
    message: String,
    happened_at: i64,
    recorded_at: i64,
}

impl Transaction<'_> {
    /// Records an alarm.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn raise(&mut self, alarm: NewAlarm, happened_at: Timestamp) -> Result<()> {
        self.record(happened_at, &Fact::AlarmRaised(alarm)).map(|_| ())
    }
}

impl Reader {
    /// Alarms from `from` on and before `to`, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn alarms_between(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Alarm>> {
        let (from, to) = (to_nanoseconds(from)?, to_nanoseconds(to)?);
        self.ask(|connection| {
            let rows: Vec<Row> = alarms::table
                .filter(alarms::happened_at.ge(from))
                .filter(alarms::happened_at.lt(to))
                .order((alarms::happened_at, alarms::leaf))
                .load(connection)
                .doing(|| "read the alarms".to_owned())?;
            rows.into_iter().map(Alarm::of).collect()
        })
    }
}

pub(crate) fn apply(connection: &mut Connection, alarm: &NewAlarm, stamp: &Stamp) -> Result<()> {
    let row = Row {
        leaf: stamp.leaf,
        kind: alarm.kind.as_str().to_owned(),
        subject: alarm.subject.clone(),
        message: alarm.message.clone(),
        happened_at: stamp.happened_at,
        recorded_at: stamp.recorded_at,
    };
    diesel::insert_into(alarms::table)
        .values(&row)
        .execute(connection)
        .doing(|| format!("raise an alarm about {}", alarm.subject))
        .map(|_| ())
}

impl Alarm {
    fn of(row: Row) -> Result<Alarm> {
        let leaf = u64::try_from(row.leaf)
            .map_err(|_| Error::damaged(format!("the alarm of leaf {} cannot be read", row.leaf)))?;
        let alarm =
            NewAlarm { kind: AlarmKind::read(&row.kind)?, subject: row.subject, message: row.message };
        Ok(Alarm {
            alarm,
            happened_at: from_nanoseconds(row.happened_at),
            recorded_at: from_nanoseconds(row.recorded_at),
            leaf,
        })
    }
}
