//! Purges of the past, and those that are not completed.

use diesel::prelude::*;
use jiff::Timestamp;

use super::{DecidedPoint, NewPurge, PointRow, Purge, PurgeKind, PurgeState, PurgedPoint, Row};
use crate::error::{Doing, Error, Result};
use crate::instant::{from_nanoseconds, to_nanoseconds};
use crate::reader::Reader;
use crate::schema::{purge_points, purges};

impl Reader {
    /// The purges that began from `since` on, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn purges(&self, since: Timestamp) -> Result<Vec<Purge>> {
        let since = to_nanoseconds(since)?;
        self.ask(|connection| {
            let rows: Vec<Row> = purges::table
                .filter(purges::begun_at.ge(since))
                .order((purges::begun_at, purges::id))
                .load(connection)
                .doing(|| "read the purges".to_owned())?;
            rows.into_iter().map(Purge::of).collect()
        })
    }

    /// The purges that are not completed, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn purges_open(&self) -> Result<Vec<Purge>> {
        let closed = [PurgeState::Done.as_str(), PurgeState::Dropped.as_str()];
        self.ask(|connection| {
            let rows: Vec<Row> = purges::table
                .filter(purges::state.ne_all(closed))
                .order((purges::begun_at, purges::id))
                .load(connection)
                .doing(|| "read the purges that are not completed".to_owned())?;
            rows.into_iter().map(Purge::of).collect()
        })
    }

    /// What a purge decided, by repository and point.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn points_of_purge(&self, purge: &str) -> Result<Vec<PurgedPoint>> {
        self.ask(|connection| {
            let rows: Vec<PointRow> = purge_points::table
                .filter(purge_points::purge.eq(purge))
                .order((purge_points::repository, purge_points::instant, purge_points::point))
                .load(connection)
                .doing(|| format!("read what the purge {purge} decided"))?;
            Ok(rows.into_iter().map(PurgedPoint::of).collect())
        })
    }
}

impl Purge {
    fn of(row: Row) -> Result<Purge> {
        let damaged = || Error::damaged(format!("the purge {} cannot be read", row.id));
        let waits = row.waits.as_deref().map(serde_json::from_str).transpose().map_err(|_| damaged())?;
        let policy_version = row.policy_version.map(u64::try_from).transpose().map_err(|_| damaged())?;
        Ok(Purge {
            state: PurgeState::read(&row.state)?,
            begun_at: from_nanoseconds(row.begun_at),
            ended_at: row.ended_at.map(from_nanoseconds),
            waits: waits.unwrap_or_default(),
            purge: NewPurge {
                kind: PurgeKind::read(&row.kind)?,
                by: row.by,
                policy_version,
                client: row.client,
                reason: row.reason,
                export_offered: row.export_offered,
            },
            id: row.id,
        })
    }
}

impl PurgedPoint {
    fn of(row: PointRow) -> PurgedPoint {
        PurgedPoint {
            purge: row.purge,
            repository: row.repository,
            decided: DecidedPoint {
                point: row.point,
                asset: row.asset,
                instant: from_nanoseconds(row.instant),
                reason: row.reason,
            },
        }
    }
}
