//! What this machine keeps of a repository goes with it: copies of snapshots and index files, and sealed objects that
//! waited for a location. A purged point that a cache still holds is not purged.

use std::collections::BTreeSet;
use std::path::PathBuf;

use holdfast_format::Id;
use holdfast_location::Area;
use holdfast_repo::{MirrorState, Monitor, Repository, Trouble, TroubleKind};

use crate::error::{Error, Result};
use crate::folder::entries;
use crate::setup::Setup;

/// Removes what no location lists any more. While one cannot be asked, what only it may hold stays, and that is told.
pub(crate) fn clean(setup: &Setup, repository: &Repository, monitor: &dyn Monitor) -> Result<()> {
    // That it could not be asked was told when the repository was opened.
    if repository.states().any(|(_, state)| matches!(state, MirrorState::Unusable { .. })) {
        return Ok(());
    }
    let mut listed: BTreeSet<(Area, Id)> = BTreeSet::new();
    for mirror in repository.ready() {
        for area in [Area::Snapshots, Area::Index, Area::Data] {
            match mirror.list(area) {
                Ok(objects) => listed.extend(objects.into_iter().map(|(id, _)| (area, id))),
                Err(error) => {
                    let message = format!("the caches were not cleaned: {error}");
                    monitor.trouble(Trouble::new(TroubleKind::Location, mirror.name(), message));
                    return Ok(());
                }
            }
        }
    }
    let mut left = repository.stale_cached(&listed)?;
    left.extend(of_strangers(setup, repository)?);
    for path in left {
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(Error::not_done(format!("remove {} from the cache: {error}", path.display())));
        }
    }
    Ok(())
}

/// The memory of the last backup of assets that are not backed up into this repository any more: it holds names of files.
pub(super) fn of_strangers(setup: &Setup, repository: &Repository) -> Result<Vec<PathBuf>> {
    let name = repository.states().next().map(|(mirror, _)| mirror.repository().to_owned());
    let assets = name.and_then(|name| setup.repositories().remove(&name)).unwrap_or_default();
    let mut kept = entries(&repository.folders().cache)?;
    let is_strange = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.and_then(|name| name.strip_suffix(".stat"))
            .is_some_and(|asset| !assets.iter().any(|own| own == asset))
    };
    kept.retain(is_strange);
    Ok(kept)
}
