//! What a row of the table is about.

use super::Sample;

/// A quantity of a sample.
pub(super) struct Quantity {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    /// `None` where it was not measured.
    pub(super) of: fn(&Sample) -> Option<f64>,
}

pub(super) const TIME: Quantity =
    Quantity { name: "", unit: "s", of: |sample| Some(sample.usage.wall.as_secs_f64()) };
const PROCESSOR: Quantity =
    Quantity { name: ", processor time", unit: "s", of: |sample| Some(sample.usage.processor.as_secs_f64()) };
pub(super) const MEMORY: Quantity =
    Quantity { name: ", peak memory", unit: "MB", of: |sample| Some(sample.usage.memory_bytes as f64 / 1e6) };
const READ: Quantity =
    Quantity { name: ", read", unit: "MB", of: |sample| Some(sample.usage.read_bytes as f64 / 1e6) };
pub(super) const STORED: Quantity =
    Quantity { name: ", stored", unit: "MB", of: |sample| Some(sample.stored_bytes? as f64 / 1e6) };
const REQUESTS: Quantity =
    Quantity { name: ", requests", unit: "number", of: |sample| Some(sample.requests? as f64) };

/// In the order of the rows.
pub(super) const ALL: [Quantity; 6] = [TIME, PROCESSOR, MEMORY, READ, STORED, REQUESTS];
