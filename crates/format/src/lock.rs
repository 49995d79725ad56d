//! Locks: small files by which writers and cleaners of one repository see each other.
//!
//! restic's prune deletes packs that no index names yet; a writer without a lock would lose what it just stored.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time_text;

/// What a file `locks/<id>` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// When it was written or last refreshed.
    #[serde(with = "time_text::timestamp")]
    pub time: jiff::Timestamp,
    /// Whether its holder deletes and bears nobody beside it.
    #[serde(default)]
    pub exclusive: bool,
    /// Host of the holder.
    #[serde(default)]
    pub hostname: String,
    /// User of the holder.
    #[serde(default)]
    pub username: String,
    /// Process of the holder. restic probes it with SIGHUP on its own host.
    #[serde(default)]
    pub pid: i64,
    /// User id of the holder.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub uid: u32,
    /// Group id of the holder.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gid: u32,
}

/// The JSON is not a lock.
#[derive(Debug)]
pub struct LockError(serde_json::Error);

impl Lock {
    /// The JSON to store.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain strings and numbers always serialise")
    }

    /// Reads a lock. An empty file is not one: backends without atomic writes show those, and readers skip them.
    pub fn parse(json: &[u8]) -> Result<Lock, LockError> {
        serde_json::from_slice(json).map_err(LockError)
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a lock file: {}", self.0)
    }
}

impl std::error::Error for LockError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let lock = Lock {
            time: "2026-01-02T03:04:05.6Z".parse().unwrap(),
            exclusive: true,
            hostname: "h<&>".into(),
            username: "root".into(),
            pid: 42,
            uid: 0,
            gid: 7,
        };
        let json = lock.to_json();
        assert_eq!(Lock::parse(&json).unwrap(), lock);
        let text = String::from_utf8(json).unwrap();
        assert!(text.starts_with(r#"{"time":"2026-01-02T03:04:05.6Z","exclusive":true,"#), "{text}");
        assert!(Lock::parse(b"").is_err());
        assert!(Lock::parse(b"{}").is_err());
    }
}
