//! Two applications that live on databases are broken, and brought back to a moment that was chosen before.
//!
//! A dump that loads is not yet a site that answers, and the newest point is not always the one that is wanted: here it holds what
//! somebody did to the site. So the applications themselves are asked over HTTP, and the rows by the server's own checksums.
//!
//! The product's clock stands where the month ended and runs on from there; the databases keep the real time.

mod live;

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::comparison;
use super::estate::{Places, SITES};
use super::product::Product;
use super::{chapter, say};
use crate::{lab, process};
use live::{BAKERY, BILLING, Live, Moment};

/// What the applications run on.
const PACKAGES: &[&str] = &[
    "mariadb-server",
    "nginx-light",
    // In this order, or apt takes Apache's module to have a PHP.
    "php-fpm",
    "php",
    "php-cli",
    "php-gd",
    "php-mysql",
    "wordpress",
    "wordpress-theme-twentytwentytwo",
];

/// Asked at the very beginning: who lacks something shall not learn it after minutes.
pub(super) fn ensure_programs() -> Result<()> {
    lab::ensure_packages(PACKAGES).map(drop).context("the demo breaks and restores a WordPress and a WHMCS")
}

/// Tells it; fails at the first thing that is not as promised.
pub(super) fn tell(product: &Product, places: &Places) -> Result<()> {
    chapter("Two applications that live on databases, each with its own MariaDB");
    let folder = places.config.parent().context("the demo has a folder")?.join("live");
    let live = Live::install(&folder);
    say(&format!("{BAKERY}: a real WordPress behind nginx and PHP-FPM. {}", live.bakery_is_well()?));
    say(&format!("{BILLING}: a synthetic WHMCS (the real one is licensed). {}", live.billing_is_well()?));
    declare(product, places, &live)?;

    let working = live.whmcs.begin_work(1);
    product.expect(&["backup", "--all"], &[], 0)?;
    let (bakery, billing) = (points(product, BAKERY)?, points(product, BILLING)?);
    ensure!(bakery.len() == 1 && billing.len() == 2, "there are {bakery:?} and {billing:?}");
    let worked = working.stop();
    ensure!(worked.failed.is_none() && worked.minutes > 0, "business stopped by itself: {worked:?}");
    say(&format!(
        "Meanwhile the WHMCS did {} minutes of business: orders, payments, tickets.",
        worked.minutes
    ));

    let moment = live.stand_still(&folder.join("then"))?;
    product.quietly(&["backup", BAKERY, BILLING], 0)?;
    let at = newest(&[points(product, BAKERY)?, points(product, BILLING)?].concat())?;
    say(&format!("Now both stand still for once, and are backed up again. The moment to remember: {at}"));
    say(&format!("Recorded by us: {moment}."));

    chapter("Then it goes wrong, and the newest points are of what went wrong");
    let working = live.whmcs.begin_work(2);
    live.deface();
    product.quietly(&["backup", "--all"], 0)?;
    let worked = working.stop();
    ensure!(worked.failed.is_none() && worked.minutes > 0, "business stopped by itself: {worked:?}");
    ensure!(newest(&points(product, BAKERY)?)? > at, "the defaced site has no point of its own");
    ensure!(!moment.differences(&live).is_empty(), "business changed no table");
    say(&format!(
        "Somebody defaces the WordPress; {} more minutes of business; a backup of all.",
        worked.minutes
    ));
    for line in live.destroy()? {
        say(&line);
    }

    let account = folder.join("loader.toml");
    secret(&account, "user = \"root\"\n")?;
    chapter("The WordPress is brought back to the chosen moment: its files, then its database");
    bring_back(product, &live, (BAKERY, None), &at, &account, &moment)?;
    say(&live.bakery_is_well()?);
    say("The post of who defaced it is gone.");
    chapter("The WHMCS is brought back to the same moment");
    say("Business is stopped until it is back, as the plan asks.");
    bring_back(product, &live, (BILLING, Some("files")), &at, &account, &moment)?;
    say(&live.billing_is_well()?);
    let differences = moment.differences(&live);
    ensure!(differences.is_empty(), "these tables are not as they were: {}", differences.join(", "));
    say(&format!("The checksums of all {} tables are those that were recorded.", moment.tables()));
    let objects = comparison::same_objects(&places.disk, &places.server_data)?;
    say(&format!("And both places hold the same, byte for byte ({objects} objects)."));
    Ok(())
}

/// Adds both to the estate: of the WordPress no more than its folder, and that its server is one of ours.
fn declare(product: &Product, places: &Places, live: &Live) -> Result<()> {
    let before = product.findings()?;
    let reader = places.config.join("keys/billing-reader.toml");
    secret(&reader, &live.reader())?;
    let path = places.config.join("estate.toml");
    let estate = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = format!(
        "database_servers = [\"{}\"]\n\n{estate}\n\
         [assets.\"{BAKERY}\"]\nclass = \"website\"\nhost = \"web1\"\nclient = \"C-1004\"\npath = \"{}\"\n\n\
         [assets.{BILLING}]\nclass = \"whmcs\"\nhost = \"web1\"\npath = \"{}\"\n\
         database = {{ name = \"{}\", socket = \"{}\", credentials = {{ file = \"keys/billing-reader.toml\" }} }}\n",
        live.bakery_server.socket.display(),
        live.wordpress.docroot.display(),
        live.whmcs.places.docroot.display(),
        live.whmcs.options.database,
        live.billing_server.socket.display(),
    );
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    let after = product.findings()?;
    ensure!(before == after, "`validate` found {before:?}, and with the two it finds {after:?}");
    say(
        "Added to the estate: the WordPress by its folder, and that its server may be trusted; which database it has, it tells itself.",
    );
    say("The WHMCS with an account that may read.");
    say(&format!("Now everything is backed up, all {} assets, while business goes on:", SITES.len() + 2));
    Ok(())
}

/// Files first: until its configuration is back, nobody can ask the site which database it has.
fn bring_back(
    product: &Product,
    live: &Live,
    (asset, files): (&str, Option<&str>),
    at: &str,
    account: &Path,
    moment: &Moment,
) -> Result<()> {
    let (docroot, then, database) = match files {
        None => (&live.wordpress.docroot, moment.bakery(), &live.wordpress.options.database),
        Some(_) => (&live.whmcs.places.docroot, moment.billing(), &live.whmcs.options.database),
    };
    let restored = docroot.with_extension("restored");
    let dataset = files.map_or_else(Vec::new, |part| vec!["--dataset", part]);
    let wanted = [&["restore", asset], &dataset[..], &["--at", at, "--to"]].concat();
    product.expect(&wanted, &[restored.as_os_str()], 0)?;
    say(&format!("Compared by us: {}.", comparison::same_trees(then, &restored)?));
    fs::rename(docroot, docroot.with_extension("broken"))?;
    fs::rename(&restored, docroot)?;

    let before = points(product, asset)?.len();
    let over = ["restore", asset, "--database", database, "--at", at];
    let by: [&OsStr; 3] = ["--account".as_ref(), account.as_os_str(), "--yes".as_ref()];
    product.expect(&over, &by[..2], 0)?;
    ensure!(points(product, asset)?.len() == before, "a plan made a point");
    product.expect(&over, &by, 0)?;
    ensure!(points(product, asset)?.len() == before + 1, "what was replaced has no point of its own");
    Ok(())
}

/// The time of each point. They are red on one machine that plays every part, which ends with 1.
fn points(product: &Product, asset: &str) -> Result<Vec<String>> {
    let points = product.json(&["points", asset], 1)?;
    let points = points.as_array().context("points --json is no list")?;
    let time = |point: &serde_json::Value| point["time"].as_str().map(str::to_owned);
    points.iter().map(|point| time(point).context("a point has no time")).collect()
}

fn newest(times: &[String]) -> Result<String> {
    // `Z` sorts behind the dot of a fraction.
    let newest = times.iter().max_by_key(|time| time.trim_end_matches('Z')).context("there is no point")?;
    Ok(newest.clone())
}

fn secret(path: &Path, text: &str) -> Result<()> {
    let mut file = fs::File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

/// A copy of a folder as it is.
fn copy(from: &Path, to: &Path) -> Result<PathBuf> {
    let mut copy = process::command("cp", &["-a"]);
    copy.args([from, to]);
    process::output(copy)?;
    Ok(to.to_owned())
}
