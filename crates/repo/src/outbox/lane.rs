//! The queue of one location.

use std::collections::VecDeque;

use bytes::Bytes;
use holdfast_format::Id;
use holdfast_location::Area;

use crate::error::ErrorKind;

/// Sealed bytes that one lane may hold in memory.
const LANE_BYTES_MAX: usize = 40 << 20;

/// So many objects that are not in memory one lane still gets when a person wants the end.
const BACKLOG_AT_END_MAX: usize = 8;

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

/// The lanes that drop out when a person wants the end: those that wait for anything that is not in memory. But when each of
/// them does, no location would get the index file of what was stored, and the next run could use nothing of it; so the one
/// that lacks least goes on, if it lacks little.
pub(super) fn given_up(lanes: &[Lane]) -> Vec<usize> {
    let backlog = |lane: &Lane| lane.queue.iter().filter(|item| item.bytes.is_none()).count();
    let live: Vec<(usize, usize)> = lanes
        .iter()
        .enumerate()
        .filter(|(_, lane)| lane.failure.is_none())
        .map(|(number, lane)| (backlog(lane), number))
        .collect();
    let kept = live.iter().min().filter(|(backlog, _)| *backlog <= BACKLOG_AT_END_MAX);
    let goes_on =
        |(backlog, number): &(usize, usize)| *backlog == 0 || kept.is_some_and(|(_, kept)| kept == number);
    live.iter().filter(|lane| !goes_on(lane)).map(|(_, number)| *number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lane that waits for so many objects of which only some are in memory.
    fn lane(in_memory: usize, elsewhere: usize) -> Lane {
        let item = |number: usize| Item {
            area: Area::Data,
            id: Id([number as u8; 32]),
            bytes: (number < in_memory).then(|| Bytes::from_static(b"x")),
            is_debt: false,
        };
        Lane { queue: (0..in_memory + elsewhere).map(item).collect(), ..Lane::default() }
    }

    #[test]
    fn a_lane_goes_on_although_all_of_them_lag() {
        assert_eq!(given_up(&[lane(2, 0), lane(2, 1)]), [1], "nobody waits for the slow one");
        assert_eq!(given_up(&[lane(2, 3), lane(2, 1)]), [0], "one gets the index file of what was stored");
        assert_eq!(given_up(&[lane(0, 1), lane(0, 1), lane(0, 1)]), [1, 2]);
        assert_eq!(given_up(&[lane(0, 90), lane(0, 9)]), [0, 1], "but not if that takes long");
        let failed = Lane { failure: Some((ErrorKind::Unreachable, "away".to_owned())), ..lane(1, 0) };
        assert_eq!(given_up(&[failed, lane(2, 3), lane(2, 4)]), [2]);
        assert!(given_up(&[lane(3, 0), lane(0, 0)]).is_empty());
    }
}
