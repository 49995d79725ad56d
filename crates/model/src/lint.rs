//! What a policy gets wrong, leaves open or promises without being able to keep it, before anything has run.
//!
//! Each finding is arithmetic or a hole in the words, and says three things apart: what is wrong, what holdfast does about
//! it by itself, and what its owner has to decide. What holdfast makes up for stays a finding: the written promise is
//! still one that its words do not keep.

mod exercises;
mod objectives;
mod retention;
mod review;
mod scope;
mod storage;
mod windows;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::policy::{Rule, Span};
use crate::slot::Lasts;
use crate::{Class, Dataset, Estate, Policy, SentenceId};

/// What the rules look at.
#[derive(Clone, Copy, Debug)]
pub struct LintInput<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// What is protected, where that is known.
    pub estate: Option<&'a Estate>,
    /// How long captures and copies were measured to last; the policy's assumption where it is missing.
    pub measured: &'a BTreeMap<(Class, Dataset), Lasts>,
    /// When a review was last recorded, outside of the file. An edited date in the file is no review.
    pub last_review: Option<Date>,
    /// The instant of the question.
    pub now: Timestamp,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintFinding {
    /// The rule's name: `Q1`.
    pub rule: &'static str,
    /// What the rule is about.
    pub title: &'static str,
    /// What is wrong, in one sentence.
    pub message: String,
    /// The sums behind it, a line each.
    pub arithmetic: Vec<String>,
    /// What holdfast does about it by itself.
    pub holdfast: String,
    /// What the policy's owner can do.
    pub hint: String,
    /// The sentences that it is about.
    pub sentences: Vec<SentenceId>,
    /// The bytes of the file.
    pub span: Span,
}

/// A rule of the linter.
pub struct LintRule {
    /// Its name.
    pub id: &'static str,
    /// What it is about.
    pub title: &'static str,
    check: fn(&LintInput<'_>, &mut Vec<Found>),
}

/// A finding that does not know its rule yet.
struct Found {
    message: String,
    arithmetic: Vec<String>,
    holdfast: String,
    hint: String,
    sentences: Vec<SentenceId>,
    span: Span,
}

const fn rule(id: &'static str, title: &'static str, check: fn(&LintInput<'_>, &mut Vec<Found>)) -> LintRule {
    LintRule { id, title, check }
}

/// Every rule, in order.
pub const LINT_RULES: [LintRule; 24] = [
    rule("Q1", "an hourly schedule and the objective", objectives::hourly),
    rule("Q2", "a daily or rarer schedule and the objective", objectives::daily),
    rule("Q3", "days of 23 and of 25 hours", objectives::clock_changes),
    rule("Q4", "a part that is scheduled more rarely than its service's objective", objectives::parts),
    rule("Q5", "objectives that are not stated", objectives::unstated),
    rule("Q6", "one number of days is both minimum and maximum", retention::single_number),
    rule("Q7", "a chain of increments outlives the maximum", retention::chain),
    rule("Q8", "a chain of increments leaves no room below the maximum", retention::headroom),
    rule("Q9", "lines that leave out encryption or the copy elsewhere", storage::left_out),
    rule("Q10", "a range of days without a rule for choosing inside it", retention::range),
    rule("Q11", "locks, holds and erasure against the maximum", retention::locks_and_holds),
    rule("Q12", "a second factor \"where available\"", storage::second_factor),
    rule("Q13", "what \"the same server\" means", storage::same_server),
    rule("Q14", "what \"separate locations\" means", storage::separate_locations),
    rule("Q15", "the size and the coverage of sample restores", exercises::sample),
    rule("Q16", "a drill that leaves out tiers", exercises::drill),
    rule("Q17", "the review is due", review::overdue),
    rule("Q18", "a date that can be read in two ways", review::ambiguous_date),
    rule("Q19", "a restored billing system is a live one", exercises::neutralised),
    rule("Q20", "what is restored for tests is personal data", exercises::staging),
    rule("R1", "nobody approved the policy", review::not_approved),
    rule("R2", "no schedule can keep the objective", objectives::impossible),
    rule("R3", "what the estate names and nothing backs up", scope::unprotected),
    rule("R4", "a window that is too short", windows::too_short),
];

/// Every finding, in the order of the rules.
pub fn lint(input: &LintInput<'_>) -> Vec<LintFinding> {
    let of_rule = |rule: &LintRule| {
        let mut found = Vec::new();
        (rule.check)(input, &mut found);
        let named = move |found: Found| LintFinding {
            rule: rule.id,
            title: rule.title,
            message: found.message,
            arithmetic: found.arithmetic,
            holdfast: found.holdfast,
            hint: found.hint,
            sentences: found.sentences,
            span: found.span,
        };
        found.into_iter().map(named).collect::<Vec<_>>()
    };
    LINT_RULES.iter().flat_map(of_rule).collect()
}

impl Found {
    fn at<T>(rule: &Rule<T>, message: impl Into<String>) -> Found {
        Found {
            message: message.into(),
            arithmetic: Vec::new(),
            holdfast: String::new(),
            hint: String::new(),
            sentences: rule.sentences.clone(),
            span: rule.span.clone(),
        }
    }

    fn sum(mut self, line: impl Into<String>) -> Found {
        self.arithmetic.push(line.into());
        self
    }

    fn holdfast(mut self, does: impl Into<String>) -> Found {
        self.holdfast = does.into();
        self
    }

    fn hint(mut self, hint: impl Into<String>) -> Found {
        self.hint = hint.into();
        self
    }

    /// Also about the sentences of another rule.
    fn with<T>(mut self, other: &Rule<T>) -> Found {
        self.sentences.extend(&other.sentences);
        self.sentences.sort();
        self.sentences.dedup();
        self
    }
}

impl LintInput<'_> {
    fn lasts(&self, class: Class, dataset: Dataset) -> Lasts {
        self.policy.lasts_of(class, dataset, self.measured.get(&(class, dataset)).copied())
    }

    /// Every dataset that a schedule covers.
    fn datasets(&self) -> impl Iterator<Item = (Class, Dataset)> {
        Class::parts().filter(|(class, dataset)| self.policy.schedule_of(*class, *dataset).is_some())
    }
}

#[cfg(test)]
mod tests;
