//! Where WHMCS keeps files, as its database has it.
//!
//! Since 7.7 configuration.php does not say it any more: two tables do. Whoever reads the file alone backs up a folder that nothing
//! was put into for years.

use std::path::PathBuf;

use mysql::prelude::Queryable;
use serde::{Deserialize, Serialize};

use super::WhmcsError;
use crate::database::{Access, quoted};

/// A place that WHMCS keeps files in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Storage {
    /// What people called it.
    pub name: String,
    /// What kind of place it is.
    pub kind: StorageKind,
    /// The kinds of files that are kept there, or on their way there: `ticket_attachments`. None: it is not in use.
    pub assets: Vec<String>,
}

/// The kinds of places.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StorageKind {
    /// A folder of the machine.
    Local(PathBuf),
    /// Elsewhere, as WHMCS calls it: `S3`.
    Remote(String),
    /// A folder of the machine, but which it is cannot be read.
    Unknown,
}

/// What WHMCS writes about a folder.
#[derive(Deserialize)]
struct LocalSettings {
    local_path: PathBuf,
}

const CONFIGURATIONS: &str = "tblstorageconfigurations";
const SETTINGS: &str = "tblfileassetsettings";

/// The places, in the order of their numbers; `None` where WHMCS is older than its tables for them.
///
/// # Errors
/// When the server cannot be asked.
pub fn storage(access: &Access) -> Result<Option<Vec<Storage>>, WhmcsError> {
    let failed = |error| WhmcsError::server("ask the database of WHMCS where files are kept", error);
    let mut connection = access.ask().map_err(failed)?;
    let there: u64 = connection
        .exec_first(
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ? AND table_name IN (?, ?)",
            (&access.database, CONFIGURATIONS, SETTINGS),
        )
        .map_err(failed)?
        .unwrap_or_default();
    if there < 2 {
        return Ok(None);
    }
    let database = quoted(&access.database);
    let places: Vec<(u64, String, String, String, bool)> = connection
        .query(format!(
            "SELECT id, name, handler, settings, is_local FROM {database}.{CONFIGURATIONS} ORDER BY id"
        ))
        .map_err(failed)?;
    let uses: Vec<(String, Option<u64>, Option<u64>)> = connection
        .query(format!(
            "SELECT asset_type, storageconfiguration_id, migratetoconfiguration_id FROM {database}.{SETTINGS} ORDER BY asset_type"
        ))
        .map_err(failed)?;
    let place = |(id, name, handler, settings, is_local): (u64, String, String, String, bool)| Storage {
        kind: kind(handler, &settings, is_local),
        assets: uses
            .iter()
            .filter(|(_, at, to)| [at, to].contains(&&Some(id)))
            .map(|(asset, ..)| asset.clone())
            .collect(),
        name,
    };
    Ok(Some(places.into_iter().map(place).collect()))
}

fn kind(handler: String, settings: &str, is_local: bool) -> StorageKind {
    if !is_local && !handler.eq_ignore_ascii_case("LocalStorage") {
        return StorageKind::Remote(handler);
    }
    match serde_json::from_str(settings) {
        Ok(LocalSettings { local_path }) if !local_path.as_os_str().is_empty() => {
            StorageKind::Local(local_path)
        }
        _ => StorageKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_folder_or_elsewhere_or_told_to_be_unknown() {
        let of = |handler: &str, settings: &str, is_local| kind(handler.to_owned(), settings, is_local);
        let local = StorageKind::Local("/srv/files".into());
        assert_eq!(of("LocalStorage", r#"{"local_path":"\/srv\/files"}"#, true), local);
        assert_eq!(of("LocalStorage", r#"{"local_path":"/srv/files","x":1}"#, false), local);
        assert_eq!(of("S3", r#"{"local_path":"/srv/files"}"#, false), StorageKind::Remote("S3".to_owned()));
        for unreadable in ["", "null", "{}", r#"{"local_path":""}"#, r#"{"local_path":7}"#, "c2VjcmV0"] {
            assert_eq!(of("LocalStorage", unreadable, true), StorageKind::Unknown, "{unreadable}");
        }
    }
}
