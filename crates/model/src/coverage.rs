//! From each sentence of the written policy to the rules that serve it and the controls that watch it.
//!
//! A promise that nothing watches is kept by luck. One that only says what the policy is for is watched through the
//! others, and says so.

use crate::control::Control;
use crate::policy::NamedRule;
use crate::{Policy, SENTENCES, Sentence, SentenceId};

/// What serves and watches one sentence.
#[derive(Clone, Debug)]
pub struct SentenceCoverage {
    /// The sentence.
    pub sentence: Sentence,
    /// The rules of the file that name it.
    pub rules: Vec<NamedRule>,
    /// The controls that watch it.
    pub controls: Vec<&'static Control>,
    /// Why no control can; `None` for sentences that promise something.
    pub declarative: Option<&'static str>,
}

impl SentenceCoverage {
    /// Whether a rule serves it, and a control watches it or none has to.
    pub fn is_covered(&self) -> bool {
        !self.rules.is_empty() && (!self.controls.is_empty() || self.declarative.is_some())
    }
}

/// Every sentence, in order.
pub fn coverage(policy: &Policy) -> Vec<SentenceCoverage> {
    let rules = policy.rules();
    let cover = |sentence: &Sentence| {
        let watch = watch(sentence.id);
        SentenceCoverage {
            sentence: *sentence,
            rules: rules.iter().filter(|rule| rule.sentences.contains(&sentence.id)).cloned().collect(),
            controls: watch.unwrap_or_default().iter().filter_map(|id| Control::find(id)).collect(),
            declarative: watch.err(),
        }
    };
    SENTENCES.iter().map(cover).collect()
}

/// The controls of a sentence, or why it has none.
fn watch(id: SentenceId) -> Result<&'static [&'static str], &'static str> {
    Ok(match (id.section, id.clause) {
        (0, 1) => &["REV-01"],
        (0, 2) => {
            return Err("says whom and what the policy is for; each promise is made by a later sentence");
        }
        (0, 3) => &["NOTIF-01"],
        (1, 1) => &["INT-01", "INT-02", "DR-05", "SELF-01"],
        (1, 2) => &["DR-02", "REQ-01"],
        (1, 3) => &["LOC-01", "COPY-01", "SCOPE-02"],
        (1, 4) => &["TEST-01", "TEST-02", "TEST-03"],
        (2, _) => &["SCOPE-01", "SCOPE-02"],
        (3, 1) => &["ACC-01", "NOTIF-01", "HOST-01"],
        (3, 2) => &["ACC-01", "ACC-03", "ACC-04", "ENC-03"],
        (3, 3) => &["ACC-01", "REQ-01", "NOTIF-01"],
        (4, 1 | 2) => &["SCHED-01", "SCHED-02", "SCHED-03", "RET-01", "RET-02", "COPY-01", "LOC-02"],
        (4, 3) => &["SCHED-01", "SCHED-02", "SCHED-03", "RET-01", "RET-02", "COPY-01", "ENC-02"],
        (4, 4) => &["SCHED-01", "SCHED-03", "RET-01", "RET-02", "COPY-01", "ENC-02"],
        (4, 5) => &["SCHED-01", "SCHED-02", "SCHED-03", "RET-01", "RET-02"],
        (5, 1) => &["ENC-01"],
        (5, 2) => &["ENC-02", "ENC-03"],
        (5, 3) => &["LOC-01", "LOC-03", "COPY-01"],
        (5, 4) => &["ACC-01", "ACC-04"],
        (5, 5) => &["LOG-01", "LOG-02", "LOG-03"],
        (5, 6) => &["ACC-02"],
        (6, 1) => &["INT-01", "INT-02"],
        (6, 2) => &["TEST-01", "TEST-04"],
        (6, 3) => &["TEST-02", "TEST-04"],
        (6, 4) => &["TEST-03", "DR-02"],
        (7, 1) => &["DR-01"],
        (7, 2) => &["DR-02"],
        (7, 3) => &["DR-03", "SCHED-03"],
        (7, 4) => &["DR-04", "SCHED-03"],
        (8, 1) => &["RET-01", "RET-05"],
        (8, 2) => &["RET-02", "RET-03", "RET-04", "ACC-03"],
        (8, 3) => &["RET-02", "RET-03"],
        (9, 1) => &["PRIV-01", "PRIV-02", "HOST-01"],
        (9, 2) => &["ENC-02", "TEST-04"],
        (9, 3) => &["LOG-02"],
        (9, 4) => &["LOC-02"],
        (10, 1) => &["REV-01"],
        (10, 2) => &["REV-02"],
        _ => &[],
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::control::{CONTROLS, ControlEvidence};
    use crate::{read_policy, template};

    fn policy(text: &str) -> Policy {
        read_policy("policy.toml", text).value.unwrap()
    }

    #[test]
    fn the_written_policy_has_42_sentences_in_eleven_parts() {
        let mut counts = BTreeMap::new();
        for sentence in SENTENCES {
            *counts.entry(sentence.id.section).or_insert(0) += 1;
        }
        assert_eq!(counts.into_values().collect::<Vec<_>>(), [3, 4, 4, 3, 5, 6, 4, 4, 3, 4, 2]);
        assert_eq!(SENTENCES.len(), 42);
    }

    #[test]
    fn the_shipped_policy_leaves_no_sentence_uncovered() {
        let covered = coverage(&policy(&template::policy_example()));
        assert_eq!(covered.len(), SENTENCES.len());
        let uncovered: Vec<_> = covered.iter().filter(|c| !c.is_covered()).map(|c| c.sentence.id).collect();
        assert_eq!(uncovered, []);
        let declarative: Vec<_> = covered.iter().filter(|c| c.declarative.is_some()).collect();
        assert_eq!(declarative.len(), 1, "a promise is not declarative");
        assert!(declarative[0].controls.is_empty());
    }

    #[test]
    fn a_sentence_that_loses_its_rule_is_uncovered() {
        let text = template::policy_example();
        for (rule, sentence) in [
            ("rpo.website = { sentence = \"7.4\", objective = \"24h\" }\n", "7.4"),
            ("logging = { sentence = \"5.5\", required = true }\n", "5.5"),
        ] {
            assert!(text.contains(rule));
            let covered = coverage(&policy(&text.replace(rule, "")));
            let uncovered: Vec<_> =
                covered.iter().filter(|c| !c.is_covered()).map(|c| c.sentence.id.to_string()).collect();
            assert_eq!(uncovered, [sentence]);
        }
    }

    #[test]
    fn names_of_controls_are_real_unique_and_all_in_use() {
        let names: BTreeSet<&str> = CONTROLS.iter().map(|control| control.id).collect();
        assert_eq!(names.len(), CONTROLS.len());
        let mut used = BTreeSet::new();
        for sentence in SENTENCES {
            for id in watch(sentence.id).unwrap_or_default() {
                assert!(names.contains(id), "{id}");
                used.insert(*id);
            }
        }
        assert_eq!(used, names);
    }

    #[test]
    fn a_control_that_is_not_built_says_what_it_waits_for() {
        for control in CONTROLS {
            let ControlEvidence::NotBuilt(waits_for) = control.evidence else { continue };
            assert!(!waits_for.is_empty(), "{}", control.id);
        }
    }
}
