//! What the last file of a dump says about all the others.
//!
//! Somebody who restores without us joins files in an order and needs to know that none is missing, cut or swapped, and
//! whether a count of rows was taken at the same instant or is the dump's own word.

use serde::{Deserialize, Serialize};

/// The format that [`Manifest`] is.
pub const MANIFEST_FORMAT: u32 = 1;
/// The manifest's file.
pub const MANIFEST_NAME: &str = "manifest.json";

/// All about one dump.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_FORMAT`].
    pub format: u32,
    /// `mariadb` or `mysql`.
    pub server: String,
    /// The server's version, in its words.
    pub server_version: String,
    /// The dump tool's version, in its words.
    pub tool_version: String,
    /// The database.
    pub database: String,
    /// Its default character set: a database to restore into is created with it.
    pub character_set: String,
    /// Its default collation.
    pub collation: String,
    /// The server's SQL mode.
    pub sql_mode: String,
    /// The instant of the snapshot.
    pub instant: String,
    /// Where the binary log stood at that instant; none where there is no log, no right to ask, or no lock to ask under.
    pub binary_log: Option<BinaryLog>,
    /// Whether counts are those of a second snapshot of the same instant.
    pub counts: Counts,
    /// Every table with rows.
    pub tables: Vec<Table>,
    /// Whose rights views, triggers, routines and events run with; a restore fails or half works where one is missing.
    pub definers: Vec<String>,
    /// What the account was not shown, and so is not here.
    pub missing: Vec<String>,
    /// Every file but this one, in order: those of the dump joined are SQL that rebuilds the database.
    pub files: Vec<File>,
}

/// A place in the binary log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BinaryLog {
    /// The log's file.
    pub file: String,
    /// Bytes into it.
    pub position: u64,
    /// Global transaction ids, where the server has them.
    pub gtid: Option<String>,
    /// Whose log it is; dumps of older versions do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<super::log::Server>,
    /// Where it stood while tables without transactions were locked, which is earlier: what was written into them since is not in
    /// the dump.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked: Option<super::log::Start>,
}

/// How tables of the snapshot were counted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Counts {
    /// In a second snapshot, opened while nobody could write and the dump opened its own.
    Snapshot,
    /// In the dump itself.
    Dump {
        /// Why not in a snapshot.
        why: String,
    },
}

/// How a table's rows belong together.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Consistency {
    /// All of the snapshot's instant.
    Snapshot,
    /// Nobody could write into it while it was read.
    Locked,
    /// It was read while it may have been written: rows of different instants.
    Fuzzy {
        /// Why it was not locked.
        why: String,
    },
}

/// A table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its storage engine.
    pub engine: String,
    /// Its file.
    pub file: String,
    /// Rows in the dump.
    pub rows: u64,
    /// Rows counted by the server at the same instant, where that could be: then they are as many.
    pub rows_counted: Option<u64>,
    /// What `CHECKSUM TABLE` said then.
    pub checksum: Option<u64>,
    /// The instant of its rows.
    pub instant: String,
    /// How they belong together.
    #[serde(flatten)]
    pub consistency: Consistency,
    /// Whatever else is to be known about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in hex.
    pub sha256: String,
    /// Whether it is a part of the SQL that rebuilds the database when joined.
    pub is_dump: bool,
}
