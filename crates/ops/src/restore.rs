//! Restores an asset, or a part of it.

use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use holdfast_repo::{Progress, RestoreRequest, Restored, Trouble, TroubleKind, Troubles};
use jiff::Timestamp;
use serde::Serialize;

use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::points::{Which, find, pick, root_of};
use crate::setup::Setup;

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
    let restored = found.repository.restore(&request, &index, &troubles, progress, &setup.cancel())?;
    let met_damage = troubles.count(TroubleKind::Damage) > 0;
    let is_incomplete = troubles.count(TroubleKind::Target) > 0;
    let ending = match (met_damage, is_incomplete) {
        (true, _) => Ending::Damage,
        (false, true) => Ending::Attention,
        (false, false) => Ending::Done,
    };
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
