//! `holdfast key recover`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use holdfast_ops::Tell;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::recovery::{self, RecoverReport, RecoverRequest};

use super::material::KitFiles;
use crate::context::Context;
use crate::{output, words};

/// Rebuild a lost holdfast from any one location and the recovery kit
///
/// Brings configuration, key ring, ledger and records back into an empty folder, or leaves nothing. All verdicts until the copy
/// of the ledger are those of the lost machine; of the time from there until now nothing is known. Points that the copy did not
/// know are adopted, and count once they were verified.
///
/// The lost machine must not go on: two that write one log are a fork, which `audit verify --against` and LOG-03 tell.
#[derive(Args, Debug)]
pub struct Recover {
    /// The location's address, as estate.toml and the kit write it: a folder, sftp://…, s3://… or rest:…
    #[arg(long, value_name = "URL")]
    location: String,
    /// A file with its credentials, as estate.toml would name it [default: those that the kit's access.age has]
    #[arg(long, value_name = "FILE", conflicts_with = "credentials_env")]
    credentials: Option<PathBuf>,
    /// Its credentials in variables that begin with PREFIX and an underscore
    #[arg(long, value_name = "PREFIX")]
    credentials_env: Option<String>,
    #[command(flatten)]
    kit: KitFiles,
    /// The folder, which must be empty or not there; the state goes into its folder `state`
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
}

pub fn run(context: &Context, command: &Recover) -> Result<Ending> {
    let request = RecoverRequest {
        location: command.location.clone(),
        credentials: command.credentials.clone(),
        credentials_env: command.credentials_env.clone(),
        material: command.kit.read(context)?,
        into: command.into.clone(),
    };
    let tell: Tell = Arc::new(|text: &str| output::note(text));
    let report = recovery::recover(&context.world, &request, &context.stop.interrupted, &tell)?;
    if context.options.json {
        output::json(&report);
    } else {
        print(&report);
    }
    Ok(report.ending)
}

fn print(report: &RecoverReport) {
    let name = report.location.as_deref().unwrap_or(&report.from);
    output::line(format!(
        "rebuilt from {name}: {} of the ledger, copied {}, in {}",
        words::many(report.leaves, "leaf", "leaves"),
        words::time(report.time),
        report.config.display()
    ));
    if let Some(until) = report.until {
        output::line(format!(
            "verdicts until {} are those of the lost machine; from there until now they are NO_EVIDENCE",
            words::time(until)
        ));
    }
    if !report.adopted.is_empty() {
        output::line(format!(
            "{} made later were adopted, unverified: `holdfast verify --read-data` reads them",
            words::count(report.adopted.len() as u64, "point")
        ));
    }
    for note in report.passed_over.iter().chain(&report.notes) {
        output::note(note);
    }
    let (config, state) = (report.config.display(), report.state.display());
    output::line("The lost machine must not go on: two that write one log are a fork.");
    output::line(format!("next: holdfast --config {config} --state {state} validate"));
    output::line(format!(
        "      holdfast --config {config} --state {state} location test NAME, for each location"
    ));
    output::line(format!("      holdfast --config {config} --state {state} key drill, and then serve"));
}
