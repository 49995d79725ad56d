//! Where the log's signed heads lie at a location: in a folder of their own beside the repositories, each under the SHA-256
//! of its content. Names that sort would be nicer for eyes, but a REST server takes no other names.

use bytes::Bytes;
use holdfast_format::Id;
use holdfast_location::{Area, Key, Location};

use crate::error::{Error, Result};

pub(crate) use holdfast_location::LOG_REPOSITORY;

/// Signed heads.
const CHECKPOINTS: Area = Area::Snapshots;
/// Sealed records of what was done without the log.
pub(crate) const LOG_RECORDS: Area = Area::Index;
/// A checkpoint has a few hundred bytes, a record a few thousand.
const BYTES_MAX: u64 = 1 << 20;

/// Something that lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lying {
    /// Its content; none where it is not what its name says, or far too large.
    pub(crate) content: Option<Bytes>,
}

fn trouble(error: holdfast_location::Error) -> Error {
    Error::from(holdfast_repo::Error::from(error))
}

/// Names of the signed heads at a location, in order.
pub(crate) fn names(location: &dyn Location) -> Result<Vec<String>> {
    let listed = location.list(LOG_REPOSITORY, CHECKPOINTS).map_err(trouble)?;
    let mut names: Vec<String> = listed.into_iter().map(|listed| listed.name).collect();
    names.sort();
    Ok(names)
}

/// Reads one signed head.
pub(crate) fn read(location: &dyn Location, name: &str) -> Result<Lying> {
    read_from(location, CHECKPOINTS, name)
}

/// Reads one object of an area.
fn read_from(location: &dyn Location, area: Area, name: &str) -> Result<Lying> {
    let key = key(area, name);
    let is_small = location.size(&key).map_err(trouble)? <= BYTES_MAX;
    let content = if is_small { Some(location.get(&key, None).map_err(trouble)?) } else { None };
    let content = content.filter(|bytes| Id::of(bytes).to_hex() == name);
    Ok(Lying { content })
}

/// Reads one sealed record; none where it is not what its name says.
pub(crate) fn read_record(location: &dyn Location, name: &str) -> Result<Option<Bytes>> {
    Ok(read_from(location, LOG_RECORDS, name)?.content)
}

/// Stores a sealed record.
pub(crate) fn store_record(location: &dyn Location, sealed: &[u8]) -> Result<()> {
    store(location, LOG_RECORDS, sealed).map(|_| ())
}

/// Stores an object of the log under the hash of its content; returns the name.
fn store(location: &dyn Location, area: Area, content: &[u8]) -> Result<String> {
    let name = Id::of(content).to_hex();
    location.prepare(LOG_REPOSITORY).map_err(trouble)?;
    location.put(&key(area, &name), Bytes::copy_from_slice(content)).map_err(trouble)?;
    Ok(name)
}

/// Stores a signed head.
pub(crate) fn store_checkpoint(location: &dyn Location, note: &str) -> Result<()> {
    store(location, CHECKPOINTS, note.as_bytes()).map(|_| ())
}

fn key(area: Area, name: &str) -> Key {
    Key::new(&LOG_REPOSITORY.into(), area, name)
}
