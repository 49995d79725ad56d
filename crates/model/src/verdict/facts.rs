//! What verdicts are made from: everything that was recorded, with the instant at which it was.
//!
//! A fact that carries no instant of recording would change the past: whoever asked yesterday could not have known it. So
//! what changes over time is kept as its changes, and [`super::assess`] looks at those until the instant of the question.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::discovered::Roots;
use super::observed::{
    DatabasesSeen, Discovered, Inventory, KeyDrilled, Keys, Kit, LedgerCopied, LogAudited, PolicySeen, Probe,
    Ring, RingAt, RingRefused, StorageWalked,
};
use crate::slot::Lasts;
use crate::{Dataset, Policy};

/// Everything that was recorded.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The versions of the policy, oldest first. Where none was ever adopted: the one in the file, without a number.
    pub policies: Vec<PolicyFact>,
    /// What policy files said of themselves.
    pub policies_seen: Vec<Noted<PolicySeen>>,
    /// What there was to protect, and where copies were to lie.
    pub inventories: Vec<Noted<Inventory>>,
    /// What came and went in roots whose folders are assets by themselves.
    pub discovered: Vec<Noted<Discovered>>,
    /// What database servers were found to have.
    pub databases: Vec<Noted<DatabasesSeen>>,
    /// Which repositories had a key.
    pub keys: Vec<Noted<Keys>>,
    /// What locations turned out to be.
    pub probes: Vec<Noted<Probe>>,
    /// What walks through storage found.
    pub walks: Vec<Noted<StorageWalked>>,
    /// What audits of the ledger found.
    pub audits: Vec<Noted<LogAudited>>,
    /// Recovery kits that were made.
    pub kits: Vec<Noted<Kit>>,
    /// What the key ring held.
    pub rings: Vec<Noted<Ring>>,
    /// Whether it might go to the locations.
    pub rings_refused: Vec<Noted<RingRefused>>,
    /// What locations were given of it.
    pub rings_at: Vec<Noted<RingAt>>,
    /// Copies of the ledger that locations were given.
    pub ledger_copies: Vec<Noted<LedgerCopied>>,
    /// Trials of the kit.
    pub key_drills: Vec<Noted<KeyDrilled>>,
    /// Reviews of the policy, oldest first.
    pub reviews: Vec<ReviewFact>,
    /// Slots that are due in the time that rules look back on, by the time that they are due.
    pub slots: Vec<SlotFact>,
    /// Runs of that time, oldest first.
    pub runs: Vec<RunFact>,
    /// Points that lie somewhere or did in that time.
    pub points: Vec<PointFact>,
    /// What was read of each repository at each location.
    pub readings: Vec<Reading>,
    /// Purges, oldest first.
    pub purges: Vec<PurgeFact>,
    /// Alarms about purges that do not get anywhere, oldest first.
    pub stalls: Vec<StallFact>,
    /// Holds, those that were released included.
    pub holds: Vec<HoldFact>,
    /// What people did with clients' data or keys, oldest first.
    pub actions: Vec<ActionFact>,
    /// Signed heads of the log that locations were given, oldest first.
    pub anchors: Vec<AnchorFact>,
    /// Alarms about locations that hold the head of another log, oldest first.
    pub forks: Vec<ForkFact>,
    /// New logs that were begun in place of another, oldest first.
    pub restarts: Vec<RestartFact>,
    /// What people were told, by each way, oldest first.
    pub deliveries: Vec<DeliveryFact>,
    /// What captures and copies last, by asset and part.
    pub measured: BTreeMap<(String, Dataset), Lasts>,
}

/// Something with the leaf that records it.
#[derive(Clone, Debug, PartialEq)]
pub struct Noted<T> {
    /// What.
    pub what: T,
    /// When it was recorded.
    pub recorded: Timestamp,
    /// The leaf.
    pub leaf: u64,
}

/// A version of the policy.
#[derive(Clone, Debug)]
pub struct PolicyFact {
    /// Its number in the ledger; none where it only stands in the file.
    pub number: Option<u64>,
    /// From when it is in force.
    pub from: Timestamp,
    /// When it was recorded.
    pub recorded: Timestamp,
    /// What it says.
    pub policy: Policy,
}

/// A review of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewFact {
    /// When.
    pub happened: Timestamp,
    /// When it was recorded.
    pub recorded: Timestamp,
    /// Who reviewed.
    pub reviewer: String,
    /// The leaf.
    pub leaf: u64,
}

/// A slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotFact {
    /// Its name.
    pub id: String,
    /// The asset.
    pub asset: String,
    /// The part of it.
    pub dataset: Dataset,
    /// Whether it wants a full point.
    pub is_full: bool,
    /// The earliest instant whose state serves.
    pub opens: Timestamp,
    /// From this instant on a state is too new.
    pub closes: Timestamp,
    /// By when the point must be protected.
    pub due: Timestamp,
    /// Whether it was written down before it opened.
    pub is_recorded: bool,
    /// How it ended, and when that was recorded.
    pub settled: Option<(Timestamp, SlotOutcome)>,
}

/// How a slot ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotOutcome {
    /// A good point by its time.
    Ok,
    /// A good point, after its time.
    Late,
    /// No point.
    Missed,
    /// A point that lacks something.
    Degraded,
    /// Excused beforehand.
    Waived,
}

/// A run that ended with a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFact {
    /// Its name.
    pub id: String,
    /// The asset.
    pub asset: String,
    /// The part of it.
    pub dataset: Dataset,
    /// When it ended.
    pub ended: Timestamp,
    /// Its point.
    pub point: String,
    /// What was read back, by location: the leaf, and whether it was whole.
    pub read_back: BTreeMap<String, (u64, bool)>,
    /// Locations that took the point.
    pub delivered: Vec<String>,
}

/// A point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointFact {
    /// Its name.
    pub id: String,
    /// The asset.
    pub asset: String,
    /// The part of it.
    pub dataset: Dataset,
    /// The repository.
    pub repository: String,
    /// Whether everything was read again for it.
    pub is_full: bool,
    /// The instant that it stands for.
    pub instant: Timestamp,
    /// When it was recorded.
    pub recorded: Timestamp,
    /// The leaf.
    pub leaf: u64,
    /// What it lacks since it was made.
    pub lacks: Option<String>,
    /// When a purge decided that it goes.
    pub purged: Option<Timestamp>,
    /// What became known of its copies, oldest first, by location.
    pub copies: BTreeMap<String, Vec<CopyChange>>,
}

/// Something that became known of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyChange {
    /// When it was recorded.
    pub recorded: Timestamp,
    /// The leaf, where a check says so.
    pub leaf: Option<u64>,
    /// What is known since then.
    pub state: CopyState,
}

/// What is known of a copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyState {
    /// Whether the location lists it.
    pub is_there: bool,
    /// Whether what was brought for it was read back, or all of it was read.
    pub is_checked: bool,
    /// Since when every byte of it is known to have been whole.
    pub whole_since: Option<Timestamp>,
    /// Whether damage was found that nothing has cleared.
    pub is_damaged: bool,
}

/// What was read of a repository at a location, over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The repository.
    pub repository: String,
    /// The location.
    pub location: String,
    /// Oldest first.
    pub changes: Vec<ReadingChange>,
}

/// What was known after a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadingChange {
    /// When it was recorded.
    pub recorded: Timestamp,
    /// The leaf.
    pub leaf: u64,
    /// When the location was first looked at.
    pub first_look: Timestamp,
    /// When it last was.
    pub last_look: Timestamp,
    /// When the slice that waits longest was last read; the first look for one that never was.
    pub oldest: Timestamp,
    /// Slices that never were read.
    pub never_read: u32,
    /// Of how many.
    pub slices: u32,
    /// Bytes whose seals were opened there last, and when.
    pub opened: Option<(Timestamp, u64)>,
    /// Points that damage touches, and other damage.
    pub damage: Vec<String>,
}

/// A purge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgeFact {
    /// Its name.
    pub id: String,
    /// When it began.
    pub begun: Timestamp,
    /// When it got everything away.
    pub done: Option<Timestamp>,
    /// When it was given up.
    pub dropped: Option<Timestamp>,
    /// What waited last.
    pub waits: Vec<String>,
}

/// People were told that no purge gets anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StallFact {
    /// When it was recorded.
    pub recorded: Timestamp,
    /// What they were told.
    pub message: String,
    /// The leaf.
    pub leaf: u64,
}

/// Something that somebody did with clients' data or keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionFact {
    /// Its name.
    pub id: String,
    /// When it began.
    pub begun: Timestamp,
    /// When it ended, where anybody said so.
    pub ended: Option<Timestamp>,
    /// Whether it was done without the log, and written into it afterwards.
    pub is_without_log: bool,
    /// When somebody looked at what was done without the log.
    pub reviewed: Option<Timestamp>,
    /// The leaf of its entry.
    pub leaf: u64,
}

/// A location was given a signed head of the log, which continues all that lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorFact {
    /// The location.
    pub location: String,
    /// When.
    pub given: Timestamp,
    /// How many leaves it covers.
    pub leaves: u64,
    /// The leaf.
    pub leaf: u64,
}

/// A location holds a signed head that this log does not continue, or has some no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkFact {
    /// The location, or [`ForkFact::HERE`].
    pub location: String,
    /// When people were told.
    pub recorded: Timestamp,
    /// The leaf.
    pub leaf: u64,
}

/// Somebody began a new log, under a new key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestartFact {
    /// Who answers for it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When it was recorded.
    pub recorded: Timestamp,
    /// The leaf.
    pub leaf: u64,
}

/// A notice on its way by one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryFact {
    /// The channel.
    pub channel: String,
    /// Whether it is the daily digest.
    pub is_digest: bool,
    /// When it was recorded that it is to be said.
    pub said: Timestamp,
    /// The leaf of that.
    pub leaf: u64,
    /// When the last attempt failed, and why.
    pub failed: Option<(Timestamp, String)>,
    /// How it ended.
    pub settled: Option<Settled>,
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// When that was recorded.
    pub recorded: Timestamp,
    /// The leaf.
    pub leaf: u64,
    /// Whether it was taken; else there was no such channel any more.
    pub is_delivered: bool,
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldFact {
    /// Its name.
    pub id: String,
    /// The asset.
    pub asset: String,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The day on which it is to be looked at.
    pub review_on: Date,
    /// When it was placed.
    pub placed: Timestamp,
    /// When it was released.
    pub released: Option<Timestamp>,
}

impl Facts {
    /// What there was to protect at an instant: what the estate named, and what was found in roots by then.
    pub(super) fn inventory_at(&self, now: Timestamp, roots: &Roots<'_>) -> Option<Inventory> {
        let mut inventory = latest(&self.inventories, now, |_| true)?.what.clone();
        for (name, present) in &roots.present {
            inventory.assets.entry((*name).to_owned()).or_insert_with(|| present.declared.clone());
        }
        Some(inventory)
    }

    pub(super) fn policy_at(&self, now: Timestamp) -> Option<&PolicyFact> {
        let mut known = self.policies.iter().filter(|version| version.recorded <= now);
        let in_force = known.clone().rfind(|version| version.from <= now);
        // Before the first one holds, there is no other to judge by.
        in_force
            .or_else(|| known.next())
            .or_else(|| self.policies.iter().find(|version| version.number.is_none()))
    }

    /// Whether a repository had a key; `None` while nobody looked.
    pub(super) fn has_key(&self, repository: &str, at: Timestamp) -> Option<bool> {
        latest(&self.keys, at, |_| true)
            .map(|keys| keys.what.repositories.iter().any(|name| name == repository))
    }
}

/// The last that was recorded until an instant.
pub(super) fn latest<T>(
    noted: &[Noted<T>],
    now: Timestamp,
    is_asked: impl Fn(&T) -> bool,
) -> Option<&Noted<T>> {
    noted.iter().rev().find(|one| one.recorded <= now && is_asked(&one.what))
}

impl ForkFact {
    /// In place of a location: the log does not continue the heads that are kept beside it.
    pub const HERE: &str = "this machine";
}

impl PointFact {
    /// What was known of the copy at a location.
    pub(super) fn copy_at(&self, location: &str, at: Timestamp) -> Option<&CopyChange> {
        self.copies.get(location)?.iter().rev().find(|change| change.recorded <= at)
    }

    /// The locations at which it was known to lie.
    pub(super) fn lies_at(&self, at: Timestamp) -> impl Iterator<Item = (&str, &CopyChange)> {
        self.copies.keys().filter_map(move |location| {
            Some((location.as_str(), self.copy_at(location, at)?)).filter(|(_, copy)| copy.state.is_there)
        })
    }

    /// The locations at which it was known to lie, to be whole and to be checked.
    pub(super) fn good_at(&self, at: Timestamp) -> impl Iterator<Item = &str> {
        self.lies_at(at).filter(|(_, copy)| copy.state.is_good()).map(|(location, _)| location)
    }

    /// Whether a purge took it.
    pub(super) fn is_purged(&self, at: Timestamp) -> bool {
        self.purged.is_some_and(|purged| purged <= at)
    }

    pub(super) fn age(&self, at: Timestamp) -> SignedDuration {
        at.duration_since(self.instant)
    }
}

impl CopyState {
    pub(super) fn is_good(&self) -> bool {
        self.is_there && self.is_checked && !self.is_damaged
    }
}

impl Reading {
    pub(super) fn at(&self, now: Timestamp) -> Option<&ReadingChange> {
        self.changes.iter().rev().find(|change| change.recorded <= now)
    }
}
