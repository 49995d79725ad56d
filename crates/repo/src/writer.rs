//! Who writes: the identity that locks and snapshots carry, and the outside world the engine is handed.

use std::sync::Arc;

use holdfast_world::{Clock, Random};

/// The process that acts on a repository.
#[derive(Clone)]
pub struct Writer {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Nonces and keys.
    pub random: Arc<dyn Random>,
    /// This machine's name.
    pub hostname: String,
    /// A short mark of this machine, the same at every start and unlike that of any other; in locks beside the account.
    pub machine: String,
    /// The account we run under.
    pub username: String,
    /// Its user id.
    pub uid: u32,
    /// Its group id.
    pub gid: u32,
    /// Our process id.
    pub pid: u32,
    /// Whether a process of this id runs on this machine; tells a live lock of ours from one that a crash left behind.
    pub is_process_alive: Arc<dyn Fn(u32) -> bool + Send + Sync>,
    /// Worker threads for reading, hashing, compressing and sealing.
    pub threads: usize,
}

impl Writer {
    /// The account as locks give it: with the machine, whose host name alone may be that of many.
    pub(crate) fn lock_owner(&self) -> String {
        format!("{} (holdfast on {})", self.username, self.machine)
    }

    /// A fresh nonce. The format refuses an all-zero one, which a sound generator never gives.
    pub fn nonce(&self) -> [u8; 16] {
        let mut nonce = [0; 16];
        self.random.fill(&mut nonce);
        nonce
    }
}
