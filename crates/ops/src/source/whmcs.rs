//! What a WHMCS needs besides its folder: folders that lie elsewhere, and the one key that its database cannot be read without.
//!
//! Everything here ends as a file that nobody has or as a secret that nobody can open, and shows on the day of the restore. So
//! what is not in the point, and a key that is missing or another, degrades the run, with words.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use holdfast_asset::database::DumpSource;
use holdfast_asset::site::{Setting, Trouble};
use holdfast_asset::whmcs::{
    Ground, Installed, MISSING_FILES, Storage, installed, missing_files, outside, questions, storage,
};
use holdfast_format::source::SourceError;
use holdfast_model::estate::{Asset, WhmcsSettings};
use holdfast_world::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::dump;
use crate::error::{Error, Result};
use crate::record;
use crate::setup::Setup;

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    /// What lies elsewhere and is taken along.
    pub(super) folders: Vec<PathBuf>,
    /// What is not in the point, or will be of no use.
    pub(super) missing: Vec<SourceError>,
    pub(super) notices: Vec<String>,
    pub(super) seen: Option<Seen>,
}

/// The key as it is now.
pub(crate) struct Seen {
    asset: String,
    print: Print,
}

/// What is remembered of a key: enough to see that it is another.
#[derive(Serialize, Deserialize)]
struct Print {
    salt: String,
    sha256: String,
}

const KIND: &str = "whmcs-keys";
/// Settings that WHMCS has in its database since 7.7.
const OF_TABLES: [&str; 2] = ["$attachments_dir", "$downloads_dir"];
const CONFIGURATION: &str = "configuration.php";

/// Looks at the folder, and asks the database where files are.
///
/// # Errors
/// When nothing of the folder can be looked at, or a record cannot be read.
pub(super) fn look(setup: &Setup, asset: &Asset, whmcs: &WhmcsSettings) -> Result<Found> {
    let root = &whmcs.folder.path;
    let mut found = Found::default();
    let missing = |file: &Path, message: String| SourceError {
        path: root.join(file).as_os_str().as_bytes().to_vec(),
        kind: io::ErrorKind::Other,
        message,
    };
    let installed = match look_at(root)? {
        Ok(installed) => installed,
        Err(troubles) => {
            let why = troubles.first().map_or_else(|| "there is none".to_owned(), ToString::to_string);
            found.missing.push(missing(
                Path::new(CONFIGURATION),
                format!(
                    "the configuration of WHMCS could not be read, so neither its key ($cc_encryption_hash) nor folders that lie \
                     elsewhere are known to be in this point: {why}"
                ),
            ));
            return Ok(found);
        }
    };
    let file = installed.folder.join(CONFIGURATION);
    let told = |message: String| missing(&file, message);
    found.missing.extend(other_database(&installed, &whmcs.database.name).map(told));
    if installed.settings.has_encryption_hash && installed.settings.encryption_hash.is_none() {
        found.missing.push(told(
            "$cc_encryption_hash has several values, and which of them opens the database cannot be told: write one"
                .to_owned(),
        ));
    }
    if let Some(hash) = &installed.settings.encryption_hash {
        let before: Option<Print> = record::one(&setup.places.state, KIND, asset.name.as_ref())?;
        if before.is_some_and(|before| !before.is_of(hash)) {
            found.missing.push(told(
                "$cc_encryption_hash is not the one of the last point: what was encrypted before cannot be read with it; if nobody \
                 meant to change it, restore configuration.php from that point"
                    .to_owned(),
            ));
        }
        let asset = asset.name.to_string();
        found.seen = Some(Seen { asset, print: Print::of(hash, setup) });
    }
    let places = match places(setup, asset, whmcs) {
        Ok(places) => places,
        Err(why) => {
            found.missing.push(told(format!(
                "where this WHMCS keeps its files is in its database, which could not be asked: {why}"
            )));
            None
        }
    };
    // Once the tables say where files are, nobody reads these settings.
    let is_told = |trouble: &&Trouble| {
        places.is_none() || !trouble.setting.as_deref().is_some_and(|setting| OF_TABLES.contains(&setting))
    };
    found.missing.extend(installed.troubles.iter().filter(is_told).map(|trouble| told(trouble.to_string())));
    let also: Vec<PathBuf> = whmcs.folder.also.iter().map(|(path, _)| path.clone()).collect();
    let off_limits = off_limits(setup, asset);
    let lies = outside(&installed, places.as_deref(), Ground { root, also: &also, off_limits: &off_limits });
    found.missing.extend(lies.refused.into_iter().map(told));
    found.folders = lies.folders;
    found.notices = lies.notes;
    Ok(found)
}

/// The dump, which asks at its own instant what was amiss already, and knows which files that rows name were not there.
pub(super) fn asking(setup: &Setup, asset: &Asset, whmcs: &WhmcsSettings, dump: DumpSource) -> DumpSource {
    let dump = dump.asking(questions());
    let known = || {
        let installed = look_at(&whmcs.folder.path).ok()?.ok()?;
        let places = places(setup, asset, whmcs).ok()?;
        let access = dump::access(setup, asset, &whmcs.database).ok()?;
        missing_files(&access, &installed, places.as_deref())
    };
    // Whatever keeps this from being known keeps the dump from being made, or is told with the files.
    match known() {
        Some(missing) => dump.knowing(MISSING_FILES, missing),
        None => dump,
    }
}

fn look_at(root: &Path) -> Result<std::result::Result<Installed, Vec<Trouble>>> {
    installed(root).map_err(|error| Error::not_done(error.to_string()))
}

fn places(
    setup: &Setup,
    asset: &Asset,
    whmcs: &WhmcsSettings,
) -> std::result::Result<Option<Vec<Storage>>, String> {
    let access = dump::access(setup, asset, &whmcs.database).map_err(|error| error.message)?;
    storage(&access).map_err(|error| error.to_string())
}

/// That the database which is dumped is none that this WHMCS uses.
fn other_database(installed: &Installed, dumped: &str) -> Option<String> {
    let known: Vec<&str> =
        installed.databases.iter().filter_map(Setting::known).map(String::as_str).collect();
    let is_another =
        !known.is_empty() && known.len() == installed.databases.len() && !known.contains(&dumped);
    is_another.then(|| {
        format!(
            "it names the database {:?}, and estate.toml has {dumped:?} for this WHMCS: one of them is wrong",
            known.join(", ")
        )
    })
}

/// What no folder of this WHMCS may lie in or hold: other assets, copies, and what is ours.
fn off_limits(setup: &Setup, asset: &Asset) -> Vec<(PathBuf, String)> {
    let estate = &setup.estate;
    let others = estate.assets.values().filter(|other| other.name != asset.name && other.host == asset.host);
    let of_others = others.flat_map(|other| {
        let places = other.folder().into_iter().flat_map(holdfast_model::estate::FolderSettings::places);
        places.map(|(path, _)| (path.to_owned(), format!("the asset {}", other.name)))
    });
    let copies = estate.locations.iter().filter_map(|(name, location)| {
        Some((location.address.local_path()?.to_owned(), format!("the location {name}")))
    });
    let ours = [
        (setup.places.state.clone(), "holdfast's own state".to_owned()),
        (setup.places.config.clone(), "holdfast's own configuration".to_owned()),
    ];
    of_others.chain(copies).chain(ours).collect()
}

impl Seen {
    pub(super) fn keep(&self, setup: &Setup) -> Result<()> {
        record::keep(&setup.places.state, KIND, &self.asset, &self.print)
    }
}

impl Print {
    fn of(hash: &SecretString, setup: &Setup) -> Print {
        let mut salt = [0; 32];
        setup.world.random.fill(&mut salt);
        let salt = hex(&salt);
        Print { sha256: digest(&salt, hash), salt }
    }

    fn is_of(&self, hash: &SecretString) -> bool {
        digest(&self.salt, hash) == self.sha256
    }
}

fn digest(salt: &str, hash: &SecretString) -> String {
    let digest = Sha256::new().chain_update(salt).chain_update(hash.expose_secret()).finalize();
    hex(&digest)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
