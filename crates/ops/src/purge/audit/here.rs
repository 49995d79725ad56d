//! What this machine keeps in its state folder of objects that no location has any more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use holdfast_format::Id;
use holdfast_location::Area;
use jiff::Timestamp;

use super::PlaceAudit;
use crate::error::Result;
use crate::folder::entries;
use crate::setup::Setup;

/// Looks at the caches and spools of every repository; `listed` is what the locations list.
pub(super) fn look(
    setup: &Setup,
    listed: &BTreeMap<String, BTreeSet<(Area, Id)>>,
    is_everything_listed: bool,
) -> PlaceAudit {
    let mut place = PlaceAudit { place: "state".to_owned(), ..PlaceAudit::default() };
    if !is_everything_listed {
        place
            .reasons
            .push("not every location could be walked, so what only it holds is not known".to_owned());
    }
    if let Err(error) = look_at_all(setup, listed, is_everything_listed, &mut place) {
        place.reasons.push(error.message);
    }
    place
}

fn look_at_all(
    setup: &Setup,
    listed: &BTreeMap<String, BTreeSet<(Area, Id)>>,
    is_everything_listed: bool,
    place: &mut PlaceAudit,
) -> Result<()> {
    let root = setup.places.state.join("repositories");
    for folder in entries(&root)? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let files = below(&folder)?;
        for file in &files {
            place.objects += 1;
            place.bytes += facts(file).0;
        }
        // Nothing of a client: what belongs to the copies of the ledger, which no walk lists.
        if holdfast_location::is_reserved(&name) {
            continue;
        }
        let mut note = |kind, file: &Path, why: &str| {
            let (bytes, modified) = facts(file);
            place.find(kind, Some(&name), bytes, modified, file.display().to_string(), why);
        };
        if setup.ring.get(&name)?.is_none() {
            files
                .iter()
                .for_each(|file| note("cache", file, "kept of a repository that no key of the ring opens"));
            continue;
        }
        if !is_everything_listed {
            continue;
        }
        let repository = setup.open(&name, None)?;
        let none = BTreeSet::new();
        for file in repository.stale_cached(listed.get(&name).unwrap_or(&none))? {
            let kind = if file.starts_with(&repository.folders().spool) { "spool" } else { "cache" };
            note(kind, &file, "kept of an object that no location has any more");
        }
        for file in super::super::caches::of_strangers(setup, &repository)? {
            note(
                "cache",
                &file,
                "names of files of an asset that is not backed up into this repository any more",
            );
        }
    }
    Ok(())
}

fn facts(file: &Path) -> (u64, Option<Timestamp>) {
    let metadata = file.symlink_metadata();
    metadata.map_or((0, None), |facts| {
        (facts.len(), facts.modified().ok().and_then(|time| Timestamp::try_from(time).ok()))
    })
}

fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for path in entries(&folder)? {
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    Ok(files)
}
