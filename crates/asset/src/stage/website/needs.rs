//! What a website needs around it, by its own configuration.

use std::path::{Path, PathBuf};

use super::super::database::{Account, USUAL_SOCKETS};
use super::super::failure::StageError;
use super::Website;
use crate::database::Place;
use crate::site::{Application, DatabaseUse, Kind, Search, detect};

/// Names of folders of documents, as panels and frameworks have them.
const DOCUMENTS: [&str; 6] = ["httpdocs", "public_html", "htdocs", "public", "web", "www"];
const INDEX: [&str; 3] = ["index.php", "index.html", "index.htm"];

/// What is needed.
#[derive(Debug)]
pub(super) struct Needs {
    /// The folder of the documents, as it is called inside.
    pub documents: PathBuf,
    /// Accounts of the database server.
    pub accounts: Vec<Account>,
    /// Where the website looks for it.
    pub places: Vec<Place>,
    /// What was found.
    pub applications: Vec<Application>,
}

impl Needs {
    pub(super) fn of(website: &Website) -> Result<Needs, StageError> {
        let found = detect(&website.folder, &Search::usual(USUAL_SOCKETS[0])).map_err(|error| {
            StageError::refused(format!("the restored website cannot be looked through: {error}"))
        })?;
        let applications = found.applications;
        let uses: Vec<&DatabaseUse> = applications.iter().flat_map(|found| &found.databases).collect();
        let account = |used: &&DatabaseUse| {
            let (name, password) = (used.user.known()?.clone(), used.password.known()?.clone());
            Some(Account { name, password })
        };
        let accounts = uses.iter().filter_map(account).collect();
        let places = uses.iter().filter_map(|used| used.place.known().cloned()).collect();
        let below = match &website.documents {
            Some(documents) => documents.clone(),
            None => documents(&website.folder, &applications),
        };
        let documents =
            if below.as_os_str().is_empty() { website.path.clone() } else { website.path.join(below) };
        Ok(Needs { documents, accounts, places, applications })
    }

    /// The database, prefix and kind of the application that answers for the whole website: the one highest up.
    pub(super) fn first_use(&self, kind: Kind) -> Option<(&str, &str)> {
        let application = self.applications.iter().find(|application| application.kind == kind)?;
        application
            .databases
            .iter()
            .find_map(|used| Some((used.name.known()?.as_str(), used.prefix.known()?.as_str())))
    }
}

/// The folder of the documents below the website's: the one with an index, or an application's own.
fn documents(folder: &Path, applications: &[Application]) -> PathBuf {
    let has_index = |below: &Path| INDEX.iter().any(|index| folder.join(below).join(index).is_file());
    if let Some(first) = applications.first() {
        // Of these the application's folder is not the one that is served.
        let public = match first.kind {
            Kind::Laravel => Some("public"),
            Kind::Magento => Some("pub"),
            _ => None,
        };
        let public = public.map(|public| first.folder.join(public)).filter(|public| has_index(public));
        if let Some(public) = public {
            return public;
        }
        // One in a folder of its own is a part of the website; the website begins where panels let it begin.
        let above = first.folder.components().next().map(|part| PathBuf::from(part.as_os_str()));
        let above = above.filter(|above| DOCUMENTS.iter().any(|name| above == Path::new(name)));
        return match above {
            Some(above) => above,
            None if has_index(Path::new("")) => PathBuf::new(),
            None => first.folder.clone(),
        };
    }
    if has_index(Path::new("")) {
        return PathBuf::new();
    }
    let found = DOCUMENTS.iter().map(PathBuf::from).find(|below| has_index(below));
    found.unwrap_or_default()
}
