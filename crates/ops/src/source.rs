//! What a part of an asset is read from.
//!
//! A website is its files and its databases, in one point. That one of them cannot be had is no reason to leave the other unprotected:
//! what of the databases is missing makes the point a degraded one, with the reason, and the files are in it all the same. So does
//! what a WHMCS keeps where no backup reaches it.

pub(crate) mod dump;
pub(crate) mod site;
mod whmcs;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use holdfast_asset::database::{Access, Failed};
use holdfast_asset::{Joined, Part, folder};
use holdfast_format::source::{Source, SourceError};
use holdfast_model::Dataset;
use holdfast_model::estate::{Asset, Settings};

use crate::error::{Error, Result};
use crate::restore_test::refuse_staging;
use crate::setup::Setup;

/// What is to be archived.
pub(crate) struct Opened {
    /// The tree.
    pub(crate) source: Box<dyn Source>,
    /// What is to be known, and is no fault of the source.
    pub(crate) notices: Vec<String>,
    /// What tables of an application begin with, each with its database.
    pub(crate) prefixes: BTreeSet<(String, String)>,
    /// What is to be remembered once the point is made.
    seen: Option<whmcs::Seen>,
    /// The dumps in it without which the rest is worth a point, by their databases.
    dumps: Vec<(String, Failed)>,
}

/// Databases whose dumps failed, and why.
pub(crate) type Broken = BTreeMap<String, SourceError>;

impl Opened {
    /// Remembers what the next run compares with: a point was made of this.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub(crate) fn remember(&self, setup: &Setup) -> Result<()> {
        self.seen.as_ref().map_or(Ok(()), |seen| seen.keep(setup))
    }

    /// Adds the dumps that failed; whether any did that the rest can do without.
    pub(crate) fn tell_broken(&self, broken: &mut Broken) -> bool {
        let before = broken.len();
        for (database, failed) in &self.dumps {
            if let Some(error) = failed.get() {
                broken.insert(database.clone(), error.clone());
            }
        }
        broken.len() > before
    }
}

/// Opens it, without what is `broken`. A folder is looked at; of a database nothing is asked before it is dumped, unless a website
/// named it or it is that of a WHMCS.
///
/// # Errors
/// When it is not there, or nobody can read it.
pub(crate) fn of(setup: &Setup, asset: &Asset, dataset: Dataset, broken: &Broken) -> Result<Opened> {
    if let (Dataset::Database, [database]) = (dataset, asset.databases()) {
        let mut dump = dump::of(setup, asset, database)?;
        if let Settings::Whmcs(settings) = &asset.settings {
            dump = whmcs::asking(setup, asset, settings, dump);
        }
        return Ok(Opened {
            source: Box::new(dump),
            notices: Vec::new(),
            prefixes: BTreeSet::new(),
            seen: None,
            dumps: Vec::new(),
        });
    }
    refuse_staging(setup, asset)?;
    let (mut missing, mut dumps, mut notices) = (Vec::new(), Vec::new(), Vec::new());
    let mut prefixes = BTreeSet::new();
    let (mut seen, mut elsewhere) = (None, Vec::new());
    if let Settings::Whmcs(whmcs) = &asset.settings {
        let found = whmcs::look(setup, asset, whmcs)?;
        (missing, notices, seen, elsewhere) = (found.missing, found.notices, found.seen, found.folders);
    }
    let mut parts = files(asset, &elsewhere)?;
    if let Settings::Website(website) = &asset.settings {
        let databases = site::databases(setup, asset, website)?;
        missing = databases.missing;
        prefixes = databases.prefixes;
        let told = databases
            .limits
            .iter()
            .map(|limit| format!("its databases were looked for as far as this: {limit}"));
        notices.extend(told);
        for dump in databases.dumps {
            if broken.contains_key(dump.database()) {
                continue;
            }
            dumps.push((dump.database().to_owned(), dump.failed()));
            parts.push(Part::Tree(Box::new(dump)));
        }
    }
    missing.extend(broken.values().map(|error| SourceError {
        message: format!("not in this point: {}", error.message),
        ..error.clone()
    }));
    Ok(Opened { source: joined(parts, missing), notices, prefixes, seen, dumps })
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

/// The folder, what estate.toml names besides, and what was found `elsewhere`.
fn files(asset: &Asset, elsewhere: &[PathBuf]) -> Result<Vec<Part>> {
    let folder = folder(asset).map_err(|error| Error::usage(error.to_string()))?;
    folder.validate().map_err(|error| Error::not_done(error.to_string()))?;
    let parts = folder.parts().and_then(|mut parts| {
        for path in elsewhere {
            parts.push(folder.found(path)?);
        }
        Ok(parts)
    });
    parts.map_err(|error| Error::not_done(error.to_string()))
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
