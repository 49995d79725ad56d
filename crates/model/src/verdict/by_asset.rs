//! Points, slots and runs by their asset. Each rule asks for those of each asset; going through all of them every time would
//! take minutes where there are thousands.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::facts::{Facts, PointFact, RunFact, SlotFact};

/// What was recorded by an instant, by asset.
pub(super) struct ByAsset<'f> {
    points: BTreeMap<&'f str, Vec<&'f PointFact>>,
    slots: BTreeMap<&'f str, Vec<&'f SlotFact>>,
    runs: BTreeMap<&'f str, Vec<&'f RunFact>>,
}

impl<'f> ByAsset<'f> {
    pub(super) fn of(facts: &'f Facts, now: Timestamp) -> ByAsset<'f> {
        let mut sorted = ByAsset { points: BTreeMap::new(), slots: BTreeMap::new(), runs: BTreeMap::new() };
        for point in facts.points.iter().filter(|point| point.recorded <= now) {
            sorted.points.entry(point.asset.as_str()).or_default().push(point);
        }
        for points in sorted.points.values_mut() {
            points.sort_by_key(|point| (point.instant, &point.id));
        }
        for slot in &facts.slots {
            sorted.slots.entry(slot.asset.as_str()).or_default().push(slot);
        }
        for run in facts.runs.iter().filter(|run| run.ended <= now) {
            sorted.runs.entry(run.asset.as_str()).or_default().push(run);
        }
        sorted
    }

    /// By the instant that they stand for.
    pub(super) fn points(&self, asset: &str) -> &[&'f PointFact] {
        self.points.get(asset).map_or(&[], Vec::as_slice)
    }

    /// By the time that they are due.
    pub(super) fn slots(&self, asset: &str) -> &[&'f SlotFact] {
        self.slots.get(asset).map_or(&[], Vec::as_slice)
    }

    /// By their end.
    pub(super) fn runs(&self, asset: &str) -> &[&'f RunFact] {
        self.runs.get(asset).map_or(&[], Vec::as_slice)
    }
}
