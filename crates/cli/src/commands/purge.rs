//! `holdfast purge`.

use std::sync::Arc;

use clap::Args;
use holdfast_ops::Progress;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::{purge, state_lock};

use crate::context::Context;
use crate::{output, progress_line, words};

/// Apply retention: remove points beyond their age from every location
#[derive(Args, Debug)]
pub struct Purge {
    /// Only tell what would be done
    #[arg(long)]
    dry_run: bool,
}

pub fn run(context: &Context, command: &Purge) -> Result<Ending> {
    let setup = context.setup()?;
    let _lock = state_lock::take(&setup.places.state, "purge", context.world.environment.pid())?;
    let progress = Arc::new(Progress::default());
    let report = {
        let _line = progress_line::show(context, "purge", &progress);
        purge::purge(&setup, command.dry_run, &progress)?
    };
    if context.options.json {
        output::json(&report);
        return Ok(report.ending);
    }
    let rows = report.decisions.iter().map(|d| {
        vec![
            d.asset.clone(),
            words::short(&d.point).to_owned(),
            words::time(d.time),
            d.verdict.to_owned(),
            d.reason.clone(),
        ]
    });
    output::table(&["Asset", "Point", "Time", "Verdict", "Reason"], rows.collect());
    for repository in &report.repositories {
        let word = if command.dry_run { "would forget" } else { "forgot" };
        output::line(format!(
            "{}: {word} {}",
            repository.repository,
            words::count(repository.forgotten as u64, "point")
        ));
        if let Some(serde_json::Value::Object(numbers)) = repository.prune.get("plan") {
            let numbers = numbers.iter().filter(|(_, value)| value.is_number());
            let numbers: Vec<String> =
                numbers.map(|(name, n)| format!("{} {n}", name.replace('_', " "))).collect();
            output::line(format!("  {}", numbers.join(", ")));
        }
        if let Some(error) = &repository.error {
            output::note(format!("error: {}: {error}", repository.repository));
        }
    }
    super::print_troubles(context, &report.troubles);
    Ok(report.ending)
}
