//! Where one program works in one round: its folders, what it backs up, and where its copies lie.

use std::path::{Path, PathBuf};

use super::material::Material;
use crate::process;

/// Everything that a command line of one round is made of.
pub(super) struct Setting<'a> {
    /// For configuration, caches and repositories; emptied before each program's turn.
    pub(super) scratch: &'a Path,
    /// What is backed up, with what to restore and list of it.
    pub(super) material: &'a Material,
    /// Where the copies lie.
    pub(super) store: Store,
    /// An empty folder to restore into.
    pub(super) target: PathBuf,
    /// Points made so far.
    pub(super) points: u32,
}

/// Where the copies lie.
pub(super) enum Store {
    /// In so many folders of this machine; ours alone can fill more than one in one pass.
    Folders(usize),
    /// Behind a REST server.
    Rest(RestStore),
}

/// A folder behind a REST server.
pub(super) struct RestStore {
    /// The port of 127.0.0.1 that the program shall connect to.
    pub(super) port: u16,
    /// The folder that the server serves.
    pub(super) root: PathBuf,
}

impl Setting<'_> {
    /// A new one with a local repository, and the folder for restores.
    pub(super) fn new<'a>(scratch: &'a Path, material: &'a Material, store: Store) -> Setting<'a> {
        let target = restore_folder(scratch, material.files.1);
        Setting { scratch, material, store, target, points: 0 }
    }

    /// The folder of one local location.
    pub(super) fn place(scratch: &Path, number: usize) -> PathBuf {
        scratch.join(format!("place{number}"))
    }

    /// The source as a word of a command line.
    pub(super) fn source(&self) -> String {
        self.material.folder.display().to_string()
    }

    /// A path within the source, as a word of a command line.
    pub(super) fn inside(&self, relative: &Path) -> String {
        // Joining an empty path would leave a slash at the end.
        let folder = &self.material.folder;
        let path = if relative.as_os_str().is_empty() { folder.clone() } else { folder.join(relative) };
        path.display().to_string()
    }
}

/// In memory, so that the disk's writing is not what is measured, unless memory is short.
pub(super) fn restore_folder(scratch: &Path, bytes: u64) -> PathBuf {
    let df = process::output(process::command("df", &["--output=avail", "-B1", "/dev/shm"]));
    let free: u64 = df.ok().and_then(|text| text.lines().nth(1)?.trim().parse().ok()).unwrap_or(0);
    if free > bytes * 2 {
        return PathBuf::from(format!("/dev/shm/holdfast-bench-{}", std::process::id()));
    }
    scratch.join("restored")
}
