//! `holdfast runs`.

use clap::Args;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::{Error, Result};
use holdfast_ops::{RunOutcome, journal};
use jiff::SignedDuration;

use crate::context::Context;
use crate::{output, words};

/// List what ran, and how it ended
#[derive(Args, Debug)]
pub struct Runs {
    /// Only of this asset
    asset: Option<String>,
    /// How many days back
    #[arg(long, value_name = "N", default_value_t = 30)]
    days: u32,
}

pub fn run(context: &Context, command: &Runs) -> Result<Ending> {
    let setup = context.setup()?;
    let back = SignedDuration::from_hours(24 * i64::from(command.days));
    let since = context.world.clock.now().checked_sub(back);
    let since = since.map_err(|error| Error::usage(format!("--days {}: {error}", command.days)))?;
    let runs = journal::runs(&setup, command.asset.as_deref(), since)?;
    let is_red = runs.iter().any(|run| run.outcome.is_some_and(|outcome| outcome != RunOutcome::Done));
    if context.options.json {
        output::json(&runs);
    } else {
        let rows = runs.into_iter().map(|run| {
            vec![
                words::time(run.begun_at),
                run.ended_at.map_or_else(|| "-".to_owned(), words::time),
                run.asset,
                run.kind,
                run.outcome.map_or("under way or cut off", RunOutcome::as_str).to_owned(),
                run.point.as_deref().map_or("-", words::short).to_owned(),
            ]
        });
        output::table(&["Began", "Ended", "Asset", "Kind", "Outcome", "Point"], rows.collect());
    }
    Ok(if is_red { Ending::Attention } else { Ending::Done })
}
