//! Walking a folder: every file, whatever its name.

use std::fs;
use std::io::ErrorKind as Io;
use std::path::PathBuf;

use jiff::Timestamp;

use super::{Local, write};
use crate::error::{Error, ErrorKind};
use crate::walk::{Lying, Walk, What, is_below};

impl Local {
    pub(super) fn walk_all(&self, action: &str, repository: Option<&str>) -> Result<Walk, Error> {
        self.present(action)?;
        let mut walk = Walk::default();
        let mut folders: Vec<PathBuf> = vec![match repository {
            Some(name) => self.repository_folder(action, name)?,
            None => self.root.clone(),
        }];
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
                let name = path.strip_prefix(&self.root).unwrap_or(&path);
                walk.lying.push(Lying {
                    path: name.to_string_lossy().into_owned(),
                    what: What::Current,
                    bytes: metadata.len(),
                    modified: metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok()),
                    version: None,
                });
            }
        }
        Ok(walk)
    }

    pub(super) fn erase_file(&self, action: &str, lying: &Lying) -> Result<(), Error> {
        if !is_below(&lying.path) || lying.what != What::Current {
            return Err(self.error(ErrorKind::Unsupported, action, "it is no file of this place"));
        }
        let path = self.root.join(&lying.path);
        match fs::remove_file(&path) {
            Ok(()) => {
                let folder = path.parent().unwrap_or(&self.root);
                write::sync_folder(folder).map_err(|error| self.io(action, folder, &error))
            }
            Err(error) if error.kind() == Io::NotFound => self.present(action),
            Err(error) => Err(self.io(action, &path, &error)),
        }
    }
}
