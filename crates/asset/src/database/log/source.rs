//! The log since a dump as something to archive.

use std::sync::{Arc, OnceLock};

use holdfast_format::source::{Directory, EntryKind, FileTime, Metadata, Source, SourceError};
use holdfast_world::Clock;

use super::super::access::Access;
use super::super::names;
use super::super::stream::file_time;
use super::super::streamed::Streamed;
use super::base::Base;
use super::failure::LogError;
use super::stream::{LogStream, Setting};

/// The folder of all logs of a point.
pub const LOG_FOLDER: &[u8] = b"logs";

/// Where a point has the log of a database: the components of its folder.
pub fn log_place_of(database: &str) -> Vec<Vec<u8>> {
    vec![LOG_FOLDER.to_vec(), names::component(database.as_bytes())]
}

/// Why a log could not be read, once that was so.
pub type LogFailed = Arc<OnceLock<LogError>>;

/// The whole log of a server from a dump's position until what the server had when it was first asked, which happens with the
/// first file. Its tree is `/logs/<database>`, whose content comes as a stream: the server's files, then
/// `log.json`. Its instant is the end of what is complete.
pub struct LogSource {
    access: Access,
    base: Base,
    whole_server: bool,
    clock: Arc<dyn Clock>,
    instant: Arc<OnceLock<FileTime>>,
    failed: LogFailed,
}

impl LogSource {
    /// Names what to read; the server is not asked yet. `whole_server` as in [`super::can_follow`].
    pub fn new(access: Access, base: Base, whole_server: bool, clock: Arc<dyn Clock>) -> LogSource {
        LogSource { access, base, whole_server, clock, instant: Arc::default(), failed: Arc::default() }
    }

    /// Where it is told, after the source was handed over, what failed and of what kind that was.
    pub fn failed(&self) -> LogFailed {
        Arc::clone(&self.failed)
    }

    /// The database.
    pub fn database(&self) -> &str {
        &self.access.database
    }

    fn folder(&self) -> Metadata {
        let time = self.instant.get().copied().unwrap_or_else(|| file_time(self.clock.now()));
        Metadata::made_up(EntryKind::Directory, 0o700, time)
    }
}

impl Source for LogSource {
    fn path(&self) -> Vec<Vec<u8>> {
        log_place_of(&self.access.database)
    }

    fn ancestors(&self) -> Result<Vec<Metadata>, SourceError> {
        Ok(vec![self.folder()])
    }

    fn root(&self) -> Result<(Metadata, Arc<dyn Directory>), SourceError> {
        let (access, base, clock) = (self.access.clone(), self.base.clone(), Arc::clone(&self.clock));
        let (instant, failed) = (Arc::clone(&self.instant), Arc::clone(&self.failed));
        let whole_server = self.whole_server;
        let root = Streamed::at(&self.path(), "a log", move |path| {
            Box::new(LogStream::new(Setting {
                access: access.clone(),
                base: base.clone(),
                whole_server,
                clock: Arc::clone(&clock),
                path,
                instant: Arc::clone(&instant),
                failed: Arc::clone(&failed),
            }))
        });
        Ok((self.folder(), root))
    }

    /// Until when the log is complete, by our clock; `None` before the server was asked.
    fn instant(&self) -> Option<FileTime> {
        self.instant.get().copied()
    }

    fn user_name(&self, uid: u32) -> Option<String> {
        (uid == 0).then(|| "root".to_owned())
    }

    fn group_name(&self, gid: u32) -> Option<String> {
        (gid == 0).then(|| "root".to_owned())
    }
}
