//! Making places ready: their root folder and the marker that tells them from an unmounted disk.
//!
//! Only the very first use does that unasked. A state folder that was lost looks like one that never was, and a disk
//! that is not mounted looks like a new place: together they would put a whole repository below an empty mount point
//! and call it a copy. The key ring tells them apart. Who has keys has made backups, and has to say himself that a place
//! is new.

use std::collections::BTreeSet;
use std::path::PathBuf;

use holdfast_model::estate::Credentials as CredentialSource;
use jiff::Timestamp;
use serde::Serialize;

use super::Setup;
use crate::error::Result;
use crate::record;
use crate::validate::resolved;

/// The record that a location was made ready by this state folder.
#[derive(Serialize)]
struct Established {
    location: String,
    time: Timestamp,
}

impl Setup {
    /// On the first use, makes every location ready that was not yet.
    pub(super) fn establish_on_first_use(&self) -> Result<()> {
        for name in self.opened.keys() {
            self.establish_one_on_first_use(name)?;
        }
        Ok(())
    }

    /// On the first use, makes the location called `name` ready, unless it was.
    pub(super) fn establish_one_on_first_use(&self, name: &str) -> Result<()> {
        let is_known = self.places.state.join("records/locations").join(format!("{name}.json")).exists();
        if !is_known && self.is_first_use()? {
            // A location that refuses or is down shows up as unusable, with its reason, when a repository is opened.
            let _ = self.establish_location(name);
        }
        Ok(())
    }

    /// Makes root and marker of the location called `name`, and records that it was done.
    pub fn establish_location(&self, name: &str) -> Result<()> {
        self.location(name)?.establish().map_err(holdfast_repo::Error::from)?;
        let established = Established { location: name.to_owned(), time: self.world.clock.now() };
        record::keep(&self.places.state, "locations", name, &established)
    }

    /// Whether no repository was ever made or taken up. A key file that cannot be read is one, too.
    fn is_first_use(&self) -> Result<bool> {
        // Passwords of mail servers and databases lie beside the keys, and are none.
        let credentials: BTreeSet<PathBuf> = self
            .estate
            .credentials()
            .filter_map(|source| match source {
                CredentialSource::File(path) => Some(resolved(&self.places.config.join(path))),
                CredentialSource::Environment(_) => None,
            })
            .collect();
        Ok(self.ring.files()?.iter().all(|file| credentials.contains(&resolved(file))))
    }
}
