//! Points that no asset of the estate owns any more: an asset was renamed or removed, or its client changed.
//!
//! Retention goes by asset, so nothing would ever purge them, and nothing would ever miss them either. Both are to be
//! said.

use std::collections::BTreeMap;

use holdfast_format::{Id, Snapshot};
use holdfast_model::estate::repository_name;
use serde::Serialize;

use crate::error::Result;
use crate::known_points;
use crate::points::belongs;
use crate::setup::Setup;

/// Points without an owner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LeftBehind {
    /// The repository that holds them.
    pub repository: String,
    /// The asset that they were made of; none for points of other programs.
    pub asset: Option<String>,
    /// How many.
    pub points: usize,
}

impl LeftBehind {
    /// For people.
    pub fn words(&self) -> String {
        let what = match &self.asset {
            Some(asset) => format!("of {asset}, which the estate does not back up into it"),
            None => "that were made by another program and belong to no asset".to_owned(),
        };
        let points = if self.points == 1 { "1 point".to_owned() } else { format!("{} points", self.points) };
        format!(
            "the repository {} holds {points} {what}: retention does not apply, they stay",
            self.repository
        )
    }
}

/// Among the snapshots of a repository.
pub(crate) fn among(setup: &Setup, repository: &str, snapshots: &[(Id, Snapshot)]) -> Vec<LeftBehind> {
    let assets = || setup.estate.assets.iter().filter(|(_, a)| repository_name(a).as_str() == repository);
    let owner = |snapshot: &Snapshot| assets().any(|(name, asset)| belongs(name.as_ref(), asset, snapshot));
    let name = |s: &Snapshot| s.tags.iter().find_map(|t| t.strip_prefix("asset:")).map(str::to_owned);
    counted(repository, snapshots.iter().filter(|(_, s)| !owner(s)).map(|(_, s)| name(s)))
}

/// Among the points that are known from the records, without asking any location.
pub fn known(setup: &Setup) -> Result<Vec<LeftBehind>> {
    let mut found = Vec::new();
    let repositories = setup.ring.repositories()?;
    for repository in repositories {
        let Some(known) = known_points::load(&setup.places.state, &repository)? else { continue };
        let is_owned = |asset: &str| {
            setup.estate.assets.get(asset).is_some_and(|a| repository_name(a).as_str() == repository)
        };
        let strays = known.points.values().filter_map(|p| p.asset.clone()).filter(|asset| !is_owned(asset));
        found.extend(counted(&repository, strays.map(Some)));
    }
    Ok(found)
}

fn counted(repository: &str, assets: impl Iterator<Item = Option<String>>) -> Vec<LeftBehind> {
    let mut counts: BTreeMap<Option<String>, usize> = BTreeMap::new();
    assets.for_each(|asset| *counts.entry(asset).or_default() += 1);
    let entry = |(asset, points)| LeftBehind { repository: repository.to_owned(), asset, points };
    counts.into_iter().map(entry).collect()
}
