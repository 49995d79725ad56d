//! The files of a dump, one after the other: tables without transactions under their lock, the snapshot, accounts, manifest.
//!
//! Tables without transactions come first, because views of the snapshot may name them and a restore runs from the front.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, OnceLock};

use holdfast_format::source::{FileTime, SourceError, Stream, StreamedFile};
use holdfast_world::Clock;
use jiff::Timestamp;

use super::access::Access;
use super::failure::{failure, query_failure};
use super::grants::grants;
use super::inspect::{Facts, binary_log_position, endless_events, inspect};
use super::log::Start;
use super::manifest::{BinaryLog, Counts, MANIFEST_FORMAT, MANIFEST_NAME, Manifest};
use super::pass::Pass;
use super::record::Record;
use super::rights::missing_rights;
use super::section::Section;
use super::snapshot::{Snapshot, TablesPass};
use super::splitter::Piece;
use super::tool::{Tool, ToolKind};

/// What a stream needs to start.
pub(super) struct Setting {
    pub access: Access,
    pub tool: Tool,
    pub clock: Arc<dyn Clock>,
    pub path: Vec<u8>,
    /// Told once the snapshot is there.
    pub instant: Arc<OnceLock<FileTime>>,
    /// Told once the dump failed.
    pub failed: Arc<OnceLock<SourceError>>,
}

/// A dump as a stream of files.
pub(super) struct DumpStream {
    setting: Setting,
    stage: Stage,
    facts: Option<Facts>,
    record: Record,
    /// Bytes of the file that began last, not read yet.
    bytes: VecDeque<u8>,
    is_file_open: bool,
    instant: Option<Timestamp>,
    binary_log: Option<BinaryLog>,
    /// Where the log stood while tables were locked.
    locked: Option<Start>,
    counts: Option<Counts>,
    missing: Vec<String>,
}

enum Stage {
    Start,
    Tables(TablesPass),
    Snapshot(Snapshot),
    Grants,
    Manifest,
    Over,
    /// It failed, and says so again when asked again.
    Failed(SourceError),
}

impl DumpStream {
    pub(super) fn new(setting: Setting) -> DumpStream {
        DumpStream {
            setting,
            stage: Stage::Start,
            facts: None,
            record: Record::default(),
            bytes: VecDeque::new(),
            is_file_open: false,
            instant: None,
            binary_log: None,
            locked: None,
            counts: None,
            missing: Vec::new(),
        }
    }

    /// Goes on to the next stage, or to the next file of this one.
    fn advance(&mut self) -> Result<Option<StreamedFile>, SourceError> {
        loop {
            match &mut self.stage {
                Stage::Start => self.start()?,
                Stage::Tables(_) | Stage::Snapshot(_) => {
                    if let Some(section) = self.next_section()? {
                        return Ok(Some(self.begin_section(&section)));
                    }
                    self.end_pass()?;
                }
                Stage::Grants => {
                    self.stage = Stage::Manifest;
                    let access = &self.setting.access;
                    let mut connection = access
                        .connect()
                        .map_err(|error| self.query_failure("ask for the accounts", &error))?;
                    match grants(&mut connection, &access.database) {
                        Ok(sql) => {
                            self.bytes.extend(sql);
                            return Ok(Some(self.begin("grants.sql".into(), false)));
                        }
                        Err(why) => self.missing.push(why),
                    }
                }
                Stage::Manifest => {
                    self.stage = Stage::Over;
                    self.bytes.extend(self.manifest()?);
                    return Ok(Some(self.begin(MANIFEST_NAME.into(), false)));
                }
                Stage::Over => return Ok(None),
                Stage::Failed(error) => return Err(error.clone()),
            }
        }
    }

    fn start(&mut self) -> Result<(), SourceError> {
        let access = &self.setting.access;
        let mut connection = access.ask().map_err(|error| self.query_failure("reach the server", &error))?;
        let facts = inspect(&mut connection, &access.database)
            .map_err(|error| self.query_failure("ask the server about the database", &error))?;
        let Some(facts) = facts else {
            let message = "there is no such database on this server, or the account has no right on it: see its name, and \
                           GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES ON it TO the account";
            return Err(failure(&self.setting.path, io::ErrorKind::NotFound, message));
        };
        let missing = missing_rights(&mut connection, &access.database, facts.is_mariadb)
            .map_err(|error| self.query_failure("ask for the rights of the account", &error))?;
        if let Some(missing) = missing {
            return Err(failure(&self.setting.path, io::ErrorKind::PermissionDenied, missing));
        }
        let endless = endless_events(&mut connection, &access.database)
            .map_err(|error| self.query_failure("ask for the events", &error))?;
        if !endless.is_empty() && self.setting.tool.kind == ToolKind::Mariadb {
            let message = format!(
                "the dump would never end: mariadb-dump does not get past an event that holds ';;'; write it with a space \
                 between the two: {}",
                endless.join(", ")
            );
            return Err(failure(&self.setting.path, io::ErrorKind::InvalidData, message));
        }
        let is_locked = |table: &&super::inspect::TableFacts| !table.is_transactional;
        let locked: Vec<String> =
            facts.tables.iter().filter(is_locked).map(|table| table.name.clone()).collect();
        if locked.is_empty() {
            self.facts = Some(facts);
            return self.start_snapshot();
        }
        let pass = TablesPass::start(&self.setting, &facts, locked)?;
        self.locked = pass.binary_log.clone();
        self.facts = Some(facts);
        self.stage = Stage::Tables(pass);
        Ok(())
    }

    fn start_snapshot(&mut self) -> Result<(), SourceError> {
        let facts = self.facts.as_ref().expect("the server was asked first");
        let position = |connection: &mut mysql::Conn| binary_log_position(connection, facts);
        let (snapshot, position) = Snapshot::start(&self.setting, facts, position)?;
        self.binary_log = position.map(|position| BinaryLog { locked: self.locked.take(), ..position });
        self.counts = Some(snapshot.counts());
        self.instant = Some(snapshot.instant);
        // Nobody else sets it: a source streams once.
        let _ = self.setting.instant.set(file_time(snapshot.instant));
        self.stage = Stage::Snapshot(snapshot);
        Ok(())
    }

    fn end_pass(&mut self) -> Result<(), SourceError> {
        match std::mem::replace(&mut self.stage, Stage::Grants) {
            Stage::Tables(pass) => {
                let facts = self.facts.as_ref().expect("the server was asked first");
                pass.finish(&self.setting, facts, &mut self.record)?;
                self.start_snapshot()
            }
            Stage::Snapshot(snapshot) => snapshot.finish(&self.setting, &mut self.record),
            _ => unreachable!("only a pass ends"),
        }
    }

    fn pass(&mut self) -> Option<&mut Pass> {
        match &mut self.stage {
            Stage::Tables(pass) => Some(&mut pass.pass),
            Stage::Snapshot(snapshot) => Some(&mut snapshot.pass),
            _ => None,
        }
    }

    /// Skips to the next section.
    fn next_section(&mut self) -> Result<Option<Section>, SourceError> {
        while let Some(piece) = self.pass().expect("a pass runs").piece()? {
            if let Some(section) = self.take(piece) {
                return Ok(Some(section));
            }
        }
        Ok(None)
    }

    /// Takes a piece, and gives the section that it begins.
    fn take(&mut self, piece: Piece) -> Option<Section> {
        match piece {
            Piece::Begin(section) => return Some(section),
            Piece::Bytes(bytes) => {
                self.record.feed(&bytes);
                self.bytes.extend(bytes);
            }
            Piece::End { rows } => {
                self.is_file_open = false;
                if let Some(table) = self.record.end_section(rows)
                    && let Stage::Snapshot(snapshot) = &self.stage
                {
                    snapshot.count(&table, self.facts.as_ref().expect("the server was asked first"));
                }
            }
        }
        None
    }

    fn begin_section(&mut self, section: &Section) -> StreamedFile {
        let mut name = section.file_name();
        if matches!(self.stage, Stage::Tables(_)) && matches!(section, Section::Head | Section::Tail) {
            name.splice(0..0, *b"locked.");
        }
        self.record.begin_section(section.clone());
        self.begin(name, true)
    }

    fn begin(&mut self, name: Vec<u8>, is_dump: bool) -> StreamedFile {
        self.is_file_open = is_dump;
        self.record.begin_file(&name, is_dump);
        let bytes = self.bytes.make_contiguous();
        self.record.feed(bytes);
        let time = match &self.stage {
            Stage::Tables(pass) => pass.instant,
            _ => self.instant.expect("the snapshot came before"),
        };
        StreamedFile { name, permissions: 0o600, owner: (0, 0), time: file_time(time) }
    }

    fn manifest(&self) -> Result<Vec<u8>, SourceError> {
        let facts = self.facts.as_ref().expect("the server was asked first");
        let (tables, files) = self.record.tables_and_files(facts);
        let manifest = Manifest {
            format: MANIFEST_FORMAT,
            server: if facts.is_mariadb { "mariadb" } else { "mysql" }.to_owned(),
            server_version: facts.version.clone(),
            tool_version: self.setting.tool.version.clone(),
            database: self.setting.access.database.clone(),
            character_set: facts.character_set.clone(),
            collation: facts.collation.clone(),
            sql_mode: facts.sql_mode.clone(),
            instant: self.instant.expect("the snapshot came before").to_string(),
            binary_log: self.binary_log.clone(),
            counts: self.counts.clone().expect("the snapshot came before"),
            tables,
            definers: facts.definers.clone(),
            missing: self.missing.clone(),
            files,
        };
        let mut json = serde_json::to_vec_pretty(&manifest)
            .map_err(|error| failure(&self.setting.path, io::ErrorKind::InvalidData, error.to_string()))?;
        json.push(b'\n');
        Ok(json)
    }

    fn query_failure(&self, doing: &str, error: &mysql::Error) -> SourceError {
        query_failure(&self.setting.path, doing, error)
    }

    /// Remembers an error and ends what runs.
    fn fail(&mut self, error: SourceError) -> SourceError {
        // The first is the cause.
        let _ = self.setting.failed.set(error.clone());
        self.stage = Stage::Failed(error.clone());
        error
    }

    fn fill(&mut self) -> Result<(), SourceError> {
        while self.bytes.is_empty() && self.is_file_open {
            let Some(pass) = self.pass() else { return Ok(()) };
            let piece = pass.piece()?.expect("the last section ends before the dump does");
            self.take(piece);
        }
        Ok(())
    }
}

impl Stream for DumpStream {
    fn next(&mut self) -> Result<Option<StreamedFile>, SourceError> {
        // What is left of the file before is skipped, but counts for its hash.
        loop {
            self.bytes.clear();
            self.fill().map_err(|error| self.fail(error))?;
            if self.bytes.is_empty() {
                break;
            }
        }
        self.record.end_file();
        self.advance().map_err(|error| self.fail(error))
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, SourceError> {
        if let Stage::Failed(error) = &self.stage {
            return Err(error.clone());
        }
        self.fill().map_err(|error| self.fail(error))?;
        io::Read::read(&mut self.bytes, buffer)
            .map_err(|error| failure(&self.setting.path, error.kind(), error.to_string()))
    }
}

/// An instant as file systems have it.
pub(super) fn file_time(instant: Timestamp) -> FileTime {
    let (mut seconds, mut nanoseconds) = (instant.as_second(), instant.subsec_nanosecond());
    if nanoseconds < 0 {
        (seconds, nanoseconds) = (seconds - 1, nanoseconds + 1_000_000_000);
    }
    FileTime { seconds, nanoseconds: nanoseconds.unsigned_abs() }
}
