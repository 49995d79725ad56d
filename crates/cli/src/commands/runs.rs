//! `holdfast runs`.

use clap::Args;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::{Error, Result};
use holdfast_ops::journal::{self, RunReadBack};
use holdfast_ops::{CheckOutcome, RunOutcome};
use jiff::{SignedDuration, Timestamp};

use crate::context::Context;
use crate::{output, words};

/// List what ran, how it ended, and whether what it stored was read back whole
///
/// A run is not called done before everything that it stored was read back at every location. Ends with 1 when a run did
/// not end well.
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
    let runs = journal::checked_runs(&setup, command.asset.as_deref(), since)?;
    let is_red = runs.iter().any(|run| run.run.outcome.is_some_and(|outcome| outcome != RunOutcome::Done));
    if context.options.json {
        output::json(&runs);
    } else {
        let rows = runs.into_iter().map(|checked| {
            let read_back = read_back(&checked.read_back);
            let run = checked.run;
            vec![
                words::minute(run.begun_at),
                run.ended_at.map_or_else(|| "-".to_owned(), |end| words::seconds(took(run.begun_at, end))),
                run.asset,
                run.kind,
                run.outcome.map_or("under way or cut off", RunOutcome::as_str).to_owned(),
                run.point.as_deref().map_or("-", words::short).to_owned(),
                read_back,
            ]
        });
        output::table(&["Began", "Took", "Asset", "Kind", "Outcome", "Point", "Read back"], rows.collect());
    }
    Ok(if is_red { Ending::Attention } else { Ending::Done })
}

/// In seconds; none where the clock was set back in between.
fn took(begun: Timestamp, ended: Timestamp) -> f64 {
    ended.duration_since(begun).as_secs_f64().max(0.0)
}

/// Where what a run stored was read back whole, and where it was not.
fn read_back(locations: &[RunReadBack]) -> String {
    let at = |outcome: CheckOutcome| {
        let names = locations.iter().filter(|l| l.outcome == outcome).map(|l| l.location.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let parts = [
        ("DAMAGED at ", at(CheckOutcome::Damaged)),
        ("not read at ", at(CheckOutcome::Unusable)),
        ("whole at ", at(CheckOutcome::Whole)),
    ];
    let said: Vec<String> = parts
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{what}{names}"))
        .collect();
    if said.is_empty() { "-".to_owned() } else { said.join("; ") }
}
