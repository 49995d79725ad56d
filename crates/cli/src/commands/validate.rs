//! `holdfast validate`.

use clap::Args;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::setup::Setup;
use holdfast_ops::validate;

use crate::context::Context;
use crate::{diagnostics, output, words};

/// Read policy and estate, and report what is wrong with file, line and hint
///
/// Ends with 2 on errors and with 1 on other findings. What `holdfast policy lint` finds is counted here, and listed with
/// --json.
#[derive(Args, Debug)]
pub struct Validate {}

pub fn run(context: &Context, _command: &Validate) -> Result<Ending> {
    let mut loaded = context.load()?;
    validate::lint(&mut loaded)?;
    validate::unpaired(&mut loaded);
    let mut has_lint = false;
    if context.options.json {
        output::json(&diagnostics::json(&loaded.findings));
    } else {
        let lint = take_lint(&mut loaded);
        diagnostics::print(&loaded.findings);
        if lint > 0 {
            has_lint = true;
            output::line(format!(
                "{} about the policy's own words: `holdfast policy lint` shows them with their sums",
                words::count(lint as u64, "finding")
            ));
        }
    }
    let ending = match (loaded.has_errors(), loaded.has_findings() || has_lint) {
        (true, _) => Ending::Usage,
        (false, true) => Ending::Attention,
        (false, false) => Ending::Done,
    };
    if let Some(setup) = loaded.setup.as_ref().filter(|_| !context.options.json) {
        roots(setup);
        output::line(format!(
            "{} in {}, {}",
            words::count(setup.estate.assets.len() as u64, "asset"),
            words::many(setup.repositories().len() as u64, "repository", "repositories"),
            words::count(setup.estate.locations.len() as u64, "location"),
        ));
    }
    Ok(ending)
}

/// So many names of what is left out are told, of each kind.
const NAMED: usize = 8;

/// What is in each root whose folders are assets by themselves, and what is left out of it on purpose.
fn roots(setup: &Setup) {
    for (name, enrolment) in &setup.estate.enrolments {
        let Some(discovery) = setup.estate.discoveries.get(name) else { continue };
        let found = words::count(enrolment.assets.len() as u64, "website");
        let mut line = format!("discover.{name}: {found} in {}", discovery.pattern);
        for (why, names) in enrolment.left_out.kinds() {
            let more = if names.len() > NAMED { ", ..." } else { "" };
            let named = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            line += &format!("; left out, {why}: {} ({named}{more})", names.len());
        }
        output::line(line);
    }
}

/// Takes the findings of the linter out, and counts them: they have a command of their own, with room for the sums.
fn take_lint(loaded: &mut validate::Loaded) -> usize {
    let mut count = 0;
    for file in &mut loaded.findings {
        let before = file.findings.len();
        file.findings.retain(|finding| !finding.code.starts_with("lint."));
        count += before - file.findings.len();
    }
    count
}
