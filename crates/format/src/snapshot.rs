//! Snapshots: the commit point of a backup. One that names no tree would crash readers; so a tree is mandatory.
//!
//! restic recognises a copied snapshot by comparing time, tree, host, user, paths, excludes and tags, so all of these
//! are kept as they were read, the spelling of the time included. Fields of other programs are not kept.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::Id;
use crate::time_text;

/// What a file `snapshots/<id>` holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// When the backup began.
    pub time: jiff::Timestamp,
    /// How the time was spelled, if not in UTC the way we spell it. Leave `None` for new snapshots; it is used only
    /// while it still names the same instant as `time`.
    pub time_text: Option<String>,
    /// The snapshot this one was compared with.
    pub parent: Option<Id>,
    /// The root directory `/`.
    pub tree: Id,
    /// Absolute paths of what was backed up.
    pub paths: Vec<String>,
    /// Host the data is from.
    pub hostname: String,
    /// User who ran the backup.
    pub username: String,
    /// User id of who ran the backup.
    pub uid: u32,
    /// Group id of who ran the backup.
    pub gid: u32,
    /// Patterns that were left out.
    pub excludes: Vec<String>,
    /// Free labels.
    pub tags: Vec<String>,
    /// The first snapshot of a chain of copies and changes of tags.
    pub original: Option<Id>,
    /// Program that wrote it.
    pub program_version: String,
    /// Counts of the run; restic writes them since 0.17.
    pub summary: Option<Summary>,
}

/// Counts of the run that made a snapshot. Sizes are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Begin of the run.
    #[serde(with = "time_text::timestamp")]
    pub backup_start: jiff::Timestamp,
    /// End of the run.
    #[serde(with = "time_text::timestamp")]
    pub backup_end: jiff::Timestamp,
    /// Files not in the parent.
    #[serde(default)]
    pub files_new: u64,
    /// Files that differ from the parent's.
    #[serde(default)]
    pub files_changed: u64,
    /// Files as in the parent.
    #[serde(default)]
    pub files_unmodified: u64,
    /// Directories not in the parent.
    #[serde(default)]
    pub dirs_new: u64,
    /// Directories that differ from the parent's.
    #[serde(default)]
    pub dirs_changed: u64,
    /// Directories as in the parent.
    #[serde(default)]
    pub dirs_unmodified: u64,
    /// Data blobs added.
    #[serde(default)]
    pub data_blobs: i64,
    /// Tree blobs added.
    #[serde(default)]
    pub tree_blobs: i64,
    /// Plaintext bytes added.
    #[serde(default)]
    pub data_added: u64,
    /// Stored bytes added.
    #[serde(default)]
    pub data_added_packed: u64,
    /// Files seen.
    #[serde(default)]
    pub total_files_processed: u64,
    /// Bytes seen.
    #[serde(default)]
    pub total_bytes_processed: u64,
}

/// The JSON is not a snapshot.
#[derive(Debug)]
pub struct SnapshotError(serde_json::Error);

impl Snapshot {
    /// A snapshot of `tree` at `time` with everything else empty.
    pub fn new(time: jiff::Timestamp, tree: Id) -> Snapshot {
        Snapshot {
            time,
            time_text: None,
            parent: None,
            tree,
            paths: Vec::new(),
            hostname: String::new(),
            username: String::new(),
            uid: 0,
            gid: 0,
            excludes: Vec::new(),
            tags: Vec::new(),
            original: None,
            program_version: String::new(),
            summary: None,
        }
    }

    /// The JSON to store.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain strings and numbers always serialise")
    }

    /// Reads a snapshot.
    pub fn parse(json: &[u8]) -> Result<Snapshot, SnapshotError> {
        serde_json::from_slice(json).map_err(SnapshotError)
    }
}

/// The stored shape. `null` stands for an empty value, as Go reads it.
#[derive(Default, Serialize, Deserialize)]
struct SnapshotJson {
    time: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<Id>,
    tree: Option<Id>,
    #[serde(default)]
    paths: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hostname: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    excludes: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    original: Option<Id>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    program_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    summary: Option<Summary>,
}

impl Serialize for Snapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let spelled = self.time_text.clone().filter(|text| time_text::to_timestamp(text) == Some(self.time));
        let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let list = |list: &Vec<String>| Some(list.clone()).filter(|list| !list.is_empty());
        let number = |number: u32| Some(number).filter(|&number| number != 0);
        SnapshotJson {
            time: spelled.unwrap_or_else(|| time_text::of_timestamp(self.time)),
            parent: self.parent,
            tree: Some(self.tree),
            paths: Some(self.paths.clone()),
            hostname: text(&self.hostname),
            username: text(&self.username),
            uid: number(self.uid),
            gid: number(self.gid),
            excludes: list(&self.excludes),
            tags: list(&self.tags),
            original: self.original,
            program_version: text(&self.program_version),
            summary: self.summary,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Snapshot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Snapshot, D::Error> {
        use serde::de::Error;

        let json = SnapshotJson::deserialize(deserializer)?;
        let time = time_text::to_timestamp(&json.time)
            .ok_or_else(|| D::Error::custom(format_args!("{:?} is not an RFC 3339 time", json.time)))?;
        let tree = json.tree.ok_or_else(|| D::Error::custom("the snapshot names no tree"))?;
        Ok(Snapshot {
            time,
            time_text: Some(json.time).filter(|text| *text != time_text::of_timestamp(time)),
            parent: json.parent,
            tree,
            paths: json.paths.unwrap_or_default(),
            hostname: json.hostname.unwrap_or_default(),
            username: json.username.unwrap_or_default(),
            uid: json.uid.unwrap_or_default(),
            gid: json.gid.unwrap_or_default(),
            excludes: json.excludes.unwrap_or_default(),
            tags: json.tags.unwrap_or_default(),
            original: json.original,
            program_version: json.program_version.unwrap_or_default(),
            summary: json.summary,
        })
    }
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a snapshot: {}", self.0)
    }
}

impl std::error::Error for SnapshotError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[cfg(test)]
mod tests;
