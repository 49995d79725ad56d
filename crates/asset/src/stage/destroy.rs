//! The end of a staging, with proof.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What was removed. It is given only when nothing is left: no process, no file, no folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destroyed {
    /// Everything that was removed and is no folder.
    pub files: u64,
    /// Folders.
    pub folders: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// How long it took.
    pub took: Duration,
}
