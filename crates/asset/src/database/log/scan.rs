//! Events one after the other: whole, without a hole between them, and what each means for one database.
//!
//! It is asked while a log is read from its server and again while one is replayed, so that nothing is kept that could not be
//! replayed, and nothing replayed that was not looked at.

use super::super::load::aside_names;
use super::base::Base;
use super::event::{Event, EventKind, Table};
use super::failure::{Gap, LogError};
use super::query::Query;
use super::statement::{Change, Frame, Meaning, meaning};

/// Looks at the events of a log, file after file.
pub struct Scan {
    database: String,
    /// Databases of ours, beside it.
    reserved: Vec<String>,
    file: String,
    /// Where the last event ended.
    at: u64,
    has_format: bool,
    group: Option<Group>,
    /// The dump's own place, until it is reached.
    snapshot: Option<(String, u64)>,
}

/// A transaction that has not ended.
struct Group {
    is_standalone: bool,
    touches: bool,
}

/// An event, understood.
#[derive(Debug)]
pub struct Taken {
    /// What it is.
    pub part: Part,
    /// The transaction that ends with it.
    pub ended: Option<Transaction>,
}

/// What an event is.
#[derive(Debug)]
pub enum Part {
    /// Of no interest to the database.
    Nothing,
    /// How the events that follow are written.
    Format,
    /// A transaction begins.
    Begin,
    /// The table of rows that follow, of whatever database.
    Table(Table),
    /// Rows.
    Rows,
    /// A statement that changes the database.
    Statement(Query, Change),
    /// A frame within a transaction, with its text.
    Frame(Frame, Query),
    /// The transaction is committed.
    Commit,
}

/// A whole transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Whether it changes the database.
    pub touches: bool,
    /// The second in which it was committed, as far as the log tells.
    pub time: u64,
    /// Where it ends in its file.
    pub end: u64,
}

impl Scan {
    /// For the log since a dump.
    pub fn new(base: &Base) -> Scan {
        let is_locked = base.locked.as_ref().is_some_and(|start| {
            (start.file.as_str(), start.position) != (base.file.as_str(), base.position)
        });
        Scan {
            database: base.database.clone(),
            snapshot: is_locked.then(|| (base.file.clone(), base.position)),
            reserved: aside_names(&base.database).to_vec(),
            file: String::new(),
            at: 0,
            has_format: false,
            group: None,
        }
    }

    /// Begins a file, of which what follows the format event begins at `from`.
    ///
    /// # Errors
    /// When the file before ended within a transaction, or this is not the next one.
    pub fn begin(&mut self, file: &str, from: u64) -> Result<(), LogError> {
        if self.group.is_some() {
            return Err(self.damaged("the file ends within a transaction"));
        }
        if !self.file.is_empty() && !follows(&self.file, file) {
            return Err(self.damaged(&format!("the next file is {file}")));
        }
        (self.file, self.at, self.has_format) = (file.to_owned(), from, false);
        Ok(())
    }

    /// The file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Where in the server's file the last event ended.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Whether the next event is in the dump, but for tables without transactions.
    pub fn is_before_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }

    /// Whether a transaction is open.
    pub fn is_within(&self) -> bool {
        self.group.is_some()
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// When it is damaged, does not follow the one before, or cannot be repeated.
    pub fn take(&mut self, event: &Event) -> Result<Taken, LogError> {
        if !event.is_intact() {
            let what = if self.has_format || event.kind() == EventKind::Format {
                "the checksum of an event is wrong"
            } else {
                "it begins with something else than its format"
            };
            return Err(self.damaged(what));
        }
        if event.kind() == EventKind::Format {
            return self.take_format(event);
        }
        if !self.has_format {
            return Err(self.damaged("it begins with something else than its format"));
        }
        self.at += event.size();
        if u64::from(event.end()) != self.at & u64::from(u32::MAX) {
            return Err(self.damaged("an event does not end where it says"));
        }
        let part = self.part(event)?;
        if self.snapshot.is_some() && matches!(part, Part::Statement(..)) {
            return Err(self.unrepeatable("a statement that changed the database while it was dumped"));
        }
        if self.snapshot.as_ref().is_some_and(|(file, at)| *file == self.file && self.at >= *at) {
            self.snapshot = None;
        }
        let mut ended = None;
        if let Some(group) = &mut self.group {
            group.touches |= match &part {
                Part::Table(table) => table.database == self.database,
                Part::Statement(..) => true,
                _ => false,
            };
            let is_end = match &part {
                Part::Commit | Part::Frame(Frame::Commit | Frame::Rollback, _) => true,
                _ => group.is_standalone && event.kind() == EventKind::Query,
            };
            if is_end {
                let seconds = match &part {
                    Part::Statement(query, _) | Part::Frame(_, query) => query.seconds,
                    _ => 0,
                };
                let time = u64::from(event.time()) + u64::from(seconds);
                ended = Some(Transaction { touches: group.touches, time, end: self.at });
                self.group = None;
            }
        }
        Ok(Taken { part, ended })
    }

    fn take_format(&mut self, event: &Event) -> Result<Taken, LogError> {
        if !event.says_checksums() {
            return Err(self.damaged("its events have no checksums (binlog_checksum was NONE)"));
        }
        if self.has_format {
            return Err(self.damaged("its format comes twice"));
        }
        self.has_format = true;
        // Of a file that does not begin here the server sends the format without a place.
        if event.end() != 0 {
            self.at += event.size();
            if u64::from(event.end()) != self.at {
                return Err(self.damaged("its format does not end where it says"));
            }
        }
        Ok(Taken { part: Part::Format, ended: None })
    }

    fn part(&mut self, event: &Event) -> Result<Part, LogError> {
        let short = |scan: &Scan| scan.damaged("an event is shorter than it must be");
        Ok(match event.kind() {
            EventKind::Gtid => {
                let gtid = event.gtid().ok_or_else(|| short(self))?;
                if self.group.is_some() {
                    return Err(self.damaged("a transaction begins within another"));
                }
                if gtid.is_xa {
                    return Err(self.unrepeatable("a transaction in two phases (XA)"));
                }
                if gtid.is_two_phase_alter {
                    return Err(self.unrepeatable("an ALTER TABLE in two phases (binlog_alter_two_phase)"));
                }
                self.group = Some(Group { is_standalone: gtid.is_standalone, touches: false });
                Part::Begin
            }
            EventKind::TableMap => Part::Table(event.table().ok_or_else(|| short(self))?),
            EventKind::Rows => Part::Rows,
            EventKind::Commit => Part::Commit,
            EventKind::Query => {
                let query = Query::of(event).ok_or_else(|| short(self))?;
                let mode = query.settings.sql_mode.unwrap_or_default();
                match meaning(&query.text, mode, &self.database, &query.database, &self.reserved) {
                    Meaning::Nothing => Part::Nothing,
                    Meaning::Frame(frame) => Part::Frame(frame, query),
                    Meaning::Change(change) => Part::Statement(query, change),
                    Meaning::Unrepeatable(what) => return Err(self.unrepeatable(what)),
                }
            }
            // The statement that they belong to says whether it matters.
            EventKind::Load => {
                return Err(self.unrepeatable("a LOAD DATA in place of its rows (binlog_format was not ROW)"));
            }
            EventKind::StatementValue | EventKind::Note | EventKind::GtidList => Part::Nothing,
            EventKind::Rotate | EventKind::Stop => Part::Nothing,
            EventKind::Prepare => return Err(self.unrepeatable("a transaction in two phases (XA)")),
            EventKind::Incident => {
                return Err(
                    self.damaged("the server itself says that changes are missing here (an incident)")
                );
            }
            EventKind::Format => unreachable!("it was taken before"),
            EventKind::Other(number) => {
                return Err(self
                    .unrepeatable(&format!("an event of the kind {number}, which holdfast does not know")));
            }
        })
    }

    fn damaged(&self, what: &str) -> LogError {
        LogError::gap(
            Gap::Damaged,
            format!("the binary log is damaged in {} at {}: {what}", self.file, self.at),
        )
    }

    fn unrepeatable(&self, what: &str) -> LogError {
        LogError::gap(
            Gap::Unrepeatable,
            format!(
                "the binary log holds in {} before {} what cannot be replayed: {what}",
                self.file, self.at
            ),
        )
    }
}

/// Stem and number of a file's name.
pub fn numbered(file: &str) -> Option<(&str, u64)> {
    let (stem, number) = file.rsplit_once('.')?;
    Some((stem, number.parse().ok()?))
}

/// Whether a file comes right after another.
pub fn follows(before: &str, after: &str) -> bool {
    match (numbered(before), numbered(after)) {
        (Some((stem, number)), Some((next_stem, next))) => stem == next_stem && next == number + 1,
        _ => false,
    }
}
