//! `holdfast test list`.

use clap::Args;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::restore_test::{self, Filter, ListReport, Swept, TestLine};
use jiff::SignedDuration;

use crate::commands::slots::instant;
use crate::context::Context;
use crate::{output, words};

/// List restore tests: who was drawn, and what came of each
///
/// One without a result is being tested, or its process was ended: the next that tests finds it, records the failure, and
/// destroys what was left. `--json` has every question with what was seen.
///
/// Ends with 1 when the last test of something was not successful, or something of one may be left.
#[derive(Args, Debug)]
pub struct List {
    /// Only of this asset
    asset: Option<String>,
    /// Planned on this day or time, or later [default: 90 days ago]
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Destroy what a killed process left behind first
    #[arg(long)]
    sweep: bool,
}

pub fn run(context: &Context, command: &List) -> Result<Ending> {
    let setup = context.setup()?;
    let now = context.world.clock.now();
    let back = now.saturating_sub(SignedDuration::from_hours(90 * 24)).unwrap_or(now);
    let since = command.since.as_deref().map_or(Ok(back), |text| instant("--since", text))?;
    let filter = Filter { asset: command.asset.clone(), since, sweep: command.sweep };
    let report = restore_test::list(&setup, &filter)?;
    if context.options.json {
        output::json(&report);
    } else {
        print(&report);
    }
    Ok(report.ending)
}

/// What was left behind and is in order now.
pub(super) fn print_swept(swept: &Swept) {
    let whose = swept.asset.as_deref().unwrap_or("nobody that the ledger knows");
    let (files, bytes) = swept.destroyed;
    output::note(match &swept.failure {
        None => format!(
            "what was left of a test of {whose} is destroyed: {}, {}",
            words::count(files, "file"),
            words::bytes(bytes)
        ),
        Some(why) => format!("NOT DESTROYED: what was left of a test of {whose}: {why}"),
    });
}

fn print(report: &ListReport) {
    report.swept.iter().for_each(print_swept);
    let row = |line: &TestLine| {
        let destroyed = match (&line.destroyed, &line.not_destroyed, line.destroy_by) {
            (_, Some(_), _) => "NOT".to_owned(),
            (Some((at, _, _)), None, _) => words::minute(*at),
            (None, None, Some(by)) => format!("by {}", words::minute(by)),
            (None, None, None) => "-".to_owned(),
        };
        let chosen = if line.is_drawn { "" } else { ", by hand" };
        vec![
            words::minute(line.planned_at),
            line.occasion.clone().unwrap_or_else(|| "asked".to_owned()),
            line.asset.clone(),
            format!("{}{chosen}", line.why),
            line.point.as_deref().map_or("-", words::short).to_owned(),
            line.location.clone().unwrap_or_else(|| "-".to_owned()),
            if line.state == "successful" { line.state.to_owned() } else { line.state.to_uppercase() },
            line.failed.join(", "),
            destroyed,
        ]
    };
    let header = ["Planned", "For", "Asset", "Why", "Point", "From", "State", "Not answered", "Destroyed"];
    output::table(&header, report.lines.iter().map(row).collect());
    let well = report.lines.iter().filter(|line| line.state == "successful").count();
    output::line(format!("{}: {well} successful", words::count(report.lines.len() as u64, "test")));
    for line in report.lines.iter().filter(|line| line.not_destroyed.is_some()) {
        output::note(format!(
            "NOT DESTROYED: {} ({}): {}",
            line.asset,
            line.id,
            line.not_destroyed.as_deref().unwrap_or_default()
        ));
    }
    if report.lines.is_empty() {
        output::note("note: nothing was restored for a test; `holdfast test websites` does it now");
    }
}
