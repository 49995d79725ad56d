//! Reports of runs. They name clients' files, so they lie apart from the leaves and can be erased: a leaf keeps the hash. What is
//! erased is recorded, or nobody could tell an erasure from a report that somebody took away because of what it said.

use diesel::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connection::{AT_ONCE, Connection};
use crate::error::{Doing, Result};
use crate::fact::{Fact, Stamp};
use crate::ledger::Transaction;
use crate::reader::Reader;
use crate::schema::{points, report_erasures, reports, runs};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReportsErased {
    by: String,
    reason: String,
    runs: Vec<String>,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = report_erasures)]
pub(crate) struct ErasureRow {
    run: String,
    leaf: i64,
}

impl Transaction<'_> {
    /// Erases the reports of every run of these assets, and of every one that made a point in this repository: they name
    /// files. The leaves keep the hashes. Returns how many there were.
    ///
    /// # Errors
    /// When it could not be written; then nothing is erased.
    pub fn erase_reports(
        &mut self,
        repository: &str,
        assets: &[String],
        (by, reason): (&str, &str),
        happened_at: Timestamp,
    ) -> Result<u64> {
        let doing = || format!("erase the reports of runs into {repository}");
        let here = points::table.filter(points::repository.eq(repository)).select(points::id.nullable());
        let of_them =
            runs::table.filter(runs::asset.eq_any(assets).or(runs::point.eq_any(here))).select(runs::id);
        let found: Vec<String> = reports::table
            .filter(reports::run.eq_any(of_them))
            .select(reports::run)
            .order(reports::run)
            .load(self.connection)
            .doing(doing)?;
        if found.is_empty() {
            return Ok(0);
        }
        let erased = ReportsErased { by: by.to_owned(), reason: reason.to_owned(), runs: found.clone() };
        self.record(happened_at, &Fact::ReportsErased(erased))?;
        for some in found.chunks(AT_ONCE) {
            diesel::delete(reports::table.filter(reports::run.eq_any(some)))
                .execute(self.connection)
                .doing(doing)?;
        }
        Ok(found.len() as u64)
    }
}

impl Reader {
    /// The report of a run, as JSON; absent when it had none, or when it was erased.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn report(&self, run: &str) -> Result<Option<String>> {
        self.ask(|connection| {
            reports::table
                .find(run)
                .select(reports::json)
                .first(connection)
                .optional()
                .doing(|| format!("read the report of run {run}"))
        })
    }
}

pub(crate) fn apply_erased(connection: &mut Connection, erased: &ReportsErased, stamp: &Stamp) -> Result<()> {
    for run in &erased.runs {
        diesel::insert_into(report_erasures::table)
            .values(&ErasureRow { run: run.clone(), leaf: stamp.leaf })
            .execute(connection)
            .doing(|| "record what is erased".to_owned())?;
    }
    Ok(())
}
