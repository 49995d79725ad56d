//! The folder of an install: what is WHMCS's own is ciphered and looks it, what is a customer's is not, and configuration.php
//! holds the one secret without which the database cannot be read.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{ADMIN, Places, WhmcsOptions};
use crate::corpus::Dice;
use crate::servers::PASSWORD;

/// Code that only a licensed loader could run.
const CIPHERED: [&str; 12] = [
    "init.php",
    "clientarea.php",
    "cart.php",
    "includes/functions.php",
    "includes/invoicefunctions.php",
    "modules/servers/plesk/plesk.php",
    "modules/registrars/localregistrar/localregistrar.php",
    "modules/gateways/localgateway.php",
    "modules/addons/projects/projects.php",
    "vendor/whmcs/whmcs-foundation/lib/License.php",
    "vendor/whmcs/whmcs-foundation/lib/Application.php",
    "vendor/whmcs/whmcs-foundation/lib/Cron/Task.php",
];

const PLAIN: [(&str, &str); 6] = [
    ("includes/hooks/discount.php", "<?php\n// The company's own: who pays for a year gets a month.\n"),
    ("lang/overrides/english.php", "<?php\n$_LANG['clientareatitle'] = 'Your Ångström';\n"),
    ("templates/angstrom/header.tpl", "<header>{$companyname}</header>\n"),
    ("vendor/autoload.php", "<?php\n// Made by a package manager.\n"),
    ("templates_c/.keep", ""),
    ("robots.txt", "User-agent: *\nDisallow: /backoffice/\n"),
];

pub(super) fn write(places: &Places, options: &WhmcsOptions) {
    let root = &places.docroot;
    for folder in [&places.attachments, &places.downloads, &places.templates_c, &places.crons] {
        fs::create_dir_all(folder).unwrap();
    }
    let mut dice = Dice::new(options.seed ^ 0x1_0ADE);
    for name in CIPHERED {
        put(root, name, &ciphered(&mut dice));
    }
    for (name, text) in PLAIN {
        put(root, name, text.as_bytes());
    }
    put(root, "includes/connect.php", include_bytes!("pages/connect.php"));
    put(root, "index.php", include_bytes!("pages/index.php"));
    put(root, &format!("{ADMIN}/login.php"), include_bytes!("pages/login.php"));
    put(&places.crons, "cron.php", include_bytes!("pages/cron.php"));
    let to_root = format!("<?php\n$whmcspath = '{}/';\n", root.display());
    put(&places.crons, "config.php", to_root.as_bytes());
    put(&places.downloads, "manual.pdf", &dice.bytes(40_000));
    put(&places.attachments, "contract_0001.pdf", &dice.bytes(12_000));
    put(&places.templates_c, "header.tpl.php", b"<?php /* compiled */\n");
    let file = root.join("configuration.php");
    fs::write(&file, configuration(places, options)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).unwrap();
}

fn put(root: &Path, name: &str, bytes: &[u8]) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().expect("it lies in a folder")).unwrap();
    fs::write(path, bytes).unwrap();
}

fn ciphered(dice: &mut Dice) -> Vec<u8> {
    let mut text = b"<?php //00abc\n// Encoded: this file needs a loader.\nexit('no loader');\n?>\n".to_vec();
    let size = dice.log_normal(9.5, 0.8).min(200_000.0) as usize;
    text.extend(dice.bytes(size));
    text
}

fn configuration(places: &Places, options: &WhmcsOptions) -> String {
    let mut text = format!(
        "<?php\n$license = 'Owned-synthetic-no-licence';\n$db_host = 'localhost';\n$db_port = '';\n\
         $db_username = '{database}';\n$db_password = '{PASSWORD}';\n$db_name = '{database}';\n\
         $cc_encryption_hash = '{}';\n$mysql_charset = '{}';\n$customadminpath = '{ADMIN}';\n",
        options.hash(),
        if options.is_legacy { "latin1" } else { "utf8" },
        database = options.database,
    );
    if options.is_outside {
        let path = |path: &Path| path.display().to_string();
        text += &format!(
            "$templates_compiledir = '{}';\n$attachments_dir = \"{}\";\n$downloads_dir = \"{}\";\n$crons_dir = '{}/';\n",
            path(&places.templates_c),
            path(&places.attachments),
            path(&places.downloads),
            path(&places.crons),
        );
    } else {
        text += "$templates_compiledir = 'templates_c/';\n";
    }
    text
}
