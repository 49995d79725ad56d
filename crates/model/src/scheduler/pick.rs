//! Which runs begin now.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::limits::InUse;
use super::line::{Line, LineKey};
use super::{Now, Order, Rules, RunId, Running, State, Target, window};
use crate::slot::{Slot, SlotKind};

/// A run that could begin.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) key: LineKey,
    pub(super) kind: SlotKind,
    /// When it must begin for the most urgent of its slots; where that cannot be met, in the past.
    pub(super) start_by: Timestamp,
    /// When it must end for that.
    pub(super) end_by: Timestamp,
    /// The slots that it would serve.
    pub(super) serves: Vec<String>,
    /// What it lasts.
    pub(super) lasts: SignedDuration,
}

/// After this many runs that are in time, one goes to a dataset that is owed: it will be late, or others lost slots and it
/// waited longest.
const TIMELY_STARTS_MAX: u32 = 3;

/// Begins what can begin.
pub(super) fn start(state: &mut State, now: Now, orders: &mut Vec<Order>) {
    if state.is_draining {
        return;
    }
    for line in state.lines.values_mut() {
        line.refill(now, &state.rules.retry);
    }
    let mut in_use = InUse::of(state.running.values());
    if in_use.is_full(&state.rules.limits) {
        return;
    }
    // Parts of one asset run side by side: were each to wait for the others, none would keep a tight objective.
    let mut busy: BTreeSet<LineKey> = state.running.values().map(|run| run.key.clone()).collect();
    let may_start = |candidate: &Candidate| {
        let line = &state.lines[&candidate.key];
        let is_allowed = state
            .targets
            .get(&candidate.key.0)
            .is_some_and(|target| window::opening(&target.windows, &state.rules.zone, now.wall).is_open);
        is_allowed && line.paused_until(&state.rules.retry).is_none_or(|until| until <= now.monotonic)
    };
    let mut timely: Vec<Candidate> =
        candidates(state, now).filter(|candidate| !busy.contains(&candidate.key)).filter(may_start).collect();
    let last_start = |candidate: &Candidate| state.lines[&candidate.key].last_start;
    // As long as some dataset lost a slot that no run has made good, there is too much to do, and all take turns.
    let is_overloaded = state.lines.values().any(|line| line.has_lost);
    let is_owed = |candidate: &Candidate| is_overloaded || candidate.start_by < now.wall;
    // The last are taken first. Who waited longest for any run goes first, so that each gets its turn.
    let mut owed: Vec<Candidate> = timely.iter().filter(|candidate| is_owed(candidate)).cloned().collect();
    let turn = |candidate: &Candidate| (last_start(candidate), candidate.end_by);
    owed.sort_by(|a, b| (turn(b), &b.key).cmp(&(turn(a), &a.key)));
    timely.retain(|candidate| candidate.start_by >= now.wall);
    let urgency = |candidate: &Candidate| (candidate.end_by, last_start(candidate));
    timely.sort_by(|a, b| (urgency(b), &b.key).cmp(&(urgency(a), &a.key)));
    while !in_use.is_full(&state.rules.limits) {
        let is_owed_turn = timely.is_empty() || state.timely_starts >= TIMELY_STARTS_MAX;
        let next_owed = if is_owed_turn { owed.pop() } else { None };
        let is_owed = next_owed.is_some();
        let Some(candidate) = next_owed.or_else(|| timely.pop()) else { break };
        let Some(target) = state.targets.get(&candidate.key.0).cloned() else { continue };
        if busy.contains(&candidate.key) || !in_use.has_room(&target, &state.rules.limits) {
            continue;
        }
        in_use.take(&target);
        busy.insert(candidate.key.clone());
        state.timely_starts = if is_owed { 0 } else { state.timely_starts.saturating_add(1) };
        begin(state, now, candidate, target, orders);
    }
}

fn begin(state: &mut State, now: Now, candidate: Candidate, target: Target, orders: &mut Vec<Order>) {
    let run = RunId { token: state.token, number: state.next_run };
    state.next_run += 1;
    let Candidate { key, kind, serves, lasts, .. } = candidate;
    if let Some(line) = state.lines.get_mut(&key) {
        line.last_start = Some(now.monotonic);
        line.has_lost = false;
    }
    let (asset, dataset) = key.clone();
    orders.push(Order::Start { run, asset, dataset, kind, slots: serves.clone() });
    let expected_end = now.wall.saturating_add(lasts).unwrap_or(Timestamp::MAX);
    state.running.insert(run, Running { key, kind, begun: now, target, serves, expected_end });
}

/// Every dataset that has something to do now, whether or not there is room for it.
pub(super) fn candidates(state: &State, now: Now) -> impl Iterator<Item = Candidate> {
    let under_way: BTreeMap<&LineKey, &[String]> =
        state.running.values().map(|run| (&run.key, run.serves.as_slice())).collect();
    state.lines.iter().filter_map(move |(key, line)| {
        candidate(state, key, line, under_way.get(key).copied().unwrap_or_default(), now)
    })
}

fn candidate(state: &State, key: &LineKey, line: &Line, under_way: &[String], now: Now) -> Option<Candidate> {
    let rules = &state.rules;
    let open: Vec<&Slot> =
        line.open(now).filter(|slot| under_way.is_empty() || !under_way.contains(&slot.id())).collect();
    if open.is_empty() || open.iter().all(|slot| can_ride_along(slot, line, now, rules)) {
        return None;
    }
    let kind = kind_of_run(&open, line, now, rules);
    let served = open.into_iter().filter(|slot| kind == SlotKind::Full || slot.kind == SlotKind::Incremental);
    let lasts = line.lasts(kind, rules);
    let windows = state.targets.get(&key.0).map_or(&[][..], |target| &target.windows);
    let mut start_by = Timestamp::MAX;
    let mut serves = Vec::new();
    for slot in served {
        // The state must be from before the slot closes, however much later it is due.
        let latest = slot.start_by(&lasts).min(slot.closes);
        start_by = start_by.min(window::last_start(windows, &rules.zone, latest));
        serves.push(slot.id());
    }
    let lasts = SignedDuration::try_from(lasts.total()).unwrap_or(SignedDuration::MAX);
    let end_by = start_by.saturating_add(lasts).unwrap_or(Timestamp::MAX);
    Some(Candidate { key: key.clone(), kind, start_by, end_by, serves, lasts })
}

/// Whether the slot can wait for one that opens later, so that one run serves both: only where half of the slot's time,
/// and at least twice what a run lasts, would be left then. One run less is not worth a failure that is not made good.
fn can_ride_along(slot: &Slot, line: &Line, now: Now, rules: &Rules) -> bool {
    let lasts = line.lasts(slot.kind, rules).total();
    let twice = SignedDuration::try_from(lasts.saturating_mul(2)).unwrap_or(SignedDuration::MAX);
    let spare = twice.max(slot.due.duration_since(slot.opens) / 2);
    let full_lasts = line.lasts(SlotKind::Full, rules);
    let carries = |later: &Slot| {
        // A full run instead of an incremental one would make the other slot late.
        let fits = slot.kind == later.kind
            || slot.kind == SlotKind::Incremental
            || later.start_by(&full_lasts) >= later.opens;
        fits && later.opens > now.wall
            && later.opens < slot.closes
            && later.opens.saturating_add(spare).is_ok_and(|end| end <= slot.due)
    };
    line.waiting.values().any(|waiting| carries(&waiting.slot))
}

/// A full run serves every slot, but lasts longer. Where that would make an incremental slot late, which an incremental
/// run would not, that one comes first, unless the full one cannot wait for it.
fn kind_of_run(open: &[&Slot], line: &Line, now: Now, rules: &Rules) -> SlotKind {
    let (full, incremental): (Vec<&Slot>, Vec<&Slot>) = open.iter().partition(|s| s.kind == SlotKind::Full);
    if full.is_empty() {
        return SlotKind::Incremental;
    }
    let (full_lasts, short_lasts) =
        (line.lasts(SlotKind::Full, rules), line.lasts(SlotKind::Incremental, rules));
    let would_be_late = incremental
        .iter()
        .any(|s| s.start_by(&full_lasts) < now.wall && s.start_by(&short_lasts) >= now.wall);
    let short = SignedDuration::try_from(short_lasts.total()).unwrap_or(SignedDuration::MAX);
    let after = now.wall.saturating_add(short).unwrap_or(Timestamp::MAX);
    let can_wait = full.iter().all(|s| s.start_by(&full_lasts).min(s.closes) > after);
    if would_be_late && can_wait { SlotKind::Incremental } else { SlotKind::Full }
}

/// When something may change by itself: a slot opens or is due, a pause is over, a window opens.
pub(super) fn next_change(state: &State, now: Now) -> Option<Timestamp> {
    let mut next: Option<Timestamp> = None;
    let mut consider = |at: Timestamp| {
        if at > now.wall && next.is_none_or(|next| at < next) {
            next = Some(at);
        }
    };
    for (key, line) in &state.lines {
        for waiting in line.waiting.values() {
            consider(waiting.slot.opens);
            consider(waiting.slot.due);
        }
        if line.waiting.is_empty() {
            continue;
        }
        if let Some(instant) = line.paused_until(&state.rules.retry) {
            consider(now.wall_at(instant));
        }
        if let Some(target) = state.targets.get(&key.0)
            && let Some(change) = window::opening(&target.windows, &state.rules.zone, now.wall).changes
        {
            consider(change);
        }
    }
    if let Some(until) = state.doubt_until {
        consider(now.wall_at(until));
    }
    next
}
