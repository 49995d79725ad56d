//! The dump from whose position on a log is followed, and how its server is known again.
//!
//! A file name and a number are found in the logs of many servers, and in the same server's after its log was begun anew: they
//! alone would let the changes of one history be replayed onto another.

use mysql::Conn;
use mysql::prelude::Queryable;
use serde::{Deserialize, Serialize};

use super::super::manifest::{BinaryLog, Consistency, Manifest};

/// A dump to which a log belongs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The database.
    pub database: String,
    /// The instant of the dump.
    pub instant: String,
    /// The log's file at that instant.
    pub file: String,
    /// Bytes into it.
    pub position: u64,
    /// The global transaction ids that the dump holds, where the server has them.
    pub gtid: Option<String>,
    /// The server, where the dump tells it.
    pub server: Option<Server>,
    /// Where the log stood while tables without transactions were locked and read, where there are any: what is here and before the
    /// position is replayed onto those alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked: Option<Start>,
}

/// Where a log begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The file.
    pub file: String,
    /// Bytes into it.
    pub position: u64,
    /// The global transaction ids before it, where the server has them.
    pub gtid: Option<String>,
}

/// What tells a server from others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Its number among servers that replicate.
    pub id: u64,
    /// The machine.
    pub host: String,
    /// Its own name for itself, where it has one.
    pub uid: Option<String>,
}

impl Base {
    /// That of a dump, from its manifest; `None` where no log can be replayed onto it: see [`Base::why_not`].
    pub fn of(manifest: &Manifest) -> Option<Base> {
        if Base::why_not(manifest).is_some() {
            return None;
        }
        let BinaryLog { file, position, gtid, server, locked } = manifest.binary_log.clone()?;
        let (database, instant) = (manifest.database.clone(), manifest.instant.clone());
        Some(Base { database, instant, file, position, gtid, server, locked })
    }

    /// Why no log can be replayed onto a dump, for people.
    pub fn why_not(manifest: &Manifest) -> Option<String> {
        let Some(log) = &manifest.binary_log else {
            return Some(
                "the dump does not tell where the binary log stood: the server wrote none, or the account lacks BINLOG MONITOR or \
                 RELOAD"
                    .to_owned(),
            );
        };
        let named = |is: fn(&Consistency) -> bool| -> Vec<&str> {
            manifest
                .tables
                .iter()
                .filter(|table| is(&table.consistency))
                .map(|table| table.name.as_str())
                .collect()
        };
        let fuzzy = named(|consistency| matches!(consistency, Consistency::Fuzzy { .. }));
        if !fuzzy.is_empty() {
            return Some(format!(
                "tables without transactions were read while they may have been written ({}): GRANT LOCK TABLES ON the database TO \
                 the account",
                fuzzy.join(", ")
            ));
        }
        if log.locked.is_none() && !named(|consistency| matches!(consistency, Consistency::Locked)).is_empty()
        {
            return Some(
                "the dump does not tell where the binary log stood while tables without transactions were read: a new dump does"
                    .to_owned(),
            );
        }
        None
    }

    /// Where its log begins.
    pub fn start(&self) -> Start {
        let Base { file, position, gtid, .. } = self.clone();
        self.locked.clone().unwrap_or(Start { file, position, gtid })
    }

    /// That of a dump, from the bytes of its `manifest.json`.
    pub fn from_manifest(json: &[u8]) -> Option<Base> {
        Base::of(&serde_json::from_slice(json).ok()?)
    }
}

impl Server {
    /// What a server says of itself.
    pub(in super::super) fn ask(connection: &mut Conn) -> Result<Server, mysql::Error> {
        let (id, host) = connection.query_first("SELECT @@server_id, @@hostname")?.unwrap_or_default();
        let uid = connection.query_first("SELECT @@server_uid").ok().flatten();
        Ok(Server { id, host, uid })
    }
}
