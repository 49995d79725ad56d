//! The evidence as it became known, change by change.
//!
//! A verdict about last week must not know what was found since. So the same fold that tells what is known now is asked after
//! each check, and what changed is kept with the instant at which the check was recorded.

use std::collections::BTreeMap;

use holdfast_ledger::{Check, CheckOutcome, CheckScope};
use holdfast_model::verdict::{CopyChange, CopyState, ReadingChange};
use jiff::Timestamp;

use super::Evidence;

/// What became known of one repository, as far as its checks were followed.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// By point and location.
    pub(crate) copies: BTreeMap<String, BTreeMap<String, Vec<CopyChange>>>,
    /// By location.
    pub(crate) readings: BTreeMap<String, Vec<ReadingChange>>,
    locations: BTreeMap<String, Beside>,
}

/// What is told of a location beside its evidence.
#[derive(Debug, Default)]
struct Beside {
    evidence: Evidence,
    /// Points of which what a run brought was read back whole.
    read_back: BTreeMap<String, bool>,
    looked: Option<Timestamp>,
    opened: Option<(Timestamp, u64)>,
}

impl Timeline {
    /// Follows the next check of the repository; they come in the order in which they were recorded. `shares` is in how many
    /// shares everything is read.
    pub(crate) fn follow(&mut self, check: &Check, shares: u32) {
        let location = check.check.location.as_str();
        let beside = self.locations.entry(location.to_owned()).or_default();
        let was_damaged = !beside.evidence.other_damage.is_empty();
        beside.take(check);
        let is_damaged = !beside.evidence.other_damage.is_empty();
        let mut states: BTreeMap<String, CopyState> = BTreeMap::new();
        if let CheckScope::Run { point, .. } = &check.check.scope
            && was_damaged == is_damaged
        {
            // A run speaks for what it names. There are thousands of runs, and as many points: were each asked about
            // each, a year of backups would take minutes to judge.
            let findings = &check.check.findings;
            let named = findings.arrived.iter().chain(&findings.damaged).chain([point]);
            let named = named.filter(|id| beside.evidence.points.contains_key(*id));
            states.extend(named.map(|id| (id.clone(), beside.state(id))));
        } else {
            states.extend(beside.evidence.points.keys().map(|id| (id.clone(), beside.state(id))));
            // One that is not among them any more went.
            let known = self.copies.iter().filter(|(_, at)| at.contains_key(location));
            for point in known.map(|(point, _)| point.clone()).collect::<Vec<_>>() {
                states.entry(point).or_default();
            }
        }
        for (point, state) in states {
            let changes = self.copies.entry(point).or_default().entry(location.to_owned()).or_default();
            if changes.last().is_none_or(|last| last.state != state) {
                changes.push(CopyChange { recorded: check.recorded_at, leaf: Some(check.leaf), state });
            }
        }
        if let Some(change) = beside.reading(check, shares) {
            self.readings.entry(location.to_owned()).or_default().push(change);
        }
    }

    /// Forgets what no instant from `since` on is judged by: what was known before, but for the last of it; and all of points
    /// of which nothing was heard since and that nobody asks about.
    pub(crate) fn forget_before(&mut self, since: Timestamp, is_asked: impl Fn(&str) -> bool) {
        for changes in self.copies.values_mut().flat_map(BTreeMap::values_mut) {
            keep_from(changes, since, |change| change.recorded);
        }
        let is_new = |changes: &Vec<CopyChange>| changes.last().is_some_and(|last| last.recorded >= since);
        self.copies.retain(|point, at| is_asked(point) || at.values().any(is_new));
        for changes in self.readings.values_mut() {
            keep_from(changes, since, |change| change.recorded);
        }
        for beside in self.locations.values_mut() {
            beside.read_back.retain(|point, _| self.copies.contains_key(point));
        }
    }
}

/// Drops those before `since`, but for the last. Clocks are set back, so they stand in the order of recording and not of time.
fn keep_from<T>(changes: &mut Vec<T>, since: Timestamp, recorded: impl Fn(&T) -> Timestamp) {
    let before = changes.iter().take_while(|change| recorded(change) < since).count();
    changes.drain(..before.saturating_sub(1));
}

impl Beside {
    fn take(&mut self, check: &Check) {
        self.evidence.take(check);
        let (scope, outcome) = (&check.check.scope, check.check.outcome);
        if outcome == CheckOutcome::Unusable {
            return;
        }
        let findings = &check.check.findings;
        match scope {
            CheckScope::Repair => {}
            CheckScope::Run { point, .. } => {
                for id in findings.arrived.iter().chain([point]) {
                    let is_whole = outcome == CheckOutcome::Whole && !findings.damaged.contains(id);
                    *self.read_back.entry(id.clone()).or_default() |= is_whole;
                }
            }
            _ => self.looked = Some(check.happened_at),
        }
        // What was found to be bent was read as well, and opened by nothing.
        if check.check.bytes_read > 0 && outcome == CheckOutcome::Whole {
            self.opened = Some((check.happened_at, check.check.bytes_read));
        }
    }

    fn state(&self, point: &str) -> CopyState {
        let Some(known) = self.evidence.points.get(point) else { return CopyState::default() };
        let is_damaged = known.damaged.is_some() || !self.evidence.other_damage.is_empty();
        CopyState {
            is_there: true,
            is_checked: known.read.is_some() || self.read_back.get(point).copied().unwrap_or(false),
            whole_since: known.read,
            is_damaged,
        }
    }

    /// What was read there so far; none before anything was looked at.
    fn reading(&self, check: &Check, shares: u32) -> Option<ReadingChange> {
        let evidence = &self.evidence;
        let first_look = evidence.first_looked_at?;
        let read = |share| evidence.slices.last_read(share, shares);
        let oldest = (0..shares).map(|share| read(share).unwrap_or(first_look)).min()?;
        let never_read = (0..shares).filter(|share| read(*share).is_none()).count();
        let damaged = evidence.points.iter().filter(|(_, point)| point.damaged.is_some());
        let damaged = damaged.map(|(id, _)| format!("point {}", id.get(..8).unwrap_or(id)));
        Some(ReadingChange {
            recorded: check.recorded_at,
            leaf: check.leaf,
            first_look,
            last_look: self.looked.unwrap_or(first_look),
            oldest,
            never_read: u32::try_from(never_read).unwrap_or(u32::MAX),
            slices: shares,
            opened: self.opened,
            damage: damaged.chain(evidence.other_damage.iter().cloned()).collect(),
        })
    }
}
