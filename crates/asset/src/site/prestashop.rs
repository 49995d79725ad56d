//! PrestaShop: constants in `config/settings.inc.php` up to 1.6, an array in `app/config/parameters.php` since.

use super::applications::application;
use super::connection::{Connection, Field};
use super::php::get_each;
use super::visit::Visit;
use super::{Application, Kind};

const CONSTANTS: &str = "config/settings.inc.php";
const PARAMETERS: &str = "app/config/parameters.php";

pub(super) fn detect(visit: &mut Visit<'_>) -> Option<Application> {
    if !visit.has("config/defines.inc.php") {
        return None;
    }
    let mut found = application(visit, Kind::PrestaShop);
    if visit.has(PARAMETERS) {
        parameters(visit, &mut found);
    } else if visit.has(CONSTANTS) {
        constants(visit, &mut found);
    } else {
        visit.tell(PARAMETERS, None, None, "PrestaShop has no such file here: it is not installed");
    }
    found.version = found.version.take().or_else(|| version(visit));
    Some(found)
}

fn parameters(visit: &mut Visit<'_>, found: &mut Application) {
    found.configurations.push(visit.path(PARAMETERS));
    let Some(settings) = visit.configuration(PARAMETERS) else { return };
    let parameters = get_each(&settings.candidates("return"), "parameters");
    let field = |name: &'static str| Field::new(name, get_each(&parameters, name));
    let connection = Connection {
        called: "default".to_owned(),
        configuration: PARAMETERS.to_owned(),
        driver: Field::absent("driver"),
        name: field("database_name"),
        user: field("database_user"),
        password: field("database_password"),
        host: field("database_host"),
        port: field("database_port").or(""),
        socket: Field::absent("socket"),
        prefix: field("database_prefix"),
    };
    found.databases = connection.uses(visit);
}

fn constants(visit: &mut Visit<'_>, found: &mut Application) {
    found.configurations.push(visit.path(CONSTANTS));
    let Some(settings) = visit.configuration(CONSTANTS) else { return };
    let field = |name: &'static str| Field::new(name, settings.candidates(name));
    let connection = Connection {
        called: "default".to_owned(),
        configuration: CONSTANTS.to_owned(),
        driver: Field::absent("driver"),
        name: field("_DB_NAME_"),
        user: field("_DB_USER_"),
        password: field("_DB_PASSWD_"),
        host: field("_DB_SERVER_"),
        port: Field::absent("port"),
        socket: Field::absent("socket"),
        prefix: field("_DB_PREFIX_"),
    };
    found.databases = connection.uses(visit);
    found.version = visit.text(CONSTANTS, "_PS_VERSION_");
}

fn version(visit: &mut Visit<'_>) -> Option<String> {
    let places = [
        ("src/Core/Version.php", "version::VERSION"),
        ("config/autoload.php", "_PS_VERSION_"),
        ("app/AppKernel.php", "appkernel::VERSION"),
    ];
    places.into_iter().find_map(|(path, key)| visit.text(path, key))
}
