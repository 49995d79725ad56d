//! How the verdicts on controls changed within a period. Whoever told only how it stood at the end would call a month kept in
//! which everything was red but for its last evening.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_ledger::{Reader, ToldVerdict};
use holdfast_model::verdict::Verdict;
use jiff::Timestamp;
use serde_json::Value;

use super::document::{History, Turn};
use crate::error::Result;
use crate::verdicts::HEADLINE;

/// Every change of a verdict after `from` and until `to`, and which controls were red at any time from `from` on.
pub(super) fn of(told: &Reader, (from, to): (Timestamp, Timestamp)) -> Result<History> {
    let before = told.verdicts_at(from)?;
    let is_known_from = before.as_ref().map(|_| from);
    let held = before.map(|before| before.verdicts).unwrap_or_default();
    let held = held.into_iter().filter(|((_, target), _)| target.is_none());
    let held = held.map(|((control, _), document)| (control, document)).collect();
    Ok(turns(held, told.verdicts_on_controls(from, to)?, is_known_from))
}

fn turns(held: BTreeMap<String, Value>, told: Vec<ToldVerdict>, known_from: Option<Timestamp>) -> History {
    let word = |document: &Value| document["verdict"].as_str().map(str::to_owned);
    let mut words: BTreeMap<String, String> =
        held.iter().filter_map(|(control, document)| Some((control.clone(), word(document)?))).collect();
    let mut red: BTreeSet<String> =
        words.iter().filter(|(_, word)| is_red(word)).map(|(control, _)| control.clone()).collect();
    let known_from = known_from.or_else(|| told.first().map(|first| first.at));
    let mut turns = Vec::new();
    for ToldVerdict { at, control, document, leaf, .. } in told {
        let verdict = document.as_ref().and_then(word);
        let before = words.get(&control).cloned();
        // Why may be told otherwise while the verdict stays.
        if control == HEADLINE || before == verdict {
            continue;
        }
        match &verdict {
            Some(word) => words.insert(control.clone(), word.clone()),
            None => words.remove(&control),
        };
        if verdict.as_deref().is_some_and(is_red) {
            red.insert(control.clone());
        }
        let text = |field: &str| document.as_ref().and_then(|document| document[field].as_str());
        let why = text("why").unwrap_or_default().to_owned();
        turns.push(Turn { at, control, before, verdict, why, leaf });
    }
    History { known_from, red_within: red.into_iter().collect(), turns }
}

fn is_red(word: &str) -> bool {
    serde_json::from_value::<Verdict>(word.into()).is_ok_and(Verdict::is_red)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_red_in_between_is_named_with_its_leaf() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let told = |day: &str, control: &str, verdict: &str, leaf| ToldVerdict {
            at: at(&format!("2026-03-{day}T00:00:00Z")),
            control: control.to_owned(),
            target: None,
            document: Some(json!({ "verdict": verdict, "why": "so" })),
            leaf,
        };
        let held = [("A", "PASS"), ("B", "FAIL"), ("C", "PASS")];
        let held = held.map(|(control, verdict)| (control.to_owned(), json!({ "verdict": verdict })));
        let series = vec![
            told("02", "A", "FAIL", 7),
            told("03", "A", "FAIL", 8),
            told("04", "B", "PASS", 9),
            told("05", "A", "PASS", 10),
            told("06", "C", "EXEMPT", 11),
        ];
        let history = turns(held.into(), series, Some(at("2026-03-01T00:00:00Z")));
        assert_eq!(history.red_within, ["A", "B"], "C was excused and never red");
        let told: Vec<_> = history.turns.iter().map(|turn| (turn.control.as_str(), turn.leaf)).collect();
        assert_eq!(
            told,
            [("A", 7), ("B", 9), ("A", 10), ("C", 11)],
            "other words for the same are no change"
        );
        assert_eq!(history.turns[0].before.as_deref(), Some("PASS"));
    }
}
