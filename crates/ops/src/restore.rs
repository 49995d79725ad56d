//! Restores an asset, or a part of it.

use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use holdfast_format::source::EntryKind;
use holdfast_format::{Node, Snapshot};
use holdfast_model::estate::Asset;
use holdfast_repo::{
    self as repo, ErrorKind, Index, Progress, RestoreRequest, Restored, Trouble, TroubleKind, Troubles,
};
use jiff::Timestamp;
use serde::Serialize;

use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::points::{Found, Which, find, pick, root_of};
use crate::setup::Setup;
use crate::validate::resolved;

/// What to restore, and where to.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The asset.
    pub asset: String,
    /// The folder.
    pub to: PathBuf,
    /// The point.
    pub which: Which,
    /// Only from this location.
    pub location: Option<String>,
    /// Only what matches one of these.
    pub include: Vec<String>,
    /// Into a folder that is not empty.
    pub overwrite: bool,
}

/// What a restore did.
#[derive(Debug, Serialize)]
pub struct RestoreReport {
    /// The asset.
    pub asset: String,
    /// The point.
    pub point: String,
    /// The instant that it stands for.
    pub time: Timestamp,
    /// Where it was restored to.
    pub to: PathBuf,
    /// What was written.
    pub restored: Restored,
    /// Seconds it took.
    pub seconds: f64,
    /// What went wrong on the way.
    pub troubles: Vec<Trouble>,
    /// How it ended.
    pub ending: Ending,
}

/// Restores.
pub fn restore(setup: &Setup, wish: &Wish, progress: &Progress) -> Result<RestoreReport> {
    let troubles = Troubles::default();
    let start = setup.world.clock.monotonic();
    let asset = setup.asset(&wish.asset)?;
    check_target(setup, &wish.to)?;
    let globs = globs(&wish.include)?;
    let select =
        |path: &[u8], _is_directory: bool| globs.is_match(as_path(path)) || has_matching_parent(&globs, path);
    let found = find(setup, &wish.asset, wish.location.as_deref(), &troubles)?;
    let (id, snapshot) = pick(&wish.asset, &found.snapshots, &wish.which)?;
    let index = found.repository.load_index(&found.catalog, &troubles).index;
    let root = components(root_of(asset).unwrap_or(Path::new("/")));
    let request = RestoreRequest {
        snapshot,
        root: &root,
        target: &wish.to,
        include: (!wish.include.is_empty()).then_some(&select as _),
        overwrite: wish.overwrite,
        from: &found.catalog.mirrors,
    };
    if !wish.include.is_empty() {
        let look = Look { found: &found, snapshot, index: &index, root: &root };
        look.require_match(&wish.asset, &select)?;
    }
    let restored = found
        .repository
        .restore(&request, &index, &troubles, progress, &setup.cancel())
        .map_err(|error| unfinished(error, wish))?;
    let ending = ending_of(&troubles);
    Ok(RestoreReport {
        asset: wish.asset.clone(),
        point: id.to_hex(),
        time: snapshot.time,
        to: wish.to.clone(),
        restored,
        seconds: (setup.world.clock.monotonic() - start).as_secs_f64(),
        troubles: troubles.list(),
        ending,
    })
}

/// Restores every asset, each into a folder of its name below `wish.to`, in the order in which the policy wants its classes
/// back. Goes on after an asset that cannot be restored.
pub fn restore_all(
    setup: &Setup,
    wish: &Wish,
    see: &mut dyn FnMut(&str, &dyn Fn(&Progress) -> Result<RestoreReport>),
) {
    for name in recovery_order(setup) {
        let own = Wish { asset: name.clone(), to: wish.to.join(&name), ..wish.clone() };
        see(&name, &|progress| {
            restore(setup, &own, progress).map_err(|error| match error.ending {
                // Not the command line is wrong, but this asset was never backed up.
                Ending::Usage => Error { ending: Ending::NotDone, ..error },
                _ => error,
            })
        });
    }
}

/// All assets: by class in the policy's order, classes that it does not name last, within a class by name.
fn recovery_order(setup: &Setup) -> Vec<String> {
    let order = setup.policy.recovery.order.as_ref().map_or(&[][..], |rule| &rule.value);
    let rank = |asset: &Asset| order.iter().position(|class| *class == asset.class()).unwrap_or(order.len());
    let mut assets: Vec<&Asset> = setup.estate.assets.values().collect();
    assets.sort_by_key(|asset| (rank(asset), asset.name.clone()));
    assets.into_iter().map(|asset| asset.name.to_string()).collect()
}

/// How a restore or a listing ended, by its trouble: damage that was met, even where another location had it whole;
/// something that could not be written.
pub(crate) fn ending_of(troubles: &Troubles) -> Ending {
    let met = |kind| troubles.count(kind) > 0;
    match (met(TroubleKind::Damage), met(TroubleKind::Target)) {
        (true, _) => Ending::Damage,
        (false, true) => Ending::Attention,
        (false, false) => Ending::Done,
    }
}

/// What broke off half-way can be continued.
fn unfinished(error: repo::Error, wish: &Wish) -> Error {
    let is_resumable = matches!(error.kind, ErrorKind::Cancelled | ErrorKind::Unreachable | ErrorKind::Full);
    let error = Error::from(error);
    if !is_resumable || !wish.to.exists() {
        return error;
    }
    let hint =
        "run the same command again with --overwrite: it goes on and writes only what is not there yet";
    Error { hint: Some(hint.to_owned()), ..error }
}

/// What to look for in a point.
struct Look<'a> {
    found: &'a Found,
    snapshot: &'a Snapshot,
    index: &'a Index,
    root: &'a [Vec<u8>],
}

impl Look<'_> {
    /// An error that shows what there is, when nothing of the point is selected: an empty folder that was "restored" would
    /// look like a lost site. Damage met here is left for the restore itself to tell.
    fn require_match(&self, asset: &str, select: &dyn Fn(&[u8], bool) -> bool) -> Result<()> {
        const SHOWN: usize = 12;
        let mut top = Vec::new();
        let mut any = false;
        let mut see = |path: &[u8], node: &Node| {
            any |= select(path, node.metadata.kind == EntryKind::Directory);
            top.push(String::from_utf8_lossy(path).escape_debug().to_string());
        };
        let is_whole = self.walk(false, &mut see);
        if any || !is_whole {
            return Ok(());
        }
        let mut see = |path: &[u8], node: &Node| {
            any |= select(path, node.metadata.kind == EntryKind::Directory);
        };
        if !self.walk(true, &mut see) || any {
            return Ok(());
        }
        let more = if top.len() > SHOWN { ", ..." } else { "" };
        top.truncate(SHOWN);
        Err(Error::usage("--include matches nothing in the point; nothing was written").hint(format!(
            "the point holds {}{more}; `holdfast ls {asset} --recursive` lists everything",
            top.join(", ")
        )))
    }

    fn walk(&self, recursive: bool, see: &mut dyn FnMut(&[u8], &Node)) -> bool {
        let (repository, mirrors) = (&self.found.repository, &self.found.catalog.mirrors);
        let quiet = Troubles::default();
        let listed =
            repository.list_files(self.snapshot, self.root, recursive, self.index, mirrors, &quiet, see);
        listed.is_ok()
    }
}

/// Refuses a target that lies where a restore would do harm: among the copies, or in what is backed up.
fn check_target(setup: &Setup, target: &Path) -> Result<()> {
    let target = resolved(&std::path::absolute(target).unwrap_or_else(|_| target.to_owned()));
    for (name, location) in &setup.estate.locations {
        let Some(place) = location.place.local_path().map(resolved) else { continue };
        if target.starts_with(&place) || place.starts_with(&target) {
            return Err(Error::usage(format!(
                "{} and the location {name} lie inside each other: a restore could write over copies",
                target.display()
            ))
            .hint("restore into a folder of its own"));
        }
    }
    for (name, asset) in &setup.estate.assets {
        if root_of(asset).map(resolved).is_some_and(|source| target.starts_with(source)) {
            return Err(Error::usage(format!(
                "{} lies in the source of {name}: it would be overwritten, or backed up as a part of it",
                target.display()
            ))
            .hint("restore beside it, look at it, and move it into its place"));
        }
    }
    Ok(())
}

/// The components of an absolute path.
pub fn components(path: &Path) -> Vec<Vec<u8>> {
    use std::os::unix::ffi::OsStrExt;
    path.components()
        .filter_map(|c| match c {
            std::path::Component::Normal(name) => Some(name.as_bytes().to_vec()),
            _ => None,
        })
        .collect()
}

fn globs(patterns: &[String]) -> Result<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let text = pattern.trim_start_matches('/').trim_end_matches('/');
        // A pattern without a slash matches a name anywhere, as in exclude rules.
        let text = if text.contains('/') || pattern.starts_with('/') {
            text.to_owned()
        } else {
            format!("**/{text}")
        };
        let glob = GlobBuilder::new(&text).literal_separator(true).build();
        set.add(glob.map_err(|e| Error::usage(format!("--include {pattern:?}: {}", e.kind())))?);
    }
    set.build().map_err(|e| Error::usage(format!("--include: {e}")))
}

/// What lies in a selected folder is selected.
fn has_matching_parent(globs: &GlobSet, path: &[u8]) -> bool {
    as_path(path).ancestors().skip(1).any(|parent| !parent.as_os_str().is_empty() && globs.is_match(parent))
}

fn as_path(path: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(path))
}
