//! The committed counts, and what may differ from them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::process;

/// How far a count may be off, either way, with the compiler that the committed counts are of.
const MARGIN: f64 = 0.05;
/// With another compiler.
const MARGIN_OTHER_COMPILER: f64 = 0.15;

/// Instructions by work.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Counts {
    pub(super) compiler: String,
    pub(super) works: BTreeMap<String, u64>,
}

/// How a count compares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Within the margin.
    Same { counted: u64, change: f64 },
    /// Slower than allowed.
    More { counted: u64, change: f64 },
    /// So much quicker that the committed count protects nothing any more.
    Less { counted: u64, change: f64 },
    /// Not counted.
    Missing,
}

impl Counts {
    /// None yet.
    pub(super) fn of_this_compiler() -> Result<Counts> {
        let compiler = process::output(process::command("rustc", &["--version"]))?.trim().to_owned();
        Ok(Counts { compiler, works: BTreeMap::new() })
    }

    pub(super) fn read(file: &Path) -> Result<Counts> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not as it should be", file.display()))
    }

    pub(super) fn write(&self, file: &Path) -> Result<()> {
        let header = "# Instructions of four small works under callgrind; `cargo xtask instructions --accept` writes this.\n";
        std::fs::write(file, format!("{header}{}", toml::to_string(self)?))
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// Each committed count against what was counted now.
    pub(super) fn compare<'a>(&'a self, counted: &Counts) -> Vec<(&'a str, Verdict)> {
        let margin = if self.compiler == counted.compiler { MARGIN } else { MARGIN_OTHER_COMPILER };
        let verdict = |(work, expected): (&'a String, &u64)| {
            let Some(counted) = counted.works.get(work).copied() else {
                return (work.as_str(), Verdict::Missing);
            };
            let change = counted as f64 / (*expected).max(1) as f64 - 1.0;
            let verdict = if change > margin {
                Verdict::More { counted, change }
            } else if change < -margin {
                Verdict::Less { counted, change }
            } else {
                Verdict::Same { counted, change }
            };
            (work.as_str(), verdict)
        };
        self.works.iter().map(verdict).collect()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (counted, change, words) = match self {
            Verdict::Same { counted, change } => (counted, change, "as expected"),
            Verdict::More { counted, change } => (counted, change, "MORE than the margin allows"),
            Verdict::Less { counted, change } => (counted, change, "LESS than the margin: accept the gain"),
            Verdict::Missing => return f.write_str("was not counted"),
        };
        write!(f, "{:8.1} million ({:+.2} %): {words}", *counted as f64 / 1e6, change * 100.0)
    }
}

/// The sum over all threads, from callgrind's report.
pub(super) fn total(report: &str) -> Result<u64> {
    let line = report.lines().rev().find_map(|line| line.strip_prefix("totals: "));
    let line = line.or_else(|| report.lines().find_map(|line| line.strip_prefix("summary: ")));
    line.and_then(|text| text.trim().parse().ok()).context("callgrind's report has no total")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(compiler: &str, archive: u64) -> Counts {
        Counts { compiler: compiler.to_owned(), works: [("archive".to_owned(), archive)].into() }
    }

    #[test]
    fn more_than_the_margin_is_found_either_way() {
        let expected = counts("a", 1_000);
        let verdict = |counted: Counts| expected.compare(&counted)[0].1;
        assert!(matches!(verdict(counts("a", 1_049)), Verdict::Same { .. }));
        assert!(matches!(verdict(counts("a", 1_060)), Verdict::More { .. }));
        assert!(matches!(verdict(counts("a", 940)), Verdict::Less { .. }));
        assert!(matches!(verdict(counts("b", 1_060)), Verdict::Same { .. }));
        assert!(matches!(verdict(counts("b", 1_200)), Verdict::More { .. }));
        assert_eq!(
            expected.compare(&Counts { compiler: "a".into(), works: BTreeMap::new() })[0].1,
            Verdict::Missing
        );
    }

    #[test]
    fn the_total_is_read() {
        assert_eq!(total("events: Ir\nfn=(1)\n12 34\n\ntotals: 46\n").unwrap(), 46);
        assert!(total("nothing").is_err());
    }
}
