//! From the ledger as it was to what a report says.
//!
//! Everything comes from two places: the tables as the leaves until then make them, and verdicts as they were written down. The
//! files of today are never looked at, or the same period would read otherwise next month.

use std::collections::BTreeMap;

use holdfast_ledger::{CheckScope, Purge, Reader, Slot, TreeHead};
use holdfast_model::standards::DEMANDS;
use holdfast_model::verdict::{ControlVerdict, Inventory, Noted, Observed, Roots};
use holdfast_model::{Dataset, Policy};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::document::{
    ControlTold, Document, EstateChange, FORM, LogHead, PlaceDeclared, PointTold, PolicyTold, PurgeTold,
    RestoreTestTold, RowTold, RunTold, StandardTold, Title, Verdicts,
};
use super::{days, history, objectives, retention, storage};
use crate::error::{Error, Result};
use crate::serve::versions::Versions;
use crate::status::StatusReport;
use crate::verdicts::{HEADLINE, stocktaking};

/// What a report is made from.
pub(super) struct Given<'r> {
    /// Every verdict that was ever written down.
    pub(super) told: &'r Reader,
    /// The tables as they were.
    pub(super) past: &'r Reader,
    /// From when.
    pub(super) from: Timestamp,
    /// As of when.
    pub(super) to: Timestamp,
    /// So many leaves were recorded until then.
    pub(super) recorded: u64,
    /// Whether verdicts are written down for instants that are to come.
    pub(super) is_judged_ahead: bool,
    /// The head of the log.
    pub(super) head: TreeHead,
    /// The public key that signs.
    pub(super) key: String,
}

/// What the report says; where things are recorded is still missing.
pub(super) fn document(given: &Given<'_>, status: &StatusReport) -> Result<Document> {
    let Given { past, from, to, .. } = *given;
    let assessed =
        given.told.verdicts_at(to)?.ok_or_else(|| Error::not_done("no verdict was written down"))?;
    let until = just_after(to);
    let days = days::of(from, to);
    let slots = slots(past, (from, to))?;
    // What was written down from here on was taken up in the period, whenever it happened.
    let first_leaf = given.told.leaves_until(just_before(from))?;
    let runs = runs(past, from, until)?;
    let purges = purges(past, from)?;
    let receipts = past.receipts_since(from)?;
    let storage = storage::by_place(past, &days, &runs, &receipts)?;
    let controls = controls(&assessed, status);
    let standards = standards(status);
    let points = points(past, from)?;
    let policy = policy_at(past, to)?;
    let (declared, estate_changes) = estate(past, from)?;
    let declared = declared.as_ref();
    Ok(Document {
        holdfast_report: FORM,
        from,
        to,
        title: title(past, to, policy.as_ref(), &status.company)?,
        log: LogHead { leaves: given.head.leaves, root: given.head.root.clone(), key: given.key.clone() },
        verdicts: Verdicts {
            assessed_at: assessed.at,
            rules: assessed.rules,
            policy_version: assessed.policy_version,
            counts: status.counts.clone(),
            worst: assessed
                .verdicts
                .get(&(HEADLINE.to_owned(), None))
                .map(|headline| headline["worst"].clone())
                .filter(|worst| !worst.is_null()),
            controls,
        },
        history: history::of(given.told, (from, to))?,
        clock_ahead: clock_ahead(given)?,
        citations: Vec::new(),
        objectives: objectives::by_day(given.told, (from, to), &days)?,
        slot_counts: super::slots::counts(&slots, to),
        slots,
        restore_tests: restore_tests(past, (from, until))?,
        retention: retention::of(&points, policy.as_ref(), declared, to),
        points,
        runs,
        purges,
        receipts,
        holds: past
            .holds()?
            .into_iter()
            .filter(|hold| hold.released_at.is_none_or(|at| at >= from))
            .collect(),
        waivers: past
            .waivers(None)?
            .into_iter()
            .filter(|waiver| {
                waiver.recorded_at >= from || (waiver.waiver.expires >= from && waiver.waiver.begins <= to)
            })
            .collect(),
        alarms: past
            .alarms_between(Timestamp::UNIX_EPOCH, until)?
            .into_iter()
            .filter(|alarm| alarm.happened_at >= from || alarm.leaf >= first_leaf)
            .collect(),
        access: past
            .actions_between(Timestamp::UNIX_EPOCH, until)?
            .into_iter()
            // What nobody said the end of may have gone on.
            .filter(|done| done.ended_at.is_none_or(|ended| ended >= from) || done.leaf >= first_leaf)
            .collect(),
        reviews: past.policy_reviews()?.into_iter().filter(|r| from <= r.recorded_at).collect(),
        policy_versions: policy_versions(past)?,
        estate_changes,
        storage,
        anchors: past
            .anchors(None)?
            .into_iter()
            .filter(|anchor| anchor.happened_at >= from || anchor.leaf >= first_leaf)
            .collect(),
        log_restarts: past.log_restarts()?,
        places: declared.map(places).unwrap_or_default(),
        standards,
    })
}

/// Who was drawn in the period.
fn restore_tests(past: &Reader, (from, until): (Timestamp, Timestamp)) -> Result<Vec<RestoreTestTold>> {
    let tests = past.restore_tests_between(from, until)?;
    let told = past.restore_picks_between(from, until)?.into_iter().filter_map(|mut pick| {
        let test = &tests.iter().find(|test| test.id == pick.test)?.test;
        if let Some((end, _)) = &mut pick.ended {
            end.details = None;
        }
        let drawn = if test.exercise == "whmcs" { Dataset::Database } else { Dataset::Site };
        Some(RestoreTestTold {
            exercise: test.exercise.clone(),
            occasion: test.occasion.as_ref().map(|(label, _, _)| label.clone()),
            dataset: drawn.to_string(),
            pick,
        })
    });
    Ok(told.collect())
}

/// Questions end before their end.
fn just_after(to: Timestamp) -> Timestamp {
    to.saturating_add(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MAX)
}

fn just_before(from: Timestamp) -> Timestamp {
    from.saturating_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Whether a clock was ahead: then what happened may stand under a wrong time, or verdicts until now were made too early.
fn clock_ahead(given: &Given<'_>) -> Result<Vec<String>> {
    let (dated, judged) = given.told.leaves_ahead(given.recorded, given.to)?;
    let mut said = Vec::new();
    if dated > 0 {
        said.push(format!(
            "{dated} leaves that were written down before the end of the period are dated after it: what they record is in here under a wrong time"
        ));
    }
    if judged > 0 || given.is_judged_ahead {
        said.push(
            "verdicts were written down for instants to come: until those, nothing new is judged, so the verdicts in here may be older than the period's end"
                .to_owned(),
        );
    }
    Ok(said)
}

/// Slots that were open or due in it, or were decided in it.
fn slots(past: &Reader, (from, to): (Timestamp, Timestamp)) -> Result<Vec<Slot>> {
    let mut slots = past.slots_between(Timestamp::UNIX_EPOCH, LAST, None)?;
    slots.retain(|slot| {
        (slot.due >= from && slot.opens <= to) || slot.settled_at.is_some_and(|at| from <= at && at <= to)
    });
    Ok(slots)
}

/// Later than anything that is planned.
const LAST: Timestamp = Timestamp::constant(9_000_000_000, 0);

fn controls(assessed: &holdfast_ledger::Assessed, status: &StatusReport) -> Vec<ControlTold> {
    let leaf = |key: &(String, Option<String>)| assessed.leaves.get(key).copied().unwrap_or_default();
    let told = |control: &ControlVerdict| {
        let key = (control.control.clone(), None);
        let document = assessed.verdicts.get(&key)?.clone();
        let row = |(key, document): (_, &Value)| RowTold { leaf: leaf(key), document: document.clone() };
        let rows = assessed.rows(&control.control).map(row).collect();
        Some(ControlTold { leaf: leaf(&key), document, rows })
    };
    status.shown.controls.iter().filter_map(told).collect()
}

fn standards(status: &StatusReport) -> Vec<StandardTold> {
    let verdict = |id: &&str| {
        let control = status.shown.controls.iter().find(|control| control.control == **id);
        let word = match control {
            None => "not judged",
            Some(control) if control.is_not_built() => "not built",
            Some(control) => control.verdict.as_str(),
        };
        ((*id).to_owned(), word.to_owned())
    };
    let demand = |demand: &holdfast_model::standards::Demand| StandardTold {
        reference: demand.reference.to_owned(),
        asks: demand.asks.to_owned(),
        controls: demand.controls.iter().map(verdict).collect(),
        not_shown: demand.not_shown.to_owned(),
    };
    DEMANDS.iter().map(demand).collect()
}

/// What the version in force says.
fn policy_at(past: &Reader, to: Timestamp) -> Result<Option<Policy>> {
    let Some(in_force) = past.policy_in_force(to)? else { return Ok(None) };
    Ok(Versions::load(past)?.numbered(in_force.number).map(|version| version.policy.clone()))
}

fn title(past: &Reader, to: Timestamp, policy: Option<&Policy>, company: &str) -> Result<Title> {
    let mut title = Title { company: company.to_owned(), ..Title::default() };
    let Some(in_force) = past.policy_in_force(to)? else { return Ok(title) };
    if let Some(policy) = policy {
        let contact = &policy.contact.value;
        let number = contact.company_number.as_ref().map(|number| format!("Company number {number}"));
        title.contact = contact.address.iter().cloned().chain(number).collect();
        title.contact.push(contact.email.clone());
        title.contact.extend(contact.phone.clone());
    }
    title.policy = Some(policy_told(in_force));
    Ok(title)
}

fn policy_versions(past: &Reader) -> Result<Vec<PolicyTold>> {
    Ok(past.policy_versions()?.into_iter().map(policy_told).collect())
}

/// Without its text, which its leaf in the log holds.
fn policy_told(version: holdfast_ledger::PolicyVersion) -> PolicyTold {
    PolicyTold {
        number: version.number,
        sha256: version.sha256,
        effective: version.effective,
        approver: version.approver,
        recorded_at: version.recorded_at,
    }
}

fn runs(past: &Reader, from: Timestamp, until: Timestamp) -> Result<Vec<RunTold>> {
    let mut runs = past.runs_between(Timestamp::UNIX_EPOCH, until, None)?;
    runs.retain(|run| run.ended_at.is_none_or(|ended| ended >= from));
    let ids: Vec<&str> = runs.iter().map(|run| run.id.as_str()).collect();
    let mut read_back: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for check in past.checks_of_runs(&ids)? {
        if let CheckScope::Run { run, .. } = &check.check.scope {
            let outcome = check.check.outcome.as_str().to_owned();
            read_back.entry(run.clone()).or_default().insert(check.check.location.clone(), outcome);
        }
    }
    let told = |run: holdfast_ledger::Run| {
        Ok(RunTold {
            sent_bytes: past.report(&run.id)?.and_then(|report| sent(&report)),
            read_back: read_back.remove(&run.id).unwrap_or_default(),
            run,
        })
    };
    runs.into_iter().map(told).collect()
}

/// What each location was sent, by the report of a run.
fn sent(report: &str) -> Option<BTreeMap<String, u64>> {
    let report: Value = serde_json::from_str(report).ok()?;
    let copy = |copy: &Value| Some((copy["location"].as_str()?.to_owned(), copy["bytes"].as_u64()?));
    Some(report["copies"].as_array()?.iter().filter_map(copy).collect())
}

fn points(past: &Reader, from: Timestamp) -> Result<Vec<PointTold>> {
    let points = past.points_lying(Timestamp::UNIX_EPOCH)?;
    let ids: Vec<&str> = points.iter().map(|point| point.point.id.as_str()).collect();
    let mut copies = past.copies_of_all(&ids)?;
    let told = |point: holdfast_ledger::RecordedPoint| PointTold {
        copies: copies.remove(&point.point.id).unwrap_or_default(),
        point: point.point,
        recorded_at: point.recorded_at,
        leaf: point.leaf,
    };
    // Those that are of the period, or were found in it, or lay somewhere for a part of it. Of a log those that are left: of sixty an
    // hour all others hold what a newer one holds.
    let is_replaced = |told: &PointTold| {
        told.point.dataset == Dataset::Log.as_str()
            && told.copies.iter().all(|copy| copy.removed_at.is_some())
    };
    let is_of_it = |told: &PointTold| {
        if is_replaced(told) {
            return false;
        }
        told.point.instant >= from
            || told.recorded_at >= from
            || told.copies.iter().any(|copy| copy.removed_at.is_none_or(|removed| removed >= from))
    };
    Ok(points.into_iter().map(told).filter(is_of_it).collect())
}

fn purges(past: &Reader, from: Timestamp) -> Result<Vec<PurgeTold>> {
    let told = |purge: Purge| {
        Ok(PurgeTold {
            points: past.points_of_purge(&purge.id)?,
            receipts: past.receipts_of(&purge.id)?,
            purge,
        })
    };
    let told: Vec<PurgeTold> =
        past.purges(Timestamp::UNIX_EPOCH)?.into_iter().map(told).collect::<Result<_>>()?;
    let is_of_it = |told: &PurgeTold| {
        told.purge.ended_at.is_none_or(|ended| ended >= from)
            || told.receipts.iter().any(|receipt| receipt.happened_at >= from)
    };
    Ok(told.into_iter().filter(is_of_it).collect())
}

/// What there was to protect in the end, what was found in roots included; and what changed from an instant on.
fn estate(past: &Reader, from: Timestamp) -> Result<(Option<Inventory>, Vec<EstateChange>)> {
    let mut changes = Vec::new();
    let (mut declared, mut found) = (None::<Inventory>, Vec::new());
    for one in past.observations()? {
        let (recorded_at, leaf) = (one.recorded_at, one.leaf);
        let mut said = Vec::new();
        let is_inventory = one.observation.kind == "inventory";
        match stocktaking::read(&one) {
            Some(Observed::Inventory(inventory)) => {
                said = difference(&declared.take().unwrap_or_default(), &inventory);
                declared = Some(inventory);
            }
            Some(Observed::Discovered(what)) => {
                let listed = |names: Vec<&String>, word: &str, said: &mut Vec<String>| {
                    if !names.is_empty() {
                        let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
                        said.push(format!("asset {} {word} discover.{}", names.join(", "), what.root));
                    }
                };
                listed(what.came.keys().collect(), "found in", &mut said);
                listed(what.vanished.iter().collect(), "vanished from", &mut said);
                listed(what.dropped.iter().collect(), "no concern any more of", &mut said);
                found.push(Noted { what, recorded: recorded_at, leaf });
            }
            _ => continue,
        }
        if recorded_at >= from && (is_inventory || !said.is_empty()) {
            changes.push(EstateChange { recorded_at, leaf, changes: said });
        }
    }
    let mut roots = Roots::default();
    found.iter().for_each(|noted| roots.take(noted));
    if let Some(declared) = &mut declared {
        for (name, present) in roots.present {
            declared.assets.entry(name.to_owned()).or_insert_with(|| present.declared.clone());
        }
    }
    Ok((declared, changes))
}

fn places(inventory: &Inventory) -> Vec<PlaceDeclared> {
    let place = |(name, location): (&String, &holdfast_model::verdict::LocationDeclared)| PlaceDeclared {
        place: name.clone(),
        site: location.site.clone(),
        country: inventory.sites.get(&location.site).and_then(|site| site.country.clone()),
        host: location.host.clone(),
    };
    inventory.locations.iter().map(place).collect()
}

fn difference(before: &Inventory, inventory: &Inventory) -> Vec<String> {
    let mut said = Vec::new();
    differ("site", &before.sites, &inventory.sites, &mut said);
    differ("host", &before.hosts, &inventory.hosts, &mut said);
    differ("location", &before.locations, &inventory.locations, &mut said);
    differ("asset", &before.assets, &inventory.assets, &mut said);
    said
}

fn differ<T: PartialEq>(
    what: &str,
    before: &BTreeMap<String, T>,
    now: &BTreeMap<String, T>,
    said: &mut Vec<String>,
) {
    let named = |word: &str, names: Vec<&String>, said: &mut Vec<String>| {
        if !names.is_empty() {
            let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
            said.push(format!("{what} {} {word}", names.join(", ")));
        }
    };
    named("added", now.keys().filter(|name| !before.contains_key(*name)).collect(), said);
    named("removed", before.keys().filter(|name| !now.contains_key(*name)).collect(), said);
    let changed = now.iter().filter(|(name, is)| before.get(*name).is_some_and(|was| was != *is));
    named("changed", changed.map(|(name, _)| name).collect(), said);
}

#[cfg(test)]
mod tests;
