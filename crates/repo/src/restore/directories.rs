//! The target's directories: the only way to anything in it.
//!
//! Every directory is opened by its name within its parent and never through a symlink, so that nothing planted in the
//! target, or in the repository, leads a write outside. Handles are kept, but only so many: a process may have few.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use rustix::fs::{self, AtFlags, CWD, Mode, OFlags};
use rustix::io::{Errno, Result};

use crate::cancel::Cancel;
use crate::error::{self, Error, ErrorKind};
use crate::progress::Progress;
use crate::restore::How;
use crate::restore::attributes::{self, Wanted};
use crate::restore::plan::Plan;
use crate::restore::reports::Reports;

/// How a directory was found.
pub(crate) mod state {
    /// Nothing was done yet.
    pub(crate) const PLANNED: u8 = 0;
    /// We made it.
    pub(crate) const NEW: u8 = 1;
    /// It was there.
    pub(crate) const OLD: u8 = 2;
    /// It could not be made.
    pub(crate) const FAILED: u8 = 3;
}

const OPEN_MAX: usize = 256;
const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Open directories of the target.
pub(crate) struct Directories {
    root: Arc<OwnedFd>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    handles: HashMap<u32, (Arc<OwnedFd>, u64)>,
    tick: u64,
}

impl Directories {
    /// Opens the target. The path to it is the caller's and may lead through symlinks.
    pub(crate) fn open(target: &Path) -> Result<Directories> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = Arc::new(fs::openat(CWD, target, flags, Mode::empty())?);
        Ok(Directories { root, open: Mutex::default() })
    }

    /// The same for a target that belongs to somebody else, who may have put a symlink in its place.
    pub(crate) fn open_itself(target: &Path) -> Result<Directories> {
        let root = Arc::new(fs::openat(CWD, target, FLAGS, Mode::empty())?);
        Ok(Directories { root, open: Mutex::default() })
    }

    /// A directory of the plan.
    pub(crate) fn get(&self, plan: &Plan, directory: u32) -> Result<Arc<OwnedFd>> {
        if directory == 0 {
            return Ok(Arc::clone(&self.root));
        }
        if let Some(handle) = self.open.lock().find(directory) {
            return Ok(handle);
        }
        // Up to the nearest ancestor that is open, then down; no recursion, since a point may be very deep.
        let mut missing = vec![directory];
        let mut handle = loop {
            let parent = plan.directories[*missing.last().expect("never empty") as usize].parent;
            if parent == 0 {
                break Arc::clone(&self.root);
            }
            if let Some(handle) = self.open.lock().find(parent) {
                break handle;
            }
            missing.push(parent);
        };
        for number in missing.into_iter().rev() {
            let name = plan.name(plan.directories[number as usize].name);
            handle = Arc::new(fs::openat(&handle, name, FLAGS, Mode::empty())?);
            self.open.lock().keep(number, Arc::clone(&handle));
        }
        Ok(handle)
    }

    /// Makes every directory that is needed.
    pub(crate) fn make(
        &self,
        plan: &Plan,
        how: How,
        reports: &Reports<'_>,
        cancel: &Cancel,
    ) -> error::Result<()> {
        for (number, directory) in plan.directories.iter().enumerate().skip(1) {
            if !directory.is_needed {
                continue;
            }
            cancel.check()?;
            if plan.directories[directory.parent as usize].state.load(Ordering::Relaxed) == state::FAILED {
                directory.state.store(state::FAILED, Ordering::Relaxed);
                reports.failures.add(1);
                continue;
            }
            let made = self
                .get(plan, directory.parent)
                .and_then(|parent| make_one(&parent, plan.name(directory.name), how));
            let state = match made {
                Ok(state) => state,
                Err(error) => {
                    let path = plan.path(directory.parent, directory.name);
                    if matches!(error, Errno::NOSPC | Errno::DQUOT) {
                        return Err(Error::local(
                            "make the directory",
                            Path::new(&crate::restore::reports::show(&path)),
                            error.into(),
                        ));
                    }
                    let hint = match error {
                        Errno::EXIST => "; --overwrite replaces what is there",
                        Errno::NOTDIR => {
                            "; something else is in its place, and nothing is restored through it"
                        }
                        _ => "",
                    };
                    reports.failed(
                        &path,
                        format!("cannot make the directory: {error}{hint}; nothing in it is restored"),
                    );
                    state::FAILED
                }
            };
            if state == state::NEW {
                // Handles to what was here before lead nowhere now.
                self.open.lock().handles.remove(&(number as u32));
            }
            directory.state.store(state, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Gives the directories their attributes, deepest first: afterwards some may not be entered any more.
    pub(crate) fn finish(
        &self,
        plan: &Plan,
        overwrite: bool,
        reports: &Reports<'_>,
        progress: &Progress,
        cancel: &Cancel,
    ) -> error::Result<u64> {
        let mut count = 0;
        for (number, directory) in plan.directories.iter().enumerate().rev() {
            let state = directory.state.load(Ordering::Relaxed);
            if !directory.is_needed || !matches!(state, state::NEW | state::OLD) {
                continue;
            }
            cancel.check()?;
            count += 1;
            progress.directories.add(1);
            let Some(wanted) = &directory.attributes else { continue };
            if state == state::OLD && !directory.is_selected {
                continue;
            }
            let xattrs = plan.xattrs(wanted);
            let path = || plan.path(directory.parent, directory.name);
            match self.get(plan, number as u32) {
                Ok(handle) => {
                    let is_right = state == state::OLD
                        && fs::fstat(&handle).is_ok_and(|stat| attributes::agree(&stat, wanted, false))
                        && attributes::xattrs_agree(&handle, xattrs);
                    if !is_right {
                        let is_old = overwrite || number == 0;
                        attributes::apply(
                            &handle,
                            &Wanted { attributes: wanted, xattrs, is_old, path: &path, reports },
                        );
                    }
                }
                Err(error) => reports.failed(&path(), format!("cannot open the directory again: {error}")),
            }
        }
        Ok(count)
    }
}

/// Makes a directory, replacing what is no directory if that is allowed.
fn make_one(parent: &OwnedFd, name: &[u8], how: How) -> Result<u8> {
    let mode = Mode::RWXU;
    match fs::mkdirat(parent, name, mode) {
        Ok(()) => return Ok(state::NEW),
        Err(Errno::EXIST) if how.overwrites() => {}
        Err(error) => return Err(error),
    }
    let there = fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if fs::FileType::from_raw_mode(there.st_mode) == fs::FileType::Directory {
        return Ok(state::OLD);
    }
    // Somebody uses what is there; a symlink that leads to his uploads is no leftover.
    if how == How::InPlace {
        return Err(Errno::NOTDIR);
    }
    fs::unlinkat(parent, name, AtFlags::empty())?;
    fs::mkdirat(parent, name, mode).map(|()| state::NEW)
}

impl Open {
    fn find(&mut self, directory: u32) -> Option<Arc<OwnedFd>> {
        self.tick += 1;
        let tick = self.tick;
        self.handles.get_mut(&directory).map(|(handle, used)| {
            *used = tick;
            Arc::clone(handle)
        })
    }

    fn keep(&mut self, directory: u32, handle: Arc<OwnedFd>) {
        self.tick += 1;
        if self.handles.len() >= OPEN_MAX {
            // The older half goes at once, so that the search for it costs nothing on average.
            let mut ages: Vec<u64> = self.handles.values().map(|(_, used)| *used).collect();
            let middle = ages.len() / 2;
            let (_, &mut median, _) = ages.select_nth_unstable(middle);
            self.handles.retain(|_, (_, used)| *used >= median);
        }
        self.handles.insert(directory, (handle, self.tick));
    }
}

/// Makes the target where it is missing, and refuses one that holds something. Gives `true` when it was made.
pub(crate) fn check_target(target: &Path, overwrite: bool) -> error::Result<bool> {
    match std::fs::read_dir(target) {
        Ok(mut entries) => {
            let first = entries.next().transpose().map_err(|e| Error::local("list the target", target, e))?;
            if first.is_some() && !overwrite {
                return Err(Error::new(
                    ErrorKind::Usage,
                    format!(
                        "the target {} is not empty: give an empty or a new folder, or --overwrite to bring what \
                         differs back to the point's state",
                        target.display()
                    ),
                ));
            }
            Ok(false)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(Error::local("open the target", target, error)),
    }
}
