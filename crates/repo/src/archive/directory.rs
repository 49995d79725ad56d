//! One directory of the walk: list, compare with what is known, read what changed, and complete bottom-up.
//!
//! A directory is complete when its last entry is, whichever worker finishes that. It then becomes a tree blob and, in
//! turn, an entry of its parent. Where nothing changed at all, neither JSON nor hash is computed: the tree's id is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use holdfast_format::source::{Directory, Entry, EntryKind, SourceError, Xattr};
use holdfast_format::{BlobKind, Id, TreeWriter, encode_tail};
use parking_lot::Mutex;

use crate::archive::job::{Hand, Job, Task};
use crate::archive::known::{Head, KnownDirectory, KnownEntry, Stamp, Value};
use crate::archive::record;
use crate::error::Result;

/// A directory about to be opened.
pub(crate) struct Opening {
    /// Where it belongs; `None` for the root.
    pub(crate) place: Option<(Arc<OpenDirectory>, usize)>,
    /// The root's handle, opened already.
    pub(crate) root: Option<Arc<dyn Directory>>,
}

/// A directory whose entries are being completed.
pub(crate) struct OpenDirectory {
    place: Option<(Arc<OpenDirectory>, usize)>,
    /// Path below the root, the stat cache's key.
    path: Vec<u8>,
    pub(crate) handle: Arc<dyn Directory>,
    pub(crate) entries: Vec<Entry>,
    known: Option<Known>,
    done: Mutex<Vec<Option<Done>>>,
    remaining: AtomicUsize,
}

struct Known {
    directory: KnownDirectory,
    /// The record as it is stored, when it comes from the cache.
    sealed: Option<Vec<u8>>,
}

/// A completed entry.
pub(crate) enum Done {
    /// Exactly as in the known directory, at this position.
    Same(usize),
    /// Anything else.
    New { head: Vec<u8>, value: Value, error: Option<String> },
}

/// Entries that one task reads.
const ENTRIES_PER_TASK: usize = 16;

impl Job<'_> {
    pub(crate) fn open_directory(&self, hand: &mut Hand, opening: Opening) -> Result<()> {
        let handle = match (&opening.place, opening.root) {
            (_, Some(root)) => Ok(root),
            (Some((parent, position)), None) => parent.handle.child(&parent.entries[*position]),
            (None, None) => return Ok(()),
        };
        if let Ok(handle) = &handle
            && let Some(stream) = handle.stream()
        {
            return self.read_stream(hand, opening.place, Arc::clone(handle), stream);
        }
        let listed = handle.and_then(|handle| handle.list().map(|listing| (handle, listing)));
        let (handle, listing) = match listed {
            Ok(listed) => listed,
            Err(error) => return self.skip(hand, opening.place, &error),
        };
        self.counts.excluded.add(listing.excluded);
        for failure in &listing.failures {
            self.unreadable(failure);
        }
        let mut entries = listing.entries;
        let before = entries.len();
        entries.retain(|e| e.metadata.kind != EntryKind::Socket);
        self.counts.sockets.add((before - entries.len()) as u64);

        let path = opening.place.as_ref().map_or_else(Vec::new, |(parent, position)| {
            let mut path = parent.path.clone();
            path.push(b'/');
            path.extend_from_slice(&parent.entries[*position].name);
            path
        });
        let known = self.recall(opening.place.as_ref(), &path);
        let count = entries.len();
        let directory = OpenDirectory {
            place: opening.place,
            path,
            handle,
            entries,
            known,
            done: Mutex::new(std::iter::repeat_with(|| None).take(count).collect()),
            // One more than there are entries, so that it cannot complete while this function hands out work.
            remaining: AtomicUsize::new(count + 1),
        };
        self.hand_out(hand, Arc::new(directory))
    }

    /// Takes over what did not change, and queues the rest: files on top, so that this directory completes early.
    fn hand_out(&self, hand: &mut Hand, directory: Arc<OpenDirectory>) -> Result<()> {
        let mut subdirectories = Vec::new();
        let mut to_read = Vec::new();
        let mut unchanged = 0;
        let mut files = 0;
        let mut bytes = 0;
        {
            let mut done = directory.done.lock();
            for (position, entry) in directory.entries.iter().enumerate() {
                if entry.metadata.kind == EntryKind::Directory {
                    subdirectories.push(position);
                    continue;
                }
                match directory.unchanged(entry).filter(|(_, known)| self.is_stored(&known.value)) {
                    Some((known_position, known)) if matches!(known.head, Head::Encoded(_)) => {
                        done[position] = Some(Done::Same(known_position));
                        unchanged += 1;
                        if entry.metadata.kind == EntryKind::File {
                            files += 1;
                            bytes += entry.metadata.size;
                        }
                    }
                    _ => to_read.push(position),
                }
            }
        }
        self.counts.files_unmodified.add(files);
        self.counts.bytes_total.add(bytes);
        self.progress.files.add(files);
        self.progress.bytes.add(bytes);
        let openings = subdirectories
            .into_iter()
            .rev()
            .map(|position| Opening { place: Some((Arc::clone(&directory), position)), root: None })
            .map(Task::Directory);
        let reads = to_read.chunks(ENTRIES_PER_TASK).rev();
        let reads = reads.map(|positions| Task::Entries(Arc::clone(&directory), positions.to_vec()));
        self.queue.push(openings.chain(reads));
        self.completed(hand, &directory, unchanged + 1)
    }

    /// Stores the result for one entry.
    pub(crate) fn complete(
        &self,
        hand: &mut Hand,
        directory: &Arc<OpenDirectory>,
        position: usize,
        done: Option<Done>,
    ) -> Result<()> {
        directory.done.lock()[position] = done;
        self.completed(hand, directory, 1)
    }

    fn completed(&self, hand: &mut Hand, directory: &Arc<OpenDirectory>, count: usize) -> Result<()> {
        let mut directory = Arc::clone(directory);
        let mut count = count;
        // A loop, not a recursion: a tree may be thousands of levels deep.
        while directory.remaining.fetch_sub(count, Ordering::AcqRel) == count {
            let tree = self.close(hand, &directory)?;
            self.progress.directories.add(1);
            let Some((parent, position)) = directory.place.clone() else {
                *self.root.lock() = Some(tree);
                return Ok(());
            };
            let done = match self.directory_node(&directory, &parent, position, tree) {
                Ok(done) => Some(done),
                Err(error) => {
                    self.unreadable(&error);
                    None
                }
            };
            parent.done.lock()[position] = done;
            directory = parent;
            count = 1;
        }
        Ok(())
    }

    /// Turns a complete directory into a tree blob and a cache record.
    fn close(&self, hand: &mut Hand, directory: &OpenDirectory) -> Result<Id> {
        let done = std::mem::take(&mut *directory.done.lock());
        if let Some(known) = &directory.known {
            let is_same = done.len() == known.directory.entries.len()
                && done.iter().all(|d| matches!(d, Some(Done::Same(_))))
                && self.finds(BlobKind::Tree, &known.directory.tree);
            if let Some(sealed) = known.sealed.as_ref().filter(|_| is_same) {
                self.counts.dirs_unmodified.add(1);
                self.new_cache.add(&directory.path, sealed);
                return Ok(known.directory.tree);
            }
        }
        let mut tree = TreeWriter::new();
        let mut entries = Vec::with_capacity(done.len());
        let mut encoded = Vec::new();
        for (entry, done) in directory.entries.iter().zip(done) {
            let Some(known_entry) = done.and_then(|done| self.settle(directory, entry, done, &mut encoded))
            else {
                continue;
            };
            tree.push(&encoded);
            entries.push(known_entry);
        }
        let json = tree.finish();
        let id = self.save(hand, BlobKind::Tree, &json)?;
        match &directory.known {
            Some(known) if known.directory.tree == id => self.counts.dirs_unmodified.add(1),
            Some(_) => self.counts.dirs_changed.add(1),
            None => self.counts.dirs_new.add(1),
        }
        let plain = record::encode(&KnownDirectory { tree: id, entries });
        self.new_cache.add(&directory.path, &record::seal(self.cipher, self.writer.nonce(), &plain));
        Ok(id)
    }

    /// Encodes a completed entry into `encoded` and returns what the cache keeps of it.
    fn settle(
        &self,
        directory: &OpenDirectory,
        entry: &Entry,
        done: Done,
        encoded: &mut Vec<u8>,
    ) -> Option<KnownEntry> {
        let (known_entry, error) = match done {
            Done::Same(position) => {
                (directory.known.as_ref()?.directory.entries.get(position)?.clone(), None)
            }
            Done::New { head, value, error } => {
                let stamp = Stamp::of(&entry.metadata);
                let is_usable = error.is_none() && !stamp.is_racy(self.scan_start_seconds);
                let known_entry = KnownEntry {
                    name: entry.name.clone(),
                    stamp: is_usable.then_some(stamp),
                    head: Head::Encoded(head),
                    value,
                };
                (known_entry, error)
            }
        };
        let Head::Encoded(head) = &known_entry.head else { return None };
        encoded.clear();
        encoded.extend_from_slice(head);
        let (content, subtree) = match &known_entry.value {
            Value::Content(content) => (Some(content.as_slice()), None),
            Value::Subtree(id) => (None, Some(id)),
            Value::Nothing => (None, None),
        };
        encode_tail(content, subtree, error.as_deref(), encoded);
        Some(known_entry)
    }

    /// The entry of a completed directory in its parent.
    fn directory_node(
        &self,
        directory: &OpenDirectory,
        parent: &OpenDirectory,
        position: usize,
        tree: Id,
    ) -> std::result::Result<Done, SourceError> {
        let entry = &parent.entries[position];
        let xattrs = match parent.unchanged(entry) {
            Some((known_position, KnownEntry { head: Head::Encoded(head), value, .. })) => {
                if *value == Value::Subtree(tree) {
                    return Ok(Done::Same(known_position));
                }
                return Ok(Done::New { head: head.clone(), value: Value::Subtree(tree), error: None });
            }
            Some((_, KnownEntry { head: Head::Attributes(xattrs), .. })) => xattrs.clone(),
            None => directory.handle.own_xattrs()?,
        };
        Ok(Done::New { head: self.head(entry, xattrs, None), value: Value::Subtree(tree), error: None })
    }

    /// Encodes the part of a node before its content.
    pub(crate) fn head(&self, entry: &Entry, xattrs: Vec<Xattr>, link_target: Option<Vec<u8>>) -> Vec<u8> {
        let mut node = self.node(entry.name.clone(), entry.metadata);
        node.xattrs = xattrs;
        node.link_target = link_target;
        let mut head = Vec::with_capacity(320);
        node.encode_head(&mut head);
        head
    }

    fn recall(&self, place: Option<&(Arc<OpenDirectory>, usize)>, path: &[u8]) -> Option<Known> {
        if let Some((directory, sealed)) = self.cache.as_ref().and_then(|cache| cache.get(self.cipher, path))
        {
            return Some(Known { directory, sealed: Some(sealed) });
        }
        let trees = self.parent_trees.as_ref()?;
        let tree = match place {
            None => (*trees.root)?,
            Some((parent, position)) => {
                let name = &parent.entries[*position].name;
                match parent.known.as_ref()?.directory.find(name)?.1.value {
                    Value::Subtree(id) => id,
                    _ => return None,
                }
            }
        };
        let json = (trees.read)(&tree)?;
        let directory = KnownDirectory::from_tree(tree, &json, trees.scan_start_seconds)?;
        Some(Known { directory, sealed: None })
    }

    /// Leaves out a directory that cannot be listed.
    fn skip(
        &self,
        hand: &mut Hand,
        place: Option<(Arc<OpenDirectory>, usize)>,
        error: &SourceError,
    ) -> Result<()> {
        self.unreadable(error);
        match place {
            Some((parent, position)) => self.complete(hand, &parent, position, None),
            None => Ok(()),
        }
    }
}

impl OpenDirectory {
    /// The known entry that `entry` is unchanged from.
    pub(crate) fn unchanged(&self, entry: &Entry) -> Option<(usize, &KnownEntry)> {
        let (position, known) = self.known.as_ref()?.directory.find(&entry.name)?;
        (known.stamp == Some(Stamp::of(&entry.metadata))).then_some((position, known))
    }

    /// Whether an earlier run knows an entry of this name.
    pub(crate) fn is_known(&self, entry: &Entry) -> bool {
        self.known.as_ref().is_some_and(|known| known.directory.find(&entry.name).is_some())
    }
}
