//! The estate: what is protected, and where copies live.
//!
//! Everything that can be known to be wrong without touching a machine is refused here, before a backup starts: a
//! mistyped key that is ignored, two locations that are one, or a repository inside the folder that it backs up would
//! each look like success until the day of the restore.

mod alerts;
mod databases;
mod distance;
mod object_lock;
mod overlap;
mod read;
mod relations;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Address;
pub use crate::reading::{Located, Span};
use crate::{
    AssetName, Class, ClientId, Dataset, ExcludePattern, HostName, LocationName, RepositoryName, SiteName,
};

pub use self::alerts::{Alerts, Channel, MailServer, Ping, Team, Way, check_address};
pub use self::databases::DATABASE_PORT;
pub use self::distance::distance_km;
pub use self::object_lock::LockMode;
pub use self::read::read_estate;
pub use self::relations::relations_resolved;

/// Everything that estate.toml says.
#[derive(Clone, Debug, Default)]
pub struct Estate {
    /// Physical places.
    pub sites: BTreeMap<SiteName, Site>,
    /// Machines in production.
    pub hosts: BTreeMap<HostName, Host>,
    /// Places for copies.
    pub locations: BTreeMap<LocationName, Location>,
    /// Protected things.
    pub assets: BTreeMap<AssetName, Asset>,
    /// Servers at which a database may be that a website names by itself, beside this machine's own.
    pub database_servers: Vec<DatabaseServer>,
    /// Who is told what happens.
    pub alerts: Alerts,
}

/// A physical place.
#[derive(Clone, Debug)]
pub struct Site {
    /// Where its name stands in the file.
    pub span: Span,
    /// ISO 3166 code of two capital letters.
    pub country: Option<String>,
    /// Degrees north, -90 to 90.
    pub latitude: Option<f64>,
    /// Degrees east, -180 to 180.
    pub longitude: Option<f64>,
}

/// A machine in production.
#[derive(Clone, Debug)]
pub struct Host {
    /// Where its name stands in the file.
    pub span: Span,
    /// Where the machine stands.
    pub site: SiteName,
    /// How it is reached.
    pub connect: Connect,
}

/// How a machine is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connect {
    /// It is this machine.
    Local,
}

/// A place for copies.
#[derive(Clone, Debug)]
pub struct Location {
    /// Where its name stands in the file.
    pub span: Span,
    /// Where it physically is.
    pub site: SiteName,
    /// The physical machine or service that holds the copies, as declared.
    pub host: HostName,
    /// The URL as it was written.
    pub url: Located<String>,
    /// What the URL names.
    pub address: Address,
    /// What it takes to read and write, where something is needed.
    pub credentials: Option<Credentials>,
    /// What it takes to delete, opened only by purge, prune and repair.
    pub delete_credentials: Option<Credentials>,
    /// How it shall lock objects, where the estate says so. What that is worth is found out by trying.
    pub object_lock: Option<Located<LockMode>>,
    /// Bytes a second that may go there, and as many that may come from there; unlimited where it is not said.
    pub bandwidth_bytes_per_second: Option<u64>,
}

/// Where secrets stand; they never stand in the estate itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// A TOML file; a relative path starts at the configuration folder.
    File(PathBuf),
    /// Environment variables that start with this prefix and an underscore.
    Environment(String),
}

/// A protected thing.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Its name.
    pub name: AssetName,
    /// Where its name stands in the file.
    pub span: Span,
    /// The machine that it lives on.
    pub host: HostName,
    /// Whom it belongs to.
    pub client: Option<ClientId>,
    /// What kind of thing it is, with the settings of that kind.
    pub settings: Settings,
}

/// Settings per class.
#[derive(Clone, Debug)]
pub enum Settings {
    /// A website.
    Website(WebsiteSettings),
    /// A WHMCS installation.
    Whmcs(WhmcsSettings),
    /// A class that this version cannot back up yet.
    NotBuilt(Class),
}

/// What is read of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderSettings {
    /// Its root folder; absolute.
    pub path: PathBuf,
    /// What lies elsewhere and belongs to it: certificates, configuration of the web server, uploads outside of the web root;
    /// absolute, with where they stand in the file.
    pub also: Vec<(PathBuf, Span)>,
    /// Where the path stands in the file.
    pub path_span: Span,
    /// What is left out.
    pub exclude: Vec<ExcludePattern>,
    /// Whether folders with a `CACHEDIR.TAG` are left out.
    pub exclude_caches: bool,
    /// Whether other file systems mounted below the root are left out.
    pub one_file_system: bool,
    /// Files larger than this are left out.
    pub file_size_bytes_max: Option<u64>,
}

/// Settings of a website.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebsiteSettings {
    /// What is read of its folder.
    pub folder: FolderSettings,
    /// Its databases.
    pub databases: SiteDatabases,
    /// Databases that its configuration names and that nobody needs.
    pub ignore_databases: Vec<String>,
}

/// The databases of a website, which become one point with its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SiteDatabases {
    /// Those that the configuration of its own applications names, with the accounts that stand there.
    Detected,
    /// These and no others.
    Named(Vec<DatabaseSettings>),
}

/// Settings of a WHMCS installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhmcsSettings {
    /// The folder that it is installed in.
    pub folder: FolderSettings,
    /// Its database.
    pub database: DatabaseSettings,
    /// Whether the database's binary log is followed between dumps.
    pub log: LogSettings,
}

/// Whether a database's binary log is followed between dumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// How often; never where it is none.
    pub every: Option<Duration>,
    /// Whether estate.toml says so itself, so that a server which has no log is a fault and not a fact.
    pub is_asked_for: bool,
    /// Whether it may be followed though the server holds other databases, whose changes then lie among this client's data.
    pub whole_server: bool,
}

impl Default for LogSettings {
    fn default() -> LogSettings {
        LogSettings { every: Some(LogSettings::USUAL), is_asked_for: false, whole_server: false }
    }
}

/// A database, and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseSettings {
    /// Its name on its server.
    pub name: String,
    /// Where the server listens.
    pub server: DatabaseServer,
    /// Where user and password of an account stand.
    pub credentials: Credentials,
}

/// Where a database server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseServer {
    /// A unix socket of this machine; absolute.
    Socket(PathBuf),
    /// TCP, unencrypted: this machine, or a tunnel.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
}

impl FolderSettings {
    /// Every place that is read, with where it stands in the file.
    pub fn places(&self) -> impl Iterator<Item = (&Path, &Span)> {
        let also = self.also.iter().map(|(path, span)| (path.as_path(), span));
        std::iter::once((self.path.as_path(), &self.path_span)).chain(also)
    }
}

impl Asset {
    /// What is read of its folder, where it has one.
    pub fn folder(&self) -> Option<&FolderSettings> {
        match &self.settings {
            Settings::Website(website) => Some(&website.folder),
            Settings::Whmcs(whmcs) => Some(&whmcs.folder),
            Settings::NotBuilt(_) => None,
        }
    }

    /// The databases that estate.toml names for it.
    pub fn databases(&self) -> &[DatabaseSettings] {
        match &self.settings {
            Settings::Whmcs(whmcs) => std::slice::from_ref(&whmcs.database),
            Settings::Website(WebsiteSettings { databases: SiteDatabases::Named(databases), .. }) => {
                databases
            }
            Settings::Website(_) | Settings::NotBuilt(_) => &[],
        }
    }

    /// What kind of thing it is.
    pub fn class(&self) -> Class {
        match &self.settings {
            Settings::Website(_) => Class::Website,
            Settings::Whmcs(_) => Class::Whmcs,
            Settings::NotBuilt(class) => *class,
        }
    }
}

impl Estate {
    /// The assets whose points lie in `repository`.
    pub fn assets_of<'e>(&'e self, repository: &'e RepositoryName) -> impl Iterator<Item = &'e Asset> {
        self.assets.values().filter(move |asset| repository_name(asset) == *repository)
    }

    /// Every place where credentials stand: of locations, channels and databases. Keys of repositories are none.
    pub fn credentials(&self) -> impl Iterator<Item = &Credentials> {
        let locations =
            self.locations.values().flat_map(|l| [&l.credentials, &l.delete_credentials]).flatten();
        let channels = self.alerts.channels.values().map(|channel| &channel.credentials);
        let ping = self.alerts.ping.iter().map(|ping| &ping.credentials);
        let told = channels.chain(ping).flatten();
        let databases = self.assets.values().flat_map(Asset::databases).map(|database| &database.credentials);
        locations.chain(told).chain(databases)
    }

    /// The asset whose log points lie in `repository`, where it is such a one.
    pub fn asset_of_log(&self, repository: &str) -> Option<&Asset> {
        self.assets.values().find(|asset| log_repository(asset).is_some_and(|log| log.as_str() == repository))
    }

    /// Every repository, in order.
    pub fn repositories(&self) -> Vec<RepositoryName> {
        let mut names: Vec<_> = self.assets.values().map(repository_name).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// The repository of an asset: one per client for websites, so that destroying one key shreds one client; else one
/// per asset.
pub fn repository_name(asset: &Asset) -> RepositoryName {
    let name = match &asset.client {
        Some(client) if asset.class() == Class::Website => client.as_str(),
        _ => asset.name.as_str(),
    };
    RepositoryName::parse(name)
        .expect("names of clients and assets follow the same rules as those of repositories")
}

/// The repository of what an asset's database changed between dumps. One of its own: a log is taken each minute, and must wait
/// neither for a dump that is on its way to a slow location, nor for a purge of all the rest.
pub fn log_repository(asset: &Asset) -> Option<RepositoryName> {
    let has_log = asset.class().companions().contains(&Dataset::Log);
    has_log.then(|| log_repository_of(repository_name(asset).as_str())).flatten()
}

/// Whether points of an asset lie in `repository`: its own, or those of its log.
pub fn has_points_in(asset: &Asset, repository: &str) -> bool {
    repository_name(asset).as_str() == repository
        || log_repository(asset).is_some_and(|log| log.as_str() == repository)
}

/// The same by the name of the repository that the dumps lie in; none for a name too long to have one.
pub fn log_repository_of(repository: &str) -> Option<RepositoryName> {
    RepositoryName::parse(&format!("{repository}{LOG_SUFFIX}")).ok()
}

/// How the repository of a log is called, behind the name of the one with the dumps.
const LOG_SUFFIX: &str = ".binlog";

#[cfg(test)]
mod tests;
