//! Pictures that were taken of what was brought to life. They show what the website shows to everybody; they are kept for whoever
//! looks at the evidence, closed to everybody else, and go with their client.

use std::path::PathBuf;

use holdfast_world::durable;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::setup::Setup;

/// Keeps one; returns its hash.
pub(super) fn keep(setup: &Setup, repository: &str, pick: &str, picture: &[u8]) -> Result<String> {
    let folder = folder(setup, repository);
    let file = folder.join(format!("{pick}.png"));
    durable::create_directory(&folder, 0o700)
        .and_then(|()| durable::write(&file, picture, 0o600))
        .map_err(|error| Error::not_done(format!("keep the picture {}: {error}", file.display())))?;
    let hash: [u8; 32] = Sha256::digest(picture).into();
    Ok(hash.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Where one lies.
pub(super) fn path(setup: &Setup, repository: &str, pick: &str) -> PathBuf {
    folder(setup, repository).join(format!("{pick}.png"))
}

fn folder(setup: &Setup, repository: &str) -> PathBuf {
    setup.places.state.join("pictures").join(repository)
}

/// Removes those of a client that left.
///
/// # Errors
/// When something of them may be left.
pub(crate) fn forget(setup: &Setup, repository: &str) -> Result<()> {
    let folder = folder(setup, repository);
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::not_done(format!("remove the pictures in {}: {error}", folder.display())))
        }
        _ => Ok(()),
    }
}
