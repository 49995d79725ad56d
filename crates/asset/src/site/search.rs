//! Through the folders of a website, level by level, no further than was asked.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use holdfast_format::source::{Source, SourceError};
use rustix::io::Errno;

use super::applications::{self, PASSED_OVER, own_folders};
use super::folder::OpenFolder;
use super::visit::Visit;
use super::{Found, Kind, Search, Trouble};
use crate::{FilesSource, Rules};

/// Which applications lie in a website's folder and which databases they need. Nothing is run, no symlink is followed, and
/// no server is asked.
///
/// # Errors
/// When the root is not absolute, not there, no folder, or a symlink.
pub fn detect(root: &Path, search: &Search) -> Result<Found, SourceError> {
    // The same root as a backup's, looked at in the same way.
    FilesSource::new(root, Rules::none())?.root()?;
    let mut found = Found::default();
    let mut looked_at = 0_usize;
    let mut level = vec![PathBuf::new()];
    for depth in 0..=search.depth_max {
        let mut next = Vec::new();
        for path in level {
            if looked_at >= search.folders_max {
                let reason = format!("more than {} folders: the rest was not looked at", search.folders_max);
                found.limits.push(trouble(&path, reason));
                return Ok(found);
            }
            looked_at += 1;
            match look_at(root, &path, search, &mut found) {
                Ok(below) if depth < search.depth_max => next.extend(below),
                Ok(_) => {}
                // Gone, or replaced by a symlink, since it was listed.
                Err(Errno::NOENT) if depth > 0 => {}
                Err(error) => {
                    let reason = format!("the folder cannot be looked at: {}", std::io::Error::from(error));
                    found.troubles.push(trouble(&path, reason));
                }
            }
        }
        level = next;
    }
    Ok(found)
}

/// Looks at one folder; the folders in it that may hold more applications.
fn look_at(root: &Path, path: &Path, search: &Search, found: &mut Found) -> Result<Vec<PathBuf>, Errno> {
    // From the root each time: a level of open folders could be more than a process may have.
    let mut folder = OpenFolder::root(root)?;
    for name in path {
        folder = folder.child(name)?;
    }
    let mut visit = Visit { folder: &folder, root, search, troubles: &mut found.troubles };
    let applications = applications::in_folder(&mut visit);
    let kinds: Vec<Kind> = applications.iter().map(|application| application.kind).collect();
    found.applications.extend(applications);
    let folders = folder.folders(search.entries_max)?;
    if folders.is_cut_short {
        let reason =
            format!("more than {} entries: not all folders in it were looked at", search.entries_max);
        found.limits.push(trouble(path, reason));
    }
    let is_passed_over = |name: &OsStr| {
        let own = kinds.iter().flat_map(|kind| own_folders(*kind));
        PASSED_OVER.iter().chain(own).any(|passed_over| name == *passed_over)
    };
    let below = folders.names.iter().filter(|name| !is_passed_over(name));
    Ok(below.map(|name| path.join(name)).collect())
}

fn trouble(path: &Path, reason: String) -> Trouble {
    Trouble { file: path.to_owned(), line: None, setting: None, reason }
}
