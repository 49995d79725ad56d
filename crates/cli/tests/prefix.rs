//! Several applications in one database: the tables of one come back alone.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;

use holdfast_testkit::servers::{Mariadb, PASSWORD};
use support::{ASSET, Customer, REPOSITORY, text};

fn wordpress(customer: &Customer, server: &Mariadb, folder: &str, prefix: &str) {
    let folder = customer.path("site").join(folder);
    fs::create_dir_all(folder.join("wp-includes")).unwrap();
    fs::write(folder.join("wp-includes/version.php"), "<?php\n$wp_version = '6.1.9';\n").unwrap();
    let host = server.socket.display();
    fs::write(
        folder.join("wp-config.php"),
        format!(
            "<?php\ndefine( 'DB_NAME', 'shared' );\ndefine( 'DB_USER', 'site' );\ndefine( 'DB_PASSWORD', '{PASSWORD}' );\n\
             define( 'DB_HOST', 'localhost:{host}' );\n$table_prefix = '{prefix}';\n"
        ),
    )
    .unwrap();
}

#[test]
fn the_tables_of_one_application_come_back_and_those_of_others_stay() {
    let server = Mariadb::start(&[]);
    server.sql(&format!(
        "CREATE DATABASE shared; GRANT ALL ON shared.* TO site@localhost IDENTIFIED BY '{PASSWORD}'"
    ));
    for prefix in ["wp_", "wp2_", "wp_shop_"] {
        server.sql(&format!(
            "USE shared; CREATE TABLE {prefix}users (id INT PRIMARY KEY) ENGINE = InnoDB; \
             CREATE TABLE {prefix}posts (id INT PRIMARY KEY, author INT, body TEXT, \
             CONSTRAINT {prefix}author FOREIGN KEY (author) REFERENCES {prefix}users (id)) ENGINE = InnoDB; \
             CREATE TRIGGER {prefix}stamp BEFORE UPDATE ON {prefix}posts FOR EACH ROW SET NEW.body = CONCAT(NEW.body, '!'); \
             INSERT INTO {prefix}users VALUES (1), (2); \
             INSERT INTO {prefix}posts SELECT seq, 1 + seq % 2, CONCAT('post ', seq) FROM seq_1_to_500"
        ));
    }
    server.sql("CREATE VIEW shared.wp_view AS SELECT id FROM shared.wp_posts");
    let customer = Customer::new();
    let trusted = format!("database_servers = [{:?}]\n[sites.london]", server.socket);
    customer.change_estate("[sites.london]", &trusted);
    for (folder, prefix) in [("", "wp_"), ("two", "wp2_"), ("shop", "wp_shop_")] {
        wordpress(&customer, &server, folder, prefix);
    }
    customer.run(0, &["backup", ASSET]);
    // The point knows whose tables there are, and stock tools show it.
    let listed = text(&customer.holdfast(&["restic", REPOSITORY, "--", "snapshots", "--json"]));
    for prefix in ["wp_", "wp2_", "wp_shop_"] {
        assert!(listed.contains(&format!("prefix:shared/{prefix}\"")), "{listed}");
    }
    let checksums = |tables: &str| server.sql(&format!("CHECKSUM TABLE {tables}"));
    let own = "shared.wp_users, shared.wp_posts";
    let others = "shared.wp2_users, shared.wp2_posts, shared.wp_shop_users, shared.wp_shop_posts";
    let before = checksums(own);
    server.sql(
        "USE shared; DELETE FROM wp_posts; DELETE FROM wp_users; DROP TRIGGER wp_stamp; CREATE TABLE wp_later (id INT); \
         UPDATE wp2_posts SET body = 'written since'; DELETE FROM wp_shop_posts WHERE id > 3",
    );
    let since = checksums(others);

    customer.secret("root.toml", "user = \"root\"\n");
    let account = customer.path("etc/keys/root.toml");
    let restore = |prefix: &str, more: &[&str]| {
        let account = account.to_str().unwrap().to_owned();
        let arguments = ["restore", ASSET, "--database", "shared", "--prefix", prefix, "--account", &account];
        customer.holdfast(&[&arguments[..], more].concat())
    };
    let said = text(&restore("nope_", &[]));
    assert!(said.contains("begins with \"nope_\"") && said.contains("wp2_, wp_, wp_shop_"), "{said}");
    let plan = text(&restore("wp_", &[]));
    assert!(plan.contains("that begin with wp_") && plan.contains("wp_later"), "{plan}");
    assert!(!plan.contains("wp2_posts") && !plan.contains("wp_shop_posts"), "{plan}");

    let output = restore("wp_", &["--yes"]);
    assert_eq!(support::code(&output), 0, "{}", text(&output));
    assert_eq!(checksums(own), before);
    assert_eq!(checksums(others), since, "nothing of others is touched");
    assert_eq!(server.sql("SELECT COUNT(*) FROM shared.wp_later").trim(), "0");
    // With their keys and triggers, and what depends on them.
    assert_eq!(server.sql("SELECT COUNT(*) FROM shared.wp_view").trim(), "500");
    assert_eq!(
        server.sql("UPDATE shared.wp_posts SET body = 'a' WHERE id = 1; SELECT body FROM shared.wp_posts WHERE id = 1").trim(),
        "a!"
    );
    let keys = "SELECT COUNT(*) FROM information_schema.referential_constraints WHERE constraint_schema = 'shared' \
                AND table_name = 'wp_posts' AND referenced_table_name = 'wp_users'";
    assert_eq!(server.sql(keys).trim(), "1");
    let left =
        server.sql("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name LIKE 'holdfast%'");
    assert_eq!(left.trim(), "0");
}
