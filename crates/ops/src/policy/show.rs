//! What holds for an asset, and which sentence says so.

use std::fmt::Display;

use holdfast_model::policy::{Copies, Effective, Exercise, Origin, Rule, Value};
use holdfast_model::{Class, Dataset, Policy, show_duration};
use serde::Serialize;

use super::Written;
use crate::error::{Error, Result};

/// What holds for one dataset.
#[derive(Debug, Serialize)]
pub struct Shown {
    /// The asset; absent where a class was asked for.
    pub asset: Option<String>,
    /// Its class.
    pub class: &'static str,
    /// The part.
    pub dataset: &'static str,
    /// Every value.
    pub rows: Vec<Row>,
}

/// One value.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What it is about.
    pub name: &'static str,
    /// What holds.
    pub value: String,
    /// The sentences that say so, with our wording.
    pub sentences: Vec<Sentence>,
    /// The rules that say so.
    pub rules: Vec<RulePlace>,
    /// Weaker rules that were overruled, with what they say.
    pub overruled: Vec<Overruled>,
}

/// A sentence of the written policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sentence {
    /// Its number.
    pub id: String,
    /// What it asks for, in our words.
    pub summary: &'static str,
}

/// Where a rule stands.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct RulePlace {
    /// Its key in the file.
    pub key: String,
    /// Its line, counted from 1.
    pub line: usize,
}

/// A rule that is weaker than another.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Overruled {
    /// What it says.
    pub value: String,
    /// Where it stands.
    pub rule: RulePlace,
}

/// What holds for the assets of these names; for every class where none is given.
pub fn show(written: &Written, policy: &Policy, assets: &[String]) -> Result<Vec<Shown>> {
    if assets.is_empty() {
        return Ok(Class::ALL.iter().flat_map(|class| of_class(written, policy, None, *class)).collect());
    }
    let mut shown = Vec::new();
    for name in assets {
        let asset = written.estate.as_ref().and_then(|estate| estate.assets.get(name.as_str()));
        let asset = asset.ok_or_else(|| {
            Error::usage(format!("there is no asset {name:?} in a valid estate.toml")).hint(
                "without a name, the rules of each class are shown; `holdfast validate` checks the estate",
            )
        })?;
        shown.extend(of_class(written, policy, Some(name), asset.class()));
    }
    Ok(shown)
}

fn of_class(written: &Written, policy: &Policy, asset: Option<&String>, class: Class) -> Vec<Shown> {
    let of_dataset = |dataset: &Dataset| {
        let effective = policy.effective(class, *dataset)?;
        let rows = rows(written, policy, class, *dataset, &effective);
        Some(Shown { asset: asset.cloned(), class: class.as_str(), dataset: dataset.as_str(), rows })
    };
    class.datasets().iter().filter_map(of_dataset).collect()
}

fn rows(
    written: &Written,
    policy: &Policy,
    class: Class,
    dataset: Dataset,
    effective: &Effective,
) -> Vec<Row> {
    let rows = Rows { written };
    let yes = |value: &bool| if *value { "required" } else { "not required" };
    let days = |days: &u32| format!("{days} days");
    let mut list = vec![rows.of("a point", &effective.incremental, |cadence| cadence.as_str())];
    list.extend(
        effective.full.as_ref().map(|full| rows.of("a full point", full, |cadence| cadence.as_str())),
    );
    if let Some((plan, cannot)) = policy.slot_plan(class, dataset, written.measured(class, dataset)) {
        let text = match (plan.compiled, cannot) {
            (Some(compiled), _) => compiled.reckoned(),
            (None, Some(cannot)) => cannot.to_string(),
            (None, None) => "as the words say".to_owned(),
        };
        let origins = effective.rpo.as_ref().map_or(&effective.incremental.origins, |rpo| &rpo.origins);
        list.push(rows.named("run", text, origins));
    }
    if let Some(schedule) = policy.schedule_of(class, dataset).filter(|rule| !rule.value.windows.is_empty()) {
        let windows = schedule.value.windows.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        list.push(rows.named("started within", windows, &effective.incremental.origins));
    }
    match &effective.rpo {
        Some(rpo) => list.push(rows.of("data loss at most", rpo, |age| show_duration(*age))),
        None => {
            let text = "not stated; what the schedule gives".to_owned();
            list.push(rows.named("data loss at most", text, &effective.incremental.origins));
        }
    }
    list.extend(effective.rto.as_ref().map(|rto| rows.of("back within", rto, |rto| show_duration(*rto))));
    list.push(rows.of("kept at least", &effective.days_min, days));
    list.push(rows.of("kept at most", &effective.days_max, days));
    list.push(rows.of("gone after", &effective.grace, |grace| show_duration(*grace)));
    list.push(rows.of("locations", &effective.copies, copies));
    list.extend(effective.offsite.as_ref().map(|offsite| rows.of("copy elsewhere", offsite, yes)));
    list.extend(effective.encrypted.as_ref().map(|encrypted| rows.of("encryption", encrypted, yes)));
    list.extend(exercises(&rows, policy, class));
    list
}

fn exercises(rows: &Rows<'_>, policy: &Policy, class: Class) -> Vec<Row> {
    let verification = &policy.verification;
    let integrity = verification.integrity.as_ref().map(|rule| {
        let text = if rule.value { "after every backup" } else { "not required" };
        rows.named("check", text.to_owned(), &[origin("verification.integrity", rule)])
    });
    let exercise = |name, key: &str, rule: &Option<Rule<Exercise>>| {
        let rule = rule.as_ref().filter(|rule| rule.value.classes.contains(&class))?;
        let sample = rule.value.sample.map(|sample| format!(", {sample} at a time")).unwrap_or_default();
        let text = format!("{}{sample}", rule.value.every.as_str());
        Some(rows.named(name, text, &[origin(key, rule)]))
    };
    let order = policy.recovery.order.as_ref().and_then(|rule| {
        let position = rule.value.iter().position(|other| *other == class)? + 1;
        let text = format!("{position} of {}", rule.value.len());
        Some(rows.named("restored as", text, &[origin("recovery.order", rule)]))
    });
    [
        integrity,
        exercise("restore test", "verification.websites", &verification.websites),
        exercise("restore test", "verification.whmcs", &verification.whmcs),
        exercise("drill", "verification.drill", &verification.drill),
        order,
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn origin<T>(key: &str, rule: &Rule<T>) -> Origin {
    Origin { key: key.to_owned(), sentences: rule.sentences.clone(), span: rule.span.clone() }
}

fn copies(copies: &Copies) -> String {
    match copies.distance_km_min {
        0 => format!("at least {}", copies.locations_min),
        distance => format!("at least {}, {distance} km apart", copies.locations_min),
    }
}

/// Makes rows that know their lines.
struct Rows<'w> {
    written: &'w Written,
}

impl Rows<'_> {
    fn of<T, S: Display>(&self, name: &'static str, value: &Value<T>, show: impl Fn(&T) -> S) -> Row {
        let mut row = self.named(name, show(&value.value).to_string(), &value.origins);
        row.overruled = value
            .overruled
            .iter()
            .map(|(weaker, origin)| Overruled { value: show(weaker).to_string(), rule: self.place(origin) })
            .collect();
        row
    }

    fn named(&self, name: &'static str, value: String, origins: &[Origin]) -> Row {
        let mut ids: Vec<_> = origins.iter().flat_map(|origin| &origin.sentences).copied().collect();
        ids.sort();
        ids.dedup();
        let sentences = ids.into_iter().map(|id| Sentence { id: id.to_string(), summary: id.summary() });
        Row {
            name,
            value,
            sentences: sentences.collect(),
            rules: origins.iter().map(|origin| self.place(origin)).collect(),
            overruled: Vec::new(),
        }
    }

    fn place(&self, origin: &Origin) -> RulePlace {
        RulePlace { key: origin.key.clone(), line: self.written.line(origin.span.start) }
    }
}
