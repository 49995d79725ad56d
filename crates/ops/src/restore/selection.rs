//! Which entries of a point are wanted, and whether there are any.

use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use holdfast_format::{Node, Snapshot};
use holdfast_repo::{Index, Troubles};

use crate::error::{Error, Result};
use crate::points::Found;

/// What the patterns of a command line select.
pub(super) struct Selection(GlobSet);

impl Selection {
    pub(super) fn new(patterns: &[String]) -> Result<Selection> {
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
        set.build().map(Selection).map_err(|e| Error::usage(format!("--include: {e}")))
    }

    /// Whether an entry is selected, by its path below the root; what lies in a selected folder is.
    pub(super) fn holds(&self, path: &[u8]) -> bool {
        let ancestors = as_path(path).ancestors().filter(|ancestor| !ancestor.as_os_str().is_empty());
        ancestors.into_iter().any(|ancestor| self.0.is_match(ancestor))
    }
}

/// What to look for in a point.
pub(super) struct Look<'a> {
    pub(super) found: &'a Found,
    pub(super) snapshot: &'a Snapshot,
    pub(super) index: &'a Index,
    pub(super) root: &'a [Vec<u8>],
}

impl Look<'_> {
    /// An error that shows what there is, when nothing of the point is selected: an empty folder that was "restored" would
    /// look like a lost site. Damage met here is left for the restore itself to tell.
    pub(super) fn require_match(&self, asset: &str, selection: &Selection) -> Result<()> {
        const SHOWN: usize = 12;
        let mut top = Vec::new();
        let mut any = false;
        let mut see = |path: &[u8], _: &Node| {
            any |= selection.holds(path);
            top.push(String::from_utf8_lossy(path).escape_debug().to_string());
        };
        let is_whole = self.walk(false, &mut see);
        if any || !is_whole {
            return Ok(());
        }
        let mut see = |path: &[u8], _: &Node| any |= selection.holds(path);
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

fn as_path(path: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(path))
}
