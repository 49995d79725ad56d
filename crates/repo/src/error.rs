//! What can go wrong in a repository, sorted by what the caller should do about it.

use std::fmt;

use holdfast_location as location;

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// The kinds of failure that callers tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Somebody else holds a lock that excludes us.
    Locked,
    /// No location could be reached.
    Unreachable,
    /// A place or the system will not let us.
    Refused,
    /// No space left.
    Full,
    /// Stored bytes are not what they must be, and no mirror has better ones.
    Damaged,
    /// The password does not open the repository.
    WrongKey,
    /// There is no such repository, point or path.
    NotFound,
    /// The caller asked to stop.
    Cancelled,
    /// The source as a whole could not be read.
    Source,
    /// The local file system (target, cache, spool) failed.
    Local,
    /// The request makes no sense.
    Usage,
}

/// A failure: what was being done, and why it failed.
#[derive(Debug)]
pub struct Error {
    /// The kind, for callers.
    pub kind: ErrorKind,
    /// What was being done, to what, and where.
    pub context: String,
    /// The cause, where one was caught.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error without a deeper cause.
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Error {
        Error { kind, context: context.into(), source: None }
    }

    /// An error with its cause.
    pub fn because(
        kind: ErrorKind,
        context: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Error {
        Error { kind, context: context.into(), source: Some(Box::new(source)) }
    }

    /// A failure of the local file system at `path`.
    pub fn local(action: &str, path: &std::path::Path, source: std::io::Error) -> Error {
        let kind = match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => ErrorKind::Full,
            _ => ErrorKind::Local,
        };
        Error::because(kind, format!("{action} {}", path.display()), source)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|e| e as _)
    }
}

impl From<location::Error> for Error {
    fn from(error: location::Error) -> Error {
        let kind = match error.kind {
            location::ErrorKind::NotFound => ErrorKind::NotFound,
            location::ErrorKind::Refused | location::ErrorKind::Unsupported => ErrorKind::Refused,
            location::ErrorKind::Full => ErrorKind::Full,
            location::ErrorKind::Unreachable => ErrorKind::Unreachable,
            location::ErrorKind::Conflict | location::ErrorKind::Corrupt => ErrorKind::Damaged,
        };
        Error { kind, context: error.to_string(), source: None }
    }
}
