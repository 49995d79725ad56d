//! Reports of runs. They name clients' files, so they lie apart from the leaves and can be erased: a leaf keeps the hash.

use diesel::prelude::*;

use crate::error::{Doing, Result};
use crate::ledger::Transaction;
use crate::reader::Reader;
use crate::schema::{points, reports, runs};

impl Transaction<'_> {
    /// Erases the reports of every run of these assets, and of every one that made a point in this repository: they name
    /// files. The leaves keep the hashes. Returns how many there were.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn erase_reports(&mut self, repository: &str, assets: &[String]) -> Result<u64> {
        let here = points::table.filter(points::repository.eq(repository)).select(points::id.nullable());
        let of_them =
            runs::table.filter(runs::asset.eq_any(assets).or(runs::point.eq_any(here))).select(runs::id);
        let erased = diesel::delete(reports::table.filter(reports::run.eq_any(of_them)))
            .execute(self.connection)
            .doing(|| format!("erase the reports of runs into {repository}"))?;
        Ok(erased as u64)
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
