//! What one text of the policy says otherwise than another.
//!
//! Compared is what is said, not how: a line that moved, a comment or another way of quoting changes no rule, and a list of
//! changed lines would hide the one that matters among them.

use std::collections::BTreeMap;

use serde::Serialize;
use toml::{Table, Value};

/// A key that says something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Its place in the file: `schedule.website.incremental`.
    pub key: String,
    /// What stood there before; absent where nothing did.
    pub before: Option<String>,
    /// What stands there now; absent where nothing does.
    pub after: Option<String>,
}

/// Every key that differs, in order. A text that is no TOML says nothing.
pub fn changes(before: &str, after: &str) -> Vec<Change> {
    let (mut before, after) = (said(before), said(after));
    let mut changes = Vec::new();
    for (key, after) in after {
        let before = before.remove(&key);
        if before.as_ref() != Some(&after) {
            changes.push(Change { key, before, after: Some(after) });
        }
    }
    changes.extend(before.into_iter().map(|(key, before)| Change { key, before: Some(before), after: None }));
    changes.sort_by(|a, b| a.key.cmp(&b.key));
    changes
}

fn said(text: &str) -> BTreeMap<String, String> {
    let mut said = BTreeMap::new();
    if let Ok(table) = text.parse::<Table>() {
        flatten("", &table, &mut said);
    }
    said
}

fn flatten(prefix: &str, table: &Table, said: &mut BTreeMap<String, String>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) if !inner.is_empty() => flatten(&key, inner, said),
            value => {
                said.insert(key, value.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_otherwise_is_a_change_and_how_it_is_said_is_none() {
        let before = "[schedule.website]\nincremental = \"daily\"\nretention = { min_days = 30, max_days = 60 }\n\
                      [review]\ninterval = { months = 6 }\n";
        let moved = "# words\nreview.interval.months = 6\n[schedule.website]\nretention.max_days = 60\n\
                     retention.min_days = 30\nincremental = 'daily'\n";
        assert_eq!(changes(before, moved), []);
        let after = before
            .replace("\"daily\"", "\"weekly\"")
            .replace("[review]\ninterval = { months = 6 }\n", "full = \"monthly\"\n");
        let change = |key: &str, before: Option<&str>, after: Option<&str>| Change {
            key: key.to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        assert_eq!(
            changes(before, &after),
            [
                change("review.interval.months", Some("6"), None),
                change("schedule.website.full", None, Some("\"monthly\"")),
                change("schedule.website.incremental", Some("\"daily\""), Some("\"weekly\"")),
            ]
        );
        assert_eq!(changes("nonsense", "also = ["), []);
    }
}
