//! What can go wrong with the ledger, sorted by what the caller should do about it.

use std::fmt;

use diesel::result::DatabaseErrorKind;

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// The kinds of failure that callers tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Another process owns the ledger; the context names it.
    Owned,
    /// Another process took the ledger over since this one opened it. Nothing was written, and nothing will be.
    Fenced,
    /// A newer holdfast wrote it; this one would misread it.
    Newer,
    /// An older holdfast wrote it, and a reader may not bring it up to date.
    Older,
    /// There is a file, and it is something else.
    NotALedger,
    /// There is no ledger yet.
    Absent,
    /// The bytes are not what was written.
    Damaged,
    /// No space left; what was acknowledged before is safe, this was not written.
    Full,
    /// Somebody held it for longer than we wait.
    Busy,
    /// What should be written contradicts what is there: an end without a beginning, a second end.
    Contradiction,
    /// The system refused or failed.
    System,
}

/// A failure: what was being done, and why it failed.
#[derive(Debug)]
pub struct Error {
    /// The kind, for callers.
    pub kind: ErrorKind,
    /// What was being done, with the path or the id concerned.
    pub context: String,
    /// What the layer below said.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// A failure that nothing below caused.
    pub(crate) fn new(kind: ErrorKind, context: impl Into<String>) -> Error {
        Error { kind, context: context.into(), source: None }
    }

    /// A failure with its cause.
    pub(crate) fn caused(
        kind: ErrorKind,
        context: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Error {
        Error { kind, context: context.into(), source: Some(source.into()) }
    }

    /// A row or a leaf that this crate cannot have written.
    pub(crate) fn damaged(context: impl Into<String>) -> Error {
        Error::new(ErrorKind::Damaged, context)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the ledger: {}", self.context)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as &(dyn std::error::Error + 'static))
    }
}

/// Says what was being done when the database or the system failed.
pub(crate) trait Doing<T> {
    /// Turns the failure into ours.
    fn doing(self, action: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Doing<T> for diesel::QueryResult<T> {
    fn doing(self, action: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| {
            let is_contradiction = matches!(
                error,
                diesel::result::Error::DatabaseError(
                    DatabaseErrorKind::UniqueViolation
                        | DatabaseErrorKind::ForeignKeyViolation
                        | DatabaseErrorKind::CheckViolation,
                    _
                )
            );
            let kind = if is_contradiction { ErrorKind::Contradiction } else { kind_of(&error.to_string()) };
            Error::caused(kind, action(), error)
        })
    }
}

impl<T> Doing<T> for diesel::ConnectionResult<T> {
    fn doing(self, action: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::caused(kind_of(&error.to_string()), action(), error))
    }
}

impl<T> Doing<T> for std::io::Result<T> {
    fn doing(self, action: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| {
            let is_full =
                matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded);
            Error::caused(if is_full { ErrorKind::Full } else { ErrorKind::System }, action(), error)
        })
    }
}

/// Diesel hands on SQLite's words and not its codes; the words have been the same for twenty years.
pub(crate) fn kind_of(message: &str) -> ErrorKind {
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(&["database or disk is full"]) {
        ErrorKind::Full
    } else if says(&["is malformed", "is not a database", "malformed database schema"]) {
        ErrorKind::Damaged
    } else if says(&["is locked"]) {
        ErrorKind::Busy
    } else {
        ErrorKind::System
    }
}
