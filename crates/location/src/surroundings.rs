//! What backends are handed from outside. Without it each would read the clock, the environment or the home folder
//! by itself, and no test could replay what it did.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use holdfast_world::{Clock, Random};

/// How long a backend waits before it calls a place `Unreachable`.
///
/// A call on a dead network returns within `connect + stall + bytes / slowest`, where `bytes` is what it moves (a
/// download whose size is not known beforehand counts from its last byte). A call of several requests (a look-up
/// before an upload, a listing of many pages) needs that for each request at most, and ends with the first that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Longest wait for a connection, log-in included.
    pub connect: Duration,
    /// Longest wait during which nothing moves.
    pub stall: Duration,
    /// Bytes a second below which a transfer counts as dead.
    pub slowest_bytes_per_second: u64,
}

impl Timeouts {
    /// The longest time that a call moving `bytes` may take once connected.
    pub fn transfer(&self, bytes: u64) -> Duration {
        self.stall + Duration::from_secs(bytes / self.slowest_bytes_per_second.max(1))
    }
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            connect: Duration::from_secs(15),
            stall: Duration::from_secs(60),
            slowest_bytes_per_second: 32 * 1024,
        }
    }
}

/// Clock, randomness, paths and bounds for the backends.
#[derive(Clone)]
pub struct Surroundings {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for temporary names and markers.
    pub random: Arc<dyn Random>,
    /// The user's `known_hosts` file, usually `~/.ssh/known_hosts`; for SFTP.
    pub known_hosts: Option<PathBuf>,
    /// The socket of the user's SSH agent (`SSH_AUTH_SOCK`); for SFTP without an identity file.
    pub agent_socket: Option<PathBuf>,
    /// How long to wait.
    pub timeouts: Timeouts,
}

impl Surroundings {
    /// Surroundings without SSH files and with the usual timeouts.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Surroundings {
        Surroundings { clock, random, known_hosts: None, agent_socket: None, timeouts: Timeouts::default() }
    }

    /// `bytes` random bytes as hex digits.
    pub(crate) fn random_hex(&self, bytes: usize) -> String {
        let mut buffer = vec![0; bytes];
        self.random.fill(&mut buffer);
        buffer.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }
}
