//! Opening what a client may have replaced by anything: step by step from an open folder, following no symlink, opening
//! nothing that could block, and reading no more than a configuration has.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use holdfast_format::source::EntryKind;
use rustix::fs::{CWD, FileType, RawDir};
use rustix::io::Errno;

use crate::files::{examine, open_file, open_folder};

/// Far more than any configuration that people write, and little enough to be read for each of a thousand sites.
pub(super) const FILE_BYTES_MAX: u64 = 1 << 20;

/// A folder of the website.
pub(super) struct OpenFolder {
    fd: OwnedFd,
    /// From the root of the website; empty for that.
    pub(super) path: PathBuf,
}

/// Why something that is there was not read.
pub(super) enum Unreadable {
    NotThere,
    Because(String),
}

/// What lies below a folder.
pub(super) struct Folders {
    pub(super) names: Vec<OsString>,
    /// Whether there was more than was looked at.
    pub(super) is_cut_short: bool,
}

impl OpenFolder {
    /// The root. Symlinks above it are the administrator's; that it is none itself was looked at before.
    pub(super) fn root(path: &Path) -> Result<OpenFolder, Errno> {
        Ok(OpenFolder { fd: open_folder(CWD, path)?, path: PathBuf::new() })
    }

    /// A folder in this one.
    pub(super) fn child(&self, name: &OsStr) -> Result<OpenFolder, Errno> {
        Ok(OpenFolder { fd: open_folder(&self.fd, name.as_bytes())?, path: self.path.join(name) })
    }

    /// The folder that this one lies in.
    pub(super) fn parent(&self) -> Result<OpenFolder, Errno> {
        Ok(OpenFolder { fd: open_folder(&self.fd, "..")?, path: self.path.join("..") })
    }

    /// What lies under a path from here, if anything; nothing on the way to it may be a symlink.
    pub(super) fn kind(&self, path: &str) -> Option<EntryKind> {
        match path.split_once('/') {
            Some((first, rest)) => self.child(OsStr::new(first)).ok()?.kind(rest),
            None => Some(examine(&self.fd, path).ok()?.metadata.kind),
        }
    }

    /// The whole of a file.
    pub(super) fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
        if let Some((first, rest)) = path.split_once('/') {
            return match self.child(OsStr::new(first)) {
                Ok(folder) => folder.read(rest),
                Err(Errno::NOENT) => Err(Unreadable::NotThere),
                Err(error) => {
                    let meaning = match error {
                        Errno::LOOP | Errno::NOTDIR => {
                            "its folder is a symlink or no folder; symlinks are not followed".to_owned()
                        }
                        error => format!("its folder cannot be opened: {}", std::io::Error::from(error)),
                    };
                    Err(Unreadable::Because(meaning))
                }
            };
        }
        let because = |what: &str| Err(Unreadable::Because(what.to_owned()));
        // Looked at before it is opened, because opening some devices acts; and once more on what was opened.
        let failed = |action: &str, error: Errno| match error {
            Errno::NOENT => Unreadable::NotThere,
            Errno::LOOP => Unreadable::Because(SYMLINK.to_owned()),
            error => Unreadable::Because(format!("it cannot be {action}: {}", std::io::Error::from(error))),
        };
        match examine(&self.fd, path).map_err(|error| failed("examined", error))?.metadata.kind {
            EntryKind::File => {}
            EntryKind::Symlink => return because(SYMLINK),
            _ => return because("it is no regular file"),
        }
        let (fd, metadata) = open_file(&self.fd, path).map_err(|error| failed("opened", error))?;
        if metadata.kind != EntryKind::File {
            return because("it is no regular file");
        }
        let too_large = || {
            format!("it has {} bytes or more; no configuration has more than {FILE_BYTES_MAX}", metadata.size)
        };
        if metadata.size > FILE_BYTES_MAX {
            return Err(Unreadable::Because(too_large()));
        }
        let mut bytes = Vec::with_capacity(metadata.size as usize + 1);
        let mut file = std::fs::File::from(fd).take(FILE_BYTES_MAX + 1);
        file.read_to_end(&mut bytes)
            .map_err(|error| Unreadable::Because(format!("it cannot be read: {error}")))?;
        // It may have grown since.
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(Unreadable::Because(too_large()));
        }
        Ok(bytes)
    }

    /// The folders in this one, in the order of their names; no more than `entries_max` entries are looked at.
    pub(super) fn folders(&self, entries_max: usize) -> Result<Folders, Errno> {
        // Opened anew: an open folder has one reading position.
        let fd = open_folder(&self.fd, ".")?;
        let mut buffer = [MaybeUninit::uninit(); 32 << 10];
        let mut entries = RawDir::new(&fd, &mut buffer);
        let mut folders = Folders { names: Vec::new(), is_cut_short: false };
        let mut seen = 0;
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            seen += 1;
            if seen > entries_max {
                folders.is_cut_short = true;
                break;
            }
            let is_folder = match entry.file_type() {
                FileType::Directory => true,
                FileType::Unknown => examine(&self.fd, entry.file_name())
                    .is_ok_and(|examined| examined.metadata.kind == EntryKind::Directory),
                _ => false,
            };
            if is_folder {
                folders.names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        folders.names.sort_unstable();
        Ok(folders)
    }
}

const SYMLINK: &str =
    "it is a symlink, which is not followed: whoever may write here would choose what is read";
