//! Values about people. Leaves name them by hash, and they lie beside the leaves; so the tree does not notice one that was left
//! out or added, and a name that is missing where somebody read a client's data is just what an auditor looks for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::export::Trouble;

/// What leaves say of values, and which values there are.
#[derive(Debug, Default)]
pub(crate) struct Values {
    /// The hashes that leaves name, and the leaf that does.
    named: BTreeMap<String, u64>,
    erased: BTreeSet<String>,
    seen: BTreeSet<String>,
}

/// The fields that hold hashes, by the kind of the fact.
const HASHED: [(&str, &[&str]); 3] = [
    ("action-begun", &["actor", "paths", "target", "purpose"]),
    ("action-ended", &["detail"]),
    ("restore-test-ended", &["details"]),
];

impl Values {
    pub(crate) fn take_leaf(&mut self, leaf: u64, payload: &str) {
        // Most leaves are of other kinds, and none of those that are read here can be without one of these words.
        let words = ["\"action-", "\"restore-test-ended\"", "\"private-erased\""];
        if !words.iter().any(|word| payload.contains(word)) {
            return;
        }
        let Ok(payload) = serde_json::from_str::<Value>(payload) else { return };
        let fact = &payload["fact"];
        for (kind, fields) in HASHED {
            for field in fields {
                for hash in texts(&fact[kind][field]) {
                    self.named.entry(hash).or_insert(leaf);
                }
            }
        }
        self.erased.extend(texts(&fact["private-erased"]["hashes"]));
    }

    pub(crate) fn take_value(&mut self, hash: &str) {
        self.seen.insert(hash.to_owned());
    }

    /// Whether there is one that was not erased.
    pub(crate) fn are_named(&self) -> bool {
        self.named.keys().any(|hash| !self.erased.contains(hash))
    }

    /// What is wrong with them, where the file says that they are all in it.
    pub(crate) fn judge(&self) -> Vec<Trouble> {
        let trouble = |leaf, message| Trouble { kind: "value", leaf, message };
        let missing =
            self.named.iter().filter(|(hash, _)| !self.seen.contains(*hash) && !self.erased.contains(*hash));
        let missing = missing.map(|(_, leaf)| {
            let message =
                format!("a value that leaf {leaf} names is missing, and no leaf says that it was erased");
            trouble(Some(*leaf), message)
        });
        let strange = self.seen.iter().filter(|hash| !self.named.contains_key(*hash));
        let strange =
            strange.map(|hash| trouble(None, format!("no leaf names the value with the hash {hash}")));
        let back = self.seen.intersection(&self.erased);
        let back =
            back.map(|hash| trouble(None, format!("the value with the hash {hash} was erased and is here")));
        missing.chain(strange).chain(back).collect()
    }
}

/// A text, or every text in a list.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}
