//! Where what a verdict rests on is recorded: the number of the first leaf that names it. Whoever has the log finds it there,
//! without our tables.

use std::collections::BTreeMap;

use holdfast_ledger::Leaf;
use serde_json::Value;

use super::document::{Citation, Document};

/// Looks for what is cited while the log passes by.
pub(super) struct Finder {
    cited: Vec<(String, String)>,
    found: BTreeMap<String, Option<u64>>,
}

/// The kind of a leaf that holds verdicts: those name what they rest on, and do not record it.
const VERDICTS: &str = "assessed";

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
        let sought = cited.iter().filter(|(kind, _)| kind != "leaf");
        let found = sought.map(|(_, id)| (id.clone(), None)).collect();
        Finder { cited, found }
    }

    /// Looks into a leaf.
    pub(super) fn see(&mut self, leaf: &Leaf) {
        if leaf.kind == VERDICTS || self.found.is_empty() {
            return;
        }
        if let Ok(payload) = serde_json::from_str::<Value>(&leaf.payload) {
            self.look_into(&payload["fact"], leaf.sequence);
        }
    }

    fn look_into(&mut self, value: &Value, leaf: u64) {
        match value {
            Value::String(text) => {
                if let Some(found @ None) = self.found.get_mut(text) {
                    *found = Some(leaf);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| self.look_into(value, leaf)),
            Value::Object(fields) => fields.values().for_each(|value| self.look_into(value, leaf)),
            _ => {}
        }
    }

    /// What was found.
    pub(super) fn citations(self) -> Vec<Citation> {
        let leaf = |kind: &str, id: &str| match kind {
            "leaf" => id.parse().ok(),
            _ => self.found.get(id).copied().flatten(),
        };
        self.cited
            .iter()
            .map(|(kind, id)| Citation { kind: kind.clone(), id: id.clone(), leaf: leaf(kind, id) })
            .collect()
    }
}
