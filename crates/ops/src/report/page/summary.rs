//! What somebody reads who reads one page: how it stands, what is red and what to do, and what nobody should take this for.

use std::time::Duration;

use holdfast_model::show_duration;
use holdfast_model::verdict::{SECTIONS, Verdict};

use super::{class_of, minute};
use crate::report::document::Document;
use crate::status::StatusReport;

pub(super) struct Summary {
    pub(super) verdict: String,
    pub(super) counts: Vec<Count>,
    pub(super) headline: String,
    pub(super) sections: Vec<Line>,
    pub(super) red: Vec<Red>,
    /// What the report does not show: what, and why.
    pub(super) missing: Vec<(String, String)>,
}

pub(super) struct Count {
    pub(super) word: &'static str,
    pub(super) class: &'static str,
    pub(super) count: usize,
}

/// A section in one line: how many controls have which verdict.
pub(super) struct Line {
    pub(super) number: u8,
    pub(super) title: &'static str,
    pub(super) cells: Vec<String>,
    pub(super) is_red: bool,
}

pub(super) struct Red {
    pub(super) control: String,
    pub(super) title: String,
    pub(super) verdict: &'static str,
    pub(super) class: &'static str,
    pub(super) why: String,
    pub(super) next: String,
}

pub(super) const ORDER: [Verdict; 6] = [
    Verdict::Fail,
    Verdict::NoEvidence,
    Verdict::Stale,
    Verdict::Exempt,
    Verdict::Pass,
    Verdict::NotApplicable,
];

impl Summary {
    pub(super) fn of(document: &Document, status: &StatusReport) -> Summary {
        let controls = &status.shown.controls;
        let red: Vec<Red> = ORDER
            .into_iter()
            .filter(|verdict| verdict.is_red())
            .flat_map(|verdict| controls.iter().filter(move |control| control.verdict == verdict))
            .map(|control| Red {
                control: control.control.clone(),
                title: control.title.clone(),
                verdict: control.verdict.as_str(),
                class: class_of(control.verdict.as_str()),
                why: control.why.clone(),
                next: control.next.clone().unwrap_or_default(),
            })
            .collect();
        let line = |(number, title): (u8, &'static str)| {
            let of: Vec<_> = controls.iter().filter(|control| control.section == number).collect();
            let count = |verdict: &Verdict| of.iter().filter(|c| c.verdict == *verdict).count();
            let cell = |count: usize| if count == 0 { "–".to_owned() } else { count.to_string() };
            let cells = ORDER.iter().map(|verdict| cell(count(verdict))).collect();
            Line { number, title, cells, is_red: of.iter().any(|control| control.verdict.is_red()) }
        };
        let judged = controls.iter().filter(|control| control.verdict != Verdict::NotApplicable).count();
        let verdict = if red.is_empty() {
            format!("All of {judged} controls that apply were kept.")
        } else {
            format!("{} of {judged} controls that apply are red.", red.len())
        };
        let count = |verdict: Verdict| Count {
            word: verdict.as_str(),
            class: class_of(verdict.as_str()),
            count: status.counts.get(verdict.as_str()).copied().unwrap_or(0),
        };
        Summary {
            verdict,
            counts: ORDER.into_iter().map(count).collect(),
            headline: headline(document, status),
            sections: SECTIONS.into_iter().map(line).collect(),
            red,
            missing: missing(document, status),
        }
    }
}

fn headline(document: &Document, status: &StatusReport) -> String {
    let Some(worst) = &status.shown.worst else {
        return "No recovery point was measured: nothing that a rule covers is known to be protected."
            .to_owned();
    };
    let span = |seconds| show_duration(Duration::from_secs(seconds));
    let (age, promised) = (span(worst.rpo.age_seconds(document.to)), span(worst.rpo.objective_seconds));
    match worst.rpo.recovery_point {
        Some(point) => format!(
            "{} would lose {age}, of {promised} that it may: its newest safe state is of {}. Within the objective for {:.2} % of the 30 days before.",
            worst.target,
            minute(point),
            f64::from(worst.rpo.within_per_10000(document.to)) / 100.0
        ),
        None => format!(
            "{} has no state that counts as safe, for {age} now; {promised} may be lost.",
            worst.target
        ),
    }
}

fn missing(document: &Document, status: &StatusReport) -> Vec<(String, String)> {
    let mut missing: Vec<(String, String)> = Vec::new();
    for control in status.shown.controls.iter().filter(|c| c.verdict == Verdict::NotApplicable) {
        let what = format!("{} {}", control.control, control.title);
        // What waits for the same stands together.
        match missing.iter_mut().find(|(_, why): &&mut (String, String)| *why == control.why) {
            Some((others, _)) => *others += &format!("; {what}"),
            None => missing.push((what, control.why.clone())),
        }
    }
    if document.title.policy.is_none() {
        let why =
            "no version of the policy was adopted, so contact, approver and dates are not in the ledger";
        missing.push(("Whose policy this is".to_owned(), why.to_owned()));
    }
    let before =
        document.objectives.iter().all(|one| one.days.first().is_none_or(|d| d.worst_seconds.is_none()));
    if before {
        let why = "nothing was measured at the beginning of the period; the plots show from when on it was";
        missing.push(("The beginning of the period".to_owned(), why.to_owned()));
    }
    for restart in &document.log_restarts {
        let what = format!("The log before {}", minute(restart.happened_at));
        missing.push((what, format!("it began anew, by {}: {}", restart.by, restart.reason)));
    }
    let why = "a name in the policy's file; no signature of a person is checked";
    missing.push(("Who approved the policy".to_owned(), why.to_owned()));
    let why =
        "that entries of the log were true when they were written; from then on, the log shows every change";
    missing.push(("What no log shows".to_owned(), why.to_owned()));
    missing
}
