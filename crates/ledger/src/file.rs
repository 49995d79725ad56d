//! The ledger's file: closed to everybody else, and looked at before it is opened for writing.
//!
//! Opening a damaged database for writing replays its log and may spread the damage. So a reader looks first, and a file
//! that fails is left exactly as it was.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use holdfast_world::durable;

use crate::connection::{self, Schema};
use crate::error::{Doing, Error, ErrorKind, Result};

/// Up to this size the structure of the whole file is read at every opening, in less than a second; a larger one only
/// after its last writer did not close it.
const CHECKED_BYTES_MAX: u64 = 256 << 20;

const MAGIC: &[u8] = b"SQLite format 3\0";

/// Makes folder and file where there are none: 0700 and 0600 whatever the umask. A file that is open to others is closed.
pub(crate) fn prepare(path: &Path) -> Result<()> {
    let doing = || format!("create {}", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        durable::create_directory(folder, 0o700).doing(doing)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            file.set_permissions(Permissions::from_mode(0o600)).doing(doing)?;
            durable::sync_directory(folder.unwrap_or(Path::new("."))).doing(doing)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => close_to_others(path).doing(doing),
        Err(error) => Err(error).doing(doing),
    }
}

fn close_to_others(path: &Path) -> io::Result<()> {
    let mode = path.metadata()?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(mode & 0o700))?;
    }
    Ok(())
}

/// Looks at the file without changing it: whose it is, and whether its structure is whole.
pub(crate) fn inspect(path: &Path) -> Result<Schema> {
    let doing = || format!("look at {}", path.display());
    let bytes = path.metadata().doing(doing)?.len();
    if bytes == 0 {
        return Ok(Schema::Empty);
    }
    refuse_foreign(path)?;
    let was_left_open = log_of(path).metadata().is_ok_and(|log| log.len() > 0);
    let open = if was_left_open { connection::open_reader } else { connection::open_still };
    let mut connection = open(path).map_err(|error| error.in_file(path))?;
    let schema = connection::recognise(&mut connection, path).map_err(|error| error.in_file(path))?;
    if bytes <= CHECKED_BYTES_MAX || was_left_open {
        connection::check_integrity(&mut connection, path, true)?;
    }
    Ok(schema)
}

/// Fails for a file with content that does not begin as SQLite's do.
pub(crate) fn refuse_foreign(path: &Path) -> Result<()> {
    let mut start = Vec::with_capacity(MAGIC.len());
    let open = std::fs::File::open(path);
    let read = open.and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut start));
    read.doing(|| format!("look at {}", path.display()))?;
    if start.is_empty() || start == MAGIC {
        return Ok(());
    }
    let why = format!("{} is no ledger: it does not begin as one", path.display());
    Err(Error::new(ErrorKind::NotALedger, why))
}

/// The write-ahead log beside the file.
fn log_of(path: &Path) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

impl Error {
    /// Names the file where damage was met.
    fn in_file(self, path: &Path) -> Error {
        if self.kind != ErrorKind::Damaged {
            return self;
        }
        let why = format!("{} is damaged; restore it from a copy, backups do not need it", path.display());
        Error { kind: self.kind, context: why, source: self.source }
    }
}
