//! Restore: a point, or a part of it, back into a folder.
//!
//! What is restored is believed by people who have lost the original. So each blob is checked against its hash before a
//! byte of it is written, a file of which something is lost is left out and named, never left half written, and nothing
//! outside the target is ever touched, whatever a hostile repository or a planted symlink says.
//!
//! Two phases. The plan reads the trees and compares what is in the target already, and writes nothing, so that a lack
//! of space is found before. Then content is read in the order of the packs, each part of each pack once.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use holdfast_format::Snapshot;
use serde::Serialize;

use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::index::Index;
use crate::mirror::Mirror;
use crate::monitor::Monitor;
use crate::progress::Progress;
use crate::repository::Repository;
use crate::tree_reader::TreeReader;

mod attributes;
mod content;
mod copies;
mod directories;
mod existing;
mod files;
mod in_place;
mod plan;
mod reports;
mod schedule;
mod space;
mod sparse;
mod specials;
mod strangers;
mod walk;

use content::WORKERS_PER_THREAD;
use copies::Copies;
use directories::{Directories, check_target, state as directory_state};
use files::{Files, state as file_state};
pub use in_place::{InPlace, InPlacePlan};
use plan::Plan;
use reports::Reports;
use schedule::Schedule;

/// Tells whether an entry is selected, by its path relative to the target and whether it is a directory.
pub type Include<'a> = &'a (dyn Fn(&[u8], bool) -> bool + Sync);

/// Tells whether a directory may hold something that is wanted, by its path relative to where the walk began.
pub type Enter<'a> = &'a (dyn Fn(&[u8]) -> bool + Sync);

/// What to restore, and where to.
pub struct RestoreRequest<'a> {
    /// The point.
    pub snapshot: &'a Snapshot,
    /// Components of the path inside the snapshot whose content goes into the target itself; its own owner, mode, times
    /// and attributes go onto the target. Where it names no directory, that one entry goes into the target.
    pub root: &'a [Vec<u8>],
    /// The folder to restore into. It is made where it is missing.
    pub target: &'a Path,
    /// Whether an entry is selected, asked for every one with its path relative to the target and whether it is a
    /// directory. Directories above selected entries are made as needed; selecting a directory selects nothing in it.
    pub include: Option<Include<'a>>,
    /// Whether something below a directory may be selected, asked with its path relative to the target. One for which it
    /// says no is not even read, so that a single file of a large point costs the folders above it and no others.
    pub enter: Option<Enter<'a>>,
    /// Restore into a folder that holds something: what differs is replaced, what the point does not know is left.
    pub overwrite: bool,
    /// The locations to read from, the preferred one first.
    pub from: &'a [Arc<Mirror>],
}

/// What a restore did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// Files written.
    pub files: u64,
    /// Directories that are there now as the point has them.
    pub directories: u64,
    /// Symlinks, pipes, devices and further names of hard-linked files.
    pub others: u64,
    /// Bytes of the files written, holes included.
    pub bytes: u64,
    /// Files whose content was in the target already.
    pub unchanged_files: u64,
    /// Entries, or attributes of entries, that could not be restored. Each cause was reported.
    pub failures: u64,
    /// Packs, at one location each, that were found damaged or missing on the way, even if another had them whole.
    pub damaged_objects_met: u64,
}

/// What may become of what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Nothing is there.
    Fresh,
    /// It is replaced where it differs.
    Overwrite,
    /// The same while somebody uses it: each file is the old one or the whole new one, whatever happens, and nothing is
    /// restored through what is in the place of a directory.
    InPlace,
}

impl How {
    pub(crate) fn overwrites(self) -> bool {
        self != How::Fresh
    }
}

impl Repository {
    /// Restores a point. Trouble with single entries is reported and counted; an error means that the restore as a whole
    /// ended early. Repeating it with `overwrite` goes on where it ended.
    pub fn restore(
        &self,
        request: &RestoreRequest<'_>,
        index: &Index,
        monitor: &dyn Monitor,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Restored> {
        let how = if request.overwrite { How::Overwrite } else { How::Fresh };
        self.restore_how(request, how, index, monitor, progress, cancel)
    }

    pub(crate) fn restore_how(
        &self,
        request: &RestoreRequest<'_>,
        how: How,
        index: &Index,
        monitor: &dyn Monitor,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Restored> {
        if request.from.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "no location to restore from was given"));
        }
        let is_new = check_target(request.target, how.overwrites())?;
        let _held = self.lock_for_reading(request.from, monitor);
        let threads = self.writer.threads.max(1);
        let workers = threads * WORKERS_PER_THREAD;
        let reports = Reports::new(monitor);
        let trees = TreeReader::new(&self.cipher, index, request.from, &reports);
        let mut plan = walk::plan(request, index, &trees, &reports, workers, cancel)?;
        drop(trees);
        progress.files_total.set(plan.files.len() as u64);
        progress.bytes_total.set(plan.files.iter().map(|f| f.size).sum());

        if how.overwrites() && !is_new {
            let directories = open(request.target, how)?;
            existing::compare(&plan, &directories, index, threads, cancel)?;
        }
        let (schedule, mut need) = Schedule::new(&plan, index, workers)?;
        if !how.overwrites() || is_new {
            let directories = plan.directories.iter().filter(|d| d.is_needed).count();
            need.inodes += (directories + plan.specials.len()) as u64;
        }
        space::check(request.target, need)?;

        let directories = prepare(request, how, &plan, is_new)?;
        let overwrite = how.overwrites();
        directories.make(&plan, how, &reports, cancel)?;
        let specials = specials::make(&mut plan, &directories, overwrite, &reports, cancel)?;
        let files = Files::new(&plan, &directories, how, &reports, progress);
        let copies = Copies::new(&self.cipher, index, request.from, &reports);
        content::write(&schedule, &copies, &files, workers, cancel)?;
        let links = specials::link(&plan, &directories, overwrite, &reports, cancel)?;
        let made = directories.finish(&plan, overwrite, &reports, progress, cancel)?;
        let unchanged = |f: &&plan::File| f.state.load(Ordering::Relaxed) == file_state::UNCHANGED;
        Ok(Restored {
            files: files.finished.get(),
            directories: made,
            others: specials + links,
            bytes: files.bytes.get(),
            unchanged_files: plan.files.iter().filter(unchanged).count() as u64,
            failures: reports.failures.get(),
            damaged_objects_met: reports.damaged_objects(),
        })
    }
}

/// Makes and opens the target.
fn prepare(request: &RestoreRequest<'_>, how: How, plan: &Plan, is_new: bool) -> Result<Directories> {
    if is_new {
        std::fs::create_dir_all(request.target)
            .map_err(|e| Error::local("make the target", request.target, e))?;
    }
    let directories = open(request.target, how)?;
    if !how.overwrites() || is_new {
        let root = directories
            .get(plan, 0)
            .map_err(|e| Error::local("open the target", request.target, e.into()))?;
        attributes::stop_inheritance(&*root);
    }
    let state = if is_new { directory_state::NEW } else { directory_state::OLD };
    plan.directories[0].state.store(state, Ordering::Relaxed);
    Ok(directories)
}

fn open(target: &Path, how: How) -> Result<Directories> {
    let opened = match how {
        How::InPlace => Directories::open_itself(target),
        How::Fresh | How::Overwrite => Directories::open(target),
    };
    opened.map_err(|e| Error::local("open the target", target, e.into()))
}
