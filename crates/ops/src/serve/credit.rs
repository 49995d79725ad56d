//! Slots that runs served which nobody began for them: by hand, or before the slot was written down.
//!
//! A slot asks for a state from its time that was safe by its end, and not for who made it. Whoever counted only his own
//! runs would report a gap where a good point lies.

use std::collections::BTreeMap;

use holdfast_ledger::{Reader, RunOutcome};
use holdfast_model::slot::{JudgedSlot, PointFact, Slot, SlotState, judge};
use holdfast_model::{AssetName, Dataset};
use jiff::{SignedDuration, Timestamp};

use crate::error::Result;

/// A slot, with the run that served it where one did.
pub(crate) struct Credited {
    /// The slot, judged by the runs that the ledger knows.
    pub(crate) judged: JudgedSlot,
    /// The run.
    pub(crate) run: Option<String>,
}

/// Judges slots by every run that ended with a point, whoever began it.
pub(crate) fn judged(reader: &Reader, slots: Vec<Slot>, now: Timestamp) -> Result<Vec<Credited>> {
    let mut by_dataset: BTreeMap<(AssetName, Dataset), Vec<Slot>> = BTreeMap::new();
    for slot in slots {
        by_dataset.entry((slot.asset.clone(), slot.dataset)).or_default().push(slot);
    }
    let mut credited = Vec::new();
    for ((asset, dataset), slots) in by_dataset {
        let points = points(reader, &asset, dataset, &slots, now)?;
        for judged in judge(slots, &points, &[], now) {
            let run = match &judged.state {
                SlotState::Ok { point }
                | SlotState::Late { point, .. }
                | SlotState::Degraded { point, .. } => Some(point.clone()),
                _ => None,
            };
            credited.push(Credited { judged, run });
        }
    }
    Ok(credited)
}

/// What the runs of a dataset protected, each fact under the name of its run.
fn points(
    reader: &Reader,
    asset: &AssetName,
    dataset: Dataset,
    slots: &[Slot],
    now: Timestamp,
) -> Result<Vec<PointFact>> {
    let Some(from) = slots.iter().map(|slot| slot.opens).min() else { return Ok(Vec::new()) };
    // A run begins before the instant that its point stands for; how long before, nobody knows.
    let from = from.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
    let until = now.saturating_add(SignedDuration::from_secs(1)).unwrap_or(Timestamp::MAX);
    let mut facts = Vec::new();
    for run in reader.runs_between(from, until, Some(asset.as_ref()))? {
        let (Some(id), Some(ended), true) = (&run.point, run.ended_at, run.dataset == dataset.as_str())
        else {
            continue;
        };
        let Some(point) = reader.point(id)? else { continue };
        let is_whole = run.outcome == Some(RunOutcome::Done);
        facts.push(PointFact {
            id: run.id,
            recovery: point.instant,
            is_full: run.kind == "full",
            lacks: (!is_whole).then(|| "its run ended degraded".to_owned()),
            checked: Some(ended),
            copied: Some(ended),
        });
    }
    Ok(facts)
}
