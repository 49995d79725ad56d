//! Opening a place: its address and credentials become a backend. Opening contacts nothing, so that a place which is
//! down does not keep a run from using the others; only a configuration that makes no sense fails here.

use std::path::PathBuf;
use std::sync::Arc;

use holdfast_model::Address;

use crate::contract::Location;
use crate::credentials::Credentials;
use crate::error::{Error, ErrorKind};
use crate::local::Local;
use crate::object_lock::ObjectLock;
use crate::rest::Rest;
use crate::s3::{Bucket, S3};
use crate::sftp::{Server, SftpPlace};
use crate::surroundings::Surroundings;

/// A place as the estate declares it.
#[derive(Debug)]
pub struct Place {
    /// The estate's name for it.
    pub name: String,
    /// Where it is.
    pub address: Address,
    /// What it takes to get in, where something is needed.
    pub credentials: Option<Credentials>,
    /// How it locks objects, where it shall.
    pub object_lock: Option<ObjectLock>,
}

impl Place {
    /// A place by its URL, which says what kind it is.
    pub fn at(name: &str, url: &str, credentials: Option<Credentials>) -> Result<Place, String> {
        let address = Address::parse(url)?;
        Ok(Place { name: name.to_owned(), address, credentials, object_lock: None })
    }

    /// A folder of this machine, which takes no credentials.
    pub fn folder(name: &str, path: impl Into<PathBuf>) -> Place {
        let address = Address::Local { path: path.into() };
        Place { name: name.to_owned(), address, credentials: None, object_lock: None }
    }
}

/// Opens a place without contacting it. Repositories of one place share the returned value and its connections.
pub fn open(place: &Place, surroundings: &Surroundings) -> Result<Arc<dyn Location>, Error> {
    let wrong = |cause: String| Error::new(ErrorKind::Unsupported, &place.name, "open the place", cause);
    let none = Credentials::default();
    let credentials = place.credentials.as_ref().unwrap_or(&none);
    if place.object_lock.is_some() && !matches!(place.address, Address::S3 { .. }) {
        return Err(wrong("only a bucket can lock objects".to_owned()));
    }
    let location: Arc<dyn Location> = match place.address.clone() {
        Address::Local { path } => {
            if let Some(cause) = credentials.foreign(&[]) {
                return Err(wrong(cause));
            }
            Arc::new(Local::new(&place.name, path, surroundings))
        }
        Address::Sftp { user, host, port, path } => {
            let server = Server { user, host, port, root: path };
            Arc::new(SftpPlace::new(&place.name, server, credentials, surroundings).map_err(wrong)?)
        }
        Address::S3 { bucket, prefix, endpoint, region } => {
            let object_lock = place.object_lock;
            let bucket = Bucket { bucket, prefix, endpoint, region, object_lock };
            Arc::new(S3::new(&place.name, bucket, credentials, surroundings).map_err(wrong)?)
        }
        Address::Rest { base } => {
            Arc::new(Rest::new(&place.name, base, credentials, surroundings).map_err(wrong)?)
        }
    };
    Ok(location)
}

/// Opens a place and makes its root and marker, see [`Location::establish`].
pub fn establish(place: &Place, surroundings: &Surroundings) -> Result<Arc<dyn Location>, Error> {
    let location = open(place, surroundings)?;
    location.establish()?;
    Ok(location)
}
