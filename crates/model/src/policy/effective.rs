//! What holds for one dataset when every rule that speaks of it is put together: the strictest wins.
//!
//! A written policy says the same thing in several places, and leaves it out in others. Whoever reads only the schedule's
//! line for websites finds no word of encryption; it holds nevertheless. So each value is merged from general and specific
//! rules, and keeps the sentences that it came from and those that it overruled.

use std::time::Duration;

use super::{Cadence, Copies, Policy, Rule, Schedule, Span};
use crate::retention::RetentionRule;
use crate::{Class, Dataset, SentenceId};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The rule's place in the file: `schedule.whmcs.database`.
    pub key: String,
    /// The sentences behind it.
    pub sentences: Vec<SentenceId>,
    /// The bytes of the file.
    pub span: Span,
}

/// A value, who supplied it, and who was overruled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value<T> {
    /// The strictest of all.
    pub value: T,
    /// Every rule that says so.
    pub origins: Vec<Origin>,
    /// What weaker rules say.
    pub overruled: Vec<(T, Origin)>,
}

/// What holds for one dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// How often a point is made.
    pub incremental: Value<Cadence>,
    /// How often a full point is made.
    pub full: Option<Value<Cadence>>,
    /// No point younger than this many days may be gone.
    pub days_min: Value<u32>,
    /// Points older than this many days expire.
    pub days_max: Value<u32>,
    /// By when, after that, nothing may be left.
    pub grace: Value<Duration>,
    /// Whether a copy must lie elsewhere.
    pub offsite: Option<Value<bool>>,
    /// Whether copies must be encrypted.
    pub encrypted: Option<Value<bool>>,
    /// At how many locations, and how far apart.
    pub copies: Value<Copies>,
    /// How old the newest restorable state may be, where that is stated.
    pub rpo: Option<Value<Duration>>,
    /// How long a recovery may take, where that is stated.
    pub rto: Option<Value<Duration>>,
}

impl Origin {
    pub(crate) fn of<T>(key: impl Into<String>, rule: &Rule<T>) -> Origin {
        Origin { key: key.into(), sentences: rule.sentences.clone(), span: rule.span.clone() }
    }
}

impl<T: Copy + PartialEq> Value<T> {
    fn only(value: T, origin: Origin) -> Value<T> {
        Value { value, origins: vec![origin], overruled: Vec::new() }
    }

    /// The value that is stricter than all others, with everybody who says so.
    fn strictest(candidates: Vec<(T, Origin)>, is_stricter: impl Fn(T, T) -> bool) -> Option<Value<T>> {
        let best = candidates.iter().map(|(value, _)| *value);
        let best = best.reduce(|best, value| if is_stricter(value, best) { value } else { best })?;
        let (agreeing, overruled): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|(value, _)| *value == best);
        let origins = agreeing.into_iter().map(|(_, origin)| origin).collect();
        Some(Value { value: best, origins, overruled })
    }
}

impl Policy {
    /// What holds for a dataset; `None` where no schedule covers it.
    pub fn effective(&self, class: Class, dataset: Dataset) -> Option<Effective> {
        let general = self.schedule.get(&(class, None)).map(|rule| (format!("schedule.{class}"), rule));
        let specific = self
            .schedule
            .get(&(class, Some(dataset)))
            .map(|rule| (format!("schedule.{class}.{dataset}"), rule));
        let rules: Vec<_> = general.into_iter().chain(specific).collect();
        let copies = &self.storage.copies;
        let rpo = self.recovery.rpo.get(&class).filter(|rule| rule.value.is_for(dataset));
        let purge = self.retention.purge.iter().map(|rule| (rule.value, Origin::of("retention.purge", rule)));
        let elsewhere =
            (copies.value.locations_min > 1).then(|| (true, Origin::of("storage.copies", copies)));
        let sealed = self.storage.at_rest.iter().map(|rule| (true, Origin::of("storage.at_rest", rule)));
        let personal = self.compliance.encryption.iter();
        let personal = personal.map(|rule| (rule.value, Origin::of("compliance.encryption", rule)));
        Some(Effective {
            incremental: Value::strictest(each(&rules, |s| Some(s.incremental)), |a, b| a < b)?,
            full: Value::strictest(each(&rules, |s| s.full), |a, b| a < b),
            days_min: Value::strictest(each(&rules, |s| Some(s.retention.min_days)), |a, b| a > b)?,
            days_max: Value::strictest(each(&rules, |s| Some(s.retention.max_days)), |a, b| a < b)?,
            grace: Value::strictest(
                each(&rules, |s| Some(s.retention.grace)).into_iter().chain(purge).collect(),
                |a, b| a < b,
            )?,
            offsite: Value::strictest(
                each(&rules, |s| s.offsite).into_iter().chain(elsewhere).collect(),
                |a, b| a & !b,
            ),
            encrypted: Value::strictest(
                each(&rules, |s| s.encrypted).into_iter().chain(sealed).chain(personal).collect(),
                |a, b| a & !b,
            ),
            copies: Value::only(copies.value, Origin::of("storage.copies", copies)),
            rpo: rpo
                .map(|rule| Value::only(rule.value.age, Origin::of(format!("recovery.rpo.{class}"), rule))),
            rto: self
                .recovery
                .rto
                .as_ref()
                .filter(|rule| rule.value.classes.is_empty() || rule.value.classes.contains(&class))
                .map(|rule| Value::only(rule.value.within, Origin::of("recovery.rto", rule))),
        })
    }

    /// The schedule that holds for a dataset, merged from the rules of its class and its own; `None` where there is
    /// neither.
    pub fn schedule_of(&self, class: Class, dataset: Dataset) -> Option<Rule<Schedule>> {
        let general = self.schedule.get(&(class, None));
        let specific = self.schedule.get(&(class, Some(dataset)));
        let nearest = specific.or(general)?;
        let effective = self.effective(class, dataset)?;
        let mut sentences: Vec<SentenceId> =
            general.into_iter().chain(specific).flat_map(|rule| rule.sentences.clone()).collect();
        sentences.sort();
        sentences.dedup();
        let days_min = effective.days_min.value;
        let retention = RetentionRule {
            min_days: days_min,
            // What one rule keeps, another does not destroy; reading a policy refuses such a contradiction.
            max_days: effective.days_max.value.max(days_min),
            grace: effective.grace.value,
        };
        let value = Schedule {
            incremental: effective.incremental.value,
            full: effective.full.map(|full| full.value),
            retention,
            is_range_decided: nearest.value.is_range_decided,
            offsite: effective.offsite.map(|offsite| offsite.value),
            encrypted: effective.encrypted.map(|encrypted| encrypted.value),
            assume: specific
                .and_then(|rule| rule.value.assume)
                .or(general.and_then(|rule| rule.value.assume)),
            windows: [specific, general]
                .into_iter()
                .flatten()
                .map(|rule| rule.value.windows.clone())
                .find(|windows| !windows.is_empty())
                .unwrap_or_default(),
        };
        Some(Rule { sentences, says: nearest.says.clone(), span: nearest.span.clone(), value })
    }
}

fn each<T>(rules: &[(String, &Rule<Schedule>)], get: impl Fn(&Schedule) -> Option<T>) -> Vec<(T, Origin)> {
    rules.iter().filter_map(|(key, rule)| Some((get(&rule.value)?, Origin::of(key.as_str(), rule)))).collect()
}

#[cfg(test)]
mod tests;
