//! Websites as people have them, with the configurations that their applications write.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::path::Path;

use holdfast_asset::database::Place;
use holdfast_asset::site::{Application, DatabaseUse, Found, Kind, Search, detect};
use holdfast_world::ExposeSecret;
use tempfile::TempDir;

const SOCKET: &str = "/run/mysqld/mysqld.sock";

fn site(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn found(files: &[(&str, &str)]) -> Found {
    let folder = site(files);
    let root = folder.path().join("root");
    let root = if root.is_dir() { root } else { folder.path().to_owned() };
    detect(&root, &Search::usual(SOCKET)).unwrap()
}

fn only(found: &Found) -> &Application {
    let [application] = found.applications.as_slice() else { panic!("{:?}", found.applications) };
    application
}

/// name, user, password, place, prefix: `?` for what is not known.
fn said(database: &DatabaseUse) -> String {
    let or = |text: Option<&String>| text.map_or_else(|| "?".to_owned(), ToString::to_string);
    let password = database.password.known().map(|password| password.expose_secret().to_owned());
    let place = match database.place.known() {
        Some(Place::Socket(path)) => path.display().to_string(),
        Some(Place::Host { host, port }) => format!("{host} {port}"),
        None => "?".to_owned(),
    };
    [
        or(database.name.known()),
        or(database.user.known()),
        or(password.as_ref()),
        place,
        or(database.prefix.known()),
    ]
    .join(" ")
}

fn all_said(application: &Application) -> Vec<String> {
    application.databases.iter().map(said).collect()
}

fn troubles(found: &Found) -> Vec<String> {
    found.troubles.iter().map(ToString::to_string).collect()
}

const WP_VERSION: (&str, &str) =
    ("wp-includes/version.php", "<?php\n$wp_version = '6.1.9';\n$wp_db_version = 53496;\n");
const WP_CONFIG: &str = r"<?php
/** The settings of this blog. */
define( 'DB_NAME', 'blog' );
define( 'DB_USER', 'blogger' );
/** A password with what passwords have. */
define( 'DB_PASSWORD', 'pa$s\'w\\ord#//' );
define( 'DB_HOST', 'localhost' );
define( 'DB_CHARSET', 'utf8mb4' );
$table_prefix = 'wp_';
define( 'WP_DEBUG', false );
if ( ! defined( 'ABSPATH' ) ) {
	define( 'ABSPATH', __DIR__ . '/' );
}
require_once ABSPATH . 'wp-settings.php';
";

#[test]
fn wordpress_is_found_with_its_version_and_database() {
    let found = found(&[WP_VERSION, ("wp-config.php", WP_CONFIG)]);
    let application = only(&found);
    assert_eq!((application.kind, application.version.as_deref()), (Kind::WordPress, Some("6.1.9")));
    assert_eq!(application.folder, Path::new(""));
    assert_eq!(application.configurations, [Path::new("wp-config.php")]);
    assert_eq!(all_said(application), [r"blog blogger pa$s'w\ord#// /run/mysqld/mysqld.sock wp_"]);
    assert_eq!(application.databases[0].line, 3);
    assert!(!application.databases[0].is_one_of_several);
    assert_eq!(troubles(&found), [""; 0]);
}

#[test]
fn a_configuration_above_counts_unless_another_wordpress_has_it() {
    let version = ("root/wp-includes/version.php", WP_VERSION.1);
    let above = found(&[version, ("wp-config.php", WP_CONFIG)]);
    let application = only(&above);
    assert_eq!(application.configurations, [Path::new("../wp-config.php")]);
    assert_eq!(application.databases[0].name.known().unwrap(), "blog");

    let taken = found(&[version, ("wp-config.php", WP_CONFIG), ("wp-settings.php", "<?php")]);
    // WordPress looks nowhere else: it was never installed, and that is no trouble.
    assert_eq!(only(&taken).databases.len(), 0);
    assert_eq!(troubles(&taken), [] as [String; 0]);
}

#[test]
fn several_sites_in_one_database_are_told_apart_by_their_prefix() {
    let config = |prefix: &str| WP_CONFIG.replace("'wp_'", &format!("'{prefix}'"));
    let (main, blog, shop) = (config("main_"), config("blog_"), config("shop_"));
    let found = found(&[
        ("httpdocs/wp-includes/version.php", WP_VERSION.1),
        ("httpdocs/wp-config.php", &main),
        ("httpdocs/blog/wp-includes/version.php", WP_VERSION.1),
        ("httpdocs/blog/wp-config.php", &blog),
        ("httpdocs/wp-content/backup/wp-includes/version.php", WP_VERSION.1),
        ("httpdocs/shop/web/wp-includes/version.php", WP_VERSION.1),
        ("httpdocs/shop/web/wp-config.php", &shop),
    ]);
    let told: Vec<_> = found
        .applications
        .iter()
        .map(|application| {
            let database = &application.databases[0];
            (
                application.folder.to_str().unwrap(),
                database.name.known().unwrap().as_str(),
                database.prefix.known().unwrap().as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("httpdocs", "blog", "main_"),
            ("httpdocs/blog", "blog", "blog_"),
            ("httpdocs/shop/web", "blog", "shop_")
        ]
    );
}

#[test]
fn two_databases_behind_an_if_are_both_told_in_their_pairs() {
    let config = "<?php
if ( $_SERVER['HTTP_HOST'] === 'staging.example.com' ) {
    define('DB_NAME', 'staging'); define('DB_USER', 'stager'); define('DB_PASSWORD', 'one'); define('DB_HOST', '127.0.0.1:3307');
} else {
    define('DB_NAME', 'live'); define('DB_USER', 'liver'); define('DB_PASSWORD', 'two'); define('DB_HOST', '[::1]:3306');
}
$table_prefix = 'x_';
";
    let found = found(&[WP_VERSION, ("wp-config.php", config)]);
    assert_eq!(
        all_said(only(&found)),
        ["staging stager one 127.0.0.1 3307 x_", "live liver two ::1 3306 x_"]
    );
    assert!(only(&found).databases.iter().all(|database| database.is_one_of_several));
}

#[test]
fn what_only_the_website_knows_is_told_and_no_secret_with_it() {
    let config = "<?php
define('DB_NAME', getenv('WORDPRESS_DB_NAME'));
define('DB_USER', 'user');
define('DB_PASSWORD', hunter2);
define('DB_HOST', \"db$hunter2\");
require __DIR__ . '/secrets.php';
";
    let found = found(&[WP_VERSION, ("wp-config.php", config)]);
    assert_eq!(all_said(only(&found)), ["? user ? ? ?"]);
    let told = troubles(&found);
    for (at, said) in [
        ("wp-config.php:2: DB_NAME:", "the environment of the web server"),
        ("wp-config.php:4: DB_PASSWORD:", "a text without its quotes"),
        ("wp-config.php:5: DB_HOST:", "`$` in double quotes"),
        ("wp-config.php:6:", "hands over to another file"),
        ("wp-config.php: $table_prefix:", "does not set it"),
    ] {
        assert!(
            told.iter().any(|told| told.starts_with(at) && told.contains(said)),
            "{at} {said} in {told:?}"
        );
    }
    assert_eq!(told.len(), 5, "{told:?}");
    let everything = format!("{found:?} {}", serde_json::to_string(&found).unwrap());
    assert!(!everything.contains("hunter2"), "{everything}");
}

#[test]
fn passwords_are_in_no_debug_and_no_json() {
    let config = WP_CONFIG.replace(r"pa$s\'w\\ord#//", "hunter2");
    let found = found(&[WP_VERSION, ("wp-config.php", &config)]);
    assert_eq!(only(&found).databases[0].password.known().unwrap().expose_secret(), "hunter2");
    let json = serde_json::to_value(&found).unwrap();
    assert!(!format!("{found:?} {json}").contains("hunter2"));
    let database = &json["applications"][0]["databases"][0];
    assert_eq!(database["name"]["known"], "blog");
    assert_eq!(database["place"]["known"], SOCKET);
    assert_eq!(json["applications"][0]["kind"], "wordpress");
}

#[test]
fn joomla_is_told_from_whmcs_though_their_files_have_one_name() {
    let joomla = found(&[
        (
            "configuration.php",
            "<?php\r\nclass JConfig {\r\n\tpublic $offline = false;\r\n\tpublic $dbtype = 'mysqli';\r\n\tpublic $host = 'localhost';\r\n\
             \tpublic $user = 'joe';\r\n\tpublic $password = 'pa\\'ss';\r\n\tpublic $db = 'joomla';\r\n\tpublic $dbprefix = 'jos_';\r\n}\r\n",
        ),
        (
            "libraries/src/Version.php",
            "<?php\nnamespace Joomla\\CMS;\nfinal class Version {\n const MAJOR_VERSION = 4;\n const MINOR_VERSION = 3;\n public const PATCH_VERSION = 2;\n}",
        ),
    ]);
    assert_eq!((only(&joomla).kind, only(&joomla).version.as_deref()), (Kind::Joomla, Some("4.3.2")));
    assert_eq!(all_said(only(&joomla)), ["joomla joe pa'ss /run/mysqld/mysqld.sock jos_"]);
    assert_eq!(troubles(&joomla), [""; 0]);

    let whmcs = found(&[(
        "configuration.php",
        "<?php\r\n$license = 'Owned-0';\r\n$db_host = \"127.0.0.1\";\r\n$db_port = '3310';\r\n$db_username = 'biller';\r\n$db_password = 'p';\r\n\
         $db_name = 'billing';\r\n$cc_encryption_hash = 'thekeytoallcards';\r\n$templates_compiledir = 'templates_c/';\r\n\
         $attachments_dir = __DIR__ . '/../attachments';\r\n$customadminpath = 'secretadmin';\r\n$downloads_dir = getenv('D');\r\n?>\r\n",
    )]);
    let application = only(&whmcs);
    assert_eq!((application.kind, application.version.as_deref()), (Kind::Whmcs, None));
    assert_eq!(all_said(application), ["billing biller p 127.0.0.1 3310 "]);
    let settings = application.whmcs.as_ref().unwrap();
    assert!(settings.has_encryption_hash);
    assert!(settings.attachments.as_ref().unwrap().known().unwrap().ends_with("/../attachments"));
    assert_eq!(settings.compiled_templates.as_ref().unwrap().known().unwrap(), "templates_c/");
    assert_eq!(settings.admin_folder.as_ref().unwrap().known().unwrap(), "secretadmin");
    assert!(settings.crons.is_none());
    assert!(settings.downloads.as_ref().unwrap().known().is_none());
    assert_eq!(
        troubles(&whmcs),
        ["configuration.php:12: $downloads_dir: it comes from the environment of the web server"]
    );
    assert!(!format!("{whmcs:?}").contains("thekeytoallcards"));
}

#[test]
fn whmcs_without_its_key_is_a_trouble() {
    let found = found(&[(
        "configuration.php",
        "<?php $license='x'; $db_host='localhost'; $db_username='u'; $db_password='p'; $db_name='b';",
    )]);
    assert!(!only(&found).whmcs.as_ref().unwrap().has_encryption_hash);
    assert!(troubles(&found)[0].contains("$cc_encryption_hash"), "{:?}", troubles(&found));
}

#[test]
fn another_program_s_configuration_php_is_none_of_them() {
    let found = found(&[("configuration.php", "<?php include 'x.php'; $db_name = 'mine';")]);
    assert_eq!((found.applications.len(), troubles(&found)), (0, vec![]));
}

#[test]
fn both_ways_of_prestashop_are_read() {
    let old = found(&[
        ("config/defines.inc.php", "<?php"),
        (
            "config/settings.inc.php",
            "<?php\ndefine('_DB_SERVER_', 'db.example.com:3307');\ndefine('_DB_NAME_', 'shop');\ndefine('_DB_USER_', 'seller');\n\
             define('_DB_PREFIX_', 'ps_');\ndefine('_DB_PASSWD_', 'p');\ndefine('_PS_VERSION_', '1.6.1.24');\n",
        ),
    ]);
    assert_eq!((only(&old).kind, only(&old).version.as_deref()), (Kind::PrestaShop, Some("1.6.1.24")));
    assert_eq!(all_said(only(&old)), ["shop seller p db.example.com 3307 ps_"]);
    for body in [
        "return array (\n  'parameters' => \n  array (\n    'database_host' => '127.0.0.1',\n    'database_port' => '',\n    'database_name' => 'shop',\n\
         'database_user' => 'seller',\n    'database_password' => 'p',\n    'database_prefix' => 'ps_',\n  ),\n);\n",
        "return ['parameters' => ['database_host' => '127.0.0.1', 'database_port' => null, 'database_name' => 'shop',\n\
         'database_user' => 'seller', 'database_password' => 'p', 'database_prefix' => 'ps_', 'secret' => 's',],];",
    ] {
        let new = found(&[
            ("config/defines.inc.php", "<?php"),
            ("app/config/parameters.php", &format!("<?php\n{body}")),
            (
                "src/Core/Version.php",
                "<?php namespace P; final class Version { public const VERSION = '8.1.0'; }",
            ),
        ]);
        assert_eq!(only(&new).version.as_deref(), Some("8.1.0"));
        assert_eq!(all_said(only(&new)), ["shop seller p 127.0.0.1 3306 ps_"]);
        assert_eq!(troubles(&new), [""; 0]);
    }
}

#[test]
fn each_site_and_connection_of_drupal_is_told() {
    let found = found(&[
        ("web/core/lib/Drupal.php", "<?php class Drupal { const VERSION = '10.1.5'; }"),
        (
            "web/sites/default/settings.php",
            "<?php\n$databases = [];\n$databases['default']['default'] = array (\n  'database' => 'drupal',\n  'username' => 'dru',\n\
             'password' => 'p',\n  'prefix' => '',\n  'host' => 'localhost',\n  'port' => '3306',\n  'driver' => 'mysql',\n);\n\
             $databases['legacy']['default'] = ['database' => 'old', 'username' => 'o', 'password' => 'q', 'prefix' => ['default' => 'd_'],\n\
             'host' => 'db', 'port' => 3307, 'driver' => 'mysql'];\n\
             $databases['elsewhere']['default'] = ['database' => 'pg', 'driver' => 'pgsql'];\n",
        ),
        ("web/sites/b.example.com/settings.php", "<?php include '/etc/settings.php';"),
    ]);
    let application = only(&found);
    assert_eq!((application.kind, application.version.as_deref()), (Kind::Drupal, Some("10.1.5")));
    assert_eq!(all_said(application), ["drupal dru p /run/mysqld/mysqld.sock ", "old o q db 3307 d_"]);
    assert_eq!(application.databases[1].connection, "legacy");
    let told = troubles(&found).join("\n");
    assert!(
        told.contains("sites/default/settings.php:14: driver: the database is neither MariaDB nor MySQL"),
        "{told}"
    );
    assert!(told.contains("b.example.com/settings.php: $databases: the file does not set it"), "{told}");
    assert!(told.contains("b.example.com/settings.php:1: here it hands over"), "{told}");
}

const ENV: &str = "APP_NAME=\"A shop\"\n# a comment\nDB_CONNECTION=mysql\nDB_HOST=127.0.0.1\nDB_PORT=3306\nDB_DATABASE=\"lara_${STAGE}\"\n\
    DB_USERNAME=lara # the user\nDB_PASSWORD='p#$w\"d'\n";

#[test]
fn laravel_is_read_through_its_own_configuration() {
    let env = format!("STAGE=live\n{ENV}");
    let artisan = [("artisan", "#!/usr/bin/env php"), ("bootstrap/app.php", "<?php")];
    let plain = found(&[artisan[0], artisan[1], (".env", &env)]);
    assert_eq!(all_said(only(&plain)), ["lara_live lara p#$w\"d 127.0.0.1 3306 "]);
    assert_eq!(troubles(&plain), [""; 0]);

    let configuration = "<?php\nuse Illuminate\\Support\\Str;\nreturn ['default' => env('DB_CONNECTION', 'sqlite'), 'connections' => [\n\
        'mysql' => ['driver' => 'mysql', 'url' => env('DATABASE_URL'), 'host' => env('DB_HOST', 'x'), 'port' => env('DB_PORT', '3306'),\n\
        'database' => env('DB_DATABASE', 'forge'), 'username' => env('DB_USERNAME'), 'password' => env('DB_PASSWORD', ''),\n\
        'unix_socket' => env('DB_SOCKET', ''), 'prefix' => 'la_', 'options' => extension_loaded('pdo_mysql') ? [] : []]]];\n";
    let whole = found(&[artisan[0], artisan[1], (".env", &env), ("config/database.php", configuration)]);
    assert_eq!(all_said(only(&whole)), ["lara_live lara p#$w\"d 127.0.0.1 3306 la_"]);
    assert_eq!(troubles(&whole), [""; 0]);

    let cached = "<?php return array('database' => array('default' => 'mysql', 'connections' => array('mysql' => array('driver' => 'mysql',\n\
        'url' => NULL, 'host' => 'cached', 'port' => '1', 'database' => 'd', 'username' => 'u', 'password' => 'p', 'prefix' => ''))));";
    let cached = found(&[artisan[0], artisan[1], (".env", &env), ("bootstrap/cache/config.php", cached)]);
    assert_eq!(all_said(only(&cached)), ["d u p cached 1 "]);
}

#[test]
fn nothing_of_our_own_environment_gets_into_a_client_s_configuration() {
    // PATH and HOME are set in every environment that runs tests.
    let env = ENV.replace("STAGE", "PATH").replace("DB_USERNAME=lara", "DB_USERNAME=${HOME}");
    let found = found(&[("artisan", ""), ("bootstrap/app.php", ""), (".env", &env)]);
    assert_eq!(all_said(only(&found)), ["? ? p#$w\"d 127.0.0.1 3306 "]);
    assert!(
        troubles(&found)[0].starts_with(".env:6: DB_DATABASE: it refers to a variable"),
        "{:?}",
        troubles(&found)
    );
}

#[test]
fn magento_is_read_with_every_connection() {
    let found = found(&[
        ("bin/magento", ""),
        ("composer.json", "{\"require\": {\"magento/product-community-edition\": \"2.4.6-p3\"}}"),
        (
            "app/etc/env.php",
            "<?php\nreturn [\n 'backend' => ['frontName' => 'admin_x'],\n 'crypt' => ['key' => 'k'],\n 'db' => [\n  'table_prefix' => 'm2_',\n\
             'connection' => [\n 'default' => ['host' => 'localhost:/tmp/m.sock', 'dbname' => 'magento', 'username' => 'mag', 'password' => 'p', 'active' => '1'],\n\
             'checkout' => ['host' => 'db2', 'dbname' => 'checkout', 'username' => 'mag', 'password' => 'p']\n ]\n ]\n];\n",
        ),
    ]);
    let application = only(&found);
    assert_eq!((application.kind, application.version.as_deref()), (Kind::Magento, Some("2.4.6-p3")));
    assert_eq!(all_said(application), ["magento mag p /tmp/m.sock m2_", "checkout mag p db2 3306 m2_"]);
    assert_eq!(troubles(&found), [""; 0]);
}

#[test]
fn no_application_is_no_trouble() {
    let found = found(&[("index.html", "<p>"), ("css/a.css", "")]);
    assert_eq!((found.applications.len(), found.troubles.len()), (0, 0));
}
