//! `holdfast key deliver`.

use clap::Args;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::{Error, Result};
use holdfast_ops::recovery::{self, DeliveryReport, Extent};
use holdfast_ops::state_lock;

use crate::context::Context;
use crate::{output, words};

/// What is to be done.
#[derive(Args, Debug)]
pub struct Deliver {
    /// Also replace a key ring that another controller brought: once you are sure that this one is to go on, and no other
    #[arg(long)]
    replace_foreign: bool,
}

pub fn run(context: &Context, command: &Deliver) -> Result<Ending> {
    let setup = context.setup()?;
    let _lock = state_lock::take(&setup.places.state, "key deliver", context.world.environment.pid())?;
    let extent = if command.replace_foreign { Extent::EverythingOverForeign } else { Extent::Everything };
    let report = recovery::deliver(&setup, extent)?;
    if report.kit.is_none() {
        return Err(Error::usage("nothing was brought anywhere: no recovery kit was ever made")
            .hint("`holdfast key kit --out DIR` makes one, and brings everything to the locations"));
    }
    if context.options.json {
        output::json(&report);
    } else {
        print(&report);
    }
    Ok(report.ending)
}

pub fn print(report: &DeliveryReport) {
    for at in &report.locations {
        let ring = if at.has_ring { "has the key ring" } else { "DOES NOT HAVE THE KEY RING" };
        let copy = match at.leaves.filter(|_| at.has_copy) {
            Some(leaves) => format!("the ledger's {}", words::many(leaves, "leaf", "leaves")),
            None => "NO NEW COPY OF THE LEDGER".to_owned(),
        };
        output::line(format!("{}: {ring}, {copy}", at.location));
    }
    for line in recovery::tell_delivered(report).0 {
        output::note(line);
    }
}
