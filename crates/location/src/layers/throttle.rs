//! Limiting bandwidth, and adding latency for benches: a backup that takes a production host's whole uplink is an
//! outage of its own.
//!
//! Objects move whole, so the limit holds on average: the place's turn comes when the bytes before it were paid for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use holdfast_world::Clock;

use super::{Answer, Around, Call, Layer};
use crate::contract::Location;
use crate::error::Error;

/// What a place may use, all callers together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes a second towards the place.
    pub up_bytes_per_second: Option<u64>,
    /// Bytes a second from the place.
    pub down_bytes_per_second: Option<u64>,
    /// Time added to every call.
    pub latency_added: Duration,
}

/// The line to a place, with what everybody together moved over it.
pub struct Line {
    latency_added: Duration,
    up: Bucket,
    down: Bucket,
}

impl Line {
    /// A line over which nothing was moved yet.
    pub fn new(limits: Limits) -> Line {
        Line {
            latency_added: limits.latency_added,
            up: Bucket::new(limits.up_bytes_per_second),
            down: Bucket::new(limits.down_bytes_per_second),
        }
    }
}

/// A location that moves no more bytes a second than its line allows.
pub struct Throttle {
    inner: Arc<dyn Location>,
    line: Arc<Line>,
    clock: Arc<dyn Clock>,
}

impl Throttle {
    /// Wraps `inner`, with a line of its own.
    pub fn new(inner: Arc<dyn Location>, limits: Limits, clock: Arc<dyn Clock>) -> Throttle {
        Throttle::on(Arc::new(Line::new(limits)), inner, clock)
    }

    /// Wraps `inner`, on a line that others share.
    pub fn on(line: Arc<Line>, inner: Arc<dyn Location>, clock: Arc<dyn Clock>) -> Throttle {
        Throttle { inner, line, clock }
    }
}

impl Layer for Throttle {}

impl Around for Throttle {
    fn inner(&self) -> &dyn Location {
        &*self.inner
    }

    fn around<T: Answer>(
        &self,
        call: &Call,
        bytes: Option<&Bytes>,
        make: &dyn Fn(Option<&Bytes>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if !self.line.latency_added.is_zero() {
            self.clock.sleep(self.line.latency_added);
        }
        self.line.up.pay(call.bytes_up, &*self.clock);
        let answer = make(bytes)?;
        self.line.down.pay(answer.bytes_down(), &*self.clock);
        Ok(answer)
    }
}

/// A token bucket that may be overdrawn by one object; the overdraft is waited off first.
struct Bucket {
    bytes_per_second: Option<u64>,
    /// The monotonic instant at which everything taken so far is paid for.
    paid_at: Mutex<Duration>,
}

impl Bucket {
    fn new(bytes_per_second: Option<u64>) -> Bucket {
        Bucket { bytes_per_second: bytes_per_second.map(|rate| rate.max(1)), paid_at: Mutex::default() }
    }

    /// Takes `bytes` and waits until they are paid for.
    fn pay(&self, bytes: u64, clock: &dyn Clock) {
        let Some(rate) = self.bytes_per_second.filter(|_| bytes > 0) else { return };
        let price = Duration::from_nanos(
            u64::try_from(u128::from(bytes) * 1_000_000_000 / u128::from(rate)).unwrap_or(u64::MAX),
        );
        let now = clock.monotonic();
        let due = {
            let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
            *paid_at = (*paid_at).max(now) + price;
            *paid_at
        };
        clock.sleep(due.saturating_sub(now));
    }
}
