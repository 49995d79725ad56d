//! What is wrong with the policy before anything has run.

use std::path::Path;

use holdfast_model::lint::{LintFinding, LintInput, lint as find};
use holdfast_model::{Diagnostic, Policy, Severity};
use jiff::Timestamp;
use serde::Serialize;

use super::Written;

/// One finding, with its place in the file.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// The rule's name: `Q1`.
    pub rule: &'static str,
    /// What the rule is about.
    pub title: &'static str,
    /// What is wrong.
    pub message: String,
    /// The sums behind it.
    pub arithmetic: Vec<String>,
    /// What holdfast does about it by itself.
    pub holdfast: String,
    /// What the policy's owner can do.
    pub hint: String,
    /// The sentences that it is about.
    pub sentences: Vec<String>,
    /// The policy's file.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
}

/// Every finding about a policy at an instant.
pub fn lint(written: &Written, policy: &Policy, now: Timestamp) -> Vec<Finding> {
    let place = |found: LintFinding| Finding {
        rule: found.rule,
        title: found.title,
        message: found.message,
        arithmetic: found.arithmetic,
        holdfast: found.holdfast,
        hint: found.hint,
        sentences: found.sentences.iter().map(ToString::to_string).collect(),
        file: written.path.display().to_string(),
        line: written.line(found.span.start),
    };
    let estate = written.estate.as_ref();
    find(&LintInput { policy, estate, measured: &written.measured, last_review: written.last_review, now })
        .into_iter()
        .map(place)
        .collect()
}

/// The same as findings of a file, for `validate`.
pub(crate) fn diagnostics(input: &LintInput<'_>, file: &Path) -> Vec<Diagnostic> {
    let diagnostic = |found: LintFinding| Diagnostic {
        severity: Severity::Warning,
        code: format!("lint.{}", found.rule),
        message: std::iter::once(found.message).chain(found.arithmetic).collect::<Vec<_>>().join("; "),
        file: file.display().to_string(),
        span: found.span.range(),
        hint: Some(found.hint),
    };
    find(input).into_iter().map(diagnostic).collect()
}
