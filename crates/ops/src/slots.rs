//! What the policy expected, and what came of it.
//!
//! A list of what was recorded would be silent about the time when nobody recorded anything, and silence is how backups
//! fail. So what the policy wants up to now is expanded again, and slots that are not in the ledger stand in the list, too.

use std::collections::BTreeMap;

use holdfast_ledger::{Alarm, ExpectedSlot, Lease, Reader, Slot as Recorded, SlotState as RecordedState};
use holdfast_model::slot::{Slot, SlotState};
use jiff::Timestamp;
use serde::Serialize;

use crate::ending::Ending;
use crate::error::Result;
use crate::serve::expectation::{self, Which};
use crate::serve::versions::Versions;
use crate::serve::{credit, translate};
use crate::setup::Setup;
use crate::{journal, waiver};

/// What was expected in a span, and what came of it.
#[derive(Debug, Serialize)]
pub struct SlotsReport {
    /// Slots that are due in the span, by the time that they are due.
    pub slots: Vec<SlotLine>,
    /// How many there are in each state.
    pub counts: BTreeMap<&'static str, usize>,
    /// Datasets, as `asset/dataset`, of which no slot was ever recorded: nothing is expected of them.
    pub never_recorded: Vec<String>,
    /// What the estate names and nothing backs up, each with its reason.
    pub unprotected: Vec<Unprotected>,
    /// Alarms of the span.
    pub alarms: Vec<Alarm>,
    /// Who records slots now; absent when nobody does.
    pub daemon: Option<String>,
    /// When somebody was last known to.
    pub last_seen: Option<Timestamp>,
    /// How it stands.
    pub ending: Ending,
}

/// Something that nothing backs up.
#[derive(Debug, Serialize)]
pub struct Unprotected {
    /// Its name: an asset, or a host.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// One slot.
#[derive(Debug, Serialize)]
pub struct SlotLine {
    /// Its name.
    pub id: String,
    /// The asset.
    pub asset: String,
    /// The part of it.
    pub dataset: String,
    /// `full` or `incremental`.
    pub kind: String,
    /// Which rule wants it, e.g. `daily` or `every 30m`.
    pub basis: String,
    /// The earliest instant whose state serves.
    pub opens: Timestamp,
    /// By when the point must be there, checked and copied.
    pub due: Timestamp,
    /// `expected`, `ok`, `late`, `missed`, `degraded` or `waived`.
    pub state: &'static str,
    /// The run that served it.
    pub run: Option<String>,
    /// Why it stands so.
    pub reason: Option<String>,
    /// The policy version that wants it.
    pub policy_version: u64,
    /// Whether it was written down before it opened. One that was not is judged by what ran since.
    pub is_recorded: bool,
}

/// What daemons call themselves in the ledger.
const DAEMON: &str = "holdfast serve";

/// Slots that are due from `since` on and before `until`, of one asset or of all.
pub fn slots(setup: &Setup, asset: Option<&str>, since: Timestamp, until: Timestamp) -> Result<SlotsReport> {
    let mut estate = setup.estate.clone();
    if let Some(name) = asset {
        setup.asset(name)?;
        estate.assets.retain(|other, _| other.as_ref() == name);
    }
    let now = setup.world.clock.now();
    let reader = journal::reader(&setup.places.state)?;
    let mut report = SlotsReport {
        slots: Vec::new(),
        counts: BTreeMap::new(),
        never_recorded: expectation::never_recorded(reader.as_ref(), &estate)?,
        unprotected: Vec::new(),
        alarms: Vec::new(),
        daemon: None,
        last_seen: None,
        ending: Ending::Done,
    };
    let is_asked = |name: &str| asset.is_none_or(|asset| asset == name);
    let unprotected = holdfast_model::unprotected(&setup.policy, &setup.estate).into_iter();
    report.unprotected = unprotected
        .filter(|found| is_asked(&found.name))
        .map(|found| Unprotected { reason: found.words(), name: found.name })
        .collect();
    if let Some(reader) = &reader {
        report.alarms = reader.alarms_between(since, until)?;
        report.last_seen = reader.last_seen_before(u64::MAX >> 1)?;
        report.daemon = daemon(reader, now)?;
        let versions = Versions::load(reader)?;
        let recorded = reader.slots_between(since, until, asset)?;
        // Nobody is there to settle what is due; so it is judged as the next instance will judge it.
        let is_left = |slot: &Recorded| {
            report.daemon.is_none() && slot.state == RecordedState::Expected && slot.due <= now
        };
        let (left, settled): (Vec<Recorded>, Vec<Recorded>) = recorded.into_iter().partition(is_left);
        report.slots = settled.into_iter().map(SlotLine::of).collect();
        let numbers = left.iter().map(|slot| (slot.id.clone(), slot.policy_version)).collect();
        let left: Vec<Slot> =
            left.iter().map(|slot| translate::from_ledger(slot, &versions)).collect::<Result<_>>()?;
        for credited in credit::judged(reader, left, now)? {
            report.slots.push(SlotLine::judged(reader, credited, &numbers, true)?);
        }
        let missing = expectation::unrecorded(reader, &versions, &estate, Which::Known, (now, now))?;
        let numbers: BTreeMap<String, u64> = missing.iter().map(|(n, slot)| (slot.id(), *n)).collect();
        let is_shown = |slot: &Slot| since <= slot.due && slot.due < until && slot.due <= now;
        let missing = missing.into_iter().map(|(_, slot)| slot).filter(is_shown).collect();
        for credited in credit::judged(reader, missing, now)? {
            report.slots.push(SlotLine::judged(reader, credited, &numbers, false)?);
        }
    }
    report.slots.sort_by(|a, b| (a.due, &a.id).cmp(&(b.due, &b.id)));
    for slot in &report.slots {
        *report.counts.entry(slot.state).or_default() += 1;
    }
    let is_red = |slot: &SlotLine| matches!(slot.state, "missed" | "degraded" | "late") || !slot.is_recorded;
    let is_listed = !report.never_recorded.is_empty() || !report.unprotected.is_empty();
    if is_listed || !report.alarms.is_empty() || report.slots.iter().any(is_red) {
        report.ending = Ending::Attention;
    }
    Ok(report)
}

/// The daemon that has the ledger, as far as it is known to be alive.
pub(crate) fn daemon(reader: &Reader, now: Timestamp) -> Result<Option<String>> {
    let is_alive = |lease: &Lease| lease.released_at.is_none() && lease.expires > now;
    let lease = reader.lease()?.filter(|lease| lease.instance.starts_with(DAEMON) && is_alive(lease));
    Ok(lease.map(|lease| lease.instance))
}

impl SlotLine {
    fn of(slot: Recorded) -> SlotLine {
        SlotLine {
            id: slot.id,
            asset: slot.asset,
            dataset: slot.dataset,
            kind: slot.kind,
            basis: slot.basis,
            opens: slot.opens,
            due: slot.due,
            state: slot.state.as_str(),
            run: slot.run,
            reason: slot.reason.filter(|reason| !reason.is_empty()),
            policy_version: slot.policy_version,
            is_recorded: true,
        }
    }

    /// One that nobody settled, as the next daemon will settle it.
    fn judged(
        reader: &Reader,
        credited: credit::Credited,
        numbers: &BTreeMap<String, u64>,
        is_recorded: bool,
    ) -> Result<SlotLine> {
        let credit::Credited { judged, run } = credited;
        let ExpectedSlot { id, asset, dataset, kind, basis, opens, closes: _, due } =
            translate::expected(&judged.slot);
        let excuse = match judged.state {
            SlotState::Missed => waiver::excuse(reader, &asset, &dataset, due)?,
            _ => None,
        };
        let state = match judged.state {
            SlotState::Open => "expected",
            SlotState::Missed if excuse.is_some() => "waived",
            state => state.as_str(),
        };
        let what = if is_recorded { "not settled" } else { "not recorded" };
        let excuse = excuse.map_or_else(String::new, |excuse| format!("{excuse}; "));
        Ok(SlotLine {
            policy_version: numbers.get(&id).copied().unwrap_or_default(),
            id,
            asset,
            dataset,
            kind,
            basis,
            opens,
            due,
            state,
            run,
            reason: Some(format!("{excuse}{what}: no holdfast serve is running")),
            is_recorded,
        })
    }
}
