//! A world for tests: time that moves only when told to, randomness that repeats, an environment made up on the spot.
//!
//! Tests of every crate use this one, so that two of them never disagree about what "a day later" means. Nothing in
//! the product builds a fake world; [`World::system`] is the only one that the binary knows.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::{Clock, Environment, Random, World};

impl World {
    /// A world whose randomness follows from `seed`, whose clock starts at `start`, and whose environment is
    /// [`Environment::fake`]. Use [`FakeClock`] directly where a test must move time itself.
    pub fn fake(seed: u64, start: Timestamp) -> World {
        World {
            clock: Arc::new(FakeClock::new(start)),
            random: Arc::new(FakeRandom::new(seed)),
            environment: Arc::new(Environment::fake()),
        }
    }
}

/// A clock that stands still until somebody sleeps on it or pushes it.
#[derive(Debug)]
pub struct FakeClock {
    reading: Mutex<Reading>,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    now: Timestamp,
    monotonic: Duration,
}

impl FakeClock {
    /// A clock that shows `start`, with monotonic time zero.
    pub fn new(start: Timestamp) -> FakeClock {
        FakeClock { reading: Mutex::new(Reading { now: start, monotonic: Duration::ZERO }) }
    }

    /// Lets `duration` pass on both readings.
    pub fn advance(&self, duration: Duration) {
        let mut reading = self.lock();
        reading.now = reading.now.checked_add(duration).expect("tests stay within the range of timestamps");
        reading.monotonic += duration;
    }

    /// Sets the wall clock, forwards or backwards, as an administrator or a broken NTP server would. Monotonic time
    /// is untouched.
    pub fn set(&self, now: Timestamp) {
        self.lock().now = now;
    }

    fn lock(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        self.lock().now
    }

    fn monotonic(&self) -> Duration {
        self.lock().monotonic
    }

    fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }
}

/// ChaCha20 from a seed: the same seed gives the same bytes, in the order in which they are asked for.
#[derive(Debug)]
pub struct FakeRandom {
    generator: Mutex<ChaCha20Rng>,
}

impl FakeRandom {
    /// Starts the sequence that belongs to `seed`.
    pub fn new(seed: u64) -> FakeRandom {
        FakeRandom { generator: Mutex::new(ChaCha20Rng::seed_from_u64(seed)) }
    }
}

impl Random for FakeRandom {
    fn fill(&self, buffer: &mut [u8]) {
        self.generator.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeping_advances_both_readings_and_setting_only_the_wall_clock() {
        let clock = FakeClock::new("2026-03-29T00:59:00Z".parse().unwrap());
        clock.sleep(Duration::from_secs(3600));
        assert_eq!(clock.now().to_string(), "2026-03-29T01:59:00Z");
        clock.set("2020-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(clock.monotonic(), Duration::from_secs(3600));
        assert_eq!(clock.now().to_string(), "2020-01-01T00:00:00Z");
    }

    #[test]
    fn equal_seeds_repeat_and_different_seeds_do_not() {
        let draw = |seed| {
            let random = FakeRandom::new(seed);
            let mut bytes = [0; 64];
            random.fill(&mut bytes[..10]);
            random.fill(&mut bytes[10..]);
            bytes
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
