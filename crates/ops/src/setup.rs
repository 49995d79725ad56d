//! Everything a command starts from: the parsed files, the key ring, the locations, and who we are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use holdfast_ledger::Ledger;
use holdfast_location::layers::retry::{Retry, RetryPolicy};
use holdfast_location::{Address, Credentials, Location, Place, Surroundings};
use holdfast_model::estate::{
    Asset, Credentials as CredentialSource, Location as LocationSpec, repository_name,
};
use holdfast_model::{Estate, Policy};
use holdfast_repo::{Cancel, LocalFolders, Mirror, MirrorState, Repository, Writer};
use holdfast_world::{Environment, ExposeSecret, World, secrets};
use jiff::Timestamp;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::key_ring::{KeyRing, RepositoryKey};
use crate::{journal, record};

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
    opened: BTreeMap<String, std::result::Result<OpenLocation, String>>,
    ledger: OnceLock<Ledger>,
}

/// A location that was opened, which contacts nothing yet.
#[derive(Clone)]
struct OpenLocation {
    writer: Arc<dyn Location>,
    deleter: Option<Arc<dyn Location>>,
}

/// The record that a location was made ready by this state folder.
#[derive(Serialize)]
struct Established {
    location: String,
    time: Timestamp,
}

/// Half a minute of trying again: the location gets what it is owed in the next run anyway.
const RETRIES: RetryPolicy = RetryPolicy { delay_ms_first: 250, delay_ms_max: 8_000, budget_ms: 30_000 };

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
    ) -> Setup {
        let ring = KeyRing::new(&places.config.join("keys"));
        let opened = BTreeMap::new();
        let ledger = OnceLock::new();
        let mut setup = Setup { world, places, estate, policy, ring, interrupted, opened, ledger };
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

    /// The ledger, owned by this process from the first call on. Runs that an earlier process began and did not end are
    /// recorded as interrupted then.
    pub fn ledger(&self) -> Result<&Ledger> {
        if let Some(ledger) = self.ledger.get() {
            return Ok(ledger);
        }
        let environment = &self.world.environment;
        let instance = format!("holdfast, process {} on {}", environment.pid(), environment.hostname());
        let path = journal::path(&self.places.state);
        let (clock, random) = (Arc::clone(&self.world.clock), Arc::clone(&self.world.random));
        let ledger = Ledger::open(&path, &instance, clock, random)?;
        ledger.write(|transaction| transaction.interrupt_orphans(self.world.clock.now()))?;
        Ok(self.ledger.get_or_init(|| ledger))
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
            machine: machine_mark(&environment),
            username: environment.user_name().to_owned(),
            uid: environment.uid(),
            gid: environment.gid(),
            pid: environment.pid(),
            is_process_alive: Arc::new(move |pid| alive.pid_alive(pid)),
            threads: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
        }
    }

    /// The mirrors of a repository: one per location, or the named one alone.
    pub fn mirrors(&self, repository: &str, only: Option<&str>) -> Result<Vec<Arc<Mirror>>> {
        if let Some(name) = only {
            self.location(name)?;
        }
        let mut mirrors = Vec::new();
        for (name, opened) in &self.opened {
            if only.is_some_and(|only| only != name) {
                continue;
            }
            let opened = opened.as_ref().map_err(|reason| Error::usage(reason.clone()))?;
            let mirror = Mirror::new(Arc::clone(&opened.writer), opened.deleter.clone(), repository);
            mirrors.push(Arc::new(mirror));
        }
        Ok(mirrors)
    }

    /// Opens a repository for reading or healing. It must have a key in the ring.
    pub fn open(&self, repository: &str, only: Option<&str>) -> Result<Repository> {
        let key = self.ring.get(repository)?.ok_or_else(|| {
            Error::usage(format!("the key ring has no key for the repository {repository}"))
                .hint("run `holdfast backup` first, or `holdfast key import` for a repository made elsewhere")
        })?;
        self.open_with(repository, &key, only)
    }

    /// Opens a repository for writing. Where it exists nowhere yet, its key is made and kept first, then the repository is
    /// created at every location that can be reached.
    pub fn open_for_writing(&self, repository: &str) -> Result<Repository> {
        // First: a place that was never made ready answers every question with "unreachable".
        self.establish_new_locations()?;
        let key = match self.ring.get(repository)? {
            Some(key) => key,
            None => {
                self.refuse_foreign(repository)?;
                self.ring.generate(repository, &self.writer())?
            }
        };
        let mut opened = self.open_with(repository, &key, None)?;
        opened.establish();
        Ok(opened)
    }

    /// Makes root and marker of every location that this state folder has never used. Only then: a root that is missing
    /// later is a disk that is not mounted, and writing below its mount point would be a copy on the wrong disk.
    fn establish_new_locations(&self) -> Result<()> {
        for name in self.opened.keys() {
            let is_known = self.places.state.join("records/locations").join(format!("{name}.json")).exists();
            if !is_known {
                // A location that refuses or is down shows up as unusable, with its reason, when the repository is opened.
                let _ = self.establish_location(name);
            }
        }
        Ok(())
    }

    /// Makes root and marker of the location called `name`, and records that it was done.
    pub fn establish_location(&self, name: &str) -> Result<()> {
        self.location(name)?.establish().map_err(holdfast_repo::Error::from)?;
        let established = Established { location: name.to_owned(), time: self.world.clock.now() };
        record::keep(&self.places.state, "locations", name, &established)
    }

    fn open_with(&self, repository: &str, key: &RepositoryKey, only: Option<&str>) -> Result<Repository> {
        let mirrors = self.mirrors(repository, only)?;
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

    fn open_location(&self, name: &str) -> Result<OpenLocation> {
        let spec = self.spec(name)?;
        let writer = self.connect(name, spec, spec.credentials.as_ref())?;
        let deleter = match &spec.delete_credentials {
            Some(source) => Some(self.connect(name, spec, Some(source))?),
            None => None,
        };
        Ok(OpenLocation { writer, deleter })
    }

    fn connect(
        &self,
        name: &str,
        spec: &LocationSpec,
        source: Option<&CredentialSource>,
    ) -> Result<Arc<dyn Location>> {
        let location = self.connect_bare(name, spec, source)?;
        // A folder on this machine that fails, fails for good; a network may only have hiccuped.
        if matches!(Address::parse(&spec.url.value), Ok(Address::Local { .. })) {
            return Ok(location);
        }
        let (clock, random) = (Arc::clone(&self.world.clock), Arc::clone(&self.world.random));
        Ok(Arc::new(Retry::new(location, RETRIES, clock, random, Arc::clone(&self.interrupted))))
    }

    /// A location without retries around it, and what it was opened with; for trying out what it really does.
    pub(crate) fn bare_location(&self, name: &str) -> Result<(Arc<dyn Location>, Surroundings)> {
        self.location(name)?;
        let spec = self.spec(name)?;
        self.establish_new_locations()?;
        Ok((self.connect_bare(name, spec, spec.credentials.as_ref())?, self.surroundings()))
    }

    fn connect_bare(
        &self,
        name: &str,
        spec: &LocationSpec,
        source: Option<&CredentialSource>,
    ) -> Result<Arc<dyn Location>> {
        let credentials = source.map(|source| self.credentials(name, source)).transpose()?;
        let place = Place { name: name.to_owned(), url: spec.url.value.clone(), credentials };
        holdfast_location::open(&place, &self.surroundings()).map_err(|e| Error::usage(e.to_string()))
    }

    fn surroundings(&self) -> Surroundings {
        let environment = &self.world.environment;
        let mut surroundings =
            Surroundings::new(Arc::clone(&self.world.clock), Arc::clone(&self.world.random));
        surroundings.known_hosts = environment.home().map(|home| home.join(".ssh/known_hosts"));
        surroundings.agent_socket = environment.get("SSH_AUTH_SOCK").map(PathBuf::from);
        surroundings
    }

    fn credentials(&self, name: &str, source: &CredentialSource) -> Result<Credentials> {
        let wrong = |cause: String| Error::usage(format!("the credentials of location {name}: {cause}"));
        match source {
            CredentialSource::File(path) => {
                let path = self.places.config.join(path);
                let text = secrets::read_text(&path).map_err(|e| wrong(e.to_string()))?;
                Credentials::parse(text.expose_secret())
                    .map_err(|e| wrong(format!("{}: {e}", path.display())))
            }
            CredentialSource::Environment(prefix) => {
                let mut text = String::new();
                for key in [
                    "access_key",
                    "secret_key",
                    "session_token",
                    "user",
                    "password",
                    "identity_file",
                    "host_key",
                ] {
                    let variable = format!("{prefix}_{}", key.to_uppercase());
                    if let Some(value) = self.world.environment.text(&variable) {
                        let value = serde_json::to_string(value).map_err(|e| wrong(e.to_string()))?;
                        text += &format!("{key} = {value}\n");
                    }
                }
                Credentials::parse(&text)
                    .map_err(|e| wrong(format!("from the environment ({prefix}_…): {e}")))
            }
        }
    }
}

/// A mark of this machine that tells nothing about it. One without a machine id goes by its name.
fn machine_mark(environment: &Environment) -> String {
    let id = environment.machine_id().unwrap_or(environment.hostname());
    holdfast_format::Id::of(id.as_bytes()).to_hex()[..8].to_owned()
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
