//! What is left out of a tree, and that it is counted.
//!
//! Cache tags: a folder that holds a file `CACHEDIR.TAG` with the agreed signature
//! (<https://bford.info/cachedir/>) is kept with the tag alone, so that a restore leaves the folder in place and a
//! program fills it again. A tag in the root itself is no reason to leave out a whole asset, and is an ordinary file.
//! Other file systems: a folder on which something is mounted is kept as an empty folder, and is not looked into.

use globset::{Candidate, GlobSet, GlobSetBuilder};
use holdfast_format::source::{EntryKind, Metadata};
use holdfast_model::{ExcludePattern, PatternError};

/// Compiled rules of one asset.
#[derive(Clone, Debug)]
pub struct Rules {
    names: Globs,
    paths: Globs,
    /// Whether folders with a valid `CACHEDIR.TAG` are left out.
    pub exclude_caches: bool,
    /// Whether other file systems are left out.
    pub one_file_system: bool,
    /// Files larger than this are left out.
    pub file_size_bytes_max: Option<u64>,
}

#[derive(Clone, Debug)]
struct Globs {
    any: GlobSet,
    directories: GlobSet,
}

impl Rules {
    /// Nothing is left out.
    pub fn none() -> Rules {
        Rules {
            names: Globs { any: GlobSet::empty(), directories: GlobSet::empty() },
            paths: Globs { any: GlobSet::empty(), directories: GlobSet::empty() },
            exclude_caches: false,
            one_file_system: false,
            file_size_bytes_max: None,
        }
    }

    /// Leaves out what the patterns match; see [`ExcludePattern`]. The other rules are set as fields.
    ///
    /// # Errors
    /// When the patterns together are too large to be compiled.
    pub fn excluding(patterns: &[ExcludePattern]) -> Result<Rules, PatternError> {
        let select = |anchored, directories_only| {
            let mut set = GlobSetBuilder::new();
            for pattern in patterns {
                if (pattern.anchored, pattern.directories_only) == (anchored, directories_only) {
                    set.add(pattern.glob.clone());
                }
            }
            set.build().map_err(|error| PatternError {
                text: error.glob().unwrap_or("(all together)").to_owned(),
                cause: error.kind().to_string(),
            })
        };
        Ok(Rules {
            names: Globs { any: select(false, false)?, directories: select(false, true)? },
            paths: Globs { any: select(true, false)?, directories: select(true, true)? },
            ..Rules::none()
        })
    }

    /// Whether any pattern needs the path below the root.
    pub(super) fn need_paths(&self) -> bool {
        !(self.paths.any.is_empty() && self.paths.directories.is_empty())
    }

    /// Whether an entry is left out. `path` is the one below the root, where [`Rules::need_paths`]; else empty.
    pub(super) fn exclude(&self, name: &[u8], path: &[u8], metadata: &Metadata) -> bool {
        if metadata.kind == EntryKind::File && self.file_size_bytes_max.is_some_and(|max| metadata.size > max)
        {
            return true;
        }
        let is_directory = metadata.kind == EntryKind::Directory;
        self.names.is_match(name, is_directory)
            || (!path.is_empty() && self.paths.is_match(path, is_directory))
    }
}

impl Globs {
    fn is_match(&self, text: &[u8], is_directory: bool) -> bool {
        if self.any.is_empty() && (self.directories.is_empty() || !is_directory) {
            return false;
        }
        let candidate = Candidate::from_bytes(text);
        self.any.is_match_candidate(&candidate)
            || (is_directory && self.directories.is_match_candidate(&candidate))
    }
}

/// The name of a cache tag.
pub(super) const CACHE_TAG: &[u8] = b"CACHEDIR.TAG";
/// How a cache tag starts.
pub(super) const CACHE_SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

#[cfg(test)]
mod tests {
    use super::*;

    fn excluded(pattern: &str, path: &str, kind: EntryKind) -> bool {
        let rules = Rules::excluding(&[ExcludePattern::parse(pattern).unwrap()]).unwrap();
        let time = holdfast_format::source::FileTime::default();
        let metadata = Metadata {
            kind,
            permissions: 0,
            uid: 0,
            gid: 0,
            inode: 1,
            device_id: 1,
            links: 1,
            size: 0,
            device: 0,
            mtime: time,
            ctime: time,
        };
        let name = path.rsplit('/').next().unwrap();
        rules.exclude(name.as_bytes(), path.as_bytes(), &metadata)
    }

    #[test]
    fn patterns_match_as_documented() {
        use EntryKind::{Directory, File};
        for (pattern, path, kind, expected) in [
            ("*.log", "a.log", File, true),
            ("*.log", "deep/er/a.log", File, true),
            ("*.log", "a.log.txt", File, false),
            ("*.LOG", "a.log", File, false),
            ("cache/", "x/cache", Directory, true),
            ("cache/", "x/cache", File, false),
            ("/tmp", "tmp", Directory, true),
            ("/tmp", "x/tmp", Directory, false),
            ("var/cache", "var/cache", Directory, true),
            ("var/cache", "x/var/cache", Directory, false),
            ("**/session/*", "a/b/session/s1", File, true),
            ("**/session/*", "session/s1", File, true),
            ("var/*/x", "var/a/b/x", File, false),
            ("var/**/x", "var/a/b/x", File, true),
            ("var/**", "var/a", File, true),
            ("var/**", "var", Directory, false),
            ("{a,b}.txt", "b.txt", File, true),
            (r"\!keep", "!keep", File, true),
            (r"a\*b", "a*b", File, true),
            (r"a\*b", "axb", File, false),
            ("?.txt", "é.txt", File, false),
            ("*.txt", ".txt", File, true),
            (".*", ".htaccess", File, true),
        ] {
            assert_eq!(excluded(pattern, path, kind), expected, "{pattern} on {path}");
        }
    }

    #[test]
    fn names_that_are_not_utf8_are_matched_by_bytes() {
        let rules = Rules::excluding(&[ExcludePattern::parse("*.log").unwrap()]).unwrap();
        assert!(rules.names.is_match(b"\xff\xfe\n.log", false));
        assert!(!rules.names.is_match(b"\xff\xfe.txt", false));
    }
}
