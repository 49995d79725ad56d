//! Writes files.
//!
//! A file of one blob, which most are, is made, written, given its attributes and closed in one go, with one system
//! call for each of these. A file of many blobs is written as they come, out of order, by several threads. A file that
//! replaces another is written under a temporary name and renamed: under its real name there is never half of it.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use holdfast_format::Id;
use holdfast_format::source::Xattr;
use parking_lot::Mutex;
use rustix::fs::{self, AtFlags, Mode, OFlags};
use rustix::io::{Errno, Result};

use crate::error::{self, Error};
use crate::progress::{Count, Progress};
use crate::restore::How;
use crate::restore::attributes::{self, Wanted};
use crate::restore::directories::Directories;
use crate::restore::plan::{File, Plan};
use crate::restore::reports::{Reports, show};
use crate::restore::sparse::{HOLE_BYTES_MIN, write_all, write_sparsely};

/// What is to be done with a file, or was.
pub(crate) mod state {
    /// It is not there.
    pub(crate) const NEW: u8 = 0;
    /// Something else is there.
    pub(crate) const REPLACE: u8 = 1;
    /// It is there with this very content.
    pub(crate) const UNCHANGED: u8 = 2;
    /// It is being written under its own name.
    pub(crate) const STARTED_NEW: u8 = 3;
    /// It is being written under a temporary name.
    pub(crate) const STARTED_REPLACE: u8 = 4;
    /// It is written.
    pub(crate) const DONE: u8 = 5;
    /// It is left out; under its own name there is nothing of ours.
    pub(crate) const FAILED: u8 = 6;
    /// It is left out, and what there is under its own name is ours.
    pub(crate) const FAILED_NEW: u8 = 7;
}

/// Handles of half-written files that are kept open.
const OPEN_MAX: usize = 128;

pub(crate) struct Files<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) directories: &'a Directories,
    pub(crate) how: How,
    pub(crate) reports: &'a Reports<'a>,
    pub(crate) progress: &'a Progress,
    /// Files that are in place now.
    pub(crate) finished: Count,
    /// Bytes of them, holes included.
    pub(crate) bytes: Count,
    open: Mutex<HashMap<u32, Arc<OwnedFd>>>,
}

/// The directory that a worker used last: most files lie in the same one as the file before.
pub(crate) type LastDirectory = Option<(u32, Arc<OwnedFd>)>;

impl<'a> Files<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        directories: &'a Directories,
        how: How,
        reports: &'a Reports<'a>,
        progress: &'a Progress,
    ) -> Files<'a> {
        Files {
            plan,
            directories,
            how,
            reports,
            progress,
            finished: Count::default(),
            bytes: Count::default(),
            open: Mutex::default(),
        }
    }

    /// Writes one blob to its place in a file, and finishes the file when it was the last one. Only a full target is an
    /// error: what else goes wrong costs that file.
    pub(crate) fn write(
        &self,
        number: u32,
        at: u64,
        blob: &[u8],
        last: &mut LastDirectory,
    ) -> error::Result<()> {
        let file = &self.plan.files[number as usize];
        if !has_failed(file) {
            let outcome = if file.content_count == 1 {
                self.write_whole(file, blob, last)
            } else {
                self.handle(number, file).and_then(|handle| write_sparsely(&handle, at, blob))
            };
            self.judge(file, outcome)?;
        }
        self.arrived(number, file)
    }

    /// Makes a file of which nothing needs to be read: empty, or one hole.
    pub(crate) fn write_hole(&self, number: u32, last: &mut LastDirectory) -> error::Result<()> {
        let file = &self.plan.files[number as usize];
        let outcome = self.write_whole(file, &[], last);
        self.judge(file, outcome)?;
        if has_failed(file) {
            self.abandon(number, file);
        }
        Ok(())
    }

    /// Leaves a file out because a blob of it is nowhere whole.
    pub(crate) fn lose(&self, number: u32, id: &Id, error: &Error) -> error::Result<()> {
        let file = &self.plan.files[number as usize];
        if fail(file) {
            let path = self.plan.path(file.directory, file.name);
            self.reports
                .left_out(&path, format!("left out: no location gives its content {id} whole: {error}"));
        }
        self.arrived(number, file)
    }

    /// Takes away what is half written, after the run was stopped.
    pub(crate) fn clean_up(&self) {
        for (number, file) in self.plan.files.iter().enumerate() {
            let started = [state::STARTED_NEW, state::STARTED_REPLACE];
            if has_failed(file) || started.contains(&file.state.load(Ordering::Acquire)) {
                self.abandon(number as u32, file);
            }
        }
    }

    /// Corrects the attributes of a file whose content was right already.
    pub(crate) fn correct(&self, file: &File, last: &mut LastDirectory) {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = self
            .directory(file.directory, last)
            .and_then(|directory| fs::openat(directory, self.plan.name(file.name), flags, Mode::empty()));
        let path = || self.plan.path(file.directory, file.name);
        match opened {
            Ok(handle) => {
                let xattrs = self.plan.xattrs(&file.attributes);
                let is_right = fs::fstat(&handle)
                    .is_ok_and(|stat| attributes::agree(&stat, &file.attributes, false))
                    && attributes::xattrs_agree(&handle, xattrs);
                if !is_right {
                    attributes::apply(&handle, &self.wanted(file, xattrs, true, &path));
                }
                self.progress.files.add(1);
                self.progress.bytes.add(file.size);
            }
            Err(error) => {
                self.reports.failed(&path(), format!("cannot open it to set its attributes: {error}"));
            }
        }
    }

    fn write_whole(&self, file: &File, blob: &[u8], last: &mut LastDirectory) -> Result<()> {
        let directory = self.directory(file.directory, last)?;
        let handle = self.create(directory, file)?;
        if blob.len() < HOLE_BYTES_MIN {
            write_all(&handle, 0, blob)?;
            if file.size > blob.len() as u64 {
                fs::ftruncate(&handle, file.size)?;
            }
        } else {
            fs::ftruncate(&handle, file.size)?;
            write_sparsely(&handle, 0, blob)?;
        }
        self.finish(file, directory, &handle)
    }

    /// The handle of a file of many blobs, which the first of them makes.
    fn handle(&self, number: u32, file: &File) -> Result<Arc<OwnedFd>> {
        let mut open = self.open.lock();
        if let Some(handle) = open.get(&number) {
            return Ok(Arc::clone(handle));
        }
        let directory = self.directories.get(self.plan, file.directory)?;
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = match file.state.load(Ordering::Acquire) {
            state::STARTED_NEW => fs::openat(&directory, self.plan.name(file.name), flags, Mode::empty())?,
            state::STARTED_REPLACE => {
                fs::openat(&directory, temporary(self.plan.name(file.name)), flags, Mode::empty())?
            }
            state::FAILED | state::FAILED_NEW => return Err(Errno::CANCELED),
            _ => {
                let handle = self.create(&directory, file)?;
                fs::ftruncate(&handle, file.size)?;
                handle
            }
        };
        let handle = Arc::new(handle);
        if open.len() >= OPEN_MAX
            && let Some(other) = open.keys().next().copied()
        {
            open.remove(&other);
        }
        open.insert(number, Arc::clone(&handle));
        Ok(handle)
    }

    /// Creates a file, under its own name if that is free.
    fn create(&self, directory: &OwnedFd, file: &File) -> Result<OwnedFd> {
        let name = self.plan.name(file.name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        // In place nobody may ever see half of a file, not even where there was none before.
        if file.state.load(Ordering::Acquire) == state::NEW && self.how != How::InPlace {
            match fs::openat(directory, name, flags, mode) {
                Err(Errno::EXIST) if self.how.overwrites() => {}
                Ok(handle) => {
                    return start(directory, name, file, state::STARTED_NEW).map(|()| handle);
                }
                Err(error) => return Err(error),
            }
        }
        let temporary = temporary(name);
        let handle = match fs::openat(directory, &temporary[..], flags, mode) {
            // A run that was killed left it.
            Err(Errno::EXIST) => {
                fs::unlinkat(directory, &temporary[..], AtFlags::empty())?;
                fs::openat(directory, &temporary[..], flags, mode)?
            }
            other => other?,
        };
        start(directory, &temporary, file, state::STARTED_REPLACE).map(|()| handle)
    }

    /// Notes that one more blob was dealt with; the last one finishes the file or takes away what there is of it.
    fn arrived(&self, number: u32, file: &File) -> error::Result<()> {
        if file.missing.fetch_sub(1, Ordering::AcqRel) > 1 {
            return Ok(());
        }
        match file.state.load(Ordering::Acquire) {
            state::FAILED | state::FAILED_NEW => self.abandon(number, file),
            state::DONE => {}
            _ => {
                let finished = self.handle(number, file).and_then(|handle| {
                    let directory = self.directories.get(self.plan, file.directory)?;
                    self.finish(file, &directory, &handle)
                });
                self.judge(file, finished)?;
                if has_failed(file) {
                    self.abandon(number, file);
                }
            }
        }
        if file.content_count > 1 {
            self.open.lock().remove(&number);
        }
        Ok(())
    }

    /// Gives a written file its attributes and its name.
    fn finish(&self, file: &File, directory: &OwnedFd, handle: &OwnedFd) -> Result<()> {
        let path = || self.plan.path(file.directory, file.name);
        let xattrs = self.plan.xattrs(&file.attributes);
        // In a directory that was there before, files may inherit attributes.
        attributes::apply(handle, &self.wanted(file, xattrs, self.how.overwrites(), &path));
        if file.state.load(Ordering::Acquire) == state::STARTED_REPLACE {
            let name = self.plan.name(file.name);
            // After a power cut there is the old file or the new one, and no empty one.
            if self.how == How::InPlace {
                fs::fsync(handle)?;
            }
            put_in_place(directory, &temporary(name), name)?;
            if self.how == How::InPlace {
                fs::fsync(directory)?;
            }
        }
        file.state.store(state::DONE, Ordering::Release);
        self.finished.add(1);
        self.bytes.add(file.size);
        self.progress.files.add(1);
        self.progress.bytes.add(file.size);
        Ok(())
    }

    fn wanted<'w>(
        &'w self,
        file: &'w File,
        xattrs: &'w [Xattr],
        is_old: bool,
        path: &'w dyn Fn() -> Vec<u8>,
    ) -> Wanted<'w> {
        Wanted { attributes: &file.attributes, xattrs, is_old, path, reports: self.reports }
    }

    /// Removes what was written of a file.
    fn abandon(&self, number: u32, file: &File) {
        self.open.lock().remove(&number);
        let Ok(directory) = self.directories.get(self.plan, file.directory) else { return };
        let name = self.plan.name(file.name);
        let _ = match file.state.load(Ordering::Acquire) {
            state::STARTED_NEW | state::FAILED_NEW => fs::unlinkat(&directory, name, AtFlags::empty()),
            _ => fs::unlinkat(&directory, temporary(name), AtFlags::empty()),
        };
    }

    fn judge(&self, file: &File, outcome: Result<()>) -> error::Result<()> {
        let Err(error) = outcome else { return Ok(()) };
        if !fail(file) {
            return Ok(());
        }
        let path = self.plan.path(file.directory, file.name);
        if matches!(error, Errno::NOSPC | Errno::DQUOT) {
            return Err(Error::local("write", Path::new(&show(&path)), error.into()));
        }
        self.reports.failed(&path, format!("cannot be written: {error}"));
        Ok(())
    }

    fn directory<'l>(&self, number: u32, last: &'l mut LastDirectory) -> Result<&'l OwnedFd> {
        if last.as_ref().is_none_or(|(known, _)| *known != number) {
            *last = Some((number, self.directories.get(self.plan, number)?));
        }
        Ok(&last.as_ref().expect("just set").1)
    }
}

fn has_failed(file: &File) -> bool {
    matches!(file.state.load(Ordering::Acquire), state::FAILED | state::FAILED_NEW)
}

/// Gives a file up; `false` when it was given up before.
fn fail(file: &File) -> bool {
    let failed = |before| match before {
        state::FAILED | state::FAILED_NEW => None,
        state::STARTED_NEW => Some(state::FAILED_NEW),
        _ => Some(state::FAILED),
    };
    file.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, failed).is_ok()
}

/// Notes that `name` is there and ours. Where the file was given up meanwhile, it goes again.
fn start(directory: &OwnedFd, name: &[u8], file: &File, to: u8) -> Result<()> {
    let started = |before| (!matches!(before, state::FAILED | state::FAILED_NEW)).then_some(to);
    if file.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, started).is_ok() {
        return Ok(());
    }
    let _ = fs::unlinkat(directory, name, AtFlags::empty());
    Err(Errno::CANCELED)
}

/// A name for what is to replace `name`: the same in every run, so that leftovers are found, and never too long.
pub(crate) fn temporary(name: &[u8]) -> Vec<u8> {
    format!(".holdfast-{}.part", &Id::of(name).to_hex()[..24]).into_bytes()
}

/// Renames over whatever has the name; an empty directory is removed first.
pub(crate) fn put_in_place(directory: &OwnedFd, temporary: &[u8], name: &[u8]) -> Result<()> {
    match fs::renameat(directory, temporary, directory, name) {
        Err(Errno::ISDIR) => {
            fs::unlinkat(directory, name, AtFlags::REMOVEDIR)?;
            fs::renameat(directory, temporary, directory, name)
        }
        other => other,
    }
}
