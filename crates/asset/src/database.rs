//! A MariaDB or MySQL database as a [`Source`]: its dump, streamed, one file for each table.
//!
//! Nothing of it touches a disk in plaintext, and nothing counts that its maker did not vouch for: a dump that ended early is
//! an error of the whole stream, because half a dump restores without a complaint.

mod access;
mod counting;
mod failure;
mod grants;
mod inspect;
mod lexer;
pub mod load;
mod locks;
pub mod log;
mod manifest;
mod names;
mod pass;
mod record;
mod rights;
mod section;
mod snapshot;
mod splitter;
mod stream;
mod streamed;
mod tool;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use holdfast_format::source::{Directory, EntryKind, FileTime, Metadata, Source, SourceError};
use holdfast_world::Clock;

pub use self::access::{Access, Databases, Place, databases, is_there, rights_everywhere};
pub use self::manifest::{
    BinaryLog, Consistency, Counts, File, MANIFEST_FORMAT, MANIFEST_NAME, Manifest, Question, Table,
};
pub use self::tool::{Tool, ToolKind};

pub(crate) use self::inspect::{measure, quoted};

use self::stream::{DumpStream, Setting, file_time};
use self::streamed::Streamed;

/// One database. Its tree is `/databases/<name>`, whose content comes as a stream.
pub struct DumpSource {
    access: Access,
    tool: Tool,
    clock: Arc<dyn Clock>,
    questions: Arc<[Question]>,
    known: BTreeMap<String, String>,
    instant: Arc<OnceLock<FileTime>>,
    failed: Failed,
}

/// Why a dump failed, once it did.
pub type Failed = Arc<OnceLock<SourceError>>;

impl DumpSource {
    /// Names what to dump and with what; nothing is started, and the server not asked.
    pub fn new(access: Access, tool: Tool, clock: Arc<dyn Clock>) -> DumpSource {
        let (questions, known) = (Arc::default(), BTreeMap::new());
        DumpSource { access, tool, clock, questions, known, instant: Arc::default(), failed: Arc::default() }
    }

    /// The same, which asks this besides, of the same rows.
    #[must_use]
    pub fn asking(mut self, questions: Vec<Question>) -> DumpSource {
        self.questions = questions.into();
        self
    }

    /// The same, whose manifest has this among its answers, as whoever dumps found it out by himself.
    #[must_use]
    pub fn knowing(mut self, name: &str, answer: String) -> DumpSource {
        self.known.insert(name.to_owned(), answer);
        self
    }

    /// Where it is told, after the source was handed over, that this dump is what failed.
    pub fn failed(&self) -> Failed {
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

/// Where a point has the dump of a database: the components of its folder.
pub fn place_of(database: &str) -> Vec<Vec<u8>> {
    vec![FOLDER.to_vec(), names::component(database.as_bytes())]
}

/// The folder of all dumps of a point.
pub const FOLDER: &[u8] = b"databases";

impl Source for DumpSource {
    fn path(&self) -> Vec<Vec<u8>> {
        place_of(&self.access.database)
    }

    fn ancestors(&self) -> Result<Vec<Metadata>, SourceError> {
        Ok(vec![self.folder()])
    }

    fn root(&self) -> Result<(Metadata, Arc<dyn Directory>), SourceError> {
        let (access, tool, clock) = (self.access.clone(), self.tool.clone(), Arc::clone(&self.clock));
        let (questions, known) = (Arc::clone(&self.questions), self.known.clone());
        let (instant, failed) = (Arc::clone(&self.instant), Arc::clone(&self.failed));
        let root = Streamed::at(&self.path(), "a dump", move |path| {
            Box::new(DumpStream::new(Setting {
                access: access.clone(),
                tool: tool.clone(),
                clock: Arc::clone(&clock),
                path,
                questions: Arc::clone(&questions),
                known: known.clone(),
                instant: Arc::clone(&instant),
                failed: Arc::clone(&failed),
            }))
        });
        Ok((self.folder(), root))
    }

    /// That of the snapshot; `None` before there is one.
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
