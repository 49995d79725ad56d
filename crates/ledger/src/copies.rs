//! Copies: which location holds which point, since when, and when that was last seen with our own eyes.

use std::collections::BTreeMap;

use diesel::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connection::{AT_ONCE, Connection};
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::fact::{Fact, Stamp};
use crate::instant::from_nanoseconds;
use crate::ledger::Transaction;
use crate::reader::Reader;
use crate::schema::copies;

/// A point at one location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PointCopy {
    /// The point's id.
    pub point: String,
    /// The location.
    pub location: String,
    /// Since when it lies there.
    pub has_since: Timestamp,
    /// When it was last seen there.
    pub confirmed_at: Timestamp,
    /// When it was seen to be gone.
    pub removed_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CopyAt {
    pub(crate) point: String,
    pub(crate) location: String,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = copies)]
pub(crate) struct Row {
    point: String,
    location: String,
    has_since: i64,
    confirmed_at: i64,
    removed_at: Option<i64>,
    recorded_at: i64,
    leaf: i64,
}

impl Transaction<'_> {
    /// Records that a location was seen to hold a point, whole.
    ///
    /// # Errors
    /// `Contradiction` for a point that was never recorded.
    pub fn see_copy(&mut self, point: &str, location: &str, happened_at: Timestamp) -> Result<()> {
        let copy = CopyAt { point: point.to_owned(), location: location.to_owned() };
        self.record(happened_at, &Fact::CopySeen(copy)).map(|_| ())
    }

    /// Records that a location was seen not to hold a point any more.
    ///
    /// # Errors
    /// `Contradiction` where it was never seen to hold it, or is gone already.
    pub fn remove_copy(&mut self, point: &str, location: &str, happened_at: Timestamp) -> Result<()> {
        let copy = CopyAt { point: point.to_owned(), location: location.to_owned() };
        self.record(happened_at, &Fact::CopyRemoved(copy)).map(|_| ())
    }
}

impl Reader {
    /// The copies of a point, those that are gone included.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn copies_of(&self, point: &str) -> Result<Vec<PointCopy>> {
        self.ask(|connection| {
            let rows: Vec<Row> = copies::table
                .filter(copies::point.eq(point))
                .order(copies::location)
                .load(connection)
                .doing(|| format!("read the copies of {point}"))?;
            Ok(rows.into_iter().map(PointCopy::of).collect())
        })
    }
}

impl Reader {
    /// The copies of these points, those that are gone included, by point.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn copies_of_all(&self, points: &[&str]) -> Result<BTreeMap<String, Vec<PointCopy>>> {
        self.ask(|connection| {
            let mut by_point: BTreeMap<String, Vec<PointCopy>> = BTreeMap::new();
            for points in points.chunks(AT_ONCE) {
                let rows: Vec<Row> = copies::table
                    .filter(copies::point.eq_any(points))
                    .order((copies::point, copies::location))
                    .load(connection)
                    .doing(|| "read the copies".to_owned())?;
                for row in rows {
                    by_point.entry(row.point.clone()).or_default().push(PointCopy::of(row));
                }
            }
            Ok(by_point)
        })
    }
}

fn find(connection: &mut Connection, copy: &CopyAt) -> Result<Option<Row>> {
    copies::table
        .find((&copy.point, &copy.location))
        .first(connection)
        .optional()
        .doing(|| format!("read the copy of {} at {}", copy.point, copy.location))
}

pub(crate) fn apply_seen(connection: &mut Connection, copy: &CopyAt, stamp: &Stamp) -> Result<()> {
    let doing = || format!("record the copy of {} at {}", copy.point, copy.location);
    let Some(known) = find(connection, copy)? else {
        let row = Row {
            point: copy.point.clone(),
            location: copy.location.clone(),
            has_since: stamp.happened_at,
            confirmed_at: stamp.happened_at,
            removed_at: None,
            recorded_at: stamp.recorded_at,
            leaf: stamp.leaf,
        };
        return diesel::insert_into(copies::table).values(&row).execute(connection).doing(doing).map(|_| ());
    };
    // One that was gone and was healed is there since now, not since ever.
    let has_since = if known.removed_at.is_some() { stamp.happened_at } else { known.has_since };
    diesel::update(copies::table.find((&copy.point, &copy.location)))
        .set((
            copies::has_since.eq(has_since),
            copies::confirmed_at.eq(known.confirmed_at.max(stamp.happened_at)),
            copies::removed_at.eq(None::<i64>),
            copies::recorded_at.eq(stamp.recorded_at),
            copies::leaf.eq(stamp.leaf),
        ))
        .execute(connection)
        .doing(doing)
        .map(|_| ())
}

pub(crate) fn apply_removed(connection: &mut Connection, copy: &CopyAt, stamp: &Stamp) -> Result<()> {
    let is_there = find(connection, copy)?.is_some_and(|row| row.removed_at.is_none());
    if !is_there {
        let why = format!("{} holds no copy of {} that could go", copy.location, copy.point);
        return Err(Error::new(ErrorKind::Contradiction, why));
    }
    diesel::update(copies::table.find((&copy.point, &copy.location)))
        .set((
            copies::removed_at.eq(stamp.happened_at),
            copies::recorded_at.eq(stamp.recorded_at),
            copies::leaf.eq(stamp.leaf),
        ))
        .execute(connection)
        .doing(|| format!("remove the copy of {} at {}", copy.point, copy.location))
        .map(|_| ())
}

impl PointCopy {
    fn of(row: Row) -> PointCopy {
        PointCopy {
            point: row.point,
            location: row.location,
            has_since: from_nanoseconds(row.has_since),
            confirmed_at: from_nanoseconds(row.confirmed_at),
            removed_at: row.removed_at.map(from_nanoseconds),
        }
    }
}
