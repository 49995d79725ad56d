//! Receipts of purges, in the ledger: what each location deleted, and which points are gone there.
//!
//! A receipt says only what was seen. A location that took the order and still lists the point has given none for it,
//! and a point that is not listed any more is gone only once the packs are, too: so there are two, and the second is
//! written when nothing waits to be deleted there and the location lists nothing that it said it had deleted. That may
//! be many purges after the decision. What an object lock keeps is neither deleted nor waiting for somebody: it is exempt,
//! and the second receipt comes once nothing is left that was locked when the point went.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_format::Id;
use holdfast_ledger::{NewReceipt, PurgePhase};
use holdfast_location::Area;
use holdfast_repo::{Deletions, Mirror, MirrorState, Repository, StillLocked};
use jiff::Timestamp;

use crate::error::Result;
use crate::known_points::{KnownPoints, LockedVersion};
use crate::object_lock;
use crate::setup::Setup;

/// What became of the points whose purge was decided.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// Points that are gone from every location, with their bytes.
    pub gone: usize,
    /// Points of which something still lies at some location, or that could not be asked about.
    pub waiting: usize,
    /// How many of them, by location.
    pub waiting_at: BTreeMap<String, u64>,
    /// Points of which nothing is left but what is locked.
    pub exempt: usize,
    /// How many of them, by location.
    pub exempt_at: BTreeMap<String, u64>,
    /// Locations that list what they said they had deleted.
    pub untrue: Vec<String>,
}

/// What a place with versions kept of what was deleted, and was removed.
#[derive(Clone, Debug, Default)]
pub struct Hidden {
    /// Versions, delete markers and unfinished uploads that were removed.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is locked and stays until that is over.
    pub locked: Vec<StillLocked>,
    /// Whether others are left.
    pub is_left: bool,
}

/// What a purge did to a repository.
pub struct Done<'a> {
    /// The repository.
    pub name: &'a str,
    /// What the locations said about their objects.
    pub deletions: &'a [Deletions],
    /// Whether it came as far as removing data.
    pub is_pruned: bool,
    /// What it removed of what places hide, by location.
    pub hidden: &'a BTreeMap<String, Hidden>,
}

/// Looks at each location for the points whose purge was decided, records the receipts, and forgets the points that are
/// gone everywhere.
pub fn settle(
    setup: &Setup,
    purge: &str,
    repository: &Repository,
    done: &Done<'_>,
    known: &mut KnownPoints,
) -> Result<Settled> {
    let Done { name: repository_name, deletions, is_pruned, hidden } = *done;
    let mut settled = Settled::default();
    let mut only_locked: BTreeSet<(String, String)> = BTreeSet::new();
    let configured: BTreeSet<&str> = repository.states().map(|(mirror, _)| mirror.name()).collect();
    for (mirror, state) in repository.states() {
        let own: Vec<&Deletions> = deletions.iter().filter(|d| d.location == mirror.name()).collect();
        let (listed, is_clear) = match state {
            // One that lost its config may hold all the rest.
            MirrorState::Absent => (BTreeSet::new(), mirror.walk().is_ok_and(|walk| walk.lying.is_empty())),
            MirrorState::Unusable { .. } => continue,
            MirrorState::Ready => {
                let Ok(listed) = mirror.list(Area::Snapshots) else { continue };
                let listed = listed.into_iter().map(|(id, _)| id.to_hex()).collect();
                // What forgetting left is no word on the packs.
                let is_done = is_pruned && own.last().is_some_and(|d| d.waiting == 0 && d.failure.is_none());
                let is_true = !is_done || is_gone(mirror, &own);
                if !is_true {
                    settled.untrue.push(mirror.name().to_owned());
                }
                let is_left = hidden.get(mirror.name()).is_some_and(|hidden| hidden.is_left);
                (listed, is_done && is_true && !is_left)
            }
        };
        let nothing = Hidden::default();
        let hidden = hidden.get(mirror.name()).unwrap_or(&nothing);
        let now = setup.world.clock.now();
        // What was met before was deleted before.
        let before = known.locked.get(mirror.name());
        let is_new = |one: &&StillLocked| before.is_none_or(|before| !before.contains_key(&one.name()));
        let newly_locked: Vec<StillLocked> = hidden.locked.iter().filter(is_new).cloned().collect();
        known.note_locked(mirror.name(), hidden, now);
        let KnownPoints { points, locked, .. } = &mut *known;
        let locked = locked.get(mirror.name());
        let (mut unlisted, mut cleared) = (Vec::new(), Vec::new());
        for (id, point) in points {
            let Some(purge) = &mut point.purge else { continue };
            if !listed.contains(id) && purge.waiting_at.remove(mirror.name()) {
                unlisted.push(id.clone());
            }
            if !is_clear
                || purge.waiting_at.contains(mirror.name())
                || !purge.bytes_at.contains(mirror.name())
            {
                continue;
            }
            let since = *purge.only_locked_since.entry(mirror.name().to_owned()).or_insert(now);
            if locked.is_some_and(|locked| locked.values().any(|version| version.since <= since)) {
                only_locked.insert((mirror.name().to_owned(), id.clone()));
            } else {
                purge.bytes_at.remove(mirror.name());
                cleared.push(id.clone());
            }
        }
        let seen = Seen { own: &own, hidden, newly_locked: &newly_locked };
        record(setup, purge, repository_name, mirror.name(), &seen, unlisted, cleared)?;
    }
    known.locked.retain(|location, _| configured.contains(location.as_str()));
    known.points.retain(|id, point| {
        let Some(purge) = &mut point.purge else { return true };
        // A location that left the estate is nobody's to wait for.
        purge.waiting_at.retain(|location| configured.contains(location.as_str()));
        purge.bytes_at.retain(|location| configured.contains(location.as_str()));
        let left: BTreeSet<&String> = purge.waiting_at.union(&purge.bytes_at).collect();
        let is_exempt = |location: &&String| only_locked.contains(&((*location).clone(), id.clone()));
        let (exempt, waiting): (Vec<&String>, Vec<&String>) = left.into_iter().partition(is_exempt);
        for location in &waiting {
            *settled.waiting_at.entry((*location).clone()).or_default() += 1;
        }
        for location in &exempt {
            *settled.exempt_at.entry((*location).clone()).or_default() += 1;
        }
        *(match (waiting.is_empty(), exempt.is_empty()) {
            (false, _) => &mut settled.waiting,
            (true, false) => &mut settled.exempt,
            (true, true) => &mut settled.gone,
        }) += 1;
        !(waiting.is_empty() && exempt.is_empty())
    });
    Ok(settled)
}

/// Whether a location lists nothing of what it said it had deleted.
fn is_gone(mirror: &Mirror, own: &[&Deletions]) -> bool {
    [Area::Snapshots, Area::Index, Area::Data].into_iter().all(|area| {
        let said: BTreeSet<Id> =
            own.iter().flat_map(|d| &d.objects).filter(|(of, _)| *of == area).map(|(_, id)| *id).collect();
        said.is_empty()
            || mirror.list(area).is_ok_and(|listed| listed.iter().all(|(id, _)| !said.contains(id)))
    })
}

impl KnownPoints {
    /// Takes note of what is locked at a location. Where not everything could be looked at, what was known stays.
    fn note_locked(&mut self, location: &str, hidden: &Hidden, now: Timestamp) {
        let before = self.locked.remove(location).unwrap_or_default();
        let seen = |locked: &StillLocked| {
            let since = before.get(&locked.name()).map_or(now, |known| known.since);
            (locked.name(), LockedVersion { since, until: locked.until })
        };
        let mut locked: BTreeMap<String, LockedVersion> = hidden.locked.iter().map(seen).collect();
        if hidden.is_left {
            before.into_iter().for_each(|(version, known)| {
                locked.entry(version).or_insert(known);
            });
        }
        if !locked.is_empty() {
            self.locked.insert(location.to_owned(), locked);
        }
    }
}

/// What was seen at one location.
struct Seen<'a> {
    own: &'a [&'a Deletions],
    hidden: &'a Hidden,
    /// What this purge deleted and only hid, because it is locked.
    newly_locked: &'a [StillLocked],
}

fn record(
    setup: &Setup,
    purge: &str,
    repository: &str,
    location: &str,
    seen: &Seen<'_>,
    unlisted: Vec<String>,
    cleared: Vec<String>,
) -> Result<()> {
    let mut sums: BTreeMap<&'static str, (u64, u64)> = BTreeMap::new();
    for removed in seen.own.iter().flat_map(|d| &d.removed) {
        let sum = sums.entry(removed.group).or_default();
        *sum = (sum.0 + removed.objects, sum.1 + removed.bytes);
    }
    // The word on a point is that nobody lists it; of all else, that its bytes are gone.
    object_lock::subtract(
        &mut sums,
        seen.newly_locked.iter().filter(|one| one.area() != Some(Area::Snapshots)),
    );
    if seen.hidden.objects > 0 {
        sums.insert("versions", (seen.hidden.objects, seen.hidden.bytes));
    }
    let receipt = |phase, group: &str, points| {
        let (objects, bytes) = sums.get(group).copied().unwrap_or_default();
        NewReceipt {
            purge: purge.to_owned(),
            phase,
            repository: repository.to_owned(),
            location: location.to_owned(),
            group: group.to_owned(),
            objects,
            bytes,
            points,
        }
    };
    let receipts = [
        receipt(PurgePhase::Logical, "snapshots", unlisted.clone()),
        receipt(PurgePhase::Physical, "index", Vec::new()),
        receipt(PurgePhase::Physical, "data", cleared),
        receipt(PurgePhase::Physical, "versions", Vec::new()),
    ];
    let receipts: Vec<NewReceipt> =
        receipts.into_iter().filter(|r| r.objects > 0 || !r.points.is_empty()).collect();
    if receipts.is_empty() {
        return Ok(());
    }
    let now = setup.world.clock.now();
    let ledger = setup.ledger()?;
    // Points of other programs are in no table of copies.
    let mut copies = Vec::new();
    for point in &unlisted {
        let known = ledger.read().copies_of(point)?;
        copies.extend(known.into_iter().filter(|c| c.location == location && c.removed_at.is_none()));
    }
    Ok(ledger.write(|transaction| {
        for receipt in receipts {
            transaction.record_receipt(receipt, now)?;
        }
        copies.iter().try_for_each(|copy| transaction.remove_copy(&copy.point, location, now))
    })?)
}
