//! The line that all copies to a location share: first come, first served.
//!
//! Each dataset alone would always be in time. What makes them late is that they start together.

use jiff::Timestamp;

/// Bytes are gathered per this many seconds.
const BIN_S: i64 = 600;

pub(super) struct Link {
    start_s: i64,
    bandwidth_bytes_s: u64,
    sent: Vec<u64>,
    /// How long what arrives in a bin waits, in seconds.
    wait: Vec<u64>,
}

impl Link {
    pub(super) fn new(start: Timestamp, end: Timestamp, bandwidth_bytes_s: u64) -> Link {
        let bins = usize::try_from(end.duration_since(start).as_secs() / BIN_S).unwrap_or(0) + 2;
        Link {
            start_s: start.as_second(),
            bandwidth_bytes_s: bandwidth_bytes_s.max(1),
            sent: vec![0; bins],
            wait: vec![0; bins],
        }
    }

    fn bin(&self, at_s: i64) -> usize {
        usize::try_from((at_s - self.start_s) / BIN_S).unwrap_or(0).min(self.sent.len() - 1)
    }

    /// Announces bytes that are ready to be sent at an instant.
    pub(super) fn send(&mut self, at_s: i64, bytes: u64) {
        let bin = self.bin(at_s);
        self.sent[bin] += bytes;
    }

    /// Reckons the waiting, once everything was announced.
    pub(super) fn settle(&mut self) {
        let per_bin = self.bandwidth_bytes_s.saturating_mul(BIN_S.unsigned_abs());
        let mut backlog = 0_u64;
        for (sent, wait) in self.sent.iter().zip(&mut self.wait) {
            backlog += sent;
            // The last of what came in this bin leaves when the backlog is gone.
            *wait = backlog.saturating_sub(per_bin) / self.bandwidth_bytes_s;
            backlog = backlog.saturating_sub(per_bin);
        }
    }

    /// How long bytes that were ready at an instant wait for the line and travel, in seconds.
    pub(super) fn takes_s(&self, at_s: i64, bytes: u64) -> i64 {
        let takes = self.wait[self.bin(at_s)] + bytes / self.bandwidth_bytes_s;
        i64::try_from(takes).unwrap_or(i64::MAX)
    }

    /// Bytes of a day since the start, and the longest wait in it.
    pub(super) fn day(&self, day: usize) -> (u64, u64) {
        let per_day = usize::try_from(86_400 / BIN_S).unwrap_or(1);
        let bins = (day * per_day).min(self.sent.len())..((day + 1) * per_day).min(self.sent.len());
        let sent = self.sent[bins.clone()].iter().sum();
        (sent, self.wait[bins].iter().max().copied().unwrap_or(0))
    }
}
