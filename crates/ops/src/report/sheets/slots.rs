//! Tables of what was expected, and what came of it.

use super::{Sheet, maybe, time};
use crate::report::document::{Document, SlotCounts};

pub(super) fn sheets(document: &Document) -> Vec<Sheet> {
    vec![slot_counts(document), slots(document)]
}

fn slot_counts(document: &Document) -> Sheet {
    let row = |counts: &SlotCounts| {
        let mut row = vec![counts.target.clone()];
        let numbers = [
            counts.ok,
            counts.late,
            counts.degraded,
            counts.missed,
            counts.overdue,
            counts.waived,
            counts.withdrawn,
            counts.waiting,
        ];
        row.extend(numbers.map(|number| number.to_string()));
        row
    };
    Sheet {
        file: "csv/slot-counts.csv",
        title: "What came of slots",
        columns: &[
            "target",
            "ok",
            "late",
            "degraded",
            "missed",
            "due_undecided",
            "waived",
            "withdrawn",
            "not_due_yet",
        ],
        rows: document.slot_counts.iter().map(row).collect(),
        shown: &[
            (0, "What"),
            (1, "Ok"),
            (2, "Late"),
            (3, "Degraded"),
            (4, "Missed"),
            (5, "Due, undecided"),
            (6, "Waived by name"),
            (7, "Withdrawn"),
        ],
        without: "No slot was recorded.",
    }
}

fn slots(document: &Document) -> Sheet {
    let row = |slot: &holdfast_ledger::Slot| {
        vec![
            slot.id.clone(),
            slot.asset.clone(),
            slot.dataset.clone(),
            slot.kind.clone(),
            slot.basis.clone(),
            slot.policy_version.to_string(),
            time(slot.opens),
            time(slot.closes),
            time(slot.due),
            slot.state.as_str().to_owned(),
            slot.run.clone().unwrap_or_default(),
            maybe(slot.settled_at),
            slot.reason.clone().unwrap_or_default(),
        ]
    };
    Sheet {
        file: "csv/slots.csv",
        title: "Slots",
        columns: &[
            "slot",
            "asset",
            "dataset",
            "kind",
            "basis",
            "policy_version",
            "opens",
            "closes",
            "due",
            "state",
            "run",
            "settled_at",
            "reason",
        ],
        rows: document.slots.iter().map(row).collect(),
        shown: &[],
        without: "",
    }
}
