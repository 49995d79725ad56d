//! Every rule of a policy by its place in the file, so that a sentence can be followed to its rules.

use super::{Policy, Rule, Span};
use crate::SentenceId;

/// A rule by its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedRule {
    /// Its place in the file: `recovery.rpo.whmcs`.
    pub key: String,
    /// The sentences that it comes from.
    pub sentences: Vec<SentenceId>,
    /// What it says, in the words of the file.
    pub says: Option<String>,
    /// The bytes of the file.
    pub span: Span,
}

impl Policy {
    /// Every rule, in the order of the sections.
    pub fn rules(&self) -> Vec<NamedRule> {
        let mut rules = Vec::new();
        let mut add = |rule: Option<NamedRule>| rules.extend(rule);
        add(named("header", Some(&self.header)));
        add(named("contact", Some(&self.contact)));
        self.purpose.iter().for_each(|(name, rule)| add(named(&format!("purpose.{name}"), Some(rule))));
        self.scope.iter().for_each(|(class, rule)| add(named(&format!("scope.{class}"), Some(rule))));
        self.roles.iter().for_each(|(name, rule)| add(named(&format!("roles.{name}"), Some(rule))));
        for ((class, dataset), rule) in &self.schedule {
            let part = dataset.map(|dataset| format!(".{dataset}")).unwrap_or_default();
            add(named(&format!("schedule.{class}{part}"), Some(rule)));
        }
        let storage = &self.storage;
        add(named("storage.transit", storage.transit.as_ref()));
        add(named("storage.at_rest", storage.at_rest.as_ref()));
        add(named("storage.copies", Some(&storage.copies)));
        add(named("storage.access", storage.access.as_ref()));
        add(named("storage.logging", storage.logging.as_ref()));
        add(named("storage.second_factor", storage.second_factor.as_ref()));
        let verification = &self.verification;
        add(named("verification.integrity", verification.integrity.as_ref()));
        add(named("verification.websites", verification.websites.as_ref()));
        add(named("verification.whmcs", verification.whmcs.as_ref()));
        add(named("verification.drill", verification.drill.as_ref()));
        add(named("verification.staging", verification.staging.as_ref()));
        add(named("recovery.order", self.recovery.order.as_ref()));
        add(named("recovery.rto", self.recovery.rto.as_ref()));
        let rpo = self.recovery.rpo.iter();
        rpo.for_each(|(class, rule)| add(named(&format!("recovery.rpo.{class}"), Some(rule))));
        add(named("retention.schedule", self.retention.follows_schedule.as_ref()));
        add(named("retention.purge", self.retention.purge.as_ref()));
        add(named("retention.efficiency", self.retention.efficiency.as_ref()));
        add(named("retention.holds", self.retention.holds.as_ref()));
        let compliance = &self.compliance;
        add(named("compliance.regulations", compliance.regulations.as_ref()));
        add(named("compliance.encryption", compliance.encryption.as_ref()));
        add(named("compliance.access_log", compliance.access_log.as_ref()));
        add(named("compliance.separate_server", compliance.separate_server.as_ref()));
        add(named("review.interval", self.review.interval_months.as_ref()));
        add(named("review.changes", self.review.changes.as_ref()));
        rules
    }
}

fn named<T>(key: &str, rule: Option<&Rule<T>>) -> Option<NamedRule> {
    let Rule { sentences, says, span, .. } = rule?;
    Some(NamedRule {
        key: key.to_owned(),
        sentences: sentences.clone(),
        says: says.clone(),
        span: span.clone(),
    })
}
