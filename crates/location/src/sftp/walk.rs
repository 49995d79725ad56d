//! Walking a folder on an SSH server: every file, whatever its name.

use jiff::Timestamp;

use super::link::Link;
use super::{Failure, SftpPlace, is_absent};
use crate::walk::{Lying, Walk, What};

impl SftpPlace {
    pub(super) async fn walk_all(&self, link: &Link, top: &str) -> Result<Walk, Failure> {
        self.present(link).await?;
        let mut walk = Walk::default();
        let mut folders = vec![top.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in link.entries(&folder).await? {
                if matches!(entry.filename.as_str(), "." | "..") {
                    continue;
                }
                let path = format!("{folder}/{}", entry.filename);
                if entry.attrs.is_dir() {
                    folders.push(path);
                    continue;
                }
                let modified =
                    entry.attrs.mtime.and_then(|time| Timestamp::from_second(i64::from(time)).ok());
                let below = path.strip_prefix(&self.server.root).unwrap_or(&path).trim_start_matches('/');
                walk.lying.push(Lying {
                    path: below.to_owned(),
                    what: What::Current,
                    bytes: entry.attrs.size.unwrap_or(0),
                    modified,
                    version: None,
                });
            }
        }
        Ok(walk)
    }

    pub(super) async fn erase_file(&self, link: &Link, path: &str) -> Result<(), Failure> {
        match link.sftp.remove(path).await {
            Ok(_) => link.sync_folder_of(path).await,
            Err(error) if is_absent(&error) => self.present(link).await,
            Err(error) => Err(error.into()),
        }
    }
}
