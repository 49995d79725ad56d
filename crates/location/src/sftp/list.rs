//! Listing on an SSH server: everything or an error.

use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use russh_sftp::client::error::Error as Sftp;
use russh_sftp::protocol::{File, StatusCode};

use super::link::Link;
use super::write::TEMPORARY_PREFIX;
use super::{Failure, SftpPlace, is_absent};
use crate::contract::Listed;
use crate::error::ErrorKind;
use crate::key::{Area, valid_object};

/// Folders read at once.
const FOLDERS_IN_FLIGHT: usize = 16;

/// Temporary files older than this belong to nobody any more: no transfer of one object takes so long.
const TEMPORARY_AGE_MAX: Duration = Duration::from_secs(24 * 3600);

impl SftpPlace {
    pub(super) async fn list_area(
        &self,
        link: &Link,
        folder: &str,
        area: Area,
    ) -> Result<Vec<Listed>, Failure> {
        let listed = match area {
            Area::Config => {
                let size = link.size(&format!("{folder}/config")).await?;
                size.map(|size| Listed { name: "config".to_owned(), size }).into_iter().collect()
            }
            Area::Data => {
                let top = format!("{folder}/{}", area.folder());
                let entries = link.entries(&top).await?;
                let prefixes =
                    entries.into_iter().filter(|entry| entry.filename.len() == 2 && entry.attrs.is_dir());
                stream::iter(prefixes.map(|entry| {
                    let path = format!("{top}/{}", entry.filename);
                    async move { self.list_objects(link, &path, &entry.filename).await }
                }))
                .buffer_unordered(FOLDERS_IN_FLIGHT)
                .try_concat()
                .await?
            }
            _ => self.list_objects(link, &format!("{folder}/{}", area.folder()), "").await?,
        };
        if listed.is_empty() {
            self.present(link).await?;
        }
        Ok(listed)
    }

    async fn list_objects(&self, link: &Link, folder: &str, prefix: &str) -> Result<Vec<Listed>, Failure> {
        let mut listed = Vec::new();
        for entry in link.entries(folder).await? {
            if valid_object(&entry.filename) && entry.filename.starts_with(prefix) {
                if entry.attrs.is_regular() {
                    let size = match entry.attrs.size {
                        Some(size) => Some(size),
                        None => link.size(&format!("{folder}/{}", entry.filename)).await?,
                    };
                    listed.extend(size.map(|size| Listed { name: entry.filename, size }));
                }
            } else if entry.filename.starts_with(TEMPORARY_PREFIX) {
                self.sweep(link, folder, &entry).await;
            }
        }
        Ok(listed)
    }

    /// Removes a temporary file that a dead writer left; failing is harmless, it stays invisible.
    async fn sweep(&self, link: &Link, folder: &str, entry: &File) {
        let Some(modified) = entry.attrs.mtime else { return };
        let age = self.surroundings.clock.now().as_second() - i64::from(modified);
        if age > TEMPORARY_AGE_MAX.as_secs() as i64 {
            let _ = link.sftp.remove(format!("{folder}/{}", entry.filename)).await;
        }
    }
}

impl Link {
    /// The entries of a folder; a folder that is absent has none, one that cannot be read is an error.
    pub(super) async fn entries(&self, folder: &str) -> Result<Vec<File>, Failure> {
        let handle = match self.sftp.opendir(folder).await {
            Ok(handle) => handle.handle,
            Err(error) if is_absent(&error) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut entries = Vec::new();
        let end = loop {
            match self.sftp.readdir(handle.as_str()).await {
                Ok(answer) if answer.files.is_empty() => {
                    let cause = format!("the server answered a listing of {folder} with nothing");
                    break Err(Failure::Broken(ErrorKind::Unreachable, cause));
                }
                Ok(answer) => entries.extend(answer.files),
                Err(Sftp::Status(status)) if status.status_code == StatusCode::Eof => break Ok(()),
                Err(error) => break Err(error.into()),
            }
        };
        self.sftp.close(handle).await?;
        end.map(|()| entries)
    }
}
