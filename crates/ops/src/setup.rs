//! Everything a command starts from: the parsed files, the key ring, the locations, and who we are.

mod closed;
mod first_use;
mod lines;
mod opening;
mod repositories;
mod turns;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use holdfast_ledger::Ledger;
use holdfast_location::layers::breaker::Tell;
use holdfast_location::{Credentials, Location, Surroundings};
use holdfast_model::estate::{Asset, Location as LocationSpec, log_repository, repository_name};
use holdfast_model::{Address, Estate, Policy};
use holdfast_repo::{Cancel, Writer};
use holdfast_world::{Environment, World};

use self::opening::OpenLocation;
pub(crate) use self::opening::{credentials_from_environment, from_environment, known_hosts, surroundings};
pub(crate) use self::repositories::Shut;
pub use self::repositories::unusable;
pub(crate) use self::turns::Turn;
pub use self::turns::Turns;
use crate::action::attendant::Attendant;
use crate::error::{Error, Result};
use crate::journal;
use crate::key_ring::KeyRing;

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
    // Before the ledger, which it must have let go of by then.
    attendant: OnceLock<Attendant>,
    ledger: OnceLock<Arc<Ledger>>,
    turns: Arc<Turns>,
}

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
        let (attendant, ledger) = (OnceLock::new(), OnceLock::new());
        let turns = Arc::default();
        let mut setup = Setup {
            world,
            places,
            estate,
            policy,
            ring,
            interrupted,
            tell,
            opened,
            attendant,
            ledger,
            turns,
        };
        setup.open_locations();
        setup
    }

    fn open_locations(&mut self) {
        let names: Vec<String> = self.estate.locations.keys().map(ToString::to_string).collect();
        for name in names {
            let opened = self.open_location(&name);
            self.opened.insert(name, opened.map_err(|e| e.message));
        }
    }

    /// Tells at once what somebody must know.
    pub(crate) fn say(&self, line: &str) {
        (self.tell)(line);
    }

    /// The token that a signal raises.
    pub fn cancel(&self) -> Cancel {
        Cancel::from_flag(Arc::clone(&self.interrupted))
    }

    /// The ledger, owned by this process from the first call on, which attends to the entries of others as long as it has it.
    /// Runs that an earlier process began and did not end are recorded as interrupted then.
    pub fn ledger(&self) -> Result<&Ledger> {
        if let Some(ledger) = self.ledger.get() {
            return Ok(ledger);
        }
        let ledger = journal::open(&self.world, &self.places.state, "holdfast")?;
        ledger.write(|transaction| transaction.interrupt_orphans(self.world.clock.now()))?;
        let ledger = self.ledger.get_or_init(|| Arc::new(ledger));
        let attendant = Attendant::begin(ledger, &self.places.state, Arc::clone(&self.world.clock))?;
        let _ = self.attendant.set(attendant);
        Ok(ledger)
    }

    /// The ledger, where this process owns it already.
    pub(crate) fn owned_ledger(&self) -> Option<&Ledger> {
        self.ledger.get().map(|ledger| &**ledger)
    }

    /// The same configuration beside others of this process: with their ledger, waiting for their turns, and sharing the
    /// lines to the locations with them.
    #[must_use]
    pub(crate) fn beside(mut self, ledger: &Arc<Ledger>, turns: &Arc<Turns>) -> Setup {
        self.ledger = OnceLock::from(Arc::clone(ledger));
        self.turns = Arc::clone(turns);
        // Nothing was asked of them yet.
        self.open_locations();
        self
    }

    /// Waits until no other operation of this process works on a repository.
    pub(crate) fn turn(&self, repository: &str) -> Result<Turn> {
        self.turns.take(repository, &self.interrupted)
    }

    /// The asset called `name`; one whose folder vanished, too: its points are there.
    pub fn asset(&self, name: &str) -> Result<&Asset> {
        let known = self.estate.assets.get(name).or_else(|| self.estate.vanished.get(name));
        known.ok_or_else(|| {
            let known: Vec<&str> = self.estate.assets.keys().map(AsRef::as_ref).collect();
            Error::usage(format!("there is no asset {name:?} in estate.toml"))
                .hint(format!("there are: {}", known.join(", ")))
        })
    }

    /// Every repository that the estate implies, with its assets. One of a log only once there is such a thing: most servers write
    /// none.
    pub fn repositories(&self) -> BTreeMap<String, Vec<String>> {
        let mut repositories: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, asset) in &self.estate.assets {
            repositories.entry(repository_name(asset).to_string()).or_default().push(name.to_string());
            let log = log_repository(asset).map(|log| log.to_string());
            if let Some(log) = log.filter(|log| self.ring.path(log).exists()) {
                repositories.entry(log).or_default().push(name.to_string());
            }
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
        let credentials = match &spec.credentials {
            Some(source) => self.credentials(&format!("location {name}"), source)?,
            None => Credentials::default(),
        };
        Ok((spec.address.clone(), credentials))
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
        writer(&self.world)
    }

    /// Locations that cannot be opened at all, each with the reason.
    pub fn unopened(&self) -> impl Iterator<Item = (&str, &str)> {
        self.opened.iter().filter_map(|(name, opened)| Some((name.as_str(), opened.as_ref().err()?.as_str())))
    }

    /// A location without retries around it, and without making it ready.
    pub(crate) fn location_as_it_is(&self, name: &str) -> Result<Arc<dyn Location>> {
        let spec = self.spec(name)?;
        self.connect_bare(name, spec, spec.credentials.as_ref())
    }

    /// A location without retries around it, and what it was opened with; for trying out what it really does.
    pub(crate) fn bare_location(&self, name: &str) -> Result<(Arc<dyn Location>, Surroundings)> {
        self.location(name)?;
        let spec = self.spec(name)?;
        self.establish_one_on_first_use(name)?;
        Ok((self.connect_bare(name, spec, spec.credentials.as_ref())?, self.surroundings()))
    }

    /// The same with the credentials for deleting, where the estate names some.
    pub(crate) fn bare_deleter(&self, name: &str) -> Result<Option<Arc<dyn Location>>> {
        let spec = self.spec(name)?;
        let source = spec.delete_credentials.as_ref();
        source.map(|source| self.connect_bare(name, spec, Some(source))).transpose()
    }
}

/// Who acts in this world, for locks and snapshots.
pub(crate) fn writer(world: &World) -> Writer {
    let environment = Arc::clone(&world.environment);
    let alive = Arc::clone(&environment);
    Writer {
        clock: Arc::clone(&world.clock),
        random: Arc::clone(&world.random),
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

/// A mark of this machine that tells nothing about it. One without a machine id goes by its name.
fn machine_mark(environment: &Environment) -> String {
    let id = environment.machine_id().unwrap_or(environment.hostname());
    holdfast_format::Id::of(id.as_bytes()).to_hex()[..8].to_owned()
}

#[cfg(test)]
mod tests;
