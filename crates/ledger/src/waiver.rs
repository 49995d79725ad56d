//! Waivers: slots that somebody excused, with a name, a reason and an end. Without an end a waiver would be a hole.

use diesel::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::fact::{Fact, Stamp};
use crate::instant::{from_nanoseconds, to_nanoseconds};
use crate::ledger::Transaction;
use crate::reader::Reader;
use crate::schema::waivers;

/// A waiver to record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewWaiver {
    /// The asset.
    pub asset: String,
    /// The part of it; all of it where absent.
    pub dataset: Option<String>,
    /// From when.
    pub begins: Timestamp,
    /// Until when, not included.
    pub expires: Timestamp,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
}

/// A recorded waiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiver {
    /// The id.
    pub id: String,
    /// What was waived.
    #[serde(flatten)]
    pub waiver: NewWaiver,
    /// When it was granted.
    pub happened_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Waived {
    id: String,
    waiver: NewWaiver,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = waivers)]
pub(crate) struct Row {
    id: String,
    asset: String,
    dataset: Option<String>,
    begins: i64,
    expires: i64,
    owner: String,
    reason: String,
    happened_at: i64,
    recorded_at: i64,
    leaf: i64,
}

impl Transaction<'_> {
    /// Records a waiver, and returns its id.
    ///
    /// # Errors
    /// `Contradiction` for one without a span, an owner or a reason.
    pub fn waive(&mut self, waiver: NewWaiver, happened_at: Timestamp) -> Result<String> {
        if waiver.owner.trim().is_empty() || waiver.reason.trim().is_empty() {
            return Err(Error::new(ErrorKind::Contradiction, "a waiver needs an owner and a reason"));
        }
        let id = self.new_id();
        self.record(happened_at, &Fact::Waived(Waived { id: id.clone(), waiver }))?;
        Ok(id)
    }
}

impl Reader {
    /// Every waiver that was ever granted, of one asset or of all, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn waivers(&self, asset: Option<&str>) -> Result<Vec<Waiver>> {
        self.ask(|connection| {
            let mut query = waivers::table.into_boxed();
            if let Some(asset) = asset {
                query = query.filter(waivers::asset.eq(asset));
            }
            let rows: Vec<Row> =
                query.order(waivers::leaf).load(connection).doing(|| "read the waivers".to_owned())?;
            Ok(rows.into_iter().map(Waiver::of).collect())
        })
    }

    /// The waivers that cover an instant, of one asset or of all.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn waivers_at(&self, at: Timestamp, asset: Option<&str>) -> Result<Vec<Waiver>> {
        let at = to_nanoseconds(at)?;
        self.ask(|connection| {
            let mut query =
                waivers::table.filter(waivers::begins.le(at)).filter(waivers::expires.gt(at)).into_boxed();
            if let Some(asset) = asset {
                query = query.filter(waivers::asset.eq(asset));
            }
            let rows: Vec<Row> =
                query.order(waivers::leaf).load(connection).doing(|| "read the waivers".to_owned())?;
            Ok(rows.into_iter().map(Waiver::of).collect())
        })
    }
}

pub(crate) fn apply(connection: &mut Connection, waived: &Waived, stamp: &Stamp) -> Result<()> {
    let waiver = &waived.waiver;
    let row = Row {
        id: waived.id.clone(),
        asset: waiver.asset.clone(),
        dataset: waiver.dataset.clone(),
        begins: to_nanoseconds(waiver.begins)?,
        expires: to_nanoseconds(waiver.expires)?,
        owner: waiver.owner.clone(),
        reason: waiver.reason.clone(),
        happened_at: stamp.happened_at,
        recorded_at: stamp.recorded_at,
        leaf: stamp.leaf,
    };
    diesel::insert_into(waivers::table)
        .values(&row)
        .execute(connection)
        .doing(|| format!("waive slots of {}", waiver.asset))
        .map(|_| ())
}

impl Waiver {
    fn of(row: Row) -> Waiver {
        Waiver {
            id: row.id,
            happened_at: from_nanoseconds(row.happened_at),
            recorded_at: from_nanoseconds(row.recorded_at),
            waiver: NewWaiver {
                asset: row.asset,
                dataset: row.dataset,
                begins: from_nanoseconds(row.begins),
                expires: from_nanoseconds(row.expires),
                owner: row.owner,
                reason: row.reason,
            },
        }
    }
}
