//! `cargo xtask floors`: the architecture, checked.
//!
//! A rule that lives in a document is broken by the first person in a hurry, and nobody notices until two floors
//! can no longer be told apart. Each rule here reads the manifests or the sources, and each finding says where it
//! is, what is wrong and why it matters.

mod graph;
mod source;
mod words;

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{process, workspace};

/// One broken rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// The file or crate, with a line where there is one.
    place: String,
    /// What is wrong there.
    what: String,
    /// Why the rule exists.
    why: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n    why: {}", self.place, self.what, self.why)
    }
}

/// Reads the workspace, prints what is long and what is broken, and fails when anything is broken.
pub(crate) fn check() -> Result<()> {
    let root = workspace::root();
    let crates = graph::read(&root)?;
    let mut findings = graph::check(&crates);
    let mut long = Vec::new();
    let mut rust_files = 0;
    let files = listed_files(&root)?;
    for name in &files {
        let path = root.join(name);
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        findings.extend(words::check(name, &text));
        if !name.ends_with(".rs") {
            continue;
        }
        rust_files += 1;
        let file = source::SourceFile::parse(name, &text)
            .with_context(|| format!("{name} cannot be read as Rust"))?;
        findings.extend(source::check(&file));
        if source::is_long(&file) {
            long.push(format!("{name}: {} lines", file.lines));
        }
    }
    for line in &long {
        println!("floors: long (above {} lines is usually two ideas): {line}", source::LINES_LONG);
    }
    findings.sort();
    for finding in &findings {
        println!("floors: {finding}");
    }
    if !findings.is_empty() {
        bail!("{} broken rules in {} crates, {rust_files} Rust files", findings.len(), crates.len())
    }
    println!(
        "floors: {} crates, {rust_files} Rust files, {} files: every rule holds",
        crates.len(),
        files.len()
    );
    Ok(())
}

/// Every file that is or is about to be committed.
fn listed_files(root: &Path) -> Result<Vec<String>> {
    let mut list = process::command("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    list.current_dir(root);
    let text = process::output(list).context("the rules hold for what is committed, so git must list it")?;
    Ok(text.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}
