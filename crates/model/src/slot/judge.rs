//! What became of each slot.
//!
//! Judging goes through the slots and never through the points, so a run that never happened is seen. The instant that
//! a point stands for decides which slot it serves, and the instant at which it was safe decides whether it did in time:
//! a copy that lands in time with a state from before the slot opened serves nothing.

use jiff::{SignedDuration, Timestamp};

use super::{Slot, SlotKind};
use crate::{AssetName, Dataset};

/// What is known about a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointFact {
    /// The point.
    pub id: String,
    /// The instant whose state it holds: the start of the walk, or of the transaction; never the end of the run.
    pub recovery: Timestamp,
    /// Whether everything was read again for it.
    pub is_full: bool,
    /// What it lacks; `None` when it is complete.
    pub lacks: Option<String>,
    /// When its check ended well.
    pub checked: Option<Timestamp>,
    /// When it had reached enough locations.
    pub copied: Option<Timestamp>,
}

/// A decision that slots of an asset need not be kept for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// Of which asset.
    pub asset: AssetName,
    /// Of which part; of all where it is `None`.
    pub dataset: Option<Dataset>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Since when. A slot that was due before stays what it was.
    pub granted: Timestamp,
    /// Until when; slots due at this instant or later are not waived.
    pub expiry: Timestamp,
}

/// What became of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotState {
    /// A complete point was protected in time.
    Ok {
        /// The point.
        point: String,
    },
    /// A complete point was protected, too late.
    Late {
        /// The point.
        point: String,
        /// By how much.
        by: SignedDuration,
    },
    /// Only an incomplete point was protected.
    Degraded {
        /// The point.
        point: String,
        /// What it lacks.
        lacks: String,
    },
    /// It was due, and no point serves it.
    Missed,
    /// No complete point was protected, and somebody had decided beforehand that none was needed.
    Waived {
        /// Why.
        reason: String,
        /// Who answers for it.
        owner: String,
        /// Until when.
        expiry: Timestamp,
    },
    /// It is not due yet, and no point serves it so far.
    Open,
}

/// A slot and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedSlot {
    /// The slot.
    pub slot: Slot,
    /// What became of it.
    pub state: SlotState,
}

impl PointFact {
    /// When it was both checked and at enough locations.
    pub fn protected(&self) -> Option<Timestamp> {
        Some(self.checked?.max(self.copied?))
    }
}

impl SlotState {
    /// As it is written.
    pub fn as_str(&self) -> &'static str {
        match self {
            SlotState::Ok { .. } => "ok",
            SlotState::Late { .. } => "late",
            SlotState::Degraded { .. } => "degraded",
            SlotState::Missed => "missed",
            SlotState::Waived { .. } => "waived",
            SlotState::Open => "open",
        }
    }
}

/// Gives each slot its state as of `now`, in the order of the slots: as many come out as went in. `points` are those of
/// the slots' dataset, in any order; what happened after `now` is not looked at.
pub fn judge(
    slots: impl IntoIterator<Item = Slot>,
    points: &[PointFact],
    waivers: &[Waiver],
    now: Timestamp,
) -> Vec<JudgedSlot> {
    let mut by_recovery: Vec<&PointFact> =
        points.iter().filter(|point| point.protected().is_some_and(|protected| protected <= now)).collect();
    by_recovery.sort_by_key(|point| point.recovery);
    let judge = |slot: Slot| {
        let first = by_recovery.partition_point(|point| point.recovery < slot.opens);
        let serving = by_recovery[first..]
            .iter()
            .take_while(|point| point.recovery < slot.closes)
            .filter(|point| slot.kind == SlotKind::Incremental || point.is_full);
        let state = state(&slot, serving.copied(), waivers, now);
        JudgedSlot { slot, state }
    };
    slots.into_iter().map(judge).collect()
}

fn state<'p>(
    slot: &Slot,
    serving: impl Iterator<Item = &'p PointFact>,
    waivers: &[Waiver],
    now: Timestamp,
) -> SlotState {
    let mut complete: Option<(Timestamp, &PointFact)> = None;
    let mut incomplete = None;
    for point in serving {
        let Some(protected) = point.protected() else { continue };
        match &point.lacks {
            None if complete.is_none_or(|(earliest, _)| protected < earliest) => {
                complete = Some((protected, point));
            }
            None => {}
            Some(lacks) => incomplete = incomplete.or(Some((point, lacks))),
        }
    }
    if let Some((protected, point)) = complete {
        let point = point.id.clone();
        return if protected <= slot.due {
            SlotState::Ok { point }
        } else {
            SlotState::Late { point, by: protected.duration_since(slot.due) }
        };
    }
    let covers = |waiver: &&Waiver| {
        waiver.asset == slot.asset
            && waiver.dataset.is_none_or(|dataset| dataset == slot.dataset)
            && (waiver.granted..waiver.expiry).contains(&slot.due)
            && waiver.granted <= now
    };
    if let Some(waiver) = waivers.iter().find(covers) {
        let (reason, owner) = (waiver.reason.clone(), waiver.owner.clone());
        return SlotState::Waived { reason, owner, expiry: waiver.expiry };
    }
    match incomplete {
        Some((point, lacks)) => SlotState::Degraded { point: point.id.clone(), lacks: lacks.clone() },
        None if now < slot.due => SlotState::Open,
        None => SlotState::Missed,
    }
}
