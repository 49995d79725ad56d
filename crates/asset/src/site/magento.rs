//! Magento 2: `app/etc/env.php`.

use super::applications::application;
use super::connection::{Connection, Field};
use super::drupal::keys;
use super::php::get_each;
use super::visit::Visit;
use super::{Application, Kind};

const CONFIGURATION: &str = "app/etc/env.php";

pub(super) fn detect(visit: &mut Visit<'_>) -> Option<Application> {
    if !visit.has(CONFIGURATION) && !visit.has("bin/magento") {
        return None;
    }
    let mut found = application(visit, Kind::Magento);
    found.version = version(visit);
    if !visit.has(CONFIGURATION) {
        visit.tell(CONFIGURATION, None, None, "Magento has no such file here: it is not installed");
        return Some(found);
    }
    found.configurations.push(visit.path(CONFIGURATION));
    let Some(settings) = visit.configuration(CONFIGURATION) else { return Some(found) };
    let db = get_each(&settings.candidates("return"), "db");
    let connections = get_each(&db, "connection");
    if connections.is_empty() {
        visit.tell(CONFIGURATION, None, Some("db/connection"), "the file does not set it");
    }
    for called in keys(&connections) {
        let connection = get_each(&connections, &called);
        let field = |name: &'static str| Field::new(name, get_each(&connection, name));
        let connection = Connection {
            called: called.to_string(),
            configuration: CONFIGURATION.to_owned(),
            driver: Field::absent("driver"),
            name: field("dbname"),
            user: field("username"),
            password: field("password"),
            host: field("host"),
            port: field("port").or(""),
            socket: field("unix_socket").or(""),
            prefix: Field::new("table_prefix", get_each(&db, "table_prefix")).or(""),
        };
        found.databases.extend(connection.uses(visit));
    }
    Some(found)
}

/// What the shop's own list of packages asks for, when it is one version and no range.
fn version(visit: &mut Visit<'_>) -> Option<String> {
    let bytes = visit.bytes("composer.json")?;
    let packages: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    let editions = ["magento/product-community-edition", "magento/product-enterprise-edition"];
    let asked = editions.iter().find_map(|edition| packages.get("require")?.get(edition)?.as_str())?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let is_one =
        asked.starts_with(|c: char| c.is_ascii_digit()) && asked.len() <= 32 && asked.chars().all(is_plain);
    is_one.then(|| asked.to_owned())
}
