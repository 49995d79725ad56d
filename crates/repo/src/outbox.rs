//! Sealed objects leave here for every location at once.
//!
//! Each location has a lane of its own: a queue and a few uploads in flight. Were they fed in lockstep, the slowest
//! place would set the pace of every backup and a dead one would stop them all. So a lane that falls behind keeps only
//! the names of what it lacks (the bytes go to the spool, or are read later from a place that has them), a lane that
//! fails drops out, and the run goes on as long as one location accepts.
//!
//! Within a lane order is a promise: an index becomes visible only after every pack before it, a snapshot only after its
//! index. Everything but packs is therefore a barrier. An object that nobody gives any more leaves a gap, which is no
//! fault of the lane that lacks it: the lane goes on, without whatever may refer to what is missing.

mod lane;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::thread::Scope;
use std::time::Duration;

use bytes::Bytes;
use holdfast_format::Id;
use holdfast_location::Area;
use parking_lot::{Condvar, Mutex};

use self::lane::{Item, Lane};
use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::mirror::Mirror;
use crate::monitor::{Monitor, Trouble, TroubleKind};
use crate::packer::Sink;
use crate::progress::Progress;
use crate::sealed::Sealed;
use crate::spool::Spool;

/// How often whoever waits for the lanes looks whether it shall go on.
const LOOK_FOR_CANCEL: Duration = Duration::from_millis(100);

/// Uploads in flight per location.
const UPLOADS_PER_LANE: usize = 4;

/// What became of one location in a run.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The location's name.
    pub location: String,
    /// Objects it confirmed.
    pub objects: u64,
    /// Bytes it confirmed.
    pub bytes: u64,
    /// Objects it still lacks.
    pub owed: u64,
    /// Why it dropped out, if it did.
    pub failure: Option<String>,
    /// The kind of that failure.
    pub failure_kind: Option<ErrorKind>,
}

impl Delivery {
    /// Whether the location has everything, as far as known.
    pub fn is_complete(&self) -> bool {
        self.owed == 0 && self.failure.is_none()
    }
}

/// The lanes of one run.
pub struct Outbox<'a> {
    mirrors: Vec<Arc<Mirror>>,
    spool: &'a Spool,
    monitor: &'a dyn Monitor,
    progress: &'a Progress,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    lanes: Vec<Lane>,
    /// Which lanes have confirmed an object, one bit each; only for objects of this run or owed from before.
    stored: HashMap<Id, u32>,
    /// Packs that every location that should have them gave damaged, or not at all.
    whole_nowhere: BTreeSet<Id>,
    closing: bool,
}

/// Why an upload failed: the location did not take the object, or nobody gave it.
enum Failure {
    Put(Error),
    Fetch(Error),
}

impl<'a> Outbox<'a> {
    /// An outbox with one lane per mirror, at most 32.
    pub fn new(
        mirrors: Vec<Arc<Mirror>>,
        spool: &'a Spool,
        monitor: &'a dyn Monitor,
        progress: &'a Progress,
    ) -> Outbox<'a> {
        debug_assert!(mirrors.len() <= 32, "confirmations are kept in 32 bits");
        let lanes = mirrors.iter().map(|_| Lane::default()).collect();
        Outbox {
            mirrors,
            spool,
            monitor,
            progress,
            state: Mutex::new(State {
                lanes,
                stored: HashMap::new(),
                whole_nowhere: BTreeSet::new(),
                closing: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Starts the uploads of every lane.
    pub fn start<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) {
        for lane in 0..self.mirrors.len() {
            for _ in 0..UPLOADS_PER_LANE {
                scope.spawn(move || self.deliver(lane));
            }
        }
    }

    /// Notes that the location at `lane` lacks an object that the lanes in `holders` have. It is delivered before
    /// anything that is submitted later, and in the order of these calls.
    pub fn owe(&self, lane: usize, area: Area, id: Id, holders: u32) {
        let mut state = self.state.lock();
        *state.stored.entry(id).or_default() |= holders;
        state.lanes[lane].queue.push_back(Item { area, id, bytes: None, is_debt: true });
        self.changed.notify_all();
    }

    /// Notes that the location at `lane` lacks an older point that cannot be delivered now. Nothing else depends on it.
    pub fn note_owed(&self, lane: usize, kind: ErrorKind, reason: String) {
        let mut state = self.state.lock();
        state.lanes[lane].owed += 1;
        state.lanes[lane].kept_back.get_or_insert((kind, reason));
    }

    /// Notes that the location at `lane` has a pack already whose index file it lacks: a run was cut off there, and nobody
    /// read the pack back.
    pub fn note_present(&self, lane: usize, id: Id) {
        self.state.lock().lanes[lane].brought.push((Area::Data, id));
    }

    /// What the run brought to the location at `lane`.
    pub fn brought(&self, lane: usize) -> Vec<(Area, Id)> {
        self.state.lock().lanes[lane].brought.clone()
    }

    /// The object that the location at `lane` took after the first `earlier`. Waits for it; none when no more can come.
    pub fn brought_after(&self, lane: usize, earlier: usize) -> Option<(Area, Id)> {
        let mut state = self.state.lock();
        loop {
            let entry = &state.lanes[lane];
            if let Some(object) = entry.brought.get(earlier) {
                return Some(*object);
            }
            if entry.failure.is_some() || (state.closing && entry.is_idle()) {
                return None;
            }
            self.changed.wait(&mut state);
        }
    }

    /// Packs that turned out to be whole nowhere while they were delivered.
    pub fn whole_nowhere(&self) -> Vec<Id> {
        self.state.lock().whole_nowhere.iter().copied().collect()
    }

    /// Takes a location out of the run: it gets nothing and is owed everything.
    pub fn exclude(&self, lane: usize, kind: ErrorKind, reason: String) {
        self.drop_out(&mut self.state.lock(), lane, kind, reason);
        self.changed.notify_all();
    }

    /// Waits until every lane has delivered or dropped out, and reports. Once `cancel` is raised, only what is in memory is
    /// delivered, and where every location lags a few objects more to one: a person who pressed Ctrl-C does not wait for a slow
    /// location.
    pub fn finish(&self, cancel: &Cancel) -> Vec<Delivery> {
        let mut state = self.state.lock();
        state.closing = true;
        self.changed.notify_all();
        let mut is_abandoned = false;
        while state.lanes.iter().any(|l| !l.is_idle()) {
            if cancel.is_cancelled() && !is_abandoned {
                is_abandoned = true;
                self.abandon_backlog(&mut state);
                continue;
            }
            // A signal raises a flag, and wakes nobody here.
            self.changed.wait_for(&mut state, LOOK_FOR_CANCEL);
        }
        let deliveries = self.mirrors.iter().zip(&state.lanes);
        deliveries
            .map(|(mirror, lane)| Delivery {
                location: mirror.name().to_owned(),
                objects: lane.objects,
                bytes: lane.bytes,
                owed: lane.owed,
                failure: lane.reason().map(|(_, text)| text.clone()),
                failure_kind: lane.reason().map(|(kind, _)| *kind),
            })
            .collect()
    }

    fn abandon_backlog(&self, state: &mut State) {
        for lane in lane::given_up(&state.lanes) {
            let name = self.mirrors[lane].name();
            let reason = format!("stopped on request before {name} had everything");
            self.drop_out(state, lane, ErrorKind::Cancelled, reason);
        }
        self.changed.notify_all();
    }

    /// Lets the upload threads end once their queues are empty. [`Outbox::finish`] does this too; a run that ends by a
    /// panic must not leave them waiting for work forever.
    pub fn close_on_drop(&self) -> impl Drop {
        struct Closing<'a>(&'a Outbox<'a>);
        impl Drop for Closing<'_> {
            fn drop(&mut self) {
                self.0.state.lock().closing = true;
                self.0.changed.notify_all();
            }
        }
        Closing(self)
    }

    /// Whether the lane at `lane` confirmed an object.
    pub fn has(&self, lane: usize, id: &Id) -> bool {
        self.state.lock().stored.get(id).is_some_and(|mask| mask & (1 << lane) != 0)
    }

    /// The body of one upload thread.
    fn deliver(&self, lane: usize) {
        let mut state = self.state.lock();
        loop {
            let Some(mut item) = self.next_item(&mut state, lane) else {
                if state.closing && state.lanes[lane].queue.is_empty() || state.lanes[lane].failure.is_some()
                {
                    return;
                }
                self.changed.wait(&mut state);
                continue;
            };
            let in_memory = item.bytes.is_some();
            let mask = state.stored.get(&item.id).copied().unwrap_or(0);
            let outcome = parking_lot::MutexGuard::unlocked(&mut state, || {
                let bytes = match item.bytes.take() {
                    Some(bytes) => bytes,
                    None => self.fetch(&item, lane, mask).map_err(Failure::Fetch)?,
                };
                self.mirrors[lane].put(item.area, &item.id, bytes.clone()).map_err(Failure::Put)?;
                Ok(bytes.len())
            });
            self.settle(&mut state, lane, &item, in_memory, outcome);
            self.changed.notify_all();
        }
    }

    /// The next item that may go out now; counts it as in flight.
    fn next_item(&self, state: &mut State, lane: usize) -> Option<Item> {
        let entry = &mut state.lanes[lane];
        while entry.in_flight == 0
            && let Some(front) = entry.queue.front()
            && entry.is_kept_back(front)
        {
            let kept_back = entry.queue.pop_front();
            let bytes = kept_back.and_then(|item| item.bytes).map_or(0, |bytes| bytes.len());
            entry.memory_bytes = entry.memory_bytes.saturating_sub(bytes);
            entry.owed += 1;
            self.changed.notify_all();
        }
        let live = !state.lanes[lane].barrier_in_flight && state.lanes[lane].failure.is_none();
        let front = state.lanes[lane].queue.front().filter(|_| live)?;
        if front.is_barrier() && state.lanes[lane].in_flight > 0 {
            return None;
        }
        if front.bytes.is_none() && !self.is_fetchable(state, lane, &front.id) {
            return None;
        }
        let lane = &mut state.lanes[lane];
        let item = lane.queue.pop_front()?;
        lane.in_flight += 1;
        lane.barrier_in_flight = item.is_barrier();
        Some(item)
    }

    /// Whether a backlog item can be had now. While another live lane still has it in its queue, it cannot, and waiting
    /// is right; when nobody has it or will, it is let through and fails with a reason.
    fn is_fetchable(&self, state: &State, lane: usize, id: &Id) -> bool {
        let others = !(1u32 << lane);
        let is_stored = state.stored.get(id).is_some_and(|mask| mask & others != 0);
        let is_coming = state.lanes.iter().enumerate().any(|(other, l)| {
            other != lane && l.failure.is_none() && (l.in_flight > 0 || l.queue.iter().any(|i| i.id == *id))
        });
        is_stored || !is_coming
    }

    fn fetch(&self, item: &Item, lane: usize, holders: u32) -> Result<Bytes> {
        if let Some(bytes) = self.spool.get(&item.id) {
            return Ok(bytes);
        }
        let mut last = None;
        for (other, mirror) in self.mirrors.iter().enumerate() {
            if other != lane && holders & (1 << other) != 0 {
                match mirror.get(item.area, &item.id) {
                    Ok(bytes) => return Ok(bytes),
                    Err(error) => last = Some(error),
                }
            }
        }
        let target = self.mirrors[lane].describe(item.area, &item.id);
        let context = format!("deliver {target}: no other location gave it");
        Err(match last {
            Some(error) if matches!(error.kind, ErrorKind::Damaged | ErrorKind::NotFound) => {
                Error::because(ErrorKind::Damaged, context, error)
            }
            Some(error) => Error::because(ErrorKind::Unreachable, context, error),
            None => Error::new(ErrorKind::Unreachable, context),
        })
    }

    fn settle(
        &self,
        state: &mut State,
        lane: usize,
        item: &Item,
        in_memory: bool,
        outcome: std::result::Result<usize, Failure>,
    ) {
        let entry = &mut state.lanes[lane];
        entry.in_flight -= 1;
        entry.barrier_in_flight = false;
        match outcome {
            Ok(size) => {
                if in_memory {
                    // A lane that dropped out in between counts from zero again.
                    entry.memory_bytes = entry.memory_bytes.saturating_sub(size);
                }
                entry.objects += 1;
                entry.bytes += size as u64;
                entry.brought.push((item.area, item.id));
                self.progress.bytes_stored.add(size as u64);
                let mask = state.stored.entry(item.id).or_default();
                *mask |= 1 << lane;
                if mask.count_ones() as usize == self.mirrors.len() {
                    self.spool.release(&item.id);
                }
            }
            Err(Failure::Put(error)) => {
                entry.owed += 1;
                self.drop_out(state, lane, error.kind, error.to_string());
            }
            Err(Failure::Fetch(error)) => {
                entry.owed += 1;
                let reason = (error.kind, error.to_string());
                if item.is_debt {
                    entry.gap_in_debts.get_or_insert(reason);
                } else {
                    entry.gap_in_run.get_or_insert(reason);
                }
                let mut kind = TroubleKind::Location;
                if error.kind == ErrorKind::Damaged {
                    kind = TroubleKind::Damage;
                    if item.area == Area::Data {
                        state.whole_nowhere.insert(item.id);
                    }
                }
                let subject = format!("{}/{}", item.area.folder(), item.id);
                self.monitor.trouble(Trouble::new(kind, subject, error.to_string()));
            }
        }
    }

    fn drop_out(&self, state: &mut State, lane: usize, kind: ErrorKind, reason: String) {
        let entry = &mut state.lanes[lane];
        let queued = std::mem::take(&mut entry.queue);
        entry.owed += queued.len() as u64;
        entry.memory_bytes = 0;
        if entry.failure.is_none() {
            let name = self.mirrors[lane].name();
            self.monitor.trouble(Trouble::new(TroubleKind::Location, name, reason.clone()));
            entry.failure = Some((kind, reason));
        }
        for item in queued {
            if let Some(bytes) = item.bytes {
                self.spool.keep(&Sealed { area: item.area, id: item.id, bytes });
            }
        }
    }
}

impl Sink for Outbox<'_> {
    fn submit(&self, object: Sealed) -> Result<()> {
        let size = object.bytes.len();
        let mut state = self.state.lock();
        loop {
            if state.lanes.iter().all(|l| l.failure.is_some()) {
                return Err(self.nobody_left(&state));
            }
            if state.lanes.iter().any(|l| l.has_room(size)) {
                break;
            }
            self.changed.wait(&mut state);
        }
        let mut is_spooled = false;
        for lane in &mut state.lanes {
            let in_memory = lane.has_room(size);
            if !in_memory && !is_spooled {
                is_spooled = true;
                self.spool.keep(&object);
            }
            if lane.failure.is_some() {
                lane.owed += 1;
                continue;
            }
            if in_memory {
                lane.memory_bytes += size;
            }
            let bytes = in_memory.then(|| object.bytes.clone());
            lane.queue.push_back(Item { area: object.area, id: object.id, bytes, is_debt: false });
        }
        self.changed.notify_all();
        Ok(())
    }
}

impl Outbox<'_> {
    fn nobody_left(&self, state: &State) -> Error {
        let reasons: Vec<&str> =
            state.lanes.iter().filter_map(|l| l.failure.as_ref()).map(|(_, text)| text.as_str()).collect();
        let kind =
            state.lanes.iter().find_map(|l| l.failure.as_ref()).map_or(ErrorKind::Unreachable, |(k, _)| *k);
        Error::new(kind, format!("no location accepts the copy: {}", reasons.join("; ")))
    }
}
