//! From a point to something that lives, and to its end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use holdfast_asset::database::load::DumpFiles;
use holdfast_asset::database::{FOLDER, MANIFEST_NAME, Manifest};
use holdfast_asset::stage::website::{self, Dump, Proven, Website};
use holdfast_asset::stage::{Programs, Root, Settings, Stage, StageError, StageErrorKind};
use holdfast_asset::{Outcome, Proof};
use holdfast_format::{Id, Snapshot};
use holdfast_ledger::PickDestroyed;
use holdfast_model::Dataset;
use holdfast_model::estate::Asset;
use holdfast_model::restore_test::Exercised;
use holdfast_repo::{Cancel, ErrorKind, Index, Progress, RestoreRequest, Restored, TroubleKind, Troubles};
use jiff::Timestamp;

use super::carry_out::{Seen, question};
use super::whmcs;
use crate::part;
use crate::points::Found;
use crate::restore::database::databases_of;
use crate::restore::point_files::PointFiles;
use crate::setup::Setup;

/// The folder in a staging that a point is restored into.
const RESTORED: &str = "restored";

/// The points that make up one target.
pub(super) struct Parts {
    files: Snapshot,
    database: Option<Snapshot>,
    /// Those that go with the drawn one.
    pub(super) beside: Vec<Id>,
}

impl Parts {
    /// The point of the files.
    pub(super) fn files(&self) -> &Snapshot {
        &self.files
    }

    /// The point that was drawn.
    pub(super) fn drawn(&self) -> &Snapshot {
        self.database.as_ref().unwrap_or(&self.files)
    }
}

/// The drawn point with those of other parts that go with it: of WHMCS the files that were there when the database was, or else the
/// first after.
pub(super) fn parts(
    exercised: Exercised,
    asset: &Asset,
    found: &Found,
    point: &str,
) -> Result<Parts, String> {
    let drawn = found.snapshots.iter().find(|(id, _)| id.to_hex() == point);
    let Some((_, drawn)) = drawn else { return Err("the point is not there any more".to_owned()) };
    if exercised == Exercised::Websites {
        return Ok(Parts { files: drawn.clone(), database: None, beside: Vec::new() });
    }
    let is_files =
        |snapshot: &Snapshot| part::dataset_of(asset.class(), None, Some(snapshot)) == Dataset::Files;
    let mut files: Vec<&(Id, Snapshot)> =
        found.snapshots.iter().filter(|(_, snapshot)| is_files(snapshot)).collect();
    files.sort_by_key(|(_, snapshot)| snapshot.time);
    let before = files.iter().rev().find(|(_, snapshot)| snapshot.time <= drawn.time);
    let Some((id, snapshot)) = before.or(files.first()) else {
        return Err("no point of its files lies there: a database without them is half a WHMCS".to_owned());
    };
    Ok(Parts { files: snapshot.clone(), database: Some(drawn.clone()), beside: vec![*id] })
}

/// What it takes.
pub(super) struct Work<'w> {
    pub(super) setup: &'w Setup,
    pub(super) exercised: Exercised,
    pub(super) asset: &'w Asset,
    pub(super) found: &'w Found,
    pub(super) parts: &'w Parts,
    /// The test's id, by which a staging that is left is known again.
    pub(super) name: &'w str,
    pub(super) destroy_by: Timestamp,
    pub(super) stop: &'w Arc<AtomicBool>,
    pub(super) troubles: &'w Troubles,
}

/// What came of it, beside what was seen.
#[derive(Default)]
pub(super) struct Brought {
    pub(super) picture: Option<Vec<u8>>,
    pub(super) is_timed_out: bool,
    /// The question that could not be asked, and all after it, and why.
    pub(super) broke_off: Option<(&'static str, String)>,
    pub(super) gone: Option<PickDestroyed>,
}

/// Why questions could not be asked.
pub(super) struct Broken {
    pub(super) kind: StageErrorKind,
    pub(super) why: String,
}

impl From<StageError> for Broken {
    fn from(error: StageError) -> Broken {
        Broken { kind: error.kind, why: error.message }
    }
}

/// Restores, asks, destroys. Whatever goes wrong on the way, what was restored is destroyed.
pub(super) fn bring_up(work: &Work<'_>, root: &Root, seen: &mut Seen) -> Brought {
    let mut brought = Brought::default();
    let opened = Programs::find(&work.setup.world.environment)
        .and_then(|programs| root.open(work.name, work.destroy_by, &Settings::new(programs)));
    let mut stage = match opened {
        Ok(stage) => stage,
        Err(error) => {
            brought.broke_off = Some((question::STAGING, error.to_string()));
            // There was none, so nothing of it is left.
            brought.gone = Some(gone(work.name, Ok((0, 0))));
            return brought;
        }
    };
    let index = work.found.repository.load_index(&work.found.catalog, work.troubles).index;
    let target = stage.files().join(RESTORED);
    match restore(work, &index, &target, seen) {
        Err(broke_off) => brought.broke_off = Some(broke_off),
        Ok(()) => match ask(work, &index, &target, &mut stage) {
            Err(error) => {
                brought.is_timed_out = error.kind == StageErrorKind::TimedOut;
                brought.broke_off = Some((question::STAGING, error.why));
            }
            Ok(proven) => {
                seen.proofs.extend(proven.proofs);
                (seen.outbound_attempts, seen.outbound_names) =
                    (proven.outbound.attempts + proven.outbound.questions, proven.outbound.names);
                seen.mails = proven.mails.len() as u64;
                (brought.picture, brought.is_timed_out) = (proven.picture, proven.is_timed_out);
            }
        },
    }
    let destroyed = stage.destroy().map(|gone| (gone.files, gone.bytes));
    brought.gone = Some(gone(work.name, destroyed));
    brought
}

fn gone(pick: &str, destroyed: Result<(u64, u64), StageError>) -> PickDestroyed {
    let pick = pick.to_owned();
    match destroyed {
        Ok((files, bytes)) => PickDestroyed { pick, files, bytes, failure: None },
        Err(error) => PickDestroyed { pick, files: 0, bytes: 0, failure: Some(error.to_string()) },
    }
}

/// Restores the files, and reads them again from where they lie now.
fn restore(
    work: &Work<'_>,
    index: &Index,
    target: &Path,
    seen: &mut Seen,
) -> Result<(), (&'static str, String)> {
    let clock = &work.setup.world.clock;
    let begun = clock.monotonic();
    let (first, total) = pass(work, index, target, false)?;
    let damage = work.troubles.count(TroubleKind::Damage);
    let from = seen.location.clone().unwrap_or_default();
    let told = format!("{} files, {} bytes from {from}", first.files, first.bytes);
    let (outcome, told) = match damage {
        0 => (Outcome::Held, told),
        _ => (Outcome::Failed, format!("{told}; damage was met {damage} times")),
    };
    let took = clock.monotonic() - begun;
    seen.proofs.push(Proof { what: question::RESTORED.to_owned(), outcome, seen: told, took });
    seen.restored = Some(first);
    let begun = clock.monotonic();
    // Each file is read where it lies, piece by piece, and what differs from the point is counted.
    let (second, _) = pass(work, index, target, true)?;
    let is_same = second.files == 0 && second.unchanged_files == total;
    let told = match is_same {
        true => format!("all {total} files are what the point says, byte by byte"),
        false => format!("{} of {total} files are what the point says", second.unchanged_files),
    };
    let outcome = if is_same { Outcome::Held } else { Outcome::Failed };
    let took = clock.monotonic() - begun;
    seen.proofs.push(Proof { what: question::FILES.to_owned(), outcome, seen: told, took });
    Ok(())
}

/// One pass over the files; returns how many there are.
fn pass(
    work: &Work<'_>,
    index: &Index,
    target: &Path,
    overwrite: bool,
) -> Result<(Restored, u64), (&'static str, String)> {
    // Dumps go from the point into the server, and touch no disk.
    let is_dump = |path: &[u8]| path == FOLDER || path.starts_with(&[FOLDER, b"/"].concat());
    let has_dumps = !databases_of(&work.parts.files).is_empty();
    let include = |path: &[u8], _: bool| !is_dump(path);
    let enter = |path: &[u8]| !is_dump(path);
    let request = RestoreRequest {
        snapshot: &work.parts.files,
        root: &[],
        target,
        include: has_dumps.then_some(&include as _),
        enter: has_dumps.then_some(&enter as _),
        overwrite,
        from: &work.found.catalog.mirrors,
    };
    let progress = Progress::default();
    let cancel = Cancel::from_flag(Arc::clone(work.stop));
    let restored = work
        .found
        .repository
        .restore(&request, index, work.troubles, &progress, &cancel)
        .map_err(|error| (question_of(&error), error.to_string()))?;
    Ok((restored, progress.files_total.get()))
}

/// Which question stays without an answer when a restore ends early. That there is no room, or no way to the location, is not the
/// point's fault.
fn question_of(error: &holdfast_repo::Error) -> &'static str {
    match error.kind {
        ErrorKind::Full | ErrorKind::Local => question::STAGING,
        ErrorKind::Unreachable | ErrorKind::Cancelled => question::FOUND,
        _ => question::RESTORED,
    }
}

/// Starts what was restored, and asks it.
fn ask(work: &Work<'_>, index: &Index, target: &Path, stage: &mut Stage) -> Result<Proven, Broken> {
    let files = &work.parts.files;
    let mut paths = files.paths.iter().filter(|path| !is_of_dumps(path)).map(PathBuf::from);
    let path = paths.next().unwrap_or_else(|| PathBuf::from("/"));
    for also in paths.filter(|also| !also.starts_with(&path)) {
        let lies = below(target, &also);
        // A single file is seen where its folder is not; what has to be there the questions tell.
        if lies.is_dir() {
            stage.show(&lies, &also)?;
        }
    }
    let settings = &work.asset.restore_test;
    let site = Website {
        documents: settings.documents.clone(),
        address: settings.address.clone(),
        asked: settings.asked.clone().unwrap_or_else(|| page(work.exercised, &below(target, &path))),
        marker: settings.marker.clone(),
        must_be_quiet: settings.must_be_quiet || work.exercised == Exercised::Whmcs,
        is_pictured: !settings.is_unpictured,
        probe: (!settings.probe.is_empty()).then(|| settings.probe.clone()),
        ..Website::new(below(target, &path), path)
    };
    let dumped = work.parts.database.as_ref().unwrap_or(files);
    let folders: Vec<Vec<Vec<u8>>> =
        databases_of(dumped).into_iter().map(|name| vec![FOLDER.to_vec(), name.into_bytes()]).collect();
    let point_files: Vec<PointFiles<'_>> = folders
        .iter()
        .map(|folder| PointFiles {
            repository: &work.found.repository,
            catalog: &work.found.catalog,
            index,
            snapshot: dumped,
            folder,
            troubles: work.troubles,
        })
        .collect();
    let (mut dumps, mut manifests) = (Vec::new(), Vec::new());
    let mut unread = Vec::new();
    for (files, folder) in point_files.iter().zip(&folders) {
        match manifest_of(files) {
            Ok(manifest) => {
                dumps.push(Dump { database: manifest.database.clone(), files });
                manifests.push(manifest);
            }
            Err(why) => {
                let name = String::from_utf8_lossy(&folder[1]).into_owned();
                unread.push(Proof {
                    what: "loads".to_owned(),
                    outcome: Outcome::Failed,
                    seen: format!("the dump {name} does not say what it is of: {why}"),
                    took: Duration::ZERO,
                });
            }
        }
    }
    let mut proven = match work.exercised {
        Exercised::Websites => website::prove(stage, &site, &dumps, Some(Arc::clone(work.stop)))?,
        Exercised::Whmcs => whmcs::prove(work, stage, &site, &dumps, (target, manifests.first()))?,
    };
    proven.proofs.splice(0..0, unread);
    Ok(proven)
}

/// What is asked for where nobody says: of WHMCS the door of its administrators, which nothing but its database opens.
fn page(exercised: Exercised, folder: &Path) -> String {
    let front = || "/".to_owned();
    if exercised == Exercised::Websites {
        return front();
    }
    let installed = holdfast_asset::whmcs::installed(folder).ok().and_then(Result::ok);
    installed.map_or_else(front, |installed| {
        let named = installed.settings.admin_folder.as_ref().and_then(|named| named.known());
        format!("/{}/login.php", named.map_or("admin", String::as_str).trim_matches('/'))
    })
}

fn is_of_dumps(path: &str) -> bool {
    path.strip_prefix('/')
        .and_then(|path| path.strip_prefix(std::str::from_utf8(FOLDER).unwrap_or_default()))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// An absolute path below a folder.
fn below(folder: &Path, path: &Path) -> PathBuf {
    folder.join(path.strip_prefix("/").unwrap_or(path))
}

/// What a dump says of itself.
fn manifest_of(files: &dyn DumpFiles) -> std::io::Result<Manifest> {
    Ok(serde_json::from_reader(files.open(MANIFEST_NAME)?)?)
}
