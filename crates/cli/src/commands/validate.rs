//! `holdfast validate`.

use clap::Args;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;

use crate::context::Context;
use crate::{diagnostics, output, words};

/// Read policy and estate, and report what is wrong with file, line and hint
///
/// Ends with 2 on errors and with 1 on other findings.
#[derive(Args, Debug)]
pub struct Validate {}

pub fn run(context: &Context, _command: &Validate) -> Result<Ending> {
    let loaded = context.load()?;
    if context.options.json {
        output::json(&diagnostics::json(&loaded.findings));
    } else {
        diagnostics::print(&loaded.findings);
    }
    let ending = match (loaded.has_errors(), loaded.has_findings()) {
        (true, _) => Ending::Usage,
        (false, true) => Ending::Attention,
        (false, false) => Ending::Done,
    };
    if let Some(setup) = loaded.setup.as_ref().filter(|_| !context.options.json) {
        output::line(format!(
            "{} in {}, {}",
            words::count(setup.estate.assets.len() as u64, "asset"),
            words::many(setup.repositories().len() as u64, "repository", "repositories"),
            words::count(setup.estate.locations.len() as u64, "location"),
        ));
    }
    Ok(ending)
}
