//! The dump from whose position on a log is followed, and how its server is known again.
//!
//! A file name and a number are found in the logs of many servers, and in the same server's after its log was begun anew: they
//! alone would let the changes of one history be replayed onto another.

use mysql::Conn;
use mysql::prelude::Queryable;
use serde::{Deserialize, Serialize};

use super::super::manifest::{BinaryLog, Manifest};

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
    /// That of a dump, from its manifest; `None` where it tells no position.
    pub fn of(manifest: &Manifest) -> Option<Base> {
        let BinaryLog { file, position, gtid, server } = manifest.binary_log.clone()?;
        let (database, instant) = (manifest.database.clone(), manifest.instant.clone());
        Some(Base { database, instant, file, position, gtid, server })
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
