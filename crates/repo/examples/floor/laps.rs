//! Time by primitive.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Sums of seconds.
#[derive(Default)]
pub struct Laps(BTreeMap<&'static str, Duration>);

impl Laps {
    /// Does `work` and adds its time to `name`.
    pub fn time<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        *self.0.entry(name).or_default() += start.elapsed();
        result
    }

    /// Seconds by name.
    pub fn seconds(&self) -> BTreeMap<&'static str, f64> {
        self.0.iter().map(|(name, time)| (*name, time.as_secs_f64())).collect()
    }
}
