//! Joomla: the fields of the class `JConfig` in `configuration.php`.

use super::connection::{Connection, Field};
use super::php::Settings;
use super::visit::Visit;
use super::{Application, Kind, applications};

const CONFIGURATION: &str = "configuration.php";

/// Whether its own files lie here.
pub(super) fn has_files(visit: &Visit<'_>) -> bool {
    visit.has("administrator/components") && visit.has("libraries")
}

/// Joomla as its configuration has it; `None` when that could not be read.
pub(super) fn application(visit: &mut Visit<'_>, settings: Option<&Settings>) -> Application {
    let mut found = applications::application(visit, Kind::Joomla);
    found.version = version(visit);
    found.configurations.push(visit.path(CONFIGURATION));
    let Some(settings) = settings else { return found };
    let field = |called: &'static str, name: &str| {
        Field::new(called, settings.candidates(&format!("jconfig::${name}")))
    };
    let connection = Connection {
        called: "default".to_owned(),
        configuration: CONFIGURATION.to_owned(),
        driver: field("$dbtype", "dbtype").or("mysqli"),
        name: field("$db", "db"),
        user: field("$user", "user"),
        password: field("$password", "password"),
        host: field("$host", "host").or("localhost"),
        port: Field::absent("port"),
        socket: Field::absent("socket"),
        prefix: field("$dbprefix", "dbprefix"),
    };
    found.databases = connection.uses(visit);
    found
}

/// Three numbers since 4.0, a release with a level before; where the file lies changed too.
fn version(visit: &mut Visit<'_>) -> Option<String> {
    const CURRENT: &str = "libraries/src/Version.php";
    for path in [CURRENT, "libraries/cms/version/version.php", "libraries/joomla/version.php"] {
        if !visit.has(path) {
            continue;
        }
        let settings = visit.settings(path, None)?;
        let text = |name: &str| {
            ["version", "jversion"].iter().find_map(|class| {
                let constant = settings.certain_text(&format!("{class}::{name}"));
                constant.or_else(|| settings.certain_text(&format!("{class}::${name}")))
            })
        };
        let parts = match text("MAJOR_VERSION") {
            Some(major) => [Some(major), text("MINOR_VERSION"), text("PATCH_VERSION")],
            None => [text("RELEASE"), text("DEV_LEVEL"), None],
        };
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let is_plain = parts.iter().all(|part| {
            part.len() < 16
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
        });
        return (!parts.is_empty() && is_plain).then(|| parts.join("."));
    }
    None
}
