//! `holdfast-audit-verify`: reads an export or a report, and checkpoints, and says whether they agree.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is where it speaks")]

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use holdfast_audit_verify::{Finding, Key, read, verify, verify_pack};

const USAGE: &str = "Verifies an exported holdfast audit log, or an evidence pack, without holdfast.

usage: holdfast-audit-verify EXPORT|PACK --key KEY [--checkpoint PATH]... [--without-values] [--json]

  EXPORT             what `holdfast audit export --out EXPORT` wrote
  PACK               the folder that `holdfast report --out PACK` wrote: its signed list, every file in it, the log, and that
                     the log holds the verdicts that are told and what they rest on
  --key KEY          the log's public key, as `holdfast key list` shows it, or a file that holds it; from elsewhere, not
                     from the machine that is being checked
  --checkpoint PATH  a signed checkpoint, or a folder of them: e.g. the folder holdfast-log/snapshots of a location
  --without-values   you asked for an export or a pack without the values about people; else one without them is NO_EVIDENCE
  --json             print one JSON document

exit codes: 0 everything agrees; 4 something was changed, removed, inserted, moved, cut off, or there are two logs;
            1 NO_EVIDENCE: no checkpoint was handed in that this key signed, or values about people are missing; 2 usage, or a file cannot be read";

struct Given {
    export: PathBuf,
    key: String,
    checkpoints: Vec<PathBuf>,
    is_json: bool,
    is_without_values: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match given(&arguments).and_then(|given| run(&given)) {
        Ok(code) => ExitCode::from(code),
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::from(2)
        }
    }
}

fn given(arguments: &[String]) -> Result<Given, String> {
    let (mut export, mut key, mut checkpoints) = (None, None, Vec::new());
    let (mut is_json, mut is_without_values) = (false, false);
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--key" => key = Some(value()?.clone()),
            "--checkpoint" => checkpoints.push(PathBuf::from(value()?)),
            "--json" => is_json = true,
            "--without-values" => is_without_values = true,
            other if other.starts_with('-') => return Err(format!("there is no option {other}\n\n{USAGE}")),
            file if export.is_none() => export = Some(PathBuf::from(file)),
            more => return Err(format!("one export at a time, and {more} is a second one")),
        }
    }
    let export = export.ok_or(format!("no export was named\n\n{USAGE}"))?;
    let key = key.ok_or("--key is missing: a log that is checked by its own word proves nothing")?;
    Ok(Given { export, key, checkpoints, is_json, is_without_values })
}

fn run(given: &Given) -> Result<u8, String> {
    let key = match std::fs::read_to_string(&given.key) {
        Ok(text) => Key::parse(&text),
        Err(_) => Key::parse(&given.key),
    };
    let key = key.map_err(|why| format!("--key: {why}"))?;
    let mut notes = Vec::new();
    for path in &given.checkpoints {
        collect(path, &mut notes)?;
    }
    if given.export.is_dir() {
        return run_on_pack(given, &key, &notes);
    }
    let in_export = |why: String| format!("{}: {why}", given.export.display());
    let file = std::fs::File::open(&given.export).map_err(|error| in_export(error.to_string()))?;
    let export = read(BufReader::new(file)).map_err(in_export)?;
    let mut verdict = verify(&export, &key, &notes);
    verdict.lacks_values &= !given.is_without_values;
    if given.is_json {
        let findings = as_json(&verdict.findings);
        let document = serde_json::json!({
            "verdict": verdict.word(), "leaves": verdict.leaves, "covers": verdict.covers,
            "checkpoints": verdict.checkpoints, "values": export.values, "findings": findings,
        });
        println!("{document:#}");
        return Ok(verdict.code());
    }
    print_findings(&verdict.findings);
    println!(
        "{}: {} leaves; {} of them are covered by checkpoints from elsewhere ({})",
        verdict.word(),
        verdict.leaves,
        verdict.covers,
        verdict.checkpoints
    );
    if export.values.is_none() {
        println!(
            "the values about people were left out of this export: who did what with whose data is not in it"
        );
    }
    Ok(verdict.code())
}

fn run_on_pack(given: &Given, key: &Key, notes: &[(String, String)]) -> Result<u8, String> {
    let mut pack = verify_pack(&given.export, key, notes)?;
    pack.verdict.lacks_values &= !given.is_without_values;
    let log = &pack.verdict;
    if given.is_json {
        let document = serde_json::json!({
            "verdict": log.word(), "leaves": log.leaves, "covers": log.covers, "checkpoints": log.checkpoints,
            "later_checkpoints": pack.later, "values_gone": pack.values_gone, "files": pack.files, "verdicts": pack.verdicts,
            "verdict_leaves": pack.verdict_leaves, "verdicts_covered": pack.verdicts_covered, "lacks_values": log.lacks_values, "cited": pack.cited,
            "cited_nowhere": pack.cited_nowhere, "from": pack.from, "to": pack.to, "findings": as_json(&log.findings),
        });
        println!("{document:#}");
        return Ok(log.code());
    }
    print_findings(&log.findings);
    println!("report of {} to {}", pack.from, pack.to);
    println!(
        "{} files, {} verdicts and {} pieces of evidence were compared with the log of {} leaves",
        pack.files, pack.verdicts, pack.cited, log.leaves
    );
    if pack.cited_nowhere > 0 {
        println!(
            "{} slots that are cited follow from the policy and were recorded by nobody",
            pack.cited_nowhere
        );
    }
    if pack.values_gone > 0 {
        println!(
            "{} values about people are not in it: erased after the end of the period, or left out",
            pack.values_gone
        );
    }
    if log.lacks_values {
        println!(
            "who did what with whose data is not in it, or not all of it: with --without-values that is left open"
        );
    }
    println!(
        "{} of {} leaves with verdicts are covered by checkpoints from elsewhere",
        pack.verdicts_covered, pack.verdict_leaves
    );
    if pack.later > 0 {
        println!("{} checkpoints are of a longer log than this one and were not compared", pack.later);
    }
    let witnessed = match (log.findings.is_empty(), log.checkpoints) {
        (true, _) if log.lacks_values && log.checkpoints > 0 => {
            "all of it is what the key signed, and values about people are missing in it"
        }
        (true, 0) => {
            "all of it is what the key signed; whether the log was rewritten before that, only checkpoints from elsewhere show"
        }
        (true, _) => "all of it is what the key signed, and leaves are covered by checkpoints from elsewhere",
        (false, _) => "this is not what was signed, or not what the log says",
    };
    println!("{}: {witnessed} ({} leaves of {})", log.word(), log.covers, log.leaves);
    Ok(log.code())
}

fn as_json(findings: &[Finding]) -> Vec<serde_json::Value> {
    let one = |f: &Finding| serde_json::json!({ "kind": f.kind, "from": f.range.map(|r| r.0), "to": f.range.map(|r| r.1), "message": f.message });
    findings.iter().map(one).collect()
}

fn print_findings(findings: &[Finding]) {
    for finding in findings {
        println!("{}: {}", finding.kind.to_uppercase(), finding.message);
    }
}

/// Reads a file, or every file in a folder.
fn collect(path: &Path, notes: &mut Vec<(String, String)>) -> Result<(), String> {
    let trouble = |error: std::io::Error| format!("{}: {error}", path.display());
    if path.is_dir() {
        for entry in std::fs::read_dir(path).map_err(trouble)? {
            collect(&entry.map_err(trouble)?.path(), notes)?;
        }
        return Ok(());
    }
    let bytes = std::fs::read(path).map_err(trouble)?;
    notes.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
    Ok(())
}
