//! Whether two names are one place.
//!
//! Two locations that are one would be counted as two copies. Only what the text shows is looked at here; the same
//! machine under two names is found by probing.

use std::path::{Path, PathBuf};

use url::Url;

use crate::Address;

/// How two places lie to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overlap {
    Same,
    Nested,
}

/// How the places of two locations lie to each other; `None` where they are apart.
pub(super) fn of_places(one: &Address, other: &Address) -> Option<Overlap> {
    let ((service, path), (other_service, other_path)) = (parts(one), parts(other));
    if service != other_service {
        return None;
    }
    of_paths(&path, &other_path)
}

/// Whether one of two absolute paths is the other or lies below it.
pub(super) fn of_paths(path: &Path, other: &Path) -> Option<Overlap> {
    match (path.starts_with(other), other.starts_with(path)) {
        (true, true) => Some(Overlap::Same),
        (true, false) | (false, true) => Some(Overlap::Nested),
        (false, false) => None,
    }
}

/// What serves a place, and the path there. Who logs in makes no difference.
fn parts(address: &Address) -> (String, PathBuf) {
    match address {
        Address::Local { path } => ("folder".to_owned(), path.clone()),
        Address::Sftp { host, port, path, .. } => {
            (format!("sftp {}:{port}", host.to_lowercase()), PathBuf::from(path))
        }
        Address::S3 { bucket, prefix, endpoint, .. } => {
            let service = endpoint.as_deref().map_or_else(|| "aws".to_owned(), |url| served(url).0);
            (format!("s3 {service}/{bucket}"), Path::new("/").join(prefix))
        }
        Address::Rest { base } => {
            let (server, path) = served(base);
            (format!("rest {server}"), path)
        }
    }
}

/// Host with port, and path, of a URL that was read before.
fn served(url: &str) -> (String, PathBuf) {
    let Ok(url) = Url::parse(url) else { return (url.to_owned(), PathBuf::from("/")) };
    let server =
        format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
    (server, Path::new(url.path()).components().collect())
}
