//! Events as a server sends them.
//!
//! The server is asked as a replica would ask, with three differences: it is told that reading ends where the log ends now; that
//! whoever asks is no server, so that it ends no real replica's connection; and that MariaDB's own events are understood,
//! which it would otherwise replace by others.

use super::super::access::Access;
use super::client::{Client, ClientError, LogPacket};
use super::event::{Event, EventKind};
use super::failure::{Gap, LogError, LogErrorKind};

/// The log from one place on.
pub struct Wire {
    client: Client,
    from: String,
}

impl Wire {
    /// Asks for it.
    pub fn open(access: &Access, file: &str, position: u64) -> Result<Wire, LogError> {
        let from = format!("{file} at {position}");
        let Ok(place) = u32::try_from(position) else {
            return Err(LogError::gap(
                Gap::Position,
                format!(
                    "the dump's place in the log, {from}, is beyond 4 GiB, which no server can be asked for"
                ),
            ));
        };
        let failed = |error: ClientError| failed(&from, &error);
        let mut client = Client::connect(access).map_err(failed)?;
        client
            .run("SET @mariadb_slave_capability = 4, @master_binlog_checksum = 'CRC32', SESSION net_write_timeout = 3600")
            .map_err(failed)?;
        client.ask_for_log(file, place).map_err(failed)?;
        Ok(Wire { client, from })
    }

    /// The next event; `None` where the log ends.
    pub fn next(&mut self) -> Result<Option<Event>, LogError> {
        match self.client.log_packet() {
            Ok(LogPacket::End) => Ok(None),
            Ok(LogPacket::Event(bytes)) => Event::new(bytes)
                .map(Some)
                .ok_or_else(|| damaged(&self.from, "it holds an event whose length is wrong")),
            Err(error) => Err(failed(&self.from, &error)),
        }
    }
}

fn damaged(from: &str, what: &str) -> LogError {
    LogError::gap(Gap::Damaged, format!("the binary log from {from} on is damaged: {what}"))
}

fn failed(from: &str, error: &ClientError) -> LogError {
    match error {
        ClientError::Server(1236, words) => {
            let said = words.to_ascii_lowercase();
            let gap = if said.contains("could not find") || said.contains("purged") {
                Gap::Purged
            } else if said.contains("position") || said.contains("beyond") {
                Gap::Position
            } else {
                Gap::Damaged
            };
            LogError::gap(gap, format!("the server cannot give its log from {from} on: {words}"))
        }
        ClientError::Server(code, words) => LogError::of_server("read the binary log", *code, words),
        ClientError::Io(error) => LogError::new(
            LogErrorKind::Connection,
            format!(
                "cannot read the binary log from {from} on: {error}; it is tried again, and nothing of this try is kept"
            ),
        ),
        ClientError::Protocol(what) => LogError::new(
            LogErrorKind::Connection,
            format!(
                "cannot read the binary log from {from} on: {what}: is this the server's port or socket?"
            ),
        ),
        ClientError::Method(method) => LogError::new(
            LogErrorKind::Rights,
            format!(
                "the account logs in by {method}, and the log can be asked for by mysql_native_password alone"
            ),
        ),
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
