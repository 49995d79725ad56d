//! Which rules serve each sentence, and which controls watch it.

use holdfast_model::control::{Control, ControlEvidence};
use holdfast_model::{Policy, SentenceCoverage, coverage as cover};
use serde::Serialize;

use super::Written;
use super::show::RulePlace;

/// One sentence.
#[derive(Debug, Serialize)]
pub struct Covered {
    /// The sentence's number.
    pub sentence: String,
    /// What it asks for, in our words.
    pub summary: &'static str,
    /// Whether a rule serves it, and a control watches it or none has to.
    pub covered: bool,
    /// The rules.
    pub rules: Vec<RulePlace>,
    /// The controls.
    pub controls: Vec<Watch>,
    /// Why no control can watch it.
    pub declarative: Option<&'static str>,
}

/// A control.
#[derive(Debug, Serialize)]
pub struct Watch {
    /// Its name.
    pub id: &'static str,
    /// What it looks at.
    pub title: &'static str,
    /// The command that shows its evidence; absent where nothing records any yet.
    pub evidence: Option<&'static str>,
    /// What it waits for.
    pub waits_for: Option<&'static str>,
}

/// Every sentence, in order.
pub fn coverage(written: &Written, policy: &Policy) -> Vec<Covered> {
    let covered = |found: SentenceCoverage| Covered {
        sentence: found.sentence.id.to_string(),
        summary: found.sentence.summary,
        covered: found.is_covered(),
        rules: found
            .rules
            .iter()
            .map(|rule| RulePlace { key: rule.key.clone(), line: written.line(rule.span.start) })
            .collect(),
        controls: found.controls.iter().map(|control| watch(control)).collect(),
        declarative: found.declarative,
    };
    cover(policy).into_iter().map(covered).collect()
}

fn watch(control: &Control) -> Watch {
    let (evidence, waits_for) = match control.evidence {
        ControlEvidence::Recorded(command) => (Some(command), None),
        ControlEvidence::NotBuilt(what) => (None, Some(what)),
    };
    Watch { id: control.id, title: control.title, evidence, waits_for }
}
