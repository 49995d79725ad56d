//! Whether the target can hold what is coming, asked before the first byte is written.
//!
//! A restore that fills the disk of a live server at 90 % has made the outage worse.

use std::path::Path;

use crate::error::{Error, ErrorKind, Result};

/// What a restore needs.
#[derive(Clone, Copy, Default)]
pub(crate) struct Need {
    pub(crate) bytes: u64,
    pub(crate) inodes: u64,
}

/// Compares what is needed with what the file system of `target`, which may not exist yet, has to give.
pub(crate) fn check(target: &Path, need: Need) -> Result<()> {
    let place = target.ancestors().find(|p| p.exists()).unwrap_or(Path::new("."));
    let place = if place.as_os_str().is_empty() { Path::new(".") } else { place };
    let found =
        rustix::fs::statvfs(place).map_err(|e| Error::local("ask for the free space of", place, e.into()))?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    if need.bytes > free {
        return Err(full(target, need.bytes, free, "bytes"));
    }
    // File systems that make inodes as they go say 0 of 0.
    if found.f_files > 0 && need.inodes > found.f_favail {
        return Err(full(target, need.inodes, found.f_favail, "inodes"));
    }
    Ok(())
}

fn full(target: &Path, needed: u64, free: u64, unit: &str) -> Error {
    Error::new(
        ErrorKind::Full,
        format!(
            "the file system of {} has {free} {unit} free and the restore needs {needed}; nothing was written. \
             Free some, choose another target, or restore a part with --include",
            target.display()
        ),
    )
}
