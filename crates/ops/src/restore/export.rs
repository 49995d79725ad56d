//! Everything that a client has here, for the client: the newest good point of each of its assets, with a list of what it is.
//!
//! It is what a client gets before it is terminated, so nobody can ask for it again. So nothing is left out in silence: an
//! asset without a point is named, one whose newest point is not known to be good is exported and marked, as is one of
//! which something could not be restored, and every file is listed with the hash of what was written, read back from there.

mod manifest;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use holdfast_format::source::EntryKind;
use holdfast_format::{Id, Snapshot};
use holdfast_ledger::{ActionKind, NewAction};
use holdfast_model::Dataset;
use holdfast_repo::{Progress, RestoreRequest, Restored, Trouble, Troubles};
use jiff::Timestamp;
use serde::Serialize;

use self::manifest::ListedFile;
use super::target::check_target;
use super::{components, ending_of};
use crate::action;
use crate::backup;
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::journal;
use crate::part;
use crate::points::{self, Found, Goodness};
use crate::purge::owners::{self, Owner};
use crate::setup::Setup;

/// What stands in the log: client data is not read unseen.
const PURPOSE: &str = "export of everything that the client has here";

/// What was exported.
#[derive(Debug, Serialize)]
pub struct ExportReport {
    /// The client.
    pub client: String,
    /// When it began.
    pub time: Timestamp,
    /// The folder.
    pub to: PathBuf,
    /// By asset, those without a point included.
    pub assets: Vec<ExportedAsset>,
    /// The lists of everything: for programs, and for people.
    pub manifests: Vec<PathBuf>,
    /// What went wrong on the way.
    pub troubles: Vec<Trouble>,
    /// How it ended.
    pub ending: Ending,
}

/// One asset.
#[derive(Debug, Serialize)]
pub struct ExportedAsset {
    /// The asset.
    pub asset: String,
    /// Whether it left the estate.
    pub has_left: bool,
    /// What was exported of it; absent where there was no point.
    pub point: Option<ExportedPoint>,
    /// Why nothing was, or not all.
    pub error: Option<String>,
}

/// The point that was exported.
#[derive(Debug, Serialize)]
pub struct ExportedPoint {
    /// The point.
    pub point: String,
    /// The instant that it stands for.
    pub time: Timestamp,
    /// Whether it is known to be whole; if not, no point of the asset is.
    pub is_good: bool,
    /// Its folder below the export.
    pub folder: String,
    /// What was written.
    pub restored: Restored,
    /// Every file.
    #[serde(skip)]
    files: Vec<ListedFile>,
}

/// Exports everything of a client into a folder of its own; with `overwrite` goes on with one that broke off.
///
/// # Errors
/// When the client is not known, or no location can be asked.
pub fn export(
    setup: &Setup,
    client: &str,
    to: &Path,
    overwrite: bool,
    progress: &Progress,
) -> Result<ExportReport> {
    if !holdfast_location::valid_repository(client) || setup.ring.get(client)?.is_none() {
        return Err(Error::usage(format!("the key ring has no key for a client {client:?}"))
            .hint("`holdfast key list` lists the repositories"));
    }
    check_target(setup, to)?;
    let is_used = std::fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some());
    if is_used && !overwrite {
        return Err(Error::usage(format!("{} is not empty", to.display()))
            .hint("export into a folder of its own, or go on with one that broke off: --overwrite"));
    }
    if let Some(other) = manifest::client_in(to).filter(|other| other != client) {
        return Err(Error::usage(format!("{} holds the export of {other}", to.display()))
            .hint("export into a folder of its own"));
    }
    let entry = NewAction {
        repository: Some(client.to_owned()),
        target: Some(to.display().to_string()),
        ..action::by_us(setup, ActionKind::Restore, Some(PURPOSE))
    };
    let work = || carry_out(setup, client, to, overwrite, progress);
    action::recorded(setup, entry, work, |report| report.ending)
}

fn carry_out(
    setup: &Setup,
    client: &str,
    to: &Path,
    overwrite: bool,
    progress: &Progress,
) -> Result<ExportReport> {
    let (troubles, time) = (Troubles::default(), setup.world.clock.now());
    let found = points::look(setup.open(client, None)?, &troubles)?;
    let index = found.repository.load_index(&found.catalog, &troubles).index;
    let mut report = ExportReport {
        client: client.to_owned(),
        time,
        to: to.to_owned(),
        assets: Vec::new(),
        manifests: Vec::new(),
        troubles: Vec::new(),
        ending: Ending::Done,
    };
    let owners = owners::of(setup, client, &found.snapshots)?;
    let parts = owners.iter().flat_map(|owner| owner.class.datasets().iter().map(move |part| (owner, *part)));
    for (owner, dataset) in parts {
        let name = match owner.class.datasets().len() {
            1 => owner.name.clone(),
            _ => format!("{}-{dataset}", owner.name),
        };
        let mut exported =
            ExportedAsset { asset: name.clone(), has_left: owner.has_left(), point: None, error: None };
        let outcome = newest_good(setup, client, (owner, dataset), &found).and_then(|newest| {
            let Some((id, snapshot, is_good)) = newest else { return Ok(None) };
            // A point of several paths is exported whole, each at its own.
            let root = match &snapshot.paths[..] {
                [alone] => components(Path::new(alone)),
                _ => Vec::new(),
            };
            let folder = to.join(&name);
            let request = RestoreRequest {
                snapshot,
                root: &root,
                target: &folder,
                include: None,
                enter: None,
                overwrite,
                from: &found.catalog.mirrors,
            };
            let restored = found
                .repository
                .restore(&request, &index, &troubles, progress, &setup.cancel())
                .map_err(Error::from)?;
            let (point, time, folder_name) = (id.to_hex(), snapshot.time, name.clone());
            let mut files = manifest::list(&folder)?;
            let mut lacks = lacks_of(is_good, &restored);
            if overwrite {
                // A former export may have been of another point, and what this one does not know was left there.
                let mut own = BTreeSet::new();
                let mut see = |path: &[u8], node: &holdfast_format::Node| {
                    if node.metadata.kind == EntryKind::File {
                        own.insert(PathBuf::from(OsStr::from_bytes(path)));
                    }
                };
                let (mirrors, repository) = (&found.catalog.mirrors, &found.repository);
                let all = |_: &[u8]| true;
                let listed =
                    repository.list_files(snapshot, &root, &all, &index, mirrors, &troubles, &mut see);
                lacks.extend(match listed {
                    Ok(()) => manifest::leave_out_strangers(&mut files, &own),
                    Err(error) => {
                        Some(format!("which files in its folder are its own is not known: {error}"))
                    }
                });
            }
            let point = ExportedPoint { point, time, is_good, folder: folder_name, restored, files };
            Ok(Some((point, lacks)))
        });
        match outcome {
            Ok(Some((point, lacks))) => {
                if !lacks.is_empty() {
                    exported.error = Some(lacks.join("; "));
                    report.ending = report.ending.and(Ending::Attention);
                }
                exported.point = Some(point);
            }
            Ok(None) => {
                exported.error = Some("it has no point".to_owned());
                report.ending = report.ending.and(Ending::Attention);
            }
            Err(error) => {
                report.ending = report.ending.and(error.ending);
                exported.error = Some(error.message);
            }
        }
        report.assets.push(exported);
        if report.ending == Ending::Interrupted {
            break;
        }
    }
    if report.assets.is_empty() {
        return Err(Error::not_done(format!(
            "{client} has no asset and no point that a run of ours recorded"
        ))
        .hint(format!("`holdfast restic {client} -- snapshots` shows what lies there")));
    }
    report.troubles = troubles.list();
    report.ending = report.ending.and(ending_of(&troubles));
    report.manifests = manifest::write(&report)?;
    Ok(report)
}

/// What is wrong with a point that was exported.
fn lacks_of(is_good: bool, restored: &Restored) -> Vec<String> {
    let mut lacks = Vec::new();
    if !is_good {
        lacks.push("no point of it is known to be whole; this is the newest".to_owned());
    }
    match restored.failures {
        0 => {}
        1 => lacks.push("1 of its entries, or something about it, could not be restored".to_owned()),
        n => lacks.push(format!("{n} of its entries, or something about them, could not be restored")),
    }
    lacks
}

/// The newest of somebody's points that is known to be whole, or without any such the newest; only what a run of ours
/// recorded, where anything is.
fn newest_good<'a>(
    setup: &Setup,
    repository: &str,
    (owner, dataset): (&Owner<'_>, Dataset),
    found: &'a Found,
) -> Result<Option<(Id, &'a Snapshot, bool)>> {
    let recorded = journal::points_of(setup, &owner.name)?;
    let is_own = |(id, snapshot): &&(Id, Snapshot)| {
        let of = || part::dataset_of(owner.class, recorded.get(&id.to_hex()), Some(snapshot));
        owner.owns(snapshot) && !backup::is_before_restore(snapshot) && of() == dataset
    };
    let own = || found.snapshots.iter().filter(is_own);
    let mut candidates: Vec<&(Id, Snapshot)> =
        own().filter(|(id, _)| recorded.contains_key(&id.to_hex())).collect();
    if candidates.is_empty() {
        candidates = own().collect();
    }
    let goodness = Goodness::of(setup, repository, &found.catalog, &candidates)?;
    let good = candidates.iter().rev().find(|(id, _)| goodness.is_good(id));
    let chosen = good.or(candidates.last()).copied();
    Ok(chosen.map(|(id, snapshot)| (*id, snapshot, good.is_some())))
}

#[cfg(test)]
mod tests;
