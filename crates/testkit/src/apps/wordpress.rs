//! A real WordPress, as Debian packages it, in a folder and a database of its own.
//!
//! Debian's package shares its code between sites by links; a hosting customer has all of it below the document root.
//! So the links are followed when it is copied, or a backup of the folder would hold nothing of the application.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::servers::{Mariadb, PASSWORD, Php, run_script};

/// Where Debian's packages lie, with what to install.
const CODE: &str = "/usr/share/wordpress";
const CONTENT: &str = "/var/lib/wordpress/wp-content";
const PACKAGES: &str = "the packages wordpress and wordpress-theme-twentytwentytwo";

/// What a site is to be.
#[derive(Clone, Debug)]
pub struct WordpressOptions {
    /// The database, which is made unless another site has it already; its account has the same name.
    pub database: String,
    /// What the names of its tables begin with.
    pub prefix: String,
    /// The site's title.
    pub title: String,
    /// Words that stand on one of its pages and nowhere else.
    pub marker: String,
    /// Posts to begin with.
    pub posts: u32,
}

impl Default for WordpressOptions {
    fn default() -> Self {
        WordpressOptions {
            database: "wordpress".to_owned(),
            prefix: "wp_".to_owned(),
            title: "Corner Bakery".to_owned(),
            marker: "marker-of-the-corner-bakery".to_owned(),
            posts: 12,
        }
    }
}

/// An installed site and its web server.
pub struct Wordpress {
    /// Its folder, with everything that it needs but the database.
    pub docroot: PathBuf,
    /// What it was made from.
    pub options: WordpressOptions,
    /// The path of the page with the marker.
    pub marker_page: String,
    /// Its web server; the site knows its address.
    pub web: Php,
    socket: PathBuf,
}

impl Wordpress {
    /// Copies the code to `docroot`, which must not exist, and installs a site on the server.
    pub fn install(server: &Mariadb, docroot: &Path, options: &WordpressOptions) -> Wordpress {
        copy_code(docroot);
        let (name, prefix) = (&options.database, &options.prefix);
        server.sql(&format!(
            "CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4;
             CREATE USER IF NOT EXISTS '{name}'@'localhost' IDENTIFIED BY '{PASSWORD}';
             GRANT ALL ON `{name}`.* TO '{name}'@'localhost';"
        ));
        fs::write(docroot.join("wp-config.php"), configuration(name, prefix, &server.socket)).unwrap();
        let web = Php::start(docroot, &server.socket);
        let (root, url) = (docroot.to_str().unwrap(), web.url());
        let script = include_str!("wordpress/install.php");
        run_script(script, &server.socket, &[root, &url, &options.title, PASSWORD]);
        let posts = options.posts.to_string();
        let script = include_str!("wordpress/fill.php");
        let marker_page = run_script(script, &server.socket, &[root, &url, &options.marker, &posts]);
        Wordpress {
            docroot: docroot.to_owned(),
            options: options.clone(),
            marker_page,
            web,
            socket: server.socket.clone(),
        }
    }

    /// Writes a post, and gives its path.
    pub fn add_post(&self, title: &str, content: &str) -> String {
        let root = self.docroot.to_str().unwrap();
        let script = include_str!("wordpress/post.php");
        run_script(script, &self.socket, &[root, &self.web.url(), title, content])
    }
}

fn copy_code(docroot: &Path) {
    assert!(!docroot.exists(), "{} exists already", docroot.display());
    fs::create_dir_all(docroot.join("wp-content")).unwrap();
    for (from, to) in [(CODE, docroot.to_owned()), (CONTENT, docroot.join("wp-content"))] {
        assert!(
            Path::new(from).is_dir(),
            "{from} is missing: run `cargo xtask test`, which installs it, or install {PACKAGES}"
        );
        let copied = Command::new("cp").args(["-aL", &format!("{from}/.")]).arg(to).status().unwrap();
        assert!(copied.success(), "cp of {from} failed");
    }
}

/// As the installer of WordPress writes it, with the comments that people leave in.
fn configuration(database: &str, prefix: &str, socket: &Path) -> String {
    let keys = ["AUTH", "SECURE_AUTH", "LOGGED_IN", "NONCE"];
    let secrets: String = keys
        .iter()
        .flat_map(|key| [format!("{key}_KEY"), format!("{key}_SALT")])
        .map(|key| format!("define( '{key}', 'canary of {prefix}{key} in {database}' );\n"))
        .collect();
    format!(
        r"<?php
/**
 * The base configuration for WordPress
 */

// ** Database settings - You can get this info from your web host ** //
/** The name of the database for WordPress */
define( 'DB_NAME', '{database}' );
define( 'DB_USER', '{database}' );
define( 'DB_PASSWORD', '{PASSWORD}' );
# define( 'DB_HOST', 'old-server.example' );
define( 'DB_HOST', 'localhost:{}' );
define( 'DB_CHARSET', 'utf8mb4' );
define( 'DB_COLLATE', '' );

{secrets}
$table_prefix = '{prefix}';

define( 'WP_DEBUG', false );
define( 'WP_HTTP_BLOCK_EXTERNAL', true );
define( 'DISABLE_WP_CRON', true );
define( 'AUTOMATIC_UPDATER_DISABLED', true );

/* That's all, stop editing! Happy publishing. */
if ( ! defined( 'ABSPATH' ) ) {{
	define( 'ABSPATH', __DIR__ . '/' );
}}
require_once ABSPATH . 'wp-settings.php';
",
        socket.display()
    )
}
