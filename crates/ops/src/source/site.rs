//! Which databases a website's point holds: those that estate.toml names, or those that its own applications use.
//!
//! The configuration of a website belongs to its client, and we run with more rights than any client has. A server lets in whom the
//! system knows by his user id, whatever password he gives; a server of the client's own choice asks its visitors for their files. So
//! what a website names is believed only for servers that the administrator trusts, and only for accounts that could do no more
//! than the website could by itself.
//!
//! What an application uses and the point does not hold is told with every run. A website whose database nobody backs up looks
//! whole until somebody restores it.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use holdfast_asset::database::{Access, DumpSource, Place, Tool, is_there, rights_everywhere};
use holdfast_asset::site::{DatabaseUse, Found, Kind, Search, Setting, Trouble, detect};
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
    /// Where more were not looked for.
    pub(super) limits: Vec<Trouble>,
    /// What the tables of its applications begin with, each with its database: others may have theirs in the same.
    pub(super) prefixes: BTreeSet<(String, String)>,
}

/// Finds them.
///
/// # Errors
/// When nothing of the folder can be looked at.
pub(super) fn databases(setup: &Setup, asset: &Asset, website: &WebsiteSettings) -> Result<Databases, Error> {
    let root = &website.folder.path;
    let found = look(website)?;
    let mut databases = Databases::default();
    // Who named the databases himself knows what the website's configuration does not tell. Those of a database are told with it.
    let is_detected = website.databases == SiteDatabases::Detected;
    let uses = found.applications.iter().flat_map(|application| &application.databases);
    let told: Vec<&Trouble> = uses.flat_map(troubles_of).collect();
    let untold = found.troubles.iter().filter(|trouble| is_detected && !told.contains(trouble));
    databases.missing.extend(untold.map(|trouble| {
        missing(root, &trouble.file, format!("which databases it uses could not be told: {trouble}"))
    }));
    if is_detected {
        databases.limits.clone_from(&found.limits);
    }
    // Of several candidates for one connection, in branches of one file, only the website knows which is right.
    let mut connections: BTreeMap<(&Path, &str), Vec<&DatabaseUse>> = BTreeMap::new();
    let mut kinds: BTreeMap<&Path, Kind> = BTreeMap::new();
    for application in &found.applications {
        for used in &application.databases {
            connections.entry((&used.configuration, &used.connection)).or_default().push(used);
            kinds.insert(&used.configuration, application.kind);
        }
    }
    // Asked what it is once, and only where there is something to dump.
    let found_tool = LazyCell::new(|| dump::tool(setup, asset));
    let tool = || LazyCell::force(&found_tool).clone();
    let names = match &website.databases {
        SiteDatabases::Detected => None,
        SiteDatabases::Named(named) => {
            for database in named {
                match dump::access(setup, asset, database)
                    .and_then(|access| Ok(dump::with(setup, access, tool()?)))
                {
                    Ok(dump) => databases.dumps.push(dump),
                    Err(error) => databases.missing.push(missing(root, Path::new(""), error.message)),
                }
            }
            Some(named.iter().map(|database| &database.name[..]).collect::<BTreeSet<_>>())
        }
    };
    let held: BTreeSet<&str> = names.iter().flatten().copied().collect();
    let named = found.applications.iter().flat_map(|application| &application.databases);
    let prefixes = named.filter_map(|used| Some((used.name.known()?, used.prefix.known()?)));
    let prefixes: BTreeSet<(String, String)> =
        prefixes.filter(|(_, prefix)| !prefix.is_empty()).map(|(n, p)| (n.clone(), p.clone())).collect();
    let ignored =
        |used: &&DatabaseUse| used.name.known().is_some_and(|name| website.ignore_databases.contains(name));
    let mut seen = BTreeMap::new();
    for ((configuration, _), mut candidates) in connections {
        let before = candidates.len();
        candidates.retain(|used| !ignored(used));
        if candidates.is_empty() && before > 0 {
            continue;
        }
        let reasons = match &names {
            Some(names) => unnamed(&candidates, names),
            None => detected(setup, &tool, &candidates, &mut seen, &mut databases.dumps),
        };
        let kind = kinds[configuration];
        let told = reasons.into_iter().map(|why| {
            missing(root, configuration, format!("a database of this {kind} is not in this point: {why}"))
        });
        databases.missing.extend(told);
    }
    let dumped: BTreeSet<String> = databases.dumps.iter().map(|dump| dump.database().to_owned()).collect();
    let is_held = |name: &String| dumped.contains(name) || held.contains(name.as_str());
    databases.prefixes = prefixes.into_iter().filter(|(name, _)| is_held(name)).collect();
    Ok(databases)
}

fn look(website: &WebsiteSettings) -> Result<Found, Error> {
    let found = detect(&website.folder.path, &Search::usual(DEFAULT_SOCKET));
    found.map_err(|error| Error::not_done(error.to_string()))
}

/// How an application of the website reaches a database.
///
/// # Errors
/// When nothing of the folder can be looked at, or several servers have a database of this name.
pub(super) fn access(
    setup: &Setup,
    website: &WebsiteSettings,
    database: &str,
) -> Result<Option<Access>, Error> {
    let found = look(website)?;
    let uses = found.applications.iter().flat_map(|application| &application.databases);
    let known = uses.filter_map(|used| access_of(used).and_then(|access| trusted(setup, access)).ok());
    let known: Vec<Access> = known.filter(|access| access.database == database).collect();
    let places: BTreeSet<String> = known.iter().map(|access| access.place.to_string()).collect();
    if places.len() > 1 {
        let places: Vec<String> = places.into_iter().collect();
        return Err(Error::usage(format!("the website names a database {database} at several servers"))
            .hint(format!("say which with --socket and --account: {}", places.join(", "))));
    }
    let Some(access) = known.into_iter().next() else { return Ok(None) };
    is_no_administrator(&access).map_err(Error::not_done)?;
    Ok(Some(access))
}

/// The databases that the applications of a website name, each with its server: of those that are trusted.
///
/// # Errors
/// When nothing of the folder can be looked at.
pub(crate) fn named_by(setup: &Setup, website: &WebsiteSettings) -> Result<Vec<(Place, String)>, Error> {
    let found = look(website)?;
    let uses = found.applications.iter().flat_map(|application| &application.databases);
    let named = uses.filter_map(|used| {
        let (place, name) = (used.place.known()?, used.name.known()?);
        Some((trusted_place(setup, place)?, name.clone()))
    });
    Ok(named.collect())
}

/// What an application may use and estate.toml does not name.
fn unnamed(candidates: &[&DatabaseUse], names: &BTreeSet<&str>) -> Vec<String> {
    let of = |used: &&DatabaseUse| match &used.name {
        Setting::Known(name) if names.contains(name.as_str()) => None,
        Setting::Known(name) => Some(format!(
            "{name} is not among the databases that estate.toml names for this website (or name it in ignore_databases)"
        )),
        Setting::Unresolved(_) => None,
    };
    candidates.iter().filter_map(of).collect()
}

/// Adds what an application uses, unless it is there already; what cannot be had is told, and leaves the others and the files. Of several
/// candidates in branches of one file, one that is on no server is no loss where another is.
fn detected(
    setup: &Setup,
    tool: &dyn Fn() -> Result<Tool, Error>,
    candidates: &[&DatabaseUse],
    seen: &mut BTreeMap<String, String>,
    dumps: &mut Vec<DumpSource>,
) -> Vec<String> {
    let (mut reasons, mut absent, mut has_one) = (Vec::new(), Vec::new(), false);
    for used in candidates {
        let outcome = access_of(used).and_then(|access| {
            let access = trusted(setup, access)?;
            let place = access.place.to_string();
            match seen.get(&access.database) {
                Some(other) if *other == place => return Ok(true),
                Some(other) => {
                    return Err(format!(
                        "{} at {place}: another of this name, at {other}, is in it; name one of them in estate.toml for an asset of its own",
                        access.database
                    ));
                }
                None => {}
            }
            if !is_there(&access).map_err(|error| format!("{error} (at {place})"))? {
                return Ok(false);
            }
            is_no_administrator(&access)?;
            let tool = tool().map_err(|error| error.message)?;
            seen.insert(access.database.clone(), place);
            dumps.push(dump::with(setup, access, tool));
            Ok(true)
        });
        match outcome {
            Ok(true) => has_one = true,
            Ok(false) => absent.extend(used.name.known().map(String::as_str)),
            Err(why) => reasons.push(why),
        }
    }
    if !has_one && reasons.is_empty() && !absent.is_empty() {
        reasons.push(format!("there is no such database on its server: {}", absent.join(", ")));
    }
    reasons
}

/// The same by a way that the administrator trusts.
fn trusted(setup: &Setup, access: Access) -> Result<Access, String> {
    let is_odd =
        |name: &str| name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control);
    if is_odd(&access.user) || is_odd(&access.database) {
        return Err("the website names an account or a database that cannot be".to_owned());
    }
    let own = setup.world.environment.user_name();
    if access.user == own || access.user == "root" {
        return Err(format!("the website uses the account {}; {NAME_IT}", access.user));
    }
    if SYSTEM.iter().any(|name| access.database.eq_ignore_ascii_case(name)) {
        return Err(format!("{} is the server's own and no website's", access.database));
    }
    let Some(place) = trusted_place(setup, &access.place) else {
        return Err(format!(
            "the website names the server {}, which is not trusted: if it should be, write database_servers = [\"...\"] at the top of \
             estate.toml",
            access.place
        ));
    };
    Ok(Access { place, ..access })
}

/// A server by the administrator's name for it, where he trusts it.
fn trusted_place(setup: &Setup, place: &Place) -> Option<Place> {
    let servers = &setup.estate.database_servers;
    match place {
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
                Some(_) => Some(place.clone()),
                // Anybody may listen on a port that nobody has; only the server has its socket.
                None => is_own.then(|| Place::Socket(DEFAULT_SOCKET.into())),
            }
        }
    }
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
/// Longer is no name of an account or a database, in bytes.
const NAME_BYTES_MAX: usize = 512;
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

fn missing(root: &Path, file: &Path, message: String) -> SourceError {
    let path = root.join(file).as_os_str().as_bytes().to_vec();
    SourceError { path, kind: io::ErrorKind::Other, message }
}
