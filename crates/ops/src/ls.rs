//! What is inside a point.

use std::path::Path;

use holdfast_format::source::EntryKind;
use holdfast_ledger::{ActionKind, NewAction};
use holdfast_model::Dataset;
use holdfast_model::estate::repository_name;
use holdfast_repo::{Trouble, Troubles};
use jiff::Timestamp;
use serde::Serialize;

use crate::action;
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::part;
use crate::points::{Which, find, pick, root_in};
use crate::restore::{components, ending_of};
use crate::setup::Setup;

/// One entry of a point.
#[derive(Clone, Debug, Serialize)]
pub struct ListedEntry {
    /// Path below the asset's root; bytes that are no UTF-8 are shown as U+FFFD.
    pub path: String,
    /// `file`, `dir`, `symlink`, ...
    pub kind: &'static str,
    /// Permissions, the low twelve bits.
    pub permissions: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Size in bytes, for files.
    pub size: u64,
    /// Last change.
    pub mtime: Option<Timestamp>,
    /// Where a symlink leads.
    pub target: Option<String>,
    /// What was wrong with the entry when it was archived.
    pub mark: Option<String>,
}

/// How a listing ended.
#[derive(Clone, Debug, Serialize)]
pub struct LsReport {
    /// What went wrong on the way.
    pub troubles: Vec<Trouble>,
    /// Damage when some was met, even where another location had the same whole.
    pub ending: Ending,
}

/// Lists a point of an asset: the folder `path` below its root, or everything below it. The log has it first.
pub fn ls(
    setup: &Setup,
    (asset_name, dataset): (&str, Option<Dataset>),
    which: &Which,
    path: Option<&str>,
    recursive: bool,
    purpose: Option<&str>,
    see: &mut dyn FnMut(ListedEntry),
) -> Result<LsReport> {
    let troubles = Troubles::default();
    let asset = setup.asset(asset_name)?;
    let dataset = match (which, dataset) {
        (Which::Id(_), None) => None,
        (_, named) => Some(part::meant(asset, named)?),
    };
    let found = find(setup, (asset_name, dataset), None, &troubles)?;
    let (id, snapshot) = pick(setup, asset_name, &found, which, &troubles)?;
    let entry = action::begin(
        setup,
        NewAction {
            asset: Some(asset_name.to_owned()),
            repository: Some(repository_name(setup.asset(asset_name)?).to_string()),
            point: Some(id.to_hex()),
            paths: path.map(str::to_owned).into_iter().collect(),
            ..action::by_us(setup, ActionKind::Ls, purpose)
        },
    )?;
    let index = found.repository.load_index(&found.catalog, &troubles).index;
    let mut below = components(&root_in(asset, snapshot));
    below.extend(components(&Path::new("/").join(path.unwrap_or_default().trim_start_matches('/'))));
    let mut visit = |path: &[u8], node: &holdfast_format::Node| {
        let metadata = &node.metadata;
        see(ListedEntry {
            path: String::from_utf8_lossy(path).into_owned(),
            kind: kind(metadata.kind),
            permissions: metadata.permissions,
            uid: metadata.uid,
            gid: metadata.gid,
            size: metadata.size,
            mtime: Timestamp::new(metadata.mtime.seconds, metadata.mtime.nanoseconds.cast_signed()).ok(),
            target: node.link_target.as_ref().map(|t| String::from_utf8_lossy(t).into_owned()),
            mark: node.error.clone(),
        });
    };
    let mirrors = &found.catalog.mirrors;
    let listed = found
        .repository
        .list_files(snapshot, &below, &|_: &[u8]| recursive, &index, mirrors, &troubles, &mut visit)
        .map_err(Error::from);
    entry.end_with(listed, |_| ending_of(&troubles))?;
    Ok(LsReport { troubles: troubles.list(), ending: ending_of(&troubles) })
}

fn kind(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::File => "file",
        EntryKind::Directory => "dir",
        EntryKind::Symlink => "symlink",
        EntryKind::BlockDevice => "block device",
        EntryKind::CharDevice => "character device",
        EntryKind::Fifo => "fifo",
        EntryKind::Socket => "socket",
    }
}
