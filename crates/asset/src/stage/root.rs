//! The folder for stagings, and the stagings in it.

use std::path::Path;

use holdfast_world::World;
use jiff::Timestamp;

use super::Stage;
use super::destroy::Destroyed;
use super::failure::StageError;
use super::left::Left;
use super::settings::Settings;

/// Where stagings lie unless told otherwise: in memory.
pub const DEFAULT_ROOT: &str = "/dev/shm/holdfast-staging";

/// The folder for stagings.
#[derive(Debug)]
pub struct Root {}

impl Root {
    /// Makes the folder ready: 0700, root's, marked as what no backup takes. Nothing is left behind when it is refused.
    ///
    /// # Errors
    /// [`super::StageErrorKind::Plain`] when it lies neither in memory nor on an encrypted volume,
    /// [`super::StageErrorKind::NotIsolated`] when we are not root.
    pub fn at(_path: &Path, _world: &World) -> Result<Root, StageError> {
        Err(StageError::refused("not built yet"))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        Path::new(DEFAULT_ROOT)
    }

    /// What is to be known about this machine: swap that is not encrypted takes what lies in memory to a disk.
    pub fn doubts(&self) -> Vec<String> {
        Vec::new()
    }

    /// Bytes that can be written there still.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn free_bytes(&self) -> Result<u64, StageError> {
        Err(StageError::refused("not built yet"))
    }

    /// Opens a staging: its folder and its namespaces, with nothing in them. `name` says what for, in any words.
    /// `destroy_by` is written down for whoever finds it after us; ending it in time is the caller's work.
    ///
    /// # Errors
    /// [`super::StageErrorKind::NotIsolated`] when the namespaces cannot be had.
    pub fn open(
        &self,
        _name: &str,
        _destroy_by: Timestamp,
        _settings: &Settings,
    ) -> Result<Stage, StageError> {
        Err(StageError::refused("not built yet"))
    }

    /// Stagings that nobody holds any more. Their processes ended with whoever opened them.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn left(&self) -> Result<Vec<Left>, StageError> {
        Err(StageError::refused("not built yet"))
    }

    /// Destroys one of those.
    ///
    /// # Errors
    /// When somebody holds it, or something remains.
    pub fn destroy(&self, _left: &Left) -> Result<Destroyed, StageError> {
        Err(StageError::refused("not built yet"))
    }

    /// Whether a folder holds this one, or lies in it: such a folder is never a source of a backup.
    pub fn overlaps(&self, _path: &Path) -> bool {
        false
    }
}

/// Whether a path is, or lies in, a folder for stagings, wherever that is.
pub fn is_staging(_path: &Path) -> bool {
    false
}
