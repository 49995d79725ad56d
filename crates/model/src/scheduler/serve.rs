//! What became of slots: by a run that ended, or by time that passed.

use jiff::SignedDuration;

use super::{Accounted, Now, Order, RunEnding, RunId, SlotEnding, State};

/// A run ended. A run that is not known (of an earlier instance, or told of twice) changes nothing.
pub(super) fn ended(state: &mut State, now: Now, run: RunId, ending: RunEnding, orders: &mut Vec<Order>) {
    let Some(running) = state.running.remove(&run) else { return };
    let Some(line) = state.lines.get_mut(&running.key) else { return };
    let mut slots = Vec::new();
    match ending {
        RunEnding::Done { recovery, is_degraded, capture, copy } => {
            line.succeed();
            line.measure(running.kind, capture, copy);
            // By the clock that chose the slots: the wall clock may have been set in between.
            let passed = now.monotonic.saturating_sub(running.begun.monotonic);
            let passed = SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
            let protected = running.begun.wall.saturating_add(passed).unwrap_or(now.wall);
            for id in &running.serves {
                // A state from after the slot closed serves the next one. It stays, and is missed when it is due.
                let is_in_time = |slot: &crate::slot::Slot| slot.opens <= recovery && recovery < slot.closes;
                let Some(waiting) = line.waiting.get(id).filter(|waiting| is_in_time(&waiting.slot)) else {
                    continue;
                };
                let ending = match () {
                    () if is_degraded => SlotEnding::Degraded,
                    () if protected <= waiting.slot.due => SlotEnding::Ok,
                    () => SlotEnding::Late,
                };
                line.has_lost |= ending == SlotEnding::Late;
                slots.push(Accounted { slot: id.clone(), ending });
                line.waiting.remove(id);
            }
            orders.push(Order::Conclude { run, ending, slots });
        }
        RunEnding::Failed => {
            orders.push(Order::Conclude { run, ending, slots });
            if line.fail(now, &state.rules.retry) {
                let (asset, dataset) = running.key;
                orders.push(Order::GaveUp { asset, dataset, attempts: line.failures });
            }
        }
    }
}

/// Accounts for slots that are due and that no run serves. A run that is under way may still do so, too late but served.
pub(super) fn miss(state: &mut State, now: Now, orders: &mut Vec<Order>) {
    if state.is_in_doubt(now) {
        return;
    }
    let mut missed = Vec::new();
    for (key, line) in &mut state.lines {
        let served = state.running.values().find(|run| run.key == *key).map(|run| run.serves.as_slice());
        let served = served.unwrap_or_default();
        let is_lost = |id: &String, due| due <= now.wall && !served.contains(id);
        let lost: Vec<String> =
            line.waiting.iter().filter(|(id, w)| is_lost(id, w.slot.due)).map(|(id, _)| id.clone()).collect();
        for slot in lost {
            line.waiting.remove(&slot);
            line.has_lost = true;
            missed.push(Accounted { slot, ending: SlotEnding::Missed });
        }
    }
    if !missed.is_empty() {
        orders.push(Order::Account(missed));
    }
}
