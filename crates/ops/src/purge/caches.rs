//! What this machine keeps of a repository goes with it: copies of snapshots and index files, and sealed objects that
//! waited for a location. A purged point that a cache still holds is not purged.

use std::collections::BTreeSet;

use holdfast_format::Id;
use holdfast_location::Area;
use holdfast_repo::{Monitor, Repository, Trouble, TroubleKind};

use crate::error::{Error, Result};

/// Removes what no location lists any more. While one cannot be asked, what only it may hold stays, and that is told.
pub(super) fn clean(repository: &Repository, monitor: &dyn Monitor) -> Result<()> {
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
    let left = repository.stale_cached(&listed)?;
    for path in left {
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(Error::not_done(format!("remove {} from the cache: {error}", path.display())));
        }
    }
    Ok(())
}
