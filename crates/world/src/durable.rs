//! Local files that are whole or absent, whenever the power goes.
//!
//! A key ring or a ledger page that is half written after a crash is worse than one that was never written, because
//! it took the old one with it. Everything that holdfast writes locally goes through here: temporary file beside the
//! target, fsync, rename, fsync of the folder.

use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{CWD, RenameFlags, renameat_with};

/// Replaces the file at `path`, or creates it, with exactly `mode` whatever the umask. Readers see the old content or
/// the new one. A symlink at `path` is replaced, not followed.
///
/// # Errors
/// What the system said, with the path; the old file is then still there.
pub fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let temporary = Temporary::fill(path, content, mode)?;
    std::fs::rename(&temporary.path, path).map_err(|error| at(path, "replace", &error))?;
    temporary.keep();
    sync_directory(parent(path))
}

/// Creates the file at `path`, which must not exist.
///
/// # Errors
/// `AlreadyExists` when something is there, which is left alone; else what the system said, with the path.
pub fn create(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let temporary = Temporary::fill(path, content, mode)?;
    match renameat_with(CWD, &temporary.path, CWD, path, RenameFlags::NOREPLACE) {
        Ok(()) => temporary.keep(),
        // Some file systems (NFS among them) lack the flag; a hard link refuses to overwrite as well.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            std::fs::hard_link(&temporary.path, path).map_err(|error| at(path, "create", &error))?;
        }
        Err(error) => return Err(at(path, "create", &error.into())),
    }
    sync_directory(parent(path))
}

/// Creates the folder `path` and its missing parents, each with `mode`. One that is there is left as it is.
///
/// # Errors
/// What the system said, with the path.
pub fn create_directory(path: &Path, mode: u32) -> io::Result<()> {
    let is_new = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    let missing: Vec<&Path> = path.ancestors().take_while(is_new).collect();
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(|error| at(path, "create", &error))?;
    missing.into_iter().try_for_each(|folder| sync_directory(parent(folder)))
}

/// Makes creations, renames and deletions in the folder `path` survive a power cut.
///
/// # Errors
/// What the system said, with the path.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|error| at(path, "flush", &error))
}

/// A temporary file that is removed unless it was renamed.
struct Temporary {
    path: PathBuf,
    renamed: bool,
}

impl Temporary {
    fn fill(target: &Path, content: &[u8], mode: u32) -> io::Result<Temporary> {
        let Some(name) = target.file_name() else {
            return Err(at(target, "write", &io::Error::other("the path names no file")));
        };
        let (mut file, temporary) = Temporary::open(target, name, mode)?;
        file.set_permissions(PermissionsExt::from_mode(mode))
            .and_then(|()| file.write_all(content))
            .and_then(|()| file.sync_all())
            .map_err(|error| at(&temporary.path, "write", &error))?;
        Ok(temporary)
    }

    fn open(target: &Path, name: &OsStr, mode: u32) -> io::Result<(File, Temporary)> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        loop {
            let mut hidden = OsString::from(".");
            // Names have 255 bytes at most, and ours is longer than the target's; the numbers alone make it unique.
            let kept = name.as_encoded_bytes().get(..200).map_or(name, |_| "long".as_ref());
            hidden.push(kept);
            hidden.push(format!(".{}-{}.tmp", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)));
            let path = target.with_file_name(hidden);
            // Made with no more rights than asked for: content must not be readable for a moment before chmod.
            match OpenOptions::new().write(true).create_new(true).mode(mode & 0o600).open(&path) {
                Ok(file) => return Ok((file, Temporary { path, renamed: false })),
                // Left behind by a dead process that had our number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(at(&path, "create", &error)),
            }
        }
    }

    fn keep(mut self) {
        self.renamed = true;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // Best effort: the error that brought us here is the one that is reported.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn at(path: &Path, action: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {action} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn writing_replaces_with_the_mode_asked_for_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ring");
        write(&path, b"one", 0o644).unwrap();
        write(&path, b"two", 0o600).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(names(folder.path()), ["ring"]);
    }

    #[test]
    fn creating_never_replaces() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.toml");
        create(&path, b"mine", 0o644).unwrap();
        let error = create(&path, b"theirs", 0o644).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert!(error.to_string().contains("policy.toml"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
        assert_eq!(names(folder.path()), ["policy.toml"]);
    }

    #[test]
    fn a_symlink_is_replaced_and_its_target_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        std::fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write(&link, b"new", 0o600).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"precious");
        assert!(link.symlink_metadata().unwrap().is_file());
    }

    #[test]
    fn the_longest_name_is_fine_and_a_missing_folder_is_an_error_with_the_path() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("n".repeat(255)), b"x", 0o600).unwrap();
        let error = write(&folder.path().join("gone/file"), b"x", 0o600).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("gone"), "{error}");
    }

    #[test]
    fn folders_are_created_with_their_parents() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/keys");
        create_directory(&path, 0o700).unwrap();
        create_directory(&path, 0o755).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o700);
    }
}
