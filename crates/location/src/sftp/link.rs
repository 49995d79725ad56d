//! Connections of one server, and who uses them. One connection carries many requests at once, but one core
//! encrypts it; several are opened while there is work for them, and a dead one is never handed out twice.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use russh::client::Handle;
use russh_sftp::client::RawSftpSession;
use russh_sftp::protocol::{FileAttributes, StatusCode};
use tokio::sync::{Mutex, watch};

use super::connect::{Access, Greeter};
use super::{Failure, is_absent};

/// Connections of one place; servers for hire allow ten or so.
const LINKS_MAX: usize = 4;

/// One SSH connection with one SFTP channel.
pub(crate) struct Link {
    pub(super) sftp: RawSftpSession,
    /// Keeps the connection open.
    pub(super) ssh: Handle<Greeter>,
    /// `SHA256:…`
    pub(super) host_key: String,
    /// Bytes in one request.
    pub(super) chunk_bytes: usize,
    pub(super) offers_fsync: bool,
    pub(super) offers_statvfs: bool,
    /// Whether folders can be opened and synced; not every server lets one.
    pub(super) syncs_folders: AtomicBool,
    /// Closed with the connection.
    alive: watch::Receiver<()>,
    users: AtomicUsize,
    uses: AtomicUsize,
    broken: AtomicBool,
}

impl Link {
    pub(super) fn new(
        sftp: RawSftpSession,
        ssh: Handle<Greeter>,
        host_key: String,
        alive: watch::Receiver<()>,
    ) -> Link {
        Link {
            sftp,
            ssh,
            host_key,
            chunk_bytes: 32 * 1024,
            offers_fsync: false,
            offers_statvfs: false,
            syncs_folders: AtomicBool::new(true),
            alive,
            users: AtomicUsize::new(0),
            uses: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
        }
    }

    fn usable(&self) -> bool {
        !self.broken.load(Ordering::Relaxed) && !self.ssh.is_closed()
    }

    /// Waits until the connection is gone. A request sent in that instant would wait for its own long bound.
    pub(super) async fn closed(&self) {
        let mut alive = self.alive.clone();
        while alive.changed().await.is_ok() {}
    }

    /// The size of a file, `None` when the server answers that it is not there.
    pub(super) async fn size(&self, path: &str) -> Result<Option<u64>, Failure> {
        match self.sftp.lstat(path).await {
            Ok(answer) if answer.attrs.is_regular() => Ok(Some(answer.attrs.len())),
            Ok(_) => Err(Failure::Settled(crate::ErrorKind::Corrupt, format!("{path} is not a file"))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes one folder (0700); that it is there already is fine.
    pub(super) async fn folder(&self, path: &str) -> Result<(), Failure> {
        let attributes = FileAttributes { permissions: Some(0o700), ..FileAttributes::empty() };
        match self.sftp.mkdir(path, attributes).await {
            Ok(_) => self.sync_folder_of(path).await,
            // The protocol has no "already there".
            Err(error) => match self.sftp.stat(path).await {
                Ok(answer) if answer.attrs.is_dir() => Ok(()),
                _ => Err(error.into()),
            },
        }
    }

    /// Whether the server answered an error that is just "no".
    pub(super) fn is_plain_failure(error: &russh_sftp::client::error::Error) -> bool {
        use russh_sftp::client::error::Error;
        matches!(error, Error::Status(status)
            if matches!(status.status_code, StatusCode::Failure | StatusCode::OpUnsupported))
    }
}

/// The connections of one place.
pub(super) struct Links {
    access: Access,
    open: StdMutex<Vec<Arc<Link>>>,
    /// One caller at a time connects; the others may then find a free link.
    connecting: Mutex<()>,
}

/// The right to use a link until dropped.
pub(super) struct Lease<'a> {
    links: &'a Links,
    link: Arc<Link>,
}

impl Links {
    pub(super) fn new(access: Access) -> Links {
        Links { access, open: StdMutex::default(), connecting: Mutex::const_new(()) }
    }

    /// The least used connection, or a new one where all are busy.
    pub(super) async fn take(&self) -> Result<Lease<'_>, Failure> {
        if let Some(lease) = self.least_used(|users, links| users == 0 || links >= LINKS_MAX) {
            return Ok(lease);
        }
        let _one_at_a_time = self.connecting.lock().await;
        if let Some(lease) = self.least_used(|users, links| users == 0 || links >= LINKS_MAX) {
            return Ok(lease);
        }
        match self.access.connect().await {
            Ok(link) => {
                let link = Arc::new(link);
                self.locked().push(Arc::clone(&link));
                Ok(self.lease(link))
            }
            // Servers limit connections; with one open already that is no reason to fail.
            Err(failure) => self.least_used(|_, _| true).ok_or(failure),
        }
    }

    fn least_used(&self, good_enough: impl Fn(usize, usize) -> bool) -> Option<Lease<'_>> {
        let mut open = self.locked();
        open.retain(|link| link.usable());
        let count = open.len();
        let link = open.iter().min_by_key(|link| link.users.load(Ordering::Relaxed))?;
        good_enough(link.users.load(Ordering::Relaxed), count).then(|| self.lease(Arc::clone(link)))
    }

    fn lease(&self, link: Arc<Link>) -> Lease<'_> {
        link.users.fetch_add(1, Ordering::Relaxed);
        Lease { links: self, link }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Link>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease<'_> {
    pub(super) fn link(&self) -> Arc<Link> {
        Arc::clone(&self.link)
    }

    /// Whether the link carried a call before: only then can it have died unnoticed.
    pub(super) fn was_used(&self) -> bool {
        self.link.uses.load(Ordering::Relaxed) > 0
    }

    /// Never hands this link out again, nor its siblings: what killed one usually killed all.
    pub(super) fn discard(&self) {
        for link in self.links.locked().drain(..).chain([self.link()]) {
            link.broken.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.link.users.fetch_sub(1, Ordering::Relaxed);
        self.link.uses.fetch_add(1, Ordering::Relaxed);
    }
}
