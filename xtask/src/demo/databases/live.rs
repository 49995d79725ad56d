//! The two applications: how they are made, broken, and asked whether they are well.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use holdfast_testkit::apps::whmcs::{Whmcs, WhmcsOptions};
use holdfast_testkit::apps::wordpress::{Wordpress, WordpressOptions};
use holdfast_testkit::servers::{Mariadb, PASSWORD, Php};

use super::copy;

/// The WordPress, as the estate calls it.
pub(super) const BAKERY: &str = "bakery.example";
/// The WHMCS, as the estate calls it.
pub(super) const BILLING: &str = "billing";

/// What an account needs that is backed up with, and no more.
const RIGHTS: &str = "SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES, RELOAD, PROCESS, BINLOG MONITOR";
const READER: &str = "reader";
const NEWEST_POST: &str = "Baked on the last good day";
const DEFACED: &str = "Owned by nobody you know";

/// Both, with their servers.
pub(super) struct Live {
    pub(super) wordpress: Wordpress,
    pub(super) whmcs: Whmcs,
    pub(super) billing_server: Mariadb,
    pub(super) bakery_server: Mariadb,
    pages: Php,
}

impl Live {
    pub(super) fn install(folder: &Path) -> Live {
        let (bakery_server, billing_server) = (Mariadb::start(&[]), Mariadb::start(&[]));
        billing_server.sql(&format!(
            "CREATE USER {READER}@localhost IDENTIFIED BY '{PASSWORD}'; GRANT {RIGHTS} ON *.* TO {READER}@localhost;"
        ));
        let wordpress =
            Wordpress::install(&bakery_server, &folder.join(BAKERY), &WordpressOptions::default());
        wordpress.add_post(NEWEST_POST, "Fresh from the oven.");
        let whmcs = Whmcs::install(&billing_server, &folder.join(BILLING), &WhmcsOptions::default());
        let pages = whmcs.serve();
        Live { wordpress, whmcs, billing_server, bakery_server, pages }
    }

    /// The credentials of the account that reads the WHMCS.
    pub(super) fn reader(&self) -> String {
        format!("user = \"{READER}\"\npassword = \"{PASSWORD}\"\n")
    }

    /// Asks the WordPress for its page, the page with the marker, and its picture.
    pub(super) fn bakery_is_well(&self) -> Result<String> {
        let (site, title) = (&self.wordpress, &self.wordpress.options.title);
        let home = site.web.get("/");
        ensure!(home.status == 200, "GET / answers {}", home.status);
        for (what, wanted) in [("title", &title[..]), ("newest post", NEWEST_POST)] {
            // PHP answers 200 even where it found no code to run.
            ensure!(
                home.body.contains(wanted),
                "GET / answers 200 with {} bytes, without its {what}",
                home.body.len()
            );
        }
        ensure!(!home.body.contains(DEFACED), "it is defaced");
        let page = site.web.get(&site.marker_page);
        ensure!(
            page.status == 200 && page.body.contains(&site.options.marker),
            "the page {} answers {}",
            site.marker_page,
            page.status
        );
        Ok(format!("GET / answers 200: \"{title}\", newest post \"{NEWEST_POST}\"; its other page, too."))
    }

    /// Asks the WHMCS for its pages, and its database for what does not fit together.
    pub(super) fn billing_is_well(&self) -> Result<String> {
        let home = self.pages.get("/");
        let newest = home.body.lines().find_map(|line| line.strip_prefix("<p>Newest invoice: #"));
        let number = newest.and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        ensure!(home.status == 200 && !number.is_empty(), "GET / answers {}: {}", home.status, home.body);
        let last = self.whmcs.sql("SELECT MAX(id) FROM tblinvoices;");
        ensure!(number == last.trim(), "its page shows invoice {number}, and the last is {last}");
        let login = self.pages.get(&self.whmcs.admin_page());
        ensure!(login.status == 200, "the administrators' page answers {}", login.status);
        let faults = self.whmcs.faults();
        ensure!(faults.is_empty(), "it has faults: {}", faults.join("; "));
        let files = self.whmcs.files_named().len();
        Ok(format!(
            "GET / and the login answer 200, newest invoice #{number}; sums hold, all {files} files that rows name are there, \
             secrets open."
        ))
    }

    /// What is true now, while nothing happens, with copies of the files in `folder`.
    pub(super) fn stand_still(&self, folder: &Path) -> Result<Moment> {
        fs::create_dir(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let bakery = copy(&self.wordpress.docroot, &folder.join(BAKERY))?;
        let billing = copy(&self.whmcs.places.docroot, &folder.join(BILLING))?;
        let sums = self.sums();
        ensure!(sums.len() > 75 && sums.values().all(|sum| sum != "NULL"), "tables without sums: {sums:?}");
        Ok(Moment { bakery, billing, sums })
    }

    /// What somebody does who got in.
    pub(super) fn deface(&self) {
        self.wordpress.add_post(DEFACED, "Pay or else.");
    }

    /// Breaks both, and tells what they answer then.
    pub(super) fn destroy(&self) -> Result<Vec<String>> {
        let (site, rows) = (&self.wordpress, &self.whmcs);
        let posts = format!("{}posts", site.options.prefix);
        self.bakery_server.sql(&format!("DROP TABLE `{}`.`{posts}`;", site.options.database));
        for lost in ["wp-includes", "wp-content/uploads"] {
            fs::remove_dir_all(site.docroot.join(lost)).with_context(|| format!("cannot remove {lost}"))?;
        }
        let invoices = rows.count("tblinvoices");
        rows.sql("TRUNCATE TABLE tblinvoices;");
        let attachments = &rows.places.attachments;
        let lost = fs::read_dir(attachments)?.count();
        fs::remove_dir_all(attachments)?;
        fs::create_dir(attachments)?;
        let said = self.bakery_is_well().err().context("the WordPress is not broken")?;
        let faults = rows.faults();
        ensure!(!faults.is_empty() && self.billing_is_well().is_err(), "the WHMCS is not broken");
        Ok(vec![
            format!("WordPress: the table {posts} dropped, wp-includes and the uploads deleted."),
            format!("WHMCS: {invoices} invoices emptied, {lost} attachments deleted."),
            format!("Asked now, the WordPress fails: {said}."),
            format!("And of the WHMCS {} things do not fit together: {}; ...", faults.len(), faults[0]),
        ])
    }

    /// The server's checksum of each table of both.
    fn sums(&self) -> BTreeMap<String, String> {
        let database = &self.wordpress.options.database;
        let tables = self.bakery_server.sql(&format!("SHOW TABLES IN `{database}`;"));
        let of_bakery = tables.lines().map(|table| {
            let name = format!("`{database}`.`{table}`");
            let said = self.bakery_server.sql(&format!("CHECKSUM TABLE {name};"));
            (format!("{BAKERY}: {table}"), said.trim().rsplit('\t').next().unwrap_or_default().to_owned())
        });
        let of_billing = self.whmcs.checksums().into_iter();
        of_billing.map(|(table, sum)| (format!("{BILLING}: {table}"), sum)).chain(of_bakery).collect()
    }
}

/// What was true at an instant at which nothing happened.
pub(super) struct Moment {
    bakery: PathBuf,
    billing: PathBuf,
    sums: BTreeMap<String, String>,
}

impl Moment {
    /// The files of the WordPress then.
    pub(super) fn bakery(&self) -> &Path {
        &self.bakery
    }

    /// The files of the WHMCS then.
    pub(super) fn billing(&self) -> &Path {
        &self.billing
    }

    pub(super) fn tables(&self) -> usize {
        self.sums.len()
    }

    /// The tables that are not as they were.
    pub(super) fn differences(&self, live: &Live) -> Vec<String> {
        let now = live.sums();
        let all = self.sums.keys().chain(now.keys().filter(|table| !self.sums.contains_key(*table)));
        all.filter(|table| self.sums.get(*table) != now.get(*table)).cloned().collect()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the checksum of each of {} tables, and a copy of the files", self.sums.len())
    }
}
