//! What the ring holds when it travels: everything without which nothing opens. A tar file, so that whoever has no holdfast
//! unpacks it, with a password file for each repository as stock restic takes it, and a file for each location that a shell
//! reads in.
//!
//! Whatever is left out is lost with this machine: so what should be in it and cannot be read is told, and not passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use holdfast_format::Id;
use holdfast_location::{Credentials, LEDGER_REPOSITORY};
use holdfast_model::Address;
use holdfast_model::estate::Credentials as CredentialSource;
use holdfast_world::{ExposeSecret, SecretSlice, SecretString, secrets};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::by_hand;
use crate::error::{Error, Result};
use crate::setup::{Setup, known_hosts};

/// Where the locations' credentials stand.
pub(super) const LOCATIONS: &str = "locations";
/// Where those of databases and channels stand.
const BESIDE: &str = "credentials";
const PASSWORDS: &str = "passwords";
const KEYS: &str = "keys";
const URL: &str = "url";
const MADE: &str = "made.json";
/// More than any ring.
const BYTES_MAX: u64 = 64 << 20;
/// Files that credentials name.
const NAMED_FILES: [&str; 3] = ["identity_file", "known_hosts", "ca_file"];

/// The ring's files, by their path in it.
#[derive(Default)]
pub(crate) struct Contents {
    files: BTreeMap<String, SecretSlice<u8>>,
    /// What should be in it and could not be read.
    pub(super) missing: Vec<String>,
}

/// When it was made: of several, the newest counts.
#[derive(Serialize, Deserialize)]
struct Made {
    made: Timestamp,
}

impl Contents {
    /// Everything that this machine has.
    pub(crate) fn of(setup: &Setup) -> Result<Contents> {
        let mut contents = Contents::access(setup)?;
        // A kit lies in a drawer for years, and needs none of these.
        for (name, location) in &setup.estate.locations {
            if let Some(source) = &location.delete_credentials {
                contents.put_credentials(setup, name.as_ref(), "delete-", source);
            }
        }
        // Without them a rebuilt holdfast dumps no database and tells nobody.
        for (name, source) in setup.estate.credentials_beside() {
            match credentials_beside(setup, &name, source) {
                Ok(text) => {
                    contents.put(&format!("{BESIDE}/{name}.toml"), text.expose_secret().as_bytes());
                }
                Err(error) => contents.missing.push(error.message),
            }
        }
        for path in setup.ring.files()? {
            let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
            match setup.ring.get(name) {
                Ok(Some(key)) => {
                    contents.put(&format!("{PASSWORDS}/{name}"), key.password.expose_secret().as_bytes());
                    contents.take(&format!("{KEYS}/{name}.toml"), &path);
                }
                Ok(None) => {}
                Err(_) if is_other(setup, &path) => {}
                Err(error) => contents.missing.push(error.message),
            }
        }
        for path in crate::folder::entries(&setup.places.config.join(KEYS))? {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if name == "log.key" || name == "recovery.kit" || name.ends_with(".retired") {
                contents.take(&format!("{KEYS}/{name}"), &path);
            }
        }
        for name in ["policy.toml", "estate.toml"] {
            let path = setup.places.config.join(name);
            match std::fs::read(&path) {
                Ok(text) => contents.put(name, &text),
                Err(error) => contents.missing.push(format!("{}: {error}", path.display())),
            }
        }
        Ok(contents)
    }

    /// What it takes to read and write at the locations, and nothing else.
    pub(crate) fn access(setup: &Setup) -> Result<Contents> {
        let mut contents = Contents::default();
        for (name, location) in &setup.estate.locations {
            contents.put(&format!("{LOCATIONS}/{name}/{URL}"), location.url.value.as_bytes());
            contents.put_location(setup, name.as_ref(), &location.address, location.credentials.as_ref());
        }
        Ok(contents)
    }

    fn put_location(
        &mut self,
        setup: &Setup,
        name: &str,
        address: &Address,
        source: Option<&CredentialSource>,
    ) {
        let credentials = source.and_then(|source| self.put_credentials(setup, name, "", source));
        let credentials = credentials.unwrap_or_default();
        let trusts_user = credentials.known_hosts.is_none() && credentials.host_key.is_none();
        if matches!(address, Address::Sftp { .. })
            && trusts_user
            && let Some(hosts) = known_hosts(&setup.world).and_then(|path| std::fs::read(path).ok())
        {
            self.put(&format!("{LOCATIONS}/{name}/known_hosts"), &hosts);
        }
        let script = by_hand::script(address, &credentials);
        if !script.is_empty() {
            self.put(&format!("{LOCATIONS}/{name}.sh"), script.as_bytes());
        }
    }

    /// Credentials, and the files that they name.
    fn put_credentials(
        &mut self,
        setup: &Setup,
        name: &str,
        which: &str,
        source: &CredentialSource,
    ) -> Option<Credentials> {
        let text = match setup.credentials_text(&format!("location {name}"), source) {
            Ok(text) => text,
            Err(error) => {
                self.missing.push(error.message);
                return None;
            }
        };
        let table: toml::Table = toml::from_str(text.expose_secret()).unwrap_or_default();
        for field in NAMED_FILES {
            if let Some(path) = table.get(field).and_then(toml::Value::as_str) {
                self.take(&format!("{LOCATIONS}/{name}/{which}{field}"), Path::new(path));
            }
        }
        self.put(&format!("{LOCATIONS}/{name}/{which}credentials.toml"), text.expose_secret().as_bytes());
        Credentials::parse(text.expose_secret()).ok()
    }

    fn take(&mut self, name: &str, path: &Path) {
        match secrets::read(path) {
            Ok(content) => self.put(name, content.expose_secret()),
            // What is no secret, a list of host keys, may be open to all.
            Err(_) if !name.ends_with("identity_file") && name.starts_with(LOCATIONS) => {
                match std::fs::read(path) {
                    Ok(content) => self.put(name, &content),
                    Err(error) => self.missing.push(format!("{}: {error}", path.display())),
                }
            }
            Err(error) => self.missing.push(error.to_string()),
        }
    }

    pub(super) fn put(&mut self, name: &str, content: &[u8]) {
        self.files.insert(name.to_owned(), SecretSlice::from(content.to_vec()));
    }

    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(ExposeSecret::expose_secret)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Everything below a folder of it, by the name there.
    pub(super) fn below<'c>(&'c self, folder: &'c str) -> impl Iterator<Item = (&'c str, &'c [u8])> {
        self.files.iter().filter_map(move |(name, content)| {
            let name = name.strip_prefix(folder)?.strip_prefix('/')?;
            Some((name, content.expose_secret()))
        })
    }

    /// Names this state of it; the same for the same files.
    pub(crate) fn name(&self) -> String {
        let mut all = Vec::new();
        for (name, content) in self.files.iter().filter(|(name, _)| *name != MADE) {
            let id = Id::of(content.expose_secret()).to_hex();
            all.extend_from_slice(format!("{name} {id}\n").as_bytes());
        }
        Id::of(&all).to_hex()[..16].to_owned()
    }

    /// The repositories that it has passwords of, that of the ledger's copies apart.
    pub(crate) fn repositories(&self) -> BTreeSet<String> {
        let names = self.below(PASSWORDS).map(|(name, _)| name.to_owned());
        names.filter(|name| name != LEDGER_REPOSITORY).collect()
    }

    /// The locations, each with its address.
    pub(super) fn urls(&self) -> impl Iterator<Item = (&str, &str)> {
        self.below(LOCATIONS).filter_map(|(name, url)| {
            let (name, file) = name.split_once('/')?;
            (file == URL).then_some((name, std::str::from_utf8(url).ok()?))
        })
    }

    /// The password of a repository.
    pub(super) fn password(&self, repository: &str) -> Option<SecretString> {
        let password = self.get(&format!("{PASSWORDS}/{repository}"))?;
        Some(SecretString::from(std::str::from_utf8(password).ok()?.to_owned()))
    }

    /// The credentials of a location, for whoever is not at this machine: the files that they name are those in `folder`.
    pub(super) fn credentials_in(&self, name: &str, folder: &Path, which: &str) -> Option<String> {
        let text = self.get(&format!("{LOCATIONS}/{name}/{which}credentials.toml"))?;
        let mut table: toml::Table = toml::from_str(std::str::from_utf8(text).ok()?).ok()?;
        for field in NAMED_FILES {
            if self.get(&format!("{LOCATIONS}/{name}/{which}{field}")).is_some() {
                let path = folder.join(format!("{name}-{which}{field}"));
                table.insert(field.to_owned(), path.display().to_string().into());
            }
        }
        toml::to_string(&table).ok()
    }

    /// The credentials of a database or a channel, by the name that the estate gives them.
    pub(super) fn credentials_beside(&self, name: &str) -> Option<&[u8]> {
        self.get(&format!("{BESIDE}/{name}.toml"))
    }

    /// Writes the files that credentials of locations name into a folder, under the names that [`Contents::credentials_in`] gives.
    pub(super) fn write_named_files(&self, folder: &Path) -> Result<()> {
        for (name, content) in self.below(LOCATIONS) {
            let Some((location, file)) = name.split_once('/') else { continue };
            if NAMED_FILES.contains(&file.trim_start_matches("delete-")) {
                let path = folder.join(format!("{location}-{file}"));
                secrets::write(&path, content).map_err(|error| Error::not_done(error.to_string()))?;
            }
        }
        Ok(())
    }

    /// As one file.
    pub(super) fn to_tar(&self, made: Timestamp) -> Result<SecretSlice<u8>> {
        let failed = |error: std::io::Error| Error::not_done(format!("pack the key ring: {error}"));
        let mut tar = tar::Builder::new(Vec::new());
        let mut append = |name: &str, content: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(u64::try_from(made.as_second()).unwrap_or_default());
            tar.append_data(&mut header, name, content).map_err(failed)
        };
        let stamp = serde_json::to_vec(&Made { made }).map_err(|e| Error::not_done(e.to_string()))?;
        append(MADE, &stamp)?;
        for (name, content) in self.files.iter().filter(|(name, _)| *name != MADE) {
            append(name, content.expose_secret())?;
        }
        Ok(SecretSlice::from(tar.into_inner().map_err(failed)?))
    }

    /// Reads it back. What has no place in a ring is refused, above all a path that leads out of it.
    pub(super) fn from_tar(bytes: &[u8]) -> Result<Contents> {
        let broken = |why: String| {
            Error::new(crate::ending::Ending::Damage, format!("the key ring is damaged: {why}"))
        };
        let mut contents = Contents::default();
        let mut archive = tar::Archive::new(bytes);
        let entries = archive.entries().map_err(|error| broken(error.to_string()))?;
        for entry in entries {
            let entry = entry.map_err(|error| broken(error.to_string()))?;
            let name =
                entry.path().ok().and_then(|path| path.to_str().map(str::to_owned)).unwrap_or_default();
            if !is_own(&name) || !entry.header().entry_type().is_file() {
                return Err(broken(format!("{name:?} has no place in it")));
            }
            let mut content = Vec::new();
            entry.take(BYTES_MAX).read_to_end(&mut content).map_err(|error| broken(error.to_string()))?;
            contents.put(&name, &content);
            secrets::wipe(&mut content);
        }
        if contents.is_empty() {
            return Err(broken("it is empty".to_owned()));
        }
        Ok(contents)
    }

    /// When it was packed.
    pub(super) fn made(&self) -> Timestamp {
        let made = self.get(MADE).and_then(|text| serde_json::from_slice::<Made>(text).ok());
        made.map_or(Timestamp::UNIX_EPOCH, |made| made.made)
    }
}

/// The credentials of a database or a channel, as a file has them.
fn credentials_beside(setup: &Setup, name: &str, source: &CredentialSource) -> Result<SecretString> {
    match source {
        CredentialSource::File(_) => setup.credentials_text(name, source),
        CredentialSource::Environment(prefix) => {
            let keys = ["user", "password", "secret", "url"];
            crate::setup::from_environment(&setup.world, prefix, &keys)
                .map_err(|why| Error::usage(format!("the credentials of {name}: {why}")))
        }
    }
}

/// Whether a file among the keys is surely none: estate.toml names it as credentials, or it has none of a key's fields. One that
/// is damaged, or may not be read, could be one.
fn is_other(setup: &Setup, path: &Path) -> bool {
    let mut named = setup.estate.credentials().filter_map(|source| match source {
        CredentialSource::File(file) => Some(setup.places.config.join(file)),
        CredentialSource::Environment(_) => None,
    });
    if named.any(|file| file == path) {
        return true;
    }
    let text = secrets::read_text(path).ok();
    let table = text.and_then(|text| toml::from_str::<toml::Table>(text.expose_secret()).ok());
    table.is_some_and(|table| {
        !table.is_empty()
            && !["password", "config", "key_file"].iter().any(|field| table.contains_key(*field))
    })
}

fn is_own(name: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    let is_plain = |part: &&str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    let is_known = matches!(
        parts.as_slice(),
        [MADE | "policy.toml" | "estate.toml"]
            | [KEYS | PASSWORDS | LOCATIONS | BESIDE, _]
            | [LOCATIONS, _, _]
    );
    is_known && parts.iter().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_read_back_as_it_was_and_named_by_what_is_in_it() {
        let mut contents = Contents::default();
        contents.put("passwords/C-1", b"secret");
        contents.put("passwords/holdfast-ledger", b"other");
        contents.put("locations/far/credentials.toml", b"access_key = \"a\"\nca_file = \"/gone/ca.pem\"\n");
        contents.put("locations/far/ca_file", b"PEM");
        let name = contents.name();
        let made: Timestamp = "2026-11-27T10:00:00Z".parse().unwrap();
        let again = Contents::from_tar(contents.to_tar(made).unwrap().expose_secret()).unwrap();
        assert_eq!((again.made(), again.repositories()), (made, BTreeSet::from(["C-1".to_owned()])));
        assert_eq!(again.password("C-1").unwrap().expose_secret(), "secret");
        let credentials = again.credentials_in("far", Path::new("/new/keys"), "").unwrap();
        assert!(credentials.contains("ca_file = \"/new/keys/far-ca_file\""), "{credentials}");
        contents.put("passwords/C-1", b"changed");
        assert_ne!(contents.name(), name);
    }

    #[test]
    fn what_leads_out_of_a_ring_is_refused() {
        for name in [
            "keys/C-1.toml",
            "locations/a/known_hosts",
            "locations/a.sh",
            "credentials/database-shop.example.toml",
            "estate.toml",
        ] {
            assert!(is_own(name), "{name}");
        }
        for name in
            ["", "../x", "/etc/passwd", "keys/../x", "keys/.x", "keys/a/b", "other/x", "keys", "keys/a b"]
        {
            assert!(!is_own(name), "{name}");
        }
        assert!(Contents::from_tar(b"not a tar").is_err());
        assert!(Contents::from_tar(b"").is_err());
    }
}
