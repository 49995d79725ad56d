//! What machines may measure: read from the ledger alone. A scrape that asked storage, or that judged anything, would make
//! every glance of a monitoring system work for the machine that it watches.

use std::collections::BTreeMap;
use std::path::Path;

use holdfast_ledger::{AlarmKind, PurgeState, Reader, RunOutcome};
use holdfast_model::verdict::{Observed, Rpo, Verdict};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::verdicts::stocktaking;
use crate::{alerts, journal};

/// Everything that is measured, as of an instant.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The instant.
    pub now: Timestamp,
    /// As of when the verdicts were made; none before the first.
    pub assessed: Option<Timestamp>,
    /// The version of the rules that made them.
    pub rules: u32,
    /// The version of the policy that was applied.
    pub policy_version: Option<u64>,
    /// The verdict on each control.
    pub controls: BTreeMap<String, Verdict>,
    /// Controls that are red for an asset.
    pub red_by_asset: BTreeMap<String, u64>,
    /// What would be lost of each part of an asset.
    pub objectives: BTreeMap<(String, String), Rpo>,
    /// Slots that were due within a day, by asset, part and state.
    pub slots: BTreeMap<(String, String, &'static str), u64>,
    /// Runs that began within a day, by outcome.
    pub runs: BTreeMap<&'static str, u64>,
    /// For each location.
    pub locations: BTreeMap<String, LocationMeasured>,
    /// When a purge last got everything away.
    pub purged: Option<Timestamp>,
    /// When storage was last walked through.
    pub walked: Option<Timestamp>,
    /// When old data was last read again.
    pub reread: Option<Timestamp>,
    /// Leaves of the log.
    pub leaves: u64,
    /// Alarms ever raised, by kind.
    pub alarms: BTreeMap<&'static str, u64>,
    /// For each channel that anything was said by.
    pub channels: BTreeMap<String, ChannelMeasured>,
    /// When a ping was last taken.
    pub pinged: Option<Timestamp>,
}

/// What is measured of a location.
#[derive(Debug, Default)]
pub struct LocationMeasured {
    /// Points that lie elsewhere and not there.
    pub owed_points: u64,
    /// Whether it answered when it was last asked, and when that was.
    pub answered: Option<(bool, Timestamp)>,
    /// When it was last given a signed head of the log.
    pub anchored: Option<Timestamp>,
}

/// What is measured of a channel.
#[derive(Debug, Default)]
pub struct ChannelMeasured {
    /// Notices that wait.
    pub waiting: u64,
    /// When it took something last, within a month.
    pub delivered: Option<Timestamp>,
}

const DAY: SignedDuration = SignedDuration::from_hours(24);
const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Reads everything that is measured from the ledger of a state folder.
///
/// # Errors
/// When there is none yet, or it cannot be read.
pub fn snapshot(state: &Path, now: Timestamp) -> Result<Snapshot> {
    let reader = journal::reader(state)?.ok_or_else(|| Error::not_done("there is no ledger yet"))?;
    let mut found = Snapshot { now, leaves: reader.leaf_count()?, ..Snapshot::default() };
    verdicts(&reader, &mut found)?;
    work(&reader, &mut found)?;
    locations(&reader, &mut found)?;
    // One that comes to be known with its first alarm was never seen to grow.
    found.alarms = AlarmKind::ALL.iter().map(|kind| (kind.as_str(), 0)).collect();
    for alarm in reader.alarms_between(Timestamp::UNIX_EPOCH, after(now, DAY))? {
        *found.alarms.entry(alarm.alarm.kind.as_str()).or_default() += 1;
    }
    for delivery in reader.deliveries_since(before(now, MONTH))? {
        let channel = found.channels.entry(delivery.channel).or_default();
        match delivery.state.is_settled() {
            false => channel.waiting += 1,
            true if delivery.payload_sha256.is_some() => {
                channel.delivered = channel.delivered.max(delivery.tried_at);
            }
            true => {}
        }
    }
    found.pinged = alerts::pinged_at(state)?;
    Ok(found)
}

/// Why whoever asks should worry about the daemon itself; none where it does what it should.
pub fn unhealthy(found: &Snapshot) -> Option<String> {
    unjudged(found.assessed, found.now)
}

/// The same, asked of the ledger without all the rest: whoever wants to know whether we live asks often.
///
/// # Errors
/// When there is no ledger yet, or it cannot be read.
pub fn health(state: &Path, now: Timestamp) -> Result<Option<String>> {
    let reader = journal::reader(state)?.ok_or_else(|| Error::not_done("there is no ledger yet"))?;
    Ok(unjudged(reader.assessed_until()?, now))
}

fn unjudged(assessed: Option<Timestamp>, now: Timestamp) -> Option<String> {
    match assessed {
        None => Some("nothing was judged yet".to_owned()),
        Some(at) => alerts::unjudged(at, now),
    }
}

fn verdicts(reader: &Reader, found: &mut Snapshot) -> Result<()> {
    let Some(assessed) = reader.verdicts_at(found.now)? else { return Ok(()) };
    (found.assessed, found.rules, found.policy_version) =
        (Some(assessed.at), assessed.rules, assessed.policy_version);
    let verdict = |document: &Value| serde_json::from_value::<Verdict>(document["verdict"].clone()).ok();
    for ((control, target), document) in &assessed.verdicts {
        let Some(verdict) = verdict(document) else { continue };
        let Some(target) = target else {
            found.controls.insert(control.clone(), verdict);
            continue;
        };
        if let Some(asset) = document["asset"].as_str() {
            *found.red_by_asset.entry(asset.to_owned()).or_default() += u64::from(verdict.is_red());
        }
        if let (Ok(rpo), Some((asset, dataset))) =
            (serde_json::from_value::<Rpo>(document["rpo"].clone()), target.rsplit_once('/'))
        {
            found.objectives.insert((asset.to_owned(), dataset.to_owned()), rpo);
        }
    }
    Ok(())
}

fn work(reader: &Reader, found: &mut Snapshot) -> Result<()> {
    let (since, now) = (before(found.now, DAY), found.now);
    for slot in reader.slots_between(since, now, None)? {
        *found.slots.entry((slot.asset, slot.dataset, slot.state.as_str())).or_default() += 1;
    }
    for run in reader.runs_between(since, now, None)? {
        let outcome = run.outcome.map_or("under-way", RunOutcome::as_str);
        *found.runs.entry(outcome).or_default() += 1;
    }
    let purges = reader.purges(Timestamp::UNIX_EPOCH)?;
    let done = purges.iter().filter(|purge| purge.state == PurgeState::Done);
    found.purged = done.filter_map(|purge| purge.ended_at).max();
    found.reread = reader.last_slice_read()?;
    Ok(())
}

fn locations(reader: &Reader, found: &mut Snapshot) -> Result<()> {
    let inventories = reader.observations_of("inventory")?;
    if let Some(Observed::Inventory(inventory)) = inventories.last().and_then(stocktaking::read) {
        found.locations =
            inventory.locations.into_keys().map(|name| (name, LocationMeasured::default())).collect();
    }
    for one in reader.observations_of("probe")? {
        if let Some(Observed::Probe(probe)) = stocktaking::read(&one)
            && let Some(location) = found.locations.get_mut(&probe.location)
        {
            location.answered = Some((probe.failure.is_none(), one.recorded_at));
        }
    }
    found.walked = reader.observations_of("storage-walked")?.iter().map(|one| one.recorded_at).max();
    for anchor in reader.anchors(None)? {
        if let Some(location) = found.locations.get_mut(&anchor.location) {
            location.anchored = location.anchored.max(Some(anchor.happened_at));
        }
    }
    let lying = reader.points_lying(found.now)?;
    let ids: Vec<&str> = lying.iter().map(|one| one.point.id.as_str()).collect();
    for copies in reader.copies_of_all(&ids)?.values() {
        let has = |name: &str| copies.iter().any(|copy| copy.location == name && copy.removed_at.is_none());
        if copies.iter().all(|copy| copy.removed_at.is_some()) {
            continue;
        }
        for (name, location) in &mut found.locations {
            location.owed_points += u64::from(!has(name));
        }
    }
    Ok(())
}

fn after(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.saturating_add(by).unwrap_or(Timestamp::MAX)
}

fn before(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.saturating_sub(by).unwrap_or(Timestamp::MIN)
}
