//! One owner per ledger. SQLite itself would let two processes write in turns, and both would schedule the same slots.
//!
//! The kernel's lock goes away with its process, however that ends, so a crash never leaves one behind. Where the lock
//! means nothing (two machines on a shared disk), the lease's token still stops the older one, see [`crate::lease`].

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::error::{Doing, Error, ErrorKind, Result};

/// Held as long as this lives.
#[derive(Debug)]
pub(crate) struct OwnerLock {
    _file: File,
}

/// Takes the lock for `instance`, or says who holds it.
pub(crate) fn take(ledger: &Path, instance: &str) -> Result<OwnerLock> {
    let path = ledger.with_extension("lock");
    let doing = || format!("take {}", path.display());
    let mut options = OpenOptions::new();
    let mut file =
        options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path).doing(doing)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            let holder = if holder.trim().is_empty() { "another holdfast" } else { holder.trim() };
            let why = format!("{} is in use by {holder}", ledger.display());
            return Err(Error::new(ErrorKind::Owned, why));
        }
        Err(error) => return Err(Error::caused(ErrorKind::System, doing(), error)),
    }
    // On a full disk the name may not fit; the lock holds all the same.
    let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(instance.as_bytes()));
    Ok(OwnerLock { _file: file })
}
