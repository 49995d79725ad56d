//! What came of slots, and how often, by part of an asset. A slot that is due and of which nothing was decided is none that waits:
//! whoever drew it so would show a week in which nothing ran as a quiet one.

use std::collections::BTreeMap;

use holdfast_ledger::{Slot, SlotState};
use jiff::Timestamp;
use serde::Serialize;

use crate::serve::expectation::LEFT;

/// What came of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// It is not due yet.
    Waiting,
    /// Its asset left the estate.
    Withdrawn,
    Ok,
    Waived,
    Late,
    Degraded,
    /// It is due, and nothing was decided.
    Overdue,
    Missed,
}

impl Came {
    /// As of an instant.
    pub(super) fn of(slot: &Slot, to: Timestamp) -> Came {
        match slot.state {
            SlotState::Expected if slot.due <= to => Came::Overdue,
            SlotState::Expected => Came::Waiting,
            SlotState::Waived if slot.reason.as_deref() == Some(LEFT) => Came::Withdrawn,
            SlotState::Waived => Came::Waived,
            SlotState::Ok => Came::Ok,
            SlotState::Late => Came::Late,
            SlotState::Degraded => Came::Degraded,
            SlotState::Missed => Came::Missed,
        }
    }
}

/// The slots of a part of an asset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SlotCounts {
    /// The part.
    pub target: String,
    /// A good point by its time.
    pub ok: u64,
    /// A good point after it.
    pub late: u64,
    /// A point that lacks something.
    pub degraded: u64,
    /// No point.
    pub missed: u64,
    /// Due, and nothing decided.
    pub overdue: u64,
    /// Excused beforehand, by name.
    pub waived: u64,
    /// The asset left the estate.
    pub withdrawn: u64,
    /// Not due yet.
    pub waiting: u64,
}

impl SlotCounts {
    fn not_kept(&self) -> u64 {
        self.late + self.degraded + self.missed + self.overdue
    }
}

/// By part, those with the most that were not kept first.
pub(super) fn counts(slots: &[Slot], to: Timestamp) -> Vec<SlotCounts> {
    let mut parts: BTreeMap<String, SlotCounts> = BTreeMap::new();
    for slot in slots {
        let target = format!("{}/{}", slot.asset, slot.dataset);
        let counts = parts.entry(target).or_default();
        let count = match Came::of(slot, to) {
            Came::Waiting => &mut counts.waiting,
            Came::Withdrawn => &mut counts.withdrawn,
            Came::Ok => &mut counts.ok,
            Came::Waived => &mut counts.waived,
            Came::Late => &mut counts.late,
            Came::Degraded => &mut counts.degraded,
            Came::Overdue => &mut counts.overdue,
            Came::Missed => &mut counts.missed,
        };
        *count += 1;
    }
    let named = parts.into_iter().map(|(target, counts)| SlotCounts { target, ..counts });
    let mut counts: Vec<SlotCounts> = named.collect();
    counts.sort_by_key(|counts| std::cmp::Reverse(counts.not_kept()));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_is_due_and_undecided_does_not_wait_and_who_left_was_not_waived_by_name() {
        let due: Timestamp = "2026-03-01T20:00:00Z".parse().unwrap();
        let slot = |state, reason: Option<&str>| Slot {
            id: "x".to_owned(),
            asset: "a".to_owned(),
            dataset: "site".to_owned(),
            kind: "full".to_owned(),
            basis: "daily".to_owned(),
            opens: due,
            closes: due,
            due,
            policy_version: 1,
            state,
            run: None,
            reason: reason.map(str::to_owned),
            settled_at: None,
        };
        let expected = slot(SlotState::Expected, None);
        assert_eq!(Came::of(&expected, due), Came::Overdue);
        assert_eq!(Came::of(&expected, due - jiff::SignedDuration::from_secs(1)), Came::Waiting);
        let slots =
            [expected, slot(SlotState::Waived, Some(LEFT)), slot(SlotState::Waived, Some("A. Adams"))];
        let counts = counts(&slots, due).remove(0);
        assert_eq!((counts.overdue, counts.withdrawn, counts.waived, counts.waiting), (1, 1, 1, 0));
    }
}
