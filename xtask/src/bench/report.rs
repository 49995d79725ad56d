//! What a run leaves: Markdown to read, JSON to compute with, pictures to glance at. With `--write-docs` the same goes
//! into `docs/`, between two marks for each corpus, so that the committed tables are never typed by hand, and a run on one
//! corpus leaves what was measured on the others.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use super::table::Table;
use super::{machine, plot};
use crate::workspace;

/// The conditions of a run, for people.
pub(super) struct Circumstances {
    pub(super) rounds: usize,
    pub(super) is_cold: bool,
}

/// Writes `bench.md`, `bench.json` and a picture for each corpus into `folder`; returns the Markdown of each.
pub(super) fn write(folder: &Path, tables: &[Table], circumstances: &Circumstances) -> Result<Vec<String>> {
    let texts: Vec<String> = tables.iter().map(|table| markdown(folder, table, circumstances)).collect();
    std::fs::write(folder.join("bench.md"), texts.join("\n"))?;
    let document = json!({
        "date": machine::date(),
        "machine": machine::describe(folder),
        "rounds": circumstances.rounds,
        "cold": circumstances.is_cold,
        "tables": tables.iter().map(Table::json).collect::<Vec<_>>(),
    });
    std::fs::write(folder.join("bench.json"), serde_json::to_string_pretty(&document)?)?;
    for table in tables {
        plot::bars(table, &folder.join(picture_name(table)))?;
    }
    Ok(texts)
}

/// Puts the Markdown between the marks of its corpus in `docs/performance.md`, and the pictures beside it.
pub(super) fn write_docs(folder: &Path, texts: &[String], tables: &[Table]) -> Result<()> {
    for (table, text) in tables.iter().zip(texts) {
        let name = picture_name(table);
        std::fs::copy(folder.join(&name), docs().join(&name))?;
        put_between_marks(table.kind.word(), text)?;
    }
    Ok(())
}

/// Replaces what stands between `<!-- WORD begin -->` and `<!-- WORD end -->` of `docs/performance.md`.
pub(super) fn put_between_marks(word: &str, text: &str) -> Result<()> {
    let path = docs().join("performance.md");
    let before = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let after = between_marks(&before, word, text)
        .with_context(|| format!("{} has no marks for {word}", path.display()))?;
    std::fs::write(&path, after)?;
    println!("bench: written to {}", path.display());
    Ok(())
}

/// Where documents and their pictures lie.
pub(super) fn docs() -> PathBuf {
    workspace::root().join("docs")
}

fn between_marks(document: &str, word: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {word} begin -->"), format!("<!-- {word} end -->"));
    let (head, rest) = document.split_once(&begin)?;
    let (_, tail) = rest.split_once(&end)?;
    Some(format!("{head}{begin}\n{}\n{end}{tail}", text.trim_end()))
}

fn markdown(folder: &Path, table: &Table, circumstances: &Circumstances) -> String {
    let Circumstances { rounds, is_cold } = circumstances;
    let cache = if *is_cold { "forgotten before each command (cold)" } else { "warm" };
    let mut text = format!("### {}: {}\n\n", table.kind.word(), table.corpus());
    let _ = write!(text, "![Times against ours]({})\n\n", picture_name(table));
    let _ = writeln!(text, "Measured on {}.\n", machine::date());
    for line in machine::describe(folder) {
        let _ = writeln!(text, "- {line}");
    }
    let _ = writeln!(
        text,
        "- rounds: {rounds}, programs in alternation; page cache {cache}\n- each cell: median (least to most)\n"
    );
    text.push_str(&table.markdown());
    text
}

fn picture_name(table: &Table) -> String {
    format!("performance-{}.svg", table.kind.word())
}

#[cfg(test)]
mod tests {
    use super::between_marks;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let document = "a\n<!-- bench begin -->\nold\n<!-- bench end -->\nb\n";
        let after = between_marks(document, "bench", "new\n").unwrap();
        assert_eq!(after, "a\n<!-- bench begin -->\nnew\n<!-- bench end -->\nb\n");
        assert_eq!(between_marks(&after, "bench", "new").unwrap(), after);
        assert!(between_marks(document, "growth", "x").is_none());
    }
}
