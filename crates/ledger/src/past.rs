//! The ledger as it was: made again, in memory, from the first leaves alone.
//!
//! Tables say how things stand now; a slot that was expected last week is missed today. Whoever filtered today's tables by time
//! would tell a past that nobody ever saw. Leaves are never changed and only ever added, so the first so many of them make
//! the same tables whenever they are asked, whatever was recorded since. What was erased since is missing in them, too.

use std::path::PathBuf;

use diesel::prelude::*;
use jiff::Timestamp;

use crate::error::{Doing, Error, Result};
use crate::instant::to_nanoseconds;
use crate::reader::Reader;
use crate::schema::{assessments, leaves, private_values, reports, runs};
use crate::{audit, connection, private};

impl Reader {
    /// How many leaves, from the first on, were recorded until an instant: up to the last that was, in the order of the log.
    /// Where a clock was once ahead, some before it say otherwise, see [`Reader::leaves_ahead`].
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn leaves_until(&self, at: Timestamp) -> Result<u64> {
        let at = to_nanoseconds(at)?;
        self.ask(|connection| {
            let last: Option<i64> = leaves::table
                .filter(leaves::recorded_at.le(at))
                .select(diesel::dsl::max(leaves::sequence))
                .first(connection)
                .doing(|| "find the last leaf of a time".to_owned())?;
            to_count(last.map_or(0, |last| last + 1))
        })
    }

    /// How many of the first `count` leaves are dated after an instant, and how many of them hold verdicts of later ones: the
    /// clock was ahead when they were recorded.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn leaves_ahead(&self, count: u64, at: Timestamp) -> Result<(u64, u64)> {
        let (at, count) = (to_nanoseconds(at)?, i64::try_from(count).unwrap_or(i64::MAX));
        self.ask(|connection| {
            let doing = || "find leaves that are dated ahead".to_owned();
            let dated: i64 = leaves::table
                .filter(leaves::sequence.lt(count))
                .filter(leaves::recorded_at.gt(at))
                .count()
                .get_result(connection)
                .doing(doing)?;
            let judged: i64 = assessments::table
                .filter(assessments::leaf.lt(count))
                .filter(assessments::instant.gt(at))
                .count()
                .get_result(connection)
                .doing(doing)?;
            Ok((to_count(dated)?, to_count(judged)?))
        })
    }

    /// How many leaves hold the verdicts as of an instant, and all before. They may have been written down later than that.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn leaves_with_verdicts(&self, at: Timestamp) -> Result<u64> {
        let at = to_nanoseconds(at)?;
        self.ask(|connection| {
            let last: Option<i64> = assessments::table
                .filter(assessments::instant.le(at))
                .select(diesel::dsl::max(assessments::leaf))
                .first(connection)
                .doing(|| "find the last assessment".to_owned())?;
            to_count(last.map_or(0, |last| last + 1))
        })
    }

    /// The ledger as its first `count` leaves make it, in memory, with those reports and values about people that are still
    /// there. The leaves themselves are not in it.
    ///
    /// # Errors
    /// `Damaged` where the leaves are not what was written; or when they cannot be read.
    pub fn as_of(&self, count: u64) -> Result<Reader> {
        let scratch = self.ask(|connection| {
            let mut scratch = connection::open_scratch()?;
            audit::replay(connection, &mut scratch, Some(count))?;
            copy_reports(connection, &mut scratch)?;
            copy_values(connection, &mut scratch, count)?;
            Ok(scratch)
        })?;
        Ok(Reader::over(PathBuf::from(":memory:"), scratch))
    }
}

fn copy_reports(from: &mut connection::Connection, to: &mut connection::Connection) -> Result<()> {
    let doing = || "bring the reports of runs along".to_owned();
    let ended: Vec<String> =
        runs::table.filter(runs::report_sha256.is_not_null()).select(runs::id).load(to).doing(doing)?;
    for some in ended.chunks(connection::AT_ONCE) {
        let kept: Vec<(String, String)> = reports::table
            .filter(reports::run.eq_any(some))
            .select((reports::run, reports::json))
            .load(from)
            .doing(doing)?;
        for (run, json) in kept {
            diesel::insert_into(reports::table)
                .values((reports::run.eq(run), reports::json.eq(json)))
                .execute(to)
                .doing(doing)?;
        }
    }
    Ok(())
}

fn copy_values(from: &mut connection::Connection, to: &mut connection::Connection, count: u64) -> Result<()> {
    let doing = || "bring values about people along".to_owned();
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let rows: Vec<private::Row> =
        private_values::table.filter(private_values::leaf.lt(count)).load(from).doing(doing)?;
    for row in rows {
        diesel::insert_into(private_values::table).values(&row).execute(to).doing(doing)?;
    }
    Ok(())
}

fn to_count(count: i64) -> Result<u64> {
    u64::try_from(count).map_err(|_| Error::damaged("the leaves cannot be counted"))
}
