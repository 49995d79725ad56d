//! Object locks: an object that nobody can delete before an instant, whatever credentials he holds.
//!
//! A setting proves nothing: servers accept the header and delete the object all the same. What a lock of a place is worth
//! is found out by [`probe_lock`](crate::probe_lock()). The locks of writers are another thing, see [`Area::Locks`](crate::Area).

use jiff::{SignedDuration, Timestamp};

/// Who may get rid of a lock before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectLock {
    /// Whoever was given the right to bypass it.
    Governance,
    /// Nobody.
    Compliance,
}

impl ObjectLock {
    /// The word of the protocol.
    pub(crate) fn word(self) -> &'static str {
        match self {
            ObjectLock::Governance => "GOVERNANCE",
            ObjectLock::Compliance => "COMPLIANCE",
        }
    }
}

/// What [`Location::retain`](crate::Location::retain) found and left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retained {
    /// Until when the object was locked before, if it was.
    pub before: Option<Timestamp>,
    /// Until when it is locked now.
    pub until: Timestamp,
}

/// A way to get rid of a lock before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockBreak {
    /// Move its end.
    Shorten(Timestamp),
    /// Delete the version with the right to bypass governance, where there is one.
    Bypass,
}

/// A lock is kept to the second, and never ends later than what was asked for.
pub(crate) fn whole_seconds(instant: Timestamp) -> Timestamp {
    Timestamp::from_second(instant.as_second()).unwrap_or(instant)
}

/// With clocks further apart than this, whose day is it until which something is locked? A lock that is a year too long
/// cannot be taken back.
pub(crate) const CLOCKS_APART_MAX: SignedDuration = SignedDuration::from_hours(24);
