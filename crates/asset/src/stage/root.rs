//! The folder for stagings, and the stagings in it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use holdfast_world::{World, durable};
use jiff::Timestamp;

use super::Stage;
use super::destroy::{Destroyed, remove};
use super::encrypted::Kernel;
use super::failure::{StageError, StageErrorKind};
use super::left::{self, Held, Left};
use super::settings::Settings;

/// Where stagings lie unless told otherwise: in memory.
pub const DEFAULT_ROOT: &str = "/dev/shm/holdfast-staging";
/// What marks the folder.
const MARKER: &str = ".holdfast-staging";
/// The longest path, in bytes: below it lie sockets, whose paths have 107 at most.
const PATH_BYTES_MAX: usize = 60;

/// The folder for stagings.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    world: World,
}

impl Root {
    /// Makes the folder ready: 0700, root's, marked as what no backup takes. Nothing is left behind when it is refused.
    ///
    /// # Errors
    /// [`StageErrorKind::Plain`] when it lies neither in memory nor on an encrypted volume,
    /// [`StageErrorKind::NotIsolated`] when we are not root.
    pub fn at(path: &Path, world: &World) -> Result<Root, StageError> {
        refuse_without_root(world.environment.uid())?;
        if !path.is_absolute() || path.as_os_str().len() > PATH_BYTES_MAX {
            return Err(StageError::refused(format!(
                "the folder for stagings must be absolute and no longer than {PATH_BYTES_MAX} bytes: {}",
                path.display()
            )));
        }
        let there = path.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
        let kernel = Kernel::real();
        let plain = kernel.plain(there).map_err(|error| StageError::io("look at", there, error))?;
        if let Some(why) = plain {
            return Err(StageError::new(
                StageErrorKind::Plain,
                format!(
                    "{} is no place for stagings: {why}, and what is restored there is in plain text. Name a folder in memory \
                     (such as {DEFAULT_ROOT}) or on a volume of dm-crypt",
                    path.display()
                ),
            ));
        }
        let failed = |error| StageError::io("make", path, error);
        durable::create_directory(path, 0o700).map_err(failed)?;
        let metadata = path.symlink_metadata().map_err(failed)?;
        // In memory anybody can make a folder of this name before us.
        if !metadata.is_dir() || metadata.uid() != world.environment.uid() {
            return Err(StageError::refused(format!(
                "{} is not a folder of root's: remove it, or name another one",
                path.display()
            )));
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        let marker = path.join(MARKER);
        if !marker.exists() {
            let text =
                b"What lies here was restored for a test and is destroyed again. No backup takes it.\n";
            durable::write(&marker, text, 0o600).map_err(|error| StageError::io("write", &marker, error))?;
        }
        let path = path.canonicalize().map_err(failed)?;
        Ok(Root { path, world: world.clone() })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is to be known about this machine: swap that is not encrypted takes what lies in memory to a disk.
    pub fn doubts(&self) -> Vec<String> {
        let swaps = Kernel::real().plain_swap();
        let told = |swap| {
            format!(
                "the machine may move memory to {swap}, which is not encrypted: encrypt its swap, or switch it off while \
                 restores are tested"
            )
        };
        swaps.into_iter().map(told).collect()
    }

    /// Bytes that can be written there still.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn free_bytes(&self) -> Result<u64, StageError> {
        let room = rustix::fs::statvfs(&self.path);
        let room = room.map_err(|error| StageError::io("measure", &self.path, error))?;
        Ok(room.f_bavail.saturating_mul(room.f_frsize))
    }

    /// Opens a staging: its folder and its namespaces, with nothing in them. `name` says what for, in any words.
    /// `destroy_by` is written down for whoever finds it after us; ending it in time is the caller's work.
    ///
    /// # Errors
    /// [`StageErrorKind::NotIsolated`] when the namespaces cannot be had.
    pub fn open(&self, name: &str, destroy_by: Timestamp, settings: &Settings) -> Result<Stage, StageError> {
        let opened = self.world.clock.now();
        let held = Held::make(&self.path, name, opened, destroy_by, &*self.world.random)?;
        Stage::open(held, settings.clone(), self.world.clone())
    }

    /// Stagings that nobody holds any more. Their processes ended with whoever opened them.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn left(&self) -> Result<Vec<Left>, StageError> {
        left::all(&self.path)
    }

    /// Destroys one of those.
    ///
    /// # Errors
    /// [`StageErrorKind::Refused`] when somebody holds it, or it is none of ours; [`StageErrorKind::Left`] when something remains.
    pub fn destroy(&self, left: &Left) -> Result<Destroyed, StageError> {
        let path = &left.path;
        if path.parent() != Some(self.path.as_path()) {
            return Err(StageError::refused(format!("{} is no staging of this folder", path.display())));
        }
        let Some(held) = Held::take(path)? else {
            return Err(StageError::refused(format!("somebody holds the staging {}", path.display())));
        };
        let destroyed = remove(path, &*self.world.clock);
        held.release();
        destroyed
    }

    /// Whether a folder holds this one, or lies in it: such a folder is never a source of a backup.
    pub fn overlaps(&self, path: &Path) -> bool {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        path.starts_with(&self.path) || self.path.starts_with(&path)
    }
}

/// Whether a path is, or lies in, a folder for stagings, wherever that is.
pub fn is_staging(path: &Path) -> bool {
    let is_marked = |folder: &Path| folder.join(MARKER).symlink_metadata().is_ok();
    let real = path.canonicalize();
    path.ancestors().any(is_marked) || real.is_ok_and(|real| real.ancestors().any(is_marked))
}

/// Namespaces need root. There is no lesser way: a test that is not kept apart is not run.
fn refuse_without_root(uid: u32) -> Result<(), StageError> {
    if uid == 0 {
        return Ok(());
    }
    Err(StageError::new(
        StageErrorKind::NotIsolated,
        "what is restored for a test is run apart from the rest of the machine, in network, process and mount namespaces of \
         its own, and only root can make them: run holdfast as root. Nothing is run unisolated",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_but_root_gets_a_staging() {
        let error = refuse_without_root(1000).unwrap_err();
        assert_eq!(error.kind, StageErrorKind::NotIsolated);
        assert!(error.message.contains("run holdfast as root"), "{error}");
        refuse_without_root(0).unwrap();
    }
}
