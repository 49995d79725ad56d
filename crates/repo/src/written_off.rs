//! Blobs that a person has written off: no location has them whole, and points that need them stay as they are.
//!
//! Who deletes must know everything that points need, so a missing blob stops every prune: it may be in a pack whose index
//! file is lost. Once a repair has looked everywhere and a person has accepted the loss, it must not stop them for ever,
//! or nothing would ever be purged again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use holdfast_format::{BlobKind, Id};
use holdfast_world::durable;

use crate::error::{Error, Result};

/// The blobs written off in one repository. A lost file costs another `repair --write-off`.
#[derive(Debug)]
pub(crate) struct WrittenOff {
    path: PathBuf,
    blobs: BTreeSet<(BlobKind, Id)>,
}

impl WrittenOff {
    /// Reads the list from the cache folder. A line that makes no sense writes nothing off.
    pub fn load(cache: &Path) -> WrittenOff {
        let path = cache.join("written-off");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        WrittenOff { path, blobs: text.lines().filter_map(parse).collect() }
    }

    pub fn contains(&self, kind: BlobKind, id: &Id) -> bool {
        self.blobs.contains(&(kind, *id))
    }

    /// Writes off exactly these. Durable when it returns.
    pub fn replace(&mut self, blobs: impl IntoIterator<Item = (BlobKind, Id)>) -> Result<()> {
        self.blobs = blobs.into_iter().collect();
        let text: String = self.blobs.iter().map(|(kind, id)| format!("{} {id}\n", word(*kind))).collect();
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        durable::create_directory(folder, 0o700)
            .and_then(|()| durable::write(&self.path, text.as_bytes(), 0o600))
            .map_err(|e| Error::local("write", &self.path, e))
    }
}

fn word(kind: BlobKind) -> &'static str {
    match kind {
        BlobKind::Tree => "tree",
        BlobKind::Data => "data",
    }
}

fn parse(line: &str) -> Option<(BlobKind, Id)> {
    let (kind, id) = line.split_once(' ')?;
    let kind = [BlobKind::Tree, BlobKind::Data].into_iter().find(|k| word(*k) == kind)?;
    Some((kind, Id::from_hex(id)?))
}
