//! The copies of a key that this machine holds: the ring's file, and whatever else holds the same words. And what the
//! state folder keeps of the client.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::KEY_FILE_BYTES_MAX;
use crate::error::{Error, Result};
use crate::setup::Setup;

/// Removes the key of a client and every copy of it in the folders of the configuration and the state; the ring's own file
/// last, because without it the others are not known any more.
pub(super) fn remove(setup: &Setup, client: &str) -> Result<Vec<PathBuf>> {
    let Some(key) = setup.ring.get(client)? else { return Ok(Vec::new()) };
    let own = setup.ring.path(client);
    let own = own.canonicalize().map_err(|error| trouble("find", &own, &error))?;
    // One may lie in the other.
    let (config, state) = (real(&setup.places.config)?, real(&setup.places.state)?);
    let repositories = state.join("repositories");
    let marks = key.marks();
    let mut holders = BTreeSet::new();
    let mut folders = vec![config, state];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder)? {
            let Ok(facts) = path.symlink_metadata() else { continue };
            if facts.is_dir() {
                // Sealed objects of repositories, by the thousand.
                if path != repositories {
                    folders.push(path);
                }
            } else if facts.is_file()
                && facts.len() <= KEY_FILE_BYTES_MAX
                && path != own
                && holds(&path, &marks)?
            {
                holders.insert(path);
            }
        }
    }
    let mut holders: Vec<PathBuf> = holders.into_iter().collect();
    holders.push(own);
    holders.iter().try_for_each(|path| erase(path))?;
    Ok(holders)
}

/// Removes caches, spool and records of the client.
pub(super) fn remove_state(setup: &Setup, client: &str, assets: &BTreeSet<String>) -> Result<()> {
    let state = &setup.places.state;
    let folder = state.join("repositories").join(client);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(trouble("remove", &folder, &error)),
        _ => {}
    }
    let records = state.join("records");
    let mut files = vec![records.join("points").join(format!("{client}.json"))];
    files.extend(assets.iter().map(|asset| records.join("sizes").join(format!("{asset}.json"))));
    for file in files {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(trouble("remove", &file, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn real(folder: &Path) -> Result<PathBuf> {
    folder.canonicalize().map_err(|error| trouble("find", folder, &error))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.flatten().map(|entry| entry.path()).collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(trouble("list", folder, &error)),
    }
}

fn holds(path: &Path, marks: &[String]) -> Result<bool> {
    let content = fs::read(path).map_err(|error| trouble("read", path, &error))?;
    let text = String::from_utf8_lossy(&content);
    Ok(marks.iter().any(|mark| text.contains(mark.as_str())))
}

/// Writes over a file before it is removed. What a file system or a disk keeps of the old blocks is beyond us.
fn erase(path: &Path) -> Result<()> {
    let overwrite = || {
        let length = path.metadata()?.len();
        let mut file = OpenOptions::new().write(true).open(path)?;
        std::io::copy(&mut std::io::Read::take(std::io::repeat(0), length), &mut file)?;
        file.flush()?;
        file.sync_all()
    };
    // A file that cannot be written over is removed all the same.
    let _ = overwrite();
    fs::remove_file(path).map_err(|error| trouble("remove", path, &error))?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    holdfast_world::durable::sync_directory(folder).map_err(|error| trouble("sync", folder, &error))
}

fn trouble(verb: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::not_done(format!("{verb} {}: {error}", path.display()))
        .hint("run it again: it goes on where it was")
}
