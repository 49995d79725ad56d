//! Trying again. A dropped connection must not fail a night's backup, and a place that is down for good must not
//! hold it up for ever: so only what may pass is tried again, at growing and jittered distances, within a budget of
//! time, and a cancelled run stops waiting at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use holdfast_world::{Clock, Random};

use super::{Answer, Around, Call, Layer};
use crate::contract::Location;
use crate::error::Error;

/// A wait is cut into slices of this length, so that cancelling is noticed.
const SLICE: Duration = Duration::from_millis(50);

/// How persistent to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The first delay; each further one doubles.
    pub delay_ms_first: u64,
    /// The longest delay.
    pub delay_ms_max: u64,
    /// No attempt begins later than this after the first one began.
    pub budget_ms: u64,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy { delay_ms_first: 500, delay_ms_max: 30_000, budget_ms: 300_000 }
    }
}

/// A location whose transient failures are tried again.
pub struct Retry {
    inner: Arc<dyn Location>,
    policy: RetryPolicy,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    cancelled: Arc<AtomicBool>,
}

impl Retry {
    /// Wraps `inner`; setting `cancelled` ends every wait with the error that caused it.
    pub fn new(
        inner: Arc<dyn Location>,
        policy: RetryPolicy,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        cancelled: Arc<AtomicBool>,
    ) -> Retry {
        Retry { inner, policy, clock, random, cancelled }
    }

    /// Between half of the doubling delay and all of it, so that many clients do not return in step.
    fn delay(&self, attempt: u32) -> Duration {
        let doubled = self.policy.delay_ms_first.saturating_mul(1 << attempt.min(30));
        let full = doubled.min(self.policy.delay_ms_max).max(1);
        let mut dice = [0; 8];
        self.random.fill(&mut dice);
        Duration::from_millis(full / 2 + u64::from_le_bytes(dice) % (full - full / 2 + 1))
    }

    /// Waits; `false` when cancelled.
    fn wait(&self, delay: Duration) -> bool {
        let end = self.clock.monotonic() + delay;
        while !self.cancelled.load(Ordering::Relaxed) {
            let left = end.saturating_sub(self.clock.monotonic());
            if left.is_zero() {
                return true;
            }
            self.clock.sleep(left.min(SLICE));
        }
        false
    }
}

impl Layer for Retry {}

impl Around for Retry {
    fn inner(&self) -> &dyn Location {
        &*self.inner
    }

    fn around<T: Answer>(
        &self,
        _call: &Call,
        bytes: Option<&Bytes>,
        make: &dyn Fn(Option<&Bytes>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let start = self.clock.monotonic();
        let mut attempt = 0;
        loop {
            let mut error = match make(bytes) {
                Err(error) if error.is_transient() => error,
                settled => return settled,
            };
            let delay = self.delay(attempt);
            let spent = self.clock.monotonic().saturating_sub(start);
            attempt += 1;
            if spent + delay > Duration::from_millis(self.policy.budget_ms) {
                error.cause =
                    format!("{} (gave up after {attempt} attempts in {} s)", error.cause, spent.as_secs());
                return Err(error);
            }
            if !self.wait(delay) {
                return Err(error);
            }
        }
    }
}
