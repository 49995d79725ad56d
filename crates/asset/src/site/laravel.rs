//! Laravel: `.env` through `config/database.php`, or what was made of both before.

use super::applications::application;
use super::connection::{Connection, Field};
use super::dotenv::{self, Environment};
use super::php::{Candidate, Candidates, Value, get_each};
use super::visit::Visit;
use super::{Application, Kind};

const ENVIRONMENT: &str = ".env";
const CACHED: &str = "bootstrap/cache/config.php";
const CONFIGURATION: &str = "config/database.php";

pub(super) fn detect(visit: &mut Visit<'_>) -> Option<Application> {
    if !visit.has("artisan") || !visit.has("bootstrap/app.php") {
        return None;
    }
    let mut found = application(visit, Kind::Laravel);
    found.version = visit
        .text("vendor/laravel/framework/src/Illuminate/Foundation/Application.php", "application::VERSION");
    let environment = environment(visit, &mut found);
    // Where it is there, nothing else is read by the website.
    if visit.has(CACHED) {
        found.configurations.push(visit.path(CACHED));
        if let Some(settings) = visit.configuration(CACHED) {
            let database = get_each(&settings.candidates("return"), "database");
            found.databases = database_of(visit, CACHED, &database);
        }
        return Some(found);
    }
    if visit.has(CONFIGURATION) {
        found.configurations.push(visit.path(CONFIGURATION));
        if let Some(settings) = visit.settings(CONFIGURATION, environment.as_ref()) {
            visit.tell_oddities(CONFIGURATION, &settings);
            found.databases = database_of(visit, CONFIGURATION, &settings.candidates("return"));
        }
        return Some(found);
    }
    match environment {
        Some(environment) => found.databases = from_environment(visit, &environment),
        None => visit.tell(
            ENVIRONMENT,
            None,
            None,
            "neither it nor config/database.php says which database this is",
        ),
    }
    Some(found)
}

fn environment(visit: &mut Visit<'_>, found: &mut Application) -> Option<Environment> {
    let bytes = visit.bytes(ENVIRONMENT)?;
    found.configurations.push(visit.path(ENVIRONMENT));
    let Ok(text) = String::from_utf8(bytes) else {
        visit.tell(ENVIRONMENT, None, None, "it is not UTF-8 text");
        return None;
    };
    let environment = dotenv::read(&text);
    if environment.broken_line.is_some() {
        let reason = "the line is not written as such a file has it, and what follows is not read";
        visit.tell(ENVIRONMENT, environment.broken_line, None, reason);
    }
    Some(environment)
}

/// The connection that is used when no other is asked for.
fn database_of(visit: &mut Visit<'_>, path: &str, database: &[Candidate]) -> Vec<super::DatabaseUse> {
    let default = get_each(database, "default");
    let name = match default.as_slice() {
        [Candidate { value: Value::Text(name), .. }] => name.clone(),
        other => {
            let reason = match other.first().map(|candidate| &candidate.value) {
                Some(Value::Unresolved(unresolved)) => unresolved.reason,
                Some(_) => "it has more than one possible value",
                None => "the file does not set it",
            };
            let line = other.first().map(|candidate| candidate.line);
            visit.tell(path, line, Some("default"), reason);
            return Vec::new();
        }
    };
    let connection = get_each(&get_each(database, "connections"), &name);
    let field =
        |name: &'static str| Field::new(name, behind_address(&connection, get_each(&connection, name)));
    let connection = Connection {
        called: name.to_string(),
        configuration: path.to_owned(),
        driver: Field::new("driver", get_each(&connection, "driver")).or(&name),
        name: field("database"),
        user: field("username"),
        password: field("password"),
        host: field("host"),
        port: field("port").or(""),
        socket: field("unix_socket").or(""),
        prefix: Field::new("prefix", get_each(&connection, "prefix")).or(""),
    };
    connection.uses(visit)
}

/// An address (`url`) stands over all other settings.
fn behind_address(connection: &[Candidate], candidates: Candidates) -> Candidates {
    let address = get_each(connection, "url");
    let is_unused = |candidate: &Candidate| candidate.value.to_text().is_some_and(|text| text.is_empty());
    match address.iter().find(|candidate| !is_unused(candidate)) {
        Some(candidate) => vec![Candidate::unresolved(candidate.line, ADDRESS)],
        None => candidates,
    }
}

const ADDRESS: &str = "an address (url) says it, which is not read";

/// With the names that Laravel's own `config/database.php` gives them.
fn from_environment(visit: &mut Visit<'_>, environment: &Environment) -> Vec<super::DatabaseUse> {
    let get = |name: &str| environment.get(name).cloned().into_iter().collect::<Candidates>();
    let is_address = |name: &&str| environment.get(name).is_some();
    let address = ["DB_URL", "DATABASE_URL"].into_iter().find(is_address);
    let field = |name: &'static str| match address {
        Some(address) => Field::new(
            name,
            get(address).iter().map(|found| Candidate::unresolved(found.line, ADDRESS)).collect(),
        ),
        None => Field::new(name, get(name)),
    };
    let connection = Connection {
        called: "default".to_owned(),
        configuration: ENVIRONMENT.to_owned(),
        driver: Field::new("DB_CONNECTION", get("DB_CONNECTION")),
        name: field("DB_DATABASE"),
        user: field("DB_USERNAME"),
        password: field("DB_PASSWORD"),
        host: field("DB_HOST").or("127.0.0.1"),
        port: field("DB_PORT").or(""),
        socket: field("DB_SOCKET").or(""),
        prefix: Field::new("DB_PREFIX", get("DB_PREFIX")).or(""),
    };
    connection.uses(visit)
}
