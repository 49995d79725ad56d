//! What a part of an asset is read from.

use std::sync::Arc;

use holdfast_asset::database::{Access, DumpSource, Place, Tool};
use holdfast_asset::{Joined, Part, folder};
use holdfast_format::source::Source;
use holdfast_model::Dataset;
use holdfast_model::estate::{
    Asset, DatabaseServer, DatabaseSettings, Settings, SiteDatabases, WebsiteSettings,
};
use holdfast_world::ExposeSecret;

use crate::error::{Error, Result};
use crate::setup::Setup;

/// Opens it. A folder is looked at; of a database nothing is asked before it is dumped.
///
/// # Errors
/// When it is not there, or nobody can read it.
pub(crate) fn of(setup: &Setup, asset: &Asset, dataset: Dataset) -> Result<Box<dyn Source>> {
    if let (Dataset::Database, Some(database)) = (dataset, asset.database()) {
        return Ok(Box::new(dump(setup, asset, database)?));
    }
    let folder = folder(asset).map_err(|error| Error::usage(error.to_string()))?;
    folder.validate().map_err(|error| Error::not_done(error.to_string()))?;
    let mut parts = folder.parts().map_err(|error| Error::not_done(error.to_string()))?;
    if let Settings::Website(WebsiteSettings { databases: SiteDatabases::Named(databases), .. }) =
        &asset.settings
    {
        for database in databases {
            parts.push(Part::Tree(Box::new(dump(setup, asset, database)?)));
        }
    }
    // A folder with nothing beside it stays what it is: its points have its path alone.
    if parts.len() == 1
        && let Some(Part::Tree(alone)) = parts.pop()
    {
        return Ok(alone);
    }
    Ok(Box::new(Joined::new(parts, Vec::new())))
}

fn dump(setup: &Setup, asset: &Asset, database: &DatabaseSettings) -> Result<DumpSource> {
    let whose = format!("the database of {}", asset.name);
    let credentials = setup.credentials(&whose, &database.credentials)?;
    let (Some(user), Some(password)) = (credentials.user, credentials.password) else {
        return Err(Error::usage(format!("the credentials of {whose} need both user and password")));
    };
    let place = match &database.server {
        DatabaseServer::Socket(path) => Place::Socket(path.clone()),
        DatabaseServer::Tcp { host, port } => Place::Host { host: host.clone(), port: *port },
    };
    let interrupted = Some(Arc::clone(&setup.interrupted));
    let tool = Tool::find(None, &setup.world.environment, interrupted).map_err(|error| {
        Error::not_done(format!("{whose} cannot be dumped: {error}"))
            .hint("install Debian's mariadb-client, or MySQL's own client")
    })?;
    let user = user.expose_secret().to_owned();
    let access = Access { place, user, password, database: database.name.clone() };
    Ok(DumpSource::new(access, tool, Arc::clone(&setup.world.clock)))
}
