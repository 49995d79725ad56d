//! The restorable points of an asset.

mod judge;
mod pick;

use std::collections::{BTreeMap, BTreeSet};

use holdfast_format::{Id, Snapshot};
use holdfast_model::Dataset;
use holdfast_model::estate::{Asset, repository_name};
use holdfast_repo::{Catalog, MirrorState, Monitor, Repository, Trouble, TroubleKind};
use jiff::Timestamp;
use serde::Serialize;

use crate::error::Result;
use crate::known_points::{self, KnownPoints};
use crate::setup::{Setup, unusable};
use crate::{evidence, journal, part};

pub(crate) use self::judge::Goodness;
use self::judge::Judge;
pub use self::pick::{Which, pick};

/// One restorable point.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// The snapshot's id.
    pub id: String,
    /// The instant that it stands for.
    pub time: Timestamp,
    /// Of which part of the asset it is.
    pub dataset: Dataset,
    /// `full`, `full, not read back`, `incremental`, or `foreign` for one that no run of ours recorded, whatever it claims.
    pub kind: String,
    /// The repository that holds it.
    pub repository: String,
    /// Bytes of all files in it, where known.
    pub bytes: Option<u64>,
    /// Files in it, where known.
    pub files: Option<u64>,
    /// Locations that list it.
    pub copies: Vec<String>,
    /// When it was last read in full and found whole, at the location where that is longest ago; absent when some copy
    /// never was.
    pub checked: Option<Timestamp>,
    /// The same for each copy.
    pub checks: Vec<CopyCheck>,
    /// PASS, FAIL or NO_EVIDENCE.
    pub verdict: &'static str,
    /// Why.
    pub reason: String,
    /// What the point lacks since it was made; a point with any is degraded.
    pub warnings: Vec<String>,
}

/// What is known of a point at one location.
#[derive(Clone, Debug, Serialize)]
pub struct CopyCheck {
    /// The location.
    pub location: String,
    /// Since when every byte of it there is known to have been whole.
    pub read: Option<Timestamp>,
    /// When damage was found that nothing has cleared since.
    pub damaged: Option<Timestamp>,
}

/// A repository's points with what it takes to read them.
pub struct Found {
    /// The repository, open.
    pub repository: Repository,
    /// Its listings.
    pub catalog: Catalog,
    /// Locations that could not be asked; each was reported.
    pub unasked: BTreeSet<String>,
    /// The snapshots, oldest first.
    pub snapshots: Vec<(Id, Snapshot)>,
}

/// Finds the snapshots of an open repository. A location that could not be asked is told to the monitor: the newest point
/// may lie there alone.
pub(crate) fn look(repository: Repository, monitor: &dyn Monitor) -> Result<Found> {
    let ready = repository.require_ready()?;
    let mut unasked: BTreeMap<String, String> = unusable(&repository).into_iter().collect();
    let catalog = holdfast_repo::list(&ready)?;
    unasked.extend(catalog.failures.iter().map(|(mirror, e)| (mirror.name().to_owned(), e.to_string())));
    for (location, reason) in &unasked {
        monitor.trouble(Trouble::new(TroubleKind::Location, location, format!("not asked: {reason}")));
    }
    let snapshots = repository.load_snapshots(&catalog, monitor);
    Ok(Found { repository, catalog, unasked: unasked.into_keys().collect(), snapshots })
}

/// Opens the asset's repository and finds the snapshots of one of its parts, or of all.
pub fn find(
    setup: &Setup,
    (asset_name, dataset): (&str, Option<Dataset>),
    only: Option<&str>,
    monitor: &dyn Monitor,
) -> Result<Found> {
    let asset = setup.asset(asset_name)?;
    let mut found = look(setup.open(repository_name(asset).as_str(), only)?, monitor)?;
    // A restore needs no ledger, so one that cannot be read counts as none.
    let recorded = journal::points_of(setup, asset_name).unwrap_or_default();
    found.snapshots.retain(|(id, snapshot)| {
        let of = || part::dataset_of(asset.class(), recorded.get(&id.to_hex()), Some(snapshot));
        belongs(asset_name, asset, snapshot) && dataset.is_none_or(|dataset| dataset == of())
    });
    Ok(found)
}

/// Lists the asset's points, newest last, those that are missing among them.
pub fn points(setup: &Setup, asset_name: &str, monitor: &dyn Monitor) -> Result<Vec<Point>> {
    let asset = setup.asset(asset_name)?;
    let repository = repository_name(asset).to_string();
    let known = known_points::load(&setup.places.state, &repository)?.unwrap_or_default();
    let opened = setup.open(&repository, None)?;
    // Every place was reached, and none has anything: that is no place to look for points, and all of them are missing.
    if opened.states().all(|(_, state)| *state == MirrorState::Absent) && !known.points.is_empty() {
        let none = BTreeSet::new();
        return Ok(lost(setup, asset, &repository, &known, (&none, &none)));
    }
    let mut found = look(opened, monitor)?;
    let absent: BTreeSet<String> = absent_at(&found.repository).collect();
    let unasked: BTreeSet<String> = found.unasked.difference(&absent).cloned().collect();
    let listed: BTreeSet<String> = found.catalog.snapshots.keys().map(Id::to_hex).collect();
    found.snapshots.retain(|(_, snapshot)| belongs(asset_name, asset, snapshot));
    let judge = Judge {
        setup,
        evidence: evidence::load(setup, &repository)?,
        unasked: &found.unasked,
        wanted: setup.policy.storage.copies.value.locations_min as usize,
        recorded: journal::points_of(setup, asset_name)?,
        known: &known,
    };
    let describe = |(id, snapshot): &(Id, Snapshot)| {
        let bits = found.catalog.snapshots.get(id).copied().unwrap_or(0);
        let copies: Vec<String> = found.catalog.holders(bits).map(|m| m.name().to_owned()).collect();
        let checked = judge.checked(id, &copies);
        let checks = judge.checks(id, &copies);
        let (verdict, reason) = judge.verdict(id, snapshot.time, &copies, checked);
        Point {
            id: id.to_hex(),
            time: snapshot.time,
            dataset: part::dataset_of(asset.class(), judge.recorded.get(&id.to_hex()), Some(snapshot)),
            kind: if judge.is_ours(id) { kind(snapshot, checked.is_some()) } else { "foreign".to_owned() },
            repository: repository.clone(),
            bytes: snapshot.summary.as_ref().map(|s| s.total_bytes_processed),
            files: snapshot.summary.as_ref().map(|s| s.total_files_processed),
            copies,
            checked,
            checks,
            verdict,
            reason,
            warnings: warnings(snapshot),
        }
    };
    let mut points: Vec<Point> = found.snapshots.iter().map(describe).collect();
    points.extend(lost(setup, asset, &repository, &known, (&listed, &unasked)));
    points.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
    Ok(points)
}

/// Locations that were reached and hold nothing of the repository.
pub(crate) fn absent_at(repository: &Repository) -> impl Iterator<Item = String> {
    let absent = repository.states().filter(|(_, state)| **state == MirrorState::Absent);
    absent.map(|(mirror, _)| mirror.name().to_owned())
}

/// The asset's points that are known to have been made, were not purged, and lie nowhere.
fn lost(
    setup: &Setup,
    asset: &Asset,
    repository: &str,
    known: &KnownPoints,
    (listed, unasked): (&BTreeSet<String>, &BTreeSet<String>),
) -> Vec<Point> {
    let recorded = journal::points_of(setup, asset.name.as_ref()).unwrap_or_default();
    let of = |id: &str| recorded.get(id).and_then(|point| Dataset::parse(&point.dataset));
    let missing =
        known.missing(listed).into_iter().filter(|m| m.asset.as_deref() == Some(asset.name.as_ref()));
    let (verdict, reason) = if unasked.is_empty() {
        ("FAIL", "missing: it was made, was not purged, and no location has it".to_owned())
    } else {
        let names: Vec<&str> = unasked.iter().map(String::as_str).collect();
        ("NO_EVIDENCE", format!("at no location that was asked; {} could not be asked", names.join(", ")))
    };
    let describe = |missing: known_points::MissingPoint| Point {
        kind: known.points.get(&missing.point).map_or_else(String::new, |p| p.kind.clone()),
        dataset: of(&missing.point).unwrap_or(asset.class().datasets()[0]),
        id: missing.point,
        time: missing.time,
        repository: repository.to_owned(),
        bytes: None,
        files: None,
        copies: Vec::new(),
        checked: None,
        checks: Vec::new(),
        verdict,
        reason: reason.clone(),
        warnings: Vec::new(),
    };
    missing.map(describe).collect()
}

/// Whether a snapshot is a point of the asset.
pub(crate) fn belongs(asset_name: &str, asset: &Asset, snapshot: &Snapshot) -> bool {
    let tag = format!("asset:{asset_name}");
    let is_tagged = snapshot.tags.iter().any(|t| t.starts_with("asset:"));
    if is_tagged {
        return snapshot.tags.contains(&tag);
    }
    root_of(asset).is_some_and(|root| snapshot.paths.iter().any(|path| std::path::Path::new(path) == root))
}

/// The folder that an asset's points hold.
pub(crate) fn root_of(asset: &Asset) -> Option<&std::path::Path> {
    asset.folder().map(|folder| folder.path.as_path())
}

/// The folder in a point that is restored as its root: the asset's, or where a dump has its files.
pub(crate) fn root_in(asset: &Asset, snapshot: &Snapshot) -> std::path::PathBuf {
    let root = match part::dataset_of(asset.class(), None, Some(snapshot)) {
        Dataset::Database => snapshot.paths.first().map(std::path::Path::new),
        _ => root_of(asset),
    };
    root.unwrap_or(std::path::Path::new("/")).to_owned()
}

/// A full is one only once it was read back everywhere.
fn kind(snapshot: &Snapshot, is_read_back: bool) -> String {
    match snapshot.tags.iter().find_map(|t| t.strip_prefix("kind:")) {
        Some("full") if !is_read_back => "full, not read back".to_owned(),
        Some(kind) => kind.to_owned(),
        None => "foreign".to_owned(),
    }
}

/// What a point says of itself: that not everything could be read when it was made.
fn warnings(snapshot: &Snapshot) -> Vec<String> {
    let count = |name: &str| snapshot.tags.iter().find_map(|t| t.strip_prefix(name)?.strip_prefix(':'));
    let unreadable = count("unreadable").map(|n| format!("{n} entries could not be read"));
    let changed = count("changed").map(|n| format!("{n} files changed while they were read"));
    unreadable.into_iter().chain(changed).collect()
}
