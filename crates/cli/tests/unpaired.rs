//! Databases that belong to no asset are found, by those who may see them.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;

use holdfast_testkit::servers::{Mariadb, PASSWORD};
use serde_json::Value;
use support::Customer;

fn server() -> Mariadb {
    let server = Mariadb::start(&[]);
    server.sql(&format!(
        "CREATE DATABASE shop; CREATE TABLE shop.t (id INT); CREATE DATABASE orphan; CREATE TABLE orphan.t (id INT); \
         GRANT SHOW DATABASES ON *.* TO lister@localhost IDENTIFIED BY '{PASSWORD}'; \
         GRANT ALL ON shop.* TO site@localhost IDENTIFIED BY '{PASSWORD}'"
    ));
    server
}

/// A website whose WordPress uses `shop`, and a server that is asked what it has.
fn customer(server: &Mariadb, user: &str) -> Customer {
    let customer = Customer::new();
    let site = customer.path("site");
    fs::create_dir_all(site.join("wp-includes")).unwrap();
    fs::write(site.join("wp-includes/version.php"), "<?php\n$wp_version = '6.1.9';\n").unwrap();
    fs::write(
        site.join("wp-config.php"),
        format!(
            "<?php\ndefine( 'DB_NAME', 'shop' );\ndefine( 'DB_USER', 'site' );\ndefine( 'DB_PASSWORD', '{PASSWORD}' );\n\
             define( 'DB_HOST', 'localhost:{}' );\n$table_prefix = 'wp_';\n",
            server.socket.display()
        ),
    )
    .unwrap();
    customer.secret("lister.toml", &format!("user = \"{user}\"\npassword = \"{PASSWORD}\"\n"));
    let asked = format!(
        "database_servers = [{{ server = \"{}\", credentials = {{ file = \"keys/lister.toml\" }} }}]\n[sites.london]",
        server.socket.display()
    );
    customer.change_estate("[sites.london]", &asked);
    customer
}

fn rows(customer: &Customer) -> Vec<(String, String, String)> {
    let status = customer.json(1, &["status"]);
    let controls = status["controls"].as_array().unwrap();
    let rows = controls.iter().find(|control| control["control"] == "SCOPE-01").unwrap()["rows"].clone();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    let rows = rows.as_array().unwrap().iter();
    let rows = rows.map(|row| (text(row, "target"), text(row, "verdict"), text(row, "why")));
    rows.filter(|row| row.0.contains("database")).collect()
}

fn unpaired(customer: &Customer) -> Vec<String> {
    let output = customer.command(&["validate", "--json"]).output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = found.as_array().unwrap().iter();
    let found = found.filter(|finding| finding["code"] == "estate.database-unpaired");
    found.map(|finding| finding["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_database_of_nobody_is_a_finding_until_it_is_somebodys_or_left_out_by_name() {
    let server = server();
    let customer = customer(&server, "lister");
    customer.run(0, &["backup", "--all"]);
    let found = unpaired(&customer);
    assert!(found.len() == 1 && found[0].contains("\"orphan\""), "{found:?}");
    let red = rows(&customer);
    let names: Vec<&str> = red.iter().map(|row| row.0.split(' ').nth(1).unwrap()).collect();
    assert!(names == ["orphan"] && red[0].1 == "FAIL" && red[0].2.contains("belongs to no asset"), "{red:?}");
    assert!(!format!("{red:?}").contains(PASSWORD));

    // What a site uses no more is nobody's, once it is looked at again.
    let config = customer.path("site/wp-config.php");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("'shop'", "'orphan'")).unwrap();
    let found = unpaired(&customer);
    assert!(found.len() == 1 && found[0].contains("\"shop\""), "{found:?}");
    fs::write(&config, text).unwrap();

    // A new one is found at once, and one that is left out by name is none.
    server.sql("CREATE DATABASE another");
    customer.change_estate("lister.toml\" }", "lister.toml\" }, ignore = [\"orphan\"]");
    assert!(rows(&customer)[0].0.contains("database another"));
    server.sql("DROP DATABASE another");
    let green = rows(&customer);
    assert!(green.len() == 1 && green[0].1 == "PASS" && green[0].2.contains("each of its"), "{green:?}");
    assert!(unpaired(&customer).is_empty());
}

#[test]
fn an_account_that_is_not_told_everything_proves_nothing() {
    let server = server();
    let customer = customer(&server, "site");
    customer.run(0, &["backup", "--all"]);
    assert!(unpaired(&customer).is_empty());
    let told = rows(&customer);
    assert!(told.len() == 1 && told[0].1 == "NO_EVIDENCE" && told[0].2.contains("account site"), "{told:?}");
    // A server that is named no more says nothing any more.
    let estate = fs::read_to_string(customer.path("etc/estate.toml")).unwrap();
    let rest = estate.lines().filter(|line| !line.starts_with("database_servers"));
    fs::write(customer.path("etc/estate.toml"), rest.collect::<Vec<_>>().join("\n")).unwrap();
    assert!(rows(&customer).is_empty(), "{:?}", rows(&customer));
}
