//! What was executed, kept in the state folder as JSON files: known points, sizes of sources.
//!
//! Purge decides by them, and points are missed by them, so one that cannot be read is an error and never "nothing":
//! silence would delete. They are facts of this machine and no part of what a restore needs. They hold names of clients'
//! files, so the folder is closed to everybody else.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// Writes a record into the folder `kind` of the state; durable when it returns.
pub fn keep<T: Serialize>(state: &Path, kind: &str, name: &str, record: &T) -> Result<()> {
    let folder = state.join("records").join(kind);
    let path = folder.join(format!("{name}.json"));
    let json =
        serde_json::to_vec_pretty(record).map_err(|e| Error::not_done(format!("write {kind}: {e}")))?;
    holdfast_world::durable::create_directory(&folder, 0o700)
        .and_then(|()| holdfast_world::durable::write(&path, &json, 0o600))
        .map_err(|e| Error::not_done(format!("keep the record {}: {e}", path.display())))
}

/// One record by its name; `None` only where there is none.
pub fn one<T: DeserializeOwned>(state: &Path, kind: &str, name: &str) -> Result<Option<T>> {
    let path = state.join("records").join(kind).join(format!("{name}.json"));
    let unreadable = |cause: String| {
        Error::not_done(format!("read the record {}: {cause}", path.display()))
            .hint("what it proved is unknown now: restore it, or move it away and verify again")
    };
    match std::fs::read(&path) {
        Ok(json) => serde_json::from_slice(&json).map(Some).map_err(|e| unreadable(e.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(error.to_string())),
    }
}
