//! What the scheduler is told, and what it answers.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Window;
use crate::slot::{Slot, SlotKind};
use crate::{AssetName, Dataset, HostName, LocationName};

/// Two readings of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock, which somebody may set.
    pub wall: Timestamp,
    /// A clock that only ever goes on; its zero is arbitrary, and another after a restart.
    pub monotonic: Duration,
}

impl Now {
    /// What the wall clock will show when the monotonic one shows `monotonic`, unless somebody sets it.
    pub(super) fn wall_at(&self, monotonic: Duration) -> Timestamp {
        let pause = SignedDuration::try_from(monotonic.saturating_sub(self.monotonic));
        self.wall.saturating_add(pause.unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
    }
}

/// A run's name: the token of the instance that began it, and a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId {
    /// The token.
    pub token: u64,
    /// Counts from 0 for each token.
    pub number: u64,
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.token, self.number)
    }
}

/// What an asset needs to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The asset.
    pub asset: AssetName,
    /// The machine that it lies on.
    pub host: HostName,
    /// Where its copies go.
    pub locations: Vec<LocationName>,
    /// When its runs may start; always where there is none.
    pub windows: Vec<Window>,
}

/// A run that an earlier instance began and did not end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// The run's name in the ledger.
    pub run: String,
    /// The asset.
    pub asset: AssetName,
    /// The part of it.
    pub dataset: Dataset,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// Time passed.
    Tick,
    /// This instance took the ledger over. First of all events.
    Took {
        /// Its fencing token, higher than any before.
        token: u64,
        /// What earlier instances left.
        orphans: Vec<Orphan>,
        /// The newest instant that the ledger knows of.
        last_seen: Option<Timestamp>,
    },
    /// All assets, as the estate now has them. One that is not among them does not run.
    Targets(Vec<Target>),
    /// Slots that are not accounted for. One that is known already stays as it is.
    Slots(Vec<Slot>),
    /// Somebody waived slots.
    Waived(Vec<String>),
    /// How long a run of the past lasted.
    Measured {
        /// The asset.
        asset: AssetName,
        /// The part of it.
        dataset: Dataset,
        /// The kind of run.
        kind: SlotKind,
        /// From the instant of consistency to the end of the capture.
        capture: Duration,
        /// From there until it was checked, at enough locations.
        copy: Duration,
    },
    /// A run ended.
    Ended {
        /// The run.
        run: RunId,
        /// How.
        ending: RunEnding,
    },
    /// No more runs: the process shall end.
    Drain,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnding {
    /// With a point, checked and at enough locations.
    Done {
        /// The instant that the point stands for, after the run began.
        recovery: Timestamp,
        /// Whether it lacks something.
        is_degraded: bool,
        /// How long the capture lasted.
        capture: Duration,
        /// How long copying and checking lasted.
        copy: Duration,
    },
    /// Without one.
    Failed,
}

/// What became of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SlotEnding {
    /// A complete point in time.
    Ok,
    /// A complete point, too late.
    Late,
    /// An incomplete point.
    Degraded,
    /// No point.
    Missed,
    /// Excused.
    Waived,
}

/// A slot that is settled for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounted {
    /// The slot's id.
    pub slot: String,
    /// What became of it.
    pub ending: SlotEnding,
}

/// A slot that will not be served in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateSlot {
    /// The slot's id.
    pub slot: String,
    /// When it should be done.
    pub due: Timestamp,
    /// When it will be, as things stand.
    pub expected: Timestamp,
}

/// Something to do, for the instance with this token alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The token.
    pub token: u64,
    /// What.
    pub order: Order,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Write down that the run begins, then begin it.
    Start {
        /// Its name.
        run: RunId,
        /// The asset.
        asset: AssetName,
        /// The part of it.
        dataset: Dataset,
        /// The kind of run.
        kind: SlotKind,
        /// The slots that it serves.
        slots: Vec<String>,
    },
    /// Write down, in one go, that the run ended and what became of its slots.
    Conclude {
        /// The run.
        run: RunId,
        /// How it ended.
        ending: RunEnding,
        /// The slots that are settled by it; after a failure, none.
        slots: Vec<Accounted>,
    },
    /// Write down that a run of an earlier instance was cut off.
    Interrupt {
        /// The run's name in the ledger.
        run: String,
    },
    /// Write down what became of slots without a run.
    Account(Vec<Accounted>),
    /// Tell people: there is more to do than can be done, and these will be late. Each is named once.
    Overload(Vec<LateSlot>),
    /// Tell people: no run of this succeeds, and none will be tried until another slot opens.
    GaveUp {
        /// The asset.
        asset: AssetName,
        /// The part of it.
        dataset: Dataset,
        /// How many runs failed one after the other.
        attempts: u32,
    },
    /// Tell people: the wall clock was set, by this much.
    ClockJumped {
        /// Ahead, or negative for back.
        by: SignedDuration,
    },
    /// Come back then at the latest, by the wall clock.
    Wake(Timestamp),
    /// Nothing runs any more: end the process.
    Exit,
}
