//! `holdfast status`.

mod print;

use clap::Args;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::{Error, Result};
use holdfast_ops::status::{self, Filter};

use super::slots::instant;
use crate::context::Context;
use crate::output;

/// Say whether the policy is kept: verdict by verdict, with the evidence
///
/// The controls stand under the ten sections of the policy, the worst first: PASS, FAIL, NO_EVIDENCE, STALE, EXEMPT or
/// NOT_APPLICABLE, why, and what to do next. Only what was executed and written down passes; a setting alone is NO_EVIDENCE,
/// and what this version cannot do says so.
///
/// Verdicts are computed when something changes them and written into the ledger, by `holdfast serve` or else by this
/// command. With --at they are only looked up: the answer about an instant is the same for ever.
///
/// Ends with 1 when anything is red: FAIL, NO_EVIDENCE or STALE.
#[derive(Args, Debug)]
pub struct Status {
    /// As of this time, as it was written down, e.g. 2026-11-23T04:00:00+00:00
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// One section of the policy alone, 1 to 10
    #[arg(long, value_name = "NUMBER")]
    section: Option<u8>,
    /// What concerns one asset alone
    #[arg(long, value_name = "ASSET")]
    asset: Option<String>,
    /// Show every target of every control, and what is not built
    #[arg(long)]
    all: bool,
}

pub fn run(context: &Context, command: &Status) -> Result<Ending> {
    if command.section.is_some_and(|section| !(1..=10).contains(&section)) {
        return Err(Error::usage("the sections of the policy are 1 to 10"));
    }
    let filter = Filter { section: command.section, asset: command.asset.clone() };
    let report = match &command.at {
        // The past asks neither the files nor the locations.
        Some(text) => {
            let now = context.world.clock.now();
            status::at(&context.places().state, now, instant("--at", text)?, &filter)?
        }
        None => {
            let setup = context.setup()?;
            if let Some(asset) = &command.asset {
                setup.asset(asset)?;
            }
            status::now(&setup, &filter)?
        }
    };
    if context.options.json {
        output::json(&report);
    } else {
        print::report(&report, command.all);
    }
    Ok(report.ending)
}
