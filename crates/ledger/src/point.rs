//! Points: what can be restored. Recorded when made, or when found at a location that this ledger knew nothing of.

use diesel::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connection::{AT_ONCE, Connection};
use crate::error::{Doing, Error, Result};
use crate::fact::{Fact, Stamp};
use crate::instant::{from_nanoseconds, to_nanoseconds};
use crate::ledger::Transaction;
use crate::reader::Reader;
use crate::schema::{copies, points};

/// A point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// The snapshot's id, as hex.
    pub id: String,
    /// The repository that holds it.
    pub repository: String,
    /// The asset.
    pub asset: String,
    /// The part of it.
    pub dataset: String,
    /// `full` or `incremental`.
    pub kind: String,
    /// The instant whose state it holds: when the walk began, never when it was over.
    pub instant: Timestamp,
    /// Whether the clock showed less then than it had shown before, so that its instant says nothing about its age.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_undated: bool,
}

/// A point, and when it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedPoint {
    /// The point.
    pub point: Point,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The leaf that proves it.
    pub leaf: u64,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = points)]
pub(crate) struct Row {
    id: String,
    repository: String,
    asset: String,
    dataset: String,
    kind: String,
    instant: i64,
    recorded_at: i64,
    leaf: i64,
    is_undated: bool,
}

/// The dataset of points of a log.
const LOG: &str = "log";

impl Transaction<'_> {
    /// Records a point.
    ///
    /// # Errors
    /// `Contradiction` for one that is known already.
    pub fn record_point(&mut self, point: Point, happened_at: Timestamp) -> Result<()> {
        self.record(happened_at, &Fact::PointRecorded(point)).map(|_| ())
    }
}

impl Reader {
    /// Every point of an asset that was ever recorded, oldest first. Whether it still lies anywhere, its copies tell. Not those of
    /// a log, of which there are sixty an hour: see [`Reader::logs_of`].
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn points_of(&self, asset: &str) -> Result<Vec<Point>> {
        self.ask(|connection| {
            let rows: Vec<Row> = points::table
                .filter(points::asset.eq(asset))
                .filter(points::dataset.ne(LOG))
                .order((points::instant, points::id))
                .load(connection)
                .doing(|| format!("read the points of {asset}"))?;
            Ok(rows.into_iter().map(Point::of).collect())
        })
    }

    /// The points of a part of an asset from an instant on, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn points_of_part(&self, asset: &str, dataset: &str, since: Timestamp) -> Result<Vec<RecordedPoint>> {
        let since = to_nanoseconds(since)?;
        self.ask(|connection| {
            let rows: Vec<Row> = points::table
                .filter(points::asset.eq(asset))
                .filter(points::instant.ge(since))
                .filter(points::dataset.eq(dataset))
                .order((points::instant, points::id))
                .load(connection)
                .doing(|| format!("read the points of {asset}"))?;
            rows.into_iter().map(RecordedPoint::of).collect()
        })
    }

    /// The ids of every point that was ever recorded in a repository.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn points_in(&self, repository: &str) -> Result<Vec<String>> {
        self.ask(|connection| {
            points::table
                .filter(points::repository.eq(repository))
                .select(points::id)
                .order(points::id)
                .load(connection)
                .doing(|| format!("read the points in {repository}"))
        })
    }

    /// Every point that lies somewhere, as far as was recorded, and those of `since` or later; oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn points_lying(&self, since: Timestamp) -> Result<Vec<RecordedPoint>> {
        let since = to_nanoseconds(since)?;
        self.ask(|connection| {
            let lying = copies::table.filter(copies::removed_at.is_null()).select(copies::point);
            let rows: Vec<Row> = points::table
                .filter(points::instant.ge(since).or(points::id.eq_any(lying)))
                .order((points::instant, points::id))
                .load(connection)
                .doing(|| "read the points".to_owned())?;
            rows.into_iter().map(RecordedPoint::of).collect()
        })
    }

    /// Of each repository the point that was recorded last, among those that lie somewhere.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn newest_points(&self) -> Result<Vec<Point>> {
        let doing = || "read the newest points".to_owned();
        self.ask(|connection| {
            let lying = copies::table.filter(copies::removed_at.is_null()).select(copies::point);
            let leaves: Vec<Option<i64>> = points::table
                .filter(points::id.eq_any(lying))
                .group_by(points::repository)
                .select(diesel::dsl::max(points::leaf))
                .load(connection)
                .doing(doing)?;
            let leaves: Vec<i64> = leaves.into_iter().flatten().collect();
            let mut newest = Vec::new();
            for leaves in leaves.chunks(AT_ONCE) {
                let rows: Vec<Row> = points::table
                    .filter(points::leaf.eq_any(leaves))
                    .order(points::repository)
                    .load(connection)
                    .doing(doing)?;
                newest.extend(rows.into_iter().map(Point::of));
            }
            Ok(newest)
        })
    }

    /// The point with this id.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn point(&self, id: &str) -> Result<Option<Point>> {
        self.ask(|connection| {
            let row: Option<Row> =
                points::table.find(id).first(connection).optional().doing(|| format!("read point {id}"))?;
            Ok(row.map(Point::of))
        })
    }
}

pub(crate) fn apply(connection: &mut Connection, point: &Point, stamp: &Stamp) -> Result<()> {
    let row = Row {
        id: point.id.clone(),
        repository: point.repository.clone(),
        asset: point.asset.clone(),
        dataset: point.dataset.clone(),
        kind: point.kind.clone(),
        instant: to_nanoseconds(point.instant)?,
        recorded_at: stamp.recorded_at,
        leaf: stamp.leaf,
        is_undated: point.is_undated,
    };
    diesel::insert_into(points::table)
        .values(&row)
        .execute(connection)
        .doing(|| format!("record point {}", point.id))
        .map(|_| ())
}

impl RecordedPoint {
    fn of(row: Row) -> Result<RecordedPoint> {
        Ok(RecordedPoint {
            recorded_at: from_nanoseconds(row.recorded_at),
            leaf: u64::try_from(row.leaf)
                .map_err(|_| Error::damaged(format!("the point {} cannot be read", row.id)))?,
            point: Point::of(row),
        })
    }
}

impl Point {
    fn of(row: Row) -> Point {
        Point {
            id: row.id,
            repository: row.repository,
            asset: row.asset,
            dataset: row.dataset,
            kind: row.kind,
            instant: from_nanoseconds(row.instant),
            is_undated: row.is_undated,
        }
    }
}
