//! Events as they lie in a server's log, byte for byte, and what has to be known of them.
//!
//! Nothing is taken for granted that a bent byte could change: lengths are checked before they are used, and an event whose checksum
//! is wrong is not looked into.

use std::io::{self, Read};

/// Every event begins with so many bytes.
pub const HEAD_BYTES: usize = 19;
/// The first bytes of each file.
pub const MAGIC: [u8; 4] = *b"\xfebin";
/// No server writes a larger one.
const EVENT_BYTES_MAX: u32 = 1 << 30;
/// The checksum at an event's end.
pub const CHECKSUM_BYTES: usize = 4;
/// The event was made up by the server for whoever reads, and is in no file.
const IS_ARTIFICIAL: u16 = 0x20;
/// Whoever does not know the event may skip it.
const IS_IGNORABLE: u16 = 0x80;
/// The file is being written.
const IS_IN_USE: u16 = 0x1;

/// One event, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event(Vec<u8>);

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A statement, or the end of a transaction.
    Query,
    /// The server was shut down.
    Stop,
    /// The log goes on in another file.
    Rotate,
    /// Values for a statement that follows in place of rows.
    StatementValue,
    /// A file that was loaded, or the statement that did.
    Load,
    /// How the events of this file are written.
    Format,
    /// A transaction was committed.
    Commit,
    /// A transaction was prepared, to be committed by another.
    Prepare,
    /// The table of the rows that follow.
    TableMap,
    /// Rows.
    Rows,
    /// The beginning of a transaction.
    Gtid,
    /// The transactions before this file.
    GtidList,
    /// The server had trouble, and the log has a hole.
    Incident,
    /// Nothing that changes data.
    Note,
    /// What is not known, of this number.
    Other(u8),
}

impl Event {
    /// From an event's bytes; `None` where they are none.
    pub fn new(bytes: Vec<u8>) -> Option<Event> {
        let size = bytes.len();
        let event = Event(bytes);
        (size >= HEAD_BYTES && event.number(9) as usize == size).then_some(event)
    }

    /// Reads the next event of a file, of which `left` bytes are left at most.
    pub fn read(file: &mut dyn Read, left: u64) -> io::Result<Option<Event>> {
        let mut head = [0; HEAD_BYTES];
        if left == 0 {
            return Ok(None);
        }
        file.read_exact(&mut head)?;
        let size = u32::from_le_bytes([head[9], head[10], head[11], head[12]]);
        if (size as usize) < HEAD_BYTES || size > EVENT_BYTES_MAX || u64::from(size) > left {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("an event of {size} bytes")));
        }
        let mut bytes = head.to_vec();
        // Not all at once: the size may be a bent one.
        file.take(u64::from(size) - HEAD_BYTES as u64).read_to_end(&mut bytes)?;
        Event::new(bytes).map(Some).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn number(&self, at: usize) -> u32 {
        self.0.get(at..at + 4).map_or(0, |part| u32::from_le_bytes([part[0], part[1], part[2], part[3]]))
    }

    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its size.
    pub fn size(&self) -> u64 {
        self.0.len() as u64
    }

    /// The second of its statement's beginning.
    pub fn time(&self) -> u32 {
        self.number(0)
    }

    /// Where in its file it ends, modulo 4 GiB; 0 where it is in none.
    pub fn end(&self) -> u32 {
        self.number(13)
    }

    fn flags(&self) -> u16 {
        u16::from_le_bytes([self.0[17], self.0[18]])
    }

    /// Whether the server made it up for whoever reads.
    pub fn is_artificial(&self) -> bool {
        self.flags() & IS_ARTIFICIAL != 0
    }

    /// What it is.
    pub fn kind(&self) -> EventKind {
        match self.0[4] {
            2 => EventKind::Query,
            3 => EventKind::Stop,
            4 => EventKind::Rotate,
            5 | 13 | 14 => EventKind::StatementValue,
            6 | 8..=12 | 17 | 18 => EventKind::Load,
            15 => EventKind::Format,
            16 => EventKind::Commit,
            19 => EventKind::TableMap,
            23..=25 | 30..=32 => EventKind::Rows,
            26 => EventKind::Incident,
            38 => EventKind::Prepare,
            162 => EventKind::Gtid,
            163 => EventKind::GtidList,
            27..=29 | 160 | 161 => EventKind::Note,
            _ if self.flags() & IS_IGNORABLE != 0 => EventKind::Note,
            other => EventKind::Other(other),
        }
    }

    /// Whether its checksum is right. A format event says of itself whether there is one.
    pub fn is_intact(&self) -> bool {
        let Some((content, checksum)) = self.0.split_last_chunk::<CHECKSUM_BYTES>() else { return false };
        let mut hash = crc32fast::Hasher::new();
        let mut head = [0; HEAD_BYTES];
        head.copy_from_slice(&self.0[..HEAD_BYTES]);
        if self.kind() == EventKind::Format {
            // It is taken away when the file is closed, and does not count.
            head[17] &= !(IS_IN_USE as u8);
        }
        hash.update(&head);
        hash.update(content.get(HEAD_BYTES..).unwrap_or_default());
        hash.finalize() == u32::from_le_bytes(*checksum)
    }

    /// What is between head and checksum.
    pub fn body(&self) -> &[u8] {
        self.0.get(HEAD_BYTES..self.0.len() - CHECKSUM_BYTES).unwrap_or_default()
    }

    /// Of a format event: whether the events after it end in a checksum.
    pub fn says_checksums(&self) -> bool {
        self.body().last() == Some(&1)
    }

    /// Of a rotation: the next file.
    pub fn next_file(&self, with_checksum: bool) -> Option<String> {
        let end = if with_checksum { self.0.len() - CHECKSUM_BYTES } else { self.0.len() };
        let name = self.0.get(HEAD_BYTES + 8..end)?;
        String::from_utf8(name.to_vec()).ok().filter(|name| is_file_name(name))
    }

    /// Of the beginning of a transaction.
    pub fn gtid(&self) -> Option<Gtid> {
        let body = self.body();
        let sequence = u64::from_le_bytes(body.get(..8)?.try_into().ok()?);
        let domain = u32::from_le_bytes(body.get(8..12)?.try_into().ok()?);
        let flags = *body.get(12)?;
        // More of them follow where there are any, after the number of the group of transactions.
        let more = *body.get(if flags & 2 != 0 { 21 } else { 19 }).unwrap_or(&0);
        Some(Gtid {
            domain,
            server: self.number(5),
            sequence,
            is_standalone: flags & 1 != 0,
            is_xa: flags & 0xc0 != 0,
            is_two_phase_alter: flags & 0xc0 == 0 && more & 0x0e != 0,
        })
    }

    /// Of a table map.
    pub fn table(&self) -> Option<Table> {
        let body = self.body();
        let id = number6(body.get(..6)?);
        let length = usize::from(*body.get(8)?);
        let database = body.get(9..9 + length)?;
        let at = 9 + length + 1;
        let table_length = usize::from(*body.get(at)?);
        let table = body.get(at + 1..at + 1 + table_length)?;
        Some(Table {
            id,
            database: String::from_utf8(database.to_vec()).ok()?,
            table: String::from_utf8(table.to_vec()).ok()?,
        })
    }

    /// Of a table map: the same table in another database.
    pub fn with_database(&self, database: &str) -> Option<Event> {
        let old = usize::from(*self.0.get(HEAD_BYTES + 8)?);
        let mut bytes = self.0[..HEAD_BYTES + 8].to_vec();
        bytes.push(u8::try_from(database.len()).ok()?);
        bytes.extend_from_slice(database.as_bytes());
        bytes.extend_from_slice(self.0.get(HEAD_BYTES + 9 + old..self.0.len() - CHECKSUM_BYTES)?);
        let size = u32::try_from(bytes.len() + CHECKSUM_BYTES).ok()?;
        bytes[9..13].copy_from_slice(&size.to_le_bytes());
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        Event::new(bytes)
    }

    /// Of rows: the same rows as the last ones of their statement.
    pub fn as_last_of_statement(&self) -> Event {
        let mut bytes = self.0[..self.0.len() - CHECKSUM_BYTES].to_vec();
        if let Some(flags) = bytes.get_mut(HEAD_BYTES + 6) {
            *flags |= 1;
        }
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        Event(bytes)
    }

    /// Of rows: the number of the table, and whether they are the last ones of their statement.
    pub fn rows(&self) -> Option<(u64, bool)> {
        let body = self.body();
        Some((number6(body.get(..6)?), body.get(6)? & 1 != 0))
    }
}

/// A transaction's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gtid {
    /// The domain.
    pub domain: u32,
    /// The server that wrote it first.
    pub server: u32,
    /// Its number in the domain.
    pub sequence: u64,
    /// Whether it is one statement, such as `ALTER TABLE`.
    pub is_standalone: bool,
    /// Whether it is a part of a transaction in two phases.
    pub is_xa: bool,
    /// Whether it is the beginning or the end of an `ALTER TABLE` that is told twice.
    pub is_two_phase_alter: bool,
}

/// The table of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its number, for this statement.
    pub id: u64,
    /// Its database.
    pub database: String,
    /// Its name.
    pub table: String,
}

fn number6(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Whether a name of a server's log may be that of a file here.
pub fn is_file_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !name.starts_with('.')
        && name != super::manifest::LOG_NAME
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
