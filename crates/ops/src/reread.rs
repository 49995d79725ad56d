//! Reads old data again, a share every day, so that at every location every byte is read within so many days.
//!
//! What a run stores is read back at once; but disks forget, and nobody would look at a pack of last year again before a
//! restore needs it. Each location's packs are cut into slices, and each day those come up that were not read for
//! longest. Which that are follows from the checks in the ledger alone: whoever asks twice gets the same answer, and a day
//! on which nobody asked, or a location was away, is caught up with.

use std::collections::BTreeMap;

use holdfast_repo::{Progress, Read};
use jiff::{SignedDuration, Timestamp};

use crate::error::Result;
use crate::evidence::{self, Evidence};
use crate::setup::Setup;
use crate::verify::{self, VerifyReport};

/// Within how many days everything is read again. The policy's language has no cadence for it.
pub const DAYS: u32 = 30;

/// How long after a reading the day counts as done: a daily call that comes a little early is no second one.
const TURN: SignedDuration = SignedDuration::from_hours(20);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// In how many shares everything is read within `days` days.
pub(crate) fn shares(days: u32) -> u32 {
    Rotation::within(days).slices
}

/// A slice that is due, with the locations at which it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Which slice, from 0.
    pub slice: u32,
    /// Of how many.
    pub of: u32,
    /// The locations.
    pub locations: Vec<String>,
}

/// What is due of a repository, so that everything at each location of the estate is read within `days` days. To be
/// asked once a day; an answer of nothing means that today's share was read already.
///
/// # Errors
/// When the ledger cannot be read.
pub fn due(setup: &Setup, repository: &str, days: u32) -> Result<Vec<Due>> {
    let now = setup.world.clock.now();
    let evidence = evidence::load(setup, repository)?;
    let rotation = Rotation::within(days);
    let mut by_slice: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for location in setup.location_names() {
        let unknown = Evidence::default();
        for slice in rotation.due(evidence.get(location).unwrap_or(&unknown), now) {
            by_slice.entry(slice).or_default().push(location.to_owned());
        }
    }
    let of = rotation.slices;
    Ok(by_slice.into_iter().map(|(slice, locations)| Due { slice, of, locations }).collect())
}

/// Reads what is due of a repository, and writes down what was found. One report for each slice.
///
/// # Errors
/// When the ledger cannot be read or written. What a location has to say is in the reports.
pub fn run(setup: &Setup, repository: &str, days: u32, progress: &Progress) -> Result<Vec<VerifyReport>> {
    let mut reports = Vec::new();
    for due in due(setup, repository, days)? {
        if setup.cancel().is_cancelled() {
            break;
        }
        reports.push(read(setup, repository, due, progress)?);
    }
    Ok(reports)
}

/// Reads one slice, and writes down what was found.
pub(crate) fn read(setup: &Setup, repository: &str, due: Due, progress: &Progress) -> Result<VerifyReport> {
    let read = Read::Share { numerator: due.slice, of: due.of };
    verify::carry_out(setup, repository, Some(due.locations), || Ok(read), progress)
}

/// What was not read again in time at one location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// The location.
    pub location: String,
    /// How many slices.
    pub slices: u32,
    /// Of how many.
    pub of: u32,
    /// When the one that waits longest was last read; where it never was, when the location was first asked.
    pub since: Timestamp,
}

/// Where slices of a repository were not read for longer than `days` days.
///
/// # Errors
/// When the ledger cannot be read.
pub fn overdue(setup: &Setup, repository: &str, days: u32) -> Result<Vec<Overdue>> {
    let now = setup.world.clock.now();
    let evidence = evidence::load(setup, repository)?;
    let rotation = Rotation::within(days);
    let within = DAY.saturating_mul(i32::try_from(days).unwrap_or(i32::MAX));
    let mut overdue = Vec::new();
    for location in setup.location_names() {
        let Some(evidence) = evidence.get(location) else { continue };
        let Some(since) = evidence.first_looked_at.or(evidence.first_asked_at) else { continue };
        let last_read = |slice| evidence.slices.last_read(slice, rotation.slices).unwrap_or(since);
        let late = (0..rotation.slices).map(last_read).filter(|last| now.duration_since(*last) > within);
        let (slices, since) = late.fold((0, now), |(count, since), last| (count + 1, since.min(last)));
        if slices > 0 {
            overdue.push(Overdue { location: location.to_owned(), slices, of: rotation.slices, since });
        }
    }
    Ok(overdue)
}

/// How the reading goes round.
#[derive(Clone, Copy, Debug)]
struct Rotation {
    slices: u32,
    /// Within which time a slice comes up again. A day less than was asked for: no daily call comes to the second. There is
    /// one slice less than these are days, for the same reason: else a call that comes a second late every day would read
    /// two.
    again_within: SignedDuration,
}

impl Rotation {
    fn within(days: u32) -> Rotation {
        let again_days = days.saturating_sub(1).max(1);
        let again_within = DAY.saturating_mul(i32::try_from(again_days).unwrap_or(i32::MAX));
        Rotation { slices: again_days.saturating_sub(1).max(1), again_within }
    }

    /// The slices to read now: the fewest that, read at the same pace every day, all come up in time.
    fn due(self, evidence: &Evidence, now: Timestamp) -> Vec<u32> {
        let since = evidence.first_looked_at.unwrap_or(now);
        let deadline = |slice| {
            let last = evidence.slices.last_read(slice, self.slices).unwrap_or(since);
            last.saturating_add(self.again_within).unwrap_or(Timestamp::MAX)
        };
        let mut waiting: Vec<(Timestamp, u32)> =
            (0..self.slices).map(|slice| (deadline(slice), slice)).collect();
        waiting.sort_unstable();
        let is_turn = evidence.slices.latest(self.slices).is_none_or(|last| {
            let since = now.duration_since(last);
            // A clock that was set back must not stop the rotation.
            since >= TURN || since.is_negative()
        });
        let mut count = 0;
        for (before, (deadline, _)) in waiting.iter().enumerate() {
            let needed = before + 1;
            let left = deadline.duration_since(now);
            let later_days = if left.is_negative() { 0 } else { left.as_secs() / DAY.as_secs() };
            let later_days = usize::try_from(later_days).unwrap_or(usize::MAX);
            let today = match (is_turn, later_days) {
                (_, 0) => needed,
                (true, later) => needed.div_ceil(later.saturating_add(1)),
                (false, _) => 0,
            };
            count = count.max(today);
        }
        waiting.into_iter().take(count).map(|(_, slice)| slice).collect()
    }
}

#[cfg(test)]
mod tests;
