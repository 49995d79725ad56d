//! `holdfast-audit-verify`: reads an export and checkpoints, and says whether they agree.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is where it speaks")]

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use holdfast_audit_verify::{Key, read, verify};

const USAGE: &str = "Verifies an exported holdfast audit log without holdfast.

usage: holdfast-audit-verify EXPORT --key KEY [--checkpoint PATH]... [--json]

  EXPORT             what `holdfast audit export --out EXPORT` wrote
  --key KEY          the log's public key, as `holdfast key list` shows it, or a file that holds it; from elsewhere, not
                     from the machine that is being checked
  --checkpoint PATH  a signed checkpoint, or a folder of them: e.g. the folder holdfast-log/snapshots of a location
  --json             print one JSON document

exit codes: 0 everything agrees; 4 something was changed, removed, inserted, moved, cut off, or there are two logs;
            1 NO_EVIDENCE: no checkpoint was handed in that this key signed; 2 usage, or a file cannot be read";

struct Given {
    export: PathBuf,
    key: String,
    checkpoints: Vec<PathBuf>,
    is_json: bool,
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
    let (mut export, mut key, mut checkpoints, mut is_json) = (None, None, Vec::new(), false);
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--key" => key = Some(value()?.clone()),
            "--checkpoint" => checkpoints.push(PathBuf::from(value()?)),
            "--json" => is_json = true,
            other if other.starts_with('-') => return Err(format!("there is no option {other}\n\n{USAGE}")),
            file if export.is_none() => export = Some(PathBuf::from(file)),
            more => return Err(format!("one export at a time, and {more} is a second one")),
        }
    }
    let export = export.ok_or(format!("no export was named\n\n{USAGE}"))?;
    let key = key.ok_or("--key is missing: a log that is checked by its own word proves nothing")?;
    Ok(Given { export, key, checkpoints, is_json })
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
    let in_export = |why: String| format!("{}: {why}", given.export.display());
    let file = std::fs::File::open(&given.export).map_err(|error| in_export(error.to_string()))?;
    let export = read(BufReader::new(file)).map_err(in_export)?;
    let verdict = verify(&export, &key, &notes);
    if given.is_json {
        let findings: Vec<_> = verdict
            .findings
            .iter()
            .map(|f| serde_json::json!({ "kind": f.kind, "from": f.range.map(|r| r.0), "to": f.range.map(|r| r.1), "message": f.message }))
            .collect();
        let document = serde_json::json!({
            "verdict": verdict.word(), "leaves": verdict.leaves, "covers": verdict.covers,
            "checkpoints": verdict.checkpoints, "values": export.values, "findings": findings,
        });
        println!("{document:#}");
        return Ok(verdict.code());
    }
    for finding in &verdict.findings {
        println!("{}: {}", finding.kind.to_uppercase(), finding.message);
    }
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
