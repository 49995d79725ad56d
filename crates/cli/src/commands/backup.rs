//! `holdfast backup`.

use std::sync::Arc;

use clap::Args;
use holdfast_ops::Progress;
use holdfast_ops::backup::{self, BackupReport};
use holdfast_ops::ending::Ending;
use holdfast_ops::error::{Error, Result};
use holdfast_ops::state_lock;

use crate::context::Context;
use crate::{output, progress_line, words};

/// Back up assets now
///
/// Each asset becomes a new point at every location. Ends with 1 when a file could not be read or a location is owed its
/// copy, and with 3 when no location took the point.
#[derive(Args, Debug)]
pub struct Backup {
    /// Assets, as estate.toml calls them
    #[arg(required_unless_present = "all")]
    asset: Vec<String>,
    /// Every asset of the estate
    #[arg(long, conflicts_with = "asset")]
    all: bool,
    /// Read every byte, ignoring what is known to be unchanged, and read everything back from every location
    #[arg(long)]
    full: bool,
}

pub fn run(context: &Context, command: &Backup) -> Result<Ending> {
    let setup = context.setup()?;
    let assets = if command.all {
        setup.estate.assets.keys().map(ToString::to_string).collect()
    } else {
        command.asset.clone()
    };
    for asset in &assets {
        setup.asset(asset)?;
    }
    if assets.is_empty() {
        return Err(Error::usage("estate.toml has no assets yet").hint("add an [assets.\"name\"] table"));
    }
    let _lock = state_lock::take(&setup.places.state, "backup", context.world.environment.pid())?;
    super::yield_to_production(context);
    let mut ending = Ending::Done;
    let mut reports = Vec::new();
    for asset in &assets {
        let progress = Arc::new(Progress::default());
        let report = {
            let _line = progress_line::show(context, asset, &progress);
            backup::backup(&setup, asset, command.full, &progress)?
        };
        if !context.options.json {
            print(context, &report);
        }
        ending = ending.and(report.ending);
        let is_interrupted = report.ending == Ending::Interrupted;
        reports.push(report);
        if is_interrupted {
            break;
        }
    }
    if context.options.json {
        output::json(&reports);
    }
    Ok(ending)
}

fn print(context: &Context, report: &BackupReport) {
    match (&report.point, &report.totals) {
        (Some(point), Some(totals)) => {
            let copies = report.copies.iter().filter(|c| c.has_point).count();
            output::line(format!(
                "{}: point {} ({}), {}, {} in {}; {} new, {} stored; {} of {} locations",
                report.asset,
                words::short(point),
                report.kind,
                words::count(totals.files, "file"),
                words::bytes(totals.bytes),
                words::seconds(report.seconds),
                words::bytes(totals.bytes_added),
                words::bytes(totals.bytes_added_stored),
                copies,
                report.copies.len(),
            ));
        }
        _ => output::note(format!("{}: no point", report.asset)),
    }
    if let Some(error) = &report.error {
        output::note(format!("error: {}: {error}", report.asset));
    }
    if let Some(hint) = &report.hint {
        output::note(format!("  hint: {hint}"));
    }
    for copy in report.copies.iter().filter(|c| !c.has_point) {
        let reason = copy.reason.as_deref().unwrap_or("not delivered");
        output::note(format!("owed: location {}: {reason}", copy.location));
    }
    super::print_troubles(context, &report.troubles);
    if let Some(attestation) = &report.attestation {
        output::line(format!("  {}", attestation.words()));
    }
}
