//! Reading entries: files into blobs, everything else into its node.
//!
//! A file that changes while it is read would be stored in a state that never existed. It is read again, and where it
//! keeps changing the last reading is kept and marked, in the run's result and in the stored node.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use holdfast_format::source::{Content, Entry, EntryKind, Extent, Metadata, SourceError, Xattr};
use holdfast_format::{BlobKind, Id};
use parking_lot::Mutex;

use crate::archive::directory::{Done, OpenDirectory};
use crate::archive::job::{Hand, Job, Task, display};
use crate::archive::known::{Head, KnownEntry, Value};
use crate::chunker::{CHUNK_BYTES_MAX, WHOLE_FILE_BYTES, ZERO_BYTES_LARGE, cut_hole};
use crate::error::Result;
use crate::monitor::{Trouble, TroubleKind};

/// A file being read whose chunks other workers store.
pub(crate) struct BigFile {
    directory: Arc<OpenDirectory>,
    position: usize,
    /// Set by the reader at the end, if this reading is the one to keep.
    ending: Mutex<Option<Ending>>,
    ids: Mutex<Vec<Option<Id>>>,
    /// Chunks not yet stored, and one for the reader.
    remaining: AtomicUsize,
}

struct Ending {
    head: Vec<u8>,
    error: Option<String>,
}

/// One reading of a file.
struct Reading<'a> {
    directory: &'a Arc<OpenDirectory>,
    position: usize,
    /// The entry as it was when the file was opened.
    entry: &'a Entry,
    xattrs: &'a [Xattr],
    is_last: bool,
}

/// One chunk of a big file.
pub(crate) struct Chunk {
    number: usize,
    data: Vec<u8>,
}

/// How often a file that changes is read again.
const READINGS_MAX: usize = 3;
const READ_BYTES: usize = 8 << 20;
/// A file is at most so many blobs: its list stands in one tree, whole in memory. Two terabytes, or sixteen of holes.
const PIECES_MAX: u64 = 1 << 21;
const CHANGED: &str = "changed while it was read";

impl Job<'_> {
    pub(crate) fn read_entries(
        &self,
        hand: &mut Hand,
        directory: &Arc<OpenDirectory>,
        positions: &[usize],
    ) -> Result<()> {
        for &position in positions {
            self.cancel.check()?;
            let entry = &directory.entries[position];
            let known_xattrs = match directory.unchanged(entry) {
                Some((_, KnownEntry { head: Head::Attributes(xattrs), .. })) => Some(xattrs.clone()),
                _ => None,
            };
            if entry.metadata.kind == EntryKind::File {
                self.read_file(hand, directory, position, known_xattrs)?;
                continue;
            }
            let outcome =
                known_xattrs.map_or_else(|| directory.handle.xattrs(entry), Ok).and_then(|xattrs| {
                    let is_symlink = entry.metadata.kind == EntryKind::Symlink;
                    let target = is_symlink.then(|| directory.handle.link_target(entry)).transpose()?;
                    Ok(Done::New {
                        head: self.head(entry, xattrs, target),
                        value: Value::Nothing,
                        error: None,
                    })
                });
            let done = self.or_missing(outcome);
            self.complete(hand, directory, position, done)?;
        }
        Ok(())
    }

    fn read_file(
        &self,
        hand: &mut Hand,
        directory: &Arc<OpenDirectory>,
        position: usize,
        known_xattrs: Option<Vec<Xattr>>,
    ) -> Result<()> {
        let entry = &directory.entries[position];
        self.count_file(directory, entry, known_xattrs.is_some());
        let xattrs = match known_xattrs.map_or_else(|| directory.handle.xattrs(entry), Ok) {
            Ok(xattrs) => xattrs,
            Err(error) => {
                let done = self.or_missing(Err(error));
                return self.complete(hand, directory, position, done);
            }
        };
        // Unchanged since the parent snapshot, which names the content.
        if let Some((_, known)) = directory.unchanged(entry)
            && matches!(known.value, Value::Content(_))
            && self.is_stored(&known.value)
        {
            self.progress.bytes.add(entry.metadata.size);
            let done =
                Done::New { head: self.head(entry, xattrs, None), value: known.value.clone(), error: None };
            return self.complete(hand, directory, position, Some(done));
        }
        if let Some(content) = self.linked_content(&entry.metadata) {
            self.progress.bytes.add(entry.metadata.size);
            let done = Done::New {
                head: self.head(entry, xattrs, None),
                value: Value::Content(content),
                error: None,
            };
            return self.complete(hand, directory, position, Some(done));
        }
        for reading in 1..=READINGS_MAX {
            let mut content = match directory.handle.open(entry) {
                Ok(content) => content,
                Err(error) => {
                    let done = self.or_missing(Err(error));
                    return self.complete(hand, directory, position, done);
                }
            };
            let is_last = reading == READINGS_MAX;
            // The file may have changed since it was listed; only a change during this reading matters.
            let opened = Entry { name: entry.name.clone(), metadata: content.opened() };
            let reading = Reading { directory, position, entry: &opened, xattrs: &xattrs, is_last };
            let outcome = if opened.metadata.size <= WHOLE_FILE_BYTES as u64 {
                self.read_small(hand, &reading, &mut *content)
            } else {
                self.read_big(hand, &reading, &mut *content)
            };
            match outcome {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(Failure::Source(error)) => {
                    let mut path = directory.handle.path();
                    path.push(b'/');
                    path.extend_from_slice(&entry.name);
                    let error = SourceError { path, kind: error.kind(), message: format!("read: {error}") };
                    let done = self.or_missing(Err(error));
                    return self.complete(hand, directory, position, done);
                }
                Err(Failure::Fatal(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads a file of one blob. `Ok(false)` asks for another reading.
    fn read_small(
        &self,
        hand: &mut Hand,
        reading: &Reading<'_>,
        content: &mut dyn Content,
    ) -> std::result::Result<bool, Failure> {
        let &Reading { directory, position, entry, xattrs, is_last } = reading;
        let mut buffer = std::mem::take(&mut hand.buffer);
        buffer.resize(buffer.len().max(READ_BYTES.min(WHOLE_FILE_BYTES + 1)), 0);
        let outcome: std::result::Result<_, Failure> = (|| {
            // At the size that it should have, reading stops without asking for the end: had it grown, its size would
            // tell. A file that claims to be empty may be one that the kernel makes up, so it is read.
            let expected = entry.metadata.size as usize;
            let mut length = fill(content, &mut buffer[..expected])?;
            if length == expected && expected == 0 {
                length = fill(content, &mut buffer[..=WHOLE_FILE_BYTES])?;
            }
            let now = content.metadata()?;
            let is_changed = differs(&now, &entry.metadata) || length as u64 != now.size;
            if is_changed && !is_last {
                return Ok(None);
            }
            // One that grew at the last reading keeps what fits one blob; it is marked.
            let length = length.min(WHOLE_FILE_BYTES);
            self.note_read(length);
            let ids = if length == 0 {
                Vec::new()
            } else {
                vec![self.save(hand, BlobKind::Data, &buffer[..length])?]
            };
            Ok(Some((ids, is_changed)))
        })();
        hand.buffer = buffer;
        let Some((ids, is_changed)) = outcome? else { return Ok(false) };
        let error = is_changed.then(|| self.changed(directory, entry));
        self.remember_link(&entry.metadata, &ids, is_changed);
        let head = self.head(entry, xattrs.to_vec(), None);
        self.complete(
            hand,
            directory,
            position,
            Some(Done::New { head, value: Value::Content(ids), error }),
        )?;
        Ok(true)
    }

    /// Reads a file of several blobs: this worker reads and cuts, any worker stores. `Ok(false)` asks for another reading.
    fn read_big(
        &self,
        hand: &mut Hand,
        reading: &Reading<'_>,
        content: &mut dyn Content,
    ) -> std::result::Result<bool, Failure> {
        let &Reading { directory, position, entry, xattrs, is_last } = reading;
        let file = Arc::new(BigFile {
            directory: Arc::clone(directory),
            position,
            ending: Mutex::new(None),
            ids: Mutex::new(Vec::new()),
            remaining: AtomicUsize::new(1),
        });
        let mut buffer = std::mem::take(&mut hand.buffer);
        buffer.resize(buffer.len().max(READ_BYTES), 0);
        let outcome = self.cut_file(hand, &file, content, &mut buffer);
        hand.buffer = buffer;
        let length = outcome?;
        let now = content.metadata()?;
        let is_changed = differs(&now, &entry.metadata) || length != now.size;
        if is_changed && !is_last {
            return Ok(false);
        }
        let error = is_changed.then(|| self.changed(directory, entry));
        *file.ending.lock() = Some(Ending { head: self.head(entry, xattrs.to_vec(), None), error });
        self.finish_big(hand, &file)?;
        Ok(true)
    }

    /// Reads to the end, handing out chunks; returns the length.
    fn cut_file(
        &self,
        hand: &mut Hand,
        file: &Arc<BigFile>,
        content: &mut dyn Content,
        buffer: &mut [u8],
    ) -> std::result::Result<u64, Failure> {
        let mut length = 0;
        let mut held = 0;
        loop {
            self.cancel.check()?;
            let extent = content.extent()?;
            if let Extent::Hole(hole) = extent {
                self.hand_out_chunks(hand, file, &buffer[..held], true)?;
                held = 0;
                refuse_pieces(file.ids.lock().len() as u64 + hole / ZERO_BYTES_LARGE as u64)?;
                for size in cut_hole(hole) {
                    let id = self.save_zeros(hand, size)?;
                    file.ids.lock().push(Some(id));
                }
                self.note_read(usize::try_from(hole).unwrap_or(usize::MAX));
                length += hole;
                continue;
            }
            let Extent::Data(data) = extent else { continue };
            refuse_pieces(file.ids.lock().len() as u64)?;
            let room = buffer.len() - held;
            let want = usize::try_from(data).unwrap_or(usize::MAX).min(room);
            let read = fill(content, &mut buffer[held..held + want])?;
            self.note_read(read);
            length += read as u64;
            held += read;
            if read < want || read == 0 {
                self.hand_out_chunks(hand, file, &buffer[..held], true)?;
                return Ok(length);
            }
            let used = self.hand_out_chunks(hand, file, &buffer[..held], false)?;
            buffer.copy_within(used..held, 0);
            held -= used;
        }
    }

    /// Cuts `data` and hands out the chunks; without `is_end`, only as long as cuts cannot depend on what follows.
    /// Returns the bytes used.
    fn hand_out_chunks(
        &self,
        hand: &mut Hand,
        file: &Arc<BigFile>,
        data: &[u8],
        is_end: bool,
    ) -> Result<usize> {
        let mut used = 0;
        while used < data.len() && (is_end || data.len() - used >= CHUNK_BYTES_MAX) {
            let rest = &data[used..];
            let chunk = &rest[..self.chunker.cut(rest)];
            used += chunk.len();
            let number = {
                let mut ids = file.ids.lock();
                ids.push(None);
                ids.len() - 1
            };
            if !self.reserve_chunk(chunk.len()) {
                let id = self.save(hand, BlobKind::Data, chunk)?;
                file.ids.lock()[number] = Some(id);
                continue;
            }
            file.remaining.fetch_add(1, Ordering::AcqRel);
            self.queue.push([Task::Chunk(Arc::clone(file), Chunk { number, data: chunk.to_vec() })]);
        }
        Ok(used)
    }

    pub(crate) fn store_chunk(&self, hand: &mut Hand, file: &Arc<BigFile>, chunk: Chunk) -> Result<()> {
        let id = self.save(hand, BlobKind::Data, &chunk.data)?;
        self.release_chunk(chunk.data.len());
        file.ids.lock()[chunk.number] = Some(id);
        self.finish_big(hand, file)
    }

    /// Counts down; whoever is last completes the file, unless its reading was given up.
    fn finish_big(&self, hand: &mut Hand, file: &Arc<BigFile>) -> Result<()> {
        if file.remaining.fetch_sub(1, Ordering::AcqRel) != 1 {
            return Ok(());
        }
        let Some(Ending { head, error }) = file.ending.lock().take() else { return Ok(()) };
        let ids: Vec<Id> = std::mem::take(&mut *file.ids.lock()).into_iter().flatten().collect();
        self.remember_link(&file.directory.entries[file.position].metadata, &ids, error.is_some());
        let done = Done::New { head, value: Value::Content(ids), error };
        self.complete(hand, &file.directory, file.position, Some(done))
    }

    /// Content of a hard link that this run has read under another name.
    fn linked_content(&self, metadata: &Metadata) -> Option<Vec<Id>> {
        if metadata.links < 2 {
            return None;
        }
        let links = self.links.lock();
        let (read, content) = links.get(&(metadata.device_id, metadata.inode))?;
        (!differs(read, metadata)).then(|| content.clone())
    }

    fn remember_link(&self, metadata: &Metadata, content: &[Id], is_changed: bool) {
        if metadata.links > 1 && !is_changed {
            self.links.lock().insert((metadata.device_id, metadata.inode), (*metadata, content.to_vec()));
        }
    }

    fn count_file(&self, directory: &OpenDirectory, entry: &Entry, is_unchanged: bool) {
        let counter = match (is_unchanged, directory.is_known(entry)) {
            (true, _) => &self.counts.files_unmodified,
            (false, true) => &self.counts.files_changed,
            (false, false) => &self.counts.files_new,
        };
        counter.add(1);
        self.counts.bytes_total.add(entry.metadata.size);
        self.progress.files.add(1);
    }

    fn note_read(&self, bytes: usize) {
        self.counts.bytes_read.add(bytes as u64);
        self.progress.bytes.add(bytes as u64);
    }

    fn changed(&self, directory: &OpenDirectory, entry: &Entry) -> String {
        self.counts.changed_while_read.add(1);
        let mut path = directory.handle.path();
        path.push(b'/');
        path.extend_from_slice(&entry.name);
        self.monitor.trouble(Trouble::new(TroubleKind::Changed, display(&path), CHANGED));
        CHANGED.to_owned()
    }

    /// Reports what cannot be read. What is gone by now was deleted during the walk, as files of a live site are: it is
    /// noted, but nothing that should be in the point is missing.
    fn or_missing(&self, outcome: std::result::Result<Done, SourceError>) -> Option<Done> {
        match outcome {
            Ok(done) => Some(done),
            Err(error) if error.kind == io::ErrorKind::NotFound => {
                let message = "deleted during the backup";
                self.monitor.trouble(Trouble::new(TroubleKind::Notice, display(&error.path), message));
                None
            }
            Err(error) => {
                self.unreadable(&error);
                None
            }
        }
    }
}

/// Why a reading failed: the file, or the run.
enum Failure {
    Source(io::Error),
    Fatal(crate::error::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Source(error)
    }
}

impl From<crate::error::Error> for Failure {
    fn from(error: crate::error::Error) -> Failure {
        Failure::Fatal(error)
    }
}

fn refuse_pieces(pieces: u64) -> io::Result<()> {
    if pieces <= PIECES_MAX {
        return Ok(());
    }
    let text = format!("the file is too large: it would be more than {PIECES_MAX} blobs; exclude it");
    Err(io::Error::new(io::ErrorKind::FileTooLarge, text))
}

/// Reads until `buffer` is full or the file ends.
fn fill(content: &mut dyn Content, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match content.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn differs(now: &Metadata, then: &Metadata) -> bool {
    (now.size, now.mtime, now.ctime, now.inode) != (then.size, then.mtime, then.ctime, then.inode)
}
