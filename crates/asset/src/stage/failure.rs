//! Why something could not be brought to life, and what to do.

use std::fmt;
use std::io;
use std::path::Path;

use holdfast_world::process::{ProcessError, ProcessErrorKind};

/// What went wrong.
#[derive(Debug)]
pub struct StageError {
    /// The kind.
    pub kind: StageErrorKind,
    /// What, where, and what to do.
    pub message: String,
    source: Option<io::Error>,
}

/// Kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageErrorKind {
    /// What is restored there would lie on a disk in plain text.
    Plain,
    /// It cannot be kept apart from the rest of the machine, so it is not run.
    NotIsolated,
    /// A program is not installed.
    Missing,
    /// What was asked is not done here.
    Refused,
    /// A server did not start, or ended.
    Server,
    /// No answer within the time that was given.
    TimedOut,
    /// Something is left that should be gone.
    Left,
    /// The system refused something.
    Io,
    /// Somebody interrupted.
    Interrupted,
}

impl StageError {
    pub(super) fn new(kind: StageErrorKind, message: impl Into<String>) -> StageError {
        StageError { kind, message: message.into(), source: None }
    }

    pub(super) fn refused(message: impl Into<String>) -> StageError {
        StageError::new(StageErrorKind::Refused, message)
    }

    /// The system's answer about a path.
    pub(super) fn io(doing: &str, path: &Path, error: impl Into<io::Error>) -> StageError {
        let error = error.into();
        let message = format!("cannot {doing} {}: {error}", path.display().to_string().escape_debug());
        StageError { kind: StageErrorKind::Io, message, source: Some(error) }
    }

    /// A program that gave no result.
    pub(super) fn process(doing: &str, error: &ProcessError) -> StageError {
        let kind = match &error.kind {
            ProcessErrorKind::Start(cause) if cause.kind() == io::ErrorKind::NotFound => {
                StageErrorKind::Missing
            }
            ProcessErrorKind::TimeLimit(_) | ProcessErrorKind::Silent(_) => StageErrorKind::TimedOut,
            ProcessErrorKind::Interrupted => StageErrorKind::Interrupted,
            _ => StageErrorKind::Server,
        };
        StageError::new(kind, format!("cannot {doing}: {error}"))
    }
}

impl fmt::Display for StageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|error| error as _)
    }
}
