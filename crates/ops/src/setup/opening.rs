//! From an entry of the estate to a location that can be used: credentials, connection, and the layers around it.
//!
//! From the inside out: the place itself; its share of the line; patience; giving up on a place that is down; and for
//! whoever only writes, no way to delete, whatever the credentials could do. What deletes is opened only by those who
//! delete, so a machine in production need not have those credentials at all.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use holdfast_location::layers::append_only::AppendOnly;
use holdfast_location::layers::breaker::{Breaker, Circuit};
use holdfast_location::layers::retry::{Retry, RetryPolicy};
use holdfast_location::layers::throttle::Throttle;
use holdfast_location::{Credentials, Location, ObjectLock, Place, Surroundings, Walk};
use holdfast_model::estate::{Credentials as CredentialSource, Location as LocationSpec, LockMode};
use holdfast_world::{ExposeSecret, SecretString, World, secrets};

use super::Setup;
use super::closed::Closed;
use crate::error::{Error, Result};

/// A location that was opened, which contacts nothing yet.
pub(super) struct OpenLocation {
    /// For whoever only writes.
    pub(super) writer: Arc<dyn Location>,
    /// The same without the ban on deleting.
    unrestricted: Arc<dyn Location>,
    circuit: Arc<Circuit>,
    deleter: OnceLock<Arc<dyn Location>>,
}

/// Half a minute of trying again: the location gets what it is owed later anyway.
const RETRIES: RetryPolicy = RetryPolicy { delay_ms_first: 250, delay_ms_max: 8_000, budget_ms: 30_000 };

/// How long a place that does not answer is left alone.
const PAUSE: Duration = Duration::from_secs(300);

impl Setup {
    pub(super) fn open_location(&self, name: &str) -> Result<OpenLocation> {
        let spec = self.spec(name)?;
        let (clock, tell) = (Arc::clone(&self.world.clock), Arc::clone(&self.tell));
        let circuit = Arc::new(Circuit::new(PAUSE, clock, Arc::clone(&self.interrupted), tell));
        let unrestricted = self.connect(name, spec, spec.credentials.as_ref(), &circuit)?;
        let writer = Arc::new(AppendOnly::new(Arc::clone(&unrestricted)));
        Ok(OpenLocation { writer, unrestricted, circuit, deleter: OnceLock::new() })
    }

    /// What deletes at a location: its own credentials for that where the estate names some, else those for writing.
    pub(super) fn deleter(&self, name: &str, opened: &OpenLocation) -> Result<Arc<dyn Location>> {
        let spec = self.spec(name)?;
        let Some(source) = &spec.delete_credentials else { return Ok(Arc::clone(&opened.unrestricted)) };
        let deleter = opened.deleter.get_or_init(|| {
            self.connect(name, spec, Some(source), &opened.circuit).unwrap_or_else(|error| {
                let reason = format!("nothing can be deleted there: {}", error.message);
                Arc::new(Closed::new(name, &reason))
            })
        });
        Ok(Arc::clone(deleter))
    }

    fn connect(
        &self,
        name: &str,
        spec: &LocationSpec,
        source: Option<&CredentialSource>,
        circuit: &Arc<Circuit>,
    ) -> Result<Arc<dyn Location>> {
        let mut bare = self.connect_bare(name, spec, source)?;
        if let Some(rate) = spec.bandwidth_bytes_per_second {
            bare =
                Arc::new(Throttle::on(self.turns.lines.to(name, rate), bare, Arc::clone(&self.world.clock)));
        }
        // A folder on this machine that fails, fails for good; a network may only have hiccuped.
        if spec.address.local_path().is_some() {
            return Ok(bare);
        }
        let (clock, random) = (Arc::clone(&self.world.clock), Arc::clone(&self.world.random));
        let patient = Retry::new(Arc::clone(&bare), RETRIES, clock, random, Arc::clone(&self.interrupted));
        Ok(Arc::new(Breaker::new(Arc::new(patient), bare, Arc::clone(circuit))))
    }

    /// Everything that lies at a location. Where the credentials for writing do not show all of it, those for deleting do.
    pub(crate) fn walk_location(&self, name: &str) -> Result<Walk> {
        let walk = self.location(name)?.walk(None).map_err(holdfast_repo::Error::from)?;
        if walk.refused.is_empty() || self.spec(name)?.delete_credentials.is_none() {
            return Ok(walk);
        }
        match self.opened.get(name) {
            Some(Ok(opened)) => Ok(self.deleter(name, opened)?.walk(None).unwrap_or(walk)),
            _ => Ok(walk),
        }
    }

    /// A location without any layer around it.
    pub(super) fn connect_bare(
        &self,
        name: &str,
        spec: &LocationSpec,
        source: Option<&CredentialSource>,
    ) -> Result<Arc<dyn Location>> {
        let credentials =
            source.map(|source| self.credentials(&format!("location {name}"), source)).transpose()?;
        let object_lock = spec.object_lock.as_ref().map(|mode| match mode.value {
            LockMode::Governance => ObjectLock::Governance,
            LockMode::Compliance => ObjectLock::Compliance,
        });
        let place = Place { name: name.to_owned(), address: spec.address.clone(), credentials, object_lock };
        holdfast_location::open(&place, &self.surroundings()).map_err(|e| Error::usage(e.to_string()))
    }

    pub(super) fn surroundings(&self) -> Surroundings {
        surroundings(&self.world)
    }

    pub(crate) fn credentials(&self, whose: &str, source: &CredentialSource) -> Result<Credentials> {
        let text = self.credentials_text(whose, source)?;
        Credentials::parse(text.expose_secret()).map_err(|cause| match source {
            CredentialSource::File(path) => {
                wrong(whose, format!("{}: {cause}", self.places.config.join(path).display()))
            }
            CredentialSource::Environment(prefix) => {
                wrong(whose, format!("from the environment ({prefix}_…): {cause}"))
            }
        })
    }

    /// The credentials as a file of theirs has them, wherever they come from.
    pub(crate) fn credentials_text(&self, whose: &str, source: &CredentialSource) -> Result<SecretString> {
        match source {
            CredentialSource::File(path) => {
                let path = self.places.config.join(path);
                secrets::read_text(&path).map_err(|e| wrong(whose, e.to_string()))
            }
            CredentialSource::Environment(prefix) => {
                credentials_from_environment(&self.world, prefix).map_err(|cause| wrong(whose, cause))
            }
        }
    }
}

fn wrong(whose: &str, cause: String) -> Error {
    Error::usage(format!("the credentials of {whose}: {cause}"))
}

/// Credentials of a location in variables that begin with a prefix, as a file of theirs has them.
pub(crate) fn credentials_from_environment(
    world: &World,
    prefix: &str,
) -> std::result::Result<SecretString, String> {
    let keys = ["access_key", "secret_key", "session_token", "user", "password", "identity_file", "host_key"];
    from_environment(world, prefix, &keys)
}

/// Those variables that begin with a prefix and are set, as the TOML of a file of credentials.
pub(crate) fn from_environment(
    world: &World,
    prefix: &str,
    keys: &[&str],
) -> std::result::Result<SecretString, String> {
    let mut text = String::new();
    for key in keys {
        let variable = format!("{prefix}_{}", key.to_uppercase());
        if let Some(value) = world.environment.text(&variable) {
            let value = serde_json::to_string(value)
                .map_err(|e| format!("from the environment ({prefix}_…): {e}"))?;
            text += &format!("{key} = {value}\n");
        }
    }
    Ok(SecretString::from(text))
}

/// What a location is opened with, beside its address.
pub(crate) fn surroundings(world: &World) -> Surroundings {
    let environment = &world.environment;
    let mut surroundings = Surroundings::new(Arc::clone(&world.clock), Arc::clone(&world.random));
    surroundings.known_hosts = known_hosts(world);
    surroundings.agent_socket = environment.get("SSH_AUTH_SOCK").map(PathBuf::from);
    surroundings
}

/// Where the user's SSH keeps the keys of hosts.
pub(crate) fn known_hosts(world: &World) -> Option<PathBuf> {
    world.environment.home().map(|home| home.join(".ssh/known_hosts"))
}
