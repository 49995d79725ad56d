//! The dump of a database: who may read it, and with which tool.

use std::sync::Arc;

use holdfast_asset::database::{Access, DumpSource, Place, Tool};
use holdfast_model::estate::{Asset, DatabaseServer, DatabaseSettings};
use holdfast_world::ExposeSecret;

use crate::error::{Error, Result};
use crate::setup::Setup;

/// The dump of a database that estate.toml names.
///
/// # Errors
/// When its credentials or the tool are not there.
pub(super) fn of(setup: &Setup, asset: &Asset, database: &DatabaseSettings) -> Result<DumpSource> {
    Ok(with(setup, access(setup, asset, database)?, tool(setup, asset)?))
}

/// A dump that anybody may be allowed to make.
pub(super) fn with(setup: &Setup, access: Access, tool: Tool) -> DumpSource {
    DumpSource::new(access, tool, Arc::clone(&setup.world.clock))
}

/// How estate.toml says that a database is reached.
///
/// # Errors
/// When its credentials are not there.
pub(crate) fn access(setup: &Setup, asset: &Asset, database: &DatabaseSettings) -> Result<Access> {
    let whose = whose(asset);
    let credentials = setup.credentials(&whose, &database.credentials)?;
    let user = credentials.user;
    let user = user.ok_or_else(|| Error::usage(format!("the credentials of {whose} need a user")))?;
    // An account that is known by its socket has none.
    let password = credentials.password.unwrap_or_default();
    let place = place(&database.server);
    let user = user.expose_secret().to_owned();
    Ok(Access { place, user, password, database: database.name.clone() })
}

/// Where a server listens.
pub(crate) fn place(server: &DatabaseServer) -> Place {
    match server {
        DatabaseServer::Socket(path) => Place::Socket(path.clone()),
        DatabaseServer::Tcp { host, port } => Place::Host { host: host.clone(), port: *port },
    }
}

/// The tool that is installed.
///
/// # Errors
/// When there is none.
pub(super) fn tool(setup: &Setup, asset: &Asset) -> Result<Tool> {
    let interrupted = Some(Arc::clone(&setup.interrupted));
    Tool::find(None, &setup.world.environment, interrupted).map_err(|error| {
        Error::not_done(format!("{} cannot be dumped: {error}", whose(asset)))
            .hint("install Debian's mariadb-client, or MySQL's own client")
    })
}

fn whose(asset: &Asset) -> String {
    format!("the database of {}", asset.name)
}
