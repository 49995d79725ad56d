//! What of the plan is in the target already: read and compared blob by blob, so that only what differs is written and
//! a restore that was interrupted goes on where it stopped. Nothing is changed here.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};

use holdfast_format::{BlobKind, Id};
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::cancel::Cancel;
use crate::index::Index;
use crate::restore::directories::Directories;
use crate::restore::files::state;
use crate::restore::plan::{File, Plan};

/// Marks every file of the plan as new, to be replaced, or unchanged.
pub(crate) fn compare(
    plan: &Plan,
    directories: &Directories,
    index: &Index,
    threads: usize,
    cancel: &Cancel,
) -> crate::error::Result<()> {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                let mut buffer = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(file) = plan.files.get(number) else { return };
                    if cancel.is_cancelled() {
                        return;
                    }
                    let found = look(plan, directories, index, number as u32, file, &mut buffer);
                    file.state.store(found, Ordering::Relaxed);
                }
            });
        }
    });
    cancel.check()
}

/// Whatever cannot be read is replaced; whatever is in the way then is found when it is written.
fn look(
    plan: &Plan,
    directories: &Directories,
    index: &Index,
    number: u32,
    file: &File,
    buffer: &mut Vec<u8>,
) -> u8 {
    let Ok(directory) = directories.get(plan, file.directory) else { return state::NEW };
    let name = plan.name(file.name);
    let there = match fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(there) => there,
        Err(Errno::NOENT) => return state::NEW,
        Err(_) => return state::REPLACE,
    };
    // More names than the point knows: another one may be outside the target, and must not change with this one.
    let is_candidate = FileType::from_raw_mode(there.st_mode) == FileType::RegularFile
        && there.st_size as u64 == file.size
        && there.st_nlink as u64 <= u64::from(file.links);
    if !is_candidate {
        return state::REPLACE;
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match fs::openat(&directory, name, flags, Mode::empty()) {
        Ok(handle) if holds(&handle, plan.blobs(number), index, buffer) => state::UNCHANGED,
        _ => state::REPLACE,
    }
}

fn holds(handle: &OwnedFd, content: &[Id], index: &Index, buffer: &mut Vec<u8>) -> bool {
    for id in content {
        let Some(place) = index.get(BlobKind::Data, id) else { return false };
        buffer.resize(place.plain_length() as usize, 0);
        let mut filled = 0;
        while filled < buffer.len() {
            match rustix::io::read(handle, &mut buffer[filled..]) {
                Ok(0) => return false,
                Ok(n) => filled += n,
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        if Id::of(buffer) != *id {
            return false;
        }
    }
    true
}
