//! Holds: points of an asset that must stay whatever their age, because somebody said so and will look at it again.

use diesel::prelude::*;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::fact::{Fact, Stamp};
use crate::instant::from_nanoseconds;
use crate::ledger::Transaction;
use crate::reader::Reader;
use crate::schema::holds;

/// A hold to place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewHold {
    /// The asset.
    pub asset: String,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The day on which it must be looked at again.
    pub review_on: Date,
}

/// A recorded hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// The id.
    pub id: String,
    /// What is held.
    #[serde(flatten)]
    pub hold: NewHold,
    /// Since when.
    pub placed_at: Timestamp,
    /// When it was released.
    pub released_at: Option<Timestamp>,
    /// Who released it.
    pub released_by: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    id: String,
    hold: NewHold,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Released {
    id: String,
    by: String,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = holds)]
pub(crate) struct Row {
    id: String,
    asset: String,
    owner: String,
    reason: String,
    review_on: String,
    placed_at: i64,
    released_at: Option<i64>,
    released_by: Option<String>,
    recorded_at: i64,
    leaf: i64,
}

impl Transaction<'_> {
    /// Places a hold, and returns its id.
    ///
    /// # Errors
    /// `Contradiction` for one without an owner or a reason.
    pub fn place_hold(&mut self, hold: NewHold, happened_at: Timestamp) -> Result<String> {
        if hold.owner.trim().is_empty() || hold.reason.trim().is_empty() {
            return Err(Error::new(ErrorKind::Contradiction, "a hold needs an owner and a reason"));
        }
        let id = self.new_id();
        self.record(happened_at, &Fact::Held(Held { id: id.clone(), hold }))?;
        Ok(id)
    }

    /// Releases a hold.
    ///
    /// # Errors
    /// `Contradiction` for one that is not held.
    pub fn release_hold(&mut self, id: &str, by: &str, happened_at: Timestamp) -> Result<()> {
        self.record(happened_at, &Fact::Released(Released { id: id.to_owned(), by: by.to_owned() }))
            .map(|_| ())
    }
}

impl Reader {
    /// Every hold that was ever placed, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn holds(&self) -> Result<Vec<Hold>> {
        self.ask(|connection| {
            let rows: Vec<Row> = holds::table
                .order((holds::placed_at, holds::id))
                .load(connection)
                .doing(|| "read the holds".to_owned())?;
            rows.into_iter().map(Hold::of).collect()
        })
    }

    /// The holds that stand, of one asset or of all, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn holds_standing(&self, asset: Option<&str>) -> Result<Vec<Hold>> {
        self.ask(|connection| {
            let mut query = holds::table.filter(holds::released_at.is_null()).into_boxed();
            if let Some(asset) = asset {
                query = query.filter(holds::asset.eq(asset));
            }
            let rows: Vec<Row> = query
                .order((holds::placed_at, holds::id))
                .load(connection)
                .doing(|| "read the holds".to_owned())?;
            rows.into_iter().map(Hold::of).collect()
        })
    }
}

pub(crate) fn apply_held(connection: &mut Connection, held: &Held, stamp: &Stamp) -> Result<()> {
    let row = Row {
        id: held.id.clone(),
        asset: held.hold.asset.clone(),
        owner: held.hold.owner.clone(),
        reason: held.hold.reason.clone(),
        review_on: held.hold.review_on.to_string(),
        placed_at: stamp.happened_at,
        released_at: None,
        released_by: None,
        recorded_at: stamp.recorded_at,
        leaf: stamp.leaf,
    };
    diesel::insert_into(holds::table)
        .values(&row)
        .execute(connection)
        .doing(|| format!("hold {}", row.asset))
        .map(|_| ())
}

pub(crate) fn apply_released(connection: &mut Connection, released: &Released, stamp: &Stamp) -> Result<()> {
    let standing = holds::table.find(&released.id).filter(holds::released_at.is_null());
    let count = diesel::update(standing)
        .set((
            holds::released_at.eq(stamp.happened_at),
            holds::released_by.eq(&released.by),
            holds::recorded_at.eq(stamp.recorded_at),
            holds::leaf.eq(stamp.leaf),
        ))
        .execute(connection)
        .doing(|| format!("release hold {}", released.id))?;
    if count == 0 {
        return Err(Error::new(ErrorKind::Contradiction, format!("no hold {} stands", released.id)));
    }
    Ok(())
}

impl Hold {
    fn of(row: Row) -> Result<Hold> {
        let review_on = row.review_on.parse().map_err(|error: jiff::Error| {
            Error::caused(ErrorKind::Damaged, format!("hold {} has no review date", row.id), error)
        })?;
        Ok(Hold {
            id: row.id,
            hold: NewHold { asset: row.asset, owner: row.owner, reason: row.reason, review_on },
            placed_at: from_nanoseconds(row.placed_at),
            released_at: row.released_at.map(from_nanoseconds),
            released_by: row.released_by,
        })
    }
}
