//! Printing: tables for eyes, one JSON document for scripts, errors with a hint.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is where holdfast speaks")]

use comfy_table::presets::{NOTHING, UTF8_HORIZONTAL_ONLY};
use comfy_table::{ContentArrangement, Table};
use holdfast_ops::error::Error;
use serde::Serialize;

/// Prints a line to stdout.
pub fn line(text: impl AsRef<str>) {
    use std::io::Write;
    // A reader that closed the pipe has seen enough.
    let _ = writeln!(std::io::stdout(), "{}", text.as_ref());
}

/// Prints a line to stderr.
pub fn note(text: impl AsRef<str>) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{}", text.as_ref());
}

/// Prints the one JSON document.
pub fn json<T: Serialize>(value: &T) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => line(text),
        Err(error) => note(format!("error: the result could not be written as JSON: {error}")),
    }
}

/// Prints a table.
pub fn table(header: &[&str], rows: Vec<Vec<String>>) {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
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
