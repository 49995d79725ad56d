//! Where what a verdict rests on is recorded: the number of the first leaf whose fact records such a thing, and this one. Whoever
//! has the log finds it there, without our tables. A fact that only names it proves nothing of it.

use std::collections::BTreeMap;

use holdfast_ledger::Leaf;
use serde_json::Value;

use super::document::{Citation, Document};

/// Looks for what is cited while the log passes by.
pub(super) struct Finder {
    cited: Vec<(String, String)>,
    /// By kind and id.
    found: BTreeMap<&'static str, BTreeMap<String, Option<u64>>>,
}

/// What verdicts rest on, and the facts that record it.
const RECORDED_BY: [(&str, &[&str]); 5] = [
    ("run", &["run-begun", "run-ended"]),
    ("point", &["point-recorded", "log-recorded"]),
    ("slot", &["slots-expected", "slots-settled"]),
    ("hold", &["held"]),
    ("purge", &["purge-begun"]),
];

impl Finder {
    /// Everything that a document cites.
    pub(super) fn of(document: &Document) -> Finder {
        let controls = document.verdicts.controls.iter();
        let documents = controls.flat_map(|control| {
            std::iter::once(&control.document).chain(control.rows.iter().map(|r| &r.document))
        });
        let evidence = documents.flat_map(|one| one["evidence"].as_array().into_iter().flatten());
        let text = |one: &Value, field: &str| one[field].as_str().unwrap_or_default().to_owned();
        let mut cited: Vec<(String, String)> =
            evidence.map(|one| (text(one, "kind"), text(one, "id"))).collect();
        cited.sort();
        cited.dedup();
        let ids = |kind: &str| {
            let of_kind = cited.iter().filter(|(known, _)| known == kind);
            of_kind.map(|(_, id)| (id.clone(), None)).collect()
        };
        let found = RECORDED_BY.into_iter().map(|(kind, _)| (kind, ids(kind))).collect();
        Finder { cited, found }
    }

    /// Looks into a leaf.
    pub(super) fn see(&mut self, leaf: &Leaf) {
        let kinds = RECORDED_BY.into_iter().filter(|(_, facts)| facts.contains(&leaf.kind.as_str()));
        for (kind, _) in kinds {
            let Some(sought) = self.found.get_mut(kind).filter(|sought| !sought.is_empty()) else { continue };
            if let Ok(payload) = serde_json::from_str::<Value>(&leaf.payload) {
                look_into(&payload["fact"], leaf.sequence, sought);
            }
        }
    }

    /// What was found.
    pub(super) fn citations(self) -> Vec<Citation> {
        let leaf = |kind: &str, id: &str| match kind {
            "leaf" => id.parse().ok(),
            _ => self.found.get(kind).and_then(|found| found.get(id)).copied().flatten(),
        };
        self.cited
            .iter()
            .map(|(kind, id)| Citation { kind: kind.clone(), id: id.clone(), leaf: leaf(kind, id) })
            .collect()
    }
}

fn look_into(value: &Value, leaf: u64, sought: &mut BTreeMap<String, Option<u64>>) {
    match value {
        Value::String(text) => {
            if let Some(found @ None) = sought.get_mut(text) {
                *found = Some(leaf);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| look_into(value, leaf, sought)),
        Value::Object(fields) => fields.values().for_each(|value| look_into(value, leaf, sought)),
        _ => {}
    }
}
