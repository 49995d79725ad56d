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
mod stat_cache;

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, LazyLock};

use holdfast_format::source::{Entry, Source};
use holdfast_format::{
    BlobKind, Id, Snapshot, Summary, TreeWriter, encode_tail, encode_unpacked, parse_tree,
};
use holdfast_location::Area;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;

use crate::align::owe;
use crate::archive::directory::Opening;
use crate::archive::job::{Counts, Hand, Job, ParentTrees, Task};
use crate::archive::queue::Queue;
use crate::archive::stat_cache::{Names, NewStatCache, StatCache};
use crate::blob_reader::BlobReader;
use crate::cancel::Cancel;
use crate::catalog::{self, Catalog};
use crate::chunker::Chunker;
use crate::claims::Claims;
use crate::doubts::Doubts;
use crate::error::{Error, ErrorKind, Result};
use crate::index::Index;
use crate::locks::{HeldLock, Mode};
use crate::mirror::Mirror;
use crate::monitor::{Monitor, Trouble, TroubleKind};
use crate::outbox::{Delivery, Outbox};
use crate::packer::{Packer, Sink};
use crate::progress::Progress;
use crate::repository::{MirrorState, Repository};
use crate::sealed::Sealed;
use crate::spool::Spool;
use crate::tombstones::Tombstones;
use crate::verify::early::EarlyReads;
use crate::verify::new::{Brought, ReadBack};

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
        let (held, mut left_out) = self.lock_for_writing(monitor)?;
        let locked: Vec<Arc<Mirror>> = held.iter().map(|(mirror, _)| Arc::clone(mirror)).collect();
        let mut catalog = catalog::list(&locked)?;
        for (mirror, error) in catalog.failures.drain(..) {
            monitor.trouble(Trouble::new(TroubleKind::Location, mirror.name(), error.to_string()));
            left_out.push(not_reached(&mirror, error.kind, error.to_string()));
        }
        let tombstones = Tombstones::load(&self.folders.tombstones)?;
        let trusted = self.trusted_indexes(&catalog, &tombstones, monitor).beside(&tombstones);
        let snapshots = self.load_snapshots(&catalog, monitor);
        let debts = self.debts(&catalog, &trusted, &snapshots, &tombstones, cancel);
        let index = trusted.index;
        let parent = self.parent_of(request.source, snapshots);
        let spool = Spool::open(&self.folders.spool, self.folders.spool_bytes_max)?;
        let outbox = Outbox::new(catalog.mirrors.clone(), &spool, monitor, progress);
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
                start,
                monitor,
                progress,
                cancel,
            };
            let outcome = run.archive(&outbox, parent, &held);
            if outcome.is_err() {
                early.stop();
            }
            let deliveries = outbox.finish(cancel.is_cancelled());
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
        let brought: Vec<Brought> = took_it
            .map(|lane| Brought {
                mirror: Arc::clone(&catalog.mirrors[lane]),
                number: lane,
                objects: outbox.brought(lane),
            })
            .collect();
        let read_back = self.read_back(&brought, &index, early.into_packs(), monitor, cancel);
        finished.cache.finish(&self.cipher, &self.writer, finished.names);
        if left_out.is_empty() && deliveries.iter().all(|d| d.owed == 0 && d.failure.is_none()) {
            spool.clear();
        }
        deliveries.append(&mut left_out);
        Ok(Archived {
            id: finished.id,
            snapshot: finished.snapshot,
            deliveries,
            read_back,
            totals: finished.totals,
        })
    }

    /// Takes a shared lock at every usable mirror; the others are reported and left out.
    fn lock_for_writing(
        &self,
        monitor: &dyn Monitor,
    ) -> Result<(Vec<(Arc<Mirror>, HeldLock)>, Vec<Delivery>)> {
        let mut held = Vec::new();
        let mut left_out = Vec::new();
        let mut last = None;
        for (mirror, state) in self.states() {
            let (kind, reason) = match state {
                MirrorState::Ready => {
                    match HeldLock::take(mirror, &self.cipher, &self.writer, Mode::Shared) {
                        Ok(lock) => {
                            held.push((Arc::clone(mirror), lock));
                            continue;
                        }
                        Err(error) => (error.kind, error.to_string()),
                    }
                }
                MirrorState::Absent => (ErrorKind::NotFound, "has no copy of the repository yet".to_owned()),
                MirrorState::Unusable { kind, reason } => (*kind, reason.clone()),
            };
            monitor.trouble(Trouble::new(TroubleKind::Location, mirror.name(), reason.clone()));
            left_out.push(not_reached(mirror, kind, reason.clone()));
            last = Some(Error::new(kind, reason));
        }
        match (held.is_empty(), last) {
            (true, Some(error)) => Err(error),
            (true, None) => Err(Error::new(ErrorKind::Usage, "the repository has no locations")),
            (false, _) => Ok((held, left_out)),
        }
    }

    /// The newest snapshot of the same host and path.
    fn parent_of(&self, source: &dyn Source, snapshots: Vec<(Id, Snapshot)>) -> Option<(Id, Snapshot)> {
        let path = display_path(source);
        snapshots
            .into_iter()
            .rev()
            .find(|(_, s)| s.hostname == self.writer.hostname && s.paths == [path.clone()])
    }

    /// Where the stat cache of a source lies.
    fn stat_cache_path(&self, name: &str) -> PathBuf {
        self.folders.cache.join(format!("{name}.stat"))
    }
}

/// One archive run after its preparation.
struct Run<'a> {
    repository: &'a Repository,
    request: &'a ArchiveRequest<'a>,
    catalog: &'a Catalog,
    index: &'a Index,
    start: Timestamp,
    monitor: &'a dyn Monitor,
    progress: &'a Progress,
    cancel: &'a Cancel,
}

struct Finished {
    id: Id,
    snapshot: Snapshot,
    totals: Totals,
    cache: NewStatCache,
    names: Names,
}

impl Run<'_> {
    fn archive(
        &self,
        outbox: &Outbox<'_>,
        parent: Option<(Id, Snapshot)>,
        held: &[(Arc<Mirror>, HeldLock)],
    ) -> Result<Finished> {
        let repository = self.repository;
        let cache_path = repository.stat_cache_path(self.request.cache_name);
        let packer = Packer::new(&repository.cipher, &repository.writer, outbox);
        let usable_parent = parent.as_ref().filter(|_| !self.request.full);
        let cache = usable_parent.and_then(|_| StatCache::open(&cache_path, &repository.cipher));
        let job = Job {
            source: self.request.source,
            cipher: &repository.cipher,
            index: self.index,
            writer: &repository.writer,
            packer: &packer,
            monitor: self.monitor,
            progress: self.progress,
            cancel: self.cancel,
            claims: Claims::new(),
            chunker: Chunker::new(repository.config.chunker_polynomial),
            queue: Queue::new(),
            names: Mutex::new(Names::default()),
            cache: cache.filter(|cache| self.names_still_hold(cache.names())),
            new_cache: NewStatCache::create(&cache_path),
            parent_trees: usable_parent.map(|(_, snapshot)| self.parent_trees(snapshot)),
            scan_start_seconds: self.start.as_second(),
            counts: Counts::default(),
            links: Mutex::new(HashMap::new()),
            zeros: Mutex::new(HashMap::new()),
            chunk_bytes: AtomicUsize::new(0),
            fatal: Mutex::new(None),
            root: Mutex::new(None),
        };
        let walked = self.walk(&job);
        // What is packed so far is stored and listed even when the run ends here: the next one need not read it again.
        let packed = packer.finish();
        let root = walked?;
        packed?;
        for (lane, mirror) in self.catalog.mirrors.iter().enumerate() {
            let lock = held.iter().find(|(m, _)| m.name() == mirror.name());
            let confirmed = lock.map_or(Ok(()), |(_, lock)| lock.confirm());
            if let Err(error) = confirmed.and_then(|()| self.is_index_still_there(lane)) {
                outbox.exclude(lane, error.kind, error.to_string());
            }
        }
        let snapshot = self.snapshot(&job, root, parent.map(|(id, _)| id));
        let stored = encode_unpacked(&repository.cipher, repository.writer.nonce(), &snapshot.to_json());
        let sealed = Sealed::new(Area::Snapshots, stored);
        let id = sealed.id;
        outbox.submit(sealed)?;
        let totals = totals(&job.counts, self.progress);
        let names = job.names.into_inner();
        Ok(Finished { id, snapshot, totals, cache: job.new_cache, names })
    }

    /// Whoever prunes deletes index files. A prune that began just before our lock could be seen, and has ended since, left
    /// no other trace; but what this run took for stored may be gone with it.
    fn is_index_still_there(&self, lane: usize) -> Result<()> {
        let mirror = &self.catalog.mirrors[lane];
        let listed: BTreeSet<Id> = mirror.list(Area::Index)?.into_iter().map(|(id, _)| id).collect();
        let relied_on = self.catalog.indexes.iter().filter(|(_, bits)| **bits & (1 << lane) != 0);
        match relied_on.map(|(id, _)| id).find(|id| !listed.contains(id)) {
            None => Ok(()),
            Some(id) => Err(Error::new(
                ErrorKind::Locked,
                format!(
                    "index {id} disappeared from location {} during the run: another program pruned there; run the \
                     backup again",
                    mirror.name()
                ),
            )),
        }
    }

    /// Walks the source; returns the tree that stands for `/`.
    fn walk(&self, job: &Job<'_>) -> Result<Id> {
        let source = self.request.source;
        let trouble =
            |e: holdfast_format::source::SourceError| Error::because(ErrorKind::Source, "open the source", e);
        let (metadata, root) = source.root().map_err(trouble)?;
        let ancestors = source.ancestors().map_err(trouble)?;
        let xattrs = root.own_xattrs().map_err(trouble)?;
        job.queue.push([Task::Directory(Opening { place: None, root: Some(root) })]);
        std::thread::scope(|scope| {
            for _ in 0..self.repository.writer.threads.max(1) {
                scope.spawn(|| job.work());
            }
        });
        if let Some(error) = job.fatal.lock().take() {
            return Err(error);
        }
        self.cancel.check()?;
        let mut tree = job.root.lock().take().ok_or_else(|| {
            Error::new(ErrorKind::Source, format!("the source {} could not be listed", display_path(source)))
        })?;
        let mut hand = Hand::new();
        let mut levels: Vec<_> = ancestors.into_iter().map(|metadata| (metadata, Vec::new())).collect();
        levels.push((metadata, xattrs));
        for (name, (metadata, xattrs)) in source.path().into_iter().zip(levels).rev() {
            let mut node = job.head(&Entry { name, metadata }, xattrs, None);
            encode_tail(None, Some(&tree), None, &mut node);
            let mut parent = TreeWriter::new();
            parent.push(&node);
            tree = job.save(&mut hand, BlobKind::Tree, &parent.finish())?;
        }
        Ok(tree)
    }

    fn snapshot(&self, job: &Job<'_>, tree: Id, parent: Option<Id>) -> Snapshot {
        let writer = &self.repository.writer;
        let counts = &job.counts;
        let mut snapshot = Snapshot::new(self.start, tree);
        snapshot.parent = parent;
        snapshot.paths = vec![display_path(self.request.source)];
        snapshot.hostname.clone_from(&writer.hostname);
        snapshot.username.clone_from(&writer.username);
        snapshot.uid = writer.uid;
        snapshot.gid = writer.gid;
        snapshot.excludes.clone_from(&self.request.excludes);
        snapshot.tags.clone_from(&self.request.tags);
        // A point must tell for itself, wherever it is found, that it is not all that it should be.
        for (tag, count) in
            [("unreadable", counts.unreadable.get()), ("changed", counts.changed_while_read.get())]
        {
            if count > 0 {
                snapshot.tags.push(format!("{tag}:{count}"));
            }
        }
        snapshot.program_version = concat!("holdfast ", env!("CARGO_PKG_VERSION")).to_owned();
        snapshot.summary = Some(Summary {
            backup_start: self.start,
            backup_end: writer.clock.now(),
            files_new: counts.files_new.get(),
            files_changed: counts.files_changed.get(),
            files_unmodified: counts.files_unmodified.get(),
            dirs_new: counts.dirs_new.get(),
            dirs_changed: counts.dirs_changed.get(),
            dirs_unmodified: counts.dirs_unmodified.get(),
            data_blobs: counts.data_blobs.get() as i64,
            tree_blobs: counts.tree_blobs.get() as i64,
            data_added: counts.data_added.get(),
            data_added_packed: counts.data_added_packed.get(),
            total_files_processed: self.progress.files.get(),
            total_bytes_processed: counts.bytes_total.get(),
        });
        snapshot
    }

    fn parent_trees<'a>(&'a self, parent: &Snapshot) -> ParentTrees<'a> {
        let read = move |id: &Id| {
            let repository = self.repository;
            let mut reader =
                BlobReader::new(&repository.cipher, self.index, &self.catalog.mirrors, self.monitor);
            let mut json = Vec::new();
            reader.read(BlobKind::Tree, id, &mut json).ok()?;
            Some(json)
        };
        let (snapshot, path) = (parent.tree, self.request.source.path());
        let find = move || {
            path.into_iter().try_fold(snapshot, |tree, name| {
                let nodes = parse_tree(&read(&tree)?).ok()?;
                nodes.into_iter().find(|node| node.name == name)?.subtree
            })
        };
        let root = LazyLock::new(Box::new(find) as Box<dyn FnOnce() -> Option<Id> + Send>);
        ParentTrees { read: Box::new(read), root, scan_start_seconds: parent.time.as_second() }
    }

    fn names_still_hold(&self, names: &Names) -> bool {
        let source = self.request.source;
        names.users.iter().all(|(uid, name)| source.user_name(*uid) == *name)
            && names.groups.iter().all(|(gid, name)| source.group_name(*gid) == *name)
    }
}

fn totals(counts: &Counts, progress: &Progress) -> Totals {
    Totals {
        files: progress.files.get(),
        directories: progress.directories.get(),
        bytes: counts.bytes_total.get(),
        bytes_read: counts.bytes_read.get(),
        bytes_added: counts.data_added.get(),
        bytes_added_stored: counts.data_added_packed.get(),
        files_unmodified: counts.files_unmodified.get(),
        excluded: counts.excluded.get(),
        sockets: counts.sockets.get(),
        unreadable: counts.unreadable.get(),
        changed_while_read: counts.changed_while_read.get(),
    }
}

fn not_reached(mirror: &Mirror, kind: ErrorKind, reason: String) -> Delivery {
    Delivery {
        location: mirror.name().to_owned(),
        objects: 0,
        bytes: 0,
        owed: 0,
        failure: Some(reason),
        failure_kind: Some(kind),
    }
}

/// The source's path as the snapshot tells it.
fn display_path(source: &dyn Source) -> String {
    let path = source.path();
    if path.is_empty() {
        return "/".to_owned();
    }
    path.iter().map(|name| format!("/{}", String::from_utf8_lossy(name))).collect()
}
