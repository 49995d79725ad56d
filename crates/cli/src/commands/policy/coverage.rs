//! `holdfast policy coverage`.

use std::collections::BTreeMap;

use clap::Args;
use holdfast_model::Policy;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::policy::Written;
use holdfast_ops::policy::coverage::{self, Covered};

use crate::context::Context;
use crate::{output, words};

/// Show, for each sentence of the written policy, the rules that serve it and the controls that watch it
///
/// Ends with 1 when a sentence has no rule or no control. A control in brackets has no evidence yet, and passes nothing.
/// Of the others the command is named that shows the evidence. None has a verdict yet.
#[derive(Args, Debug)]
pub struct Coverage {}

pub fn run(context: &Context, _command: &Coverage, written: &Written, policy: &Policy) -> Result<Ending> {
    let sentences = coverage::coverage(written, policy);
    let uncovered = sentences.iter().filter(|sentence| !sentence.covered).count();
    let ending = if uncovered == 0 { Ending::Done } else { Ending::Attention };
    if context.options.json {
        output::json(&sentences);
        return Ok(ending);
    }
    sentences.iter().for_each(print);
    controls(&sentences);
    let declarative = sentences.iter().filter(|sentence| sentence.declarative.is_some()).count();
    output::line(format!(
        "\n{}, {uncovered} uncovered, {declarative} of them only declarative.",
        words::count(sentences.len() as u64, "sentence")
    ));
    Ok(ending)
}

fn print(sentence: &Covered) {
    let mark = if sentence.covered { "" } else { "UNCOVERED: " };
    output::line(format!("{:<5} {mark}{}", sentence.sentence, sentence.summary));
    let rules: Vec<String> =
        sentence.rules.iter().map(|rule| format!("{} ({})", rule.key, rule.line)).collect();
    let rules = if rules.is_empty() { "none".to_owned() } else { rules.join(", ") };
    output::line(format!("      rules:    {rules}"));
    let controls: Vec<String> = sentence
        .controls
        .iter()
        .map(|control| match control.evidence {
            Some(_) => control.id.to_owned(),
            None => format!("[{}]", control.id),
        })
        .collect();
    match sentence.declarative {
        Some(reason) => output::line(format!("      controls: none needed: {reason}")),
        None if controls.is_empty() => output::line("      controls: none"),
        None => output::line(format!("      controls: {}", controls.join(" "))),
    }
}

/// What the names of controls stand for, each once.
fn controls(sentences: &[Covered]) {
    let all = sentences.iter().flat_map(|sentence| &sentence.controls);
    let controls: BTreeMap<&str, _> = all.map(|control| (control.id, control)).collect();
    output::line("\nThe controls:");
    for control in controls.values() {
        let evidence = match (control.evidence, control.waits_for) {
            (Some(command), _) => format!("no verdict yet; `{command}` shows the evidence"),
            (None, waits_for) => format!("NO_EVIDENCE: waits for {}", waits_for.unwrap_or("nothing known")),
        };
        output::line(format!("  {:<9} {} ({evidence})", control.id, control.title));
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use holdfast_model::control::{CONTROLS, ControlEvidence};

    use crate::commands::App;

    #[test]
    fn a_control_with_evidence_names_a_command_that_exists() {
        for control in CONTROLS {
            let ControlEvidence::Recorded(command) = control.evidence else { continue };
            let mut words = command.split(' ');
            assert_eq!(words.next(), Some("holdfast"), "{}", control.id);
            let mut at = App::command();
            for word in words {
                if let Some(option) = word.strip_prefix("--") {
                    let is_there = at.get_arguments().any(|argument| argument.get_long() == Some(option));
                    assert!(is_there, "{}: {word}", control.id);
                    continue;
                }
                at = at.find_subcommand(word).unwrap_or_else(|| panic!("{}: {word}", control.id)).clone();
            }
        }
    }
}
