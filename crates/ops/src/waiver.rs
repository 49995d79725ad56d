//! Waivers: slots of an asset that somebody excused beforehand, with a name, a reason and an end.
//!
//! A waiver after the fact would be a way to rewrite history: so none begins before it is recorded, and a slot that was due
//! before stays as it ended. One without an end would be a hole in the policy: so there is none.

use holdfast_ledger::{NewWaiver, Reader, Waiver};
use holdfast_model::Dataset;
use jiff::Timestamp;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::journal;
use crate::requests::{self, Entry};
use crate::setup::Setup;

/// A waiver, and whether it covers slots that are due now.
#[derive(Clone, Debug, Serialize)]
pub struct ListedWaiver {
    /// The waiver.
    #[serde(flatten)]
    pub waiver: Waiver,
    /// Whether its end is past.
    pub is_expired: bool,
}

/// Waives the slots of an asset, or of a part of it, that are due from now on and before `until`.
///
/// # Errors
/// A usage error for an asset or a part that there is not, and for an end that is past.
pub fn waive(
    setup: &Setup,
    asset: &str,
    dataset: Option<&str>,
    until: Timestamp,
    (owner, reason): (&str, &str),
) -> Result<Waiver> {
    let class = setup.asset(asset)?.class();
    if let Some(dataset) = dataset
        && !class.datasets().iter().any(|known| known.as_str() == dataset)
    {
        let known: Vec<&str> = class.datasets().iter().copied().map(Dataset::as_str).collect();
        return Err(Error::usage(format!("{asset} has no part {dataset:?}")).hint(format!(
            "a {} has: {}",
            class.as_str(),
            known.join(", ")
        )));
    }
    let now = setup.world.clock.now();
    if until <= now {
        return Err(Error::usage(format!("{until} is past: a waiver excuses only what is to come")));
    }
    if owner.trim().is_empty() || reason.trim().is_empty() {
        return Err(Error::usage("a waiver needs an owner and a reason"));
    }
    let waiver = NewWaiver {
        asset: asset.to_owned(),
        dataset: dataset.map(str::to_owned),
        begins: now,
        expires: until,
        owner: owner.to_owned(),
        reason: reason.to_owned(),
    };
    let id = requests::enter(setup, Entry::Waive(waiver.clone()))?;
    Ok(Waiver { id, waiver, happened_at: now, recorded_at: now })
}

/// Every waiver that was ever granted, oldest first.
pub fn list(setup: &Setup) -> Result<Vec<ListedWaiver>> {
    let Some(reader) = journal::reader(&setup.places.state)? else { return Ok(Vec::new()) };
    let now = setup.world.clock.now();
    let listed = |waiver: Waiver| ListedWaiver { is_expired: waiver.waiver.expires <= now, waiver };
    Ok(reader.waivers(None)?.into_iter().map(listed).collect())
}

/// Why a slot need not be kept: the waiver that covers the instant at which it was due, and was recorded by then.
pub(crate) fn excuse(reader: &Reader, asset: &str, dataset: &str, due: Timestamp) -> Result<Option<String>> {
    let waivers = reader.waivers_at(due, Some(asset))?;
    let covers = |part: &Option<String>| part.as_ref().is_none_or(|other| other == dataset);
    // One that was granted after the fact excuses nothing.
    let waiver = waivers.into_iter().find(|w| covers(&w.waiver.dataset) && w.recorded_at <= due);
    Ok(waiver.map(|Waiver { id, waiver, .. }| {
        let NewWaiver { reason, owner, expires, .. } = waiver;
        format!("waiver {id} until {expires}: {reason}, says {owner}")
    }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use holdfast_world::World;
    use holdfast_world::signals::Stop;
    use jiff::SignedDuration;

    use super::*;
    use crate::Tell;
    use crate::serve::{Service, serve};
    use crate::slots::{SlotLine, slots};
    use crate::weeks::{Weeks, load};

    /// Lets a daemon do what is due.
    fn serve_once(weeks: &Weeks) {
        let tell: Tell = Arc::new(|_: &str| {});
        let stop = Stop { draining: Arc::default(), interrupted: Arc::default() };
        let world = World { clock: weeks.clock.clone(), ..World::system() };
        serve(&Service {
            places: weeks.setup.places.clone(),
            world,
            stop,
            is_once: true,
            tell,
            carrier: None,
        })
        .unwrap();
    }

    /// What became of the slots of these days; the ledger is free again afterwards.
    fn of_days(weeks: &Weeks) -> Vec<SlotLine> {
        let world = World { clock: weeks.clock.clone(), ..World::system() };
        let setup = load(&weeks.setup.places, &world);
        let (since, until) = ("2026-03-01T00:00:00Z", "2026-03-20T00:00:00Z");
        slots(&setup, None, since.parse().unwrap(), until.parse().unwrap()).unwrap().slots
    }

    #[test]
    fn a_waiver_excuses_what_is_due_while_it_holds_and_nothing_from_before() {
        let weeks = Weeks::new();
        let path = weeks.folder.path().join("policy.toml");
        let policy = std::fs::read_to_string(&path).unwrap();
        let approved =
            policy.replace("# approved_by = \"<who approved this version>\"", "approved_by = \"D. Okafor\"");
        std::fs::write(&path, approved).unwrap();
        serve_once(&weeks);
        weeks.pass(40);
        let granted = weeks.now();
        let until = granted + SignedDuration::from_hours(36);
        {
            let world = World { clock: weeks.clock.clone(), ..World::system() };
            let setup = load(&weeks.setup.places, &world);
            let by = ("R. Iyer", "the customer moves house");
            assert!(waive(&setup, "shop", Some("disks"), until, by).is_err());
            assert!(waive(&setup, "shop", None, granted, by).is_err());
            assert!(waive(&setup, "shop", None, until, ("R. Iyer", " ")).is_err());
            waive(&setup, "shop", Some("site"), until, by).unwrap();
            assert_eq!(list(&setup).unwrap().len(), 1);
        }
        weeks.pass(80);
        let told = of_days(&weeks);
        // Told first, and then settled the same way.
        serve_once(&weeks);
        let settled = of_days(&weeks);
        let (mut waived, mut missed_before, mut missed_after) = (0, 0, 0);
        for slot in told.iter().filter(|slot| matches!(slot.state, "missed" | "waived")) {
            let is_covered = (granted..until).contains(&slot.due);
            assert_eq!(slot.state == "waived", is_covered, "{slot:?}");
            let same = settled.iter().find(|other| other.id == slot.id).unwrap();
            assert_eq!(same.state, slot.state, "{same:?}");
            for reason in [&slot.reason, &same.reason].into_iter().filter(|_| is_covered) {
                let reason = reason.as_deref().unwrap();
                assert!(reason.contains("the customer moves house, says R. Iyer"), "{reason}");
                assert!(reason.starts_with("waiver "), "{reason}");
            }
            let count = match () {
                () if is_covered => &mut waived,
                () if slot.due < granted => &mut missed_before,
                () => &mut missed_after,
            };
            *count += 1;
        }
        assert!(waived > 0 && missed_before > 0 && missed_after > 0, "{told:?}");
    }
}
