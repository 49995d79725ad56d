//! System errors as [`SourceError`]s that say what was tried, and what an odd code means in a walk.

use std::io;

use holdfast_format::source::SourceError;
use rustix::io::Errno;

/// What the system said about `path`.
pub(super) fn failure(path: Vec<u8>, action: &str, error: Errno) -> SourceError {
    let error_kind = io::Error::from(error).kind();
    let meaning = match error {
        // Only entries that were listed as something else are opened, without following symlinks.
        Errno::LOOP => "it was replaced by a symlink while the backup ran".to_owned(),
        Errno::NOTDIR => "it is no folder any more: it was replaced while the backup ran".to_owned(),
        Errno::NXIO | Errno::NODEV => "it was replaced by something that cannot be read".to_owned(),
        Errno::MFILE | Errno::NFILE => "too many open files; raise the limit (ulimit -n)".to_owned(),
        error => io::Error::from(error).to_string(),
    };
    SourceError { path, kind: error_kind, message: format!("cannot {action}: {meaning}") }
}

/// What we refuse about `path`.
pub(super) fn refusal(path: Vec<u8>, message: &str) -> SourceError {
    SourceError { path, kind: io::ErrorKind::InvalidInput, message: message.to_owned() }
}
