//! Tables of verdicts, objectives and standards.

use serde_json::Value;

use super::{Sheet, maybe, time};
use crate::report::document::{Document, Objective, ObjectiveDay, Turn};

pub(super) fn sheets(document: &Document) -> Vec<Sheet> {
    let mut sheets = vec![history(document), controls(document), targets(document), objectives(document)];
    sheets.extend([breaches(document), standards(document)]);
    sheets
}

fn text(document: &Value, field: &str) -> String {
    match &document[field] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values
            .iter()
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(" "),
        other => other.to_string(),
    }
}

/// What a verdict rests on, as `kind:id`.
fn evidence(document: &Value) -> String {
    let cited = document["evidence"].as_array().into_iter().flatten();
    let cited = cited.map(|one| format!("{}:{}", text(one, "kind"), text(one, "id")));
    cited.collect::<Vec<_>>().join(" ")
}

fn history(document: &Document) -> Sheet {
    let row = |turn: &Turn| {
        vec![
            time(turn.at),
            turn.control.clone(),
            turn.before.clone().unwrap_or_default(),
            turn.verdict.clone().unwrap_or_default(),
            turn.why.clone(),
            turn.leaf.to_string(),
        ]
    };
    Sheet {
        file: "csv/history.csv",
        title: "How verdicts changed within the period",
        columns: &["at", "control", "before", "verdict", "why", "leaf"],
        rows: document.history.turns.iter().map(row).collect(),
        shown: &[(0, "When"), (1, "Control"), (2, "Before"), (3, "Then"), (4, "Why"), (5, "Leaf")],
        without: "No verdict on a control changed.",
    }
}

fn controls(document: &Document) -> Sheet {
    let row = |control: &crate::report::document::ControlTold| {
        let is = |verdict: &str| {
            control.rows.iter().filter(|row| row.document["verdict"] == verdict).count().to_string()
        };
        let told = &control.document;
        vec![
            text(told, "control"),
            text(told, "title"),
            text(told, "section"),
            text(told, "sentences"),
            text(told, "verdict"),
            text(told, "why"),
            text(told, "next"),
            text(told, "warnings"),
            text(told, "as_of"),
            control.rows.len().to_string(),
            is("PASS"),
            is("FAIL"),
            evidence(told),
            control.leaf.to_string(),
        ]
    };
    Sheet {
        file: "csv/controls.csv",
        title: "Controls",
        columns: &[
            "control",
            "title",
            "section",
            "sentences",
            "verdict",
            "why",
            "next",
            "warnings",
            "as_of",
            "targets",
            "targets_passing",
            "targets_failing",
            "evidence",
            "leaf",
        ],
        rows: document.verdicts.controls.iter().map(row).collect(),
        shown: &[],
        without: "",
    }
}

fn targets(document: &Document) -> Sheet {
    let mut rows = Vec::new();
    for control in &document.verdicts.controls {
        for row in &control.rows {
            let told = &row.document;
            rows.push(vec![
                text(&control.document, "control"),
                text(told, "target"),
                text(told, "asset"),
                text(told, "verdict"),
                text(told, "why"),
                text(told, "next"),
                text(told, "as_of"),
                evidence(told),
                row.leaf.to_string(),
            ]);
        }
    }
    Sheet {
        file: "csv/targets.csv",
        title: "Targets of controls",
        columns: &["control", "target", "asset", "verdict", "why", "next", "as_of", "evidence", "leaf"],
        rows,
        shown: &[],
        without: "",
    }
}

fn objectives(document: &Document) -> Sheet {
    let state = |day: &ObjectiveDay| match day.worst_seconds {
        None => "not-measured",
        Some(_) if day.broken_without_any => "broken-without-any-state",
        Some(_) if day.broken => "broken",
        Some(_) if day.without_any => "no-state-yet",
        Some(_) => "within",
    };
    let mut rows = Vec::new();
    for one in &document.objectives {
        for day in &one.days {
            rows.push(vec![
                one.control.clone(),
                one.target.clone(),
                day.day.to_string(),
                day.worst_seconds.map(|worst| worst.to_string()).unwrap_or_default(),
                day.objective_seconds.to_string(),
                state(day).to_owned(),
            ]);
        }
    }
    Sheet {
        file: "csv/objectives.csv",
        title: "Recovery points by day",
        columns: &["control", "target", "day", "worst_seconds", "objective_seconds", "state"],
        rows,
        shown: &[],
        without: "",
    }
}

fn breaches(document: &Document) -> Sheet {
    let mut rows = Vec::new();
    for Objective { control, target, breaches, .. } in &document.objectives {
        for breach in breaches {
            let end = breach.until.unwrap_or(document.to);
            let lasted = end.duration_since(breach.from).as_secs().max(0);
            rows.push(vec![
                target.clone(),
                time(breach.from),
                maybe(breach.until),
                lasted.to_string(),
                format!("{:.1}", lasted as f64 / 3600.0),
                control.clone(),
            ]);
        }
    }
    rows.sort_by(|a, b| (&a[1], &a[0]).cmp(&(&b[1], &b[0])));
    Sheet {
        file: "csv/breaches.csv",
        title: "When an objective was broken",
        columns: &["target", "from", "until", "seconds", "hours", "control"],
        rows,
        shown: &[(0, "What"), (1, "From"), (2, "Until"), (4, "Hours")],
        without: "No objective that was measured was broken.",
    }
}

fn standards(document: &Document) -> Sheet {
    let row = |one: &crate::report::document::StandardTold| {
        let controls = one.controls.iter().map(|(control, verdict)| format!("{control} {verdict}"));
        vec![
            one.reference.clone(),
            one.asks.clone(),
            controls.collect::<Vec<_>>().join(", "),
            one.not_shown.clone(),
        ]
    };
    Sheet {
        file: "csv/standards.csv",
        title: "What standards and laws ask for, and what bears on it",
        columns: &["reference", "asks", "controls", "not_shown"],
        rows: document.standards.iter().map(row).collect(),
        shown: &[(0, "Where"), (1, "Asks, in our words"), (2, "Evidence of"), (3, "Not shown by that")],
        without: "",
    }
}
