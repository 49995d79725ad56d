//! Slots as the ledger has them, and as decisions are made about them.

use holdfast_ledger::{ExpectedSlot, Slot as Recorded, SlotState};
use holdfast_model::scheduler::SlotEnding;
use holdfast_model::slot::{Slot, SlotBasis, SlotKind};
use holdfast_model::{AssetName, Cadence, Dataset, parse_duration};
use jiff::tz::TimeZone;

use super::versions::Versions;
use crate::error::{Error, Result};

/// For the ledger.
pub(crate) fn expected(slot: &Slot) -> ExpectedSlot {
    ExpectedSlot {
        id: slot.id(),
        asset: slot.asset.to_string(),
        dataset: slot.dataset.as_str().to_owned(),
        kind: slot.kind.as_str().to_owned(),
        basis: slot.basis.to_string(),
        opens: slot.opens,
        closes: slot.closes,
        due: slot.due,
    }
}

/// From the ledger. One that does not come back under its own id was not written by this program.
pub(crate) fn from_ledger(slot: &Recorded, versions: &Versions) -> Result<Slot> {
    let zone = versions.numbered(slot.policy_version).map(|version| version.policy.zone.clone());
    let read = || {
        let asset = AssetName::parse(&slot.asset).ok()?;
        let dataset = Dataset::parse(&slot.dataset)?;
        let kind = SlotKind::parse(&slot.kind)?;
        let basis = basis(slot, &zone?)?;
        Some(Slot { asset, dataset, kind, basis, opens: slot.opens, closes: slot.closes, due: slot.due })
    };
    read().filter(|read| read.id() == slot.id).ok_or_else(|| {
        Error::not_done(format!("the slot {} of the ledger cannot be read", slot.id))
            .hint("install the version of holdfast again that recorded it")
    })
}

fn basis(slot: &Recorded, zone: &TimeZone) -> Option<SlotBasis> {
    if slot.basis == "first" {
        return Some(SlotBasis::First);
    }
    if let Some(interval) = slot.basis.strip_prefix("every ") {
        return Some(SlotBasis::Compiled { interval_s: parse_duration(interval).ok()?.as_secs() });
    }
    let cadence = Cadence::parse(&slot.basis)?;
    let zone = if cadence == Cadence::Hourly { TimeZone::UTC } else { zone.clone() };
    Some(SlotBasis::Literal { cadence, date: slot.opens.to_zoned(zone).date() })
}

/// What became of a slot, for the ledger.
pub(crate) fn state(ending: SlotEnding) -> SlotState {
    match ending {
        SlotEnding::Ok => SlotState::Ok,
        SlotEnding::Late => SlotState::Late,
        SlotEnding::Degraded => SlotState::Degraded,
        SlotEnding::Missed => SlotState::Missed,
        SlotEnding::Waived => SlotState::Waived,
    }
}
