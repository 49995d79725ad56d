//! restic's locks.
//!
//! A writer that holds no lock is not seen by a `restic prune` on the same repository, which then deletes the packs it has
//! not listed yet. So whoever writes holds a shared lock at every location it writes to, and whoever deletes holds an
//! exclusive one there. Locks are per location, like everything restic itself would see.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use holdfast_format::{Cipher, Id, Lock, decode_unpacked, encode_unpacked};
use holdfast_location::Area;
use parking_lot::{Condvar, Mutex};

use crate::error::{Error, ErrorKind, Result};
use crate::mirror::Mirror;
use crate::monitor::{Monitor, Trouble, TroubleKind};
use crate::repository::Repository;
use crate::writer::Writer;

/// How a lock excludes others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// For writers: any number may hold one.
    Shared,
    /// For those who delete: nobody else may hold any.
    Exclusive,
}

/// A lock at one location, refreshed in the background and removed when dropped.
pub struct HeldLock {
    keeper: Arc<Keeper>,
    thread: Option<JoinHandle<()>>,
}

struct Keeper {
    mirror: Arc<Mirror>,
    cipher: Cipher,
    writer: Writer,
    mode: Mode,
    taken: Duration,
    current: Mutex<Id>,
    is_lost: AtomicBool,
    stop: Mutex<bool>,
    stopped: Condvar,
}

/// Two processes may write their locks at the same moment; after this time both see both (restic's own value).
const SETTLE: Duration = Duration::from_millis(200);
const REFRESH: Duration = Duration::from_secs(300);
/// restic calls a lock stale after 30 minutes.
const STALE_SECONDS: i64 = 1800;
/// A holder that could not refresh for this long must stop: others will soon take its lock for stale.
const LOST_AFTER: Duration = Duration::from_secs(1350);

impl HeldLock {
    /// Takes a lock, unless somebody else's excludes it (kind `Locked`, naming the holder). Locks that a crash left behind
    /// are removed on the way. An exclusive lock is confirmed before this returns; the holder of a shared one calls
    /// [`HeldLock::confirm`] before it commits anything, and need not wait in between.
    pub fn take(mirror: &Arc<Mirror>, cipher: &Cipher, writer: &Writer, mode: Mode) -> Result<HeldLock> {
        look_for_conflict(mirror, cipher, writer, mode, None)?;
        let current = write_lock(mirror, cipher, writer, mode)?;
        let keeper = Arc::new(Keeper {
            mirror: Arc::clone(mirror),
            cipher: cipher.clone(),
            writer: writer.clone(),
            mode,
            taken: writer.clock.monotonic(),
            current: Mutex::new(current),
            is_lost: AtomicBool::new(false),
            stop: Mutex::new(false),
            stopped: Condvar::new(),
        });
        let thread = {
            let keeper = Arc::clone(&keeper);
            std::thread::spawn(move || keeper.refresh())
        };
        let held = HeldLock { keeper, thread: Some(thread) };
        if mode == Mode::Exclusive {
            held.confirm()?;
        }
        Ok(held)
    }

    /// Looks once more for somebody who locked at the same moment. On a conflict our lock should be dropped.
    pub fn confirm(&self) -> Result<()> {
        let keeper = &self.keeper;
        // Both sides write their lock first and look then, so one of the two sees the other. The deleter waits in between,
        // for places that show a new object late; one that waits is enough, and most runs are many and short.
        let passed = keeper.writer.clock.monotonic().saturating_sub(keeper.taken);
        if keeper.mode == Mode::Exclusive
            && let Some(rest) = SETTLE.checked_sub(passed)
        {
            keeper.writer.clock.sleep(rest);
        }
        let own = *keeper.current.lock();
        look_for_conflict(&keeper.mirror, &keeper.cipher, &keeper.writer, keeper.mode, Some(own))?;
        self.check()
    }

    /// An error once the lock could not be refreshed for so long that others may take it for stale.
    pub fn check(&self) -> Result<()> {
        if self.keeper.is_lost.load(Ordering::Relaxed) {
            return Err(Error::new(
                ErrorKind::Locked,
                format!(
                    "the lock at location {} could not be refreshed and is lost",
                    self.keeper.mirror.name()
                ),
            ));
        }
        Ok(())
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        *self.keeper.stop.lock() = true;
        self.keeper.stopped.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        // Where deleting is refused or impossible the lock goes stale by itself, and the next deleter removes it.
        let _ = self.keeper.mirror.delete_lock(&self.keeper.current.lock());
    }
}

impl Keeper {
    fn refresh(&self) {
        let mut refreshed = self.taken;
        let mut stop = self.stop.lock();
        while !*stop {
            self.stopped.wait_for(&mut stop, REFRESH);
            if *stop {
                return;
            }
            match write_lock(&self.mirror, &self.cipher, &self.writer, self.mode) {
                Ok(id) => {
                    let old = std::mem::replace(&mut *self.current.lock(), id);
                    let _ = self.mirror.delete_lock(&old);
                    refreshed = self.writer.clock.monotonic();
                }
                Err(_) if self.writer.clock.monotonic().saturating_sub(refreshed) >= LOST_AFTER => {
                    self.is_lost.store(true, Ordering::Relaxed);
                }
                Err(_) => {}
            }
        }
    }
}

fn write_lock(mirror: &Mirror, cipher: &Cipher, writer: &Writer, mode: Mode) -> Result<Id> {
    let lock = Lock {
        time: writer.clock.now(),
        exclusive: mode == Mode::Exclusive,
        hostname: writer.hostname.clone(),
        username: writer.lock_owner(),
        pid: i64::from(writer.pid),
        uid: writer.uid,
        gid: writer.gid,
    };
    let stored = encode_unpacked(cipher, writer.nonce(), &lock.to_json());
    let id = Id::of(&stored);
    mirror.put(Area::Locks, &id, Bytes::from(stored))?;
    Ok(id)
}

fn look_for_conflict(
    mirror: &Mirror,
    cipher: &Cipher,
    writer: &Writer,
    mode: Mode,
    own: Option<Id>,
) -> Result<()> {
    for (id, size) in mirror.list(Area::Locks)? {
        // Some places show an object before its bytes; restic ignores empty locks as well.
        if Some(id) == own || size == 0 {
            continue;
        }
        let lock = match read_lock(mirror, cipher, &id) {
            Ok(lock) => lock,
            Err(error) if error.kind == ErrorKind::NotFound => continue,
            // A damaged lock says nothing about its holder. It cannot stop writers forever, but nobody deletes beside it.
            Err(error) if error.kind == ErrorKind::Damaged && mode == Mode::Shared => continue,
            Err(error) => return Err(error),
        };
        if is_stale(&lock, writer) {
            let _ = mirror.delete_lock(&id);
            continue;
        }
        if lock.exclusive || mode == Mode::Exclusive {
            let kind = if lock.exclusive { "exclusive" } else { "shared" };
            return Err(Error::new(
                ErrorKind::Locked,
                format!(
                    "location {} is locked ({kind}) by {} on {}, process {}, since {}",
                    mirror.name(),
                    lock.username,
                    lock.hostname,
                    lock.pid,
                    lock.time
                ),
            ));
        }
    }
    Ok(())
}

impl Repository {
    /// Shared locks at `mirrors`, so that nobody deletes what is being read. Where none is to be had (a read-only place, a
    /// deletion under way) reading goes on all the same, and that is told.
    pub(crate) fn lock_for_reading(&self, mirrors: &[Arc<Mirror>], monitor: &dyn Monitor) -> Vec<HeldLock> {
        let mut held = Vec::new();
        for mirror in mirrors {
            match HeldLock::take(mirror, &self.cipher, &self.writer, Mode::Shared) {
                Ok(lock) => held.push(lock),
                Err(error) => monitor.trouble(Trouble::new(
                    TroubleKind::Notice,
                    mirror.name(),
                    format!("read without a lock, so objects may change meanwhile: {error}"),
                )),
            }
        }
        held
    }
}

/// Reads the lock `id`.
pub fn read_lock(mirror: &Mirror, cipher: &Cipher, id: &Id) -> Result<Lock> {
    let stored = mirror.get(Area::Locks, id)?;
    decode_unpacked(cipher, &stored)
        .map_err(|e| e.to_string())
        .and_then(|json| Lock::parse(&json).map_err(|e| e.to_string()))
        .map_err(|reason| {
            Error::new(ErrorKind::Damaged, format!("{}: {reason}", mirror.describe(Area::Locks, id)))
        })
}

/// Whether a lock's holder is certainly gone: not refreshed for 30 minutes (restic's rule), or a process of ours on this
/// machine that ended. restic goes by the host's name there, but only when a person runs `unlock`; many machines are
/// called "localhost" or "vm", and this is decided without anybody looking.
pub fn is_stale(lock: &Lock, writer: &Writer) -> bool {
    let age_seconds = writer.clock.now().duration_since(lock.time).as_secs();
    let is_ours = lock.hostname == writer.hostname && lock.username == writer.lock_owner();
    age_seconds > STALE_SECONDS || (is_ours && !is_alive(lock.pid, writer))
}

fn is_alive(pid: i64, writer: &Writer) -> bool {
    u32::try_from(pid).is_ok_and(|pid| pid == writer.pid || (writer.is_process_alive)(pid))
}
