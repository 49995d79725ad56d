//! The ten sections of the policy: what was promised, which controls look at it, and what they found by which evidence.

use holdfast_model::SENTENCES;
use holdfast_model::verdict::{ControlVerdict, Evidence, Row, SECTIONS};

use super::{class_of, maybe};
use crate::report::document::Document;
use crate::status::StatusReport;

/// Targets that are not red and are shown, of each control.
const ROWS_MAX: usize = 12;
/// Pieces of evidence that are shown, of each verdict.
const EVIDENCE_MAX: usize = 4;

pub(super) struct Section {
    pub(super) number: u8,
    pub(super) title: &'static str,
    pub(super) sentences: Vec<Promise>,
    pub(super) controls: Vec<Shown>,
    /// Controls that are not built, in one line.
    pub(super) not_built: String,
}

/// A sentence, and what serves it.
pub(super) struct Promise {
    pub(super) id: String,
    pub(super) summary: &'static str,
    /// Each with its verdict.
    pub(super) controls: Vec<(String, &'static str, &'static str)>,
}

pub(super) struct Shown {
    pub(super) control: String,
    pub(super) title: String,
    pub(super) verdict: &'static str,
    pub(super) class: &'static str,
    pub(super) why: String,
    pub(super) next: String,
    pub(super) warnings: Vec<String>,
    pub(super) evidence: String,
    pub(super) as_of: String,
    pub(super) leaf: u64,
    pub(super) rows: Vec<Target>,
    pub(super) more: usize,
}

pub(super) struct Target {
    pub(super) target: String,
    pub(super) verdict: &'static str,
    pub(super) class: &'static str,
    pub(super) why: String,
    pub(super) evidence: String,
}

pub(super) fn of(document: &Document, status: &StatusReport) -> Vec<Section> {
    let controls = &status.shown.controls;
    SECTIONS
        .into_iter()
        .map(|(number, title)| {
            let (not_built, built): (Vec<&ControlVerdict>, Vec<&ControlVerdict>) =
                controls.iter().filter(|control| control.section == number).partition(|c| c.is_not_built());
            let names: Vec<String> =
                not_built.iter().map(|control| format!("{} ({})", control.control, control.title)).collect();
            Section {
                number,
                title,
                sentences: promises(number, controls),
                controls: built.into_iter().map(|control| shown(control, document)).collect(),
                not_built: names.join(", "),
            }
        })
        .collect()
}

fn promises(section: u8, controls: &[ControlVerdict]) -> Vec<Promise> {
    let of_section = SENTENCES.iter().filter(|sentence| sentence.id.section == section);
    let promise = |sentence: &holdfast_model::Sentence| {
        let id = sentence.id.to_string();
        let serving = controls.iter().filter(|control| control.sentences.contains(&id));
        let shown = serving.map(|control| {
            let word = if control.is_not_built() { "not built" } else { control.verdict.as_str() };
            (control.control.clone(), word, class_of(control.verdict.as_str()))
        });
        Promise { controls: shown.collect(), id, summary: sentence.summary }
    };
    of_section.map(promise).collect()
}

fn shown(control: &ControlVerdict, document: &Document) -> Shown {
    let told =
        document.verdicts.controls.iter().find(|told| told.document["control"] == control.control.as_str());
    // All that is red is worth its line; of what is well, a few show what it looks like.
    let red = control.rows.iter().filter(|row| row.verdict.is_red()).count();
    let count = control.rows.len().min(ROWS_MAX.max(red.min(ROWS_MAX * 3)));
    Shown {
        control: control.control.clone(),
        title: control.title.clone(),
        verdict: control.verdict.as_str(),
        class: class_of(control.verdict.as_str()),
        why: control.why.clone(),
        next: control.next.clone().filter(|_| control.verdict.is_red()).unwrap_or_default(),
        warnings: control.warnings.clone(),
        evidence: cited(&control.evidence, document),
        as_of: maybe(control.as_of),
        leaf: told.map_or(0, |told| told.leaf),
        rows: control.rows.iter().take(count).map(|row| target(row, document)).collect(),
        more: control.rows.len() - count,
    }
}

fn target(row: &Row, document: &Document) -> Target {
    Target {
        target: row.target.clone(),
        verdict: row.verdict.as_str(),
        class: class_of(row.verdict.as_str()),
        why: row.why.clone(),
        evidence: cited(&row.evidence, document),
    }
}

/// What a verdict rests on, with the leaf in which it is recorded.
fn cited(evidence: &[Evidence], document: &Document) -> String {
    let one = |cited: &Evidence| {
        if cited.kind == "leaf" {
            return format!("leaf {}", cited.id);
        }
        let found = document
            .citations
            .binary_search_by(|known| (&known.kind, &known.id).cmp(&(&cited.kind, &cited.id)))
            .ok()
            .and_then(|position| document.citations[position].leaf);
        let leaf = found.map_or("recorded in no leaf".to_owned(), |leaf| format!("leaf {leaf}"));
        format!("{} {} ({leaf})", cited.kind, short(&cited.id))
    };
    let mut told: Vec<String> = evidence.iter().take(EVIDENCE_MAX).map(one).collect();
    if evidence.len() > EVIDENCE_MAX {
        told.push(format!("{} more", evidence.len() - EVIDENCE_MAX));
    }
    told.join(", ")
}

/// Hashes are as good as their first digits; names of slots and runs are names.
fn short(id: &str) -> &str {
    let is_hash = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { &id[..12] } else { id }
}
