//! What can go wrong at a location, sorted by what the caller should do about it.

use std::fmt;

/// The kinds of failure that callers tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The place was reached and the object is not there.
    NotFound,
    /// The place was reached and will not let us (credentials, permission, append-only, object lock).
    Refused,
    /// No space, or a quota is used up.
    Full,
    /// The place could not be reached, or broke off; trying again later may help.
    Unreachable,
    /// An object of that name but another size is there.
    Conflict,
    /// The bytes are not what they must be (short object, failed checksum).
    Corrupt,
    /// The place cannot do this at all, or its configuration makes no sense.
    Unsupported,
}

/// A failure at a location: what was done, where, and why it failed. Never holds a credential.
#[derive(Debug)]
pub struct Error {
    /// The kind, for callers.
    pub kind: ErrorKind,
    /// The location's name.
    pub location: String,
    /// What was being done, with the object's path, e.g. `read C-1042/data/ab/ab12…`.
    pub action: String,
    /// The cause, for people.
    pub cause: String,
}

impl Error {
    /// Builds an error.
    pub fn new(
        kind: ErrorKind,
        location: impl Into<String>,
        action: impl Into<String>,
        cause: impl fmt::Display,
    ) -> Error {
        Error { kind, location: location.into(), action: action.into(), cause: cause.to_string() }
    }

    /// Whether trying the same call again may succeed.
    pub fn is_transient(&self) -> bool {
        self.kind == ErrorKind::Unreachable
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ErrorKind::NotFound => "not found",
            ErrorKind::Refused => "refused",
            ErrorKind::Full => "no space left",
            ErrorKind::Unreachable => "unreachable",
            ErrorKind::Conflict => "another object of this name is there",
            ErrorKind::Corrupt => "damaged",
            ErrorKind::Unsupported => "not supported",
        };
        write!(f, "location {}: {}: {kind}: {}", self.location, self.action, self.cause)
    }
}

impl std::error::Error for Error {}
