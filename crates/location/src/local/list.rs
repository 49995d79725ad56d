//! Listing a folder: everything or an error.

use std::fs::{self, DirEntry, Metadata};
use std::io::ErrorKind as Io;
use std::path::Path;
use std::time::Duration;

use super::Local;
use super::write::TEMPORARY_PREFIX;
use crate::contract::Listed;
use crate::error::Error;
use crate::key::{Area, is_reserved, valid_object, valid_repository};

/// Temporary files older than this belong to nobody any more: no transfer of one object takes so long.
const TEMPORARY_AGE_MAX: Duration = Duration::from_secs(24 * 3600);

impl Local {
    pub(super) fn list_area(
        &self,
        action: &str,
        repository: &Path,
        area: Area,
    ) -> Result<Vec<Listed>, Error> {
        let mut listed = Vec::new();
        match area {
            Area::Config => match fs::symlink_metadata(repository.join("config")) {
                Ok(metadata) => listed.extend(object("config", &metadata)),
                Err(error) if error.kind() == Io::NotFound => self.present(action)?,
                Err(error) => return Err(self.io(action, repository, &error)),
            },
            Area::Data => {
                let folder = repository.join(area.folder());
                self.each_entry(action, &folder, |entry, name, metadata| {
                    if metadata.is_dir() && name.len() == 2 {
                        return self.list_objects(action, &entry.path(), Some(name), &mut listed);
                    }
                    Ok(())
                })?;
            }
            _ => self.list_objects(action, &repository.join(area.folder()), None, &mut listed)?,
        }
        if listed.is_empty() {
            // An unmounted disk has empty folders, too.
            self.present(action)?;
        }
        Ok(listed)
    }

    pub(super) fn list_repositories(&self, action: &str) -> Result<Vec<String>, Error> {
        self.present(action)?;
        let mut repositories = Vec::new();
        self.each_entry(action, &self.root, |_, name, metadata| {
            if metadata.is_dir() && valid_repository(name) && !is_reserved(name) {
                repositories.push(name.to_owned());
            }
            Ok(())
        })?;
        Ok(repositories)
    }

    fn list_objects(
        &self,
        action: &str,
        folder: &Path,
        prefix: Option<&str>,
        listed: &mut Vec<Listed>,
    ) -> Result<(), Error> {
        self.each_entry(action, folder, |entry, name, metadata| {
            if valid_object(name) && prefix.is_none_or(|prefix| name.starts_with(prefix)) {
                listed.extend(object(name, metadata));
            } else if name.starts_with(TEMPORARY_PREFIX) {
                self.sweep(entry, metadata);
            }
            Ok(())
        })
    }

    /// Calls `visit` for every entry; a folder that is absent has none, one that cannot be read is an error.
    fn each_entry(
        &self,
        action: &str,
        folder: &Path,
        mut visit: impl FnMut(&DirEntry, &str, &Metadata) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == Io::NotFound => return Ok(()),
            Err(error) => return Err(self.io(action, folder, &error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| self.io(action, folder, &error))?;
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // Deleted while we listed.
                Err(error) if error.kind() == Io::NotFound => continue,
                Err(error) => return Err(self.io(action, &entry.path(), &error)),
            };
            if let Some(name) = entry.file_name().to_str() {
                visit(&entry, name, &metadata)?;
            }
        }
        Ok(())
    }

    /// Removes a temporary file that a dead writer left; failing is harmless, it stays invisible.
    fn sweep(&self, entry: &DirEntry, metadata: &Metadata) {
        let Ok(modified) = metadata.modified() else { return };
        let now = std::time::SystemTime::from(self.surroundings.clock.now());
        if now.duration_since(modified).is_ok_and(|age| age > TEMPORARY_AGE_MAX) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn object(name: &str, metadata: &Metadata) -> Option<Listed> {
    metadata.is_file().then(|| Listed { name: name.to_owned(), size: metadata.len() })
}
