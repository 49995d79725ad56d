//! What a location's URL names, as far as it takes to tell two names of one place from two places.
//!
//! Two locations that are one would be counted as two copies. Only what the text shows is looked at here; the same
//! machine under two names is found by probing.

use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};

use url::{Host, Url};

/// What a location's URL names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `file:///path` or an absolute path: a folder of this machine.
    Folder(PathBuf),
    /// `sftp://user@host:port/path`.
    Sftp {
        /// Lower-case host name or address, with the port.
        server: String,
        /// Absolute folder on the server.
        path: PathBuf,
    },
    /// `s3://bucket/prefix?endpoint=https://host&region=name`.
    S3 {
        /// The service and the bucket.
        bucket: String,
        /// Folder in the bucket, with a leading slash.
        path: PathBuf,
    },
    /// `rest:https://host:port/path`.
    Rest {
        /// Host and port.
        server: String,
        /// Folder on the server.
        path: PathBuf,
    },
}

/// How two places lie to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overlap {
    Same,
    Nested,
}

impl Place {
    /// Reads a URL. The error says what to write instead, and never repeats the URL: a password may stand in it.
    ///
    /// # Errors
    /// For any text that names no place, or one that cannot be reached safely.
    pub fn parse(text: &str) -> Result<Place, String> {
        if let Some(path) = text.strip_prefix("file://") {
            return folder(&decode(path.strip_prefix("localhost").unwrap_or(path))?);
        }
        if text.starts_with('/') {
            return folder(text);
        }
        if let Some(base) = text.strip_prefix("rest:").or_else(|| text.strip_prefix("rest+")) {
            return rest(&url(base)?);
        }
        match text.split_once(':').map(|(scheme, _)| scheme) {
            Some("sftp") => sftp(&url(text)?),
            Some("s3") => s3(&url(text)?),
            Some(scheme @ ("http" | "https")) => {
                Err(format!("what speaks there? write rest:{scheme}://… for a restic REST server, or s3://…"))
            }
            _ => Err("this is no place; write file:///path, sftp://user@host/path, \
                      s3://bucket/prefix?endpoint=https://host or rest:https://host/path"
                .to_owned()),
        }
    }

    /// The folder of this machine, where it is one.
    pub fn local_path(&self) -> Option<&Path> {
        match self {
            Place::Folder(path) => Some(path),
            _ => None,
        }
    }

    pub(super) fn overlap(&self, other: &Place) -> Option<Overlap> {
        let (server, path) = self.parts();
        let (other_server, other_path) = other.parts();
        if server != other_server {
            return None;
        }
        overlap(path, other_path)
    }

    fn parts(&self) -> ((&'static str, &str), &Path) {
        match self {
            Place::Folder(path) => (("folder", ""), path),
            Place::Sftp { server, path } => (("sftp", server), path),
            Place::S3 { bucket, path } => (("s3", bucket), path),
            Place::Rest { server, path } => (("rest", server), path),
        }
    }
}

/// Whether one of two absolute paths is the other or lies below it.
pub(super) fn overlap(path: &Path, other: &Path) -> Option<Overlap> {
    match (path.starts_with(other), other.starts_with(path)) {
        (true, true) => Some(Overlap::Same),
        (true, false) | (false, true) => Some(Overlap::Nested),
        (false, false) => None,
    }
}

/// An absolute path in its plain form: no double slashes, no `.`, and no `..` (which a symlink could turn).
pub(super) fn plain_path(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text);
    if !path.is_absolute() {
        return Err("the path must be absolute: start it with '/'".to_owned());
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return Err("the path must not hold '..'".to_owned());
    }
    if text.contains(char::is_control) {
        return Err("the path holds a control character".to_owned());
    }
    Ok(path.components().collect())
}

fn folder(text: &str) -> Result<Place, String> {
    let path = plain_path(text)?;
    if path.parent().is_none() {
        return Err("the root of the file system cannot be a place; name a folder below it".to_owned());
    }
    Ok(Place::Folder(path))
}

fn url(text: &str) -> Result<Url, String> {
    // The parser resolves dots silently, which would make another place of a mistyped one.
    let path = text.split(['?', '#']).next().unwrap_or_default();
    if path.split('/').any(|part| matches!(decode(part).as_deref(), Ok("." | ".."))) {
        return Err("the path must not hold '.' or '..'".to_owned());
    }
    let url = Url::parse(text).map_err(|error| format!("this is no URL: {error}"))?;
    if url.password().is_some() {
        return Err(
            "a password stands in the URL, where logs and process lists would show it; move it into a \
                    credentials file"
                .to_owned(),
        );
    }
    if url.fragment().is_some() {
        return Err("a place has no #fragment".to_owned());
    }
    Ok(url)
}

fn sftp(url: &Url) -> Result<Place, String> {
    let host =
        url.host_str().filter(|host| !host.is_empty()).ok_or("the host is missing: sftp://user@host/path")?;
    if url.username().is_empty() {
        return Err("the user is missing: sftp://user@host/path".to_owned());
    }
    if url.query().is_some() {
        return Err("an sftp URL has no ?query; keys belong into the credentials file".to_owned());
    }
    let path = plain_path(&decode(url.path())?).map_err(|_| "the path is missing: sftp://user@host/path")?;
    if path.parent().is_none() {
        return Err("the path must name a folder on the server: sftp://user@host/srv/backup".to_owned());
    }
    Ok(Place::Sftp { server: format!("{}:{}", host.to_lowercase(), url.port().unwrap_or(22)), path })
}

fn s3(url: &Url) -> Result<Place, String> {
    let bucket =
        url.host_str().filter(|host| !host.is_empty()).ok_or("the bucket is missing: s3://bucket/prefix")?;
    if !url.username().is_empty() || url.port().is_some() {
        return Err(
            "write s3://bucket/prefix?endpoint=https://host:port; keys belong into the credentials file"
                .to_owned(),
        );
    }
    let mut service = "aws".to_owned();
    for (key, value) in url.query_pairs() {
        match &*key {
            "endpoint" => service = server_of(&self::url(&value)?)?,
            "region" => {}
            _ => return Err(format!("unknown setting ?{key}=; there are endpoint and region")),
        }
    }
    let path = plain_path(&format!("/{}", decode(url.path())?))?;
    Ok(Place::S3 { bucket: format!("{service}/{bucket}"), path })
}

fn rest(url: &Url) -> Result<Place, String> {
    if !url.username().is_empty() {
        return Err("the user belongs into the credentials file, beside the password".to_owned());
    }
    if url.query().is_some() {
        return Err("a rest URL has no ?query".to_owned());
    }
    Ok(Place::Rest { server: server_of(url)?, path: plain_path(&decode(url.path())?)? })
}

/// Host and port of an `https` URL, or of an `http` one of this machine.
fn server_of(url: &Url) -> Result<String, String> {
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => return Err("the host is missing".to_owned()),
    };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback => {}
        "http" => {
            return Err(
                "plain http shows passwords to the network; use https (http is for this machine only)"
                    .to_owned(),
            );
        }
        _ => return Err("only https:// is spoken there".to_owned()),
    }
    Ok(format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(0)))
}

fn decode(text: &str) -> Result<String, String> {
    let wrong = || "the URL's %-codes are no text".to_owned();
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16)).ok_or_else(wrong);
        let code = digit()? * 16 + digit()?;
        bytes.push(u8::try_from(code).map_err(|_| wrong())?);
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}
