//! Which databases a website's point holds: those that estate.toml names, or those that its own applications use.
//!
//! The configuration of a website belongs to its client, and we run with more rights than any client has. A server lets in whom the
//! system knows by his user id, whatever password he gives; a server of the client's own choice asks its visitors for their files. So
//! what a website names is believed only for servers that the administrator trusts, and only for accounts that could do no more
//! than the website could by itself.
//!
//! What an application uses and the point does not hold is told with every run. A website whose database nobody backs up looks
//! whole until somebody restores it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use holdfast_asset::database::{Access, DumpSource, Place, reach, rights_everywhere};
use holdfast_asset::site::{DatabaseUse, Kind, Search, Setting, Trouble, detect};
use holdfast_format::source::SourceError;
use holdfast_model::estate::{Asset, DATABASE_PORT, DatabaseServer, SiteDatabases, WebsiteSettings};

use super::dump;
use crate::error::Error;
use crate::setup::Setup;
use crate::validate::resolved;

/// Where `localhost` leads, as Debian has it.
const DEFAULT_SOCKET: &str = "/run/mysqld/mysqld.sock";

/// The databases of a website.
#[derive(Default)]
pub(super) struct Databases {
    pub(super) dumps: Vec<DumpSource>,
    /// What is known not to be among them, and why.
    pub(super) missing: Vec<SourceError>,
}

/// Finds them.
///
/// # Errors
/// When nothing of the folder can be looked at.
pub(super) fn databases(setup: &Setup, asset: &Asset, website: &WebsiteSettings) -> Result<Databases, Error> {
    let root = &website.folder.path;
    let found = detect(root, &Search::usual(DEFAULT_SOCKET)).map_err(|e| Error::not_done(e.to_string()))?;
    let mut databases = Databases::default();
    // Those of a database are told with it.
    let uses = found.applications.iter().flat_map(|application| &application.databases);
    let told: Vec<&Trouble> = uses.flat_map(troubles_of).collect();
    let untold = found.troubles.iter().filter(|trouble| !told.contains(trouble));
    databases.missing.extend(untold.map(|trouble| {
        missing(root, &trouble.file, format!("which databases it uses could not be told: {trouble}"))
    }));
    // Of several candidates for one connection, in branches of one file, only the website knows which is right.
    let mut connections: BTreeMap<(&Path, &str), Vec<&DatabaseUse>> = BTreeMap::new();
    let mut kinds: BTreeMap<&Path, Kind> = BTreeMap::new();
    for application in &found.applications {
        for used in &application.databases {
            connections.entry((&used.configuration, &used.connection)).or_default().push(used);
            kinds.insert(&used.configuration, application.kind);
        }
    }
    let names = match &website.databases {
        SiteDatabases::Detected => None,
        SiteDatabases::Named(named) => {
            for database in named {
                match dump::of(setup, asset, database) {
                    Ok(dump) => databases.dumps.push(dump),
                    Err(error) => databases.missing.push(missing(root, Path::new(""), error.message)),
                }
            }
            Some(named.iter().map(|database| &database.name[..]).collect::<BTreeSet<_>>())
        }
    };
    let mut seen = BTreeSet::new();
    for ((configuration, _), candidates) in &connections {
        let outcome = match &names {
            Some(names) => is_named(candidates, names),
            None => detected(setup, asset, candidates, &mut seen, &mut databases.dumps),
        };
        if let Err(why) = outcome {
            let kind = kinds[configuration];
            databases.missing.push(missing(
                root,
                configuration,
                format!("the database of this {kind}: {why}"),
            ));
        }
    }
    Ok(databases)
}

/// How an application of the website reaches a database.
///
/// # Errors
/// When nothing of the folder can be looked at.
pub(super) fn access(
    setup: &Setup,
    website: &WebsiteSettings,
    database: &str,
) -> Result<Option<Access>, Error> {
    let found = detect(&website.folder.path, &Search::usual(DEFAULT_SOCKET))
        .map_err(|error| Error::not_done(error.to_string()))?;
    let uses = found.applications.iter().flat_map(|application| &application.databases);
    let known = uses.filter_map(|used| access_of(used).and_then(|access| trusted(setup, access)).ok());
    Ok(known.into_iter().find(|access| access.database == database))
}

/// Whether estate.toml names a database that an application uses.
fn is_named(candidates: &[&DatabaseUse], names: &BTreeSet<&str>) -> Result<(), String> {
    let known: Vec<&str> =
        candidates.iter().filter_map(|used| used.name.known()).map(String::as_str).collect();
    if known.iter().any(|name| names.contains(name)) {
        return Ok(());
    }
    let shown = if known.is_empty() { "one that could not be told".to_owned() } else { known.join(" or ") };
    Err(format!("{shown}, is not among the databases that estate.toml names for this website"))
}

/// Adds what an application uses, unless it is there already. One that cannot be had leaves the others and the files.
fn detected(
    setup: &Setup,
    asset: &Asset,
    candidates: &[&DatabaseUse],
    seen: &mut BTreeSet<(String, String)>,
    dumps: &mut Vec<DumpSource>,
) -> Result<(), String> {
    let mut reasons = Vec::new();
    let mut is_there = false;
    for used in candidates {
        let outcome = access_of(used).and_then(|access| {
            let access = trusted(setup, access)?;
            if seen.contains(&(shown(&access.place), access.database.clone())) {
                return Ok(());
            }
            reach(&access).map_err(|error| error.to_string())?;
            is_no_administrator(&access)?;
            let tool = dump::tool(setup, asset).map_err(|error| error.message)?;
            seen.insert((shown(&access.place), access.database.clone()));
            dumps.push(dump::with(setup, access, tool));
            Ok(())
        });
        match outcome {
            Ok(()) => is_there = true,
            Err(why) => reasons.push(why),
        }
    }
    if is_there { Ok(()) } else { Err(format!("is not in this point: {}", reasons.join("; "))) }
}

/// The same by a way that the administrator trusts.
fn trusted(setup: &Setup, access: Access) -> Result<Access, String> {
    let own = setup.world.environment.user_name();
    if access.user == own || access.user == "root" {
        return Err(format!("the website uses the account {}; {NAME_IT}", access.user));
    }
    if SYSTEM.iter().any(|name| access.database.eq_ignore_ascii_case(name)) {
        return Err(format!("{} is the server's own and no website's", access.database));
    }
    let servers = &setup.estate.database_servers;
    let place = match &access.place {
        Place::Socket(path) => {
            let real = resolved(path);
            let known = servers.iter().filter_map(|server| match server {
                DatabaseServer::Socket(path) => Some(path.clone()),
                DatabaseServer::Tcp { .. } => None,
            });
            // The administrator's name for it: the client's may lead elsewhere by the time that it is used.
            known.chain([DEFAULT_SOCKET.into()]).find(|known| resolved(known) == real).map(Place::Socket)
        }
        Place::Host { host, port } => {
            let is_named = |server: &&DatabaseServer| matches!(server, DatabaseServer::Tcp { host: h, port: p } if h == host && p == port);
            let is_own = LOOPBACK.contains(&host.as_str()) && *port == DATABASE_PORT;
            match servers.iter().find(is_named) {
                Some(_) => Some(access.place.clone()),
                // Anybody may listen on a port that nobody has; only the server has its socket.
                None => is_own.then(|| Place::Socket(DEFAULT_SOCKET.into())),
            }
        }
    };
    let Some(place) = place else {
        return Err(format!(
            "the website names the server {}, which is not trusted: if it should be, write database_servers = [\"...\"] at the top of \
             estate.toml",
            shown(&access.place)
        ));
    };
    Ok(Access { place, ..access })
}

/// An account that a website names and that may do more than that website's would let a client have every database of the server.
fn is_no_administrator(access: &Access) -> Result<(), String> {
    let rights = rights_everywhere(access).map_err(|error| error.to_string())?;
    match &rights[..] {
        [] => Ok(()),
        rights => Err(format!(
            "the website's account {} has rights on the whole server ({}); {NAME_IT}",
            access.user,
            rights.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ")
        )),
    }
}

const NAME_IT: &str =
    "that is not taken from a website: name the database in estate.toml, databases = [{ name = ... }]";
/// Databases of the server itself.
const SYSTEM: [&str; 4] = ["mysql", "information_schema", "performance_schema", "sys"];
const LOOPBACK: [&str; 3] = ["127.0.0.1", "::1", "localhost"];

/// What keeps a database from being reached.
fn troubles_of(used: &DatabaseUse) -> impl Iterator<Item = &Trouble> {
    fn of<T>(setting: &Setting<T>) -> Option<&Trouble> {
        match setting {
            Setting::Unresolved(trouble) => Some(trouble),
            Setting::Known(_) => None,
        }
    }
    [of(&used.name), of(&used.user), of(&used.password), of(&used.place)].into_iter().flatten()
}

/// How an application reaches a database, if it says so.
fn access_of(used: &DatabaseUse) -> Result<Access, String> {
    fn told<T: Clone>(setting: &Setting<T>) -> Result<T, String> {
        match setting {
            Setting::Known(value) => Ok(value.clone()),
            Setting::Unresolved(trouble) => {
                Err(format!("{trouble}; name it in estate.toml: databases = [{{ name = ... }}]"))
            }
        }
    }
    Ok(Access {
        place: told(&used.place)?,
        user: told(&used.user)?,
        password: told(&used.password)?,
        database: told(&used.name)?,
    })
}

fn shown(place: &Place) -> String {
    match place {
        Place::Socket(path) => path.display().to_string(),
        Place::Host { host, port } => format!("{host}:{port}"),
    }
}

fn missing(root: &Path, file: &Path, message: String) -> SourceError {
    let path = root.join(file).as_os_str().as_bytes().to_vec();
    SourceError { path, kind: io::ErrorKind::Other, message }
}
