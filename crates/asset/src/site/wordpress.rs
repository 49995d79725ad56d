//! WordPress: `wp-config.php` beside it, or one folder above when that folder is no WordPress itself.

use super::applications::application;
use super::connection::{Connection, Field};
use super::visit::Visit;
use super::{Application, Kind};

const CONFIGURATION: &str = "wp-config.php";

pub(super) fn detect(visit: &mut Visit<'_>) -> Option<Application> {
    const VERSION: &str = "wp-includes/version.php";
    let is_there = visit.has(VERSION) || visit.has("wp-load.php") && visit.has("wp-settings.php");
    if !is_there {
        return None;
    }
    let mut found = application(visit, Kind::WordPress);
    found.version = visit.text(VERSION, "$wp_version");
    if visit.has(CONFIGURATION) {
        read(visit, &mut found);
        return Some(found);
    }
    if let Ok(parent) = visit.folder.parent() {
        let mut above =
            Visit { folder: &parent, root: visit.root, search: visit.search, troubles: visit.troubles };
        if above.has(CONFIGURATION) && !above.has("wp-settings.php") {
            read(&mut above, &mut found);
            return Some(found);
        }
    }
    // WordPress looks nowhere else: this one was never installed, and has no database.
    Some(found)
}

fn read(visit: &mut Visit<'_>, found: &mut Application) {
    found.configurations.push(visit.path(CONFIGURATION));
    let Some(settings) = visit.configuration(CONFIGURATION) else { return };
    let field = |name: &'static str| Field::new(name, settings.candidates(name));
    let connection = Connection {
        called: "default".to_owned(),
        configuration: CONFIGURATION.to_owned(),
        driver: Field::absent("driver"),
        name: field("DB_NAME"),
        user: field("DB_USER"),
        password: field("DB_PASSWORD"),
        host: field("DB_HOST"),
        port: Field::absent("port"),
        socket: Field::absent("socket"),
        prefix: field("$table_prefix"),
    };
    found.databases = connection.uses(visit);
}
