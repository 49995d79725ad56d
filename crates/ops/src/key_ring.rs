//! The key ring: one file per repository in `keys/`, each with a random password.
//!
//! Whoever loses these files loses every backup, and whoever reads them reads every backup. So each is created whole or
//! not at all, readable by its owner alone, synced before the repository it opens is created, and never overwritten. The
//! config and key file of the repository stand in it too: they open the repository without asking a location, and heal
//! it when every location lost them.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use holdfast_repo::{Identity, Writer};
use holdfast_world::secrets::{self, SecretError};
use holdfast_world::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::folder::entries;

/// The ring's folder.
#[derive(Clone, Debug)]
pub struct KeyRing {
    folder: PathBuf,
}

/// The key of one repository.
#[derive(Clone)]
pub struct RepositoryKey {
    /// The password, as stock restic takes it.
    pub password: SecretString,
    /// Config and key file.
    pub identity: Identity,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFileText {
    /// For stock restic.
    password: String,
    /// The repository's sealed config, in base64.
    config: String,
    /// The repository's key file, in base64.
    key_file: String,
}

/// 256 bits.
const PASSWORD_BYTES: usize = 32;

impl KeyRing {
    /// The ring in `folder`.
    pub fn new(folder: &Path) -> KeyRing {
        KeyRing { folder: folder.to_owned() }
    }

    /// Creates the ring's folder, closed to everybody else.
    pub fn create(&self) -> Result<()> {
        secrets::private_directory(&self.folder).map_err(trouble)
    }

    /// The file that holds a repository's key.
    pub fn path(&self, repository: &str) -> PathBuf {
        self.folder.join(format!("{repository}.toml"))
    }

    /// The key of a repository, if the ring has one.
    pub fn get(&self, repository: &str) -> Result<Option<RepositoryKey>> {
        let path = self.path(repository);
        let text = match secrets::read_text(&path) {
            Ok(text) => text,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(trouble(error)),
        };
        let broken = |what: &str| {
            Error::usage(format!("the key file {} is damaged: {what}", path.display()))
                .hint("restore it from your copy of the key ring")
        };
        let parsed: KeyFileText =
            toml::from_str(text.expose_secret()).map_err(|_| broken("it is not what holdfast wrote"))?;
        let config = STANDARD.decode(&parsed.config).map_err(|_| broken("`config` is not base64"))?;
        let key_file = STANDARD.decode(&parsed.key_file).map_err(|_| broken("`key_file` is not base64"))?;
        Ok(Some(RepositoryKey {
            password: SecretString::from(parsed.password),
            identity: Identity { config: config.into(), key_file: key_file.into() },
        }))
    }

    /// Makes the key of a new repository. It is on disk when this returns.
    pub fn generate(&self, repository: &str, writer: &Writer) -> Result<RepositoryKey> {
        let mut bytes = [0; PASSWORD_BYTES];
        writer.random.fill(&mut bytes);
        let password = SecretString::from(URL_SAFE_NO_PAD.encode(bytes));
        secrets::wipe(&mut bytes);
        let identity = holdfast_repo::Repository::generate(password.expose_secret(), writer);
        self.put(repository, RepositoryKey { password, identity })
    }

    /// Takes up the key of an existing repository.
    pub fn put(&self, repository: &str, key: RepositoryKey) -> Result<RepositoryKey> {
        self.create()?;
        let text = toml::to_string(&KeyFileText {
            password: key.password.expose_secret().to_owned(),
            config: STANDARD.encode(&key.identity.config),
            key_file: STANDARD.encode(&key.identity.key_file),
        })
        .map_err(|e| Error::not_done(format!("write the key of {repository}: {e}")))?;
        let header = format!(
            "# The key of the repository {repository}. Whoever has it can read every backup in it; without it nobody can.\n\
             # Keep a copy away from this machine. `password` is what stock restic asks for.\n"
        );
        secrets::create(&self.path(repository), (header + &text).as_bytes()).map_err(trouble)?;
        Ok(key)
    }

    /// The repositories that the ring has keys for, without that of the ledger's copies: no client's data lies there.
    pub fn repositories(&self) -> Result<Vec<String>> {
        let files = self.files()?;
        let names = files.iter().filter_map(|file| file.file_stem()?.to_str().map(str::to_owned));
        let names = names.filter(|name| !holdfast_location::is_reserved(name));
        Ok(names.filter(|name| self.get(name).is_ok_and(|key| key.is_some())).collect())
    }

    /// Every file in the ring's folder that could be a key, readable or not, in order.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let mut files = entries(&self.folder)?;
        files.retain(|file| file.extension().is_some_and(|e| e == "toml"));
        files.sort();
        Ok(files)
    }
}

fn trouble(error: SecretError) -> Error {
    Error::usage(error.to_string())
}
