//! Writing a new configuration out of the ring and a copy: files where the estate looks for them, none outside of the folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use holdfast_model::estate::Credentials as CredentialSource;
use holdfast_model::read_estate;
use holdfast_world::secrets;

use super::ledger_copy::{CONFIGURATION, LEDGER, STATE};
use super::ring::Contents;
use crate::error::{Error, Result};
use crate::journal;
use crate::setup::Places;

/// What is written, and where.
pub(super) struct Configuration<'r> {
    pub(super) ring: &'r Contents,
    /// Clients whose keys are not written.
    pub(super) shredded: BTreeSet<String>,
    /// Where it is written.
    pub(super) places: &'r Places,
    /// Where it will lie.
    pub(super) into: &'r Path,
}

impl Configuration<'_> {
    pub(super) fn write(&self, whole: &Path, notes: &mut Vec<String>) -> Result<()> {
        let failed = |error: std::io::Error| Error::not_done(format!("write the new configuration: {error}"));
        let (config, state) = (&self.places.config, &self.places.state);
        for folder in [config.as_path(), &config.join("keys"), state] {
            secrets::private_directory(folder).map_err(|error| Error::not_done(error.to_string()))?;
        }
        let is_readable = |name: &str| whole.join(CONFIGURATION).join(name).is_file();
        for name in ["policy.toml", "estate.toml"] {
            let copied = whole.join(CONFIGURATION).join(name);
            match self.ring.get(name) {
                // Newer than the copy, or of the same moment.
                Some(text) => fs::write(config.join(name), text).map_err(failed)?,
                None if is_readable(name) => {
                    fs::copy(copied, config.join(name)).map(|_| ()).map_err(failed)?;
                }
                None => notes.push(format!("{name} is in neither the ring nor the copy")),
            }
        }
        let is_shredded = |name: &str| {
            name.strip_suffix(".toml").is_some_and(|repository| self.shredded.contains(repository))
        };
        for (name, content) in self.ring.below("keys").filter(|(name, _)| !is_shredded(name)) {
            secrets::write(&config.join("keys").join(name), content)
                .map_err(|e| Error::not_done(e.to_string()))?;
        }
        self.write_credentials(notes)?;
        fs::rename(whole.join(LEDGER), journal::path(state)).map_err(failed)?;
        move_into(&whole.join(STATE), state).map_err(failed)
    }

    /// Credentials go where the estate looks for them; the files that they name lie in keys/ from here on.
    fn write_credentials(&self, notes: &mut Vec<String>) -> Result<()> {
        let Some(text) = self.ring.get("estate.toml").and_then(|text| std::str::from_utf8(text).ok()) else {
            return Ok(());
        };
        let Some(estate) = read_estate("estate.toml", text).value else { return Ok(()) };
        let keys = std::path::absolute(self.into).unwrap_or_else(|_| self.into.to_owned()).join("keys");
        self.ring.write_named_files(&self.places.config.join("keys"))?;
        for (name, location) in &estate.locations {
            let sources = [("", &location.credentials), ("delete-", &location.delete_credentials)];
            for (which, source) in
                sources.into_iter().filter_map(|(which, source)| Some((which, source.as_ref()?)))
            {
                let Some(text) = self.ring.credentials_in(name.as_ref(), &keys, which) else {
                    notes.push(format!("the ring has no credentials of the location {name}"));
                    continue;
                };
                let own = format!("keys/{name}-{which}credentials.toml");
                self.write_secret(source, own, text.as_bytes(), notes)?;
            }
        }
        for (name, source) in estate.credentials_beside() {
            match self.ring.credentials_beside(&name) {
                Some(text) => self.write_secret(source, format!("keys/{name}.toml"), text, notes)?,
                None => notes.push(format!("the ring has no credentials of {name}")),
            }
        }
        Ok(())
    }

    /// Writes credentials to where the estate looks for them, if that is in the folder; else under a name of ours, and says so.
    fn write_secret(
        &self,
        source: &CredentialSource,
        own: String,
        text: &[u8],
        notes: &mut Vec<String>,
    ) -> Result<()> {
        let file = match source {
            CredentialSource::File(path) if is_below(path) => path.clone(),
            CredentialSource::File(path) => {
                notes.push(format!("estate.toml names {}; what stood there lies in {own}", path.display()));
                own.into()
            }
            CredentialSource::Environment(prefix) => {
                notes.push(format!(
                    "estate.toml names the variables {prefix}_…; what stood in them lies in {own}"
                ));
                own.into()
            }
        };
        let path = self.places.config.join(file);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .map_err(|e| Error::not_done(format!("make {}: {e}", folder.display())))?;
        }
        secrets::write(&path, text).map_err(|error| Error::not_done(error.to_string()))
    }
}

/// Whether a path leads below the folder of the configuration.
fn is_below(path: &Path) -> bool {
    path.components().all(|part| matches!(part, std::path::Component::Normal(_)))
}

/// Moves what lies in a folder into another that has folders of the same names perhaps.
fn move_into(from: &Path, to: &Path) -> std::io::Result<()> {
    for path in crate::folder::entries(from).unwrap_or_default() {
        let Some(name) = path.file_name() else { continue };
        let target = to.join(name);
        if path.is_dir() {
            fs::create_dir_all(&target)?;
            move_into(&path, &target)?;
        } else {
            fs::rename(&path, &target)?;
        }
    }
    Ok(())
}
