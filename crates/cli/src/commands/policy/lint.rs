//! `holdfast policy lint`.

use clap::Args;
use holdfast_model::Policy;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::policy::Written;
use holdfast_ops::policy::lint::{self, Finding};

use crate::context::Context;
use crate::{output, words};

/// Find promises that the policy's own words cannot keep, and holes in them, with the sums
///
/// Ends with 1 when there are findings, with 0 when there are none, and with 2 when the file has errors. What holdfast makes
/// up for by itself stays a finding: the written promise is still one that its words do not keep.
#[derive(Args, Debug)]
pub struct Lint {
    /// Only these rules, e.g. Q1
    #[arg(long = "rule", value_name = "ID")]
    rules: Vec<String>,
}

pub fn run(context: &Context, command: &Lint, written: &Written, policy: &Policy) -> Result<Ending> {
    let mut findings = lint::lint(written, policy, context.world.clock.now());
    let is_meant = |finding: &Finding| command.rules.iter().any(|id| id.eq_ignore_ascii_case(finding.rule));
    findings.retain(|finding| command.rules.is_empty() || is_meant(finding));
    if context.options.json {
        output::json(&findings);
    } else {
        print(&findings);
    }
    Ok(if findings.is_empty() { Ending::Done } else { Ending::Attention })
}

fn print(findings: &[Finding]) {
    let mut last = "";
    for finding in findings {
        if finding.rule != last {
            output::line(format!("{}  {}", finding.rule, finding.title));
            last = finding.rule;
        }
        output::line(format!("    {}", finding.message));
        for sum in &finding.arithmetic {
            output::line(format!("      {sum}"));
        }
        output::line(format!("      holdfast: {}", finding.holdfast));
        output::line(format!("      you:      {}", finding.hint));
        output::line(format!(
            "      sentence {}; {}:{}\n",
            finding.sentences.join(", "),
            finding.file,
            finding.line
        ));
    }
    let mut rules: Vec<&str> = findings.iter().map(|finding| finding.rule).collect();
    rules.dedup();
    match findings.len() {
        0 => output::line("No findings."),
        n => output::line(format!(
            "{} of {}: {}",
            words::count(n as u64, "finding"),
            words::count(rules.len() as u64, "rule"),
            rules.join(" ")
        )),
    }
}
