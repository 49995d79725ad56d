//! A report: a folder with a signed list of what is in it. Each file is what was listed, nothing is missing and nothing is there
//! beside it; the log is the one that was signed; and the report says what the log says.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::citations::{self, Compared};
use crate::export::{Export, hex};
use crate::manifest::{self, Listed, Manifest};
use crate::note::Key;
use crate::verdict::{Finding, Verdict, verify};

const MANIFEST: &str = "MANIFEST";
const LOG: &str = "log.jsonl";
const REPORT: &str = "report.json";

/// What was found.
#[derive(Debug)]
pub struct PackVerdict {
    /// Of the log, with every finding about the report.
    pub verdict: Verdict,
    /// From when the report is.
    pub from: String,
    /// Until when.
    pub to: String,
    /// Files that were compared.
    pub files: usize,
    /// Verdicts that were looked up in the log.
    pub verdicts: usize,
    /// Leaves that hold verdicts until the end of the period.
    pub verdict_leaves: usize,
    /// So many of them are covered by checkpoints from elsewhere.
    pub verdicts_covered: usize,
    /// What they rest on, looked up as well.
    pub cited: usize,
    /// Slots that follow from the policy and were recorded by nobody.
    pub cited_nowhere: usize,
    /// Checkpoints from elsewhere of a longer log than this one.
    pub later: usize,
    /// Values about people that leaves name and that are not there.
    pub values_gone: usize,
}

/// Verifies a report in a folder, with checkpoints that were handed in from elsewhere, each with the name of its file.
///
/// # Errors
/// When the folder cannot be read.
pub fn verify_pack(
    folder: &Path,
    key: &Key,
    from_elsewhere: &[(String, String)],
) -> Result<PackVerdict, String> {
    let mut findings = Vec::new();
    let mut find =
        |kind: &'static str, message: String| findings.push(Finding { kind, range: None, message });
    let list = std::fs::read(folder.join(MANIFEST)).map_err(|error| error.to_string());
    let list = list.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "is no text".to_owned()));
    let manifest = match list.and_then(|text| manifest::read(&text, key)) {
        Ok(manifest) => manifest,
        // Without it nothing says what should be here.
        Err(why) => {
            find("manifest", format!("{MANIFEST} {why}"));
            return Ok(nothing_known(findings));
        }
    };
    for file in &manifest.files {
        if let Err(why) = compare(folder, file) {
            find("file", format!("{} {why}", file.name));
        }
    }
    for name in [LOG, REPORT] {
        // What nobody signed proves nothing, and a list may leave out what it likes.
        if !manifest.files.iter().any(|file| file.name == name) {
            find("manifest", format!("{MANIFEST} does not list {name}"));
        }
    }
    for stray in strays(folder, &manifest)? {
        find("file", format!("{stray} is there and not listed"));
    }
    let open = |name: &str| File::open(folder.join(name)).map(BufReader::new);
    let mut export = match open(LOG).map_err(|error| error.to_string()).and_then(crate::export::read) {
        Ok(export) => export,
        Err(why) => {
            find("log", format!("{LOG}: {why}"));
            Export::default()
        }
    };
    if export.tree.leaves() != manifest.leaves || export.tree.root(manifest.leaves) != Some(manifest.root) {
        find("log", format!("{LOG} is not the log of {} leaves that the report is about", manifest.leaves));
    }
    // Whoever is forgotten after the end of the period is missing without a leaf of this part saying so: it is no tampering, and
    // what was left out to hide it looks the same, so it is no evidence either.
    let values_gone = export.values_missing;
    export.troubles.retain(|trouble| !(trouble.kind == "value" && trouble.leaf.is_some()));
    let compared = match (std::fs::read(folder.join(REPORT)), open(LOG)) {
        (Ok(report), Ok(log)) => match serde_json::from_slice(&report) {
            Ok(report) => {
                agree(&report, &manifest).into_iter().for_each(|why| find("manifest", why));
                citations::compare(&report, log)
            }
            Err(error) => Compared { troubles: vec![format!("{REPORT}: {error}")], ..Compared::default() },
        },
        // That one is missing is told already.
        _ => Compared::default(),
    };
    for trouble in &compared.troubles {
        find("citation", trouble.clone());
    }
    // The log went on after the end of the period; what was signed later says nothing of this part that we could compare.
    let is_later = |note: &str| key.open(note).is_ok_and(|signed| signed.leaves > manifest.leaves);
    let (later, comparable): (Vec<_>, Vec<_>) =
        from_elsewhere.iter().cloned().partition(|(_, note)| is_later(note));
    let mut verdict = verify(&export, key, &comparable);
    findings.append(&mut verdict.findings);
    verdict.findings = findings;
    verdict.lacks_values |= values_gone > 0;
    let verdicts_covered = compared.verdict_leaves.iter().filter(|leaf| **leaf < verdict.covers).count();
    Ok(PackVerdict {
        verdict,
        from: manifest.from,
        to: manifest.to,
        files: manifest.files.len(),
        verdicts: compared.verdicts,
        verdict_leaves: compared.verdict_leaves.len(),
        verdicts_covered,
        cited: compared.cited,
        cited_nowhere: compared.cited_nowhere,
        later: later.len(),
        values_gone,
    })
}

fn nothing_known(findings: Vec<Finding>) -> PackVerdict {
    PackVerdict {
        verdict: Verdict { leaves: 0, covers: 0, checkpoints: 0, lacks_values: false, findings },
        from: "?".to_owned(),
        to: "?".to_owned(),
        files: 0,
        verdicts: 0,
        verdict_leaves: 0,
        verdicts_covered: 0,
        cited: 0,
        cited_nowhere: 0,
        later: 0,
        values_gone: 0,
    }
}

/// Where a report says otherwise than its list of what it is about.
fn agree(report: &serde_json::Value, manifest: &Manifest) -> Vec<String> {
    let log = &report["log"];
    let named = [
        ("beginning", report["from"] == manifest.from.as_str()),
        ("end", report["to"] == manifest.to.as_str()),
        ("number of leaves", log["leaves"] == manifest.leaves),
        ("root", log["root"] == hex(&manifest.root)),
    ];
    let wrong = named.into_iter().filter(|(_, is_same)| !is_same);
    wrong.map(|(what, _)| format!("{REPORT} has another {what} than {MANIFEST}")).collect()
}

fn compare(folder: &Path, listed: &Listed) -> Result<(), String> {
    let path = folder.join(&listed.name);
    let facts = path.symlink_metadata().map_err(|_| "is missing".to_owned())?;
    if !facts.is_file() {
        return Err("is no file".to_owned());
    }
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let (mut file, mut hash, mut buffer) =
        (File::open(&path).map_err(unreadable)?, Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer).map_err(unreadable)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    let hash: [u8; 32] = hash.finalize().into();
    if facts.len() != listed.bytes || hex(&hash) != listed.sha256 {
        return Err("is not what was signed".to_owned());
    }
    Ok(())
}

/// What is there and not listed.
fn strays(folder: &Path, manifest: &Manifest) -> Result<Vec<String>, String> {
    let listed: BTreeSet<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
    let (mut strays, mut folders) = (Vec::new(), vec![String::new()]);
    while let Some(below) = folders.pop() {
        let path = folder.join(&below);
        let trouble = |error: std::io::Error| format!("{}: {error}", path.display());
        for entry in std::fs::read_dir(&path).map_err(trouble)? {
            let entry = entry.map_err(trouble)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let name = if below.is_empty() { name } else { format!("{below}/{name}") };
            let is_folder = entry.file_type().map_err(trouble)?.is_dir();
            let begins = format!("{name}/");
            if is_folder && listed.iter().any(|listed| listed.starts_with(&begins)) {
                folders.push(name);
            } else if is_folder || (name != MANIFEST && !listed.contains(name.as_str())) {
                strays.push(name);
            }
        }
    }
    strays.sort();
    Ok(strays)
}
