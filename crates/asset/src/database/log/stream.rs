//! The files of a log, one after the other, and what is said about them at their end.
//!
//! Where to stop is asked before anything is read, together with the time: what is committed meanwhile belongs to the next point, or
//! a busy server would never let this one end.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, OnceLock};

use holdfast_format::source::{FileTime, SourceError, Stream, StreamedFile};
use holdfast_world::Clock;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::super::access::Access;
use super::super::failure::failure;
use super::super::stream::file_time;
use super::base::Base;
use super::before::{Before, before};
use super::event::{Event, EventKind, MAGIC};
use super::failure::{Gap, LogError, LogErrorKind};
use super::manifest::{LOG_FORMAT, LOG_NAME, LogFile, LogManifest};
use super::scan::Scan;
use super::source::LogFailed;
use super::wire::{Wire, announced};

/// What a stream needs to start.
pub struct Setting {
    pub access: Access,
    pub base: Base,
    pub whole_server: bool,
    pub clock: Arc<dyn Clock>,
    pub path: Vec<u8>,
    /// Told once the server was asked.
    pub instant: Arc<OnceLock<FileTime>>,
    /// Told once it failed.
    pub failed: LogFailed,
}

/// A log as a stream of files.
pub struct LogStream {
    setting: Setting,
    scan: Scan,
    state: State,
    before: Option<Before>,
    /// Bytes of the file that began last, not read yet.
    bytes: VecDeque<u8>,
    hash: Sha256,
    files: Vec<LogFile>,
    transactions: u64,
    touching: u64,
}

enum State {
    Start,
    /// Between two files: the next one's name was announced.
    Announced(Wire, String),
    /// Within a file.
    File(Wire),
    /// The last file of the log ended.
    Ended,
    Manifest,
    Over,
    /// It failed, and says so again when asked again.
    Failed(LogError),
}

impl LogStream {
    pub fn new(setting: Setting) -> LogStream {
        let scan = Scan::new(&setting.base);
        LogStream {
            setting,
            scan,
            state: State::Start,
            before: None,
            bytes: VecDeque::new(),
            hash: Sha256::new(),
            files: Vec::new(),
            transactions: 0,
            touching: 0,
        }
    }

    fn advance(&mut self) -> Result<Option<StreamedFile>, LogError> {
        loop {
            match std::mem::replace(&mut self.state, State::Over) {
                State::Start => {
                    let Setting { access, base, whole_server, clock, .. } = &self.setting;
                    let before = before(access, base, *whole_server, &**clock)?;
                    // Nobody else sets it: a source streams once.
                    let _ = self.setting.instant.set(file_time(before.until_by_our_clock()));
                    let start = base.start();
                    let mut wire = Wire::open(access, &start.file, start.position)?;
                    self.before = Some(before);
                    let first = wire.next()?;
                    let name = first.as_ref().and_then(announced);
                    if name.as_deref() != Some(start.file.as_str()) {
                        return Err(LogError::gap(
                            Gap::Damaged,
                            format!("asked for the log's file {}, the server sends another", start.file),
                        ));
                    }
                    self.state = State::Announced(wire, start.file);
                }
                State::Announced(wire, name) => {
                    let is_first = self.files.is_empty();
                    let from = if is_first { self.setting.base.start().position } else { MAGIC.len() as u64 };
                    self.scan.begin(&name, from)?;
                    self.hash = Sha256::new();
                    let file =
                        LogFile { name: name.clone(), from, to: from, bytes: 0, sha256: String::new() };
                    self.files.push(file);
                    self.state = State::File(wire);
                    self.add(&MAGIC);
                    return Ok(Some(self.begin(name)));
                }
                State::Ended => {
                    self.state = State::Manifest;
                    let json = self.manifest()?;
                    self.bytes.extend(json);
                    return Ok(Some(self.begin(LOG_NAME.to_owned())));
                }
                State::Manifest | State::Over => return Ok(None),
                State::File(_) => unreachable!("what is left of a file is read before the next"),
                State::Failed(error) => {
                    self.state = State::Failed(error.clone());
                    return Err(error);
                }
            }
        }
    }

    fn begin(&self, name: String) -> StreamedFile {
        let time = self.before.as_ref().map_or(Timestamp::UNIX_EPOCH, Before::until_by_our_clock);
        StreamedFile { name: name.into_bytes(), permissions: 0o600, owner: (0, 0), time: file_time(time) }
    }

    /// Adds bytes to the file that is being read.
    fn add(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes.extend(bytes);
        if let Some(file) = self.files.last_mut() {
            file.bytes += bytes.len() as u64;
        }
    }

    /// Goes on until there are bytes, or the file ends.
    fn fill(&mut self) -> Result<(), LogError> {
        while self.bytes.is_empty() {
            let State::File(wire) = &mut self.state else { return Ok(()) };
            let before = self.before.as_ref().expect("the server was asked first");
            let is_at_end =
                self.scan.file() == before.end.file && self.scan.position() >= before.end.position;
            let has_head = self.files.last().is_some_and(|file| file.bytes > MAGIC.len() as u64);
            if is_at_end && has_head {
                self.end_file(State::Ended)?;
                return Ok(());
            }
            let Some(event) = wire.next()? else {
                return Err(LogError::new(
                    LogErrorKind::Connection,
                    format!(
                        "the server said that its log reaches {} at {}, and ended it in {} at {}; it is tried again",
                        before.end.file,
                        before.end.position,
                        self.scan.file(),
                        self.scan.position()
                    ),
                ));
            };
            if let Some(next) = announced(&event) {
                let State::File(wire) = std::mem::replace(&mut self.state, State::Over) else {
                    unreachable!("it was one above")
                };
                self.end_file(State::Announced(wire, next))?;
                return Ok(());
            }
            self.take(&event)?;
        }
        Ok(())
    }

    fn take(&mut self, event: &Event) -> Result<(), LogError> {
        if event.is_artificial() {
            return Ok(());
        }
        if event.kind() == EventKind::Format && self.files.len() == 1 {
            self.before
                .as_ref()
                .expect("the server was asked first")
                .check_age(&self.setting.base, event.time())?;
        }
        let taken = self.scan.take(event)?;
        if let Some(transaction) = taken.ended {
            self.transactions += 1;
            self.touching += u64::from(transaction.touches);
        }
        self.add(event.bytes());
        Ok(())
    }

    fn end_file(&mut self, state: State) -> Result<(), LogError> {
        if self.scan.is_within() {
            return Err(LogError::gap(
                Gap::Damaged,
                format!(
                    "the binary log ends within a transaction, in {} at {}",
                    self.scan.file(),
                    self.scan.position()
                ),
            ));
        }
        let position = self.scan.position();
        let hash = std::mem::take(&mut self.hash).finalize();
        if let Some(file) = self.files.last_mut() {
            file.to = position;
            file.sha256 = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        }
        self.state = state;
        Ok(())
    }

    fn manifest(&self) -> Result<Vec<u8>, LogError> {
        let before = self.before.as_ref().expect("the server was asked first");
        let manifest = LogManifest {
            format: LOG_FORMAT,
            server_version: before.version.clone(),
            base: self.setting.base.clone(),
            end: before.end.clone(),
            until: before.until.to_string(),
            clock_ahead: before.clock_ahead,
            transactions: self.transactions,
            transactions_of_database: self.touching,
            has_other_databases: before.has_other_databases,
            files: self.files.clone(),
        };
        let mut json = serde_json::to_vec_pretty(&manifest)
            .map_err(|error| LogError::new(LogErrorKind::Connection, error.to_string()))?;
        json.push(b'\n');
        Ok(json)
    }

    fn fail(&mut self, error: LogError) -> SourceError {
        let told = error.at(&self.setting.path);
        // The first is the cause.
        let _ = self.setting.failed.set(error.clone());
        self.state = State::Failed(error);
        told
    }
}

impl Stream for LogStream {
    fn next(&mut self) -> Result<Option<StreamedFile>, SourceError> {
        // What is left of the file before is skipped, but counts for its hash.
        loop {
            self.bytes.clear();
            if let State::File(_) = self.state {
                self.fill().map_err(|error| self.fail(error))?;
            }
            if self.bytes.is_empty() {
                break;
            }
        }
        self.advance().map_err(|error| self.fail(error))
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, SourceError> {
        if let State::Failed(error) = &self.state {
            return Err(error.at(&self.setting.path));
        }
        self.fill().map_err(|error| self.fail(error))?;
        io::Read::read(&mut self.bytes, buffer)
            .map_err(|error| failure(&self.setting.path, error.kind(), error.to_string()))
    }
}
