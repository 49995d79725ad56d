//! Where trouble goes that does not end the operation.
//!
//! A file that could not be read, a location that fell behind or a damaged object that was healed from a mirror must
//! reach the person who reads the result, not only a log: each is reported here and kept in the run's outcome.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// What kind of trouble was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TroubleKind {
    /// Something in the source could not be read; it is missing from the point.
    Unreadable,
    /// A file changed while it was read, every time it was tried; the point holds what was read last.
    Changed,
    /// A location could not be used; it is owed what it lacks.
    Location,
    /// Stored bytes were damaged or missing.
    Damage,
    /// Metadata or content could not be written to the restore target.
    Target,
    /// Something that somebody has to look at.
    Warning,
    /// Something worth knowing that changes no outcome.
    Notice,
}

/// One piece of trouble.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// The kind.
    pub kind: TroubleKind,
    /// What it concerns: a source path, a location, an object.
    pub subject: String,
    /// What happened, for people.
    pub message: String,
}

impl Trouble {
    /// Builds a piece of trouble.
    pub fn new(kind: TroubleKind, subject: impl Into<String>, message: impl Into<String>) -> Trouble {
        Trouble { kind, subject: subject.into(), message: message.into() }
    }
}

/// Receives trouble as it is met, from any thread.
pub trait Monitor: Sync {
    /// Takes note of `trouble`.
    fn trouble(&self, trouble: Trouble);
}

/// A monitor that keeps everything it is told.
#[derive(Debug, Default)]
pub struct Troubles(Mutex<Vec<Trouble>>);

impl Troubles {
    /// Everything reported so far.
    pub fn list(&self) -> Vec<Trouble> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many pieces of trouble of this kind were reported.
    pub fn count(&self, kind: TroubleKind) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().filter(|t| t.kind == kind).count()
    }
}

impl Monitor for Troubles {
    fn trouble(&self, trouble: Trouble) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(trouble);
    }
}
