//! Whether a report says what its log says: that the verdicts that are told are those that held at its end, each in the leaf
//! that is named, word for word, none left out; and that what they rest on is recorded where it is said to be.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use serde_json::Value;

use crate::replay::{Instant, Name, Replay};

/// What was compared.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    pub(crate) verdicts: usize,
    pub(crate) cited: usize,
    pub(crate) cited_nowhere: usize,
    /// The leaves of the log that hold verdicts until the end of the period.
    pub(crate) verdict_leaves: BTreeSet<u64>,
    /// What is wrong.
    pub(crate) troubles: Vec<String>,
}

/// Under this name verdicts stand in leaves.
const VERDICTS: &str = "assessed";
/// Under this one stands what is told above all controls, and is no control.
const HEADLINE: &str = "headline";

/// The facts that record what verdicts rest on: others only name it.
const RECORDED_BY: [(&str, &[&str]); 5] = [
    ("run", &["run-begun", "run-ended"]),
    ("point", &["point-recorded", "log-recorded"]),
    ("slot", &["slots-expected", "slots-settled"]),
    ("hold", &["held"]),
    ("purge", &["purge-begun"]),
];

/// Compares a report with the lines of its log.
pub(crate) fn compare(report: &Value, log: impl BufRead) -> Compared {
    let mut compared = Compared::default();
    let told = verdicts(report);
    let cited: BTreeMap<(&str, &str), Option<u64>> = list(&report["citations"])
        .map(|one| ((text(one, "kind"), text(one, "id")), one["leaf"].as_u64()))
        .collect();
    let needed: BTreeSet<u64> = cited.values().flatten().copied().collect();
    let Some(to) = Instant::parse(text(report, "to")) else {
        compared.tell("the report does not say as of when it is".to_owned());
        return compared;
    };
    let (facts, replay) = read(log, &needed, &to);
    compare_verdicts(report, &told, &replay, &mut compared);
    compared.verdict_leaves = replay.leaves;
    for verdict in &told {
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
            _ => records(fact, kind, id),
        });
        if !is_recorded {
            compared.tell(format!("{kind} {id} is not recorded in leaf {leaf}"));
        }
    }
    compared
}

/// The set that is told must be the one that held: no other word, none too few, none too many.
fn compare_verdicts(report: &Value, told: &[Told<'_>], replay: &Replay, compared: &mut Compared) {
    let mut left: BTreeMap<&Name, &(u64, Value)> = replay.held.iter().collect();
    let headline = left.remove(&(HEADLINE.to_owned(), None)).map(|(_, document)| &document["worst"]);
    if *headline.unwrap_or(&Value::Null) != report["verdicts"]["worst"] {
        compared.tell("the asset that would lose most is not the one that the log names".to_owned());
    }
    for verdict in told {
        compared.verdicts += 1;
        let name = (verdict.control.to_owned(), verdict.target.map(str::to_owned));
        let target = verdict.target.map(|target| format!(" on {target}")).unwrap_or_default();
        let stood = verdict.leaf.map_or("no leaf".to_owned(), |leaf| format!("leaf {leaf}"));
        let trouble = match left.remove(&name) {
            Some((leaf, document)) if Some(*leaf) == verdict.leaf && document == verdict.document => continue,
            Some((leaf, _)) if Some(*leaf) != verdict.leaf => {
                format!("does not stand in {stood}: the last word until the end of the period is leaf {leaf}")
            }
            Some(_) => format!("does not stand in {stood}"),
            None if replay.held.contains_key(&name) => "is told twice".to_owned(),
            None => format!("does not stand in {stood}: at the end of the period there was none"),
        };
        compared.tell(format!("the verdict {}{target} {trouble}", verdict.control));
    }
    for ((control, target), (leaf, _)) in left {
        let target = target.as_ref().map(|target| format!(" on {target}")).unwrap_or_default();
        compared.tell(format!("the verdict {control}{target} of leaf {leaf} is left out"));
    }
}

/// Whether a fact is one that records such a thing, and this one.
fn records(fact: &Value, kind: &str, id: &str) -> bool {
    let Some((name, content)) = fact.as_object().and_then(|fact| fact.iter().next()) else { return false };
    let is_one = match RECORDED_BY.iter().find(|(known, _)| *known == kind) {
        Some((_, names)) => names.contains(&name.as_str()),
        // Of a kind that this version does not know, whatever is no verdict.
        None => name != VERDICTS,
    };
    is_one && holds(content, id)
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

/// The facts of these leaves, and the verdicts until an instant.
fn read(log: impl BufRead, needed: &BTreeSet<u64>, to: &Instant) -> (BTreeMap<u64, Value>, Replay) {
    let (mut facts, mut replay) = (BTreeMap::new(), Replay::default());
    for line in log.lines().map_while(Result::ok) {
        let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
        let (Some(leaf), Some(payload)) = (line["leaf"].as_u64(), line["payload"].as_str()) else { continue };
        // A fact of verdicts cannot be without this word.
        if !needed.contains(&leaf) && !payload.contains(VERDICTS) {
            continue;
        }
        let Ok(mut payload) = serde_json::from_str::<Value>(payload) else { continue };
        let happened_at = text(&payload, "happened_at").to_owned();
        let mut fact = payload["fact"].take();
        if let Some(assessed) = fact.get_mut(VERDICTS) {
            replay.take(leaf, &happened_at, assessed, to);
        }
        if needed.contains(&leaf) {
            facts.insert(leaf, fact);
        }
    }
    (facts, replay)
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
