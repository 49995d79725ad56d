//! Databases as the customer has them: WHMCS with its two parts, and a website that is one point with its database.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::path::Path;

use holdfast_testkit::servers::{Mariadb, PASSWORD};
use serde_json::Value;
use support::{ASSET, Customer, REPOSITORY, code, text};

const RIGHTS: &str = "SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES, RELOAD, PROCESS, BINLOG MONITOR";

fn server() -> Mariadb {
    let server = Mariadb::start(&[]);
    server.sql(&format!(
        "CREATE USER reader@localhost IDENTIFIED BY '{PASSWORD}'; GRANT {RIGHTS} ON *.* TO reader@localhost; \
         CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop; CREATE TABLE invoices (id INT PRIMARY KEY, note TEXT); \
         INSERT INTO invoices SELECT seq, CONCAT('invoice ', seq, ' 🦀') FROM seq_1_to_5000; \
         CREATE TABLE sessions (id INT) ENGINE = MyISAM; INSERT INTO sessions VALUES (1), (2);"
    ));
    server
}

fn database(server: &Mariadb) -> String {
    format!(
        "{{ name = \"shop\", socket = \"{}\", credentials = {{ file = \"keys/reader.toml\" }} }}",
        server.socket.display()
    )
}

/// A customer with a WHMCS whose database is `shop`.
fn billing(server: &Mariadb) -> Customer {
    let customer = Customer::new();
    customer.secret("reader.toml", &format!("user = \"reader\"\npassword = \"{PASSWORD}\"\n"));
    fs::create_dir(customer.path("whmcs")).unwrap();
    fs::write(customer.path("whmcs/configuration.php"), "<?php $cc_encryption_hash = 'x';").unwrap();
    customer.declare(&format!(
        "[assets.billing]\nclass = \"whmcs\"\nhost = \"web1\"\npath = \"{}\"\ndatabase = {}\n",
        customer.path("whmcs").display(),
        database(server)
    ));
    customer
}

fn points(customer: &Customer, asset: &str) -> Vec<Value> {
    let output = customer.command(&["points", asset, "--json"]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Loads what was restored into a new database and compares.
#[track_caller]
fn is_the_same_database(server: &Mariadb, dump: &Path) {
    let manifest: Value = serde_json::from_slice(&fs::read(dump.join("manifest.json")).unwrap()).unwrap();
    let files = manifest["files"].as_array().unwrap().iter().filter(|file| file["is_dump"] == true);
    let joined: Vec<u8> =
        files.flat_map(|file| fs::read(dump.join(file["name"].as_str().unwrap())).unwrap()).collect();
    server.sql("CREATE OR REPLACE DATABASE again");
    let output = server.load("again", &joined);
    assert!(output.status.success(), "{}", text(&output));
    for table in ["invoices", "sessions"] {
        let checksum = |database: &str| {
            server.sql(&format!("CHECKSUM TABLE {database}.{table}")).split_off(database.len())
        };
        assert_eq!(checksum("again"), checksum("shop"), "{table}");
    }
}

#[test]
fn whmcs_has_points_of_its_database_and_of_its_files() {
    let server = server();
    let customer = billing(&server);
    let said = customer.run(0, &["backup", "billing"]);
    assert_eq!(said.matches("billing: point").count(), 2, "{said}");
    let listed = points(&customer, "billing");
    let mut datasets: Vec<&str> = listed.iter().map(|point| point["dataset"].as_str().unwrap()).collect();
    datasets.sort_unstable();
    assert_eq!(datasets, ["database", "files"]);
    assert!(listed.iter().all(|point| point["verdict"] != "FAIL"), "{listed:#?}");

    let to = customer.path("restored");
    let said = customer.run(2, &["restore", "billing", "--to", to.to_str().unwrap()]);
    assert!(said.contains("several parts") && said.contains("--dataset: database, files"), "{said}");
    customer.run(0, &["restore", "billing", "--dataset", "database", "--to", to.to_str().unwrap()]);
    is_the_same_database(&server, &to);
    let listed = customer.run(0, &["ls", "billing", "--dataset", "database"]);
    assert!(listed.contains("table.invoices.sql") && listed.contains("grants.sql"), "{listed}");
    let files = customer.path("files");
    customer.run(0, &["restore", "billing", "--dataset", "files", "--to", files.to_str().unwrap()]);
    assert!(files.join("configuration.php").exists());

    let all = customer.path("all");
    customer.run(0, &["backup", ASSET, "--accept-smaller"]);
    customer.run(0, &["restore", "--all", "--to", all.to_str().unwrap()]);
    assert!(all.join("billing/files/configuration.php").exists());
    is_the_same_database(&server, &all.join("billing/database"));

    // One part alone, and what did not change is not stored again.
    let output =
        customer.command(&["backup", "billing", "--dataset", "database", "--json"]).output().unwrap();
    let reports: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(reports.as_array().unwrap().len(), 1);
    let totals = &reports[0]["totals"];
    assert!(totals["bytes"].as_u64().unwrap() > 100_000, "{totals}");
    assert!(totals["bytes_added"].as_u64().unwrap() < 20_000, "{totals}");
    let said = customer.run(2, &["backup", ASSET, "--dataset", "database"]);
    assert!(said.contains("no such part") && said.contains("it has: site"), "{said}");
}

#[test]
fn stock_restic_restores_the_dump() {
    let server = server();
    let customer = billing(&server);
    customer.run(0, &["backup", "billing"]);
    let to = customer.path("by-restic");
    let id = points(&customer, "billing").iter().find(|point| point["dataset"] == "database").unwrap()["id"]
        .clone();
    let target = to.to_str().unwrap();
    customer.run(0, &["restic", "billing", "--", "restore", id.as_str().unwrap(), "--target", target]);
    is_the_same_database(&server, &to.join("databases/shop"));
}

#[test]
fn a_database_that_cannot_be_had_leaves_no_point_and_the_files_get_theirs() {
    let server = server();
    let customer = billing(&server);
    for (change, back, expected) in [
        ("DROP USER reader@localhost", "", "Access denied"),
        (
            "CREATE USER reader@localhost IDENTIFIED BY 'holdfast'; GRANT SELECT ON shop.invoices TO reader@localhost",
            "DROP USER reader@localhost",
            "GRANT",
        ),
        (
            "CREATE USER reader@localhost IDENTIFIED BY 'PASSWORD'; GRANT ALL ON *.* TO reader@localhost; \
             CREATE TABLE shop.old (id INT); CREATE VIEW shop.broken AS SELECT * FROM shop.old; DROP TABLE shop.old",
            "DROP VIEW shop.broken",
            "broken",
        ),
    ] {
        server.sql(
            &change
                .replace("'PASSWORD'", &format!("'{PASSWORD}'"))
                .replace("'holdfast'", &format!("'{PASSWORD}'")),
        );
        let output = customer.holdfast(&["backup", "billing"]);
        let said = text(&output);
        assert_eq!(code(&output), 3, "{said}");
        assert!(said.contains(expected) && said.contains("billing: no point"), "{change}: {said}");
        assert!(!said.contains(PASSWORD), "{said}");
        let listed = points(&customer, "billing");
        assert!(listed.iter().all(|point| point["dataset"] == "files"), "{listed:#?}");
        server.sql(back);
    }
    let said = customer.run(0, &["backup", "billing"]);
    assert_eq!(said.matches("billing: point").count(), 2, "{said}");
}

#[test]
fn a_website_is_one_point_with_its_database_and_what_lies_elsewhere() {
    let server = server();
    let customer = Customer::new();
    customer.secret("reader.toml", &format!("user = \"reader\"\npassword = \"{PASSWORD}\"\n"));
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    fs::create_dir(customer.path("certificates")).unwrap();
    fs::write(customer.path("certificates/key.pem"), "key").unwrap();
    fs::write(customer.path("vhost.conf"), "server").unwrap();
    fs::write(customer.path("another.conf"), "of somebody else").unwrap();
    let also = ["certificates", "vhost.conf"].map(|name| format!("{:?}", customer.path(name)));
    customer.declare(&format!("also = [{}]\ndatabases = [{}]\n", also.join(", "), database(&server)));
    customer.run(0, &["backup", ASSET]);
    assert_eq!(points(&customer, ASSET).len(), 1);

    // The root is still the website's folder.
    let to = customer.path("restored");
    customer.run(0, &["restore", ASSET, "--to", to.to_str().unwrap()]);
    assert_eq!(fs::read_dir(&to).unwrap().count(), 1);
    assert!(to.join("index.php").exists());

    let whole = customer.path("whole");
    let id = points(&customer, ASSET)[0]["id"].clone();
    let target = whole.to_str().unwrap();
    customer.run(0, &["restic", REPOSITORY, "--", "restore", id.as_str().unwrap(), "--target", target]);
    is_the_same_database(&server, &whole.join("databases/shop"));
    let place = |name: &str| whole.join(customer.path(name).strip_prefix("/").unwrap());
    assert!(place("certificates/key.pem").exists() && place("vhost.conf").exists());
    assert!(!place("another.conf").exists(), "of its folder nothing else is taken");

    // What lies elsewhere and is not there makes the point degraded; without the database there is none.
    fs::remove_file(customer.path("vhost.conf")).unwrap();
    let said = customer.run(1, &["backup", ASSET]);
    assert!(said.contains("vhost.conf"), "{said}");
    fs::write(customer.path("vhost.conf"), "server").unwrap();
    server.sql("DROP USER reader@localhost");
    let said = customer.run(3, &["backup", ASSET]);
    assert!(said.contains("Access denied"), "{said}");
    assert_eq!(points(&customer, ASSET).len(), 2);
    assert!(customer.repository("here").ends_with(REPOSITORY));
}
