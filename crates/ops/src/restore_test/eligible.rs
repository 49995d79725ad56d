//! The points of an asset that can be restored from somewhere off site, by the ledger.

use std::collections::BTreeSet;

use holdfast_ledger::Reader;
use holdfast_model::estate::Asset;
use holdfast_model::verdict::{Facts, off_site};
use holdfast_model::{Class, Dataset};
use jiff::Timestamp;

use crate::error::Result;

/// A point that can be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Eligible {
    /// Its id.
    pub(super) id: String,
    /// The instant that it stands for.
    pub(super) instant: Timestamp,
    /// Where it lies off site, by name.
    pub(super) locations: Vec<String>,
}

/// The locations off site. The copy beside production proves nothing: on the day on which it counts it is gone.
pub(super) fn locations(facts: &Facts, now: Timestamp) -> BTreeSet<String> {
    let Some(inventory) = facts.inventories.iter().rev().find(|noted| noted.recorded <= now) else {
        return BTreeSet::new();
    };
    off_site(&inventory.what, &facts.probes, now)
}

/// The part of an asset whose points are drawn; the others go with it.
pub(super) fn drawn_of(asset: &Asset) -> Dataset {
    match asset.class() {
        Class::Whmcs => Dataset::Database,
        other => other.datasets()[0],
    }
}

/// The points of a part of an asset that lie off site, oldest first. What runs of ours did not record is none of them, and what a
/// purge decided upon goes.
pub(super) fn points(
    reader: &Reader,
    asset: &str,
    dataset: Dataset,
    off_site: &BTreeSet<String>,
) -> Result<Vec<Eligible>> {
    let mut going = BTreeSet::new();
    for purge in reader.purges_open()? {
        going.extend(reader.points_of_purge(&purge.id)?.into_iter().map(|point| point.decided.point));
    }
    let points = reader.points_of(asset)?;
    let ids: Vec<&str> = points.iter().map(|point| point.id.as_str()).collect();
    let copies = reader.copies_of_all(&ids)?;
    let own = points.iter().filter(|point| Dataset::parse(&point.dataset) == Some(dataset));
    let eligible = own.filter(|point| !going.contains(&point.id)).filter_map(|point| {
        let lies = copies.get(&point.id)?.iter().filter(|copy| copy.removed_at.is_none());
        let mut locations: Vec<String> =
            lies.map(|copy| copy.location.clone()).filter(|location| off_site.contains(location)).collect();
        locations.sort_unstable();
        let (id, instant) = (point.id.clone(), point.instant);
        (!locations.is_empty()).then_some(Eligible { id, instant, locations })
    });
    let mut eligible: Vec<Eligible> = eligible.collect();
    eligible.sort_by(|a, b| (a.instant, &a.id).cmp(&(b.instant, &b.id)));
    Ok(eligible)
}
