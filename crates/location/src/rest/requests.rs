//! The single requests of the protocol, and what their answers mean.

use std::ops::Range;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, RANGE};
use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::Rest;
use crate::contract::Listed;
use crate::error::{Error, ErrorKind};
use crate::http::Answer;
use crate::key::{Area, Key, valid_object};
use crate::runtime;

/// Asks for listings with sizes.
const LISTING_V2: &str = "application/vnd.x.restic.rest.v2";

#[derive(Deserialize)]
struct Entry {
    name: String,
    size: u64,
}

impl Rest {
    /// The protocol's URL of an object: packs have no two-digit folder here.
    pub(super) fn url(&self, key: &Key) -> String {
        match key.area {
            Area::Config => format!("{}{}/config", self.base, key.repository),
            area => format!("{}{}/{}/{}", self.base, key.repository, area.folder(), key.name),
        }
    }

    pub(super) fn request(&self, method: Method, url: &str) -> RequestBuilder {
        let request = self.http.request(method, url);
        match &self.login {
            Some((user, password)) => request.basic_auth(user, Some(password.expose_secret())),
            None => request,
        }
    }

    pub(super) fn call(&self, action: &str, request: RequestBuilder) -> Result<Answer, Error> {
        let request = request
            .build()
            .map_err(|_| self.error(ErrorKind::Unsupported, action, "the URL cannot be requested"))?;
        runtime::wait(&self.runtime, self.http.send(request))
            .map_err(|cause| self.error(ErrorKind::Unreachable, action, &cause))
    }

    /// Sorts a status that is no success.
    pub(super) fn refusal(&self, action: &str, status: StatusCode, body: &[u8]) -> Error {
        let (kind, hint) = match status.as_u16() {
            401 => (ErrorKind::Refused, "user or password is wrong"),
            403 => (ErrorKind::Refused, "the server does not allow it (append-only?)"),
            404 => (ErrorKind::NotFound, "the server knows nothing there"),
            405 | 501 => (ErrorKind::Unsupported, "the server cannot do that"),
            413 | 507 => (ErrorKind::Full, "the server's space or quota is used up"),
            416 => (ErrorKind::Corrupt, "the object is shorter than the range asked for"),
            300..=399 => {
                (ErrorKind::Unsupported, "the server redirects; write the address that it redirects to")
            }
            400 | 422 => (ErrorKind::Unsupported, "the server finds the request wrong"),
            _ => (ErrorKind::Unreachable, "the server failed"),
        };
        let said: String =
            String::from_utf8_lossy(body).chars().filter(|c| !c.is_control()).take(200).collect();
        let said = if said.is_empty() { said } else { format!(": {said}") };
        self.error(kind, action, &format!("{hint} (HTTP {}){said}", status.as_u16()))
    }

    pub(super) fn create_repository(&self, action: &str, repository: &str) -> Result<(), Error> {
        let url = format!("{}{repository}/?create=true", self.base);
        let answer = self.call(action, self.request(Method::POST, &url))?;
        if answer.status.is_success() {
            return Ok(());
        }
        Err(self.refusal(action, answer.status, &answer.body))
    }

    /// Uploads without looking first; success or refusal, `Err` for everything uncertain.
    pub(super) fn post(&self, action: &str, key: &Key, bytes: Bytes) -> Result<StatusCode, Error> {
        let request = self.request(Method::POST, &self.url(key));
        let request = request.header(CONTENT_LENGTH, bytes.len()).body(bytes);
        let answer = self.call(action, request)?;
        let refused = matches!(answer.status.as_u16(), 403 | 404 | 405 | 409 | 412);
        if answer.status.is_success() || refused {
            return Ok(answer.status);
        }
        Err(self.refusal(action, answer.status, &answer.body))
    }

    /// The size of an object, `None` when the server answers that it is not there.
    pub(super) fn look_up(&self, action: &str, key: &Key) -> Result<Option<u64>, Error> {
        let answer = self.call(action, self.request(Method::HEAD, &self.url(key)))?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !answer.status.is_success() {
            return Err(self.refusal(action, answer.status, b""));
        }
        let length = answer.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        match length.and_then(|length| length.parse().ok()) {
            Some(size) => Ok(Some(size)),
            None => {
                Err(self.error(ErrorKind::Unsupported, action, "the server does not say the object's size"))
            }
        }
    }

    pub(super) fn fetch(
        &self,
        action: &str,
        key: &Key,
        range: Option<Range<u64>>,
    ) -> Result<Option<Bytes>, Error> {
        let short = |cause: String| self.error(ErrorKind::Corrupt, action, &cause);
        if let Some(range) = range.as_ref().filter(|range| range.is_empty()) {
            return match self.look_up(action, key)? {
                Some(size) if range.start == range.end && range.end <= size => Ok(Some(Bytes::new())),
                Some(size) => Err(short(format!("bytes {}..{} of {size}", range.start, range.end))),
                None => Ok(None),
            };
        }
        let mut request = self.request(Method::GET, &self.url(key));
        if let Some(range) = &range {
            request = request.header(RANGE, format!("bytes={}-{}", range.start, range.end - 1));
        }
        let answer = self.call(action, request)?;
        let Some(range) = range else {
            return match answer.status {
                StatusCode::OK => Ok(Some(answer.body)),
                StatusCode::NOT_FOUND => Ok(None),
                status => Err(self.refusal(action, status, &answer.body)),
            };
        };
        let wanted = range.end - range.start;
        match answer.status {
            StatusCode::PARTIAL_CONTENT if answer.body.len() as u64 == wanted => Ok(Some(answer.body)),
            // A server without ranges sends everything.
            StatusCode::OK if answer.body.len() as u64 >= range.end => {
                let (start, end) = (range.start as usize, range.end as usize);
                Ok(Some(answer.body.slice(start..end)))
            }
            StatusCode::PARTIAL_CONTENT | StatusCode::OK => {
                Err(short(format!("asked for {wanted} bytes, {} came", answer.body.len())))
            }
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(self.refusal(action, status, &answer.body)),
        }
    }

    pub(super) fn fetch_listing(
        &self,
        action: &str,
        repository: &str,
        area: Area,
    ) -> Result<Vec<Listed>, Error> {
        let url = format!("{}{repository}/{}/", self.base, area.folder());
        let answer = self.call(action, self.request(Method::GET, &url).header(ACCEPT, LISTING_V2))?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(Vec::new()),
            status => return Err(self.refusal(action, status, &answer.body)),
        }
        if let Ok(entries) = serde_json::from_slice::<Option<Vec<Entry>>>(&answer.body) {
            let entries = entries.unwrap_or_default();
            return Ok(entries.into_iter().map(|Entry { name, size }| Listed { name, size }).collect());
        }
        // Version 1 has names only.
        let Ok(names) = serde_json::from_slice::<Vec<String>>(&answer.body) else {
            return Err(self.error(
                ErrorKind::Unreachable,
                action,
                "the answer is no listing; is this a REST server?",
            ));
        };
        let repository = repository.into();
        let mut listed = Vec::new();
        for name in names.into_iter().filter(|name| valid_object(name)) {
            let key = Key::new(&repository, area, name);
            if let Some(size) = self.look_up(action, &key)? {
                listed.push(Listed { name: key.name, size });
            }
        }
        Ok(listed)
    }
}
