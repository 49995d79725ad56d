//! What was executed, kept in the state folder as JSON files: known points, sizes of sources.
//!
//! Purge decides by them, and points are missed by them, so one that cannot be read is an error and never "nothing":
//! silence would delete. They are facts of this machine and no part of what a restore needs. They hold names of clients'
//! files, so the folder is closed to everybody else.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// Writes a record into the folder `kind` of the state; durable when it returns.
pub fn keep<T: Serialize>(state: &Path, kind: &str, name: &str, record: &T) -> Result<()> {
    let (folder, path) = (folder(state, kind), path(state, kind, name));
    let json =
        serde_json::to_vec_pretty(record).map_err(|e| Error::not_done(format!("write {kind}: {e}")))?;
    holdfast_world::durable::create_directory(&folder, 0o700)
        .and_then(|()| holdfast_world::durable::write(&path, &json, 0o600))
        .map_err(|e| Error::not_done(format!("keep the record {}: {e}", path.display())))
}

/// One record by its name; `None` only where there is none.
pub fn one<T: DeserializeOwned>(state: &Path, kind: &str, name: &str) -> Result<Option<T>> {
    let path = path(state, kind, name);
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

/// The names of the records of a kind, in their order; none where the folder cannot be read.
pub(crate) fn names(state: &Path, kind: &str) -> Vec<String> {
    let name =
        |entry: std::fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".json").map(str::to_owned);
    let entries = std::fs::read_dir(folder(state, kind)).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(name).collect();
    names.sort();
    names
}

/// Removes a record; returns whether it was there. Of two that remove the same one, a single one is told so.
pub(crate) fn remove(state: &Path, kind: &str, name: &str) -> Result<bool> {
    let path = path(state, kind, name);
    match std::fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::not_done(format!("remove {}: {error}", path.display()))),
    }
}

/// Where records of a kind lie.
pub(crate) fn folder(state: &Path, kind: &str) -> PathBuf {
    state.join("records").join(kind)
}

/// Where a record lies.
pub(crate) fn path(state: &Path, kind: &str, name: &str) -> PathBuf {
    folder(state, kind).join(format!("{name}.json"))
}
