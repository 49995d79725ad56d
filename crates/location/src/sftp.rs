//! Copies on an SSH server, over SFTP. The protocol has no "no space left", no atomic replace and no promise about
//! durability; what OpenSSH offers beyond it (fsync, free space, renaming onto free names only) is used where the
//! server has it. Plain SFTP cannot refuse overwriting, whatever rights are taken away: such a place is never
//! immutable.

mod connect;
mod hostkey;
mod link;
mod list;
mod read;
mod walk;
mod write;

use std::future::Future;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::{Either, select};
use russh_sftp::client::error::Error as Sftp;
use russh_sftp::protocol::StatusCode;
use tokio::runtime::Runtime;

use crate::contract::{Identity, Listed, Location, MARKER_REPOSITORY, Put};
use crate::credentials::Credentials;
use crate::error::{Error, ErrorKind};
use crate::key::{Area, Key, is_reserved, valid_repository};
use crate::secrets::Secrets;
use crate::surroundings::Surroundings;
use crate::walk::{Lying, Walk, What, is_below};
use crate::{marker, runtime};
use link::{Link, Links};

/// Where an SSH server is.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) user: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) root: String,
}

impl Server {
    fn description(&self) -> String {
        format!("sftp://{}@{}:{}{}", self.user, self.host, self.port, self.root)
    }
}

/// A folder on an SSH server.
pub(crate) struct SftpPlace {
    name: String,
    server: Server,
    secrets: Secrets,
    surroundings: Surroundings,
    /// Before the runtime, so that links are closed while it still runs.
    links: Links,
    runtime: Runtime,
}

/// Why a call did not succeed, before it is put into words.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server's answer to one request.
    Said(Sftp),
    /// A sorted error; the connection is fine.
    Settled(ErrorKind, String),
    /// The connection cannot be used any more, or was not made.
    Broken(ErrorKind, String),
    /// The bound is used up; a second connection would need as long again.
    Late(String),
}

impl From<Sftp> for Failure {
    fn from(error: Sftp) -> Failure {
        match error {
            Sftp::Status(_) | Sftp::Limited(_) => Failure::Said(error),
            Sftp::Timeout => Failure::Late("the server did not answer a request in time".to_owned()),
            other => Failure::Broken(ErrorKind::Unreachable, other.to_string()),
        }
    }
}

/// Whether an answer says that the file is not there.
pub(super) fn is_absent(error: &Sftp) -> bool {
    matches!(error, Sftp::Status(status) if status.status_code == StatusCode::NoSuchFile)
}

impl SftpPlace {
    pub(crate) fn new(
        name: &str,
        server: Server,
        credentials: &Credentials,
        surroundings: &Surroundings,
    ) -> Result<SftpPlace, String> {
        let own = ["identity_file", "identity_passphrase", "known_hosts", "host_key"];
        if let Some(cause) = credentials.foreign(&own) {
            return Err(cause);
        }
        let access = connect::Access::new(&server, credentials, surroundings)?;
        Ok(SftpPlace {
            name: name.to_owned(),
            secrets: Secrets::new([credentials.identity_passphrase.as_ref()]),
            links: Links::new(access),
            runtime: runtime::start(name)?,
            surroundings: surroundings.clone(),
            server,
        })
    }

    fn error(&self, kind: ErrorKind, action: &str, cause: &str) -> Error {
        Error::new(kind, &self.name, action, self.secrets.hide(cause))
    }

    fn checked(&self, action: &str, key: &Key) -> Result<String, Error> {
        match key.check() {
            Ok(()) => Ok(format!("{}/{}", self.server.root, key.path())),
            Err(cause) => Err(self.error(ErrorKind::Unsupported, action, &cause)),
        }
    }

    fn checked_repository(&self, action: &str, repository: &str) -> Result<String, Error> {
        if valid_repository(repository) {
            return Ok(format!("{}/{repository}", self.server.root));
        }
        Err(self.error(ErrorKind::Unsupported, action, &format!("{repository:?} is not a repository name")))
    }

    /// Runs `work` on a connection within the stated bound. A connection that turns out to be dead is replaced once:
    /// every call of the contract may be repeated.
    fn run<T, W>(&self, action: &str, bytes: u64, work: impl Fn(Arc<Link>) -> W) -> Result<T, Error>
    where
        W: Future<Output = Result<T, Failure>>,
    {
        let patience = self.surroundings.timeouts.transfer(bytes);
        runtime::wait(&self.runtime, async {
            let mut attempt = 0;
            loop {
                let lease = match self.links.take().await {
                    Ok(lease) => lease,
                    Err(failure) => return Err(self.put_into_words(action, failure)),
                };
                let (working, link) =
                    (pin!(tokio::time::timeout(patience, work(lease.link()))), lease.link());
                let done = match select(working, pin!(link.closed())).await {
                    Either::Left((Ok(done), _)) => done,
                    Either::Left((Err(_), _)) => {
                        Err(Failure::Late(format!("the call did not end within {} s", patience.as_secs())))
                    }
                    Either::Right(_) => {
                        let cause = "the server closed the connection".to_owned();
                        Err(Failure::Broken(ErrorKind::Unreachable, cause))
                    }
                };
                match done {
                    Ok(answer) => return Ok(answer),
                    Err(failure) => {
                        let broken = matches!(failure, Failure::Broken(..));
                        let was_used = lease.was_used();
                        if broken || matches!(failure, Failure::Late(_)) {
                            lease.discard();
                        }
                        if broken && was_used && attempt == 0 {
                            attempt += 1;
                            continue;
                        }
                        return Err(self.put_into_words(action, failure));
                    }
                }
            }
        })
    }

    fn put_into_words(&self, action: &str, failure: Failure) -> Error {
        match failure {
            Failure::Settled(kind, cause) | Failure::Broken(kind, cause) => self.error(kind, action, &cause),
            Failure::Late(cause) => self.error(ErrorKind::Unreachable, action, &cause),
            Failure::Said(Sftp::Status(status)) => {
                let (kind, hint) = match status.status_code {
                    StatusCode::PermissionDenied => (ErrorKind::Refused, "the server does not allow it"),
                    StatusCode::NoSuchFile => (ErrorKind::NotFound, "there is no such file"),
                    StatusCode::OpUnsupported => (ErrorKind::Unsupported, "the server cannot do that"),
                    _ => (ErrorKind::Unreachable, "the server failed"),
                };
                self.error(kind, action, &format!("{hint}: {}", status.error_message))
            }
            Failure::Said(other) => self.error(ErrorKind::Unreachable, action, &other.to_string()),
        }
    }

    /// Checks that the place itself is there.
    async fn present(&self, link: &Link) -> Result<(), Failure> {
        let path = format!("{}/{}", self.server.root, marker::key().path());
        match link.sftp.lstat(path).await {
            Ok(_) => Ok(()),
            Err(error) if is_absent(&error) => {
                let missing = marker::missing(&self.name, "", &self.server.description());
                Err(Failure::Settled(missing.kind, missing.cause))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The failure for a path that is not there.
    async fn absent(&self, link: &Link, path: &str) -> Failure {
        match self.present(link).await {
            Ok(()) => Failure::Settled(ErrorKind::NotFound, format!("{path} does not exist")),
            Err(failure) => failure,
        }
    }
}

impl Location for SftpPlace {
    fn name(&self) -> &str {
        &self.name
    }

    fn establish(&self) -> Result<(), Error> {
        let action = "establish the place";
        self.run(action, 0, |link| async move {
            let content = marker::fresh(&self.surroundings);
            link.folder(&self.server.root).await.map_err(|failure| match failure {
                Failure::Said(error) if is_absent(&error) => Failure::Settled(
                    ErrorKind::Unreachable,
                    format!("the folder that is to hold {} does not exist on the server", self.server.root),
                ),
                other => other,
            })?;
            let folder = format!("{}/{MARKER_REPOSITORY}", self.server.root);
            link.folder(&folder).await?;
            let path = format!("{}/{}", self.server.root, marker::key().path());
            if link.size(&path).await?.is_none() {
                link.new_file(&path, content.as_bytes(), &self.temporary()).await?;
            }
            Ok(())
        })
    }

    fn prepare(&self, repository: &str) -> Result<(), Error> {
        let action = format!("prepare {repository}");
        let folder = &self.checked_repository(&action, repository)?;
        self.run(&action, 0, |link| async move {
            self.present(&link).await?;
            link.folder(folder).await?;
            for area in Area::ALL.into_iter().filter(|area| *area != Area::Config) {
                link.folder(&format!("{folder}/{}", area.folder())).await?;
            }
            Ok(())
        })
    }

    fn put(&self, key: &Key, bytes: Bytes) -> Result<Put, Error> {
        let action = format!("write {key}");
        let path = &self.checked(&action, key)?;
        let bytes = &bytes;
        self.run(&action, bytes.len() as u64, |link| async move { self.store(&link, key, path, bytes).await })
    }

    fn get(&self, key: &Key, range: Option<Range<u64>>) -> Result<Bytes, Error> {
        let action = format!("read {key}");
        let path = &self.checked(&action, key)?;
        // The size is not known yet; the slowest transfer of the largest object is the bound.
        let bytes = range.as_ref().map_or(64 << 20, |range| range.end.saturating_sub(range.start));
        let range = &range;
        self.run(&action, bytes, |link| async move { self.read(&link, path, range.clone()).await })
    }

    fn size(&self, key: &Key) -> Result<u64, Error> {
        let action = format!("look up {key}");
        let path = &self.checked(&action, key)?;
        self.run(&action, 0, |link| async move {
            match link.size(path).await? {
                Some(size) => Ok(size),
                None => Err(self.absent(&link, path).await),
            }
        })
    }

    fn list(&self, repository: &str, area: Area) -> Result<Vec<Listed>, Error> {
        let action = format!("list {repository}/{}", area.folder());
        let folder = &self.checked_repository(&action, repository)?;
        // A listing moves about 200 bytes an object; the bound allows for a million of them.
        self.run(&action, 200 << 20, |link| async move { self.list_area(&link, folder, area).await })
    }

    fn delete(&self, key: &Key) -> Result<(), Error> {
        let action = format!("delete {key}");
        let path = &self.checked(&action, key)?;
        self.run(&action, 0, |link| async move {
            match link.sftp.remove(path.as_str()).await {
                Ok(_) => link.sync_folder_of(path).await,
                Err(error) if is_absent(&error) => self.present(&link).await,
                Err(error) => Err(error.into()),
            }
        })
    }

    fn repositories(&self) -> Result<Vec<String>, Error> {
        self.run("list repositories", 1 << 20, |link| async move {
            self.present(&link).await?;
            let entries = link.entries(&self.server.root).await?;
            let folders =
                entries.into_iter().filter(|entry| entry.attrs.is_dir()).map(|entry| entry.filename);
            Ok(folders.filter(|name| valid_repository(name) && !is_reserved(name)).collect())
        })
    }

    fn identity(&self) -> Result<Identity, Error> {
        self.run("identify the place", 0, |link| async move {
            self.present(&link).await?;
            let path = format!("{}/{}", self.server.root, marker::key().path());
            let content = self.read(&link, &path, None).await?;
            let answer = link.sftp.realpath(self.server.root.as_str()).await.map_err(Failure::from)?;
            let root = answer.files.into_iter().next().map_or(self.server.root.clone(), |file| file.filename);
            // A jailed account does not see it; then the machine is unknown, which is an honest answer.
            let machine = match link.read_small("/etc/machine-id").await {
                Ok(id) => {
                    String::from_utf8(id).ok().map(|id| id.trim().to_owned()).filter(|id| !id.is_empty())
                }
                Err(Failure::Said(_) | Failure::Settled(..)) => None,
                Err(broken) => return Err(broken),
            };
            Ok(Identity {
                fingerprint: format!("sftp {} {root}", link.host_key),
                description: format!("folder {root} on {} (host key {})", self.server.host, link.host_key),
                machine,
                device: Some(format!("ssh {}", link.host_key)),
                marker: marker::id(&content),
            })
        })
    }

    fn discard_empty(&self, repository: &str) -> Result<(), Error> {
        let action = format!("remove the empty {repository}");
        let folder = &self.checked_repository(&action, repository)?;
        self.run(&action, 0, |link| async move {
            // Only empty folders can be removed so; the others stay, with what is in them.
            let areas = Area::ALL.into_iter().filter(|area| *area != Area::Config);
            let mut folders: Vec<String> = areas.map(|area| format!("{folder}/{}", area.folder())).collect();
            let data = format!("{folder}/{}", Area::Data.folder());
            for entry in link.entries(&data).await?.into_iter().filter(|entry| entry.filename.len() == 2) {
                folders.insert(0, format!("{data}/{}", entry.filename));
            }
            folders.push(folder.clone());
            for path in folders {
                match link.sftp.rmdir(path).await {
                    Ok(_) | Err(Sftp::Status(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(())
        })
    }

    fn walk(&self, repository: Option<&str>) -> Result<Walk, Error> {
        let action = "walk the place";
        let top = &match repository {
            Some(name) => self.checked_repository(action, name)?,
            None => self.server.root.clone(),
        };
        self.run(action, 1 << 26, |link| async move { self.walk_all(&link, top).await })
    }

    fn erase(&self, lying: &Lying) -> Result<(), Error> {
        let action = format!("erase {}", lying.path);
        if !is_below(&lying.path) || lying.what != What::Current {
            return Err(self.error(ErrorKind::Unsupported, &action, "it is no file of this place"));
        }
        let path = &format!("{}/{}", self.server.root, lying.path);
        self.run(&action, 0, |link| async move { self.erase_file(&link, path).await })
    }

    fn overwrite_raw(&self, key: &Key, bytes: Bytes) -> Result<(), Error> {
        let action = format!("overwrite {key}");
        let path = &self.checked(&action, key)?;
        let bytes = &bytes;
        self.run(&action, bytes.len() as u64, |link| async move { link.overwrite(path, bytes).await })
    }
}
