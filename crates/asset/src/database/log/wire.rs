//! Events as a server sends them, put together again byte for byte.
//!
//! The server is asked as a replica would ask, with three differences: it is told that reading ends where the log ends now; that
//! whoever asks is no server, so that it ends no real replica's connection; and that MariaDB's own events are understood,
//! which it would otherwise replace by others.

use std::panic::{AssertUnwindSafe, catch_unwind};

use mysql::prelude::Queryable;
use mysql::{BinlogDumpFlags, BinlogRequest, BinlogStream};

use super::super::access::Access;
use super::event::{CHECKSUM_BYTES, Event, EventKind, HEAD_BYTES};
use super::failure::{Gap, LogError, LogErrorKind};

/// The log from one place on.
pub struct Wire {
    stream: BinlogStream,
    from: String,
}

impl Wire {
    /// Asks for it.
    pub fn open(access: &Access, file: &str, position: u64) -> Result<Wire, LogError> {
        let Ok(place) = u32::try_from(position) else {
            return Err(LogError::gap(
                Gap::Position,
                format!("the position {position} in {file} is beyond 4 GiB, which no server can be asked for"),
            ));
        };
        let failed = |error: mysql::Error| LogError::server("ask for the binary log", &error);
        let mut connection = access.stream().map_err(failed)?;
        connection
            .query_drop("SET @mariadb_slave_capability = 4, @master_binlog_checksum = 'CRC32'")
            .map_err(failed)?;
        let request = BinlogRequest::new(0)
            .with_filename(file.as_bytes())
            .with_pos(u64::from(place))
            .with_flags(BinlogDumpFlags::BINLOG_DUMP_NON_BLOCK);
        let stream = connection.get_binlog_stream(request).map_err(failed)?;
        Ok(Wire { stream, from: format!("{file} at {position}") })
    }

    /// The next event; `None` where the log ends.
    pub fn next(&mut self) -> Result<Option<Event>, LogError> {
        // The reader below us trusts what lengths say; a bent one ends a thread of its own at most.
        let next = catch_unwind(AssertUnwindSafe(|| self.stream.next()));
        let event = match next {
            Ok(None) => return Ok(None),
            Ok(Some(Ok(event))) => event,
            Ok(Some(Err(error))) => return Err(self.failed(&error)),
            Err(_) => return Err(self.damaged("it holds an event whose length is wrong")),
        };
        let header = event.header();
        let mut bytes = Vec::with_capacity(HEAD_BYTES + event.data().len() + CHECKSUM_BYTES + 1);
        bytes.extend_from_slice(&header.timestamp().to_le_bytes());
        bytes.push(header.event_type_raw());
        bytes.extend_from_slice(&header.server_id().to_le_bytes());
        bytes.extend_from_slice(&header.event_size().to_le_bytes());
        bytes.extend_from_slice(&header.log_pos().to_le_bytes());
        bytes.extend_from_slice(&header.flags_raw().to_le_bytes());
        bytes.extend_from_slice(event.data());
        let is_format = header.event_type_raw() == 15;
        if is_format && let Ok(Some(algorithm)) = event.footer().get_checksum_alg() {
            bytes.push(algorithm as u8);
        }
        if let Some(checksum) = event.checksum() {
            bytes.extend_from_slice(&checksum);
        }
        Event::new(bytes).map(Some).ok_or_else(|| self.damaged("it holds an event whose length is wrong"))
    }

    fn damaged(&self, what: &str) -> LogError {
        LogError::gap(Gap::Damaged, format!("the binary log from {} on is damaged: {what}", self.from))
    }

    fn failed(&self, error: &mysql::Error) -> LogError {
        if let mysql::Error::MySqlError(error) = error
            && error.code == 1236
        {
            let said = error.message.to_ascii_lowercase();
            let gap = if said.contains("could not find") || said.contains("purged") {
                Gap::Purged
            } else if said.contains("position") || said.contains("beyond") {
                Gap::Position
            } else {
                Gap::Damaged
            };
            return LogError::gap(gap, format!("the server cannot give its log from {} on: {}", self.from, error.message));
        }
        if let mysql::Error::IoError(error) = error
            && matches!(error.kind(), std::io::ErrorKind::Other | std::io::ErrorKind::InvalidData)
        {
            return self.damaged(&error.to_string());
        }
        let mut failed = LogError::server("read the binary log", error);
        if failed.kind == LogErrorKind::Connection {
            failed.message += "; it is tried again, and nothing of this try is kept";
        }
        failed
    }
}

/// Whether an event is the server's word that a file follows, which is in no file.
pub fn announced(event: &Event) -> Option<String> {
    if event.kind() != EventKind::Rotate || !(event.is_artificial() || event.end() == 0) {
        return None;
    }
    // Before the first format is known, the server sends it without a checksum.
    let with_checksum = event.is_intact();
    event.next_file(with_checksum)
}
