//! Copies in an S3 bucket. Some services promise "only if it is not there" and overwrite all the same (see
//! [`canary`](crate::canary)); others call a missing bucket a missing object. Both are asked for here before a word
//! of theirs is believed.

mod refusal;
mod retention;
mod transport;
mod versions;

use std::ops::Range;
use std::sync::OnceLock;

use bytes::Bytes;
use jiff::Timestamp;
use opendal::options::{ListOptions, ReadOptions, WriteOptions};
use opendal::{ErrorKind as Kind, HttpTransporter, OperationContext, Operator, services};
use secrecy::ExposeSecret;
use tokio::runtime::Runtime;

use crate::contract::{Identity, Listed, Location, Put};
use crate::credentials::Credentials;
use crate::error::{Error, ErrorKind};
use crate::http::Http;
use crate::key::{Area, Key, is_reserved, valid_object, valid_repository};
use crate::object_lock::{LockBreak, ObjectLock, Retained};
use crate::secrets::Secrets;
use crate::surroundings::Surroundings;
use crate::walk::{Lying, Walk};
use crate::{canary, marker, runtime};

/// Where a bucket is.
pub(crate) struct Bucket {
    pub(crate) bucket: String,
    pub(crate) prefix: String,
    pub(crate) endpoint: Option<String>,
    pub(crate) region: String,
    pub(crate) object_lock: Option<ObjectLock>,
}

impl Bucket {
    fn endpoint(&self) -> String {
        self.endpoint.clone().unwrap_or_else(|| format!("https://s3.{}.amazonaws.com", self.region))
    }

    fn description(&self) -> String {
        format!("bucket {} at {}, folder /{}", self.bucket, self.endpoint(), self.prefix)
    }
}

/// A bucket.
pub(crate) struct S3 {
    name: String,
    bucket: Bucket,
    operator: Operator,
    requests: versions::Requests,
    secrets: Secrets,
    runtime: Runtime,
    surroundings: Surroundings,
    /// Whether the service refuses to replace an object when asked not to, once that was tried.
    refuses_overwriting: OnceLock<bool>,
}

impl S3 {
    pub(crate) fn new(
        name: &str,
        bucket: Bucket,
        credentials: &Credentials,
        surroundings: &Surroundings,
    ) -> Result<S3, String> {
        if let Some(cause) = credentials.foreign(&["access_key", "secret_key", "session_token", "ca_file"]) {
            return Err(cause);
        }
        let (Some(access), Some(secret)) = (&credentials.access_key, &credentials.secret_key) else {
            return Err("the credentials need access_key and secret_key".to_owned());
        };
        let mut builder = services::S3::default()
            .bucket(&bucket.bucket)
            .root(&format!("/{}", bucket.prefix))
            .endpoint(&bucket.endpoint())
            .region(&bucket.region)
            .access_key_id(access.expose_secret())
            .secret_access_key(secret.expose_secret())
            // A bucket with a default retention takes nothing without; elsewhere it guards the way there.
            .checksum_algorithm("crc32c")
            .disable_config_load()
            .disable_ec2_metadata();
        if let Some(token) = &credentials.session_token {
            builder = builder.session_token(token.expose_secret());
        }
        let secrets = Secrets::new([Some(access), Some(secret), credentials.session_token.as_ref()]);
        let operator = Operator::new(builder).map_err(|error| secrets.hide(&error.to_string()))?;
        let http = Http::new(surroundings.timeouts, credentials.ca_file.as_deref())?;
        let base = format!("{}/{}", bucket.endpoint().trim_end_matches('/'), bucket.bucket);
        let requests = versions::Requests::new(http.clone(), credentials, &bucket.region, base);
        let context =
            OperationContext::new().with_http_transport(HttpTransporter::new(transport::Transport(http)));
        Ok(S3 {
            name: name.to_owned(),
            bucket,
            operator: operator.with_context(context),
            requests,
            secrets,
            runtime: runtime::start(name)?,
            surroundings: surroundings.clone(),
            refuses_overwriting: OnceLock::new(),
        })
    }

    fn checked(&self, action: &str, key: &Key) -> Result<String, Error> {
        match key.check() {
            Ok(()) => Ok(key.path()),
            Err(cause) => Err(self.error(ErrorKind::Unsupported, action, &cause)),
        }
    }

    /// The size of an object, `None` when the service answers that it is not there.
    fn look_up(&self, action: &str, path: &str) -> Result<Option<u64>, Error> {
        match runtime::wait(&self.runtime, self.operator.stat(path)) {
            Ok(metadata) => Ok(Some(metadata.content_length())),
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            Err(error) => Err(self.failed(action, &error)),
        }
    }

    fn present(&self, action: &str) -> Result<(), Error> {
        match self.look_up(action, &marker::key().path())? {
            Some(_) => Ok(()),
            None => Err(marker::missing(&self.name, action, &self.bucket.description())),
        }
    }

    fn not_found(&self, action: &str, path: &str) -> Error {
        match self.present(action) {
            Ok(()) => self.error(ErrorKind::NotFound, action, &format!("{path} does not exist")),
            Err(error) => error,
        }
    }

    /// Uploads; `false` when the service refused because something is there.
    fn write(&self, action: &str, path: &str, bytes: Bytes, if_not_exists: bool) -> Result<bool, Error> {
        let options = WriteOptions { if_not_exists, ..WriteOptions::default() };
        match runtime::wait(&self.runtime, self.operator.write_options(path, bytes, options)) {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.kind(), Kind::ConditionNotMatch | Kind::AlreadyExists) => Ok(false),
            Err(error) => Err(self.failed(action, &error)),
        }
    }

    fn refuses_overwriting(&self, action: &str) -> Result<bool, Error> {
        if let Some(known) = self.refuses_overwriting.get() {
            return Ok(*known);
        }
        self.present(action)?;
        let path = canary::key().path();
        let replaced = self.write(action, &path, canary::content(), true)?
            && self.write(action, &path, canary::content(), true)?;
        Ok(*self.refuses_overwriting.get_or_init(|| !replaced))
    }

    fn settle(&self, action: &str, there: u64, bytes: &Bytes) -> Result<Put, Error> {
        if there == bytes.len() as u64 {
            return Ok(Put::AlreadyThere);
        }
        let cause = format!("it is there with {there} bytes, not {}", bytes.len());
        Err(self.error(ErrorKind::Conflict, action, &cause))
    }

    fn read(&self, action: &str, path: &str, range: Option<Range<u64>>) -> Result<Option<Bytes>, Error> {
        let wanted = range.as_ref().map(|range| range.end.saturating_sub(range.start));
        if let Some(range) = range.as_ref().filter(|range| range.is_empty()) {
            return match self.look_up(action, path)? {
                Some(size) if range.start == range.end && range.end <= size => Ok(Some(Bytes::new())),
                Some(size) => {
                    let cause = format!("asked for bytes {}..{} of {size}", range.start, range.end);
                    Err(self.error(ErrorKind::Corrupt, action, &cause))
                }
                None => Ok(None),
            };
        }
        let end = range.as_ref().map(|range| range.end);
        let mut options = ReadOptions::default();
        if let Some(range) = range {
            options.range = range.into();
        }
        match runtime::wait(&self.runtime, self.operator.read_options(path, options)) {
            Ok(buffer) => {
                let bytes = buffer.to_bytes();
                match wanted {
                    Some(wanted) if wanted != bytes.len() as u64 => Err(self.error(
                        ErrorKind::Corrupt,
                        action,
                        &format!("asked for {wanted} bytes, {} came", bytes.len()),
                    )),
                    _ => Ok(Some(bytes)),
                }
            }
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            Err(error) => {
                // Not every service says "range not satisfiable" for a range that ends too late; the size decides.
                if let Some(end) = end
                    && let Ok(Some(size)) = self.look_up(action, path)
                    && size < end
                {
                    let cause = format!("asked for bytes up to {end} of {size}");
                    return Err(self.error(ErrorKind::Corrupt, action, &cause));
                }
                Err(self.failed(action, &error))
            }
        }
    }

    fn entries(&self, action: &str, prefix: &str, recursive: bool) -> Result<Vec<opendal::Entry>, Error> {
        let options = ListOptions { recursive, ..ListOptions::default() };
        match runtime::wait(&self.runtime, self.operator.list_options(prefix, options)) {
            Ok(entries) => Ok(entries),
            Err(error) if error.kind() == Kind::NotFound => Ok(Vec::new()),
            Err(error) => Err(self.failed(action, &error)),
        }
    }
}

impl Location for S3 {
    fn name(&self) -> &str {
        &self.name
    }

    fn establish(&self) -> Result<(), Error> {
        let action = "establish the place";
        let path = marker::key().path();
        if self.look_up(action, &path)?.is_none() {
            self.write(action, &path, marker::fresh(&self.surroundings).into(), true)?;
        }
        Ok(())
    }

    fn prepare(&self, repository: &str) -> Result<(), Error> {
        let action = format!("prepare {repository}");
        if !valid_repository(repository) {
            let cause = format!("{repository:?} is not a repository name");
            return Err(self.error(ErrorKind::Unsupported, &action, &cause));
        }
        // A bucket has no folders to make.
        self.present(&action)
    }

    fn put(&self, key: &Key, bytes: Bytes) -> Result<Put, Error> {
        let action = format!("write {key}");
        let path = self.checked(&action, key)?;
        if !self.refuses_overwriting(&action)?
            && let Some(there) = self.look_up(&action, &path)?
        {
            return self.settle(&action, there, &bytes);
        }
        if self.write(&action, &path, bytes.clone(), true)? {
            return Ok(Put::Stored);
        }
        match self.look_up(&action, &path)? {
            Some(there) => self.settle(&action, there, &bytes),
            None => Err(self.error(
                ErrorKind::Unreachable,
                &action,
                "it was there, and then it was not: try again",
            )),
        }
    }

    fn get(&self, key: &Key, range: Option<Range<u64>>) -> Result<Bytes, Error> {
        let action = format!("read {key}");
        let path = self.checked(&action, key)?;
        self.read(&action, &path, range)?.ok_or_else(|| self.not_found(&action, &path))
    }

    fn size(&self, key: &Key) -> Result<u64, Error> {
        let action = format!("look up {key}");
        let path = self.checked(&action, key)?;
        self.look_up(&action, &path)?.ok_or_else(|| self.not_found(&action, &path))
    }

    fn list(&self, repository: &str, area: Area) -> Result<Vec<Listed>, Error> {
        let action = format!("list {repository}/{}", area.folder());
        let key = Key::new(&repository.into(), Area::Config, "");
        let config = self.checked(&action, &key)?;
        let mut listed = Vec::new();
        if area == Area::Config {
            let size = self.look_up(&action, &config)?;
            listed.extend(size.map(|size| Listed { name: "config".to_owned(), size }));
        } else {
            let prefix = format!("{repository}/{}/", area.folder());
            for entry in self.entries(&action, &prefix, area == Area::Data)? {
                // Only what lies where its name says: `data/ab/ab…`, `keys/…`.
                if valid_object(entry.name())
                    && Key::new(&key.repository, area, entry.name()).path() == entry.path()
                {
                    let size = entry.metadata().content_length();
                    listed.push(Listed { name: entry.name().to_owned(), size });
                }
            }
        }
        if listed.is_empty() {
            self.present(&action)?;
        }
        Ok(listed)
    }

    fn delete(&self, key: &Key) -> Result<(), Error> {
        let action = format!("delete {key}");
        let path = self.checked(&action, key)?;
        match runtime::wait(&self.runtime, self.operator.delete(&path)) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == Kind::NotFound => self.present(&action),
            Err(error) => Err(self.failed(&action, &error)),
        }
    }

    fn repositories(&self) -> Result<Vec<String>, Error> {
        let action = "list repositories";
        self.present(action)?;
        let entries = self.entries(action, "/", false)?;
        let names = entries.iter().filter_map(|entry| entry.path().strip_suffix('/'));
        Ok(names.filter(|name| valid_repository(name) && !is_reserved(name)).map(str::to_owned).collect())
    }

    fn identity(&self) -> Result<Identity, Error> {
        let action = "identify the place";
        let Some(content) = self.read(action, &marker::key().path(), None)? else {
            return Err(marker::missing(&self.name, action, &self.bucket.description()));
        };
        let endpoint = self.bucket.endpoint();
        Ok(Identity {
            fingerprint: format!("s3 {endpoint} {} /{}", self.bucket.bucket, self.bucket.prefix),
            description: self.bucket.description(),
            machine: None,
            device: Some(format!("s3 {endpoint}")),
            marker: marker::id(&content),
        })
    }

    fn walk(&self, repository: Option<&str>) -> Result<Walk, Error> {
        self.walk_all("walk the bucket", repository)
    }

    fn hides_versions(&self) -> bool {
        true
    }

    fn erase(&self, lying: &Lying) -> Result<(), Error> {
        self.erase_one(&format!("erase {}", lying.path), lying)
    }

    fn retains(&self) -> bool {
        self.bucket.object_lock.is_some()
    }

    fn retain(&self, key: &Key, until: Timestamp) -> Result<Retained, Error> {
        let action = format!("lock {key}");
        let path = self.checked(&action, key)?;
        self.raise(&action, &path, until)
    }

    fn retained_until(&self, path: &str, version: Option<&str>) -> Result<Option<Timestamp>, Error> {
        let action = format!("read the lock of {path}");
        Ok(self.retention(&action, path, version)?.map(|retention| retention.until))
    }

    fn break_lock(&self, lying: &Lying, how: LockBreak) -> Result<(), Error> {
        self.break_one(&format!("break the lock of {}", lying.path), lying, how)
    }

    fn overwrite_raw(&self, key: &Key, bytes: Bytes) -> Result<(), Error> {
        let action = format!("overwrite {key}");
        let path = self.checked(&action, key)?;
        self.write(&action, &path, bytes, false).map(|_| ())
    }
}
