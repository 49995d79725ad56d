//! A folder for secrets and half-done work, which is gone when the work is, and never counts as its result.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use holdfast_world::Environment;

use crate::error::{Error, Result};

/// The folder; removed when this is dropped.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes one beside `beside`, for this process. What a dead process left of its own is removed first: secrets lie there.
    pub(super) fn beside(beside: &Path, environment: &Environment) -> Result<Scratch> {
        let absolute = std::path::absolute(beside).map_err(|e| failed(beside, &e))?;
        let parent = absolute.parent().unwrap_or(Path::new("/"));
        let name = absolute.file_name().and_then(|name| name.to_str()).unwrap_or("holdfast");
        let prefix = format!(".{name}.half-");
        fs::create_dir_all(parent).map_err(|e| failed(parent, &e))?;
        for left in crate::folder::entries(parent)? {
            let left_name = left.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let pid = left_name.strip_prefix(&prefix).and_then(|pid| pid.parse().ok());
            if pid.is_some_and(|pid| pid == environment.pid() || !environment.pid_alive(pid)) {
                fs::remove_dir_all(&left).map_err(|e| failed(&left, &e))?;
            }
        }
        let path = parent.join(format!("{prefix}{}", environment.pid()));
        fs::DirBuilder::new().mode(0o700).create(&path).map_err(|e| failed(&path, &e))?;
        Ok(Scratch { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Flushes a folder in it and moves it where it belongs, onto an empty folder perhaps. From then on it is there, whole.
    pub(super) fn release(&self, part: &str, target: &Path) -> Result<()> {
        let part = self.path.join(part);
        sync(&part)?;
        let target = std::path::absolute(target).map_err(|e| failed(target, &e))?;
        fs::rename(&part, &target).map_err(|error| {
            Error::not_done(format!("put everything into {}: {error}", target.display()))
                .hint("it must be empty or not there; was something written into it meanwhile?")
        })?;
        let parent = target.parent().unwrap_or(Path::new("/"));
        holdfast_world::durable::sync_directory(parent).map_err(|e| failed(parent, &e))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Refuses a folder that holds something.
pub(super) fn require_empty(folder: &Path) -> Result<()> {
    let is_there = folder.symlink_metadata().is_ok();
    let is_usable = !is_there || (folder.is_dir() && crate::folder::entries(folder)?.is_empty());
    if is_usable {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{} is there and not an empty folder; nothing is overwritten",
        folder.display()
    ))
    .hint("name a folder that is empty or not there yet"))
}

fn sync(folder: &Path) -> Result<()> {
    for path in crate::folder::entries(folder)? {
        let Ok(facts) = path.symlink_metadata() else { continue };
        if facts.is_dir() {
            sync(&path)?;
        } else if facts.is_file() {
            fs::File::open(&path).and_then(|file| file.sync_all()).map_err(|e| failed(&path, &e))?;
        }
    }
    holdfast_world::durable::sync_directory(folder).map_err(|e| failed(folder, &e))
}

fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::not_done(format!("prepare {}: {error}", path.display()))
}
