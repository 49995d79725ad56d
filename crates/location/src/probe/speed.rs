//! The trials that end in a number.

use std::time::Duration;

use super::{Finding, Probe, Topic, Unit};
use crate::error::Error;
use crate::key::Area;

impl Probe<'_> {
    pub(super) fn speed(&self) -> Vec<Finding> {
        let size = self.options.object_bytes;
        let mib = size as f64 / f64::from(1 << 20);
        let throughput = |what, times: Result<Vec<Duration>, Error>, way: &str, meaning: &str| match times {
            Ok(times) => {
                let median = median(&times).as_secs_f64().max(1e-9);
                let tried =
                    format!("{} objects of {mib:.1} MiB, {way} one after another; the median", times.len());
                Finding::measured(what, size as f64 / median / 1e6, Unit::MegabytesPerSecond, tried, meaning)
            }
            Err(error) => Finding::unknown(what, &error),
        };
        let mut up = Vec::new();
        let mut down = Ok(Vec::new());
        let stored = (0..self.options.transfers.max(1)).try_for_each(|_| {
            let content = self.random(size);
            let key = self.key(Area::Data, &content);
            up.push(self.timed(|| self.location.put(&key, content.clone()))?);
            if let Ok(times) = &mut down {
                match self.timed(|| self.location.get(&key, None)) {
                    Ok(time) => times.push(time),
                    Err(error) => down = Err(error),
                }
            }
            Ok(())
        });
        let reads = if up.is_empty() { stored.as_ref().map(|()| Vec::new()).map_err(again) } else { down };
        vec![
            self.round_trip(),
            throughput(
                Topic::ThroughputUp,
                stored.map(|()| up),
                "stored",
                "the speed of a backup over one line",
            ),
            throughput(Topic::ThroughputDown, reads, "read", "the speed of a restore over one line"),
        ]
    }

    fn round_trip(&self) -> Finding {
        let what = Topic::RoundTrip;
        let content = self.random(100);
        let key = self.key(Area::Snapshots, &content);
        let mut times = Vec::new();
        let timed = self.location.put(&key, content).and_then(|_| {
            for _ in 0..self.options.round_trips.max(1) {
                times.push(self.timed(|| self.location.size(&key))?);
            }
            Ok(())
        });
        match timed {
            Ok(()) => Finding::measured(
                what,
                median(&times).as_secs_f64() * 1e3,
                Unit::Milliseconds,
                format!("{} look-ups of one object; the median", times.len()),
                "every small call takes so long",
            ),
            Err(error) => Finding::unknown(what, &error),
        }
    }

    fn timed<T>(&self, call: impl FnOnce() -> Result<T, Error>) -> Result<Duration, Error> {
        let start = self.surroundings.clock.monotonic();
        call()?;
        Ok(self.surroundings.clock.monotonic().saturating_sub(start))
    }
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The same error once more, for a second finding.
fn again(error: &Error) -> Error {
    Error::new(error.kind, &error.location, &error.action, &error.cause)
}
