//! Whether a report says what its log says: that each verdict stands in the leaf that is named, word for word, and that what it
//! rests on is recorded where it is said to be.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use serde_json::Value;

/// What was compared.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    pub(crate) verdicts: usize,
    pub(crate) cited: usize,
    pub(crate) cited_nowhere: usize,
    /// What is wrong.
    pub(crate) troubles: Vec<String>,
}

/// Under this name verdicts stand in leaves.
const VERDICTS: &str = "assessed";

/// Compares a report with the lines of its log.
pub(crate) fn compare(report: &Value, log: impl BufRead) -> Compared {
    let mut compared = Compared::default();
    let told = verdicts(report);
    let cited: BTreeMap<(&str, &str), Option<u64>> = list(&report["citations"])
        .map(|one| ((text(one, "kind"), text(one, "id")), one["leaf"].as_u64()))
        .collect();
    let mut needed: BTreeSet<u64> = told.iter().filter_map(|verdict| verdict.leaf).collect();
    needed.extend(cited.values().flatten());
    let facts = facts(log, &needed);
    for verdict in &told {
        compared.verdicts += 1;
        let changes = verdict.leaf.and_then(|leaf| facts.get(&leaf)).map(|fact| &fact[VERDICTS]["changes"]);
        let stands = list(changes.unwrap_or(&Value::Null)).any(|change| {
            change["control"] == verdict.control
                && change["target"].as_str() == verdict.target
                && change["document"] == *verdict.document
        });
        if !stands {
            let target = verdict.target.map(|target| format!(" on {target}")).unwrap_or_default();
            let leaf = verdict.leaf.map_or("no leaf".to_owned(), |leaf| format!("leaf {leaf}"));
            compared.tell(format!("the verdict {}{target} does not stand in {leaf}", verdict.control));
        }
        for evidence in list(&verdict.document["evidence"]) {
            let name = (text(evidence, "kind"), text(evidence, "id"));
            if !cited.contains_key(&name) {
                compared.tell(format!(
                    "{} rests on {} {}, of which no leaf is named",
                    verdict.control, name.0, name.1
                ));
            }
        }
    }
    for ((kind, id), leaf) in &cited {
        compared.cited += 1;
        let Some(leaf) = leaf else {
            if *kind == "slot" {
                compared.cited_nowhere += 1;
            } else {
                compared.tell(format!("{kind} {id} is recorded in no leaf"));
            }
            continue;
        };
        let is_recorded = facts.get(leaf).is_some_and(|fact| match *kind {
            "leaf" => leaf.to_string() == *id,
            _ => fact.get(VERDICTS).is_none() && holds(fact, id),
        });
        if !is_recorded {
            compared.tell(format!("{kind} {id} is not recorded in leaf {leaf}"));
        }
    }
    compared
}

struct Told<'r> {
    control: &'r str,
    target: Option<&'r str>,
    document: &'r Value,
    leaf: Option<u64>,
}

fn verdicts(report: &Value) -> Vec<Told<'_>> {
    let mut told = Vec::new();
    for control in list(&report["verdicts"]["controls"]) {
        let name = text(&control["document"], "control");
        let one = |told: &'_ Value| told["leaf"].as_u64();
        told.push(Told { control: name, target: None, document: &control["document"], leaf: one(control) });
        for row in list(&control["rows"]) {
            let target = row["document"]["target"].as_str();
            told.push(Told { control: name, target, document: &row["document"], leaf: one(row) });
        }
    }
    told
}

/// The facts of these leaves.
fn facts(log: impl BufRead, needed: &BTreeSet<u64>) -> BTreeMap<u64, Value> {
    let mut facts = BTreeMap::new();
    for line in log.lines().map_while(Result::ok) {
        let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
        let Some(leaf) = line["leaf"].as_u64().filter(|leaf| needed.contains(leaf)) else { continue };
        let payload = line["payload"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
        if let Some(mut payload) = payload {
            facts.insert(leaf, payload["fact"].take());
        }
    }
    facts
}

/// Whether a text stands anywhere in it as a value of its own.
fn holds(value: &Value, sought: &str) -> bool {
    match value {
        Value::String(text) => text == sought,
        Value::Array(values) => values.iter().any(|value| holds(value, sought)),
        Value::Object(fields) => fields.values().any(|value| holds(value, sought)),
        _ => false,
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}

impl Compared {
    fn tell(&mut self, trouble: String) {
        // The first few say it.
        if self.troubles.len() < 100 {
            self.troubles.push(trouble);
        }
    }
}
