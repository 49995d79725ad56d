//! The nine proofs. Each asks for itself: one that cannot be had leaves the others.

mod attachments;
mod configuration;
mod counted;
mod fresh;
mod rows;
mod secrets;

use mysql::Conn;
use mysql::prelude::Queryable;

use super::installed::{Installed, installed};
use super::questions::{About, Asked};
use super::schema::{self, Schema};
use super::{Restored, WhmcsError, below, timed};
use crate::{Outcome, Proof};

/// How something was found to be, and what was seen.
type Seen = (Outcome, String);

/// A restored WHMCS while it is asked.
struct Copy<'a> {
    restored: &'a Restored<'a>,
    connection: Conn,
    schema: Schema,
}

impl Copy<'_> {
    /// What the database answers now; `None` where it has not what is asked for.
    fn answer(&mut self, asked: &Asked) -> Result<Option<String>, String> {
        if asked.tables().iter().any(|table| !self.schema.has_table(table)) {
            return Ok(None);
        }
        match self.connection.query_first::<Option<String>, _>(asked.query()) {
            Ok(answer) => Ok(answer.flatten()),
            // A column that this version has not.
            Err(mysql::Error::MySqlError(error)) if error.code == UNKNOWN_COLUMN => Ok(None),
            Err(error) => Err(format!("ask for {}: {error}", asked.words)),
        }
    }

    /// What the original answered at the instant of the dump.
    fn original(&self, asked: &Asked) -> Option<&str> {
        self.restored.manifest.answers.get(asked.name).map(String::as_str)
    }
}

const UNKNOWN_COLUMN: u16 = 1054;

pub(super) fn all(restored: &Restored<'_>) -> Vec<Proof> {
    let mut copy =
        schema::open(restored.access).map(|(connection, schema)| Copy { restored, connection, schema });
    let folder = below(restored.root, restored.docroot);
    let installed = match installed(&folder) {
        Ok(Ok(installed)) => Ok(installed),
        Ok(Err(troubles)) => Err(troubles.first().map_or_else(
            || format!("no WHMCS was restored to {}: it has no configuration.php of one", folder.display()),
            ToString::to_string,
        )),
        Err(error) => Err(error.to_string()),
    };
    let mut proofs = Vec::new();
    let mut prove =
        |what: &str, find: &mut dyn FnMut() -> Seen| proofs.push(timed(restored.clock, what, find));
    let mut of_database = |what: &str, find: &mut dyn FnMut(&mut Copy<'_>) -> Seen| {
        prove(what, &mut || with(&mut copy, &mut *find));
    };
    of_database("identity", &mut identity);
    of_database("rows", &mut rows::rows);
    of_database("fresh", &mut fresh::fresh);
    of_database("references", &mut |copy| counted::counted(copy, About::References));
    of_database("money", &mut |copy| counted::money(copy));
    of_database("secrets", &mut |copy| with_files(&installed, |installed| secrets::secrets(copy, installed)));
    of_database("attachments", &mut |copy| {
        with_files(&installed, |installed| attachments::attachments(copy, installed))
    });
    of_database("tables", &mut rows::tables);
    prove("configuration", &mut || {
        with_files(&installed, |installed| configuration::configuration(restored, installed))
    });
    proofs
}

fn with(copy: &mut Result<Copy<'_>, WhmcsError>, find: &mut dyn FnMut(&mut Copy<'_>) -> Seen) -> Seen {
    match copy {
        Ok(copy) => find(copy),
        Err(error) => (Outcome::Unproven, error.to_string()),
    }
}

fn with_files(installed: &Result<Installed, String>, find: impl FnOnce(&Installed) -> Seen) -> Seen {
    match installed {
        Ok(installed) => find(installed),
        Err(why) => (Outcome::Failed, why.clone()),
    }
}

/// Whose WHMCS it is, and of which version.
fn identity(copy: &mut Copy<'_>) -> Seen {
    let settings: Result<Vec<(String, String)>, _> = copy.connection.query(
        "SELECT setting, value FROM tblconfiguration WHERE setting IN ('Version', 'CompanyName', 'SystemURL', 'Email')",
    );
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => return (Outcome::Failed, format!("its settings cannot be read: {error}")),
    };
    let value = |name: &str| {
        settings
            .iter()
            .find(|(setting, _)| setting == name)
            .map(|(_, value)| value.trim())
            .unwrap_or_default()
    };
    let missing: Vec<&str> = ["Version", "CompanyName", "SystemURL", "Email"]
        .into_iter()
        .filter(|name| value(name).is_empty())
        .collect();
    if !missing.is_empty() {
        return (Outcome::Failed, format!("its settings say nothing of {}", missing.join(", ")));
    }
    let version = value("Version");
    let is_version = version.starts_with(|c: char| c.is_ascii_digit()) && version.contains('.');
    if !is_version {
        return (Outcome::Failed, format!("its version is {version:?}, which is none"));
    }
    let (company, address) = (value("CompanyName"), value("SystemURL"));
    (Outcome::Held, format!("WHMCS {version} of {company}, at {address}"))
}

/// What several findings come to.
#[derive(Default)]
struct Findings {
    failed: Vec<String>,
    unproven: Vec<String>,
}

impl Findings {
    /// The worst of them with its words, or that it `held`.
    fn seen(self, held: impl FnOnce() -> String) -> Seen {
        let outcome = match (self.failed.is_empty(), self.unproven.is_empty()) {
            (false, _) => Outcome::Failed,
            (true, false) => Outcome::Unproven,
            (true, true) => return (Outcome::Held, held()),
        };
        let mut words: Vec<String> = self.failed.into_iter().chain(self.unproven).collect();
        let more = words.len().saturating_sub(WORDS_MAX);
        words.truncate(WORDS_MAX);
        if more > 0 {
            words.push(format!("and {more} more"));
        }
        (outcome, words.join("; "))
    }
}

/// Findings that are told one by one.
const WORDS_MAX: usize = 5;
