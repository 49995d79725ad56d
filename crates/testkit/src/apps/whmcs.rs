//! A synthetic WHMCS: its configuration, folders, tables and rows as they are publicly known, and business that goes on in it.
//!
//! The real one is licensed, calls home and is ciphered, so no test can run it. This stand-in has what a backup must
//! understand: one secret in configuration.php that opens rows of the database, files that rows name, folders outside of the
//! web root, sums that must hold, and logs that are most of the bytes. It knows no licence, has hardly a page, and does not
//! cipher passwords as the real one does.

mod business;
mod faults;
mod history;
mod schema;
mod script;
mod settings;
mod tree;
mod work;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use work::{Worked, Working};

use crate::corpus::Dice;
use crate::servers::{Mariadb, PASSWORD, Php, load_at, run_file};
use business::Business;

/// The folder of the administrators, which people are advised to rename.
const ADMIN: &str = "backoffice";

/// What an install is to be.
#[derive(Clone, Debug)]
pub struct WhmcsOptions {
    /// Its database; its account has the same name.
    pub database: String,
    /// 1 is an install of middling size: a thousand clients and a million rows of logs.
    pub scale: f64,
    /// The same seed gives the same rows and files.
    pub seed: u64,
    /// Where its past ends, in seconds since 1970; at a fixed instant unless somebody needs fresh rows.
    pub until_s: u64,
    /// MyISAM and latin1, as installs have that began long ago.
    pub is_legacy: bool,
    /// Attachments, downloads, compiled templates and crons lie outside of the web root.
    pub is_outside: bool,
    /// Where its cron charges cards.
    pub gateway_url: String,
    /// Where its cron sends mail.
    pub mail_host: String,
    /// The port there.
    pub mail_port: u16,
}

impl Default for WhmcsOptions {
    fn default() -> Self {
        WhmcsOptions {
            database: "whmcs".to_owned(),
            scale: 0.01,
            seed: 1,
            until_s: 1_793_491_200,
            is_legacy: false,
            is_outside: false,
            // The port of `discard`, where nobody listens: nothing is charged or sent unless a test says where.
            gateway_url: "http://127.0.0.1:9/charge".to_owned(),
            mail_host: "127.0.0.1".to_owned(),
            mail_port: 9,
        }
    }
}

impl WhmcsOptions {
    /// The secret of configuration.php.
    pub fn hash(&self) -> String {
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let mut dice = Dice::new(self.seed ^ 0xCC);
        (0..64).map(|_| char::from(letters[dice.below(letters.len() as u64) as usize])).collect()
    }
}

/// The folders of an install.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The web root, with configuration.php.
    pub docroot: PathBuf,
    /// Files of tickets and clients.
    pub attachments: PathBuf,
    /// What clients may fetch.
    pub downloads: PathBuf,
    /// A cache.
    pub templates_c: PathBuf,
    /// The cron and its configuration.
    pub crons: PathBuf,
}

impl Places {
    /// Those below a folder.
    pub fn below(folder: &Path, is_outside: bool) -> Places {
        let docroot = folder.join("httpdocs");
        let at = if is_outside { folder.join("whmcs-data") } else { docroot.clone() };
        Places {
            attachments: at.join("attachments"),
            downloads: at.join("downloads"),
            templates_c: at.join("templates_c"),
            crons: at.join("crons"),
            docroot,
        }
    }
}

/// An install, or a copy of one.
#[derive(Clone, Debug)]
pub struct Whmcs {
    /// Where its files lie.
    pub places: Places,
    /// What it was made from.
    pub options: WhmcsOptions,
    socket: PathBuf,
}

impl Whmcs {
    /// Makes one, with its folders below `folder`.
    pub fn install(server: &Mariadb, folder: &Path, options: &WhmcsOptions) -> Whmcs {
        let places = Places::below(folder, options.is_outside);
        let name = &options.database;
        server.sql(&format!(
            "CREATE DATABASE `{name}`; CREATE USER '{name}'@'localhost' IDENTIFIED BY '{PASSWORD}';
             GRANT ALL ON `{name}`.* TO '{name}'@'localhost';"
        ));
        tree::write(&places, options);
        let whmcs = Whmcs::at(server, &places, options);
        whmcs.sql(&schema::statements(options.is_legacy));
        let mut business = Business::new(options.seed, &options.hash());
        settings::write(&mut business.script, options, &places);
        history::live(&mut business, options);
        whmcs.take(&mut business).unwrap_or_else(|said| panic!("{said}"));
        whmcs
    }

    /// One that is there already, such as a restored copy; `options.database` is its database on that server.
    pub fn at(server: &Mariadb, places: &Places, options: &WhmcsOptions) -> Whmcs {
        Whmcs { places: places.clone(), options: options.clone(), socket: server.socket.clone() }
    }

    /// Runs statements in its database.
    ///
    /// # Panics
    /// When one fails.
    pub fn sql(&self, statements: &str) -> String {
        let output = load_at(&self.socket, &self.options.database, statements.as_bytes());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// How many rows a table has.
    pub fn count(&self, table: &str) -> u64 {
        self.sql(&format!("SELECT COUNT(*) FROM `{table}`;")).trim().parse().unwrap()
    }

    /// The server's checksum of each table.
    pub fn checksums(&self) -> BTreeMap<String, String> {
        let tables: Vec<String> = schema::tables().iter().map(|table| format!("`{table}`")).collect();
        let told = self.sql(&format!("CHECKSUM TABLE {};", tables.join(",")));
        let lines = told.lines().filter_map(|line| line.split_once('\t'));
        lines
            .map(|(name, sum)| (name.rsplit('.').next().unwrap_or(name).to_owned(), sum.to_owned()))
            .collect()
    }

    /// Serves its pages.
    pub fn serve(&self) -> Php {
        Php::start(&self.places.docroot, &self.socket)
    }

    /// The path of the administrators' page.
    pub fn admin_page(&self) -> String {
        format!("/{ADMIN}/login.php")
    }

    /// Runs its cron once, as of an instant, and gives what it says: it charges, sends and writes.
    pub fn cron(&self, now_s: u64) -> String {
        run_file(&self.places.crons.join("cron.php"), &self.socket, &[&now_s.to_string()])
    }

    /// Keeps an asset, such as `ticket_attachments`, in a bucket from now on.
    pub fn move_to_s3(&self, asset: &str) {
        self.sql(&format!(
            "SET sql_mode='';
             INSERT IGNORE INTO tblstorageconfigurations (name,handler,settings,is_local)
               VALUES ('Bucket','S3','{{\"bucket\":\"attachments\"}}',0);
             UPDATE tblfileassetsettings SET storageconfiguration_id=
               (SELECT id FROM tblstorageconfigurations WHERE name='Bucket') WHERE asset_type='{asset}';"
        ));
    }
}
