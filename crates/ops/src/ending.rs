//! How an operation ended, as the exit code tells it.
//!
//! Scripts and monitoring see nothing but this number. It must never be 0 when something is owed, degraded or damaged.

use serde::{Deserialize, Serialize};

/// The endings, worst last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Done, and nothing to say.
    #[default]
    Done,
    /// Done, and something is red, owed or degraded.
    Attention,
    /// Nothing lost, but not done: locked, unreachable, no space.
    NotDone,
    /// Refused by policy, role or rights.
    Refused,
    /// The command line or the configuration makes no sense.
    Usage,
    /// Damage was met.
    Damage,
    /// Stopped on request.
    Interrupted,
}

impl Ending {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Ending::Done => 0,
            Ending::Attention => 1,
            Ending::Usage => 2,
            Ending::NotDone => 3,
            Ending::Damage => 4,
            Ending::Refused => 5,
            Ending::Interrupted => 130,
        }
    }

    /// The worse of two endings.
    pub fn and(self, other: Ending) -> Ending {
        self.max(other)
    }
}
