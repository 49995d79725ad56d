//! Points that no asset of the estate owns any more: an asset was renamed or removed, or its client changed.
//!
//! Those that a run of ours recorded go by age like all others (`purge/owners.rs`), and the rest stays, because nobody knows
//! whose it is. Nothing would ever miss either of them, so both are said, with what to do about it.

use std::collections::BTreeMap;

use holdfast_format::{Id, Snapshot};
use holdfast_model::AssetName;
use holdfast_model::estate::has_points_in;
use serde::Serialize;

use crate::error::Result;
use crate::points::belongs;
use crate::setup::Setup;
use crate::{journal, known_points};

/// Points without an owner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LeftBehind {
    /// The repository that holds them.
    pub repository: String,
    /// The asset that they were made of; none for points of other programs.
    pub asset: Option<String>,
    /// How many.
    pub points: usize,
    /// Whether they go by age, because a run of ours recorded them.
    pub is_by_age: bool,
}

impl LeftBehind {
    /// For people.
    pub fn words(&self) -> String {
        let what = match &self.asset {
            Some(asset) => format!("of {asset}, which the estate does not back up into it"),
            None => "that were made by another program and belong to no asset".to_owned(),
        };
        let points = if self.points == 1 { "1 point".to_owned() } else { format!("{} points", self.points) };
        let repository = &self.repository;
        let fate = if self.is_by_age {
            format!(
                "they go by age, the last good one a maximum's time after this was first seen; `holdfast client export \
                 {repository}` saves them, and an asset that left by mistake goes back into estate.toml under its name"
            )
        } else {
            format!(
                "no run of ours recorded them, and they stay; look at them with `holdfast restic {repository} -- \
                 snapshots`, and remove them with `forget` of stock restic: the next purge removes their data"
            )
        };
        format!("the repository {repository} holds {points} {what}: {fate}")
    }
}

/// Among the snapshots of a repository.
pub(crate) fn among(
    setup: &Setup,
    repository: &str,
    snapshots: &[(Id, Snapshot)],
) -> Result<Vec<LeftBehind>> {
    let assets = || setup.estate.assets.iter().filter(|(_, asset)| has_points_in(asset, repository));
    // Those whose folders vanished are told by name elsewhere.
    let vanished = || setup.estate.vanished.iter().filter(|(_, asset)| has_points_in(asset, repository));
    let owner = |snapshot: &Snapshot| {
        assets().chain(vanished()).any(|(name, asset)| belongs(name.as_ref(), asset, snapshot))
    };
    let name = |s: &Snapshot| s.tags.iter().find_map(|t| t.strip_prefix("asset:")).map(str::to_owned);
    counted(setup, repository, snapshots.iter().filter(|(_, s)| !owner(s)).map(|(_, s)| name(s)))
}

/// Among the points that are known from the records, without asking any location.
pub fn known(setup: &Setup) -> Result<Vec<LeftBehind>> {
    let mut found = Vec::new();
    let repositories = setup.ring.repositories()?;
    for repository in repositories {
        let Some(known) = known_points::load(&setup.places.state, &repository)? else { continue };
        let is_owned = |asset: &str| {
            let known = setup.estate.assets.get(asset).or_else(|| setup.estate.vanished.get(asset));
            known.is_some_and(|known| has_points_in(known, &repository))
        };
        let strays = known.points.values().filter_map(|p| p.asset.clone()).filter(|asset| !is_owned(asset));
        found.extend(counted(setup, &repository, strays.map(Some))?);
    }
    Ok(found)
}

fn counted(
    setup: &Setup,
    repository: &str,
    assets: impl Iterator<Item = Option<String>>,
) -> Result<Vec<LeftBehind>> {
    let mut counts: BTreeMap<Option<String>, usize> = BTreeMap::new();
    assets.for_each(|asset| *counts.entry(asset).or_default() += 1);
    let mut found = Vec::new();
    for (asset, points) in counts {
        let is_by_age = match asset.as_deref().filter(|name| AssetName::parse(name).is_ok()) {
            Some(name) => journal::points_of(setup, name)?.values().any(|p| p.repository == repository),
            None => false,
        };
        found.push(LeftBehind { repository: repository.to_owned(), asset, points, is_by_age });
    }
    Ok(found)
}
