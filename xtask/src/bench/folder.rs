//! Folders as the bench needs them: listed, counted, removed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Every regular file below a folder with its size, sorted by path. With `read`, each one is read to its end.
pub(super) fn list(folder: &Path, read: bool) -> Result<Vec<(PathBuf, u64)>> {
    let mut found = Vec::new();
    add(folder, read, &mut found)?;
    found.sort();
    Ok(found)
}

fn add(folder: &Path, read: bool, found: &mut Vec<(PathBuf, u64)>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let facts = path.symlink_metadata()?;
        if facts.is_dir() {
            add(&path, read, found)?;
        } else if facts.is_file() {
            if read {
                std::io::copy(&mut std::fs::File::open(&path)?, &mut std::io::sink())?;
            }
            found.push((path, facts.len()));
        }
    }
    Ok(())
}

/// Regular files below a folder and the sum of their sizes.
pub(super) fn count(folder: &Path) -> Result<(u64, u64)> {
    let found = list(folder, false)?;
    Ok((found.len() as u64, found.iter().map(|(_, size)| size).sum()))
}

/// The folder that holds the most of these files.
pub(super) fn largest(files: &[(PathBuf, u64)]) -> PathBuf {
    let mut counts: HashMap<&Path, u64> = HashMap::new();
    for (path, _) in files {
        *counts.entry(path.parent().unwrap_or(path)).or_default() += 1;
    }
    // The name decides between equals, so that every run lists the same folder.
    let most = counts.into_iter().max_by_key(|(folder, count)| (*count, *folder));
    most.map(|(folder, _)| folder.to_owned()).unwrap_or_default()
}

/// Removes a folder with everything in it, if it is there.
pub(super) fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
