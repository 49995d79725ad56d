//! Storing an object on an SSH server so that it is absent or whole: a temporary name, many requests in flight,
//! fsync where the server offers it, and a rename that takes free names only.

use std::sync::atomic::Ordering;

use futures::stream::{self, StreamExt, TryStreamExt};
use russh_sftp::protocol::{FileAttributes, OpenFlags};

use super::link::Link;
use super::{Failure, SftpPlace, is_absent};
use crate::contract::Put;
use crate::error::ErrorKind;
use crate::key::Key;

/// Temporary names begin so; no object name does, which keeps them out of every listing.
pub(super) const TEMPORARY_PREFIX: &str = ".holdfast-tmp-";

/// Write requests in flight for one object; with 128 KiB each this fills a line of 100 ms and 160 Mbit/s.
const WRITES_IN_FLIGHT: usize = 16;

impl SftpPlace {
    pub(super) fn temporary(&self) -> String {
        format!("{TEMPORARY_PREFIX}{}", self.surroundings.random_hex(8))
    }

    pub(super) async fn store(
        &self,
        link: &Link,
        key: &Key,
        path: &str,
        bytes: &[u8],
    ) -> Result<Put, Failure> {
        if let Some(there) = link.size(path).await? {
            return settle(link, path, there, bytes).await;
        }
        let stored = match link.new_file(path, bytes, &self.temporary()).await {
            Err(Failure::Said(error)) if is_absent(&error) => {
                self.present(link).await?;
                self.make_folders(link, key, path).await?;
                link.new_file(path, bytes, &self.temporary()).await?
            }
            other => other?,
        };
        if stored {
            return Ok(Put::Stored);
        }
        match link.size(path).await? {
            Some(there) => settle(link, path, there, bytes).await,
            None => Err(Failure::Settled(
                ErrorKind::Unreachable,
                format!("the server would not rename onto {path}, and nothing is there"),
            )),
        }
    }

    /// Makes the folders between the root and an object; the root itself is never made here.
    async fn make_folders(&self, link: &Link, key: &Key, path: &str) -> Result<(), Failure> {
        let top = self.server.root.len() + 1 + key.repository.len();
        let slashes = path.char_indices().filter(|(at, c)| *c == '/' && *at >= top).map(|(at, _)| at);
        for end in slashes {
            link.folder(&path[..end]).await?;
        }
        Ok(())
    }
}

async fn settle(link: &Link, path: &str, there: u64, bytes: &[u8]) -> Result<Put, Failure> {
    if there != bytes.len() as u64 {
        let cause = format!("{path} is there with {there} bytes, not {}", bytes.len());
        return Err(Failure::Settled(ErrorKind::Conflict, cause));
    }
    link.sync_folder_of(path).await?;
    Ok(Put::AlreadyThere)
}

impl Link {
    /// Stores a file under a name that is free; `false`, and nothing changed, when the name is taken.
    pub(super) async fn new_file(&self, path: &str, bytes: &[u8], temporary: &str) -> Result<bool, Failure> {
        let folder = path.rsplit_once('/').map_or("/", |(folder, _)| folder);
        let temporary = format!("{folder}/{temporary}");
        let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUDE;
        self.write_all(&temporary, flags, bytes).await?;
        // Version 3 of the protocol, and OpenSSH with it, renames onto free names only.
        match self.sftp.rename(temporary.as_str(), path).await {
            Ok(_) => {
                self.sync_folder_of(path).await?;
                Ok(true)
            }
            Err(error) if Link::is_plain_failure(&error) => {
                let taken = self.size(path).await?.is_some();
                self.remove_leftover(&temporary).await;
                if taken { Ok(false) } else { Err(error.into()) }
            }
            Err(error) => {
                self.remove_leftover(&temporary).await;
                Err(error.into())
            }
        }
    }

    /// Opens `path` past rule 2 and writes over it.
    pub(super) async fn overwrite(&self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.write_all(path, OpenFlags::WRITE | OpenFlags::TRUNCATE, bytes).await
    }

    async fn write_all(&self, path: &str, flags: OpenFlags, bytes: &[u8]) -> Result<(), Failure> {
        let attributes = FileAttributes { permissions: Some(0o600), ..FileAttributes::empty() };
        let handle = self.sftp.open(path, flags, attributes).await?.handle;
        let written = self.fill(&handle, bytes).await;
        let closed = self.sftp.close(handle).await;
        let failure = match (written, closed) {
            (Ok(()), Ok(_)) => return Ok(()),
            (Err(failure), _) => failure,
            (Ok(()), Err(error)) => error.into(),
        };
        let failure = self.perhaps_full(path, bytes.len(), failure).await;
        if flags.contains(OpenFlags::EXCLUDE) {
            self.remove_leftover(path).await;
        }
        Err(failure)
    }

    async fn fill(&self, handle: &str, bytes: &[u8]) -> Result<(), Failure> {
        let chunks = bytes.chunks(self.chunk_bytes).enumerate();
        stream::iter(chunks.map(|(index, chunk)| {
            let offset = (index * self.chunk_bytes) as u64;
            async move { self.sftp.write(handle, offset, chunk.to_vec()).await.map(|_| ()) }
        }))
        .buffer_unordered(WRITES_IN_FLIGHT)
        .try_collect::<()>()
        .await?;
        if self.offers_fsync {
            self.sftp.fsync(handle).await?;
        }
        Ok(())
    }

    /// The protocol says "failure" for a full disk; the free space tells.
    async fn perhaps_full(&self, path: &str, bytes: usize, failure: Failure) -> Failure {
        let Failure::Said(error) = &failure else { return failure };
        if !self.offers_statvfs || !Link::is_plain_failure(error) {
            return failure;
        }
        let folder = path.rsplit_once('/').map_or("/", |(folder, _)| folder);
        match self.sftp.statvfs(folder).await {
            Ok(space) => {
                let free = space.blocks_avail.saturating_mul(space.fragment_size.max(1));
                if free < bytes as u64 || space.inodes > 0 && space.inodes_avail == 0 {
                    let cause =
                        format!("the server has {free} bytes left, {bytes} were to be written to {folder}");
                    return Failure::Settled(ErrorKind::Full, cause);
                }
                failure
            }
            Err(_) => failure,
        }
    }

    /// Best effort: what stays is invisible, and removed by a later listing.
    async fn remove_leftover(&self, path: &str) {
        let _ = self.sftp.remove(path).await;
    }

    /// Makes the entries of a path's folder durable, where the server lets a folder be opened and synced. Elsewhere
    /// the name is as durable as the server's file system makes it.
    pub(super) async fn sync_folder_of(&self, path: &str) -> Result<(), Failure> {
        if !self.offers_fsync || !self.syncs_folders.load(Ordering::Relaxed) {
            return Ok(());
        }
        let folder = path.rsplit_once('/').map_or("/", |(folder, _)| folder);
        let opened = self.sftp.open(folder, OpenFlags::READ, FileAttributes::empty()).await;
        let synced = match opened {
            Ok(handle) => {
                let synced = self.sftp.fsync(handle.handle.as_str()).await;
                self.sftp.close(handle.handle).await?;
                synced
            }
            Err(error) => Err(error),
        };
        match synced.map_err(Failure::from) {
            Ok(_) => Ok(()),
            Err(Failure::Said(_)) => {
                self.syncs_folders.store(false, Ordering::Relaxed);
                Ok(())
            }
            Err(broken) => Err(broken),
        }
    }
}
