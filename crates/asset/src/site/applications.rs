//! Which applications are known, and which of a folder's own folders are theirs.

use super::visit::Visit;
use super::{Application, Kind, drupal, joomla, laravel, magento, prestashop, whmcs, wordpress};

/// Every application in one folder.
pub(super) fn in_folder(visit: &mut Visit<'_>) -> Vec<Application> {
    let detectors: [fn(&mut Visit<'_>) -> Option<Application>; 6] = [
        wordpress::detect,
        configuration_php,
        prestashop::detect,
        drupal::detect,
        laravel::detect,
        magento::detect,
    ];
    let found = detectors.into_iter().filter_map(|detect| detect(visit)).collect();
    if visit.has("app/Mage.php") {
        visit.tell(
            "app/etc/local.xml",
            None,
            None,
            "it belongs to Magento 1, whose configuration is not read",
        );
    }
    found
}

/// Joomla and WHMCS call theirs the same.
fn configuration_php(visit: &mut Visit<'_>) -> Option<Application> {
    const CONFIGURATION: &str = "configuration.php";
    if !visit.has(CONFIGURATION) {
        return None;
    }
    let Some(settings) = visit.settings(CONFIGURATION, None) else {
        // Why it was not read is told; whose it is, other files tell.
        return match () {
            () if joomla::has_files(visit) => Some(joomla::application(visit, None)),
            () if whmcs::has_files(visit) => Some(whmcs::application(visit, None)),
            () => None,
        };
    };
    let application = if settings.has("class jconfig") {
        joomla::application(visit, Some(&settings))
    } else if whmcs::is_configuration(&settings) || whmcs::has_files(visit) {
        whmcs::application(visit, Some(&settings))
    } else {
        return None;
    };
    visit.tell_oddities(CONFIGURATION, &settings);
    Some(application)
}

/// An application without anything known of it yet.
pub(super) fn application(visit: &Visit<'_>, kind: Kind) -> Application {
    Application {
        kind,
        folder: visit.folder.path.clone(),
        version: None,
        configurations: Vec::new(),
        databases: Vec::new(),
        whmcs: None,
    }
}

/// Folders that hold no application of their own, whoever they belong to.
pub(super) const PASSED_OVER: &[&str] =
    &[".git", ".hg", ".svn", "node_modules", "vendor", "wp-admin", "wp-content", "wp-includes"];

/// Folders that are part of an application.
pub(super) fn own_folders(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::WordPress => &[],
        Kind::Joomla => &[
            "administrator",
            "api",
            "cache",
            "cli",
            "components",
            "includes",
            "language",
            "layouts",
            "libraries",
            "media",
            "modules",
            "plugins",
            "templates",
            "tmp",
        ],
        Kind::PrestaShop => &[
            "app",
            "bin",
            "cache",
            "classes",
            "config",
            "controllers",
            "img",
            "js",
            "localization",
            "mails",
            "modules",
            "override",
            "pdf",
            "src",
            "themes",
            "tools",
            "translations",
            "upload",
            "var",
            "webservice",
        ],
        Kind::Drupal => &["core", "includes", "misc", "modules", "profiles", "scripts", "sites", "themes"],
        Kind::Laravel => {
            &["app", "bootstrap", "config", "database", "lang", "resources", "routes", "storage", "tests"]
        }
        Kind::Magento => &["app", "bin", "dev", "generated", "lib", "phpserver", "setup", "var"],
        Kind::Whmcs => &[
            "admin",
            "assets",
            "attachments",
            "crons",
            "downloads",
            "includes",
            "lang",
            "modules",
            "resources",
            "templates",
            "templates_c",
        ],
    }
}
