//! One run after its preparation: the walk over the source, and the snapshot that commits it.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, LazyLock};

use holdfast_format::source::Entry;
use holdfast_format::{
    BlobKind, Id, Snapshot, Summary, TreeWriter, encode_tail, encode_unpacked, parse_tree,
};
use holdfast_location::Area;
use jiff::Timestamp;
use parking_lot::Mutex;

use super::directory::Opening;
use super::job::{Counts, Hand, Job, ParentTrees, Task};
use super::queue::Queue;
use super::stat_cache::{Names, NewStatCache, StatCache};
use super::{ArchiveRequest, Totals, display_path, display_paths};
use crate::blob_reader::BlobReader;
use crate::cancel::Cancel;
use crate::catalog::Catalog;
use crate::chunker::Chunker;
use crate::claims::Claims;
use crate::error::{Error, ErrorKind, Result};
use crate::index::Index;
use crate::locks::HeldLock;
use crate::mirror::Mirror;
use crate::monitor::Monitor;
use crate::outbox::Outbox;
use crate::pack_set::PackSet;
use crate::packer::{Packer, Sink};
use crate::progress::Progress;
use crate::repository::Repository;
use crate::sealed::Sealed;

/// One archive run after its preparation.
pub(super) struct Run<'a> {
    pub(super) repository: &'a Repository,
    pub(super) request: &'a ArchiveRequest<'a>,
    pub(super) catalog: &'a Catalog,
    pub(super) index: &'a Index,
    /// Where the packs are noted that the point needs, if somebody wants to know.
    pub(super) needed: Option<&'a PackSet>,
    pub(super) start: Timestamp,
    pub(super) monitor: &'a dyn Monitor,
    pub(super) progress: &'a Progress,
    pub(super) cancel: &'a Cancel,
}

/// What a run made.
pub(super) struct Finished {
    pub(super) id: Id,
    pub(super) snapshot: Snapshot,
    pub(super) totals: Totals,
    pub(super) cache: NewStatCache,
    pub(super) names: Names,
}

impl Run<'_> {
    /// Walks, stores, and commits.
    pub(super) fn archive(
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
            needed: self.needed,
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
        let instant = self
            .request
            .source
            .instant()
            .and_then(|time| Timestamp::new(time.seconds, i32::try_from(time.nanoseconds).ok()?).ok());
        let mut snapshot = Snapshot::new(instant.unwrap_or(self.start), tree);
        snapshot.parent = parent;
        snapshot.paths = display_paths(self.request.source);
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
