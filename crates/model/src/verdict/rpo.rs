//! How much would be lost: the age of the newest state that could be restored, at every instant of a window.
//!
//! A point counts from the instant that it stands for, never from the end of its run, and only while it is complete, checked,
//! decryptable and at enough places. One of a log counts only while its dump does too; and where the server was asked and its log
//! had gone no further than a point, that point stands for the later instant, from the moment at which that was written down. Whoever counted from the last successful job would promise data that is not there.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::schedule::WINDOW_DAYS;
use super::{PointFact, midnight_before};

/// How much would be lost of a part of an asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rpo {
    /// How much may be.
    pub objective_seconds: u64,
    /// The instant of the newest state that could be restored; none where there is none.
    pub recovery_point: Option<Timestamp>,
    /// The point that holds it.
    pub point: Option<String>,
    /// From when the age counts: that instant, or when the asset came to be known.
    pub counts_from: Timestamp,
    /// When the objective breaks, or broke.
    pub breaks_at: Timestamp,
    /// When the asset came to be known: nothing is measured before. Absent in verdicts of the first rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_since: Option<Timestamp>,
    /// From when it was measured; only in verdicts of the first rules, see [`Rpo::window_from`].
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "window_from")]
    pub first_window_from: Option<Timestamp>,
    /// The highest age in the window before a newer state came, in seconds. The age now may be higher.
    pub worst_seconds: u64,
    /// The share of the window within the objective; only in verdicts of the first rules, see [`Rpo::within_per_10000`].
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "within_per_10000")]
    pub first_within: Option<u32>,
    /// When the objective was broken in the window or across its beginning; of one that began more than three days before the
    /// window, from then on.
    pub breaches: Vec<Breach>,
    /// How much longer captures and copies could last before the schedule cannot keep the objective.
    pub headroom_seconds: Option<u64>,
}

/// A time in which the objective was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breach {
    /// From when.
    pub from: Timestamp,
    /// Until when; absent while it lasts.
    pub until: Option<Timestamp>,
}

/// So much of an objective is used up before anybody is told, and so much at the most.
const WARN_PERMILLE: (u64, u64) = (700, 950);

impl Rpo {
    /// The share of the objective, in thousandths, from which on people are told that it breaks soon: most of it, and more where
    /// the next point comes by plan only then. A site whose schedule uses what it may would be in the news after each backup.
    pub fn warn_permille(&self) -> u64 {
        let (least, most) = WARN_PERMILLE;
        let planned = self.headroom_seconds.map_or(0, |spare| self.objective_seconds.saturating_sub(spare));
        let planned = planned.saturating_mul(1000).div_ceil(self.objective_seconds.max(1));
        planned.clamp(least, most)
    }

    /// From when it is measured, for whoever asks as of an instant.
    ///
    /// This and the share within the objective move with every second, so they are no part of what is written down: a
    /// thousand assets in an outage would otherwise have a thousand new verdicts each time that anybody judges.
    pub fn window_from(&self, at: Timestamp) -> Timestamp {
        let from = self.first_window_from.unwrap_or_else(|| midnight_before(at, WINDOW_DAYS));
        self.known_since.map_or(from, |known| known.max(from)).min(at)
    }

    /// Whether a breach began before the window: of what is older not everything is looked at, so that its beginning may be told
    /// otherwise another day.
    pub fn is_older(&self, breach: &Breach, at: Timestamp) -> bool {
        breach.from <= self.window_from(at)
    }

    /// The share of the window within the objective, in parts of ten thousand, for whoever asks as of an instant.
    pub fn within_per_10000(&self, at: Timestamp) -> u32 {
        if let Some(first) = self.first_within {
            return first;
        }
        let window_from = self.window_from(at);
        let mut breaches = self.breaches.clone();
        // One that began after it was judged: nothing but time went by.
        if self.breaks_at < at && breaches.last().is_none_or(|last| last.until.is_some()) {
            breaches.push(Breach { from: self.breaks_at, until: None });
        }
        let total = at.duration_since(window_from).as_secs().max(1);
        let lasted = |breach: &Breach| {
            let until = breach.until.unwrap_or(at).min(at);
            until.duration_since(breach.from.max(window_from)).as_secs().max(0)
        };
        let broken: i64 = breaches.iter().map(lasted).sum();
        u32::try_from((total - broken.min(total)) * 10_000 / total).unwrap_or(0)
    }

    /// The age at an instant, in seconds.
    pub fn age_seconds(&self, at: Timestamp) -> u64 {
        u64::try_from(at.duration_since(self.counts_from).as_secs()).unwrap_or(0)
    }

    /// The highest age until an instant, in seconds.
    pub fn worst_until(&self, at: Timestamp) -> u64 {
        self.worst_seconds.max(self.age_seconds(at))
    }

    /// How much of the objective is used up.
    pub(super) fn used_permille(&self, at: Timestamp) -> u64 {
        self.age_seconds(at).saturating_mul(1000) / self.objective_seconds.max(1)
    }
}

/// How much before the window a breach that reaches into it is followed back.
const BEFORE_DAYS: i64 = 3;

/// What is to be measured.
pub(super) struct Measuring<'a> {
    pub(super) points: Vec<&'a PointFact>,
    /// When the asset came to be known.
    pub(super) enrolled: Timestamp,
    pub(super) objective: SignedDuration,
    pub(super) now: Timestamp,
    /// Whether a point could be restored at an instant.
    pub(super) is_protected: &'a dyn Fn(&PointFact, Timestamp) -> bool,
    /// Instants beside those of the points at which that may change.
    pub(super) turns: Vec<Timestamp>,
}

/// Measures the window.
pub(super) fn measure(given: &Measuring<'_>) -> Rpo {
    let window_from = midnight_before(given.now, WINDOW_DAYS).max(given.enrolled).min(given.now);
    let by_id: BTreeMap<&str, &PointFact> =
        given.points.iter().map(|point| (point.id.as_str(), *point)).collect();
    let mut events = Vec::new();
    for point in &given.points {
        // What a log changed is worth nothing without the dump that it changed.
        let base = point.base.as_deref().map(|base| by_id.get(base).copied());
        let is_based = |at| {
            base.is_none_or(|base| {
                base.is_some_and(|base| at >= base.recorded && (given.is_protected)(base, at))
            })
        };
        let changes = || point.copies.values().flatten().map(|change| change.recorded);
        let of_base = base.flatten().map(|base| base.copies.values().flatten().map(|change| change.recorded));
        // Nothing that happens later changes one that lies nowhere any more: there are thousands of these.
        let is_gone = point.copies.values().all(|copy| copy.last().is_none_or(|last| !last.state.is_there));
        let until = changes().max().filter(|_| is_gone).map_or(given.now, |gone| gone.min(given.now));
        let instants: BTreeSet<Timestamp> = changes()
            .chain(of_base.into_iter().flatten())
            .chain(given.turns.iter().copied())
            .chain(point.followed.iter().map(|followed| followed.recorded))
            .chain([point.recorded])
            .filter(|at| point.recorded <= *at && *at <= until)
            .collect();
        let mut was = None;
        for at in instants {
            let is = ((given.is_protected)(point, at) && is_based(at)).then(|| point.stands_for(at));
            if is != was {
                events.push((at, *point, was, is));
                was = is;
            }
        }
    }
    events.sort_by(|a, b| (a.0, &a.1.id).cmp(&(b.0, &b.1.id)));
    let mut protected: BTreeSet<(Timestamp, &str)> = BTreeSet::new();
    let mut sweep =
        Sweep { objective: given.objective, window_from, worst: SignedDuration::ZERO, breaches: Vec::new() };
    let counts_from =
        |protected: &BTreeSet<(Timestamp, &str)>| protected.last().map_or(given.enrolled, |p| p.0);
    // From before the window, so that what was broken when it began has its own beginning. Facts go back that far.
    let mut at = midnight_before(given.now, WINDOW_DAYS + BEFORE_DAYS).max(given.enrolled).min(given.now);
    for (instant, point, was, is) in events {
        let before = counts_from(&protected);
        was.map(|was| protected.remove(&(was, point.id.as_str())));
        is.map(|is| protected.insert((is, point.id.as_str())));
        let then = counts_from(&protected);
        if instant > at && then != before {
            sweep.pass(before, at, instant, true);
            at = instant;
        }
    }
    let last = counts_from(&protected);
    sweep.pass(last, at, given.now, false);
    let seconds = |span: SignedDuration| u64::try_from(span.as_secs()).unwrap_or(0);
    Rpo {
        objective_seconds: seconds(given.objective),
        recovery_point: protected.last().map(|(instant, _)| *instant),
        point: protected.last().map(|(_, id)| (*id).to_owned()),
        counts_from: last,
        breaks_at: super::after(last, given.objective),
        known_since: Some(given.enrolled),
        first_window_from: None,
        worst_seconds: seconds(sweep.worst),
        first_within: None,
        breaches: sweep.breaches,
        headroom_seconds: None,
    }
}

struct Sweep {
    objective: SignedDuration,
    window_from: Timestamp,
    worst: SignedDuration,
    breaches: Vec<Breach>,
}

impl Sweep {
    /// From `from` to `to` the age counts from one and the same instant.
    fn pass(&mut self, counts_from: Timestamp, from: Timestamp, to: Timestamp, is_over: bool) {
        if to <= self.window_from && is_over {
            return;
        }
        if is_over {
            self.worst = self.worst.max(to.duration_since(counts_from));
        }
        let breaks_at = super::after(counts_from, self.objective);
        // Broken from that instant on, as a deadline is past at its own instant.
        if breaks_at > to || (breaks_at == to && is_over) {
            return;
        }
        let from = breaks_at.max(from);
        let until = is_over.then_some(to);
        match self.breaches.last_mut().filter(|last| last.until == Some(from)) {
            Some(last) => last.until = until,
            None => self.breaches.push(Breach { from, until }),
        }
    }
}
