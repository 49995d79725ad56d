//! `holdfast location`.

use clap::Subcommand;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::object_lock::Worth;
use holdfast_ops::{Finding, Grade, location};

use crate::context::Context;
use crate::{output, words};

/// Look after the places for copies
#[derive(Subcommand, Debug)]
pub enum LocationCommand {
    /// Prove what a location really does: write, read back, overwrite, delete, list, speed
    ///
    /// Everything is tried in a repository of its own that is removed again. Where estate.toml says object_lock, one small
    /// object is locked for five minutes, and every way to delete, replace or unlock it is tried, with the credentials for
    /// deleting as well; it stays until then, and the next test removes it. Only a lock that was proven so, in the last 92
    /// days, counts as one. Ends with 1 when the location breaks a promise that backups stand on or its lock is not proven,
    /// and with 3 when it cannot be reached.
    Test {
        /// The location, as estate.toml calls it
        name: String,
    },
    /// Make a new or replaced place ready: its root folder, and the marker that tells it from an unmounted disk
    ///
    /// The very first backup, when the key ring has no key yet, does this by itself. After that a missing marker means a
    /// disk that is not mounted, unless this command says otherwise. What is there already is left alone.
    Establish {
        /// The location, as estate.toml calls it
        name: String,
    },
}

pub fn run(context: &Context, command: &LocationCommand) -> Result<Ending> {
    match command {
        LocationCommand::Test { name } => test(context, name),
        LocationCommand::Establish { name } => {
            location::establish(&context.setup()?, name)?;
            if context.options.json {
                output::json(&serde_json::json!({ "location": name, "established": true }));
            } else {
                output::line(format!(
                    "Location {name} is ready. The next backup brings it every repository."
                ));
            }
            Ok(Ending::Done)
        }
    }
}

fn test(context: &Context, name: &str) -> Result<Ending> {
    let setup = context.setup()?;
    let report = location::test(&setup, name)?;
    if context.options.json {
        output::json(&report);
        return Ok(report.ending);
    }
    let row = |finding: &Finding| {
        let verdict = match &finding.measured {
            Some(measure) => measure.to_string(),
            None => word(&finding.outcome),
        };
        let grade = match finding.grade {
            Grade::Fine => "",
            Grade::Note => "note",
            Grade::Bad => "BAD",
        };
        vec![
            word(&finding.what),
            verdict,
            grade.to_owned(),
            format!("{}: {}", finding.tried, finding.meaning),
        ]
    };
    output::table(
        &["Tried", "Outcome", "", "What happened, and what it means"],
        report.findings.iter().map(row).collect(),
    );
    match &report.object_lock {
        None => {}
        Some(Worth::Proven(time)) => {
            output::line(format!("Object lock: proven on {}", words::time(*time)));
        }
        Some(Worth::Unproven(why)) => output::note(format!("OBJECT LOCK NOT PROVEN: {why}")),
    }
    Ok(report.ending)
}

/// The kebab-case name of a value as words.
fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(|s| s.replace('-', " "))).unwrap_or_default()
}
