//! Overload, told before it hurts: which slots will be late, as things stand.
//!
//! The runs under way and the candidates are laid out in the order in which they would begin, each at the earliest moment
//! that every limit leaves it room. That is close to what will happen, and cheap enough for every step.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::line::LineKey;
use super::{LateSlot, Now, Order, State, Target, pick, window};

/// Names slots that will be late, each once.
pub(super) fn warn(state: &mut State, now: Now, orders: &mut Vec<Order>) {
    let mut rooms = Rooms::new(state);
    for run in state.running.values() {
        let end = run.expected_end.max(now.wall);
        rooms.take(&run.target, end);
    }
    let busy: BTreeMap<_, Timestamp> =
        state.running.values().map(|run| (&run.key.0, run.expected_end.max(now.wall))).collect();
    let mut candidates: Vec<_> = pick::candidates(state, now).collect();
    candidates.sort_by(|a, b| (a.end_by, &a.key).cmp(&(b.end_by, &b.key)));
    let mut late = Vec::new();
    for candidate in candidates {
        let Some(target) = state.targets.get(&candidate.key.0) else { continue };
        let start = rooms.earliest(target).max(now.wall);
        let start = busy.get(&candidate.key.0).map_or(start, |end| start.max(*end));
        let start = start.max(earliest_allowed(state, &candidate.key, target, now));
        let expected = start.saturating_add(candidate.lasts).unwrap_or(Timestamp::MAX);
        rooms.take(target, expected);
        late.extend(candidate.serves.into_iter().map(|slot| (candidate.key.clone(), slot, expected)));
    }
    for run in state.running.values() {
        let slots =
            run.serves.iter().map(|slot| (run.key.clone(), slot.clone(), run.expected_end.max(now.wall)));
        late.extend(slots);
    }
    let mut named = Vec::new();
    for (key, slot, expected) in late {
        let Some(waiting) = state.lines.get_mut(&key).and_then(|line| line.waiting.get_mut(&slot)) else {
            continue;
        };
        let due = waiting.slot.due;
        if expected > due && !waiting.is_announced {
            waiting.is_announced = true;
            named.push(LateSlot { slot, due, expected });
        }
    }
    if !named.is_empty() {
        named.sort_by(|a, b| (a.due, &a.slot).cmp(&(b.due, &b.slot)));
        orders.push(Order::Overload(named));
    }
}

/// When pauses and windows let it begin.
fn earliest_allowed(state: &State, key: &LineKey, target: &Target, now: Now) -> Timestamp {
    let until = state.lines.get(key).and_then(|line| line.paused_until(&state.rules.retry));
    let after_pause = until.map_or(now.wall, |until| now.wall_at(until));
    let opening = window::opening(&target.windows, &state.rules.zone, after_pause);
    if opening.is_open { after_pause } else { opening.changes.unwrap_or(after_pause) }
}

/// For each limit, when its places become free, soonest last.
struct Rooms {
    overall: Vec<Timestamp>,
    hosts: BTreeMap<String, Vec<Timestamp>>,
    locations: BTreeMap<String, Vec<Timestamp>>,
    per_host: usize,
    per_location: usize,
}

impl Rooms {
    fn new(state: &State) -> Rooms {
        let limits = state.rules.limits;
        Rooms {
            overall: vec![Timestamp::MIN; limits.overall.max(1)],
            hosts: BTreeMap::new(),
            locations: BTreeMap::new(),
            per_host: limits.per_host.max(1),
            per_location: limits.per_location.max(1),
        }
    }

    fn earliest(&self, target: &Target) -> Timestamp {
        let soonest = |places: Option<&Vec<Timestamp>>| places.and_then(|p| p.last()).copied();
        let host = soonest(self.hosts.get(target.host.as_str()));
        let locations = target.locations.iter().map(|l| soonest(self.locations.get(l.as_str())));
        let all = [soonest(Some(&self.overall)), host].into_iter().chain(locations);
        all.flatten().max().unwrap_or(Timestamp::MIN)
    }

    fn take(&mut self, target: &Target, until: Timestamp) {
        occupy(&mut self.overall, until);
        let places = || vec![Timestamp::MIN; self.per_host];
        occupy(self.hosts.entry(target.host.to_string()).or_insert_with(places), until);
        for location in &target.locations {
            let places = || vec![Timestamp::MIN; self.per_location];
            occupy(self.locations.entry(location.to_string()).or_insert_with(places), until);
        }
    }
}

/// Takes the place that is free soonest.
fn occupy(places: &mut Vec<Timestamp>, until: Timestamp) {
    places.pop();
    let at = places.partition_point(|end| *end > until);
    places.insert(at, until);
}
