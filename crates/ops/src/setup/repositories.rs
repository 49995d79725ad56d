//! Opening a repository: its mirrors, with the rights that the caller needs and no more, and its key.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_repo::{LocalFolders, Mirror, MirrorState, Repository};
use holdfast_world::ExposeSecret;

use super::Setup;
use super::closed::Closed;
use crate::error::{Error, Result};
use crate::key_ring::RepositoryKey;

/// What a repository is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rights {
    /// Reading and adding.
    Add,
    /// Deleting, too.
    Delete,
}

/// Locations that are left alone, each with the reason.
pub(crate) type Shut = BTreeMap<String, String>;

/// The spool's bound, until the policy language has one.
const SPOOL_BYTES_MAX: u64 = 4 << 30;

impl Setup {
    /// The mirrors of a repository: one per location, or the named one alone. They cannot delete.
    pub fn mirrors(&self, repository: &str, only: Option<&str>) -> Result<Vec<Arc<Mirror>>> {
        self.mirrors_with(repository, only, &Shut::new(), Rights::Add)
    }

    /// The mirrors of a repository with the credentials that may delete, whether the ring has a key for it or not.
    pub(crate) fn mirrors_for_deleting(&self, repository: &str) -> Result<Vec<Arc<Mirror>>> {
        self.mirrors_with(repository, None, &Shut::new(), Rights::Delete)
    }

    fn mirrors_with(
        &self,
        repository: &str,
        only: Option<&str>,
        shut: &Shut,
        rights: Rights,
    ) -> Result<Vec<Arc<Mirror>>> {
        if let Some(name) = only {
            self.location(name)?;
        }
        if let Some(Err(reason)) = self.opened.values().next()
            && self.opened.values().all(std::result::Result::is_err)
        {
            return Err(Error::usage(format!("no location can be opened: {reason}"))
                .hint("`holdfast validate` lists what is wrong"));
        }
        let mut mirrors = Vec::new();
        for (name, opened) in &self.opened {
            if only.is_some_and(|only| only != name) {
                continue;
            }
            if let Some(reason) = shut.get(name.as_str()) {
                mirrors.push(Arc::new(Mirror::new(Arc::new(Closed::new(name, reason)), None, repository)));
                continue;
            }
            let mirror = match opened {
                Ok(opened) => {
                    let deleter =
                        (rights == Rights::Delete).then(|| self.deleter(name, opened)).transpose()?;
                    Mirror::new(Arc::clone(&opened.writer), deleter, repository)
                }
                Err(reason) => Mirror::new(Arc::new(Closed::new(name, reason)), None, repository),
            };
            mirrors.push(Arc::new(mirror));
        }
        Ok(mirrors)
    }

    /// Opens a repository for reading. It must have a key in the ring.
    pub fn open(&self, repository: &str, only: Option<&str>) -> Result<Repository> {
        self.open_with(repository, &self.key(repository)?, only, &Shut::new(), Rights::Add)
    }

    /// Opens a repository for purging, pruning or repairing, with the credentials that may delete.
    pub fn open_for_deleting(&self, repository: &str) -> Result<Repository> {
        self.open_for_deleting_but(repository, &Shut::new())
    }

    /// The same where some locations must be left alone: they count as away.
    pub(crate) fn open_for_deleting_but(&self, repository: &str, shut: &Shut) -> Result<Repository> {
        self.open_with(repository, &self.key(repository)?, None, shut, Rights::Delete)
    }

    /// Opens a repository for writing. Where it exists nowhere yet, its key is made and kept first, then the repository is
    /// created at every location that can be reached.
    pub fn open_for_writing(&self, repository: &str) -> Result<Repository> {
        self.open_for_writing_but(repository, &Shut::new())
    }

    /// The same where some locations must be left alone: they count as away.
    pub(crate) fn open_for_writing_but(&self, repository: &str, shut: &Shut) -> Result<Repository> {
        // What is done on the first use is done once, whoever else begins at this moment. No repository has this name.
        let first_use = self.turn("first use")?;
        // First: a place that was never made ready answers every question with "unreachable".
        self.establish_on_first_use()?;
        let key = match self.ring.get(repository)? {
            Some(key) => key,
            None => {
                self.refuse_foreign(repository)?;
                self.ring.generate(repository, &self.writer())?
            }
        };
        drop(first_use);
        let mut opened = self.open_with(repository, &key, None, shut, Rights::Add)?;
        opened.establish();
        Ok(opened)
    }

    fn key(&self, repository: &str) -> Result<RepositoryKey> {
        self.ring.get(repository)?.ok_or_else(|| {
            Error::usage(format!("the key ring has no key for the repository {repository}"))
                .hint("run `holdfast backup` first, or `holdfast key import` for a repository made elsewhere")
        })
    }

    fn open_with(
        &self,
        repository: &str,
        key: &RepositoryKey,
        only: Option<&str>,
        shut: &Shut,
        rights: Rights,
    ) -> Result<Repository> {
        let mirrors = self.mirrors_with(repository, only, shut, rights)?;
        let password = key.password.expose_secret();
        Ok(Repository::open(
            mirrors,
            key.identity.clone(),
            password,
            self.folders(repository),
            self.writer(),
        )?)
    }

    /// Without a key in the ring, a repository that exists somewhere is somebody's: never start a second one over it. One
    /// location that is down does not stop the others: should it hold such a repository after all, its config tells when
    /// it is back, and nothing is written there.
    fn refuse_foreign(&self, repository: &str) -> Result<()> {
        let mut failures = Vec::new();
        let mirrors = self.mirrors(repository, None)?;
        for mirror in &mirrors {
            match mirror.is_empty() {
                Ok(true) => {}
                Ok(false) => {
                    return Err(Error::usage(format!(
                        "location {} already holds a repository {repository}, and the key ring has no key for it",
                        mirror.name()
                    ))
                    .hint("restore the key file, or take the repository up with `holdfast key import`"));
                }
                Err(error) => failures.push(error),
            }
        }
        if failures.len() < mirrors.len() {
            return Ok(());
        }
        match failures.into_iter().next() {
            Some(error) => Err(error.into()),
            None => Err(Error::usage("estate.toml names no location".to_owned())),
        }
    }

    fn folders(&self, repository: &str) -> LocalFolders {
        let state = self.places.state.join("repositories").join(repository);
        LocalFolders {
            cache: state.join("cache"),
            spool: state.join("spool"),
            spool_bytes_max: SPOOL_BYTES_MAX,
            tombstones: state.join("tombstones.jsonl"),
        }
    }
}

/// Locations of an open repository that cannot be used, each with the reason.
pub fn unusable(repository: &Repository) -> Vec<(String, String)> {
    let states = repository.states();
    states
        .filter_map(|(mirror, state)| match state {
            MirrorState::Ready => None,
            MirrorState::Absent => {
                Some((mirror.name().to_owned(), "has no copy of the repository yet".to_owned()))
            }
            MirrorState::Unusable { reason, .. } => Some((mirror.name().to_owned(), reason.clone())),
        })
        .collect()
}
