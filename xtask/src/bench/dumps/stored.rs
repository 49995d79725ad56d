//! What lies in a repository, by kind: a dump may be stored twice as often in its packs or in what names them, and the sum
//! alone would not tell which.

use std::path::Path;

use anyhow::Result;
use serde_json::json;

use crate::bench::folder;

/// Bytes on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stored {
    /// Contents and trees.
    pub(super) packs: u64,
    /// Where they lie.
    pub(super) indexes: u64,
    /// Snapshots, keys, locks, marks.
    pub(super) rest: u64,
}

impl Stored {
    /// Counts a place: a repository, or the folder of some.
    pub(super) fn count(place: &Path) -> Result<Stored> {
        let mut stored = Stored::default();
        for (path, size) in folder::list(place, false)? {
            let has = |name: &str| path.strip_prefix(place).unwrap_or(&path).iter().any(|part| part == name);
            let kind = match () {
                () if has("data") => &mut stored.packs,
                () if has("index") => &mut stored.indexes,
                () => &mut stored.rest,
            };
            *kind += size;
        }
        Ok(stored)
    }

    pub(super) fn sum(self) -> u64 {
        self.packs + self.indexes + self.rest
    }

    /// What came since. Nothing is deleted by a backup but its own lock, which is gone at both times.
    pub(super) fn since(self, before: Stored) -> Stored {
        Stored {
            packs: self.packs.saturating_sub(before.packs),
            indexes: self.indexes.saturating_sub(before.indexes),
            rest: self.rest.saturating_sub(before.rest),
        }
    }

    pub(super) fn and(self, other: Stored) -> Stored {
        Stored {
            packs: self.packs + other.packs,
            indexes: self.indexes + other.indexes,
            rest: self.rest + other.rest,
        }
    }

    pub(super) fn json(self) -> serde_json::Value {
        json!({ "packs": self.packs, "indexes": self.indexes, "rest": self.rest, "sum": self.sum() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_apart_whether_the_place_is_a_repository_or_holds_some() {
        let place = tempfile::tempdir().unwrap();
        for (path, size) in [("c/data/0a/pack", 5), ("c/index/i", 3), ("c/keys/k", 2), ("marker", 1)] {
            let path = place.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, vec![0; size]).unwrap();
        }
        let all = Stored::count(place.path()).unwrap();
        assert_eq!(all, Stored { packs: 5, indexes: 3, rest: 3 });
        assert_eq!(Stored::count(&place.path().join("c")).unwrap().since(all).sum(), 0);
        assert_eq!(all.since(Stored { packs: 1, ..Stored::default() }).sum(), 10);
    }
}
