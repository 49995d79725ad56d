//! Packs that were found whole at no location.
//!
//! A backup that believed the index alone would build every new point on a pack that is gone, although the source still
//! has the content. So whoever finds a pack whole nowhere writes it down here, and from then on writers take its blobs
//! for not stored: the next backup stores them again, and older points are whole again with it.
//!
//! The list is a cache: without it the same damage has to be found again first.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use holdfast_format::Id;
use holdfast_world::durable;

/// The doubted packs of one repository.
#[derive(Debug)]
pub(crate) struct Doubts {
    path: PathBuf,
    packs: BTreeSet<Id>,
}

impl Doubts {
    /// Reads the list from the cache folder. A line that makes no sense is no doubt.
    pub fn load(cache: &Path) -> Doubts {
        let path = cache.join("doubted-packs");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        Doubts { path, packs: text.lines().filter_map(Id::from_hex).collect() }
    }

    pub fn contains(&self, pack: &Id) -> bool {
        self.packs.contains(pack)
    }

    /// Whether no pack is doubted.
    pub fn is_empty(&self) -> bool {
        self.packs.is_empty()
    }

    /// Takes note of packs that are whole nowhere, and of packs that were found whole. A disk that does not take the note
    /// costs another verification.
    pub fn note(&mut self, whole_nowhere: impl IntoIterator<Item = Id>, whole: impl IntoIterator<Item = Id>) {
        let before = self.packs.clone();
        for id in whole {
            self.packs.remove(&id);
        }
        self.packs.extend(whole_nowhere);
        if self.packs == before {
            return;
        }
        let text: String = self.packs.iter().map(|id| format!("{id}\n")).collect();
        if let Some(folder) = self.path.parent() {
            let _ = durable::create_directory(folder, 0o700);
        }
        let _ = durable::write(&self.path, text.as_bytes(), 0o600);
    }
}
