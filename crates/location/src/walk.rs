//! Walking a place: everything that lies there, not only what a repository's listing shows.
//!
//! A listing leaves foreign names out, shows the current version of an object alone, and says nothing of uploads that
//! were never completed. Bytes that a purge should have removed lie exactly there.

use jiff::Timestamp;

use crate::contract::Location;
use crate::error::Error;
use crate::key::{Area, Key};

/// What kind of thing lies at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// A file or object as everybody sees it.
    Current,
    /// An older version, which nobody sees and which can be read back.
    Version,
    /// The note that an object was deleted, with the older versions still below it.
    DeleteMarker,
    /// Parts of an upload that was never completed.
    Upload,
}

/// One thing that lies at a place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lying {
    /// Its path below the place's root.
    pub path: String,
    /// What it is.
    pub what: What,
    /// Its bytes, where the place says.
    pub bytes: u64,
    /// When it was last changed, where the place says.
    pub modified: Option<Timestamp>,
    /// The place's name for this version or upload.
    pub version: Option<String>,
}

/// What a walk found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// Everything, in no order.
    pub lying: Vec<Lying>,
    /// What may lie there besides, that this place has no way to show.
    pub cannot_tell: Vec<String>,
    /// What may lie there besides, that these credentials were not shown, with the reason.
    pub refused: Vec<String>,
}

/// What a place shows that can only list repositories.
pub(crate) fn by_listing<L: Location + ?Sized>(
    location: &L,
    repository: Option<&str>,
) -> Result<Walk, Error> {
    let repositories = match repository {
        Some(name) => vec![name.to_owned()],
        None => location.repositories()?,
    };
    let mut walk = Walk::default();
    for name in repositories {
        let of = name.as_str().into();
        for area in Area::ALL {
            for listed in location.list(&name, area)? {
                let path = Key::new(&of, area, listed.name).path();
                let (bytes, what) = (listed.size, What::Current);
                walk.lying.push(Lying { path, what, bytes, modified: None, version: None });
            }
        }
    }
    walk.cannot_tell.push(
        "files that are no objects of a repository, repositories that nobody noted there, and ages"
            .to_owned(),
    );
    Ok(walk)
}

/// Whether a path stays below the place's root.
pub(crate) fn is_below(path: &str) -> bool {
    !path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}
