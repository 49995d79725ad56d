//! The ledger, open for writing.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use holdfast_world::{Clock, Random};
use jiff::Timestamp;
use parking_lot::Mutex;

use crate::connection::{self, Connection, Schema};
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::fact::{Fact, Stamp};
use crate::owner::OwnerLock;
use crate::reader::Reader;
use crate::{file, leaf, lease, owner};

/// The ledger, owned by this process until it is closed or dropped.
pub struct Ledger {
    // Closed before the writer: whoever closes last writes the log back into the file, which a reader cannot.
    reader: Reader,
    writer: Mutex<Connection>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    token: u64,
    // Last, so that the lock is let go after the files are closed.
    _owner: OwnerLock,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("token", &self.token).finish_non_exhaustive()
    }
}

/// How long a lease lasts unless it is renewed.
pub(crate) const LEASE: Duration = Duration::from_secs(60);

impl Ledger {
    /// Opens the ledger at `path` for `instance`, the words by which others are told who holds it. Makes it, closed to other
    /// users, where there is none, and brings an older one up to date. Takes a lease: from here on an instance that opened
    /// it before cannot write any more.
    ///
    /// # Errors
    /// `Owned` when another process has it; `Newer`, `NotALedger` or `Damaged` for a file that is then left as it was.
    pub fn open(
        path: &Path,
        instance: &str,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Ledger> {
        file::prepare(path)?;
        let owner = owner::take(path, instance)?;
        let schema = file::inspect(path)?;
        let mut writer = connection::open_writer(path)?;
        if schema != Schema::Current {
            connection::migrate(&mut writer)?;
        }
        let reader = Reader::open(path)?;
        let mut ledger =
            Ledger { reader, writer: Mutex::new(writer), clock, random, token: 0, _owner: owner };
        ledger.token = ledger.take_lease(instance)?;
        Ok(ledger)
    }

    /// Answers questions, without waiting for a transaction that is under way.
    pub fn read(&self) -> &Reader {
        &self.reader
    }

    /// The fencing token of this instance: higher than that of any before it.
    pub fn token(&self) -> u64 {
        self.token
    }

    /// Records what `body` records, all of it or nothing. It is on the disk when this returns.
    ///
    /// # Errors
    /// `Fenced` once another instance took the ledger over; what `body` returned; or why it could not be written.
    pub fn write<T>(&self, body: impl FnOnce(&mut Transaction<'_>) -> Result<T>) -> Result<T> {
        self.transact(|transaction| {
            let highest = lease::highest_token(transaction.connection)?;
            if highest != transaction.token {
                let why = format!(
                    "this instance has token {} and another took over with {highest}",
                    transaction.token
                );
                return Err(Error::new(ErrorKind::Fenced, why));
            }
            body(transaction)
        })
    }

    /// Leaves nothing in the log beside the file of what was erased.
    ///
    /// # Errors
    /// When it could not be written back; what was erased is erased in the tables all the same.
    pub fn empty_log(&self) -> Result<()> {
        connection::empty_log(&mut self.writer.lock())
    }

    /// Erases what private values leaves have about a repository, see [`Transaction::erase_private`]; nothing of them is
    /// left in the file or, unless somebody reads it now, in its log.
    ///
    /// # Errors
    /// As [`Ledger::write`].
    pub fn erase_private(&self, repository: &str, by: &str, reason: &str) -> Result<usize> {
        let now = self.clock.now();
        let erased = self.write(|transaction| transaction.erase_private(repository, by, reason, now))?;
        connection::empty_log(&mut self.writer.lock())?;
        Ok(erased)
    }

    /// Gives the lease back and closes the files.
    ///
    /// # Errors
    /// When that could not be recorded; the ledger is closed all the same.
    pub fn close(self) -> Result<()> {
        self.write(|transaction| transaction.return_lease(self.clock.now()))
    }

    fn take_lease(&self, instance: &str) -> Result<u64> {
        let now = self.clock.now();
        let expires = now
            .checked_add(LEASE)
            .map_err(|error| Error::caused(ErrorKind::System, "the clock is past everything", error))?;
        self.transact(|transaction| transaction.take_lease(instance, now, expires))
    }

    /// Says that this instance is alive for another minute.
    ///
    /// # Errors
    /// As [`Ledger::write`].
    pub fn renew_lease(&self) -> Result<()> {
        let expires = self.clock.now().saturating_add(LEASE);
        let expires = expires.map_err(|error| Error::caused(ErrorKind::System, "renew the lease", error))?;
        self.write(|transaction| lease::renew(transaction.connection, transaction.token, expires))
    }

    fn transact<T>(&self, body: impl FnOnce(&mut Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut connection = self.writer.lock();
        let outcome = connection.immediate_transaction(|connection| {
            let mut transaction = Transaction {
                connection,
                random: &*self.random,
                recorded_at: self.clock.now(),
                token: self.token,
            };
            body(&mut transaction).map_err(Stop::Ours)
        });
        match outcome {
            Ok(value) => Ok(value),
            Err(Stop::Ours(error)) => Err(error),
            Err(Stop::Database(error)) => Err(error).doing(|| "commit".to_owned()),
        }
    }
}

/// What ends a transaction early.
enum Stop {
    Ours(Error),
    Database(diesel::result::Error),
}

impl From<diesel::result::Error> for Stop {
    fn from(error: diesel::result::Error) -> Stop {
        Stop::Database(error)
    }
}

/// A transaction under way. Its methods, beside those of the nouns, record facts; each says when it happened.
pub struct Transaction<'a> {
    pub(crate) connection: &'a mut Connection,
    pub(crate) random: &'a dyn Random,
    pub(crate) recorded_at: Timestamp,
    pub(crate) token: u64,
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("token", &self.token).finish_non_exhaustive()
    }
}

impl Transaction<'_> {
    /// The instant that everything recorded here carries as its time of recording.
    pub fn recorded_at(&self) -> Timestamp {
        self.recorded_at
    }

    /// Appends the leaf and changes the tables.
    pub(crate) fn record(&mut self, happened_at: Timestamp, fact: &Fact) -> Result<Stamp> {
        let stamp = leaf::append(self.connection, self.random, fact, happened_at, self.recorded_at)?;
        fact.apply(self.connection, &stamp)?;
        Ok(stamp)
    }

    /// A new id: the time for people, and enough randomness that two never meet.
    pub(crate) fn new_id(&self) -> String {
        let mut random = [0; 6];
        self.random.fill(&mut random);
        format!("{}-{}", self.recorded_at.strftime("%Y%m%dT%H%M%SZ"), leaf::hex(&random))
    }
}
