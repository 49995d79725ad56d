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
    fs::write(
        customer.path("whmcs/configuration.php"),
        "<?php $cc_encryption_hash = 'x'; $db_name = 'shop';",
    )
    .unwrap();
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

    let by_us = customer.path("by-us");
    customer.run(0, &["restore", ASSET, "--whole", "--to", by_us.to_str().unwrap()]);
    is_the_same_database(&server, &by_us.join("databases/shop"));
    let all = customer.path("all");
    customer.run(0, &["restore", "--all", "--to", all.to_str().unwrap()]);
    assert!(all.join(ASSET).join("index.php").exists());
    is_the_same_database(&server, &all.join(format!("{ASSET}.beside/databases/shop")));

    // What lies elsewhere and is not there makes the point degraded, and so does a database that cannot be had.
    fs::remove_file(customer.path("vhost.conf")).unwrap();
    let said = customer.run(1, &["backup", ASSET]);
    assert!(said.contains("vhost.conf"), "{said}");
    fs::write(customer.path("vhost.conf"), "server").unwrap();
    server.sql("DROP USER reader@localhost");
    let said = customer.run(1, &["backup", ASSET]);
    assert!(said.contains("/databases/shop: not in this point") && said.contains("Access denied"), "{said}");
    let listed = points(&customer, ASSET);
    let warnings: Vec<usize> =
        listed.iter().map(|point| point["warnings"].as_array().unwrap().len()).collect();
    assert_eq!(warnings, [0, 1, 1]);
    // Who wants the database back gets it out of the newest point that has it.
    customer.secret("root.toml", "user = \"root\"\n");
    let account = customer.path("etc/keys/root.toml");
    let plan =
        customer.json(0, &["restore", ASSET, "--database", "shop", "--account", account.to_str().unwrap()]);
    assert_eq!(plan["point"], listed[1]["id"], "{plan:#}");
    let again = customer.path("again");
    customer.run(0, &["restore", ASSET, "--to", again.to_str().unwrap()]);
    assert!(again.join("index.php").exists());
}

/// The administrator says that websites may name this server.
fn trust(customer: &Customer, server: &Mariadb) {
    let trusted = format!("database_servers = [{:?}]\n[sites.london]", server.socket);
    customer.change_estate("[sites.london]", &trusted);
}

#[test]
fn a_client_gets_no_more_than_his_own_account_may_read() {
    let server = server();
    server.sql(&format!(
        "CREATE DATABASE neighbour; CREATE TABLE neighbour.secrets (t TEXT); INSERT INTO neighbour.secrets VALUES ('x'); \
         GRANT ALL ON shop.* TO site@localhost IDENTIFIED BY '{PASSWORD}'; \
         GRANT ALL ON *.* TO dba@localhost IDENTIFIED BY '{PASSWORD}'"
    ));
    let customer = Customer::new();
    let host = format!("'localhost:{}'", server.socket.display());
    trust(&customer, &server);
    let as_user = |user: &str, database: &str| {
        wordpress(&customer, "", database, &host);
        let file = customer.path("site/wp-config.php");
        let text = fs::read_to_string(&file).unwrap().replace("'site'", &format!("'{user}'"));
        fs::write(file, text).unwrap();
        customer.run(1, &["backup", ASSET])
    };
    // The system's root is let in by every server that knows him by his user id.
    for (user, database, expected) in [
        ("root", "neighbour", "uses the account root"),
        ("dba", "neighbour", "has rights on the whole server"),
        ("site", "neighbour", "no such database"),
        ("site", "mysql", "the server's own"),
    ] {
        let said = as_user(user, database);
        assert!(said.contains(expected), "{user} {database}: {said}");
    }
    for point in points(&customer, ASSET) {
        let id = point["id"].as_str().unwrap();
        let listed = text(&customer.holdfast(&["restic", REPOSITORY, "--", "ls", id]));
        assert!(listed.contains("wp-config.php") && !listed.contains("databases"), "{listed}");
    }
}

/// A WordPress as far as its configuration says it.
fn wordpress(customer: &Customer, folder: &str, database: &str, host: &str) {
    let folder = customer.path("site").join(folder);
    fs::create_dir_all(folder.join("wp-includes")).unwrap();
    fs::write(folder.join("wp-includes/version.php"), "<?php\n$wp_version = '6.1.9';\n").unwrap();
    fs::write(
        folder.join("wp-config.php"),
        format!(
            "<?php\ndefine( 'DB_NAME', '{database}' );\ndefine( 'DB_USER', 'site' );\n\
             define( 'DB_PASSWORD', '{PASSWORD}' );\ndefine( 'DB_HOST', {host} );\n$table_prefix = 'wp_';\n"
        ),
    )
    .unwrap();
}

#[test]
fn a_website_tells_by_itself_which_database_it_needs() {
    let server = server();
    // Its own account, as a hosting panel makes it: all on its database, and nothing else.
    server.sql(&format!("GRANT ALL ON shop.* TO site@localhost IDENTIFIED BY '{PASSWORD}'"));
    let customer = Customer::new();
    let host = format!("'localhost:{}'", server.socket.display());
    wordpress(&customer, "", "shop", &host);
    // A server is a client's word alone until the administrator says that it is one.
    let said = customer.run(1, &["backup", ASSET]);
    assert!(said.contains("is not trusted") && said.contains("database_servers"), "{said}");
    trust(&customer, &server);
    wordpress(&customer, "staging", "shop", &host);
    customer.run(0, &["backup", ASSET]);
    let whole = customer.path("whole");
    let id = points(&customer, ASSET)[1]["id"].clone();
    let target = whole.to_str().unwrap();
    customer.run(0, &["restic", REPOSITORY, "--", "restore", id.as_str().unwrap(), "--target", target]);
    is_the_same_database(&server, &whole.join("databases/shop"));
    let scope = customer.json(1, &["status"]);
    let scope =
        scope["controls"].as_array().unwrap().iter().find(|c| c["control"] == "SCOPE-02").unwrap().clone();
    assert_eq!(scope["verdict"], "PASS", "{scope:#}");

    // What cannot be told, or is not there, is told with every run; the rest is backed up all the same.
    wordpress(&customer, "old", "dropped", &host);
    let said = customer.run(1, &["backup", ASSET]);
    assert!(said.contains("old/wp-config.php: a database of this WordPress is not in this point"), "{said}");
    assert!(!said.contains(PASSWORD), "{said}");
    wordpress(&customer, "old", "shop", "getenv('DB_HOST')");
    let said = customer.run(1, &["backup", ASSET]);
    assert!(
        said.matches("environment of the web server").count() == 1 && said.contains("name it in estate.toml"),
        "{said}"
    );
    fs::remove_dir_all(customer.path("site/old")).unwrap();
    customer.run(0, &["backup", ASSET]);

    // Who names them himself is told of the one that he left out.
    customer.declare("databases = []\n");
    let said = customer.run(1, &["backup", ASSET]);
    assert!(said.contains("shop is not among the databases that estate.toml names"), "{said}");
}

#[test]
fn a_database_goes_back_over_what_became_of_it_with_a_point_of_that_first() {
    let server = server();
    let customer = billing(&server);
    customer.run(0, &["backup", "billing"]);
    let checksums = || server.sql("CHECKSUM TABLE shop.invoices, shop.sessions");
    let before = checksums();
    server.sql("DELETE FROM shop.invoices WHERE id > 10; INSERT INTO shop.sessions VALUES (3); CREATE TABLE shop.later (id INT)");
    let damaged = checksums();
    customer.secret("root.toml", "user = \"root\"\n");
    let account = customer.path("etc/keys/root.toml");
    let account = account.to_str().unwrap();
    let over = ["restore", "billing", "--database", "shop", "--account", account];

    // Shown first, and nothing changed.
    let said = customer.run(0, &over);
    assert!(said.contains("in place of the database shop") && said.contains("Nothing was changed"), "{said}");
    assert!(said.contains("later") && said.contains("5000"), "{said}");
    assert_eq!(checksums(), damaged);

    // The account that reads may not load.
    let said = customer.run(3, &["restore", "billing", "--database", "shop", "--yes"]);
    assert!(said.contains("GRANT"), "{said}");
    assert_eq!(checksums(), damaged);

    let report = customer.json(0, &[&over[..], &["--yes"]].concat());
    assert_eq!(checksums(), before);
    assert_eq!(server.sql("SHOW TABLES IN shop LIKE 'later'"), "");
    assert_eq!(report["loaded"]["rows"], 5002, "{report:#}");

    // And forward again, to what was there before the restore.
    let safety = report["safety_point"].as_str().unwrap();
    customer.run(0, &[&over[..], &["--point", safety, "--yes"]].concat());
    assert_eq!(checksums(), damaged);

    // One table, beside the old one and in its place; a new database.
    let first = points(&customer, "billing")[0]["id"].as_str().unwrap().to_owned();
    let of_first = [&over[..], &["--point", &first]].concat();
    customer.run(0, &[&of_first[..], &["--table", "invoices", "--as", "invoices_then", "--yes"]].concat());
    assert_eq!(server.sql("SELECT COUNT(*) FROM shop.invoices_then"), "5000\n");
    customer.run(0, &[&of_first[..], &["--table", "invoices", "--yes"]].concat());
    assert_eq!(server.sql("SELECT COUNT(*) FROM shop.invoices"), "5000\n");
    customer.run(0, &[&of_first[..], &["--into", "copy", "--yes"]].concat());
    assert_eq!(server.sql("SELECT COUNT(*) FROM copy.sessions"), "2\n");
    // What is not backed up cannot be made a point of first, and is not replaced without a word.
    let other = [&of_first[..], &["--into", "copy", "--table", "sessions", "--yes"]].concat();
    let said = customer.run(2, &other);
    assert!(said.contains("--keep-old") && said.contains("--no-safety-point"), "{said}");
    customer.run(0, &[&other[..], &["--no-safety-point"]].concat());
    let said = customer.run(2, &[&of_first[..], &["--into", "copy", "--yes"]].concat());
    assert!(said.contains("not empty"), "{said}");

    // A database that is gone comes back, without a point of what is not there.
    server.sql("DROP DATABASE shop");
    let report = customer.json(0, &[&of_first[..], &["--yes"]].concat());
    assert_eq!(report["safety_point"], Value::Null);
    assert_eq!(checksums(), before);
    let said = customer.run(2, &["restore", "billing", "--database", "other", "--account", account]);
    assert!(said.contains("holds the database other") && said.contains("there is: shop"), "{said}");
    // Each has its line in the log, with what it was and where it went.
    let log = customer.run(0, &["audit", "log"]);
    assert!(log.contains("the database shop at"), "{log}");
}

#[test]
fn damage_in_the_store_never_reaches_the_server() {
    let server = server();
    let customer = billing(&server);
    customer.run(0, &["backup", "billing"]);
    for location in ["here", "there"] {
        for pack in support::objects(&customer.path(location).join("billing"), "data") {
            let mut bytes = fs::read(&pack).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::set_permissions(&pack, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
            fs::write(&pack, bytes).unwrap();
        }
    }
    server.sql("DELETE FROM shop.invoices");
    customer.secret("root.toml", "user = \"root\"\n");
    let account = customer.path("etc/keys/root.toml");
    let over = ["restore", "billing", "--database", "shop", "--account", account.to_str().unwrap()];
    let output = customer.holdfast(&[&over[..], &["--no-safety-point", "--yes"]].concat());
    assert_eq!(code(&output), 4, "{}", text(&output));
    assert_eq!(
        server.sql("SELECT COUNT(*) FROM shop.invoices; SELECT COUNT(*) FROM shop.sessions"),
        "0\n2\n"
    );
    assert_eq!(server.sql("SHOW DATABASES LIKE 'holdfast%'"), "", "nothing is left lying about");
}

#[test]
fn the_policy_expects_each_part_of_whmcs_in_slots_of_its_own() {
    let server = server();
    let customer = billing(&server);
    customer.approve();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    customer.run(0, &["backup", ASSET]);
    let scope = || {
        let status = customer.json(1, &["status"]);
        let controls = status["controls"].as_array().unwrap();
        controls.iter().find(|control| control["control"] == "SCOPE-02").unwrap().clone()
    };
    customer.run(0, &["backup", "billing", "--dataset", "files"]);
    let half = scope();
    assert_eq!(half["verdict"], "NO_EVIDENCE", "{half:#}");
    assert!(half.to_string().contains("no point of its part database was ever made"), "{half:#}");
    customer.run(0, &["backup", "billing", "--dataset", "database"]);
    assert_eq!(scope()["verdict"], "PASS");
    // Last, because a slot may be due in this very minute.
    customer.run(0, &["serve", "--once"]);
    let output = customer.command(&["slots", "--json"]).output().unwrap();
    let slots = String::from_utf8(output.stdout).unwrap();
    assert!(slots.contains("\"database\"") && slots.contains("\"files\""), "{slots}");
}

#[test]
fn one_dump_that_fails_leaves_the_other_databases_and_the_files() {
    let server = server();
    server.sql(
        "CREATE DATABASE staging; CREATE TABLE staging.t (id INT); CREATE VIEW staging.broken AS SELECT * FROM staging.t; \
         DROP TABLE staging.t",
    );
    let customer = Customer::new();
    customer.secret("reader.toml", &format!("user = \"reader\"\npassword = \"{PASSWORD}\"\n"));
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    let (shop, staging) = (database(&server), database(&server).replace("\"shop\"", "\"staging\""));
    customer.declare(&format!("databases = [{staging}, {shop}]\n"));
    let said = customer.run(1, &["backup", ASSET]);
    assert!(said.contains("/databases/staging: not in this point") && said.contains("broken"), "{said}");
    let whole = customer.path("whole");
    customer.run(0, &["restore", ASSET, "--whole", "--to", whole.to_str().unwrap()]);
    is_the_same_database(&server, &whole.join("databases/shop"));
    assert!(!whole.join("databases/staging").exists());
    assert!(whole.join(customer.path("site").strip_prefix("/").unwrap()).join("index.php").exists());
}

#[test]
fn of_databases_in_branches_each_that_is_there_is_in_the_point_and_what_cannot_be_had_is_told() {
    let server = server();
    server.sql(&format!("GRANT ALL ON shop.* TO site@localhost IDENTIFIED BY '{PASSWORD}'"));
    let customer = Customer::new();
    trust(&customer, &server);
    wordpress(&customer, "", "shop", &format!("'localhost:{}'", server.socket.display()));
    let file = customer.path("site/wp-config.php");
    let text = fs::read_to_string(&file).unwrap();
    let branch = |other: &str| {
        let named = "define( 'DB_NAME', 'shop' );";
        let branches = format!("if (gethostname() === 'dev') {{ {other} }} else {{ {named} }}");
        fs::write(&file, text.replace(named, &branches)).unwrap();
    };
    branch("define( 'DB_NAME', 'shop_dev' );");
    customer.run(0, &["backup", ASSET]);
    // The one of production cannot be reached; that the other can is no comfort.
    branch("define( 'DB_NAME', 'mysql' );");
    let said = customer.run(1, &["backup", ASSET]);
    assert!(said.contains("the server's own"), "{said}");
    customer.declare("ignore_databases = [\"mysql\"]\n");
    customer.run(0, &["backup", ASSET]);
}

#[test]
fn a_large_website_is_no_fault_of_its_own() {
    let customer = Customer::new();
    for number in 0..2100 {
        fs::create_dir(customer.path("site").join(number.to_string())).unwrap();
    }
    let said = customer.run(0, &["backup", ASSET, "--accept-smaller"]);
    assert!(said.contains("looked for as far as this") && said.contains("more than 2000 folders"), "{said}");
    // Who names them is not told.
    customer.declare("databases = []\n");
    let said = customer.run(0, &["backup", ASSET]);
    assert!(!said.contains("2000 folders"), "{said}");
}

#[test]
fn the_export_of_a_client_holds_each_part_and_each_database() {
    let server = server();
    let customer = billing(&server);
    customer.run(0, &["backup", "billing"]);
    let to = customer.path("export");
    customer.run(0, &["client", "export", "billing", "--to", to.to_str().unwrap()]);
    is_the_same_database(&server, &to.join("billing-database"));
    assert!(to.join("billing-files/configuration.php").exists());
}
