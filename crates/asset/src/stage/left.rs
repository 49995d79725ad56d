//! Stagings whose process was killed before it could destroy them.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A staging that nobody holds any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// What it was opened for. Empty when its record is lost.
    pub name: String,
    /// When it was opened, if its record is there.
    pub opened: Option<Timestamp>,
    /// When it was to be destroyed at the latest, if its record is there.
    pub destroy_by: Option<Timestamp>,
    /// Its folder.
    pub path: PathBuf,
}
