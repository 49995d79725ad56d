//! Points that lie at the place a ledger was rebuilt from and that the copy did not know: made after it, by the controller that was
//! lost. They are adopted, so that nobody has to find them, and believed in nothing: nobody recorded how they were made, so
//! they count as unverified until they were read, and by age only from now on.

use std::sync::Arc;

use holdfast_format::Snapshot;
use holdfast_ledger::{Ledger, LogCopy, LogPoint, Point};
use holdfast_location::Location;
use holdfast_model::Dataset;
use holdfast_model::estate::Asset;
use holdfast_repo::Troubles;
use jiff::Timestamp;
use serde::Serialize;
use std::path::Path;

use super::ledger_copy::{folders_below, open_at};
use super::ring::Contents;
use crate::error::Result;
use crate::part;
use crate::setup::Setup;

/// A point that was adopted.
#[derive(Clone, Debug, Serialize)]
pub struct Adopted {
    /// The point.
    pub point: String,
    /// Its asset, by its tag.
    pub asset: String,
    /// The part of it, as the point says of itself.
    pub dataset: Dataset,
    /// The repository.
    pub repository: String,
    /// The instant that it claims to stand for.
    pub time: Timestamp,
    /// Of a point of a log: the dump that it goes on from, as it says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
}

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) points: Vec<Adopted>,
    /// Repositories that could not be looked through, each with the reason.
    pub(super) failures: Vec<String>,
}

/// Looks for points that the ledger does not know.
pub(super) fn look(
    setup: &Setup,
    ledger: &Ledger,
    ring: &Contents,
    location: &Arc<dyn Location>,
    scratch: &Path,
) -> Result<Found> {
    let mut found = Found::default();
    let reader = ledger.read();
    for (repository, assets) in setup.repositories() {
        let Some(password) = ring.password(&repository) else { continue };
        let opened = open_at(
            location,
            &repository,
            &password,
            folders_below(&scratch.join(&repository)),
            setup.writer(),
        );
        let listed = opened.map_err(|error| error.message).and_then(|opened| {
            let catalog = holdfast_repo::list(&opened.require_ready().map_err(|e| e.to_string())?);
            let catalog = catalog.map_err(|error| error.to_string())?;
            Ok(opened.load_snapshots(&catalog, &Troubles::default()))
        });
        let snapshots = match listed {
            Ok(snapshots) => snapshots,
            Err(why) => {
                found.failures.push(format!("{repository}: {why}"));
                continue;
            }
        };
        for (id, snapshot) in snapshots {
            let Some(asset) = asset_of(&snapshot).filter(|asset| assets.iter().any(|own| own == asset))
            else {
                continue;
            };
            if reader.point(&id.to_hex())?.is_none() {
                let Some(class) = setup.estate.assets.get(asset).map(Asset::class) else { continue };
                found.points.push(Adopted {
                    point: id.to_hex(),
                    asset: asset.to_owned(),
                    dataset: part::dataset_of(class, None, Some(&snapshot)),
                    repository: repository.clone(),
                    time: snapshot.time,
                    base: part::base_of(&snapshot).map(str::to_owned),
                });
            }
        }
    }
    Ok(found)
}

/// Records them, as seen at a location of the estate where the place is one.
pub(super) fn record(
    setup: &Setup,
    ledger: &Ledger,
    points: &[Adopted],
    location: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    Ok(ledger.write(|transaction| {
        for adopted in points {
            if !setup.estate.assets.contains_key(adopted.asset.as_str()) {
                continue;
            }
            let point = Point {
                id: adopted.point.clone(),
                repository: adopted.repository.clone(),
                asset: adopted.asset.clone(),
                dataset: adopted.dataset.to_string(),
                // A tag claims more, and nobody saw everything read again.
                kind: "incremental".to_owned(),
                instant: adopted.time,
                // Its age counts from when it is first seen.
                is_undated: true,
            };
            if let (Dataset::Log, Some(base)) = (adopted.dataset, &adopted.base) {
                let copies = location.map(|name| LogCopy { location: name.to_owned(), is_checked: false });
                let log = LogPoint {
                    point,
                    base: base.clone(),
                    server: None,
                    // Only the point itself says where it ends.
                    file: String::new(),
                    position: 0,
                    copies: copies.into_iter().collect(),
                };
                transaction.record_log(log, now)?;
                continue;
            }
            transaction.record_point(point, now)?;
            if let Some(location) = location {
                transaction.see_copy(&adopted.point, location, now)?;
            }
        }
        Ok(())
    })?)
}

fn asset_of(snapshot: &Snapshot) -> Option<&str> {
    snapshot.tags.iter().find_map(|tag| tag.strip_prefix("asset:"))
}
