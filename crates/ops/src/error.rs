//! Why an operation could not be done, with what to do about it.

use std::fmt;

use holdfast_ledger as ledger;
use holdfast_repo as repo;
use serde::{Deserialize, Serialize};

use crate::ending::Ending;

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure for people: what, where, and a hint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Error {
    /// How the process should end.
    pub ending: Ending,
    /// What failed, and why.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Error {
    /// A failure without a hint.
    pub fn new(ending: Ending, message: impl Into<String>) -> Error {
        Error { ending, message: message.into(), hint: None }
    }

    /// The command line or the configuration makes no sense.
    pub fn usage(message: impl Into<String>) -> Error {
        Error::new(Ending::Usage, message)
    }

    /// Nothing lost, but not done.
    pub fn not_done(message: impl Into<String>) -> Error {
        Error::new(Ending::NotDone, message)
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<ledger::Error> for Error {
    fn from(error: ledger::Error) -> Error {
        use ledger::ErrorKind;
        let (ending, hint) = match error.kind {
            ErrorKind::Owned | ErrorKind::Busy => {
                (Ending::NotDone, "wait until the other process is done, or use another --state")
            }
            ErrorKind::Fenced => {
                (Ending::NotDone, "another process took over: run one holdfast per state folder")
            }
            ErrorKind::Full => {
                (Ending::NotDone, "free some space for the state folder and run the command again")
            }
            ErrorKind::Newer => (Ending::NotDone, "install that version of holdfast again"),
            ErrorKind::Older | ErrorKind::Absent => {
                (Ending::NotDone, "`holdfast backup` makes or updates it")
            }
            ErrorKind::NotALedger => (Ending::NotDone, "move that file away, or use another --state"),
            ErrorKind::Damaged => (
                Ending::Damage,
                "move it away to begin a new one: its history is lost then, and no backup is; `restore --break-glass` needs none",
            ),
            ErrorKind::Contradiction | ErrorKind::System => (
                Ending::NotDone,
                "nothing is done that cannot be written down; `restore --break-glass` needs no ledger",
            ),
        };
        Error::new(ending, error.to_string()).hint(hint)
    }
}

impl From<repo::Error> for Error {
    fn from(error: repo::Error) -> Error {
        use repo::ErrorKind;
        let (ending, hint) = match error.kind {
            ErrorKind::Locked => (
                Ending::NotDone,
                Some(
                    "wait until the other process is done; a lock whose process died goes stale after 30 minutes",
                ),
            ),
            ErrorKind::Unreachable => {
                (Ending::NotDone, Some("check the network and the place with `holdfast location test NAME`"))
            }
            ErrorKind::Full => (Ending::NotDone, Some("free some space there and run the command again")),
            ErrorKind::Local | ErrorKind::Source => (Ending::NotDone, None),
            ErrorKind::Refused => {
                (Ending::Refused, Some("check the credentials with `holdfast location test NAME`"))
            }
            ErrorKind::Damaged => {
                (Ending::Damage, Some("`holdfast verify` tells what is affected, `holdfast repair` heals it"))
            }
            ErrorKind::WrongKey => (
                Ending::Usage,
                Some(
                    "the key ring's password does not open this repository: restore the right file into keys/",
                ),
            ),
            ErrorKind::NotFound => (Ending::Usage, Some("`holdfast points ASSET` lists what there is")),
            ErrorKind::Usage => (Ending::Usage, None),
            ErrorKind::Cancelled => (Ending::Interrupted, None),
        };
        Error { ending, message: error.to_string(), hint: hint.map(str::to_owned) }
    }
}
