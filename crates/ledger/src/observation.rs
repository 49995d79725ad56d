//! Observations: what was looked at beside the runs, so that a verdict can rest on it. What is to be protected, what a location
//! turned out to be, what an audit found: whoever asked the machine again later would get another answer.

use diesel::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::error::{Doing, Error, Result};
use crate::fact::{Fact, Stamp};
use crate::instant::from_nanoseconds;
use crate::ledger::Transaction;
use crate::reader::Reader;
use crate::schema::observations;

/// Something to record that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewObservation {
    /// What kind of thing, e.g. `probe`.
    pub kind: String,
    /// Which one.
    pub subject: String,
    /// What was found.
    pub body: serde_json::Value,
}

/// Something recorded that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Observation {
    /// What was found.
    #[serde(flatten)]
    pub observation: NewObservation,
    /// When it was looked at.
    pub happened_at: Timestamp,
    /// When that was recorded.
    pub recorded_at: Timestamp,
    /// The leaf that proves it.
    pub leaf: u64,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = observations)]
pub(crate) struct Row {
    leaf: i64,
    kind: String,
    subject: String,
    body: String,
    happened_at: i64,
    recorded_at: i64,
}

impl Transaction<'_> {
    /// Records what was looked at.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn observe(&mut self, observation: NewObservation, happened_at: Timestamp) -> Result<()> {
        self.record(happened_at, &Fact::Observed(observation)).map(|_| ())
    }
}

impl Reader {
    /// Everything that was looked at, in the order in which it was recorded.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn observations(&self) -> Result<Vec<Observation>> {
        self.ask(|connection| {
            let rows: Vec<Row> = observations::table
                .order(observations::leaf)
                .load(connection)
                .doing(|| "read what was looked at".to_owned())?;
            rows.into_iter().map(Observation::of).collect()
        })
    }

    /// Everything of a kind that was looked at, in the order in which it was recorded.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn observations_of(&self, kind: &str) -> Result<Vec<Observation>> {
        self.ask(|connection| {
            let rows: Vec<Row> = observations::table
                .filter(observations::kind.eq(kind))
                .order(observations::leaf)
                .load(connection)
                .doing(|| format!("read what was looked at: {kind}"))?;
            rows.into_iter().map(Observation::of).collect()
        })
    }
}

pub(crate) fn apply(connection: &mut Connection, observation: &NewObservation, stamp: &Stamp) -> Result<()> {
    let row = Row {
        leaf: stamp.leaf,
        kind: observation.kind.clone(),
        subject: observation.subject.clone(),
        body: observation.body.to_string(),
        happened_at: stamp.happened_at,
        recorded_at: stamp.recorded_at,
    };
    diesel::insert_into(observations::table)
        .values(&row)
        .execute(connection)
        .doing(|| format!("record what was looked at: {} {}", observation.kind, observation.subject))
        .map(|_| ())
}

impl Observation {
    fn of(row: Row) -> Result<Observation> {
        let damaged = || Error::damaged(format!("the observation of leaf {} cannot be read", row.leaf));
        Ok(Observation {
            happened_at: from_nanoseconds(row.happened_at),
            recorded_at: from_nanoseconds(row.recorded_at),
            leaf: u64::try_from(row.leaf).map_err(|_| damaged())?,
            observation: NewObservation {
                body: serde_json::from_str(&row.body).map_err(|_| damaged())?,
                kind: row.kind,
                subject: row.subject,
            },
        })
    }
}
