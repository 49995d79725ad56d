//! The log for eyes: who did what, when.
//!
//! A leaf says what happened in the words of its kind. What people look for first (who, with which asset) stands in other
//! places in each, so it is looked for here by what the fields are called.

use std::collections::BTreeMap;

use holdfast_ledger::{ERASED, Leaf, Reader};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::journal;
use crate::setup::Setup;

/// Which entries.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Recorded from then on.
    pub since: Option<Timestamp>,
    /// By somebody whose name holds this.
    pub actor: Option<String>,
    /// About this asset, client or repository.
    pub asset: Option<String>,
    /// Of this kind, e.g. `action-begun`, or an action such as `restore`.
    pub kind: Option<String>,
}

/// One entry.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The leaf's number.
    pub leaf: u64,
    /// What kind of fact it is.
    pub kind: String,
    /// When it happened.
    pub happened_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Who, where the fact says.
    pub actor: Option<String>,
    /// With which asset, client or repository, where the fact says.
    pub asset: Option<String>,
    /// The fact. Where it holds hashes of values about people, the values stand in their places, or `[erased]`.
    pub fact: Value,
}

const LEAVES_AT_ONCE: u32 = 1000;

/// The entries that a filter lets through, oldest first, to `see`.
///
/// # Errors
/// When the ledger cannot be read.
pub fn entries(setup: &Setup, filter: &Filter, see: &mut dyn FnMut(Entry)) -> Result<()> {
    let Some(reader) = journal::reader(&setup.places.state)? else { return Ok(()) };
    let first = match filter.since {
        Some(since) => reader.first_leaf_since(since)?,
        None => Some(0),
    };
    // An action's end names its beginning; who and with what stands there.
    let mut begun = BTreeMap::new();
    let Some(mut next) = first else { return Ok(()) };
    loop {
        let leaves = reader.leaves(next, LEAVES_AT_ONCE)?;
        let Some(last) = leaves.last() else { return Ok(()) };
        next = last.sequence + 1;
        for leaf in &leaves {
            let entry = entry(&reader, leaf, &mut begun)?;
            if filter.lets_through(&entry) {
                see(entry);
            }
        }
    }
}

type Known = BTreeMap<String, (Option<String>, Option<String>, Value)>;

fn entry(reader: &Reader, leaf: &Leaf, begun: &mut Known) -> Result<Entry> {
    let unreadable =
        || Error::not_done(format!("leaf {} cannot be read", leaf.sequence)).hint("`holdfast audit verify`");
    let payload: Value = serde_json::from_str(&leaf.payload).map_err(|_| unreadable())?;
    let mut fact =
        payload.get("fact").and_then(|fact| fact.get(&leaf.kind)).cloned().ok_or_else(unreadable)?;
    if leaf.kind.starts_with("action-") {
        fill_in(reader, &mut fact)?;
    }
    let text = |names: &[&str]| names.iter().find_map(|name| find(&fact, name));
    let mut actor = text(&["actor", "by", "reviewer", "approver", "owner", "instance"]);
    let mut asset = text(&["asset", "client", "repository"]);
    if let Some(id) = fact.get("id").and_then(Value::as_str).map(str::to_owned) {
        if leaf.kind == "action-begun" {
            let kind = fact.get("kind").cloned().unwrap_or_default();
            begun.insert(id, (actor.clone(), asset.clone(), kind));
        } else if let Some((who, what, kind)) = begun.get(&id) {
            actor = actor.or_else(|| who.clone());
            asset = asset.or_else(|| what.clone());
            if let Some(fact) = fact.as_object_mut() {
                fact.insert("kind".to_owned(), kind.clone());
            }
        }
    }
    Ok(Entry {
        leaf: leaf.sequence,
        kind: leaf.kind.clone(),
        happened_at: leaf.happened_at,
        recorded_at: leaf.recorded_at,
        actor,
        asset,
        fact,
    })
}

/// Puts values in the places of their hashes.
fn fill_in(reader: &Reader, fact: &mut Value) -> Result<()> {
    let Some(fields) = fact.as_object_mut() else { return Ok(()) };
    for name in ["actor", "purpose", "target", "detail", "paths"] {
        let Some(field) = fields.get_mut(name) else { continue };
        let hashes: Vec<String> = match field {
            Value::String(hash) => vec![hash.clone()],
            Value::Array(list) => list.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
            _ => continue,
        };
        let values: BTreeMap<String, String> =
            reader.private_values(&hashes)?.into_iter().map(|value| (value.hash, value.value)).collect();
        let shown = |hash: &String| Value::String(values.get(hash).map_or(ERASED, String::as_str).to_owned());
        *field = match field {
            Value::Array(_) => Value::Array(hashes.iter().map(shown).collect()),
            _ => hashes.first().map(shown).unwrap_or_default(),
        };
    }
    Ok(())
}

/// The first text under this name, outer fields before inner ones.
fn find(value: &Value, name: &str) -> Option<String> {
    let fields = value.as_object()?;
    if let Some(text) = fields.get(name).and_then(Value::as_str) {
        return Some(text.to_owned());
    }
    fields.values().find_map(|inner| find(inner, name))
}

impl Filter {
    fn lets_through(&self, entry: &Entry) -> bool {
        let holds = |text: &Option<String>, part: &String| {
            text.as_ref().is_some_and(|text| text.to_lowercase().contains(&part.to_lowercase()))
        };
        let action = entry.fact.get("kind").and_then(Value::as_str).unwrap_or_default();
        let names = |wanted: &String| {
            ["asset", "client", "repository"]
                .into_iter()
                .any(|name| find(&entry.fact, name).is_some_and(|found| found == *wanted))
                || entry.asset.as_ref() == Some(wanted)
        };
        self.since.is_none_or(|since| entry.recorded_at >= since)
            && self.actor.as_ref().is_none_or(|actor| holds(&entry.actor, actor))
            && self.asset.as_ref().is_none_or(names)
            && self.kind.as_ref().is_none_or(|kind| entry.kind == *kind || action == kind)
    }
}
