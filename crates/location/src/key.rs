//! Names of objects: repository, area, name, and the path that restic's layout gives them.
//!
//! The layout is restic's default one, so that stock restic opens `<place>/<repository>` as it is.

use std::fmt;
use std::sync::Arc;

/// The areas of a restic repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Area {
    /// The one file `config`.
    Config,
    /// `keys/`: key files.
    Keys,
    /// `snapshots/`.
    Snapshots,
    /// `index/`.
    Index,
    /// `locks/`.
    Locks,
    /// `data/xx/`: packs.
    Data,
}

impl Area {
    /// Every area, in the order in which a complete copy is written: what is needed first comes first.
    pub const ALL: [Area; 6] =
        [Area::Keys, Area::Config, Area::Locks, Area::Data, Area::Index, Area::Snapshots];

    /// The folder name in restic's layout; `config` for the config file.
    pub fn folder(self) -> &'static str {
        match self {
            Area::Config => "config",
            Area::Keys => "keys",
            Area::Snapshots => "snapshots",
            Area::Index => "index",
            Area::Locks => "locks",
            Area::Data => "data",
        }
    }
}

/// The full name of an object at a location.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The repository's folder below the location's root; checked by [`valid_repository`].
    pub repository: Arc<str>,
    /// The area.
    pub area: Area,
    /// 64 lower-case hex digits; ignored for [`Area::Config`].
    pub name: String,
}

impl Key {
    /// Names an object.
    pub fn new(repository: &Arc<str>, area: Area, name: impl Into<String>) -> Key {
        Key { repository: Arc::clone(repository), area, name: name.into() }
    }

    /// The object that lies at a path below the location's root; none where nothing of ours would lie there.
    pub fn at(path: &str) -> Option<Key> {
        let (repository, rest) = path.split_once('/')?;
        let area = Area::ALL.into_iter().find(|area| rest.split('/').next() == Some(area.folder()))?;
        let key = Key::new(&repository.into(), area, rest.rsplit('/').next()?);
        (key.check().is_ok() && key.path() == path).then_some(key)
    }

    /// Says what is wrong with the name, if anything. Every backend asks before it touches a path: a name such as
    /// `../x` from a damaged or hostile repository must never leave the place.
    pub fn check(&self) -> Result<(), String> {
        if !valid_repository(&self.repository) {
            return Err(format!("{:?} is not a repository name", self.repository));
        }
        if self.area != Area::Config && !valid_object(&self.name) {
            return Err(format!("{:?} is not an object name of 64 hex digits", self.name));
        }
        Ok(())
    }

    /// The path below the location's root, e.g. `C-1042/data/ab/ab12...`.
    pub fn path(&self) -> String {
        match self.area {
            Area::Config => format!("{}/config", self.repository),
            Area::Data => {
                let prefix = self.name.get(..2).unwrap_or("00");
                format!("{}/data/{prefix}/{}", self.repository, self.name)
            }
            area => format!("{}/{}/{}", self.repository, area.folder(), self.name),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

/// Whether `name` may name a repository: 1 to 64 of `A-Z a-z 0-9 . _ -`, not starting with a dot or a dash.
pub fn valid_repository(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && !name.starts_with(['.', '-'])
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Whether `name` is an object name: 64 lower-case hex digits.
pub fn valid_object(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Whether a repository name is kept for the place's own use: its marker, what belongs to the audit log and to the recovery of
/// holdfast itself, and what [`probe`](crate::probe()) leaves where it may not delete. Such names are no client's repositories.
pub fn is_reserved(name: &str) -> bool {
    use crate::contract::{LEDGER_REPOSITORY, LOG_REPOSITORY, MARKER_REPOSITORY, RING_REPOSITORY};
    [MARKER_REPOSITORY, LOG_REPOSITORY, RING_REPOSITORY, LEDGER_REPOSITORY].contains(&name)
        || name.starts_with(crate::probe::PROBE_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_an_object_only_where_its_key_says_the_same() {
        let name = "ab".repeat(32);
        for area in Area::ALL {
            let key = Key::new(&"C-1042".into(), area, if area == Area::Config { "config" } else { &name });
            assert_eq!(Key::at(&key.path()), Some(key));
        }
        let upper = name.to_uppercase();
        for path in [
            "C-1042".to_owned(),
            "config".to_owned(),
            "C-1042/config/x".to_owned(),
            ".C/config".to_owned(),
            format!("C-1042/data/{name}"),
            format!("C-1042/data/cd/{name}"),
            format!("C-1042/data/ab/{name} "),
            format!("C-1042/snapshots/x/{name}"),
            format!("C-1042/snapshots//{name}"),
            format!("C-1042/snapshots/{upper}"),
            format!("C-1042/other/{name}"),
            format!("x/C-1042/snapshots/{name}"),
        ] {
            assert_eq!(Key::at(&path), None, "{path}");
        }
    }
}
