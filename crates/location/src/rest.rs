//! Copies behind restic's REST protocol, version 2 (`rest-server`, `rclone serve restic`). The protocol knows neither
//! "only if it is not there" nor a list of repositories, and servers differ in what they refuse; so overwriting is
//! tried out once (see [`canary`](crate::canary)), and prepared repositories are noted beside the marker.

mod requests;

use std::ops::Range;
use std::sync::OnceLock;

use bytes::Bytes;
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Runtime;

use crate::contract::{Identity, Listed, Location, MARKER_REPOSITORY, Put};
use crate::credentials::Credentials;
use crate::error::{Error, ErrorKind};
use crate::http::Http;
use crate::key::{Area, Key, is_reserved, valid_object, valid_repository};
use crate::secrets::Secrets;
use crate::surroundings::Surroundings;
use crate::{canary, marker, runtime};

/// A REST server.
pub(crate) struct Rest {
    name: String,
    base: String,
    login: Option<(String, SecretString)>,
    secrets: Secrets,
    http: Http,
    runtime: Runtime,
    surroundings: Surroundings,
    /// Whether the server refuses to replace an object, once that was tried.
    refuses_overwriting: OnceLock<bool>,
}

impl Rest {
    pub(crate) fn new(
        name: &str,
        base: String,
        credentials: &Credentials,
        surroundings: &Surroundings,
    ) -> Result<Rest, String> {
        if let Some(cause) = credentials.foreign(&["user", "password", "ca_file"]) {
            return Err(cause);
        }
        let login = match (&credentials.user, &credentials.password) {
            (Some(user), Some(password)) => Some((user.expose_secret().to_owned(), password.clone())),
            (None, None) => None,
            _ => return Err("the credentials need user and password, or neither".to_owned()),
        };
        Ok(Rest {
            name: name.to_owned(),
            base,
            login,
            secrets: Secrets::new([credentials.password.as_ref()]),
            http: Http::new(surroundings.timeouts, credentials.ca_file.as_deref())?,
            runtime: runtime::start(name)?,
            surroundings: surroundings.clone(),
            refuses_overwriting: OnceLock::new(),
        })
    }

    fn error(&self, kind: ErrorKind, action: &str, cause: &str) -> Error {
        Error::new(kind, &self.name, action, self.secrets.hide(cause))
    }

    fn present(&self, action: &str) -> Result<(), Error> {
        match self.look_up(action, &marker::key())? {
            Some(_) => Ok(()),
            None => Err(marker::missing(&self.name, action, &self.base)),
        }
    }

    fn checked(&self, action: &str, key: &Key) -> Result<(), Error> {
        key.check().map_err(|cause| self.error(ErrorKind::Unsupported, action, &cause))
    }

    fn checked_repository(&self, action: &str, repository: &str) -> Result<(), Error> {
        if valid_repository(repository) {
            return Ok(());
        }
        Err(self.error(ErrorKind::Unsupported, action, &format!("{repository:?} is not a repository name")))
    }

    fn not_found(&self, action: &str, key: &Key) -> Error {
        match self.present(action) {
            Ok(()) => self.error(ErrorKind::NotFound, action, &format!("{}{key} does not exist", self.base)),
            Err(error) => error,
        }
    }

    /// Compares what is there with what was to be stored.
    fn settle(&self, action: &str, there: u64, bytes: &Bytes) -> Result<Put, Error> {
        if there == bytes.len() as u64 {
            return Ok(Put::AlreadyThere);
        }
        let cause = format!("it is there with {there} bytes, not {}", bytes.len());
        Err(self.error(ErrorKind::Conflict, action, &cause))
    }

    fn refuses_overwriting(&self, action: &str) -> Result<bool, Error> {
        if let Some(known) = self.refuses_overwriting.get() {
            return Ok(*known);
        }
        // Once it is there, beside the marker, one refusal answers the question.
        let content = canary::content();
        let is_there = self.look_up(action, &canary::key())? == Some(content.len() as u64);
        if is_there && !self.post(action, &canary::key(), content)?.is_success() {
            return Ok(*self.refuses_overwriting.get_or_init(|| true));
        }
        self.present(action)?;
        self.create_repository(action, MARKER_REPOSITORY)?;
        let mut status = StatusCode::OK;
        for _ in 0..2 {
            status = self.post(action, &canary::key(), canary::content())?;
            if !status.is_success() {
                break;
            }
        }
        // A refusal counts only where the object is there to be protected.
        let refused = !status.is_success()
            && self.look_up(action, &canary::key())? == Some(canary::content().len() as u64);
        if !refused && !status.is_success() {
            return Err(self.refusal(action, status, b""));
        }
        Ok(*self.refuses_overwriting.get_or_init(|| refused))
    }

    fn store(&self, action: &str, key: &Key, bytes: &Bytes) -> Result<Put, Error> {
        if !self.refuses_overwriting(action)?
            && let Some(there) = self.look_up(action, key)?
        {
            return self.settle(action, there, bytes);
        }
        let status = self.post(action, key, bytes.clone())?;
        if status.is_success() {
            return Ok(Put::Stored);
        }
        match self.look_up(action, key)? {
            Some(there) => self.settle(action, there, bytes),
            None => Err(self.refusal(action, status, b"")),
        }
    }
}

impl Location for Rest {
    fn name(&self) -> &str {
        &self.name
    }

    fn establish(&self) -> Result<(), Error> {
        let action = "establish the place";
        if self.look_up(action, &marker::key())?.is_some() {
            return Ok(());
        }
        self.create_repository(action, MARKER_REPOSITORY)?;
        let status = self.post(action, &marker::key(), marker::fresh(&self.surroundings).into())?;
        if status.is_success() || self.look_up(action, &marker::key())?.is_some() {
            return Ok(());
        }
        Err(self.refusal(action, status, b""))
    }

    fn prepare(&self, repository: &str) -> Result<(), Error> {
        let action = format!("prepare {repository}");
        self.checked_repository(&action, repository)?;
        self.present(&action)?;
        self.create_repository(&action, repository)?;
        let note = Bytes::copy_from_slice(repository.as_bytes());
        let key = canary::named_by_content(&note);
        if self.look_up(&action, &key)?.is_none() {
            self.store(&action, &key, &note)?;
        }
        Ok(())
    }

    fn put(&self, key: &Key, bytes: Bytes) -> Result<Put, Error> {
        let action = format!("write {key}");
        self.checked(&action, key)?;
        self.store(&action, key, &bytes)
    }

    fn get(&self, key: &Key, range: Option<Range<u64>>) -> Result<Bytes, Error> {
        let action = format!("read {key}");
        self.checked(&action, key)?;
        match self.fetch(&action, key, range)? {
            Some(bytes) => Ok(bytes),
            None => Err(self.not_found(&action, key)),
        }
    }

    fn size(&self, key: &Key) -> Result<u64, Error> {
        let action = format!("look up {key}");
        self.checked(&action, key)?;
        self.look_up(&action, key)?.ok_or_else(|| self.not_found(&action, key))
    }

    fn list(&self, repository: &str, area: Area) -> Result<Vec<Listed>, Error> {
        let action = format!("list {repository}/{}", area.folder());
        self.checked_repository(&action, repository)?;
        let listed = match area {
            Area::Config => {
                let key = Key::new(&repository.into(), Area::Config, "");
                let size = self.look_up(&action, &key)?;
                size.map(|size| Listed { name: "config".to_owned(), size }).into_iter().collect()
            }
            _ => self.fetch_listing(&action, repository, area)?,
        };
        if listed.is_empty() {
            self.present(&action)?;
        }
        Ok(listed.into_iter().filter(|listed| area == Area::Config || valid_object(&listed.name)).collect())
    }

    fn delete(&self, key: &Key) -> Result<(), Error> {
        let action = format!("delete {key}");
        self.checked(&action, key)?;
        let answer = self.call(&action, self.request(Method::DELETE, &self.url(key)))?;
        match answer.status {
            status if status.is_success() => Ok(()),
            StatusCode::NOT_FOUND => self.present(&action),
            // Some answer "internal error" for what is absent.
            _ if self.look_up(&action, key)?.is_none() => self.present(&action),
            status => Err(self.refusal(&action, status, &answer.body)),
        }
    }

    fn repositories(&self) -> Result<Vec<String>, Error> {
        let action = "list repositories";
        self.present(action)?;
        let mut repositories = Vec::new();
        for listed in self.list(MARKER_REPOSITORY, Area::Keys)?.into_iter().filter(|note| note.size <= 64) {
            let key = Key::new(&MARKER_REPOSITORY.into(), Area::Keys, listed.name);
            let note = self.get(&key, None)?;
            if let Ok(name) = std::str::from_utf8(&note)
                && valid_repository(name)
                && !is_reserved(name)
                && canary::named_by_content(&note) == key
            {
                repositories.push(name.to_owned());
            }
        }
        Ok(repositories)
    }

    fn identity(&self) -> Result<Identity, Error> {
        let action = "identify the place";
        let Some(content) = self.fetch(action, &marker::key(), None)? else {
            return Err(marker::missing(&self.name, action, &self.base));
        };
        let url = url::Url::parse(&self.base).expect("it was parsed when the place was opened");
        let host = url.host_str().unwrap_or_default();
        Ok(Identity {
            fingerprint: format!("rest {}", self.base),
            description: format!("REST server {}", self.base),
            machine: None,
            device: Some(format!("rest {host}:{}", url.port_or_known_default().unwrap_or(0))),
            marker: marker::id(&content),
        })
    }

    fn discard_empty(&self, repository: &str) -> Result<(), Error> {
        for area in Area::ALL {
            if !self.list(repository, area)?.is_empty() {
                return Ok(());
            }
        }
        self.delete(&canary::named_by_content(repository.as_bytes()))
    }

    fn overwrite_raw(&self, key: &Key, bytes: Bytes) -> Result<(), Error> {
        let action = format!("overwrite {key}");
        self.checked(&action, key)?;
        match self.post(&action, key, bytes)? {
            status if status.is_success() => Ok(()),
            status => Err(self.refusal(&action, status, b"")),
        }
    }
}
