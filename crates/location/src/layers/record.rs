//! Counting calls. "An unchanged run is cheap" and "every pack is read once" are claims about calls; this is where
//! tests and benches get the numbers from.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{Answer, Around, Call, Layer, Op};
use crate::contract::Location;
use crate::error::Error;
use crate::key::Area;

/// What was counted for one kind of call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Calls made, failed ones included.
    pub calls: u64,
    /// Calls that failed.
    pub failures: u64,
    /// Bytes handed over for storing.
    pub bytes_up: u64,
    /// Bytes of objects that came back.
    pub bytes_down: u64,
}

/// The counts and calls of a [`Record`]; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Recording(Arc<Mutex<Recorded>>);

#[derive(Debug, Default)]
struct Recorded {
    counts: BTreeMap<(Op, Option<Area>), Count>,
    /// `None` when only counting.
    calls: Option<Vec<Call>>,
}

impl Recording {
    /// Counts only; constant memory.
    pub fn new() -> Recording {
        Recording::default()
    }

    /// Counts, and keeps every call; for tests.
    pub fn with_calls() -> Recording {
        Recording(Arc::new(Mutex::new(Recorded { calls: Some(Vec::new()), ..Recorded::default() })))
    }

    /// The counts by call and area.
    pub fn counts(&self) -> BTreeMap<(Op, Option<Area>), Count> {
        self.locked().counts.clone()
    }

    /// The sum over all areas for one call.
    pub fn total(&self, op: Op) -> Count {
        let mut sum = Count::default();
        for (_, count) in self.locked().counts.iter().filter(|((counted, _), _)| *counted == op) {
            sum.calls += count.calls;
            sum.failures += count.failures;
            sum.bytes_up += count.bytes_up;
            sum.bytes_down += count.bytes_down;
        }
        sum
    }

    /// Every call in the order in which they ended; empty when only counting.
    pub fn calls(&self) -> Vec<Call> {
        self.locked().calls.clone().unwrap_or_default()
    }

    fn locked(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A location whose calls are counted.
pub struct Record {
    inner: Arc<dyn Location>,
    recording: Recording,
}

impl Record {
    /// Wraps `inner` and counts into `recording`.
    pub fn new(inner: Arc<dyn Location>, recording: Recording) -> Record {
        Record { inner, recording }
    }
}

impl Layer for Record {}

impl Around for Record {
    fn inner(&self) -> &dyn Location {
        &*self.inner
    }

    fn around<T: Answer>(
        &self,
        call: &Call,
        bytes: Option<&Bytes>,
        make: &dyn Fn(Option<&Bytes>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let answer = make(bytes);
        let mut recorded = self.recording.locked();
        let count = recorded.counts.entry((call.op, call.area)).or_default();
        count.calls += 1;
        count.failures += u64::from(answer.is_err());
        count.bytes_up += call.bytes_up;
        count.bytes_down += answer.as_ref().map_or(0, Answer::bytes_down);
        if let Some(calls) = &mut recorded.calls {
            calls.push(call.clone());
        }
        answer
    }
}
