//! Which applications lie in the folder of a website, and which databases they need.
//!
//! A website is its files and its database. Nobody keeps a list of which belongs to which, except the website itself, in a
//! configuration that its owner writes. A database that is guessed is somebody else's, and one that is passed over is found
//! missing on the day of the restore: so what a configuration says is read and never run, and what cannot be read that
//! way is told with its file, its line and the reason.

mod applications;
mod connection;
mod dotenv;
mod drupal;
mod folder;
mod host;
mod joomla;
mod laravel;
mod magento;
mod php;
mod prestashop;
mod search;
mod visit;
mod whmcs;
mod wordpress;

use std::fmt;
use std::path::{Path, PathBuf};

use holdfast_world::SecretString;
use serde::{Serialize, Serializer};

use crate::database::Place;

pub use self::search::detect;

/// What to look through, and what the machine is like.
#[derive(Clone, Debug)]
pub struct Search {
    /// The socket that `localhost` means on this machine.
    pub default_socket: PathBuf,
    /// How deep below the root applications are looked for; 0 for the root alone.
    pub depth_max: usize,
    /// How many folders are looked at.
    pub folders_max: usize,
    /// How many entries of a folder are looked at.
    pub entries_max: usize,
}

impl Search {
    /// As websites lie: the root, `httpdocs` or `web` in it, `blog` in that, and one more.
    pub fn usual(default_socket: impl Into<PathBuf>) -> Search {
        Search {
            default_socket: default_socket.into(),
            depth_max: 3,
            folders_max: 2_000,
            entries_max: 20_000,
        }
    }
}

/// What was found in the folder of a website.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Found {
    /// The applications, those higher up first.
    pub applications: Vec<Application>,
    /// Everything that could not be told. A website with any of these is not known completely.
    pub troubles: Vec<Trouble>,
    /// Where the search ended at a limit of its own: no fault of the website, and most have nothing there.
    pub limits: Vec<Trouble>,
}

/// An application.
#[derive(Clone, Debug, Serialize)]
pub struct Application {
    /// Which.
    pub kind: Kind,
    /// Its folder, from the root of the website; empty when it is the root.
    #[serde(serialize_with = "serialize_path")]
    pub folder: PathBuf,
    /// Its version, where its files say it.
    pub version: Option<String>,
    /// Its configurations, from the root of the website; `..` begins one that lies above.
    #[serde(serialize_with = "serialize_paths")]
    pub configurations: Vec<PathBuf>,
    /// The databases that it uses. More than one with the same `connection` and branches: one of them, and only the
    /// website knows which.
    pub databases: Vec<DatabaseUse>,
    /// What WHMCS says besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whmcs: Option<WhmcsSettings>,
}

/// The applications that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// WordPress.
    WordPress,
    /// Joomla.
    Joomla,
    /// PrestaShop.
    PrestaShop,
    /// Drupal, from version 7.
    Drupal,
    /// Laravel.
    Laravel,
    /// Magento 2 and what descends from it.
    Magento,
    /// WHMCS.
    Whmcs,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::WordPress => "WordPress",
            Kind::Joomla => "Joomla",
            Kind::PrestaShop => "PrestaShop",
            Kind::Drupal => "Drupal",
            Kind::Laravel => "Laravel",
            Kind::Magento => "Magento",
            Kind::Whmcs => "WHMCS",
        })
    }
}

/// A database as an application reaches it.
#[derive(Clone, Debug, Serialize)]
pub struct DatabaseUse {
    /// How the application calls the connection; `default` where it has one alone.
    pub connection: String,
    /// Where this is said, from the root of the website.
    #[serde(serialize_with = "serialize_path")]
    pub configuration: PathBuf,
    /// The line that names the database; 0 where none does.
    pub line: u32,
    /// Whether the file has other values for the same connection, in other branches.
    pub is_one_of_several: bool,
    /// The name of the database.
    pub name: Setting<String>,
    /// The account.
    pub user: Setting<String>,
    /// Its password.
    #[serde(skip)]
    pub password: Setting<SecretString>,
    /// Where the server listens.
    #[serde(serialize_with = "serialize_place")]
    pub place: Setting<Place>,
    /// What the names of the tables begin with; empty when nothing.
    pub prefix: Setting<String>,
}

/// A value, or why there is none.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Setting<T> {
    /// The value.
    Known(T),
    /// It cannot be told without running the website.
    Unresolved(Trouble),
}

impl<T> Setting<T> {
    /// The value.
    pub fn known(&self) -> Option<&T> {
        match self {
            Setting::Known(value) => Some(value),
            Setting::Unresolved(_) => None,
        }
    }
}

/// What WHMCS needs besides its database. The directories are as the configuration has them, absolute or from the folder of
/// WHMCS; `None` when it says nothing, which leaves them where WHMCS has them by itself.
#[derive(Clone, Debug, Serialize)]
pub struct WhmcsSettings {
    /// Whether the key is there without which the passwords and cards in the database are noise.
    pub has_encryption_hash: bool,
    /// That key, where the configuration has a single one: shown nowhere, and for comparing and opening alone.
    #[serde(skip)]
    pub encryption_hash: Option<SecretString>,
    /// Files that clients attached.
    pub attachments: Option<Setting<String>>,
    /// Files that clients may download.
    pub downloads: Option<Setting<String>>,
    /// A cache.
    pub compiled_templates: Option<Setting<String>>,
    /// The name of the folder of the administration.
    pub admin_folder: Option<Setting<String>>,
    /// What runs by the clock.
    pub crons: Option<Setting<String>>,
}

/// Something that could not be told. No value of a configuration is ever part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// The file or folder, from the root of the website; empty for that.
    #[serde(serialize_with = "serialize_path")]
    pub file: PathBuf,
    /// The line, where there is one.
    pub line: Option<u32>,
    /// Which setting, as the application calls it.
    pub setting: Option<String>,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name may hold anything, and this goes to a terminal.
        let file = self.file.display().to_string();
        f.write_str(if file.is_empty() { "." } else { &file }.escape_debug().to_string().as_str())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(setting) = &self.setting {
            write!(f, ": {setting}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

fn serialize_place<S: Serializer>(place: &Setting<Place>, serializer: S) -> Result<S::Ok, S::Error> {
    match place {
        Setting::Known(place) => Setting::Known(place.to_string()),
        Setting::Unresolved(trouble) => Setting::Unresolved(trouble.clone()),
    }
    .serialize(serializer)
}

/// Whoever names a folder may choose bytes that are no text; a report is not to fail for that.
fn serialize_path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

fn serialize_paths<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}

/// A path below another, without a leading `./`.
fn joined(folder: &Path, file: &str) -> PathBuf {
    if folder.as_os_str().is_empty() { PathBuf::from(file) } else { folder.join(file) }
}
