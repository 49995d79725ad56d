//! Everything a command starts from: the parsed files, the key ring, the locations, and who we are.

mod closed;
mod first_use;
mod opening;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use holdfast_location::layers::breaker::Tell;
use holdfast_location::{Address, Credentials, Location, Surroundings};
use holdfast_model::estate::{Asset, Location as LocationSpec, repository_name};
use holdfast_model::{Estate, Policy};
use holdfast_repo::{Cancel, LocalFolders, Mirror, MirrorState, Repository, Writer};
use holdfast_world::{ExposeSecret, World};

use self::closed::Closed;
use self::opening::OpenLocation;
use crate::error::{Error, Result};
use crate::key_ring::{KeyRing, RepositoryKey};

/// The folders that a command line names.
#[derive(Clone, Debug)]
pub struct Places {
    /// policy.toml, estate.toml and keys/.
    pub config: PathBuf,
    /// Caches, spool, records.
    pub state: PathBuf,
}

/// A loaded configuration.
pub struct Setup {
    /// The outside world.
    pub world: World,
    /// Where it was loaded from.
    pub places: Places,
    /// What is protected, and where copies live.
    pub estate: Estate,
    /// The rules.
    pub policy: Policy,
    /// The key ring.
    pub ring: KeyRing,
    /// Raised by a signal.
    pub interrupted: Arc<AtomicBool>,
    /// Told at once what somebody who waits must know, such as a location that stopped answering.
    tell: Tell,
    opened: BTreeMap<String, std::result::Result<OpenLocation, String>>,
}

/// What a repository is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rights {
    /// Reading and adding.
    Add,
    /// Deleting, too.
    Delete,
}

/// The spool's bound, until the policy language has one.
const SPOOL_BYTES_MAX: u64 = 4 << 30;

impl Setup {
    /// Puts a setup together from parsed files.
    pub fn new(
        world: World,
        places: Places,
        estate: Estate,
        policy: Policy,
        interrupted: Arc<AtomicBool>,
        tell: Tell,
    ) -> Setup {
        let ring = KeyRing::new(&places.config.join("keys"));
        let opened = BTreeMap::new();
        let mut setup = Setup { world, places, estate, policy, ring, interrupted, tell, opened };
        let names: Vec<String> = setup.estate.locations.keys().map(ToString::to_string).collect();
        for name in names {
            let opened = setup.open_location(&name);
            setup.opened.insert(name, opened.map_err(|e| e.message));
        }
        setup
    }

    /// The token that a signal raises.
    pub fn cancel(&self) -> Cancel {
        Cancel::from_flag(Arc::clone(&self.interrupted))
    }

    /// The asset called `name`.
    pub fn asset(&self, name: &str) -> Result<&Asset> {
        self.estate.assets.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.estate.assets.keys().map(AsRef::as_ref).collect();
            Error::usage(format!("there is no asset {name:?} in estate.toml"))
                .hint(format!("there are: {}", known.join(", ")))
        })
    }

    /// Every repository that the estate implies, with its assets.
    pub fn repositories(&self) -> BTreeMap<String, Vec<String>> {
        let mut repositories: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, asset) in &self.estate.assets {
            repositories.entry(repository_name(asset).to_string()).or_default().push(name.to_string());
        }
        repositories
    }

    /// The names of all locations.
    pub fn location_names(&self) -> impl Iterator<Item = &str> {
        self.estate.locations.keys().map(AsRef::as_ref)
    }

    /// The location called `name`, opened with the credentials for writing.
    pub fn location(&self, name: &str) -> Result<Arc<dyn Location>> {
        match self.opened.get(name) {
            Some(Ok(opened)) => Ok(Arc::clone(&opened.writer)),
            Some(Err(reason)) => Err(Error::usage(reason.clone())),
            None => {
                self.spec(name).and_then(|_| Err(Error::usage(format!("location {name} was not opened"))))
            }
        }
    }

    /// Address and credentials of a location, for programs that go there by themselves.
    pub fn address(&self, name: &str) -> Result<(Address, Credentials)> {
        self.location(name)?;
        let spec = self.spec(name)?;
        let address = Address::parse(&spec.url.value)
            .map_err(|cause| Error::usage(format!("the address of location {name}: {cause}")))?;
        let credentials = match &spec.credentials {
            Some(source) => self.credentials(name, source)?,
            None => Credentials::default(),
        };
        Ok((address, credentials))
    }

    fn spec(&self, name: &str) -> Result<&LocationSpec> {
        self.estate.locations.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.estate.locations.keys().map(AsRef::as_ref).collect();
            Error::usage(format!("there is no location {name:?} in estate.toml"))
                .hint(format!("there are: {}", known.join(", ")))
        })
    }

    /// Who we are, for locks and snapshots.
    pub fn writer(&self) -> Writer {
        let environment = Arc::clone(&self.world.environment);
        let alive = Arc::clone(&environment);
        Writer {
            clock: Arc::clone(&self.world.clock),
            random: Arc::clone(&self.world.random),
            hostname: environment.hostname().to_owned(),
            username: environment.user_name().to_owned(),
            uid: environment.uid(),
            gid: environment.gid(),
            pid: environment.pid(),
            is_process_alive: Arc::new(move |pid| alive.pid_alive(pid)),
            threads: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
        }
    }

    /// Locations that cannot be opened at all, each with the reason.
    pub fn unopened(&self) -> impl Iterator<Item = (&str, &str)> {
        self.opened.iter().filter_map(|(name, opened)| Some((name.as_str(), opened.as_ref().err()?.as_str())))
    }

    /// The mirrors of a repository: one per location, or the named one alone. They cannot delete.
    pub fn mirrors(&self, repository: &str, only: Option<&str>) -> Result<Vec<Arc<Mirror>>> {
        self.mirrors_with(repository, only, Rights::Add)
    }

    fn mirrors_with(&self, repository: &str, only: Option<&str>, rights: Rights) -> Result<Vec<Arc<Mirror>>> {
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
        self.open_with(repository, &self.key(repository)?, only, Rights::Add)
    }

    /// Opens a repository for purging, pruning or repairing, with the credentials that may delete.
    pub fn open_for_deleting(&self, repository: &str) -> Result<Repository> {
        self.open_with(repository, &self.key(repository)?, None, Rights::Delete)
    }

    /// Opens a repository for writing. Where it exists nowhere yet, its key is made and kept first, then the repository is
    /// created at every location that can be reached.
    pub fn open_for_writing(&self, repository: &str) -> Result<Repository> {
        // First: a place that was never made ready answers every question with "unreachable".
        self.establish_on_first_use()?;
        let key = match self.ring.get(repository)? {
            Some(key) => key,
            None => {
                self.refuse_foreign(repository)?;
                self.ring.generate(repository, &self.writer())?
            }
        };
        let mut opened = self.open_with(repository, &key, None, Rights::Add)?;
        opened.establish();
        Ok(opened)
    }

    /// A location without retries around it, and what it was opened with; for trying out what it really does.
    pub(crate) fn bare_location(&self, name: &str) -> Result<(Arc<dyn Location>, Surroundings)> {
        self.location(name)?;
        let spec = self.spec(name)?;
        self.establish_one_on_first_use(name)?;
        Ok((self.connect_bare(name, spec, spec.credentials.as_ref())?, self.surroundings()))
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
        rights: Rights,
    ) -> Result<Repository> {
        let mirrors = self.mirrors_with(repository, only, rights)?;
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

#[cfg(test)]
mod tests;
