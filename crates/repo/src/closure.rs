//! What points need: every blob that is reachable from a set of snapshots.
//!
//! A prune that overlooked one reachable tree would delete what lies beneath it; so a tree that cannot be read is never
//! skipped but named, and who deletes stops there. Each tree is read once, however many points share it.

mod affected;

use std::sync::Arc;

use holdfast_format::{BlobKind, Id, visit_tree};
use parking_lot::{Condvar, Mutex};

pub use affected::Cost;
pub(crate) use affected::{DamagedBlobs, affected};

use crate::blob_reader::BlobReader;
use crate::cancel::Cancel;
use crate::claims::Claims;
use crate::error::{Error, ErrorKind, Result};
use crate::index::Index;
use crate::mirror::Mirror;
use crate::monitor::{Monitor, Trouble};
use crate::repository::Repository;

/// The blobs that some snapshots need.
pub(crate) struct Closure {
    used: Claims,
    /// Blobs that are in no index, and trees that no place gave whole.
    pub missing: Vec<(BlobKind, Id)>,
    /// Trees of which it is not known whether they are whole, because a location broke off.
    pub unknown: Option<Error>,
}

/// Hears what is reported elsewhere already.
pub(crate) struct Deaf;

impl Monitor for Deaf {
    fn trouble(&self, _trouble: Trouble) {}
}

/// What a walk did not find.
pub(crate) struct Unseen {
    /// Blobs that are in no index, and trees that no place gave whole.
    missing: Vec<(BlobKind, Id)>,
    /// Trees of which it is not known whether they are whole, because a location broke off.
    pub unknown: Option<Error>,
}

struct Walk {
    waiting: Vec<Id>,
    busy: usize,
}

impl Closure {
    /// Whether a snapshot needs the blob.
    pub fn uses(&self, kind: BlobKind, id: &Id) -> bool {
        self.used.contains(kind, id)
    }
}

/// Walks everything below `roots`, with the repository's worker threads.
pub(crate) fn close_over(
    repository: &Repository,
    index: &Index,
    mirrors: &[Arc<Mirror>],
    roots: impl IntoIterator<Item = Id>,
    cancel: &Cancel,
) -> Result<Closure> {
    let used = Claims::new();
    let Unseen { missing, unknown } =
        walk_below(repository, index, mirrors, roots, &used, &|_, _| {}, cancel)?;
    Ok(Closure { used, missing, unknown })
}

/// Walks everything below `roots` that is not among the `used`, and tells `new` of each blob, once.
pub(crate) fn walk_below(
    repository: &Repository,
    index: &Index,
    mirrors: &[Arc<Mirror>],
    roots: impl IntoIterator<Item = Id>,
    used: &Claims,
    new: &(dyn Fn(BlobKind, &Id) + Sync),
    cancel: &Cancel,
) -> Result<Unseen> {
    let waiting: Vec<Id> = roots.into_iter().filter(|id| used.claim(BlobKind::Tree, id)).collect();
    waiting.iter().for_each(|id| new(BlobKind::Tree, id));
    let walk = Mutex::new(Walk { waiting, busy: 0 });
    let changed = Condvar::new();
    let missing = Mutex::new(Vec::new());
    let unknown = Mutex::new(None);
    let work = || {
        let mut reader = BlobReader::new(&repository.cipher, index, mirrors, &Deaf);
        let mut json = Vec::new();
        while let Some(tree) = next(&walk, &changed, cancel) {
            let mut found = Vec::new();
            let mut see = |kind, id: Id| {
                if used.claim(kind, &id) {
                    new(kind, &id);
                    match kind {
                        BlobKind::Tree => found.push(id),
                        BlobKind::Data if !index.contains(kind, &id) => missing.lock().push((kind, id)),
                        BlobKind::Data => {}
                    }
                }
            };
            match reader.read(BlobKind::Tree, &tree, &mut json) {
                Ok(()) => {
                    let visited = visit_tree(&json, &mut |node| {
                        node.content.iter().flatten().for_each(|id| see(BlobKind::Data, *id));
                        node.subtree.iter().for_each(|id| see(BlobKind::Tree, *id));
                    });
                    if visited.is_err() {
                        missing.lock().push((BlobKind::Tree, tree));
                    }
                }
                Err(error) if matches!(error.kind, ErrorKind::Damaged | ErrorKind::NotFound) => {
                    missing.lock().push((BlobKind::Tree, tree));
                }
                Err(error) => *unknown.lock() = Some(error),
            }
            let mut walk = walk.lock();
            walk.waiting.append(&mut found);
            walk.busy -= 1;
            changed.notify_all();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..repository.writer.threads.max(1) {
            scope.spawn(work);
        }
    });
    cancel.check()?;
    let mut missing = missing.into_inner();
    missing.sort_unstable();
    Ok(Unseen { missing, unknown: unknown.into_inner() })
}

fn next(walk: &Mutex<Walk>, changed: &Condvar, cancel: &Cancel) -> Option<Id> {
    let mut walk = walk.lock();
    loop {
        if cancel.is_cancelled() {
            changed.notify_all();
            return None;
        }
        if let Some(tree) = walk.waiting.pop() {
            walk.busy += 1;
            return Some(tree);
        }
        if walk.busy == 0 {
            return None;
        }
        changed.wait(&mut walk);
    }
}
