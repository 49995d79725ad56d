//! What a part of an asset is read from.
//!
//! A website is its files and its databases, in one point. That one of them cannot be had is no reason to leave the other unprotected:
//! what of the databases is missing makes the point a degraded one, with the reason, and the files are in it all the same.

pub(crate) mod dump;
mod site;

use std::io;

use holdfast_asset::database::Access;
use holdfast_asset::{Joined, Part, folder};
use holdfast_format::source::{Source, SourceError};
use holdfast_model::Dataset;
use holdfast_model::estate::{Asset, Settings};

use crate::error::{Error, Result};
use crate::setup::Setup;

/// What is to be archived.
pub(crate) struct Opened {
    /// The tree.
    pub(crate) source: Box<dyn Source>,
    /// Whether a dump in it may fail while the rest could be had.
    pub(crate) is_with_dumps: bool,
}

/// Opens it. A folder is looked at; of a database nothing is asked before it is dumped, unless a website named it.
///
/// # Errors
/// When it is not there, or nobody can read it.
pub(crate) fn of(setup: &Setup, asset: &Asset, dataset: Dataset) -> Result<Opened> {
    if let (Dataset::Database, Some(database)) = (dataset, asset.database()) {
        let source = Box::new(dump::of(setup, asset, database)?);
        return Ok(Opened { source, is_with_dumps: false });
    }
    let mut parts = files(asset)?;
    let mut missing = Vec::new();
    let files = parts.len();
    if let Settings::Website(website) = &asset.settings {
        let databases = site::databases(setup, asset, website)?;
        parts.extend(databases.dumps.into_iter().map(|dump| Part::Tree(Box::new(dump))));
        missing = databases.missing;
    }
    let is_with_dumps = parts.len() > files;
    Ok(Opened { source: joined(parts, missing), is_with_dumps })
}

/// How a database of an asset is reached, by its name: as estate.toml says, or as its own application does.
///
/// # Errors
/// When that is not known, or its credentials are not there.
pub(crate) fn access(setup: &Setup, asset: &Asset, database: &str) -> Result<Access> {
    if let Some(named) = asset.databases().iter().find(|named| named.name == database) {
        return dump::access(setup, asset, named);
    }
    let known = match &asset.settings {
        Settings::Website(website) => site::access(setup, website, database)?,
        _ => None,
    };
    known.ok_or_else(|| {
        Error::usage(format!("how the database {database} of {} is reached is not known", asset.name))
            .hint("name it in estate.toml, or give --socket and --account")
    })
}

/// Opens a website without its databases, which could not be dumped.
///
/// # Errors
/// As [`of`].
pub(crate) fn without_databases(asset: &Asset, why: &str) -> Result<Box<dyn Source>> {
    let missing = SourceError {
        path: b"/databases".to_vec(),
        kind: io::ErrorKind::Other,
        message: format!("not in this point: {why}"),
    };
    Ok(joined(files(asset)?, vec![missing]))
}

fn files(asset: &Asset) -> Result<Vec<Part>> {
    let folder = folder(asset).map_err(|error| Error::usage(error.to_string()))?;
    folder.validate().map_err(|error| Error::not_done(error.to_string()))?;
    folder.parts().map_err(|error| Error::not_done(error.to_string()))
}

/// A folder with nothing beside it stays what it is: its points have its path alone.
fn joined(mut parts: Vec<Part>, missing: Vec<SourceError>) -> Box<dyn Source> {
    if parts.len() == 1
        && missing.is_empty()
        && let Some(Part::Tree(alone)) = parts.pop()
    {
        return alone;
    }
    Box::new(Joined::new(parts, missing))
}
