//! The outside world: time, randomness, processes, the environment, local files that must survive a power cut.
//!
//! Everything else in the workspace is handed these, so that it can be run on a virtual clock, with a fixed seed,
//! in a test that needs no redaction. A crate that asked the machine by itself would make such a run impossible,
//! and would scatter the places where a password, a locale or a stray variable can leak in.

mod clock;
pub mod durable;
mod environment;
pub mod fake;
pub mod limits;
pub mod memory;
pub mod priority;
pub mod process;
mod random;
pub mod secrets;
pub mod service;
pub mod signals;

use std::fmt;
use std::sync::Arc;

pub use clock::{Clock, SystemClock};
pub use environment::{Environment, Stream};
pub use random::{Random, SystemRandom};
pub use secrecy::{ExposeSecret, SecretSlice, SecretString};

/// Time, randomness and environment in one handful, cheap to clone.
#[derive(Clone)]
pub struct World {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for keys, nonces and samples.
    pub random: Arc<dyn Random>,
    /// Variables, names and places of this process.
    pub environment: Arc<Environment>,
}

impl World {
    /// The real one.
    pub fn system() -> World {
        World {
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(SystemRandom),
            environment: Arc::new(Environment::system()),
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("environment", &self.environment).finish_non_exhaustive()
    }
}
