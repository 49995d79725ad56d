//! Receipts of purges. A point that is not listed any more is gone only once its bytes are; so each location and group of
//! objects has two: the logical one (nothing refers to it) and the physical one (nothing of it is left).

use diesel::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::fact::{Fact, Stamp};
use crate::instant::{from_nanoseconds, to_nanoseconds};
use crate::ledger::Transaction;
use crate::reader::Reader;
use crate::schema::receipts;
use crate::words::words;

words! {
    /// How far a purge came.
    PurgePhase {
        /// Nothing refers to it any more.
        Logical = "logical",
        /// Nothing of it is left there.
        Physical = "physical",
    }
}

/// What a purge did at one location with one group of objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewReceipt {
    /// The purge that it belongs to, e.g. the run's id.
    pub purge: String,
    /// How far it came.
    pub phase: PurgePhase,
    /// The repository.
    pub repository: String,
    /// The location.
    pub location: String,
    /// What was removed: `snapshots`, `index`, `data`, or where a location keeps them, `versions`.
    pub group: String,
    /// How many objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The points of which nothing is left there as far as the phase says, whichever purge decided on them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<String>,
}

/// A recorded receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// What was done.
    #[serde(flatten)]
    pub receipt: NewReceipt,
    /// When.
    pub happened_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The leaf that proves it.
    pub leaf: u64,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = receipts)]
pub(crate) struct Row {
    leaf: i64,
    purge: String,
    phase: String,
    repository: String,
    location: String,
    object_group: String,
    objects: i64,
    bytes: i64,
    happened_at: i64,
    recorded_at: i64,
    points: Option<String>,
}

impl Transaction<'_> {
    /// Records a receipt.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn record_receipt(&mut self, receipt: NewReceipt, happened_at: Timestamp) -> Result<()> {
        self.record(happened_at, &Fact::Purged(receipt)).map(|_| ())
    }
}

impl Reader {
    /// What was removed since an instant, whichever purge did it, in the order in which it was recorded.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn receipts_since(&self, since: Timestamp) -> Result<Vec<Receipt>> {
        let since = to_nanoseconds(since)?;
        self.ask(|connection| {
            let rows: Vec<Row> = receipts::table
                .filter(receipts::happened_at.ge(since).or(receipts::recorded_at.ge(since)))
                .order(receipts::leaf)
                .load(connection)
                .doing(|| "read the receipts".to_owned())?;
            rows.into_iter().map(Receipt::of).collect()
        })
    }

    /// The receipts of one purge, in the order in which they were recorded.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn receipts_of(&self, purge: &str) -> Result<Vec<Receipt>> {
        self.ask(|connection| {
            let rows: Vec<Row> = receipts::table
                .filter(receipts::purge.eq(purge))
                .order(receipts::leaf)
                .load(connection)
                .doing(|| format!("read the receipts of {purge}"))?;
            rows.into_iter().map(Receipt::of).collect()
        })
    }
}

pub(crate) fn apply(connection: &mut Connection, receipt: &NewReceipt, stamp: &Stamp) -> Result<()> {
    let count = |number: u64| {
        i64::try_from(number)
            .map_err(|_| Error::new(ErrorKind::Contradiction, format!("nobody purges {number} of anything")))
    };
    let points = match receipt.points.as_slice() {
        [] => None,
        some => Some(
            serde_json::to_string(some)
                .map_err(|e| Error::caused(ErrorKind::System, "write the points of a receipt", e))?,
        ),
    };
    let row = Row {
        leaf: stamp.leaf,
        purge: receipt.purge.clone(),
        phase: receipt.phase.as_str().to_owned(),
        repository: receipt.repository.clone(),
        location: receipt.location.clone(),
        object_group: receipt.group.clone(),
        objects: count(receipt.objects)?,
        bytes: count(receipt.bytes)?,
        happened_at: stamp.happened_at,
        recorded_at: stamp.recorded_at,
        points,
    };
    diesel::insert_into(receipts::table)
        .values(&row)
        .execute(connection)
        .doing(|| format!("record the receipt of {}", receipt.purge))
        .map(|_| ())
}

impl Receipt {
    fn of(row: Row) -> Result<Receipt> {
        let damaged = || Error::damaged(format!("the receipt of leaf {} cannot be read", row.leaf));
        let count = |number: i64| u64::try_from(number).map_err(|_| damaged());
        let points = row.points.as_deref().map(serde_json::from_str).transpose().map_err(|_| damaged())?;
        Ok(Receipt {
            happened_at: from_nanoseconds(row.happened_at),
            recorded_at: from_nanoseconds(row.recorded_at),
            leaf: count(row.leaf)?,
            receipt: NewReceipt {
                phase: PurgePhase::read(&row.phase)?,
                objects: count(row.objects)?,
                bytes: count(row.bytes)?,
                points: points.unwrap_or_default(),
                purge: row.purge,
                repository: row.repository,
                location: row.location,
                group: row.object_group,
            },
        })
    }
}
