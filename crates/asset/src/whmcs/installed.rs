//! The WHMCS in a folder, as its configuration.php has it.

use std::path::{Path, PathBuf};

use holdfast_format::source::SourceError;

use crate::site::{Kind, Search, Setting, Trouble, WhmcsSettings, detect};

/// A WHMCS.
#[derive(Clone, Debug)]
pub struct Installed {
    /// Its folder, absolute.
    pub folder: PathBuf,
    /// What its configuration says.
    pub settings: WhmcsSettings,
    /// The names of its databases, as its configuration has them: one, unless it is odd.
    pub databases: Vec<Setting<String>>,
    /// What of the configuration cannot be told and matters. How its database is reached the administrator says; where the administration
    /// is, and a cache, no backup needs to know.
    pub troubles: Vec<Trouble>,
}

/// Looks for it in a folder and, where it is not there, in those below. `Err` with what is the matter where there is none that can be
/// read.
///
/// # Errors
/// When nothing of the folder can be looked at.
pub fn installed(root: &Path) -> Result<Result<Installed, Vec<Trouble>>, SourceError> {
    // No server is asked: which socket is usual plays no part.
    let mut found = detect(root, &Search::usual("/run/mysqld/mysqld.sock"))?;
    let place = found
        .applications
        .iter()
        .position(|application| application.kind == Kind::Whmcs && application.whmcs.is_some());
    let Some(place) = place else { return Ok(Err(found.troubles)) };
    let application = found.applications.swap_remove(place);
    let is_its = |trouble: &Trouble| {
        let matters = trouble.setting.as_deref().is_none_or(|setting| !INDIFFERENT.contains(&setting));
        matters && application.configurations.contains(&trouble.file)
    };
    Ok(Ok(Installed {
        folder: root.join(&application.folder),
        troubles: found.troubles.into_iter().filter(is_its).collect(),
        databases: application.databases.into_iter().map(|used| used.name).collect(),
        settings: application.whmcs.expect("it was looked for"),
    }))
}

const INDIFFERENT: [&str; 6] =
    ["$db_host", "$db_port", "$db_username", "$db_password", "$customadminpath", "$templates_compiledir"];
