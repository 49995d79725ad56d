//! Drupal: `$databases` in the `settings.php` of each of its sites.

use std::ffi::OsStr;
use std::sync::Arc;

use super::applications::application;
use super::connection::{Connection, Field};
use super::php::{Candidate, Candidates, Value, get_each};
use super::visit::Visit;
use super::{Application, Kind};

/// Connections of one site: more are no sites of people.
const CONNECTIONS_MAX: usize = 32;

pub(super) fn detect(visit: &mut Visit<'_>) -> Option<Application> {
    let version = if visit.has("core/lib/Drupal.php") {
        visit.text("core/lib/Drupal.php", "drupal::VERSION")
    } else if visit.has("includes/bootstrap.inc") && visit.has("sites") {
        visit.text("includes/bootstrap.inc", "VERSION")
    } else {
        return None;
    };
    let mut found = application(visit, Kind::Drupal);
    found.version = version;
    for site in sites(visit) {
        let path = format!("sites/{site}/settings.php");
        if !visit.has(&path) {
            continue;
        }
        found.configurations.push(visit.path(&path));
        if let Some(settings) = visit.configuration(&path) {
            let databases = settings.candidates("$databases");
            let uses = databases_of(visit, &path, &databases);
            if uses.is_empty() && databases.is_empty() {
                visit.tell(&path, None, Some("$databases"), "the file does not set it");
            }
            found.databases.extend(uses);
        }
    }
    if found.configurations.is_empty() {
        visit.tell(
            "sites",
            None,
            None,
            "Drupal has no settings.php in any of its sites: it is not installed",
        );
    }
    Some(found)
}

fn sites(visit: &mut Visit<'_>) -> Vec<String> {
    let entries_max = visit.search.entries_max;
    let listed = visit.folder.child(OsStr::new("sites")).and_then(|sites| sites.folders(entries_max));
    let folders = match listed {
        Ok(folders) => folders,
        Err(error) => {
            let reason = format!("the sites of Drupal cannot be listed: {}", std::io::Error::from(error));
            visit.tell("sites", None, None, &reason);
            return Vec::new();
        }
    };
    if folders.is_cut_short {
        visit.tell("sites", None, None, "it has more entries than are looked at");
    }
    let mut sites = Vec::new();
    for name in folders.names {
        match name.into_string() {
            Ok(name) => sites.push(name),
            Err(_) => visit.tell("sites", None, None, "the name of one of its folders is not UTF-8"),
        }
    }
    sites
}

fn databases_of(visit: &mut Visit<'_>, path: &str, databases: &[Candidate]) -> Vec<super::DatabaseUse> {
    let mut uses = Vec::new();
    for connection in keys(databases) {
        // Under other names than `default` lie copies of the same database.
        let target = get_each(&get_each(databases, &connection), "default");
        let field = |name: &'static str| Field::new(name, get_each(&target, name));
        let prefix = prefix(visit, path, &target);
        let connection = Connection {
            called: connection.to_string(),
            configuration: path.to_owned(),
            driver: field("driver").or("mysql"),
            name: field("database"),
            user: field("username"),
            password: field("password"),
            host: field("host").or("localhost"),
            port: field("port").or(""),
            socket: field("unix_socket").or(""),
            prefix: Field::new("prefix", prefix).or(""),
        };
        uses.extend(connection.uses(visit));
    }
    uses
}

/// An older Drupal has a prefix for each table that wants another.
fn prefix(visit: &mut Visit<'_>, path: &str, target: &[Candidate]) -> Candidates {
    let mut prefixes = Vec::new();
    for candidate in get_each(target, "prefix") {
        let Value::Array(elements) = &candidate.value else {
            prefixes.push(candidate);
            continue;
        };
        if elements.len() > 1 {
            let reason = "single tables have prefixes of their own, which are not told";
            visit.tell(path, Some(candidate.line), Some("prefix"), reason);
        }
        prefixes.extend(get_each(&[candidate], "default"));
    }
    prefixes
}

/// Every key of the arrays, in the order of the file.
pub(super) fn keys(arrays: &[Candidate]) -> Vec<Arc<str>> {
    let mut keys: Vec<Arc<str>> = Vec::new();
    for array in arrays {
        let Value::Array(elements) = &array.value else {
            // What it is instead is told with every setting of it.
            if keys.is_empty() {
                keys.push(Arc::from("default"));
            }
            continue;
        };
        for element in elements.iter().take(CONNECTIONS_MAX) {
            match &element.key {
                Some(key) if !keys.contains(key) => keys.push(Arc::clone(key)),
                _ => {}
            }
        }
    }
    keys
}
