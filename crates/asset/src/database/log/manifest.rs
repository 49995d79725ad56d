//! What the last file of a log's point says about all the others.

use serde::{Deserialize, Serialize};

use super::base::Base;

/// The format that [`LogManifest`] is.
pub const LOG_FORMAT: u32 = 1;
/// The file that says what the others are.
pub const LOG_NAME: &str = "log.json";

/// All about the log since one dump.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogManifest {
    /// [`LOG_FORMAT`].
    pub format: u32,
    /// The server's version, in its words.
    pub server_version: String,
    /// The dump that it goes on from.
    pub base: Base,
    /// Where it ends.
    pub end: Position,
    /// The second, by the server's clock and as an instant of UTC, until whose end it is complete: each second up to this one can be had.
    pub until: String,
    /// By how many seconds the server's clock was ahead of ours.
    pub clock_ahead: i64,
    /// Transactions in it, those of other databases included.
    pub transactions: u64,
    /// Those of them that touch the database.
    pub transactions_of_database: u64,
    /// Whether the server had other databases, whose changes are in it too.
    pub has_other_databases: bool,
    /// The server's files, in order: each one's name is its name on the server, and joined they are the whole log since the dump.
    pub files: Vec<LogFile>,
}

/// A place in a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The log's file.
    pub file: String,
    /// Bytes into it.
    pub position: u64,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFile {
    /// Its name.
    pub name: String,
    /// Where in the server's file that which follows the head begins: 4 for a file that is here from its beginning.
    pub from: u64,
    /// Where in the server's file it ends.
    pub to: u64,
    /// Its size here.
    pub bytes: u64,
    /// Its SHA-256 in hex.
    pub sha256: String,
}
