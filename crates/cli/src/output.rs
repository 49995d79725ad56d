//! Printing: tables for eyes, one JSON document for scripts, errors with a hint.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is where holdfast speaks")]

use std::sync::{Mutex, PoisonError};

use comfy_table::presets::{NOTHING, UTF8_HORIZONTAL_ONLY};
use comfy_table::{ContentArrangement, Table};
use holdfast_ops::error::Error;
use indicatif::ProgressBar;
use serde::Serialize;

/// Prints a line to stdout.
pub fn line(text: impl AsRef<str>) {
    use std::io::Write;
    // A reader that closed the pipe has seen enough.
    let _ = writeln!(std::io::stdout(), "{}", text.as_ref());
}

/// The progress line that is on the terminal now.
static DRAWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Keeps what is printed from tearing this progress line; `None` once it is gone.
pub fn drawing(bar: Option<ProgressBar>) {
    *DRAWN.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// Prints a line to stderr.
pub fn note(text: impl AsRef<str>) {
    use std::io::Write;
    let print = || {
        let _ = writeln!(std::io::stderr(), "{}", text.as_ref());
    };
    match &*DRAWN.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(bar) => bar.suspend(print),
        None => print(),
    }
}

/// Prints the one JSON document.
pub fn json<T: Serialize>(value: &T) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => line(text),
        Err(error) => note(format!("error: the result could not be written as JSON: {error}")),
    }
}

/// Columns of a table that goes into a file or a mail.
const PIPED_COLUMNS: u16 = 100;

/// Prints a table, as wide as the terminal or else as a page.
pub fn table(header: &[&str], rows: Vec<Vec<String>>) {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    if !table.is_tty() {
        table.set_width(PIPED_COLUMNS);
    }
    table.set_header(header);
    table.add_rows(rows);
    line(table.to_string());
}

/// Prints a table without lines, indented, for short rows that belong together.
pub fn columns(header: &[&str], rows: Vec<Vec<String>>) {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    table.add_rows(rows);
    for row in table.lines() {
        line(format!(" {}", row.trim_end()));
    }
}

/// Prints an error and what to do about it.
pub fn error(error: &Error) {
    note(format!("error: {error}"));
    if let Some(hint) = &error.hint {
        note(format!("  hint: {hint}"));
    }
}

/// An error as the JSON document.
pub fn json_error(error: &Error) {
    json(&serde_json::json!({
        "error": error.message, "hint": error.hint, "exit_code": error.ending.code(),
    }));
}
