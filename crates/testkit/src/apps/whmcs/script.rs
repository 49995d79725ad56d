//! Rows on their way into a database: gathered into INSERT statements of many rows, or loading would take minutes.

use std::collections::BTreeMap;
use std::fmt::Write;

/// Rows in one statement at most.
const ROWS_MAX: usize = 500;

/// What stands in a column.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    Number(u64),
    /// Pence.
    Money(i64),
    Text(String),
    /// Seconds since 1970, with the time of day.
    Instant(u64),
    /// The day of such an instant.
    Day(u64),
    /// An expression.
    Sql(String),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::Text(text)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Cell {
        Cell::Number(number)
    }
}

impl Cell {
    pub(super) fn sql(&self) -> String {
        match self {
            Cell::Number(number) => number.to_string(),
            Cell::Money(pence) => {
                let sign = if *pence < 0 { "-" } else { "" };
                format!("{sign}{}.{:02}", pence.abs() / 100, pence.abs() % 100)
            }
            Cell::Text(text) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
            Cell::Instant(seconds) => format!("FROM_UNIXTIME({seconds})"),
            Cell::Day(seconds) => format!("DATE(FROM_UNIXTIME({seconds}))"),
            Cell::Sql(expression) => expression.clone(),
        }
    }
}

/// Statements. Rows of different tables may change places, because WHMCS has no foreign keys.
pub(super) struct Script {
    text: String,
    rows: BTreeMap<String, Vec<String>>,
}

impl Script {
    pub(super) fn new() -> Script {
        // As WHMCS itself connects: columns that are not named are empty. Zone: or the same seed differs by machine.
        let text = "SET SESSION sql_mode='', time_zone='+00:00';\n".to_owned();
        Script { text, rows: BTreeMap::new() }
    }

    pub(super) fn insert(&mut self, table: &str, cells: &[(&str, Cell)]) {
        let names: Vec<String> = cells.iter().map(|(name, _)| format!("`{name}`")).collect();
        let head = format!("INSERT INTO `{table}` ({}) VALUES\n", names.join(","));
        let values: Vec<String> = cells.iter().map(|(_, cell)| cell.sql()).collect();
        let rows = self.rows.entry(head.clone()).or_default();
        rows.push(format!("({})", values.join(",")));
        if rows.len() >= ROWS_MAX {
            let rows = std::mem::take(rows);
            writeln!(self.text, "{head}{};", rows.join(",\n")).expect("a string takes everything");
        }
    }

    /// A statement after all rows so far.
    pub(super) fn run(&mut self, statement: &str) {
        self.flush();
        writeln!(self.text, "{statement};").expect("a string takes everything");
    }

    fn flush(&mut self) {
        for (head, rows) in std::mem::take(&mut self.rows).iter().filter(|(_, rows)| !rows.is_empty()) {
            writeln!(self.text, "{head}{};", rows.join(",\n")).expect("a string takes everything");
        }
    }

    pub(super) fn finish(mut self) -> String {
        self.flush();
        self.text
    }
}
