//! One writing process per state folder.
//!
//! Two runs that purge, repair or back up from the same state would overwrite each other's tombstones and caches. The
//! kernel's lock goes away with the process, however it ends, so a crash never leaves one behind.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::error::{Error, Result};

/// Held as long as this lives.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
}

/// Takes the lock for `command`, or says who holds it.
pub fn take(state: &Path, command: &str, pid: u32) -> Result<StateLock> {
    lock(state, "owner.lock", command, pid)
}

/// Takes a lock that only the same command minds, which may go on beside a daemon.
pub fn take_beside(state: &Path, command: &str, pid: u32) -> Result<StateLock> {
    lock(state, &format!("{}.lock", command.replace(' ', "-")), command, pid)
}

fn lock(state: &Path, file: &str, command: &str, pid: u32) -> Result<StateLock> {
    let path = state.join(file);
    let trouble = |e: std::io::Error| Error::not_done(format!("open {}: {e}", path.display()));
    std::fs::create_dir_all(state).map_err(trouble)?;
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(trouble)?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        let mut holder = String::new();
        let _ = file.read_to_string(&mut holder);
        let holder = if holder.trim().is_empty() { "another holdfast" } else { holder.trim() };
        return Err(Error::not_done(format!("the state folder {} is in use by {holder}", state.display()))
            .hint("wait until it is done, or use another --state"));
    }
    let _ = file.set_len(0);
    let _ = write!(file, "holdfast {command}, process {pid}");
    Ok(StateLock { _file: file })
}
