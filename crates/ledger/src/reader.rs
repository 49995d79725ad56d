//! The ledger, open for reading: by any number of processes, beside the one that writes.
//!
//! A question is one short statement, or a few within one snapshot. None holds the writer up: it appends to the log while
//! readers look at what was there before.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use diesel::Connection as _;
use diesel::connection::{AnsiTransactionManager, TransactionManager};
use jiff::Timestamp;
use parking_lot::Mutex;

use crate::audit::{self, Audit};
use crate::connection::{self, Connection, Schema};
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::file;
use crate::leaf::{self, Leaf};
use crate::tree::{self, TreeHead};

/// The ledger, open for reading.
pub struct Reader {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

/// The ledger as it is at one moment, see [`Reader::snapshot`].
#[derive(Debug)]
pub struct Snapshot<'r>(&'r Reader);

impl Deref for Snapshot<'_> {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        self.0
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        // Nothing was written, so there is nothing to lose.
        let _ = AnsiTransactionManager::rollback_transaction(&mut *self.0.connection.lock());
    }
}

impl Reader {
    /// Opens the ledger at `path`, which nothing done through this changes.
    ///
    /// # Errors
    /// `Absent` where there is none; `Older`, `Newer`, `NotALedger` or `Damaged` for a file that cannot be read.
    pub fn open(path: &Path) -> Result<Reader> {
        match path.metadata() {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let why = format!("there is none yet at {}", path.display());
                return Err(Error::new(ErrorKind::Absent, why));
            }
            Err(error) => return Err(error).doing(|| format!("open {}", path.display())),
        }
        file::refuse_foreign(path)?;
        let mut connection = connection::open_reader(path)?;
        match connection::recognise(&mut connection, path)? {
            Schema::Current => Ok(Reader { path: path.to_owned(), connection: Mutex::new(connection) }),
            Schema::Older => {
                let why = format!(
                    "{} was written by an older holdfast; the next backup brings it up to date",
                    path.display()
                );
                Err(Error::new(ErrorKind::Older, why))
            }
            Schema::Empty => {
                Err(Error::new(ErrorKind::Absent, format!("nothing is in {} yet", path.display())))
            }
        }
    }

    /// Answers from a connection that somebody else filled.
    pub(crate) fn over(path: PathBuf, connection: Connection) -> Reader {
        Reader { path, connection: Mutex::new(connection) }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Up to `count` leaves from number `from` on.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn leaves(&self, from: u64, count: u32) -> Result<Vec<Leaf>> {
        self.ask(|connection| leaf::load(connection, from, count))
    }

    /// The head of the Merkle tree over the first `count` leaves, or over all.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn tree_head(&self, count: Option<u64>) -> Result<TreeHead> {
        self.ask(|connection| tree::head(connection, count))
    }

    /// The heads at those of `sizes` that are no larger than the tree, the smallest first, and the head over all leaves; by
    /// the hashes as they are stored.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn tree_heads(&self, sizes: &BTreeSet<u64>) -> Result<(Vec<TreeHead>, TreeHead)> {
        self.ask(|connection| tree::heads(connection, sizes))
    }

    /// How many leaves there are, without reading them.
    ///
    /// # Errors
    /// When they cannot be counted.
    pub fn leaf_count(&self) -> Result<u64> {
        self.ask(leaf::count)
    }

    /// The number of the first leaf that was recorded at `instant` or later; none where there is no such leaf.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn first_leaf_since(&self, instant: Timestamp) -> Result<Option<u64>> {
        self.ask(|connection| leaf::first_since(connection, instant))
    }

    /// The earliest instant at which any of these leaves says that it was recorded; none where there are none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn earliest_recorded(&self, leaves: std::ops::Range<u64>) -> Result<Option<Timestamp>> {
        self.ask(|connection| leaf::earliest_recorded(connection, leaves))
    }

    /// Reads everything: that every page is whole, that each leaf is as it was written and none is missing, and that the
    /// tables say what the leaves say. Takes minutes for millions of leaves; nobody waits for it.
    ///
    /// # Errors
    /// `Damaged` with the first thing that is wrong.
    pub fn audit(&self) -> Result<Audit> {
        self.ask(|connection| {
            connection::check_integrity(connection, &self.path, false)?;
            audit::audit(connection)
        })
    }

    /// Writes the ledger as it is at one instant into a new file at `target`; what is written meanwhile is not in it.
    ///
    /// # Errors
    /// When there is a file already, or no space for it; then what is there is no copy.
    pub fn copy_into(&self, target: &Path) -> Result<()> {
        connection::copy(&self.path, target)
    }

    /// Has whatever is asked through what this returns answered as of one and the same state, until it is dropped. Whoever
    /// keeps it keeps the log beside the file from being taken in.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot<'_>> {
        let doing = || "begin to read".to_owned();
        AnsiTransactionManager::begin_transaction(&mut *self.connection.lock()).doing(doing)?;
        Ok(Snapshot(self))
    }

    /// Answers within one snapshot.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        let mut connection = self.connection.lock();
        let mut answer = None;
        let outcome = connection.transaction(|connection| {
            answer = Some(question(connection));
            Ok::<_, diesel::result::Error>(())
        });
        outcome.doing(|| "read".to_owned())?;
        answer.unwrap_or_else(|| Err(Error::new(ErrorKind::System, "no answer")))
    }
}
