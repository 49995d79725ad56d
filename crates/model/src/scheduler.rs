//! When to run what: the decision, without a clock, a thread or a disk.
//!
//! A scheduler that sleeps inside can only be tried by waiting. This one is told what happened and what time it is, and
//! says what to do, so that a simulator can drive it through years, through clock jumps, and through a kill between any
//! two of its words. Whoever carries out its actions writes them down first; what is lost in between is found again at
//! the next start, as a run without an end and a slot without one.
//!
//! Among what can still be done in time, the earliest deadline goes first. Once slots are lost, every fourth place goes by
//! turn instead: with none, whoever never has the nearest deadline would starve, and with all, everything would be late.

mod event;
mod forecast;
mod limits;
mod line;
mod pick;
mod serve;
mod window;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub use self::event::{
    Accounted, Action, Event, LateSlot, Now, Order, Orphan, RunEnding, RunId, SlotEnding, Target,
};
pub use self::limits::Limits;
use self::line::{Line, LineKey};
pub(crate) use self::window::next_start;
pub use self::window::{Window, longest_closed};
use crate::AssetName;
use crate::slot::{Lasts, SlotKind};

/// What holds for every decision.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How much may run at once.
    pub limits: Limits,
    /// When to try again.
    pub retry: Retry,
    /// What a run lasts of which nothing was measured yet, incremental and full.
    pub assumed: (Lasts, Lasts),
    /// The zone of the windows.
    pub zone: jiff::tz::TimeZone,
}

/// When to try again after a run failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The first pause; each further one is twice as long.
    pub pause: Duration,
    /// The longest pause.
    pub pause_max: Duration,
    /// How many runs may fail one after the other.
    pub budget: u32,
    /// Then nothing is tried until another slot opens, or this long passed.
    pub rest: Duration,
}

/// Everything that the scheduler remembers. Nothing in it is needed after a restart: it is built anew from the slots
/// that are not accounted for, and the runs that began and did not end.
#[derive(Clone, Debug)]
pub struct State {
    rules: Rules,
    token: u64,
    targets: BTreeMap<AssetName, Target>,
    lines: BTreeMap<LineKey, Line>,
    running: BTreeMap<RunId, Running>,
    next_run: u64,
    is_draining: bool,
    last: Option<Now>,
    /// Until this reading of the monotonic clock nothing is counted as missed: the wall clock jumped.
    doubt_until: Option<Duration>,
    timely_starts: u32,
}

/// A run under way.
#[derive(Clone, Debug)]
struct Running {
    key: LineKey,
    kind: SlotKind,
    begun: Now,
    target: Target,
    serves: Vec<String>,
    /// When it should be done, by what others lasted.
    expected_end: Timestamp,
}

/// Wall clock and monotonic clock may part by this much without a jump: they are steered, and read one after the other.
const SKEW_MAX: SignedDuration = SignedDuration::from_mins(5);
/// How long a jump is doubted. Whoever set the clock wrong has this long to set it right.
const DOUBT: Duration = Duration::from_secs(3600);
/// A longer pause between two instances is doubted like a jump.
const PAUSE_MAX: SignedDuration = SignedDuration::from_hours(24 * 31);

impl State {
    /// A scheduler that knows nothing. It does nothing before [`Event::Took`].
    pub fn new(rules: Rules) -> State {
        State {
            rules,
            token: 0,
            targets: BTreeMap::new(),
            lines: BTreeMap::new(),
            running: BTreeMap::new(),
            next_run: 0,
            is_draining: false,
            last: None,
            doubt_until: None,
            timely_starts: 0,
        }
    }

    /// The same under other rules. What runs goes on, even beyond new limits.
    #[must_use]
    pub fn under(mut self, rules: Rules) -> State {
        self.rules = rules;
        self
    }

    /// How many slots are neither accounted for nor forgotten.
    pub fn waiting(&self) -> usize {
        self.lines.values().map(|line| line.waiting.len()).sum()
    }

    /// How many runs are under way.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// Whether the wall clock jumped lately.
    fn is_in_doubt(&self, now: Now) -> bool {
        self.doubt_until.is_some_and(|until| now.monotonic < until)
    }
}

/// Takes in what happened, and says what to do now. Every action carries the token of the instance: one that meets a higher
/// token must not be carried out.
pub fn step(mut state: State, now: Now, event: Event) -> (State, Vec<Action>) {
    let mut orders = Vec::new();
    notice_jump(&mut state, now, &mut orders);
    match event {
        Event::Tick => {}
        Event::Took { token, orphans, last_seen } => {
            took(&mut state, now, token, orphans, last_seen, &mut orders);
        }
        Event::Targets(targets) => {
            state.targets = targets.into_iter().map(|target| (target.asset.clone(), target)).collect();
        }
        Event::Slots(slots) => {
            for slot in slots {
                let key = (slot.asset.clone(), slot.dataset);
                state.lines.entry(key).or_default().expect(slot);
            }
        }
        Event::Waived(ids) => {
            let mut is_waiting =
                |id: &String| state.lines.values_mut().any(|line| line.waiting.remove(id).is_some());
            let waived = ids.into_iter().filter(|id| is_waiting(id));
            let waived: Vec<Accounted> =
                waived.map(|slot| Accounted { slot, ending: SlotEnding::Waived }).collect();
            if !waived.is_empty() {
                orders.push(Order::Account(waived));
            }
        }
        Event::Measured { asset, dataset, kind, capture, copy } => {
            state.lines.entry((asset, dataset)).or_default().measure(kind, capture, copy);
        }
        Event::Ended { run, ending } => serve::ended(&mut state, now, run, ending, &mut orders),
        Event::Drain => state.is_draining = true,
    }
    if state.token > 0 {
        serve::miss(&mut state, now, &mut orders);
        pick::start(&mut state, now, &mut orders);
        forecast::warn(&mut state, now, &mut orders);
        if state.is_draining && state.running.is_empty() {
            orders.push(Order::Exit);
        } else if let Some(at) = pick::next_change(&state, now) {
            orders.push(Order::Wake(at));
        }
    }
    let token = state.token;
    (state, orders.into_iter().map(|order| Action { token, order }).collect())
}

/// A wall clock that does not go as the monotonic one does was set. For a while nothing is counted as missed: were it set
/// wrong, every slot that is known would be lost at once.
fn notice_jump(state: &mut State, now: Now, orders: &mut Vec<Order>) {
    if let Some(last) = state.last {
        let passed = SignedDuration::try_from(now.monotonic.saturating_sub(last.monotonic));
        let by = now.wall.duration_since(last.wall).saturating_sub(passed.unwrap_or(SignedDuration::MAX));
        if by.abs() > SKEW_MAX {
            state.doubt_until = Some(now.monotonic.saturating_add(DOUBT));
            orders.push(Order::ClockJumped { by });
        }
    }
    state.last = Some(now);
}

/// A new instance: nothing is running, whatever was begun.
fn took(
    state: &mut State,
    now: Now,
    token: u64,
    orphans: Vec<Orphan>,
    last_seen: Option<Timestamp>,
    orders: &mut Vec<Order>,
) {
    state.token = token;
    state.running.clear();
    if let Some(last_seen) = last_seen {
        let pause = now.wall.duration_since(last_seen);
        if pause < -SKEW_MAX || pause > PAUSE_MAX {
            state.doubt_until = Some(now.monotonic.saturating_add(DOUBT));
            orders.push(Order::ClockJumped { by: pause });
        }
    }
    for orphan in orphans {
        // A run that takes the machine down with it must not do so again at once.
        let line = state.lines.entry((orphan.asset, orphan.dataset)).or_default();
        line.fail(now, &state.rules.retry);
        orders.push(Order::Interrupt { run: orphan.run });
    }
}

#[cfg(test)]
mod tests;
