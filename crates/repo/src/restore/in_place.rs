//! A point back into the folder that it was made of, while somebody may use that.
//!
//! Whoever has one broken file wants that one back, and everything else as it is. So what would be done is told first, and
//! then each file changes at once or not at all.

use std::sync::atomic::Ordering;

use rustix::io::Errno;
use serde::Serialize;

use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::index::Index;
use crate::monitor::Monitor;
use crate::progress::Progress;
use crate::repository::Repository;
use crate::restore::content::WORKERS_PER_THREAD;
use crate::restore::directories::Directories;
use crate::restore::files::state;
use crate::restore::reports::{Reports, show};
use crate::restore::{How, RestoreRequest, Restored, existing, walk};
use crate::tree_reader::TreeReader;

/// What a restore in place would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InPlacePlan {
    /// Files that are not there, by their paths below the target; of many, the first.
    pub new: Vec<String>,
    /// How many there are.
    pub new_count: u64,
    /// Files that are there and are not as in the point; of many, the first.
    pub replaced: Vec<String>,
    /// How many there are.
    pub replaced_count: u64,
    /// Files whose content is right; owner, mode and time are set where they are not.
    pub unchanged: u64,
    /// Symlinks, pipes, devices and further names of files.
    pub others: u64,
    /// Folders of the point in whose place something else is: nothing in them is restored.
    pub blocked: Vec<String>,
    /// Bytes that are written.
    pub bytes: u64,
}

/// A restore into the folder that a point was made of.
pub struct InPlace<'a> {
    /// The repository.
    pub repository: &'a Repository,
    /// Which point, which part of it, and the folder.
    pub request: RestoreRequest<'a>,
    /// The repository's index.
    pub index: &'a Index,
}

impl InPlace<'_> {
    /// Looks at point and folder, and changes nothing. So many files of each kind are named.
    ///
    /// # Errors
    /// When one of them cannot be read, or the folder is a symlink.
    pub fn plan(&self, monitor: &dyn Monitor, cancel: &Cancel, names_max: usize) -> Result<InPlacePlan> {
        let (repository, request) = (self.repository, &self.request);
        if request.from.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "no location to restore from was given"));
        }
        let _held = repository.lock_for_reading(request.from, monitor);
        let threads = repository.writer.threads.max(1);
        let reports = Reports::new(monitor);
        let trees = TreeReader::new(&repository.cipher, self.index, request.from, &reports);
        let plan = walk::plan(request, self.index, &trees, &reports, threads * WORKERS_PER_THREAD, cancel)?;
        let mut told =
            InPlacePlan { others: (plan.specials.len() + plan.links.len()) as u64, ..InPlacePlan::default() };
        match Directories::open_itself(request.target) {
            Ok(directories) => {
                existing::compare(&plan, &directories, self.index, threads, cancel)?;
                for (number, directory) in plan.directories.iter().enumerate().skip(1) {
                    let found = directory.is_needed.then(|| directories.get(&plan, number as u32));
                    if let Some(Err(Errno::NOTDIR | Errno::LOOP)) = found {
                        told.blocked.push(show(&plan.path(directory.parent, directory.name)));
                    }
                }
            }
            Err(Errno::NOENT) => {}
            Err(error) => return Err(Error::local("open the target", request.target, error.into())),
        }
        for file in &plan.files {
            let (names, count) = match file.state.load(Ordering::Relaxed) {
                state::UNCHANGED => {
                    told.unchanged += 1;
                    continue;
                }
                state::REPLACE => (&mut told.replaced, &mut told.replaced_count),
                _ => (&mut told.new, &mut told.new_count),
            };
            *count += 1;
            told.bytes += file.size;
            if names.len() < names_max {
                names.push(show(&plan.path(file.directory, file.name)));
            }
        }
        told.new.sort();
        told.replaced.sort();
        Ok(told)
    }

    /// Restores. Trouble with single entries is reported and counted; an error means that it ended early. Repeating it goes on
    /// where it ended.
    ///
    /// # Errors
    /// When it ended early.
    pub fn carry_out(&self, monitor: &dyn Monitor, progress: &Progress, cancel: &Cancel) -> Result<Restored> {
        self.repository.restore_how(&self.request, How::InPlace, self.index, monitor, progress, cancel)
    }
}
