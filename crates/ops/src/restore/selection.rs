//! Which entries of a point are wanted, and whether there are any.
//!
//! Most who restore a part name it, and a point may hold millions of entries. So from every pattern the folders that it
//! begins with are kept by their names, and nothing beside them is read.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use holdfast_format::{Node, Snapshot};
use holdfast_repo::{Enter, Index, Troubles};

use crate::error::{Error, Result};
use crate::points::Found;

/// What the patterns of a command line select.
pub(super) struct Selection {
    globs: GlobSet,
    /// Of each pattern the components before the first one that could match more than one name.
    beginnings: Vec<Vec<Vec<u8>>>,
}

impl Selection {
    pub(super) fn new(patterns: &[String]) -> Result<Selection> {
        let mut set = GlobSetBuilder::new();
        let mut beginnings = Vec::new();
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
            beginnings.push(beginning(&text));
        }
        let globs = set.build().map_err(|e| Error::usage(format!("--include: {e}")))?;
        Ok(Selection { globs, beginnings })
    }

    /// Whether an entry is selected, by its path below the root; what lies in a selected folder is.
    pub(super) fn holds(&self, path: &[u8]) -> bool {
        let ancestors = as_path(path).ancestors().filter(|ancestor| !ancestor.as_os_str().is_empty());
        ancestors.into_iter().any(|ancestor| self.globs.is_match(ancestor))
    }

    /// Whether something in a folder may be selected: false only where no pattern can lead there.
    pub(super) fn may_hold_below(&self, folder: &[u8]) -> bool {
        let leads_there = |beginning: &Vec<Vec<u8>>| {
            folder.split(|b| *b == b'/').zip(beginning).all(|(name, own)| name == own)
        };
        self.beginnings.iter().any(leads_there)
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
        let any = AtomicBool::new(false);
        let mut top = Vec::new();
        let mut see = |path: &[u8], _: &Node| {
            any.fetch_or(selection.holds(path), Ordering::Relaxed);
            if !path.contains(&b'/') {
                top.push(String::from_utf8_lossy(path).escape_debug().to_string());
            }
        };
        // One match is enough: the restore itself reads the rest.
        let enter = |path: &[u8]| !any.load(Ordering::Relaxed) && selection.may_hold_below(path);
        let is_whole = self.walk(&enter, &mut see);
        if any.into_inner() || !is_whole {
            return Ok(());
        }
        let more = if top.len() > SHOWN { ", ..." } else { "" };
        top.truncate(SHOWN);
        Err(Error::usage("--include matches nothing in the point; nothing was written").hint(format!(
            "the point holds {}{more}; `holdfast ls {asset} --recursive` lists everything",
            top.join(", ")
        )))
    }

    fn walk(&self, enter: Enter<'_>, see: &mut dyn FnMut(&[u8], &Node)) -> bool {
        let (repository, mirrors) = (&self.found.repository, &self.found.catalog.mirrors);
        let quiet = Troubles::default();
        let listed = repository.list_files(self.snapshot, self.root, enter, self.index, mirrors, &quiet, see);
        listed.is_ok()
    }
}

/// The components of a pattern before the first one with anything special in it.
fn beginning(pattern: &str) -> Vec<Vec<u8>> {
    let components =
        pattern.split('/').take_while(|component| !component.contains(['*', '?', '[', '{', '\\']));
    components.map(|component| component.as_bytes().to_vec()).collect()
}

fn as_path(path: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(path))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn nothing_beside_the_way_to_a_pattern_is_entered_and_nothing_on_it_is_passed_by() {
        let entered = |pattern: &str, folder: &str| {
            Selection::new(&[pattern.to_owned()]).unwrap().may_hold_below(folder.as_bytes())
        };
        for (pattern, on, beside) in [
            (
                "a/b/c.txt",
                &["a", "a/b", "a/b/c.txt", "a/b/c.txt/d"][..],
                &["b", "ab", "a/c", "a/bb", "a/c/b"][..],
            ),
            ("/a", &["a", "a/b"], &["b", "b/a"]),
            ("a/*/c", &["a", "a/b", "a/x", "a/x/c"], &["b", "c"]),
            ("a/{b,c}/d", &["a", "a/b", "a/c/d"], &["b"]),
            ("a/[b]/d", &["a", "a/b"], &["b"]),
            (r"a/\[b/d", &["a", "a/[b"], &["b"]),
            ("*.php", &["a", "a/b"], &[]),
            ("name", &["a", "a/b", "name"], &[]),
            ("**/x/y", &["a", "x"], &[]),
        ] {
            on.iter().for_each(|folder| assert!(entered(pattern, folder), "{pattern} {folder}"));
            beside.iter().for_each(|folder| assert!(!entered(pattern, folder), "{pattern} {folder}"));
        }
    }

    /// Whatever is selected can be reached: no folder above it is passed by.
    #[test]
    fn every_folder_above_what_is_selected_is_entered() {
        let paths = ["a", "a/b", "a/b/c", "x/a/b/c", "a/[b/c", "a/b{/c", "ä/b", "a/b/c/d/e"];
        let patterns =
            ["a", "/a", "a/b", "a/b/", "a/**", "**/c", "a/?/c", "a/b{,c}/**", r"a/\[b", "ä/*", "{a,x}/**/c"];
        let mut selected = 0;
        for pattern in patterns {
            let selection = Selection::new(&[pattern.to_owned()]).unwrap();
            for path in paths.iter().filter(|path| selection.holds(path.as_bytes())) {
                selected += 1;
                let above = Path::new(path).ancestors().skip(1).filter(|a| !a.as_os_str().is_empty());
                for folder in above {
                    let folder = folder.to_str().unwrap();
                    assert!(selection.may_hold_below(folder.as_bytes()), "{pattern}: {folder} above {path}");
                }
            }
        }
        assert!(selected > 30, "{selected}");
    }
}
