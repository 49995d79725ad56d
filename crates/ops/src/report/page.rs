//! The page of a report, for people: in a browser and on paper.
//!
//! It fetches nothing and runs nothing, so that it reads the same in ten years, on a machine without a network. No colour is
//! the only carrier of anything. What people and sites are called is text to it, and what would turn a line around or hide in
//! it is shown as what it is.

mod sections;
mod summary;

use askama::Template;

use self::sections::Section;
use self::summary::Summary;
use super::document::Document;
use super::plots::{self, Plot};
use super::sheets::{Sheet, time};
use crate::error::{Error, Result};
use crate::status::StatusReport;

/// So many rows of a table are on the page; its file has all.
const ROWS_MAX: usize = 40;

#[derive(Template)]
#[template(path = "report/report.html")]
struct Page {
    company: String,
    contact: Vec<String>,
    period: String,
    facts: Vec<(&'static str, String)>,
    summary: Summary,
    sections: Vec<Section>,
    plots: Vec<Plot>,
    tables: Vec<Table>,
    files: Vec<(&'static str, &'static str, usize)>,
    leaves: u64,
}

/// The first rows of a table.
struct Table {
    title: &'static str,
    file: &'static str,
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    more: usize,
    without: &'static str,
}

/// Writes the page.
pub(super) fn html(document: &Document, status: &StatusReport, sheets: &[Sheet]) -> Result<String> {
    let days = super::days::of(document.from, document.to);
    let plots = [
        plots::objectives(&document.objectives, &days),
        plots::calendar(&document.slots, &days, document.to),
        plots::storage(&document.storage, &days, &bytes),
    ];
    let page = Page {
        company: document.title.company.clone(),
        contact: document.title.contact.clone(),
        period: format!("{} to {}", minute(document.from), minute(document.to)),
        facts: facts(document),
        summary: Summary::of(document, status),
        sections: sections::of(document, status),
        plots: plots.into_iter().flatten().collect(),
        tables: sheets.iter().filter_map(table).collect(),
        files: sheets.iter().map(|sheet| (sheet.file, sheet.title, sheet.rows.len())).collect(),
        leaves: document.log.leaves,
    };
    let html = page.render().map_err(|error| Error::not_done(format!("write report.html: {error}")))?;
    Ok(visible(&with_code(&html)))
}

fn facts(document: &Document) -> Vec<(&'static str, String)> {
    let policy = document.title.policy.as_ref();
    let none = "no version was adopted in the ledger".to_owned();
    let mut facts = vec![
        ("Period", format!("{} to {}", minute(document.from), minute(document.to))),
        (
            "Verdicts as of",
            format!("{}, rules version {}", minute(document.verdicts.assessed_at), document.verdicts.rules),
        ),
        ("Policy", policy.map_or(none, |policy| format!("version {}", policy.number))),
    ];
    if let Some(policy) = policy {
        facts.push(("In force from", minute(policy.effective)));
        facts.push(("Approved by", policy.approver.clone()));
        facts.push(("SHA-256 of its text", policy.sha256.clone()));
    }
    facts.push(("Log", format!("{} leaves, root {}", document.log.leaves, document.log.root)));
    facts.push(("Signed by", document.log.key.clone()));
    facts
}

fn table(sheet: &Sheet) -> Option<Table> {
    if sheet.shown.is_empty() {
        return None;
    }
    let cells = |row: &Vec<String>| {
        let cell =
            |(column, _): &(usize, &str)| row.get(*column).map(|cell| for_eyes(cell)).unwrap_or_default();
        sheet.shown.iter().map(cell).collect()
    };
    Some(Table {
        title: sheet.title,
        file: sheet.file,
        header: sheet.shown.iter().map(|(_, heading)| *heading).collect(),
        rows: sheet.rows.iter().take(ROWS_MAX).map(cells).collect(),
        more: sheet.rows.len().saturating_sub(ROWS_MAX),
        without: sheet.without,
    })
}

/// Instants shorter than a program wants them, and long words cut.
fn for_eyes(cell: &str) -> String {
    const LETTERS_MAX: usize = 300;
    if cell.len() == 20
        && let Ok(at) = cell.parse::<jiff::Timestamp>()
    {
        return minute(at);
    }
    if cell.chars().count() <= LETTERS_MAX {
        return cell.to_owned();
    }
    cell.chars().take(LETTERS_MAX).chain(['…']).collect()
}

fn minute(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Bytes with a binary unit.
fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return format!("{value:.*} {unit}", usize::from(unit != "B" && value < 100.0));
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// Letters that turn a line around, hide in it or end it are shown by their numbers.
fn visible(html: &str) -> String {
    let is_hidden = |letter: char| {
        (letter.is_control() && letter != '\n')
            || matches!(letter, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut shown = String::with_capacity(html.len());
    for letter in html.chars() {
        if is_hidden(letter) {
            shown += &format!("[U+{:04X}]", u32::from(letter));
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// Commands stand between backticks wherever holdfast speaks. What would reach over a tag is left alone.
fn with_code(html: &str) -> String {
    let mut pieces = html.split('`');
    let mut shown = pieces.next().unwrap_or_default().to_owned();
    let mut is_inside = false;
    for piece in pieces {
        let is_command = !is_inside && !piece.contains(['<', '>']);
        shown += if is_inside {
            ""
        } else if is_command {
            "<code>"
        } else {
            "`"
        };
        shown += piece;
        if is_inside {
            is_inside = false;
            continue;
        }
        is_inside = is_command;
        if is_command {
            shown += "</code>";
        }
    }
    shown
}

/// The style of a verdict.
fn class_of(verdict: &str) -> &'static str {
    match verdict {
        "PASS" => "pass",
        "FAIL" => "fail",
        "NO_EVIDENCE" => "none",
        "STALE" => "stale",
        "EXEMPT" => "exempt",
        _ => "na",
    }
}

/// The moment of something, if any.
fn maybe(at: Option<jiff::Timestamp>) -> String {
    at.map(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_marked_and_nothing_reaches_over_a_tag() {
        assert_eq!(with_code("<p>run `a b` or `c`.</p>"), "<p>run <code>a b</code> or <code>c</code>.</p>");
        assert_eq!(with_code("<p>a ` b</p><p>`c`</p>"), "<p>a ` b</p><p><code>c</code></p>");
        assert_eq!(with_code("<td>`</td>"), "<td>`</td>");
    }

    #[test]
    fn what_hides_in_a_line_is_shown() {
        assert_eq!(visible("a\u{202e}b\u{0}c\u{200b}d\ne"), "a[U+202E]b[U+0000]c[U+200B]d\ne");
    }
}
