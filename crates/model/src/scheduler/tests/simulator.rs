//! Drives the scheduler through hours in a moment: runs that take their time, fail, or die with the process; clocks that
//! are set. It plays the ledger too, and is as strict as that one: nothing is settled twice, nothing runs twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::super::*;
use crate::slot::{LastsBasis, Slot, SlotBasis};
use crate::{Cadence, Dataset, HostName, LocationName};

pub(super) const START: &str = "2026-03-28T00:00:00Z";

pub(super) fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

pub(super) fn long(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// So many minutes after the start.
pub(super) fn at(minutes_after: i64) -> Timestamp {
    START.parse::<Timestamp>().unwrap() + minutes(minutes_after)
}

pub(super) fn lasts(minutes: u64) -> Lasts {
    Lasts { capture: long(minutes), copy: Duration::ZERO, basis: LastsBasis::Assumed }
}

pub(super) fn rules(overall: usize, per_host: usize, per_location: usize) -> Rules {
    Rules {
        limits: Limits { overall, per_host, per_location },
        retry: Retry { pause: long(1), pause_max: long(30), budget: 5, rest: long(240) },
        assumed: (lasts(10), lasts(10)),
        zone: jiff::tz::TimeZone::get("Europe/London").unwrap(),
    }
}

pub(super) fn target(asset: &str, host: &str, locations: &[&str]) -> Target {
    Target {
        asset: AssetName::parse(asset).unwrap(),
        host: HostName::parse(host).unwrap(),
        locations: locations.iter().map(|name| LocationName::parse(name).unwrap()).collect(),
        windows: Vec::new(),
    }
}

/// A slot by minutes after the start; it closes when it is due.
pub(super) fn slot(asset: &str, kind: SlotKind, opens: i64, due: i64) -> Slot {
    Slot {
        asset: AssetName::parse(asset).unwrap(),
        dataset: Dataset::Site,
        kind,
        basis: SlotBasis::Compiled { interval_s: u64::try_from((due - opens) * 60).unwrap() },
        opens: at(opens),
        closes: at(due),
        due: at(due),
    }
}

pub(super) fn literal(asset: &str, kind: SlotKind, opens: i64, due: i64) -> Slot {
    let date = at(opens).to_zoned(jiff::tz::TimeZone::UTC).date();
    Slot { basis: SlotBasis::Literal { cadence: Cadence::Daily, date }, ..slot(asset, kind, opens, due) }
}

/// What a run does.
pub(super) type Behaviour = Box<dyn Fn(&AssetName, SlotKind, u64) -> (u64, bool)>;

struct Process {
    run: RunId,
    asset: AssetName,
    kind: SlotKind,
    began: Timestamp,
    ends: Duration,
    succeeds: bool,
}

pub(super) struct Simulator {
    rules: Rules,
    state: Option<State>,
    targets: Vec<Target>,
    token: u64,
    monotonic: Duration,
    /// What somebody set the wall clock off by.
    skew: SignedDuration,
    wake: Option<Timestamp>,
    processes: Vec<Process>,
    behaviour: Behaviour,
    /// Actions until the process is killed.
    pub(super) kill_after: Option<usize>,
    /// How many actions were carried out.
    pub(super) actions: usize,
    slots: BTreeMap<String, Slot>,
    pub(super) settled: BTreeMap<String, (SlotEnding, Timestamp)>,
    begun: BTreeMap<String, (AssetName, Dataset)>,
    pub(super) runs: Vec<(AssetName, SlotKind, Timestamp, Vec<String>)>,
    /// Of each run that succeeded: of what, the instant that it stands for, and when it was done.
    pub(super) points: Vec<((AssetName, Dataset), Timestamp, Timestamp)>,
    pub(super) announced: BTreeSet<String>,
    pub(super) interrupted: usize,
    pub(super) jumps: usize,
    pub(super) gave_up: usize,
    pub(super) has_exited: bool,
}

impl Simulator {
    pub(super) fn new(
        rules: Rules,
        targets: Vec<Target>,
        slots: Vec<Slot>,
        behaviour: Behaviour,
    ) -> Simulator {
        let mut simulator = Simulator {
            rules,
            state: None,
            targets,
            token: 0,
            monotonic: Duration::from_secs(1),
            skew: SignedDuration::ZERO,
            wake: None,
            processes: Vec::new(),
            behaviour,
            kill_after: None,
            actions: 0,
            slots: slots.into_iter().map(|slot| (slot.id(), slot)).collect(),
            settled: BTreeMap::new(),
            begun: BTreeMap::new(),
            runs: Vec::new(),
            points: Vec::new(),
            announced: BTreeSet::new(),
            interrupted: 0,
            jumps: 0,
            gave_up: 0,
            has_exited: false,
        };
        simulator.boot();
        simulator
    }

    pub(super) fn wall(&self) -> Timestamp {
        at(0) + SignedDuration::try_from(self.monotonic - Duration::from_secs(1)).unwrap() + self.skew
    }

    /// Kills the process and everything that it runs.
    pub(super) fn kill(&mut self) {
        self.state = None;
        self.processes.clear();
        self.wake = None;
    }

    /// Starts the next instance, from what the ledger knows.
    pub(super) fn boot(&mut self) {
        self.token += 1;
        let orphans = self.begun.iter().map(|(run, (asset, dataset))| Orphan {
            run: run.clone(),
            asset: asset.clone(),
            dataset: *dataset,
        });
        let orphans = orphans.collect();
        self.state = Some(State::new(self.rules.clone()));
        let slots = self.slots.values().filter(|slot| !self.settled.contains_key(&slot.id())).cloned();
        let slots = slots.collect();
        self.tell(Event::Targets(self.targets.clone()));
        self.tell(Event::Slots(slots));
        self.tell(Event::Took { token: self.token, orphans, last_seen: None });
    }

    /// More slots, as the policy expands to them day by day.
    pub(super) fn expect(&mut self, slots: Vec<Slot>) {
        self.slots.extend(slots.iter().map(|slot| (slot.id(), slot.clone())));
        self.tell(Event::Slots(slots));
    }

    /// Lets time pass while no process is there.
    pub(super) fn stay_down_until(&mut self, minutes_after: i64) {
        assert!(self.state.is_none());
        self.monotonic = Duration::from_secs(1) + long(u64::try_from(minutes_after).unwrap());
        self.boot();
    }

    /// Sets the wall clock off from the truth.
    pub(super) fn set_clock(&mut self, skew: SignedDuration) {
        self.skew = skew;
        self.tell(Event::Tick);
    }

    pub(super) fn tell(&mut self, event: Event) {
        let Some(state) = self.state.take() else { return };
        let now = Now { wall: self.wall(), monotonic: self.monotonic };
        let (state, actions) = step(state, now, event);
        self.state = Some(state);
        self.wake = None;
        for action in actions {
            assert_eq!(action.token, self.token, "{action:?}");
            self.carry_out(action.order);
            self.actions += 1;
            if self.kill_after.is_some_and(|after| self.actions >= after) {
                self.kill_after = None;
                self.kill();
                return;
            }
        }
    }

    /// Lets time pass, as far as `minutes_after` the start. A process that was killed is started again a minute later.
    pub(super) fn run_until(&mut self, minutes_after: i64) {
        let end = Duration::from_secs(1) + long(u64::try_from(minutes_after).unwrap());
        let mut steps = 0;
        loop {
            steps += 1;
            assert!(steps < 1_000_000, "the scheduler asks to be woken again and again at {}", self.wall());
            if self.state.is_none() {
                if self.monotonic + long(1) > end {
                    break;
                }
                self.monotonic += long(1);
                self.boot();
                continue;
            }
            let wall = self.wall();
            let wake = self.wake.map(|at| {
                self.monotonic
                    + Duration::try_from(at.duration_since(wall))
                        .unwrap_or_default()
                        .max(Duration::from_nanos(1))
            });
            let next_end = self.processes.iter().map(|process| process.ends).min();
            let Some(next) = wake.into_iter().chain(next_end).min().filter(|next| *next <= end) else {
                break;
            };
            self.monotonic = next;
            match self.processes.iter().position(|process| process.ends <= next) {
                Some(position) => {
                    let process = self.processes.remove(position);
                    self.finish(&process);
                }
                None => self.tell(Event::Tick),
            }
        }
        self.monotonic = self.monotonic.max(end);
        if self.state.is_none() {
            self.boot();
        }
        self.tell(Event::Tick);
    }

    fn finish(&mut self, process: &Process) {
        if process.succeeds {
            let of = self.begun[&process.run.to_string()].clone();
            self.points.push((of, process.began, self.wall()));
        }
        let (run_minutes, _) = (self.behaviour)(&process.asset, process.kind, process.run.number);
        let ending = if process.succeeds {
            RunEnding::Done {
                recovery: process.began,
                is_degraded: false,
                capture: long(run_minutes),
                copy: Duration::ZERO,
            }
        } else {
            RunEnding::Failed
        };
        self.tell(Event::Ended { run: process.run, ending });
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Start { run, asset, dataset, kind, slots } => self.begin(run, asset, dataset, kind, slots),
            Order::Conclude { run, slots, .. } => {
                assert!(
                    self.begun.remove(&run.to_string()).is_some(),
                    "run {run} never began, or ended twice"
                );
                self.settle(slots);
            }
            Order::Interrupt { run } => {
                assert!(self.begun.remove(&run).is_some(), "{run} was not begun");
                self.interrupted += 1;
            }
            Order::Account(slots) => self.settle(slots),
            Order::Overload(slots) => {
                for late in slots {
                    assert!(late.expected > late.due, "{late:?}");
                    assert!(
                        self.announced.insert(format!("{}/{}", self.token, late.slot)),
                        "named twice: {late:?}"
                    );
                }
            }
            Order::Wake(at) => {
                assert!(at > self.wall(), "woken for the past: {at}");
                self.wake = Some(at);
            }
            Order::ClockJumped { .. } => self.jumps += 1,
            Order::GaveUp { .. } => self.gave_up += 1,
            Order::Exit => self.has_exited = true,
        }
    }

    fn begin(&mut self, run: RunId, asset: AssetName, dataset: Dataset, kind: SlotKind, slots: Vec<String>) {
        assert_eq!(run.token, self.token);
        assert!(!self.has_exited);
        let is_same = |begun: &(AssetName, Dataset)| *begun == (asset.clone(), dataset);
        assert!(!self.begun.values().any(is_same), "{asset} {dataset} runs twice at once");
        let wall = self.wall();
        assert!(!slots.is_empty(), "a run for nothing");
        for id in &slots {
            let slot = &self.slots[id];
            assert!(!self.settled.contains_key(id), "{id} was settled");
            assert!(slot.opens <= wall && wall < slot.closes, "{id} is not open at {wall}");
            assert!(slot.asset == asset && (kind == SlotKind::Full || slot.kind == SlotKind::Incremental));
        }
        assert!(self.begun.insert(run.to_string(), (asset.clone(), dataset)).is_none());
        let (run_minutes, succeeds) = (self.behaviour)(&asset, kind, run.number);
        let ends = self.monotonic + long(run_minutes);
        self.runs.push((asset.clone(), kind, wall, slots));
        self.processes.push(Process { run, asset, kind, began: wall, ends, succeeds });
        self.check_limits();
    }

    fn check_limits(&self) {
        let running: Vec<&Target> = self
            .processes
            .iter()
            .map(|process| self.targets.iter().find(|target| target.asset == process.asset).unwrap())
            .collect();
        let limits = self.rules.limits;
        assert!(running.len() <= limits.overall, "{} run at once", running.len());
        for target in &running {
            let on_host = running.iter().filter(|other| other.host == target.host).count();
            assert!(on_host <= limits.per_host, "{on_host} run on {}", target.host);
            for location in &target.locations {
                let to = running.iter().filter(|other| other.locations.contains(location)).count();
                assert!(to <= limits.per_location, "{to} write to {location}");
            }
        }
    }

    fn settle(&mut self, slots: Vec<Accounted>) {
        let wall = self.wall();
        for Accounted { slot, ending } in slots {
            assert!(self.slots.contains_key(&slot), "{slot} was never expected");
            let before = self.settled.insert(slot.clone(), (ending, wall));
            assert!(before.is_none(), "{slot} was settled twice");
        }
    }

    /// Slots with this ending.
    pub(super) fn count(&self, ending: SlotEnding) -> usize {
        self.settled.values().filter(|(is, _)| *is == ending).count()
    }

    /// Fails unless every slot that is due by now is settled.
    #[track_caller]
    pub(super) fn assert_all_accounted(&self) {
        let wall = self.wall();
        for (id, slot) in &self.slots {
            let serving = self.processes.iter().any(|process| process.asset == slot.asset);
            assert!(
                slot.due > wall || self.settled.contains_key(id) || serving,
                "{id} was due at {} and is not accounted for at {wall}",
                slot.due
            );
        }
    }
}
