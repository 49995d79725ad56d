//! `holdfast repair`.

use std::sync::Arc;

use clap::Args;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::{Error, Result};
use holdfast_ops::{Progress, RepairAction, RepairRequest, RepairStep, repair, state_lock};

use crate::context::Context;
use crate::progress_line::{self, Totals};
use crate::{output, words};

/// Heal each location from the others
///
/// Ends with 0 when everything is healed and with 4 when something is lost; what is lost is named with its files.
#[derive(Args, Debug)]
pub struct Repair {
    /// The repository [default: all]
    repository: Option<String>,
    /// Only tell what would be done
    #[arg(long)]
    dry_run: bool,
    /// Give up what no location has whole: save what can still be read of it, and let purges go on
    ///
    /// Without it, what is lost is only named: a location that is away, or a person with a screwdriver, may bring it back.
    /// Needs every location. Backups store again what the source still has, with or without it.
    #[arg(long, conflicts_with = "dry_run")]
    write_off: bool,
}

pub fn run(context: &Context, command: &Repair) -> Result<Ending> {
    let setup = context.setup()?;
    let _lock = state_lock::take(&setup.places.state, "repair", context.world.environment.pid())?;
    let known = repair::repositories(&setup)?;
    let repositories = match &command.repository {
        Some(name) if known.contains(name) => vec![name.clone()],
        Some(name) => {
            return Err(Error::usage(format!("the key ring has no key for a repository {name:?}"))
                .hint(format!("there are: {}", known.join(", "))));
        }
        None => known,
    };
    let request = RepairRequest { dry_run: command.dry_run, write_off: command.write_off };
    let mut ending = Ending::Done;
    let mut reports = Vec::new();
    for repository in &repositories {
        let progress = Arc::new(Progress::default());
        let report = {
            let _line = progress_line::show(context, repository, &progress, Totals::Exact);
            repair::repair(&setup, repository, request, &progress)?
        };
        ending = ending.and(report.ending);
        if !context.options.json {
            print(context, command.dry_run, &report);
        }
        reports.push(report);
    }
    if context.options.json {
        output::json(&reports);
    }
    Ok(ending)
}

fn print(context: &Context, dry_run: bool, report: &repair::RepairReport) {
    if let Some(error) = &report.error {
        output::note(format!("error: {}: {error}", report.repository));
    }
    if let Some(repaired) = &report.repaired {
        for (_, reason) in &repaired.unusable {
            output::note(format!("NOT LOOKED AT: {reason}"));
        }
        if repaired.is_healed() && repaired.steps.is_empty() {
            output::line(format!("{}: nothing to repair", report.repository));
        }
        for step in &repaired.steps {
            output::line(format!("{}: {}", report.repository, describe(step, dry_run)));
        }
        for lost in &repaired.lost {
            output::note(format!("LOST: {}: no location has it whole", lost.object));
            for file in &lost.files {
                output::note(format!("  costs {file}"));
            }
            let more = lost.files_total.saturating_sub(lost.files.len() as u64);
            if more > 0 {
                output::note(format!("  and {}", words::count(more, "more file")));
            }
        }
    }
    super::print_troubles(context, &report.troubles);
}

fn describe(step: &RepairStep, dry_run: bool) -> String {
    let what = match step.action {
        RepairAction::Deliver => "store the missing",
        RepairAction::Replace => "replace the damaged",
        RepairAction::DeleteTombstoned => "delete what was deleted elsewhere:",
        RepairAction::RemoveDamagedLock => "remove the damaged",
        RepairAction::WriteOff => "remove what is whole nowhere:",
        RepairAction::RebuildIndex => "rebuild the index from the packs:",
    };
    let from = step.from.as_ref().map(|from| format!(", from {from}")).unwrap_or_default();
    let outcome = match (dry_run, &step.failure) {
        (true, _) => "planned".to_owned(),
        (false, None) => "done".to_owned(),
        (false, Some(failure)) => format!("FAILED: {failure}"),
    };
    format!("at {}: {what} {}{from}: {outcome}", step.location, step.object)
}
