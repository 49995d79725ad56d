//! What the policy expects, and how far it is written down.
//!
//! Slots are recorded some hours before they open, so that nothing that happens or fails to happen can change them. The
//! newest recorded slot of a dataset tells how far that came: whoever was not running for a week goes on from there, and
//! the week is accounted for.

use std::collections::BTreeMap;

use holdfast_ledger::{Reader, Slot as Recorded, SlotState};
use holdfast_model::slot::{Slot, SlotBasis};
use holdfast_model::{AssetName, Dataset, Estate};
use jiff::{SignedDuration, Timestamp};

use super::versions::Versions;
use crate::error::Result;
use crate::{discover, measured};

/// How long before they open slots are recorded. What was measured since then changes none of them.
pub(crate) const AHEAD: SignedDuration = SignedDuration::from_hours(6);

/// Why the coming slots of an asset are waived that estate.toml does not name any more. One that comes back later is new.
pub(crate) const LEFT: &str = "the asset left estate.toml";

/// The same for one that was found in a root, and whose folder is not there any more.
pub(crate) const VANISHED: &str = "its folder vanished";

/// Which datasets are to be expanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those of which slots were recorded before.
    Known,
    /// Those, and new ones from now on.
    All,
}

/// The slots that open before `to` and are not recorded, each with the policy version that wants it.
pub(crate) fn unrecorded(
    reader: &Reader,
    versions: &Versions,
    estate: &Estate,
    which: Which,
    (now, to): (Timestamp, Timestamp),
) -> Result<Vec<(u64, Slot)>> {
    let mut slots = Vec::new();
    let missed = if estate.discoveries.is_empty() { BTreeMap::new() } else { discover::missed(reader)? };
    for (name, asset) in &estate.assets {
        let class = asset.class();
        let missed = missed.get(name.as_str()).copied();
        for dataset in class.datasets() {
            let recorded = match recorded(reader, versions, (name, *dataset), missed)? {
                Some(recorded) => recorded,
                None if which == Which::All => {
                    Recording { since: Some(now), from: now, last: Timestamp::MIN }
                }
                None => continue,
            };
            let measured = measured::of_asset(reader, name.as_ref(), *dataset)?;
            let span = (recorded.from, to);
            for (number, slot) in versions.slots(name, (class, *dataset), measured, recorded.since, span) {
                if slot.opens > recorded.last || reader.slot(&slot.id())?.is_none() {
                    slots.push((number, slot));
                }
            }
        }
    }
    Ok(slots)
}

/// Datasets of which no slot was ever recorded, as `asset/dataset`.
pub(crate) fn never_recorded(reader: Option<&Reader>, estate: &Estate) -> Result<Vec<String>> {
    let mut never = Vec::new();
    for (name, asset) in &estate.assets {
        for dataset in asset.class().datasets() {
            let enrolment = match reader {
                Some(reader) => reader.enrolment(name.as_ref(), dataset.as_str(), &first())?,
                None => None,
            };
            if enrolment.is_none() {
                never.push(format!("{name}/{}", dataset.as_str()));
            }
        }
    }
    Ok(never)
}

/// How far the slots of a dataset are recorded.
struct Recording {
    /// Since when it is known.
    since: Option<Timestamp>,
    /// From here on some may be missing.
    from: Timestamp,
    /// None that opens later is recorded.
    last: Timestamp,
}

/// How far the slots of a dataset are recorded; `None` for one that is new, also because its folder is there again.
fn recorded(
    reader: &Reader,
    versions: &Versions,
    (asset, dataset): (&AssetName, Dataset),
    missed: Option<Timestamp>,
) -> Result<Option<Recording>> {
    let enrolment = reader.enrolment(asset.as_ref(), dataset.as_str(), &first())?;
    // Nothing was expected while it was not there.
    let is_known = |last: &Recorded| !has_left(last) && missed.is_none_or(|missed| last.opens >= missed);
    let Some(enrolment) = enrolment.filter(|enrolment| is_known(&enrolment.last)) else { return Ok(None) };
    let last = &enrolment.last;
    // Once more from that instant on: others may open then that were not written down before a crash.
    let mut from = last.opens;
    if let Some((number, version)) = versions.in_force(last.opens)
        && number > last.policy_version
    {
        from = from.min(version.from);
    }
    Ok(Some(Recording { since: enrolment.since, from, last: last.opens }))
}

fn has_left(slot: &Recorded) -> bool {
    slot.state == SlotState::Waived && matches!(slot.reason.as_deref(), Some(LEFT | VANISHED))
}

fn first() -> String {
    SlotBasis::First.to_string()
}

/// Why a slot that nothing is decided about is not wanted any more; `None` where it is.
pub(crate) fn withdrawn(
    reader: &Reader,
    versions: &Versions,
    estate: &Estate,
    slot: &Recorded,
    now: Timestamp,
) -> Result<Option<String>> {
    let Some((name, asset)) = estate.assets.get_key_value(slot.asset.as_str()) else {
        // One that had opened stays owed.
        let why = if estate.vanished.contains_key(slot.asset.as_str()) { VANISHED } else { LEFT };
        return Ok((slot.opens > now).then(|| why.to_owned()));
    };
    let Some((number, version)) = versions.in_force(slot.opens) else { return Ok(None) };
    if number <= slot.policy_version {
        return Ok(None);
    }
    let class = asset.class();
    let Some(dataset) = class.datasets().iter().find(|dataset| dataset.as_str() == slot.dataset) else {
        return Ok(None);
    };
    let measured = measured::of_asset(reader, &slot.asset, *dataset)?;
    let moment = slot.opens.saturating_add(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MAX);
    let wanted = versions.slots(name, (class, *dataset), measured, None, (slot.opens, moment));
    let is_wanted = wanted.iter().any(|(_, wanted)| wanted.id() == slot.id);
    Ok((!is_wanted)
        .then(|| format!("policy version {number}, in force since {}, does not want it", version.from)))
}
