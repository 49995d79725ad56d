//! Where nothing may be restored to: among the copies, which it could write over, and into what is backed up.

use std::path::Path;

use crate::error::{Error, Result};
use crate::points::root_of;
use crate::setup::Setup;
use crate::validate::resolved;

/// Refuses a target that lies where a restore would do harm: among the copies, or in what is backed up.
pub(super) fn check_target(setup: &Setup, target: &Path) -> Result<()> {
    let target = resolved(&std::path::absolute(target).unwrap_or_else(|_| target.to_owned()));
    for (name, location) in &setup.estate.locations {
        let Some(place) = location.address.local_path().map(resolved) else { continue };
        if target.starts_with(&place) || place.starts_with(&target) {
            return Err(Error::usage(format!(
                "{} and the location {name} lie inside each other: a restore could write over copies",
                target.display()
            ))
            .hint("restore into a folder of its own"));
        }
    }
    for (name, asset) in &setup.estate.assets {
        if root_of(asset).map(resolved).is_some_and(|source| target.starts_with(source)) {
            return Err(Error::usage(format!(
                "{} lies in the source of {name}: it would be overwritten, or backed up as a part of it",
                target.display()
            ))
            .hint("restore beside it, look at it, and move it into its place"));
        }
    }
    Ok(())
}
