//! Archives a source into a new snapshot at every mirror.
//!
//! One pass over the source serves all locations: parallel walk, comparison with the stat cache, reading, chunking,
//! hashing, compressing and sealing happen once, and the sealed objects go out through the [`Outbox`]. The snapshot is the
//! commit: until it is stored, nothing of the run exists for a reader.

mod directory;
mod file;
mod job;
mod known;
pub(crate) mod queue;
mod record;
mod run;
mod stat_cache;
mod stream;

use std::collections::BTreeSet;
use std::path::PathBuf;

use holdfast_format::source::Source;
use holdfast_format::{Id, Snapshot};
use holdfast_location::Area;
use serde::Serialize;

use crate::align::owe;
use crate::archive::run::Run;
use crate::cancel::Cancel;
use crate::catalog::Catalog;
use crate::doubts::Doubts;
use crate::error::{Error, ErrorKind, Result};
use crate::index::Index;
use crate::monitor::Monitor;
use crate::object_locks::{LocationLocks, LockPlan, Locking, PointToLock, points_to_lock};
use crate::outbox::{Delivery, Outbox};
use crate::pack_set::PackSet;
use crate::progress::Progress;
use crate::repository::Repository;
use crate::spool::Spool;
use crate::verify::early::EarlyReads;
use crate::verify::new::{Brought, ReadBack};
use crate::writing::Writing;

/// What to archive, and how.
pub struct ArchiveRequest<'a> {
    /// What is read.
    pub source: &'a dyn Source,
    /// A name for the stat cache, unique per source: letters, digits, dots and dashes.
    pub cache_name: &'a str,
    /// Tags of the snapshot.
    pub tags: Vec<String>,
    /// The rules by which the source leaves things out, as the snapshot shall tell them.
    pub excludes: Vec<String>,
    /// Read every byte, whatever the caches know.
    pub full: bool,
    /// Until when points keep what they refer to, where a location can lock; none where nothing is to be locked.
    pub locks: Option<&'a dyn LockPlan>,
}

/// What became of an archive run.
#[derive(Clone, Debug)]
pub struct Archived {
    /// The snapshot.
    pub id: Id,
    /// Its content.
    pub snapshot: Snapshot,
    /// What became of each location; those that could not even be opened are included.
    pub deliveries: Vec<Delivery>,
    /// What was read back at each location that took the point.
    pub read_back: Vec<ReadBack>,
    /// What became of the locks at each location that locks objects.
    pub locks: Vec<LocationLocks>,
    /// What was counted.
    pub totals: Totals,
}

/// Counts of a run beyond what a snapshot's summary holds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Totals {
    /// Files in the point.
    pub files: u64,
    /// Directories in the point.
    pub directories: u64,
    /// Bytes of all files in the point.
    pub bytes: u64,
    /// Bytes that were read from the source.
    pub bytes_read: u64,
    /// Plaintext bytes of new blobs.
    pub bytes_added: u64,
    /// Sealed bytes of new blobs.
    pub bytes_added_stored: u64,
    /// Files unchanged since the last run.
    pub files_unmodified: u64,
    /// Entries left out by rule.
    pub excluded: u64,
    /// Sockets, which no archive can hold.
    pub sockets: u64,
    /// Entries that could not be read.
    pub unreadable: u64,
    /// Files that changed during every reading.
    pub changed_while_read: u64,
}

impl Repository {
    /// Archives `request.source`. Succeeds when at least one location has the point; what the others lack, and what could
    /// not be read, is in the result and was told to `monitor`.
    pub fn archive(
        &self,
        request: &ArchiveRequest<'_>,
        monitor: &dyn Monitor,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Archived> {
        let start = self.writer.clock.now();
        let Writing { held, catalog, index, snapshots, debts, mut left_out } =
            self.begin_writing(monitor, cancel)?;
        let locks = request.locks.filter(|_| catalog.mirrors.iter().any(|mirror| mirror.retains()));
        let earlier = locks.map_or_else(Vec::new, |plan| points_to_lock(plan, &snapshots));
        let needed = locks.map(|_| PackSet::new(&index));
        let parent = self.parent_of(request.source, snapshots);
        let spool = Spool::open(&self.folders.spool, self.folders.spool_bytes_max)?;
        let outbox = Outbox::new(catalog.mirrors.clone(), &spool, monitor, progress);
        self.distrust_locks_where_owed(&catalog.mirrors, &debts);
        owe(debts, &catalog, &outbox, monitor);
        let early = EarlyReads::new(&self.cipher, catalog.mirrors.iter().map(AsRef::as_ref), &outbox);
        let (outcome, mut deliveries) = std::thread::scope(|scope| {
            let _closing = outbox.close_on_drop();
            outbox.start(scope);
            early.start(scope, cancel);
            let run = Run {
                repository: self,
                request,
                catalog: &catalog,
                index: &index,
                needed: needed.as_ref(),
                start,
                monitor,
                progress,
                cancel,
            };
            let outcome = run.archive(&outbox, parent, &held);
            if outcome.is_err() {
                early.stop();
            }
            let deliveries = outbox.finish(cancel);
            (outcome, deliveries)
        });
        let finished = outcome?;
        let mut doubts = Doubts::load(&self.folders.cache);
        doubts.note(outbox.whole_nowhere(), []);
        let is_captured = (0..deliveries.len()).any(|lane| outbox.has(lane, &finished.id));
        if !is_captured {
            cancel.check()?;
            let failure = deliveries.iter().find(|d| d.failure.is_some());
            let kind = failure.and_then(|d| d.failure_kind).unwrap_or(ErrorKind::Unreachable);
            let reasons: Vec<&str> = deliveries.iter().filter_map(|d| d.failure.as_deref()).collect();
            return Err(Error::new(kind, format!("no location took the point: {}", reasons.join("; "))));
        }
        // Under the locks of the run: a prune in between would look like damage.
        let took_it = (0..deliveries.len()).filter(|lane| outbox.has(*lane, &finished.id));
        let brought: Vec<Brought> = took_it.map(|lane| Brought::by(&outbox, &catalog, lane)).collect();
        let locks = match (locks, needed) {
            (Some(plan), Some(needed)) => {
                let new = New { id: finished.id, snapshot: &finished.snapshot, needed: &needed };
                let locking = locking(plan, &catalog, &index, &outbox, earlier, &new);
                self.lock_objects(locking, monitor, cancel)
            }
            _ => Vec::new(),
        };
        let read_back = self.read_back(&brought, &index, early.into_packs(), monitor, cancel);
        finished.cache.finish(&self.cipher, &self.writer, finished.names);
        if left_out.is_empty() && deliveries.iter().all(Delivery::is_complete) {
            spool.clear();
        }
        deliveries.append(&mut left_out);
        Ok(Archived {
            id: finished.id,
            snapshot: finished.snapshot,
            deliveries,
            read_back,
            locks,
            totals: finished.totals,
        })
    }

    /// The newest snapshot of the same host and paths.
    fn parent_of(&self, source: &dyn Source, snapshots: Vec<(Id, Snapshot)>) -> Option<(Id, Snapshot)> {
        let paths = display_paths(source);
        snapshots.into_iter().rev().find(|(_, s)| s.hostname == self.writer.hostname && s.paths == paths)
    }

    /// Where the stat cache of a source lies.
    fn stat_cache_path(&self, name: &str) -> PathBuf {
        self.folders.cache.join(format!("{name}.stat"))
    }
}

/// The point of a run that took it to some location.
struct New<'a> {
    id: Id,
    snapshot: &'a Snapshot,
    /// The packs that were there and that it needs.
    needed: &'a PackSet,
}

/// What the locks of a run are raised from. Of the packs that it stored the new point needs all.
fn locking<'a>(
    plan: &dyn LockPlan,
    catalog: &'a Catalog,
    index: &'a Index,
    outbox: &Outbox<'_>,
    mut points: Vec<PointToLock>,
    new: &New<'_>,
) -> Locking<'a> {
    let lanes = 0..catalog.mirrors.len();
    let brought: Vec<BTreeSet<(Area, Id)>> =
        lanes.map(|lane| outbox.brought(lane).into_iter().collect()).collect();
    if let Some(until) = plan.of_new(new.snapshot.time) {
        let is_stored = |(area, id): &&(Area, Id)| *area == Area::Data && index.pack(id).is_none();
        let took_it = (0..brought.len()).find(|lane| outbox.has(*lane, &new.id));
        let stored = took_it.into_iter().flat_map(|lane| brought[lane].iter().filter(is_stored));
        let mut packs = new.needed.names(index);
        packs.extend(stored.map(|(_, id)| *id));
        points.push(PointToLock { id: new.id, tree: new.snapshot.tree, until, packs: Some(packs) });
    }
    Locking { catalog, index, points, new: Some(new.id), brought }
}

/// The source's paths as the snapshot tells them.
fn display_paths(source: &dyn Source) -> Vec<String> {
    source.paths().iter().map(|path| display(path)).collect()
}

/// The source's root, for messages.
fn display_path(source: &dyn Source) -> String {
    display(&source.path())
}

fn display(path: &[Vec<u8>]) -> String {
    if path.is_empty() {
        return "/".to_owned();
    }
    path.iter().map(|name| format!("/{}", String::from_utf8_lossy(name))).collect()
}
