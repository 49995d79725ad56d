//! The queue of one location.

use std::collections::VecDeque;

use bytes::Bytes;
use holdfast_format::Id;
use holdfast_location::Area;

use crate::error::ErrorKind;

/// Sealed bytes that one lane may hold in memory.
const LANE_BYTES_MAX: usize = 40 << 20;

/// What one location is still to get, and what became of the rest.
#[derive(Default)]
pub(super) struct Lane {
    pub(super) queue: VecDeque<Item>,
    pub(super) in_flight: usize,
    pub(super) barrier_in_flight: bool,
    pub(super) memory_bytes: usize,
    pub(super) objects: u64,
    pub(super) bytes: u64,
    pub(super) owed: u64,
    /// What this run brought, or found there already while it brought the index file that names it.
    pub(super) brought: Vec<(Area, Id)>,
    pub(super) failure: Option<(ErrorKind, String)>,
    /// Why something that was owed from before could not be had: index files owed from before are kept back.
    pub(super) gap_in_debts: Option<(ErrorKind, String)>,
    /// The same for an object of this run: its index files are kept back.
    pub(super) gap_in_run: Option<(ErrorKind, String)>,
    /// Why an older point is not delivered.
    pub(super) kept_back: Option<(ErrorKind, String)>,
}

/// An object on its way.
#[derive(Clone)]
pub(super) struct Item {
    pub(super) area: Area,
    pub(super) id: Id,
    pub(super) bytes: Option<Bytes>,
    /// Owed from before this run.
    pub(super) is_debt: bool,
}

impl Item {
    pub(super) fn is_barrier(&self) -> bool {
        self.area != Area::Data
    }
}

impl Lane {
    pub(super) fn has_room(&self, size: usize) -> bool {
        self.failure.is_none() && (self.memory_bytes == 0 || self.memory_bytes + size <= LANE_BYTES_MAX)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.in_flight == 0 && (self.queue.is_empty() || self.failure.is_some())
    }

    /// Whether an object may refer to something that could not be had. Index files refer to the packs before them, and a
    /// snapshot to everything.
    pub(super) fn is_kept_back(&self, item: &Item) -> bool {
        match item.area {
            Area::Data => false,
            Area::Snapshots => self.gap_in_debts.is_some() || self.gap_in_run.is_some(),
            _ if item.is_debt => self.gap_in_debts.is_some(),
            _ => self.gap_in_run.is_some(),
        }
    }

    /// Why the location lacks something.
    pub(super) fn reason(&self) -> Option<&(ErrorKind, String)> {
        let gaps = [&self.failure, &self.gap_in_run, &self.gap_in_debts, &self.kept_back];
        gaps.into_iter().flatten().next()
    }
}
