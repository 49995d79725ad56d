//! The copies of a key that this machine holds: the ring's file, and copies of it. And what the state folder keeps of the
//! client.
//!
//! A word that happens to stand in a file makes it no copy of a key: passwords are chosen by people, and shared. A copy is
//! known by the key file of the repository, which is unique, and only what is nothing but that one key is erased.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use holdfast_model::AssetName;
use holdfast_world::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::known::Known;
use crate::error::{Error, Result};
use crate::folder::entries;
use crate::setup::Setup;

/// Files that could hold a key: small ones.
const KEY_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What stands in a file of the ring, and nothing else.
const ENTRY: [&str; 3] = ["config", "key_file", "password"];

const AGAIN: &str = "run it again: it goes on where it was";

/// A file that holds the key and is not ours to erase.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyLeft {
    /// The file.
    pub path: PathBuf,
    /// Why it was left, and what to do.
    pub reason: String,
}

/// Where the key stands.
#[derive(Default)]
pub(super) struct Copies {
    /// Nothing but this key; the ring's own file last, because without it the others are not known any more.
    own: Vec<PathBuf>,
    pub(super) left: Vec<KeyLeft>,
    /// Other repositories of the ring with the same password.
    pub(super) same_password: Vec<String>,
}

/// Finds the key of a client in the folders of the configuration and the state.
pub(super) fn find(setup: &Setup, client: &str) -> Result<Copies> {
    let mut copies = Copies::default();
    let Some(key) = setup.ring.get(client)? else { return Ok(copies) };
    for name in setup.ring.repositories()?.into_iter().filter(|name| name != client) {
        let other = setup.ring.get(&name)?;
        if other.is_some_and(|other| other.password.expose_secret() == key.password.expose_secret()) {
            copies.same_password.push(name);
        }
    }
    let own = setup.ring.path(client);
    let own = own.canonicalize().map_err(|error| trouble("find", &own, &error))?;
    let ring: BTreeSet<PathBuf> = setup.ring.files()?.iter().filter_map(|f| f.canonicalize().ok()).collect();
    // One may lie in the other.
    let (config, state) = (real(&setup.places.config)?, real(&setup.places.state)?);
    let repositories = state.join("repositories");
    let mark = STANDARD.encode(&key.identity.key_file);
    let mut holders = BTreeSet::new();
    let mut folders = vec![config, state];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder).map_err(|error| error.hint(AGAIN))? {
            let Ok(facts) = path.symlink_metadata() else { continue };
            if facts.is_dir() {
                // Sealed objects of repositories, by the thousand.
                if path != repositories {
                    folders.push(path);
                }
            } else if facts.is_file() && facts.len() <= KEY_FILE_BYTES_MAX && path != own {
                holders.insert(path);
            }
        }
    }
    for path in holders {
        let content = fs::read(&path).map_err(|error| trouble("read", &path, &error))?;
        let text = String::from_utf8_lossy(&content);
        if !text.contains(&mark) {
            continue;
        }
        let reason = if ring.contains(&path) {
            "is another entry of the key ring; remove it by hand"
        } else if text.matches("key_file").count() > 1 {
            "holds other keys as well; remove it by hand"
        } else if !is_entry(&text, &mark) {
            "holds more than the key; remove it by hand"
        } else {
            copies.own.push(path);
            continue;
        };
        copies.left.push(KeyLeft { path, reason: reason.to_owned() });
    }
    copies.own.push(own);
    Ok(copies)
}

/// Whether a text is a file of the ring with this key file.
fn is_entry(text: &str, mark: &str) -> bool {
    let Ok(table) = text.parse::<toml::Table>() else { return false };
    table.len() == ENTRY.len()
        && ENTRY.iter().all(|field| table.get(*field).is_some_and(toml::Value::is_str))
        && table.get("key_file").and_then(toml::Value::as_str) == Some(mark)
}

impl Copies {
    /// Removes what is nothing but this key.
    pub(super) fn erase(&self) -> Result<Vec<PathBuf>> {
        self.own.iter().try_for_each(|path| erase(path))?;
        Ok(self.own.clone())
    }
}

impl KeyLeft {
    /// Reads back what was written down of one.
    pub(super) fn read(text: &str) -> Option<KeyLeft> {
        let (path, reason) = text.rsplit_once(": ")?;
        Some(KeyLeft { path: path.into(), reason: reason.to_owned() })
    }
}

impl fmt::Display for KeyLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

/// Removes caches, spool and records of the client.
pub(super) fn remove_state(setup: &Setup, client: &str, known: &Known) -> Result<()> {
    let state = &setup.places.state;
    let folder = state.join("repositories").join(client);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(trouble("remove", &folder, &error)),
        _ => {}
    }
    let records = state.join("records");
    let mut files = vec![records.join("points").join(format!("{client}.json"))];
    // Tags name assets, and anybody writes tags: what is no asset's name, or another client's asset, is not touched.
    let is_its = |asset: &&str| AssetName::parse(asset).is_ok() && !setup.estate.assets.contains_key(*asset);
    let assets: BTreeSet<&str> =
        known.points.values().filter_map(|point| point.asset.as_deref()).filter(is_its).collect();
    files.extend(assets.iter().map(|asset| records.join("sizes").join(format!("{asset}.json"))));
    for file in files {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(trouble("remove", &file, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn real(folder: &Path) -> Result<PathBuf> {
    folder.canonicalize().map_err(|error| trouble("find", folder, &error))
}

/// Writes over a file before it is removed. What a file system or a disk keeps of the old blocks is beyond us.
fn erase(path: &Path) -> Result<()> {
    let overwrite = || {
        let length = path.metadata()?.len();
        let mut file = OpenOptions::new().write(true).open(path)?;
        std::io::copy(&mut std::io::Read::take(std::io::repeat(0), length), &mut file)?;
        file.flush()?;
        file.sync_all()
    };
    // A file that cannot be written over is removed all the same.
    let _ = overwrite();
    fs::remove_file(path).map_err(|error| trouble("remove", path, &error))?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    holdfast_world::durable::sync_directory(folder).map_err(|error| trouble("sync", folder, &error))
}

fn trouble(verb: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::not_done(format!("{verb} {}: {error}", path.display())).hint(AGAIN)
}
