//! Where a place for copies is: the URL forms, parsed strictly. A URL that is guessed at would send a company's backups, or
//! its credentials in clear text, to the wrong machine; and two readings of one URL would count one place as two copies.

use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};

use url::{Host, Url};

/// What a place's URL names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `file:///path` or an absolute path.
    Local {
        /// The root folder.
        path: PathBuf,
    },
    /// `sftp://user@host:port/path`.
    Sftp {
        /// The log-in name.
        user: String,
        /// Host name or address.
        host: String,
        /// Usually 22.
        port: u16,
        /// Absolute folder on the server.
        path: String,
    },
    /// `s3://bucket/prefix?endpoint=https://host&region=name`.
    S3 {
        /// The bucket.
        bucket: String,
        /// Folder in the bucket, without slashes at its ends; may be empty.
        prefix: String,
        /// Base URL of the service; `None` is AWS.
        endpoint: Option<String>,
        /// The region to sign for.
        region: String,
    },
    /// `rest:https://host:port/path`, also `rest+https://`.
    Rest {
        /// Base URL, ending in a slash.
        base: String,
    },
}

impl Address {
    /// The folder of this machine, where it is one.
    pub fn local_path(&self) -> Option<&Path> {
        match self {
            Address::Local { path } => Some(path),
            _ => None,
        }
    }

    /// Reads a URL. The error says what to write instead, and never repeats the URL: a password may stand in it.
    ///
    /// # Errors
    /// For any text that names no place, or one that cannot be reached safely.
    pub fn parse(text: &str) -> Result<Address, String> {
        if text.starts_with('/') {
            return local(text);
        }
        if let Some(path) = text.strip_prefix("file://") {
            let path = path.strip_prefix("localhost").unwrap_or(path);
            return local(&percent_decode(path)?);
        }
        let rest = text.strip_prefix("rest:").or_else(|| text.strip_prefix("rest+"));
        if let Some(base) = rest {
            return rest_server(&parse(base)?);
        }
        let Some((scheme, _)) = text.split_once("://") else {
            return Err("this is no place: write an absolute path, file:///path, sftp://user@host/path, \
                        s3://bucket/prefix?endpoint=https://host or rest:https://host/path"
                .to_owned());
        };
        match scheme {
            "sftp" => sftp(&parse(text)?),
            "s3" => s3(&parse(text)?),
            "http" | "https" => {
                Err(format!("what speaks there? write rest:{scheme}://… for a restic REST server, or s3://…"))
            }
            _ => Err("there is no place of this kind: there are file, sftp, s3 and rest".to_owned()),
        }
    }
}

fn parse(text: &str) -> Result<Url, String> {
    // Parsing resolves `..` silently, which would make another place of a mistyped one.
    let path = text.split(['?', '#']).next().unwrap_or_default();
    if path.split('/').any(|part| matches!(percent_decode(part).as_deref(), Ok(".." | "."))) {
        return Err("the path must not hold '.' or '..'".to_owned());
    }
    let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
    if url.password().is_some() {
        return Err("a password stands in the URL, where process lists and logs would show it: \
                    move it into the place's credentials file"
            .to_owned());
    }
    if url.fragment().is_some() {
        return Err("a URL of a place has no #fragment".to_owned());
    }
    Ok(url)
}

/// An absolute path in its plain form: no double slashes, no `.`, and no `..` (which a symlink could turn).
pub(crate) fn plain_path(text: &str) -> Result<PathBuf, String> {
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

fn local(path: &str) -> Result<Address, String> {
    let path = plain_path(path)?;
    if path.parent().is_none() {
        return Err("the root of the file system cannot be a place: name a folder below it".to_owned());
    }
    Ok(Address::Local { path })
}

fn sftp(url: &Url) -> Result<Address, String> {
    let host =
        url.host_str().filter(|host| !host.is_empty()).ok_or("the host is missing: sftp://user@host/path")?;
    if url.username().is_empty() {
        return Err("the user is missing: sftp://user@host/path".to_owned());
    }
    if url.query().is_some() {
        return Err(
            "an sftp URL has no ?query: keys and host keys belong into the credentials file".to_owned()
        );
    }
    let path = percent_decode(url.path())?;
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return Err("the path must name a folder on the server: sftp://user@host/srv/backup".to_owned());
    }
    Ok(Address::Sftp {
        user: percent_decode(url.username())?,
        host: host.trim_matches(['[', ']']).to_owned(),
        port: url.port().unwrap_or(22),
        path: path.to_owned(),
    })
}

fn s3(url: &Url) -> Result<Address, String> {
    let bucket =
        url.host_str().filter(|host| !host.is_empty()).ok_or("the bucket is missing: s3://bucket/prefix")?;
    if !url.username().is_empty() || url.port().is_some() {
        return Err(
            "write s3://bucket/prefix?endpoint=https://host:port; keys belong into the credentials file"
                .to_owned(),
        );
    }
    let prefix = percent_decode(url.path())?;
    let prefix = prefix.trim_matches('/');
    let (mut endpoint, mut region) = (None, None);
    for (key, value) in url.query_pairs() {
        match &*key {
            "endpoint" => endpoint = Some(encrypted_or_loopback(&parse(&value)?)?),
            "region" => region = Some(value.into_owned()),
            _ => return Err(format!("unknown setting ?{key}=: there are endpoint and region")),
        }
    }
    Ok(Address::S3 {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        endpoint: endpoint.map(|url| url.trim_end_matches('/').to_owned()),
        region: region.unwrap_or_else(|| "us-east-1".to_owned()),
    })
}

fn rest_server(url: &Url) -> Result<Address, String> {
    if !url.username().is_empty() {
        return Err("the user belongs into the credentials file, beside the password".to_owned());
    }
    if url.query().is_some() {
        return Err("a rest URL has no ?query".to_owned());
    }
    let mut base = encrypted_or_loopback(url)?;
    if !base.ends_with('/') {
        base.push('/');
    }
    Ok(Address::Rest { base })
}

/// Passes `https`, and `http` to this machine only.
fn encrypted_or_loopback(url: &Url) -> Result<String, String> {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => return Err("the host is missing".to_owned()),
    };
    match url.scheme() {
        "https" => Ok(url.to_string()),
        "http" if loopback => Ok(url.to_string()),
        "http" => {
            Err("plain http would send the password in clear text: use https (http is for this machine only)"
                .to_owned())
        }
        _ => Err("only https:// is spoken here".to_owned()),
    }
}

fn percent_decode(text: &str) -> Result<String, String> {
    let decoded = percent_encoding::percent_decode_str(text);
    let decoded = decoded.decode_utf8().map_err(|_| "the URL's %-codes are not UTF-8")?;
    if decoded.contains(char::is_control) {
        return Err("the URL holds a control character".to_owned());
    }
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests;
