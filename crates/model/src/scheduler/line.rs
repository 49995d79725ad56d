//! The queue of one dataset: the slots that wait for a run, what past runs lasted, and how often it failed.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::{Now, Retry, Rules};
use crate::slot::{Lasts, SAMPLES_FOR_P99, Slot, SlotKind};
use crate::{AssetName, Dataset};

/// Which dataset.
pub(super) type LineKey = (AssetName, Dataset);

/// How many measurements are kept: enough for a percentile, few enough that a site that grew is noticed.
const SAMPLES_MAX: usize = 2 * SAMPLES_FOR_P99;

/// The queue of one dataset.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    /// By slot id.
    pub(super) waiting: BTreeMap<String, Waiting>,
    /// Runs that failed one after the other.
    pub(super) failures: u32,
    /// Nothing starts before this reading of the monotonic clock.
    pub(super) not_before: Option<Duration>,
    /// Too many failed, then. Nothing starts until a slot opens after it, or the rest is over.
    pub(super) gave_up: Option<Now>,
    /// A slot was missed or served late since a run last began.
    pub(super) has_lost: bool,
    /// When a run last began.
    pub(super) last_start: Option<Duration>,
    incremental: Samples,
    full: Samples,
}

/// A slot that waits.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) slot: Slot,
    /// People were told that it will be late.
    pub(super) is_announced: bool,
}

#[derive(Clone, Debug, Default)]
struct Samples {
    captures: VecDeque<Duration>,
    copies: VecDeque<Duration>,
    /// What follows from them, computed when one is added.
    lasts: Option<Lasts>,
}

impl Line {
    pub(super) fn expect(&mut self, slot: Slot) {
        self.waiting.entry(slot.id()).or_insert(Waiting { slot, is_announced: false });
    }

    /// How long a run of this kind lasts.
    pub(super) fn lasts(&self, kind: SlotKind, rules: &Rules) -> Lasts {
        match kind {
            SlotKind::Incremental => self.incremental.lasts.unwrap_or(rules.assumed.0),
            SlotKind::Full => self.full.lasts.unwrap_or(rules.assumed.1),
        }
    }

    pub(super) fn measure(&mut self, kind: SlotKind, capture: Duration, copy: Duration) {
        let samples = match kind {
            SlotKind::Incremental => &mut self.incremental,
            SlotKind::Full => &mut self.full,
        };
        for (queue, sample) in [(&mut samples.captures, capture), (&mut samples.copies, copy)] {
            queue.push_back(sample);
            if queue.len() > SAMPLES_MAX {
                queue.pop_front();
            }
        }
        samples.lasts = Lasts::measured(samples.captures.make_contiguous(), samples.copies.make_contiguous());
    }

    /// A run failed: the next one waits, twice as long each time. Returns whether the budget is used up.
    pub(super) fn fail(&mut self, now: Now, retry: &Retry) -> bool {
        self.failures = self.failures.saturating_add(1);
        let doublings = self.failures.saturating_sub(1).min(16);
        let pause = retry.pause.saturating_mul(1 << doublings).min(retry.pause_max);
        self.not_before = Some(now.monotonic.saturating_add(pause));
        let is_used_up = self.failures >= retry.budget;
        if is_used_up {
            self.gave_up = Some(now);
        }
        is_used_up
    }

    /// When something may be tried again, by the monotonic clock; `None` when nothing is in the way.
    pub(super) fn paused_until(&self, retry: &Retry) -> Option<Duration> {
        let rest = self.gave_up.map(|since| since.monotonic.saturating_add(retry.rest));
        rest.or(self.not_before)
    }

    pub(super) fn succeed(&mut self) {
        self.failures = 0;
        self.not_before = None;
        self.gave_up = None;
    }

    /// Gives a used-up budget back once a slot opened since, or the rest is over.
    pub(super) fn refill(&mut self, now: Now, retry: &Retry) {
        let Some(since) = self.gave_up else { return };
        let opened = |w: &Waiting| w.slot.opens > since.wall && w.slot.opens <= now.wall;
        let has_rested = now.monotonic >= since.monotonic.saturating_add(retry.rest);
        if has_rested || self.waiting.values().any(opened) {
            self.succeed();
        }
    }

    /// Slots that a run beginning now would serve, whatever its kind.
    pub(super) fn open(&self, now: Now) -> impl Iterator<Item = &Slot> {
        let is_open = move |slot: &&Slot| slot.opens <= now.wall && now.wall < slot.closes;
        self.waiting.values().map(|waiting| &waiting.slot).filter(is_open)
    }
}
