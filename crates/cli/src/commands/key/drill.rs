//! `holdfast key drill`.

use clap::Args;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::{recovery, state_lock};

use super::material::KitFiles;
use crate::context::Context;
use crate::{output, words};

/// Try the recovery kit, as every month: is everything back with it, one location and nothing else?
///
/// Opens the key ring that lies at the location, reads a copy of the ledger through and compares it, opens every repository with
/// the ring's passwords, and restores a file. Nothing of this machine's keys is used, and nothing is kept. That it was done, and
/// how it went, is written down: DR-05 and ENC-03 of `holdfast status` rest on it.
#[derive(Args, Debug)]
pub struct Drill {
    #[command(flatten)]
    kit: KitFiles,
    /// The location [default: the first of estate.toml]
    #[arg(long, value_name = "NAME")]
    location: Option<String>,
}

pub fn run(context: &Context, command: &Drill) -> Result<Ending> {
    let setup = context.setup()?;
    let material = command.kit.read(context)?;
    let _turn = state_lock::take_beside(&setup.places.state, "key drill", context.world.environment.pid())?;
    let report = recovery::drill(&setup, &material, command.location.as_deref())?;
    if context.options.json {
        output::json(&report);
        return Ok(report.ending);
    }
    if let Some(failure) = &report.failure {
        output::line(format!(
            "THE KIT {} DID NOT BRING EVERYTHING BACK from {}: {failure}",
            report.kit, report.location
        ));
        return Ok(report.ending);
    }
    output::line(format!(
        "kit {} at {}: the ledger's {} are whole, and its verdicts are ours",
        report.kit,
        report.location,
        words::many(report.leaves, "leaf", "leaves")
    ));
    output::line(format!(
        "opened with the ring's passwords: {}",
        words::many(report.opened.len() as u64, "repository", "repositories")
    ));
    match &report.restored {
        Some((repository, bytes)) => {
            output::line(format!("restored a file of {repository}: {}", words::bytes(*bytes)));
        }
        None => output::line("no repository has a point with a file yet: none was restored"),
    }
    Ok(report.ending)
}
