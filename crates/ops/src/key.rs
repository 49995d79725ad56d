//! Keys of repositories: listing them, and taking up one that was made elsewhere.

use std::path::{Path, PathBuf};

use holdfast_ledger::{ActionKind, NewAction};
use holdfast_repo::Repository;
use holdfast_world::{ExposeSecret, SecretString, secrets};
use serde::Serialize;

use crate::action;
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::key_ring::RepositoryKey;
use crate::setup::Setup;

/// One key of the ring.
#[derive(Debug, Serialize)]
pub struct KeyInfo {
    /// The repository.
    pub repository: String,
    /// Its file.
    pub file: PathBuf,
    /// The assets that are backed up into it.
    pub assets: Vec<String>,
}

/// Lists the ring.
pub fn list(setup: &Setup) -> Result<Vec<KeyInfo>> {
    let assets = setup.repositories();
    let describe = |repository: String| KeyInfo {
        file: setup.ring.path(&repository),
        assets: assets.get(&repository).cloned().unwrap_or_default(),
        repository,
    };
    Ok(setup.ring.repositories()?.into_iter().map(describe).collect())
}

/// The recovery kit in force.
pub fn kit(setup: &Setup) -> Result<Option<holdfast_model::verdict::Kit>> {
    crate::recovery::known_kit(&setup.places.config)
}

/// Takes up the existing repository `repository` with the password in `password_file`.
pub fn import(setup: &Setup, repository: &str, password_file: &Path) -> Result<KeyInfo> {
    let text = secrets::read_text(password_file).map_err(|e| Error::usage(e.to_string()))?;
    // restic trims the same way.
    let password = SecretString::from(text.expose_secret().trim().to_owned());
    let mirrors = setup.mirrors(repository, None)?;
    let identity = Repository::adopt(&mirrors, password.expose_secret())?;
    let action = NewAction {
        repository: Some(repository.to_owned()),
        ..action::by_us(setup, ActionKind::KeyImport, None)
    };
    let put = || setup.ring.put(repository, RepositoryKey { password, identity });
    action::recorded(setup, action, put, |_| Ending::Done)?;
    let assets = setup.repositories().remove(repository).unwrap_or_default();
    Ok(KeyInfo { repository: repository.to_owned(), file: setup.ring.path(repository), assets })
}
