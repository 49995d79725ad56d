//! What an export and the checkpoints say together.

use std::collections::{BTreeMap, BTreeSet};

use crate::export::Export;
use crate::note::{Key, Signed};
use crate::tree::Hash;

/// What was found.
#[derive(Debug)]
pub struct Verdict {
    /// Leaves in the export.
    pub leaves: u64,
    /// So many of them, from the first on, are those that a checkpoint from elsewhere was signed for.
    pub covers: u64,
    /// Checkpoints from elsewhere that this key signed.
    pub checkpoints: usize,
    /// Whether values about people are named by leaves, and were left out of the export.
    pub lacks_values: bool,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Of a log: `edited`, `missing`, `moved`, `rewritten`, `truncated`, `fork`, `foreign`, `value`, `line`, `cut` or `key`. Of a
    /// report: `manifest`, `file`, `log` or `citation`.
    pub kind: &'static str,
    /// The first leaf that may be affected, and the one after the last.
    pub range: Option<(u64, u64)>,
    /// What it is.
    pub message: String,
}

/// Compares an export with checkpoints that were handed in from elsewhere, each with the name of its file.
pub fn verify(export: &Export, key: &Key, from_elsewhere: &[(String, String)]) -> Verdict {
    let leaves = export.tree.leaves();
    let mut findings: Vec<Finding> = export
        .troubles
        .iter()
        .map(|trouble| Finding {
            kind: trouble.kind,
            range: trouble.leaf.map(|leaf| (leaf, leaf + 1)),
            message: trouble.message.clone(),
        })
        .collect();
    let mut find = |kind, range, message| findings.push(Finding { kind, range, message });
    let mut theirs: BTreeSet<Signed> = BTreeSet::new();
    for (file, note) in from_elsewhere {
        match key.open(note) {
            Ok(signed) => {
                theirs.insert(signed);
            }
            Err(why) => find("foreign", None, format!("{file} {why}")),
        }
    }
    let mut every = theirs.clone();
    for note in &export.checkpoints {
        match key.open(note) {
            Ok(signed) => {
                every.insert(signed);
            }
            Err(why) => find("foreign", None, format!("a checkpoint in the export {why}")),
        }
    }
    let mut by_size: BTreeMap<u64, BTreeSet<Hash>> = BTreeMap::new();
    for signed in &every {
        by_size.entry(signed.leaves).or_default().insert(signed.root);
    }
    for (size, _) in by_size.iter().filter(|(_, roots)| roots.len() > 1) {
        find("fork", Some((0, *size)), format!("the key signed two different trees of {size} leaves"));
    }
    let fits = |signed: &&Signed| export.tree.root(signed.leaves) == Some(signed.root);
    let sizes = |of: &BTreeSet<Signed>| of.iter().filter(fits).map(|signed| signed.leaves).max().unwrap_or(0);
    let covers = sizes(&theirs);
    let fitting = sizes(&every);
    let wrong: Vec<u64> =
        every.iter().filter(|signed| signed.leaves <= leaves && !fits(signed)).map(|s| s.leaves).collect();
    // By what came from elsewhere first: what lies in the export may have been signed after the forgery.
    let wrong_theirs =
        theirs.iter().filter(|signed| signed.leaves <= leaves && !fits(signed)).map(|s| s.leaves);
    let first_wrong = wrong_theirs.filter(|size| *size > covers).min();
    if let Some(size) = first_wrong.or_else(|| wrong.iter().copied().filter(|size| *size > fitting).min()) {
        let from = if first_wrong.is_some() { covers } else { fitting };
        let message = format!(
            "leaves {from} to {} are not those that were signed: among them something was changed, removed, inserted or moved",
            size - 1
        );
        find("rewritten", Some((from, size)), message);
    }
    if let Some(size) = wrong.iter().find(|size| **size <= covers) {
        find(
            "fork",
            Some((0, *size)),
            format!("a checkpoint of {size} leaves is of another log than larger ones"),
        );
    }
    if let Some(signed) = every.iter().rfind(|signed| signed.leaves > leaves) {
        let message =
            format!("leaves {leaves} to {} were signed and are not in the export", signed.leaves - 1);
        find("truncated", Some((leaves, signed.leaves)), message);
    }
    let lacks_values = export.values.is_none() && export.names_values;
    Verdict { leaves, covers, checkpoints: theirs.len(), lacks_values, findings }
}

impl Verdict {
    /// `consistent`, `TAMPERED` or `NO_EVIDENCE`.
    pub fn word(&self) -> &'static str {
        match (self.findings.is_empty(), self.checkpoints) {
            (false, _) => "TAMPERED",
            (true, 0) => "NO_EVIDENCE",
            // Who leaves all of them out must not come off better than who leaves out one.
            (true, _) if self.lacks_values => "NO_EVIDENCE",
            (true, _) => "consistent",
        }
    }

    /// The exit code: 0, 4 or 1.
    pub fn code(&self) -> u8 {
        match self.word() {
            "consistent" => 0,
            "TAMPERED" => 4,
            _ => 1,
        }
    }
}
