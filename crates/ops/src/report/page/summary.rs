//! What somebody reads who reads one page: how it stands, what is red and what to do, and what nobody should take this for.

use std::time::Duration;

use holdfast_model::show_duration;
use holdfast_model::verdict::{Rpo, SECTIONS, Verdict};
use jiff::Timestamp;

use super::{class_of, minute};
use crate::report::document::Document;
use crate::status::StatusReport;

/// The control that counts slots.
const SLOTS_KEPT: &str = "SCHED-01";

pub(super) struct Summary {
    pub(super) verdict: String,
    /// What was red within the period.
    pub(super) within: String,
    pub(super) clock_ahead: Vec<String>,
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

impl Summary {
    pub(super) fn of(document: &Document, status: &StatusReport) -> Summary {
        let controls = &status.shown.controls;
        let red: Vec<Red> = Verdict::ALL
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
            let cells = Verdict::ALL.iter().map(|verdict| cell(count(verdict))).collect();
            Line { number, title, cells, is_red: of.iter().any(|control| control.verdict.is_red()) }
        };
        let count = |verdict: Verdict| Count {
            word: verdict.as_str(),
            class: class_of(verdict.as_str()),
            count: status.counts.get(verdict.as_str()).copied().unwrap_or(0),
        };
        Summary {
            verdict: at_the_end(status),
            within: within(document),
            clock_ahead: document.clock_ahead.clone(),
            counts: Verdict::ALL.into_iter().map(count).collect(),
            headline: headline(document, status),
            sections: SECTIONS.into_iter().map(line).collect(),
            red,
            missing: missing(document, status),
        }
    }
}

/// How it stood at the end: what was excused was not kept.
fn at_the_end(status: &StatusReport) -> String {
    let count = |is: &dyn Fn(Verdict) -> bool| {
        status.shown.controls.iter().filter(|control| is(control.verdict)).count()
    };
    let judged = count(&|verdict| verdict != Verdict::NotApplicable);
    let (red, kept) = (count(&Verdict::is_red), count(&|verdict| verdict == Verdict::Pass));
    let exempt = match count(&|verdict| verdict == Verdict::Exempt) {
        0 => String::new(),
        exempt => format!(", and {exempt} are exempt: not kept, and somebody answers for that by name"),
    };
    if red == 0 {
        format!(
            "At the end of the period, {kept} of {judged} controls that apply were kept and none was red{exempt}."
        )
    } else {
        format!("At the end of the period, {red} of {judged} controls that apply were red{exempt}.")
    }
}

/// What was red at any time: a good end makes no good month.
fn within(document: &Document) -> String {
    let history = &document.history;
    let Some(known_from) = history.known_from else {
        return "Nothing is known of how it stood within the period.".to_owned();
    };
    let since = if known_from > document.from {
        format!("since {}, from when on verdicts are known", minute(known_from))
    } else {
        "within the period".to_owned()
    };
    if history.red_within.is_empty() {
        return format!("No control was red at any time {since}.");
    }
    format!(
        "Red at some time {since}, {} controls: {}.",
        history.red_within.len(),
        history.red_within.join(", ")
    )
}

/// The part of an asset that used up most of what may be lost, as of the end: verdicts may be older than that.
fn worst_at(document: &Document, status: &StatusReport) -> Option<(String, Rpo)> {
    let measured = status.shown.controls.iter().filter(|control| control.is_of_objectives());
    let measured = measured.flat_map(|control| &control.rows);
    let measured = measured.filter_map(|row| Some((row.target.clone(), row.rpo.clone()?)));
    let used = |rpo: &Rpo| rpo.age_seconds(document.to).saturating_mul(1000) / rpo.objective_seconds.max(1);
    // The first of those that are alike.
    measured.reduce(|worst, one| if used(&one.1) > used(&worst.1) { one } else { worst })
}

/// From when on what a measurement says of the time before the end is known.
fn measured_since(rpo: &Rpo, to: Timestamp) -> Timestamp {
    rpo.window_from(to)
}

fn headline(document: &Document, status: &StatusReport) -> String {
    let Some((target, rpo)) = worst_at(document, status) else {
        return "No recovery point was measured: nothing that a rule covers is known to be protected."
            .to_owned();
    };
    let span = |seconds| show_duration(Duration::from_secs(seconds));
    let (age, promised) = (span(rpo.age_seconds(document.to)), span(rpo.objective_seconds));
    match rpo.recovery_point {
        Some(point) => format!(
            "{target} would lose {age}, of {promised} that it may: its newest safe state is of {}. Within the objective for {:.2} % of the time since {}.",
            minute(point),
            f64::from(rpo.within_per_10000(document.to)) / 100.0,
            minute(measured_since(&rpo, document.to))
        ),
        None => format!("{target} has no state that counts as safe, for {age} now; {promised} may be lost."),
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
    let slots = status.shown.controls.iter().filter(|control| control.control == SLOTS_KEPT);
    let unrecorded =
        slots.flat_map(|control| &control.rows).filter(|row| row.verdict == Verdict::NoEvidence).count();
    if unrecorded > 0 {
        let why = format!(
            "of {unrecorded} parts of assets {SLOTS_KEPT} has no evidence that every slot was written down beforehand; what nobody wrote down is not in the calendar of slots"
        );
        missing.push(("Slots that nobody recorded".to_owned(), why));
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
