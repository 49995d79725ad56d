//! Whose points a repository holds: assets of the estate, and those that left it.
//!
//! A client that left, or an asset that was removed, is still promised that nothing stays beyond the maximum. So what a run
//! of ours recorded goes by age, whoever owns it now. An asset that left by a typing error must not lose its last point the
//! day after: that one stays as long as a whole maximum after somebody could have noticed.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_format::{Id, Snapshot};
use holdfast_model::estate::{Asset, has_points_in};
use holdfast_model::retention::{ClockEvidence, RetentionRule};
use holdfast_model::{AssetName, Class};

use crate::error::Result;
use crate::journal;
use crate::known_points::KnownPoints;
use crate::points::belongs;
use crate::setup::Setup;

/// Whose points are decided on.
pub(crate) struct Owner<'a> {
    pub(crate) name: String,
    pub(crate) class: Class,
    /// As the estate has it; none for one that left.
    asset: Option<&'a Asset>,
}

impl Owner<'_> {
    pub(crate) fn has_left(&self) -> bool {
        self.asset.is_none()
    }

    /// Whether a snapshot is a point of this one.
    pub(crate) fn owns(&self, snapshot: &Snapshot) -> bool {
        match self.asset {
            Some(asset) => belongs(&self.name, asset, snapshot),
            None => tag(snapshot, "asset:") == Some(&self.name),
        }
    }

    /// Whether even the last point may go: a maximum's time has passed since it was first seen that the asset left.
    pub(crate) fn is_given_up(
        &self,
        known: &KnownPoints,
        rule: &RetentionRule,
        clock: &ClockEvidence,
    ) -> bool {
        let since = known.left.get(&self.name).filter(|_| self.has_left());
        since.is_some_and(|since| clock.proven(*since) > rule.max())
    }
}

/// Everybody whose points are among the snapshots of a repository, and who is in the estate or has points that a run of
/// ours recorded.
pub(crate) fn of<'a>(
    setup: &'a Setup,
    repository: &str,
    snapshots: &[(Id, Snapshot)],
) -> Result<Vec<Owner<'a>>> {
    let own = setup.estate.assets.iter().filter(|(_, asset)| has_points_in(asset, repository));
    let mut owners: Vec<Owner<'a>> = own
        .map(|(name, asset)| Owner { name: name.to_string(), class: asset.class(), asset: Some(asset) })
        .collect();
    let mut left: BTreeMap<String, Class> = BTreeMap::new();
    let strays = snapshots.iter().filter(|(_, snapshot)| !owners.iter().any(|owner| owner.owns(snapshot)));
    let mut by_asset: BTreeMap<&str, Vec<&(Id, Snapshot)>> = BTreeMap::new();
    for stray in strays {
        let asset = tag(&stray.1, "asset:").filter(|asset| AssetName::parse(asset).is_ok());
        if let Some(asset) = asset {
            by_asset.entry(asset).or_default().push(stray);
        }
    }
    for (asset, strays) in by_asset {
        let recorded = journal::points_of(setup, asset)?;
        // What stands in a snapshot that we recorded is what we wrote into it: its name is the hash of it.
        let ours = strays.iter().find(|(id, _)| recorded.contains_key(&id.to_hex()));
        let class = ours.and_then(|(_, snapshot)| Class::parse(tag(snapshot, "class:")?));
        left.extend(class.map(|class| (asset.to_owned(), class)));
    }
    owners.extend(left.into_iter().map(|(name, class)| Owner { name, class, asset: None }));
    Ok(owners)
}

/// Writes down since when assets are known to have left, and that others are there again.
pub(crate) fn note(owners: &[Owner<'_>], known: &mut KnownPoints, clock: &ClockEvidence) {
    let left: BTreeSet<&str> =
        owners.iter().filter(|owner| owner.has_left()).map(|owner| owner.name.as_str()).collect();
    known.left.retain(|name, _| left.contains(name.as_str()));
    for name in left {
        if let Some(now) = clock.trusted() {
            known.left.entry(name.to_owned()).or_insert(now);
        }
    }
}

fn tag<'s>(snapshot: &'s Snapshot, prefix: &str) -> Option<&'s str> {
    snapshot.tags.iter().find_map(|tag| tag.strip_prefix(prefix))
}
