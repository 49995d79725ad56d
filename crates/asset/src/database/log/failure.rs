//! Why a log could not be read whole, and what to do.

use std::fmt;
use std::io;

use holdfast_format::source::SourceError;

/// What went wrong.
#[derive(Clone, Debug)]
pub struct LogError {
    /// The kind.
    pub kind: LogErrorKind,
    /// What and where; [`fmt::Display`] says what to do about a gap as well.
    pub message: String,
}

/// Kinds of failure. What to do differs: after a gap only a new dump helps, and everything else passes or is put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogErrorKind {
    /// The log since the dump cannot be had whole any more, however often one tries: a new dump is wanted at once.
    Gap(Gap),
    /// The server cannot be reached or went away: it is tried again.
    Connection,
    /// The account lacks a right.
    Rights,
    /// The server's settings do not allow it: see [`super::can_follow`].
    Settings,
}

/// Kinds of gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// The server has removed a file that is needed.
    Purged,
    /// The log was begun anew since the dump.
    Reset,
    /// The log does not have the dump's position.
    Position,
    /// A checksum in the log is wrong, or its events do not follow one another.
    Damaged,
    /// It is the log of another server.
    OtherServer,
    /// It holds what cannot be replayed exactly: a statement in place of the rows that it changed, a prepared transaction, or
    /// a restore of this very database.
    Unrepeatable,
}

impl LogError {
    pub(in super::super) fn new(kind: LogErrorKind, message: impl Into<String>) -> LogError {
        LogError { kind, message: message.into() }
    }

    pub(in super::super) fn gap(gap: Gap, message: impl fmt::Display) -> LogError {
        LogError::new(LogErrorKind::Gap(gap), message.to_string())
    }

    /// Whether only a new dump helps.
    pub fn wants_dump(&self) -> bool {
        matches!(self.kind, LogErrorKind::Gap(_))
    }

    /// What the server answered to a question of ours.
    pub(super) fn server(doing: &str, error: &mysql::Error) -> LogError {
        match error {
            mysql::Error::MySqlError(error) => LogError::of_server(doing, error.code, &error.message),
            error => LogError::of_server(doing, 0, &error.to_string()),
        }
    }

    /// The same by its number.
    pub(super) fn of_server(doing: &str, code: u16, said: &str) -> LogError {
        let (kind, hint) = match code {
            1044 | 1045 | 1142 | 1227 | 1698 => (LogErrorKind::Rights, RIGHTS_HINT),
            1381 => (LogErrorKind::Settings, "; the server writes no binary log: start it with log_bin"),
            _ => (LogErrorKind::Connection, ""),
        };
        LogError::new(kind, format!("cannot {doing}: {said}{hint}"))
    }

    /// For whoever archives.
    pub(super) fn at(&self, path: &[u8]) -> SourceError {
        let kind = match self.kind {
            LogErrorKind::Gap(_) => io::ErrorKind::InvalidData,
            LogErrorKind::Connection => io::ErrorKind::NotConnected,
            LogErrorKind::Rights => io::ErrorKind::PermissionDenied,
            LogErrorKind::Settings => io::ErrorKind::Unsupported,
        };
        super::super::failure::failure(path, kind, self.to_string())
    }
}

const RIGHTS_HINT: &str = "; GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO the account (before MariaDB 10.5: REPLICATION SLAVE, \
                           REPLICATION CLIENT)";

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if self.wants_dump() {
            f.write_str("; a new dump is needed, from which the log is followed again")?;
        }
        Ok(())
    }
}

impl std::error::Error for LogError {}
