//! The verdicts that held at an instant, from the leaves alone: each change as it was written down, the last word of each
//! until then. A report that tells an older word than the last, or none at all, is signed and whole and still untrue.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A control, and its target; none for the verdict on the control itself.
pub(crate) type Name = (String, Option<String>);

/// What held.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    /// Each with the leaf in which it stands.
    pub(crate) held: BTreeMap<Name, (u64, Value)>,
    /// Every leaf with verdicts until then.
    pub(crate) leaves: BTreeSet<u64>,
}

impl Replay {
    /// Takes the fact of a leaf that holds verdicts, if it is of an instant until `to`.
    pub(crate) fn take(&mut self, leaf: u64, happened_at: &str, assessed: &mut Value, to: &Instant) {
        if Instant::parse(happened_at).is_none_or(|at| at > *to) {
            return;
        }
        self.leaves.insert(leaf);
        for change in assessed["changes"].as_array_mut().into_iter().flatten() {
            let Some(control) = change["control"].as_str().map(str::to_owned) else { continue };
            let name = (control, change["target"].as_str().map(str::to_owned));
            match change["document"].take() {
                Value::Null => self.held.remove(&name),
                document => self.held.insert(name, (leaf, document)),
            };
        }
    }
}

/// An instant in UTC as the log writes it, so that two of them can be compared: without a fraction or with one.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant {
    seconds: String,
    nanoseconds: String,
}

impl Instant {
    pub(crate) fn parse(text: &str) -> Option<Instant> {
        let text = text.strip_suffix('Z')?;
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
        let form = seconds.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
        let is_instant = form.eq(*b"0000-00-00T00:00:00")
            && fraction.len() <= 9
            && fraction.bytes().all(|byte| byte.is_ascii_digit());
        is_instant.then(|| Instant { seconds: seconds.to_owned(), nanoseconds: format!("{fraction:0<9}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_compared_as_such_and_not_as_text() {
        let at = |text| Instant::parse(text).unwrap();
        assert!(at("2026-03-01T00:00:00Z") < at("2026-03-01T00:00:00.5Z"));
        assert!(at("2026-03-01T00:00:00.25Z") < at("2026-03-01T00:00:00.5Z"));
        assert_eq!(at("2026-03-01T00:00:00.50Z"), at("2026-03-01T00:00:00.5Z"));
        for text in ["", "B", "2026-03-01", "2026-03-01T00:00:00+01:00", "2026-03-01T00:00:00.xZ"] {
            assert_eq!(Instant::parse(text), None, "{text}");
        }
    }
}
