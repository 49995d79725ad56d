//! Walking a folder: every file, whatever its name.

use std::fs;
use std::io::ErrorKind as Io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Local, write};
use crate::error::{Error, ErrorKind};
use crate::walk::{Lying, Walk, What, is_below};

impl Local {
    pub(super) fn walk_all(&self, action: &str, repository: Option<&str>) -> Result<Walk, Error> {
        self.present(action)?;
        let mut walk = Walk::default();
        let top = match repository {
            Some(name) => self.repository_folder(action, name)?,
            None => self.root.clone(),
        };
        self.each_file(action, top, &mut |path, metadata| {
            walk.lying.push(Lying {
                path: self.shown(path),
                what: What::Current,
                bytes: metadata.len(),
                modified: metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok()),
                version: None,
            });
        })?;
        Ok(walk)
    }

    /// How a file is called in a walk. Names are bytes, and what is no text is shown with a mark in its place.
    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned()
    }

    fn each_file(
        &self,
        action: &str,
        top: PathBuf,
        see: &mut dyn FnMut(&Path, &fs::Metadata),
    ) -> Result<(), Error> {
        let mut folders = vec![top];
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == Io::NotFound => continue,
                Err(error) => return Err(self.io(action, &folder, &error)),
            };
            for entry in entries {
                let path = entry.map_err(|error| self.io(action, &folder, &error))?.path();
                let metadata = match fs::symlink_metadata(&path) {
                    Ok(metadata) => metadata,
                    Err(error) if error.kind() == Io::NotFound => continue,
                    Err(error) => return Err(self.io(action, &path, &error)),
                };
                if metadata.is_dir() {
                    folders.push(path);
                    continue;
                }
                see(&path, &metadata);
            }
        }
        Ok(())
    }

    pub(super) fn erase_file(&self, action: &str, lying: &Lying) -> Result<(), Error> {
        if !is_below(&lying.path) || lying.what != What::Current {
            return Err(self.error(ErrorKind::Unsupported, action, "it is no file of this place"));
        }
        if !lying.path.contains(char::REPLACEMENT_CHARACTER) {
            return self.remove(action, &self.root.join(&lying.path));
        }
        // Several files may be shown by this name; a walk found each of them.
        let top = lying.path.split('/').next().unwrap_or_default();
        let (top, mut files) = (self.root.join(top), Vec::new());
        let top = if top.is_dir() { top } else { self.root.clone() };
        self.each_file(action, top, &mut |path, _| {
            if self.shown(path) == lying.path {
                files.push(path.to_owned());
            }
        })?;
        files.iter().try_for_each(|path| self.remove(action, path))
    }

    fn remove(&self, action: &str, path: &Path) -> Result<(), Error> {
        match fs::remove_file(path) {
            Ok(()) => {
                let folder = path.parent().unwrap_or(&self.root);
                write::sync_folder(folder).map_err(|error| self.io(action, folder, &error))
            }
            Err(error) if error.kind() == Io::NotFound => self.present(action),
            Err(error) => Err(self.io(action, path, &error)),
        }
    }
}
