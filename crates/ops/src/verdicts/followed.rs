//! The checks of all repositories, followed once. A year of a thousand websites has more than a million of them, and judging
//! comes after every run: whoever read them all each time would do nothing else. So the daemon keeps what they came to, and
//! reads on where it stopped.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_ledger::{Point, Reader};
use holdfast_model::verdict::{CopyChange, ReadingChange};
use jiff::Timestamp;

use crate::error::Result;
use crate::evidence::timeline::Timeline;
use crate::reread;

/// What became known of all repositories so far.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    timelines: BTreeMap<String, Timeline>,
    last: Option<u64>,
}

impl Followed {
    /// Follows what was recorded since the last time, and forgets what no instant from `since` on is judged by; `points` are
    /// those that are asked about.
    pub(super) fn catch_up(
        &mut self,
        reader: &Reader,
        since: Timestamp,
        points: &BTreeSet<&str>,
    ) -> Result<()> {
        let shares = reread::shares(reread::DAYS);
        reader.checks_after(self.last, &mut |check| {
            if !self.timelines.contains_key(&check.check.repository) {
                self.timelines.insert(check.check.repository.clone(), Timeline::default());
            }
            if let Some(timeline) = self.timelines.get_mut(&check.check.repository) {
                timeline.follow(check, shares);
            }
            self.last = Some(check.leaf);
        })?;
        let is_asked = |point: &str| points.contains(point);
        self.timelines.values_mut().for_each(|timeline| timeline.forget_before(since, is_asked));
        Ok(())
    }

    /// What became known of the copies of a point, by location.
    pub(super) fn copies(&self, point: &Point) -> Option<&BTreeMap<String, Vec<CopyChange>>> {
        self.timelines.get(&point.repository)?.copies.get(&point.id)
    }

    /// What was read of a repository, by location.
    pub(super) fn readings(&self, repository: &str) -> impl Iterator<Item = (&String, &Vec<ReadingChange>)> {
        self.timelines.get(repository).into_iter().flat_map(|timeline| &timeline.readings)
    }
}
