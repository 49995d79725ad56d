//! The folder for stagings of this estate.

use std::path::PathBuf;

use holdfast_asset::stage::{DEFAULT_ROOT, Root, StageError, StageErrorKind, is_staging};
use holdfast_model::estate::Asset;

use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::setup::Setup;
use crate::validate::resolved;

/// The folder, made ready.
///
/// # Errors
/// When nothing may be restored there.
pub(super) fn open(setup: &Setup) -> Result<Root> {
    Root::at(&folder(setup), &setup.world).map_err(|error| failed(&error))
}

pub(super) fn folder(setup: &Setup) -> PathBuf {
    setup.estate.staging.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_ROOT))
}

pub(super) fn failed(error: &StageError) -> Error {
    let (ending, hint) = match error.kind {
        StageErrorKind::Plain => (
            Ending::Refused,
            "name a folder in memory or on an encrypted volume in estate.toml: [staging] folder = \"/dev/shm/holdfast-staging\"",
        ),
        StageErrorKind::NotIsolated => {
            (Ending::NotDone, "run it as root: what is restored is cut off by namespaces of its own")
        }
        StageErrorKind::Missing => {
            (Ending::NotDone, "install what is missing, here or on a machine that only tests")
        }
        StageErrorKind::Interrupted => (Ending::Interrupted, "run it again"),
        _ => (Ending::NotDone, "`holdfast test list` shows what was seen"),
    };
    Error::new(ending, error.message.clone()).hint(hint)
}

/// Refuses a source that lies among what was restored for tests, or holds it: a backup of it would keep for years what had to be
/// gone in a day.
///
/// # Errors
/// Always for such a source.
pub(crate) fn refuse_staging(setup: &Setup, asset: &Asset) -> Result<()> {
    let own = resolved(&folder(setup));
    let paths = asset.folder().into_iter();
    let mut paths =
        paths.flat_map(|folder| [&folder.path].into_iter().chain(folder.also.iter().map(|(also, _)| also)));
    let touches = |path: &&PathBuf| {
        let path = resolved(path);
        own.starts_with(&path) || path.starts_with(&own) || is_staging(&path)
    };
    let Some(path) = paths.find(touches) else { return Ok(()) };
    let message = format!(
        "{} and the folder for stagings lie inside each other: what is restored for tests is in no backup",
        path.display()
    );
    Err(Error::new(Ending::Refused, message)
        .hint("back up what it was restored from, or name another [staging] folder"))
}
