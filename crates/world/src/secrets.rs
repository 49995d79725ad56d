//! Secrets at rest on this machine: files that only their owner can read.
//!
//! A password in a file that a website's PHP process can read is no password. Reading refuses such a file instead of
//! warning, because warnings in a cron mail are not read. Content is never shown: the types print as redacted and
//! are wiped when dropped.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretSlice, SecretString};
use zeroize::{Zeroize, Zeroizing};

use crate::durable;

/// More than any key, credential file or key ring that is one.
const SECRET_BYTES_MAX: u64 = 4 << 20;

/// Why a secret was not read or written. Holds the path, never content.
#[derive(Debug)]
pub struct SecretError {
    /// The file.
    pub path: PathBuf,
    /// What kind of trouble.
    pub kind: SecretErrorKind,
}

/// The kinds of trouble with a secret file.
#[derive(Debug)]
pub enum SecretErrorKind {
    /// Group or others have rights on it; the mode is given.
    TooOpen(u32),
    /// It belongs to neither us nor root; the owner is given.
    ForeignOwner(u32),
    /// It is not a regular file.
    NotAFile,
    /// It is larger than a secret can be; the size in bytes is given.
    TooLarge(u64),
    /// It is not UTF-8 where text was expected.
    NotText,
    /// The system refused.
    Io(io::Error),
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.kind {
            SecretErrorKind::TooOpen(mode) => write!(
                f,
                "the secret {path} is open to other users (mode {mode:04o}); run: chmod 600 {path}, and change the \
                 secret if others could have read it"
            ),
            SecretErrorKind::ForeignOwner(uid) => write!(
                f,
                "the secret {path} belongs to user {uid}, who could change it; run: chown to the user that runs \
                 holdfast, or to root"
            ),
            SecretErrorKind::NotAFile => write!(f, "the secret {path} is not a regular file"),
            SecretErrorKind::TooLarge(size) => {
                write!(
                    f,
                    "the secret {path} has {size} bytes, more than the {SECRET_BYTES_MAX} that a secret may have"
                )
            }
            SecretErrorKind::NotText => write!(f, "the secret {path} is not UTF-8 text"),
            SecretErrorKind::Io(error) => write!(f, "the secret {path} cannot be used: {error}"),
        }
    }
}

impl std::error::Error for SecretError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            SecretErrorKind::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl SecretError {
    /// Whether the file is simply not there.
    pub fn is_not_found(&self) -> bool {
        matches!(&self.kind, SecretErrorKind::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

/// Reads a secret file that nobody but its owner (us or root) can read. A symlink is followed; what counts is the
/// file it leads to, and that is checked on the open file, so it cannot be swapped in between.
///
/// # Errors
/// See [`SecretErrorKind`].
pub fn read(path: &Path) -> Result<SecretSlice<u8>, SecretError> {
    let failed = |kind| SecretError { path: path.to_owned(), kind };
    let io_failed = |error| failed(SecretErrorKind::Io(error));
    // Non-blocking, so that a fifo put in its place does not hang us.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path).map_err(io_failed)?;
    let metadata = file.metadata().map_err(io_failed)?;
    if !metadata.is_file() {
        return Err(failed(SecretErrorKind::NotAFile));
    }
    if metadata.uid() != 0 && metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(failed(SecretErrorKind::ForeignOwner(metadata.uid())));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(failed(SecretErrorKind::TooOpen(metadata.mode() & 0o7777)));
    }
    if metadata.len() > SECRET_BYTES_MAX {
        return Err(failed(SecretErrorKind::TooLarge(metadata.len())));
    }
    // Sized beforehand and wiped on every way out: a vector that grows leaves copies behind.
    let mut content = Zeroizing::new(vec![0; metadata.len() as usize + 1]);
    let mut filled = 0;
    while filled < content.len() {
        match file.read(&mut content[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(io_failed(error)),
        }
    }
    if filled as u64 != metadata.len() {
        return Err(io_failed(io::Error::other("it changed while it was read; try again")));
    }
    Ok(SecretSlice::from(content[..filled].to_vec()))
}

/// Reads a secret file as text, unchanged.
///
/// # Errors
/// As [`read`], and when it is not UTF-8.
pub fn read_text(path: &Path) -> Result<SecretString, SecretError> {
    let content = read(path)?;
    match std::str::from_utf8(content.expose_secret()) {
        Ok(text) => Ok(SecretString::from(text.to_owned())),
        Err(_) => Err(SecretError { path: path.to_owned(), kind: SecretErrorKind::NotText }),
    }
}

/// Writes a secret atomically and durably with mode 0600, replacing what was there.
///
/// # Errors
/// What the system said; the old content is then still there.
pub fn write(path: &Path, secret: &[u8]) -> Result<(), SecretError> {
    durable::write(path, secret, 0o600)
        .map_err(|error| SecretError { path: path.to_owned(), kind: SecretErrorKind::Io(error) })
}

/// Writes a secret atomically and durably with mode 0600 where nothing is yet.
///
/// # Errors
/// `AlreadyExists` inside [`SecretErrorKind::Io`] when something is there, which is left alone.
pub fn create(path: &Path, secret: &[u8]) -> Result<(), SecretError> {
    durable::create(path, secret, 0o600)
        .map_err(|error| SecretError { path: path.to_owned(), kind: SecretErrorKind::Io(error) })
}

/// Creates the folder for secrets, or checks the one that is there: ours or root's, closed to all others.
///
/// # Errors
/// See [`SecretErrorKind`].
pub fn private_directory(path: &Path) -> Result<(), SecretError> {
    let failed = |kind| SecretError { path: path.to_owned(), kind };
    durable::create_directory(path, 0o700).map_err(|error| failed(SecretErrorKind::Io(error)))?;
    let metadata = path.metadata().map_err(|error| failed(SecretErrorKind::Io(error)))?;
    if metadata.uid() != 0 && metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(failed(SecretErrorKind::ForeignOwner(metadata.uid())));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(failed(SecretErrorKind::TooOpen(metadata.mode() & 0o7777)));
    }
    Ok(())
}

/// Wipes a buffer that held a secret.
pub fn wipe(buffer: &mut [u8]) {
    buffer.zeroize();
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_was_written_is_read_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("C-1042.key");
        write(&path, b"hunter2 ").unwrap();
        let secret = read_text(&path).unwrap();
        assert_eq!(secret.expose_secret(), "hunter2 ");
        assert!(!format!("{secret:?}").contains("hunter2"));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write(&path, b"x").unwrap();
        for mode in [0o640, 0o604, 0o620, 0o601] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let error = read(&path).unwrap_err();
            assert!(matches!(error.kind, SecretErrorKind::TooOpen(found) if found == mode), "{error}");
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn a_file_of_somebody_else_is_refused() {
        if !rustix::process::geteuid().is_root() {
            panic!("run as root: the test gives a file to another user");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write(&path, b"x").unwrap();
        std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
        assert!(matches!(read(&path).unwrap_err().kind, SecretErrorKind::ForeignOwner(65534)));
    }

    #[test]
    fn folders_fifos_and_huge_files_are_refused_and_absence_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read(folder.path()).unwrap_err().kind, SecretErrorKind::NotAFile));
        let fifo = folder.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(matches!(read(&fifo).unwrap_err().kind, SecretErrorKind::NotAFile));
        let huge = folder.path().join("huge");
        write(&huge, b"").unwrap();
        std::fs::File::options().write(true).open(&huge).unwrap().set_len(SECRET_BYTES_MAX + 1).unwrap();
        assert!(matches!(read(&huge).unwrap_err().kind, SecretErrorKind::TooLarge(_)));
        assert!(read(&folder.path().join("absent")).unwrap_err().is_not_found());
    }

    #[test]
    fn an_open_folder_for_secrets_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        private_directory(&keys).unwrap();
        private_directory(&keys).unwrap();
        std::fs::set_permissions(&keys, PermissionsExt::from_mode(0o750)).unwrap();
        assert!(matches!(private_directory(&keys).unwrap_err().kind, SecretErrorKind::TooOpen(0o750)));
    }
}
