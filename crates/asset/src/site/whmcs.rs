//! WHMCS: variables in `configuration.php`. One of them is the key to what its database holds encrypted, so the file and
//! the database are of one point or of no use. Whoever asks whether a copy can be read needs the key itself: it is handed on as a secret
//! and shown nowhere.

use holdfast_world::SecretString;

use super::connection::{Connection, Field};
use super::php::{Settings, Value};
use super::visit::Visit;
use super::{Application, Kind, Setting, Trouble, WhmcsSettings, applications};

const CONFIGURATION: &str = "configuration.php";
const HASH: &str = "$cc_encryption_hash";

/// Whether its own files lie here.
pub(super) fn has_files(visit: &Visit<'_>) -> bool {
    visit.has("modules/gateways") && visit.has("modules/registrars") && visit.has("templates")
}

/// Whether the variables are those of WHMCS.
pub(super) fn is_configuration(settings: &Settings) -> bool {
    settings.has("$db_name")
        && [HASH, "$license", "$templates_compiledir"].iter().any(|name| settings.has(name))
}

/// WHMCS as its configuration has it; `None` when that could not be read.
pub(super) fn application(visit: &mut Visit<'_>, settings: Option<&Settings>) -> Application {
    let mut found = applications::application(visit, Kind::Whmcs);
    found.configurations.push(visit.path(CONFIGURATION));
    let Some(settings) = settings else { return found };
    let field = |name: &'static str| Field::new(name, settings.candidates(name));
    let connection = Connection {
        called: "default".to_owned(),
        configuration: CONFIGURATION.to_owned(),
        driver: Field::absent("driver"),
        name: field("$db_name"),
        user: field("$db_username"),
        password: field("$db_password"),
        host: field("$db_host"),
        port: field("$db_port").or(""),
        socket: Field::absent("socket"),
        prefix: Field::absent("prefix"),
    };
    found.databases = connection.uses(visit);
    let hash = settings.candidates(HASH);
    let has_encryption_hash = !hash.is_empty()
        && hash.iter().all(|candidate| match &candidate.value {
            Value::Text(text) => !text.is_empty(),
            _ => false,
        });
    let encryption_hash = match hash.as_slice() {
        [candidate] if has_encryption_hash => {
            candidate.value.to_text().map(|text| SecretString::from(text.to_string()))
        }
        _ => None,
    };
    if !has_encryption_hash {
        let reason = "without it the passwords and cards in the database cannot be read, and this file does not plainly set it";
        visit.tell(CONFIGURATION, hash.first().map(|candidate| candidate.line), Some(HASH), reason);
    }
    found.whmcs = Some(WhmcsSettings {
        has_encryption_hash,
        encryption_hash,
        attachments: setting(visit, settings, "$attachments_dir"),
        downloads: setting(visit, settings, "$downloads_dir"),
        compiled_templates: setting(visit, settings, "$templates_compiledir"),
        admin_folder: setting(visit, settings, "$customadminpath"),
        crons: setting(visit, settings, "$crons_dir"),
    });
    found
}

fn setting(visit: &mut Visit<'_>, settings: &Settings, name: &str) -> Option<Setting<String>> {
    let candidates = settings.candidates(name);
    let first = candidates.first()?;
    let (line, reason) = match (candidates.as_slice(), &first.value) {
        ([candidate], value) if candidate.conditions.is_always() => match (value.to_text(), value) {
            (Some(text), _) => return Some(Setting::Known(text.to_string())),
            (None, Value::Unresolved(unresolved)) => (unresolved.line, unresolved.reason),
            (None, _) => (first.line, "it is no text"),
        },
        _ => (first.line, "it has different values in different branches"),
    };
    let trouble = Trouble {
        file: visit.path(CONFIGURATION),
        line: Some(line),
        setting: Some(name.to_owned()),
        reason: reason.to_owned(),
    };
    visit.push(trouble.clone());
    Some(Setting::Unresolved(trouble))
}
