//! A repository: one sealed store, mirrored byte-identical over its locations.
//!
//! Opening decides which mirrors may be trusted with anything at all. A mirror whose config belongs to another repository,
//! or is damaged, must take no part: dedup against it would build points out of blobs that are not there. A mirror that
//! is merely absent (a new location) or down is owed its copy.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use holdfast_format::{Cipher, Config, Id, KeyError, KeyFile, MasterKey, ScryptParams, decode_unpacked};
use holdfast_location::Area;

use crate::error::{Error, ErrorKind, Result};
use crate::mirror::Mirror;
use crate::writer::Writer;

/// What the key ring keeps of a repository: enough to open it with one request per location, and to heal the key and
/// config files when every location lost them.
#[derive(Clone)]
pub struct Identity {
    /// The stored config file.
    pub config: Bytes,
    /// The stored key file that the ring's password opens.
    pub key_file: Bytes,
}

impl Identity {
    /// The cipher that `password` opens, if it opens this.
    pub fn open(&self, password: &str) -> Option<Cipher> {
        unlock(self, password).ok().map(|(cipher, _)| cipher)
    }
}

/// Local folders of a repository. Everything in them may be deleted at the price of time.
#[derive(Clone, Debug)]
pub struct LocalFolders {
    /// Sealed copies of index files and the stat caches.
    pub cache: PathBuf,
    /// Objects waiting for a location.
    pub spool: PathBuf,
    /// Bound of the spool in bytes.
    pub spool_bytes_max: u64,
    /// The record of deletions that some location has yet to carry out. This one is not a cache.
    pub tombstones: PathBuf,
}

/// How a mirror was found when the repository was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MirrorState {
    /// It holds this repository.
    Ready,
    /// The place was reached and holds nothing of this repository yet.
    Absent,
    /// It could not be used.
    Unusable {
        /// The kind of failure.
        kind: ErrorKind,
        /// Why, for people.
        reason: String,
    },
}

impl MirrorState {
    /// Whether what lies there is this repository's: a damaged config says nothing about the rest.
    pub(crate) fn is_readable(&self) -> bool {
        matches!(self, MirrorState::Ready | MirrorState::Unusable { kind: ErrorKind::Damaged, .. })
    }
}

/// An open repository.
pub struct Repository {
    pub(crate) mirrors: Vec<Arc<Mirror>>,
    pub(crate) states: Vec<MirrorState>,
    pub(crate) cipher: Cipher,
    pub(crate) config: Config,
    pub(crate) identity: Identity,
    pub(crate) writer: Writer,
    pub(crate) folders: LocalFolders,
}

/// restic tries at most this many keys.
const KEYS_MAX: usize = 20;

impl Repository {
    /// Makes the identity of a new repository. Nothing is stored: keep the result safe first, then call [`Repository::open`]
    /// and [`Repository::establish`].
    pub fn generate(password: &str, writer: &Writer) -> Identity {
        let mut random = |buffer: &mut [u8]| writer.random.fill(buffer);
        let master = MasterKey::generate(&mut random);
        let config = Config::generate(&mut random);
        let key_file = KeyFile::create(
            password.as_bytes(),
            &master,
            ScryptParams::FOR_RANDOM_PASSWORDS,
            writer.clock.now(),
            &writer.username,
            &writer.hostname,
            &mut random,
        );
        Identity {
            config: Bytes::from(config.seal(&master.cipher(), writer.nonce())),
            key_file: Bytes::from(key_file.to_json()),
        }
    }

    /// Reads the identity of an existing repository from the first mirror that `password` opens.
    pub fn adopt(mirrors: &[Arc<Mirror>], password: &str) -> Result<Identity> {
        let mut failures = Vec::new();
        for mirror in mirrors {
            match adopt_from(mirror, password) {
                Ok(identity) => return Ok(identity),
                Err(error) => failures.push(error),
            }
        }
        let worst = failures.iter().map(|e| e.kind).find(|k| *k == ErrorKind::WrongKey);
        let kind = worst.or(failures.first().map(|e| e.kind)).unwrap_or(ErrorKind::NotFound);
        let reasons: Vec<String> = failures.iter().map(ToString::to_string).collect();
        Err(Error::new(kind, format!("open the repository: {}", reasons.join("; "))))
    }

    /// Opens the repository that `identity` describes at `mirrors`. Succeeds when the password fits, whatever state the
    /// mirrors are in; see [`Repository::states`].
    pub fn open(
        mirrors: Vec<Arc<Mirror>>,
        identity: Identity,
        password: &str,
        folders: LocalFolders,
        writer: Writer,
    ) -> Result<Repository> {
        let (cipher, config) = unlock(&identity, password)?;
        let mut states = Vec::new();
        std::thread::scope(|scope| {
            let looks: Vec<_> = mirrors
                .iter()
                .map(|mirror| {
                    let (identity, cipher, config) = (&identity, &cipher, &config);
                    scope.spawn(move || look_at(mirror, identity, cipher, config))
                })
                .collect();
            states
                .extend(looks.into_iter().map(|look| look.join().expect("looking at a mirror never panics")));
        });
        Ok(Repository { mirrors, states, cipher, config, identity, writer, folders })
    }

    /// Brings the repository to every mirror that is reached and holds nothing yet: key first, config last, so that a
    /// crash in between leaves nothing that looks like a repository. Returns the names of those that have it now.
    pub fn establish(&mut self) -> Vec<(String, Result<()>)> {
        let mut outcomes = Vec::new();
        for (mirror, state) in self.mirrors.iter().zip(&mut self.states) {
            if *state != MirrorState::Absent {
                continue;
            }
            let outcome = establish_at(mirror, &self.identity);
            *state = match &outcome {
                Ok(()) => MirrorState::Ready,
                Err(error) => MirrorState::Unusable { kind: error.kind, reason: error.to_string() },
            };
            outcomes.push((mirror.name().to_owned(), outcome));
        }
        outcomes
    }

    /// The mirrors, each with its state.
    pub fn states(&self) -> impl Iterator<Item = (&Arc<Mirror>, &MirrorState)> {
        self.mirrors.iter().zip(&self.states)
    }

    /// The mirrors that hold the repository and may be used.
    pub fn ready(&self) -> Vec<Arc<Mirror>> {
        let pairs = self.states().filter(|(_, state)| **state == MirrorState::Ready);
        pairs.map(|(mirror, _)| Arc::clone(mirror)).collect()
    }

    /// The mirrors whose objects may be looked at and healed: the ready ones, and those that lost no more than their config.
    pub(crate) fn readable(&self) -> impl Iterator<Item = &Arc<Mirror>> {
        self.states().filter(|(_, state)| state.is_readable()).map(|(mirror, _)| mirror)
    }

    /// The usable mirrors, or an error that says why there are none.
    pub fn require_ready(&self) -> Result<Vec<Arc<Mirror>>> {
        let ready = self.ready();
        if !ready.is_empty() {
            return Ok(ready);
        }
        let mut kind = ErrorKind::NotFound;
        let mut reasons = Vec::new();
        for (mirror, state) in self.states() {
            match state {
                MirrorState::Ready => {}
                MirrorState::Absent => {
                    reasons.push(format!("location {} has no such repository", mirror.name()));
                }
                MirrorState::Unusable { kind: why, reason } => {
                    kind = *why;
                    reasons.push(reason.clone());
                }
            }
        }
        Err(Error::new(kind, format!("no location can be used: {}", reasons.join("; "))))
    }

    /// The repository's id.
    pub fn id(&self) -> Id {
        self.config.id
    }

    /// The keys in use.
    pub fn cipher(&self) -> &Cipher {
        &self.cipher
    }

    /// Who we are.
    pub fn writer(&self) -> &Writer {
        &self.writer
    }

    /// The local folders.
    pub fn folders(&self) -> &LocalFolders {
        &self.folders
    }

    /// Config and key file as every mirror must hold them.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }
}

fn unlock(identity: &Identity, password: &str) -> Result<(Cipher, Config)> {
    let key_file = KeyFile::parse(&identity.key_file)
        .map_err(|e| Error::because(ErrorKind::Damaged, "read the repository's key file", e))?;
    let master = key_file.unlock(password.as_bytes()).map_err(|e| {
        let kind =
            if matches!(e, KeyError::WrongPassword) { ErrorKind::WrongKey } else { ErrorKind::Damaged };
        Error::because(kind, "unlock the repository", e)
    })?;
    let cipher = master.cipher();
    let config = Config::open(&cipher, &identity.config)
        .map_err(|e| Error::new(ErrorKind::Damaged, format!("read the repository's config: {e}")))?;
    Ok((cipher, config))
}

fn adopt_from(mirror: &Mirror, password: &str) -> Result<Identity> {
    let config = mirror.get_config()?.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("location {} has no such repository", mirror.name()))
    })?;
    let mut keys = mirror.list(Area::Keys)?;
    keys.truncate(KEYS_MAX);
    let mut failure = Error::new(ErrorKind::Damaged, format!("location {} holds no key file", mirror.name()));
    for (id, _) in keys {
        let outcome = mirror.get(Area::Keys, &id).and_then(|key_file| {
            let identity = Identity { config: config.clone(), key_file };
            unlock(&identity, password).map(|_| identity)
        });
        match outcome {
            Ok(identity) => return Ok(identity),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn look_at(mirror: &Mirror, identity: &Identity, cipher: &Cipher, config: &Config) -> MirrorState {
    let unusable = |kind, reason| MirrorState::Unusable { kind, reason };
    let failed = |error: Error| unusable(error.kind, error.to_string());
    let name = mirror.name();
    // Ours with a damaged or missing config, or a stranger's?
    let without_config = |what: &str| match holds_ours(mirror, identity, cipher) {
        Ok(true) => {
            unusable(ErrorKind::Damaged, format!("location {name}: the config {what}; run `holdfast repair`"))
        }
        Ok(false) => unusable(
            ErrorKind::WrongKey,
            format!(
                "location {name} holds another repository of this name, made with another key; it is left alone. \
                 Move one of the two, or take the other up with `holdfast key import`"
            ),
        ),
        Err(error) => failed(error),
    };
    match mirror.get_config() {
        Ok(Some(stored)) if stored == identity.config => MirrorState::Ready,
        // Another sealing of the same config: restic rewrites it when a repository is upgraded.
        Ok(Some(stored)) => match Config::open(cipher, &stored) {
            Ok(other) if other.id == config.id => MirrorState::Ready,
            _ => without_config("is damaged or was swapped"),
        },
        Ok(None) => match mirror.holds_any(&[Area::Snapshots, Area::Index]) {
            Ok(false) => MirrorState::Absent,
            Ok(true) => without_config("is missing"),
            Err(error) => failed(error),
        },
        Err(error) => failed(error),
    }
}

/// Whether the rest of a mirror whose config is not ours is ours, by what our key opens. Healing a stranger's repository
/// would mix two repositories at both places.
fn holds_ours(mirror: &Mirror, identity: &Identity, cipher: &Cipher) -> Result<bool> {
    const ENOUGH: usize = 8;
    let mut is_strange = false;
    for area in [Area::Snapshots, Area::Index] {
        for (id, _) in mirror.list(area)?.into_iter().take(ENOUGH) {
            match mirror.get(area, &id) {
                Ok(stored) if decode_unpacked(cipher, &stored).is_ok() => return Ok(true),
                Ok(_) => is_strange = true,
                Err(error) if matches!(error.kind, ErrorKind::Damaged | ErrorKind::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
    }
    let key = Id::of(&identity.key_file);
    Ok(!is_strange && mirror.list(Area::Keys)?.iter().any(|(id, _)| *id == key))
}

fn establish_at(mirror: &Mirror, identity: &Identity) -> Result<()> {
    mirror.prepare()?;
    mirror.put(Area::Keys, &Id::of(&identity.key_file), identity.key_file.clone())?;
    mirror.put_config(identity.config.clone())?;
    // All configs are equally long, so a place that found one there in the meantime may have answered "already there".
    if mirror.get_config()?.as_ref() == Some(&identity.config) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Damaged,
        format!("location {}: another repository of this name appeared there", mirror.name()),
    ))
}
