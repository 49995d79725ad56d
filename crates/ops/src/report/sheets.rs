//! The tables of a report: as CSV files with everything, and their first rows on the page.
//!
//! Names of sites and people's words end in a spreadsheet, which takes a cell that begins with `=` for a program. Such a cell
//! gets an apostrophe first.

mod people;
mod slots;
mod verdicts;
mod work;

use jiff::Timestamp;

use super::document::Document;
use crate::error::{Error, Result};

/// A table.
pub(super) struct Sheet {
    /// The file.
    pub(super) file: &'static str,
    /// What is in it.
    pub(super) title: &'static str,
    /// The names of its columns, which outlive the program.
    pub(super) columns: &'static [&'static str],
    /// The rows.
    pub(super) rows: Vec<Vec<String>>,
    /// The columns that the page shows, each with a heading; none where it shows the table otherwise or not at all.
    pub(super) shown: &'static [(usize, &'static str)],
    /// What the page says where there are no rows.
    pub(super) without: &'static str,
}

/// Every table.
pub(super) fn of(document: &Document) -> Vec<Sheet> {
    let mut sheets = verdicts::sheets(document);
    sheets.extend(slots::sheets(document));
    sheets.extend(work::sheets(document));
    sheets.extend(people::sheets(document));
    sheets
}

impl Sheet {
    /// The table as a file, with the period in each row, so that tables of many periods can be laid together.
    pub(super) fn csv(&self, document: &Document) -> Result<Vec<u8>> {
        let period = [time(document.from), time(document.to)];
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        let written = |error: csv::Error| Error::not_done(format!("write {}: {error}", self.file));
        let header = ["period_start", "period_end"].into_iter().chain(self.columns.iter().copied());
        writer.write_record(header).map_err(written)?;
        for row in &self.rows {
            let cells = period.iter().chain(row).map(|cell| harmless(cell));
            writer.write_record(cells).map_err(written)?;
        }
        writer.into_inner().map_err(|error| Error::not_done(format!("write {}: {error}", self.file)))
    }
}

/// What no spreadsheet takes for a formula.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

/// As it stands in tables: to the second, in UTC.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn maybe(at: Option<Timestamp>) -> String {
    at.map(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_text() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(harmless(formula), format!("'{formula}"));
        }
        assert_eq!(harmless("shop.example/site"), "shop.example/site");
    }
}
