//! `holdfast test redraw`.

use clap::Args;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::restore_test;

use crate::context::Context;
use crate::{output, words};

/// Draw a restore test of the past again, and compare
///
/// The seed must follow from a head of this log, and the same targets must give the same picks and points as were written down
/// before anything was restored. Ends with 4 where anything differs.
#[derive(Args, Debug)]
pub struct Redraw {
    /// The test, by its id
    #[arg(value_name = "TEST")]
    test: String,
}

pub fn run(context: &Context, command: &Redraw) -> Result<Ending> {
    let setup = context.setup()?;
    let test = command.test.split('.').next().unwrap_or_default();
    let redrawn = restore_test::redraw(&setup, test)?;
    if context.options.json {
        output::json(&redrawn);
        return Ok(redrawn.ending);
    }
    let rows = redrawn
        .drawn
        .iter()
        .map(|(asset, point)| vec![asset.clone(), point.as_deref().map_or("-", words::short).to_owned()]);
    output::table(&["Drawn", "Point"], rows.collect());
    for difference in &redrawn.differences {
        output::note(format!("DIFFERS: {difference}"));
    }
    output::line(match (redrawn.differences.is_empty(), redrawn.follows_from_the_log) {
        (true, Some(_)) => "The same as was written down, from a seed that follows from the log".to_owned(),
        (true, None) => "The same as was written down, from a seed that somebody gave".to_owned(),
        (false, _) => "NOT the same as was written down".to_owned(),
    });
    Ok(redrawn.ending)
}
