//! Dumps of a real server loaded again: into a new database, over the old one, one table; and what must leave the old alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]

mod dumping;

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dumping::{Dumped, READER, access, checksums, create_shop, dump, name, plain_dump, server};
use holdfast_asset::database::Access;
use holdfast_asset::database::load::{
    Definers, DumpFiles, Event, LoadError, LoadErrorKind, Loaded, Options, Target, Watch, carry_out, heal,
    plan,
};
use holdfast_testkit::servers::Mariadb;

struct Files(Vec<(String, Vec<u8>)>);

impl Files {
    fn of(files: &[Dumped]) -> Files {
        Files(files.iter().map(|dumped| (name(dumped), dumped.bytes.clone())).collect())
    }

    fn bytes(&mut self, name: &str) -> &mut Vec<u8> {
        &mut self.0.iter_mut().find(|(other, _)| other == name).unwrap().1
    }
}

impl DumpFiles for Files {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.iter().map(|(name, _)| name.clone()).collect())
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Read + '_>> {
        let found = self.0.iter().find(|(other, _)| other == name);
        Ok(Box::new(found.ok_or(io::ErrorKind::NotFound)?.1.as_slice()))
    }
}

/// A server with the shop, an account that may do all, and the shop's dump.
fn shop() -> (Mariadb, Files) {
    let server = server(&["--event-scheduler=OFF"]);
    create_shop(&server);
    server.sql(&format!("GRANT ALL PRIVILEGES ON *.* TO '{READER}'@'localhost'"));
    let files = Files::of(&dump(&server, "shop").unwrap());
    (server, files)
}

fn over() -> Target {
    Target::Over { database: "shop".into() }
}

fn new(database: &str) -> Target {
    Target::New { database: database.into() }
}

fn load(access: &Access, files: &Files, target: &Target, options: &Options) -> Result<Loaded, LoadError> {
    let plan = plan(access, files, target, options)?;
    carry_out(access, files, &plan, &mut Watch { interrupted: None, tell: &mut |_| {} })
}

fn text(server: &Mariadb, database: &str) -> String {
    let text = String::from_utf8(plain_dump(server, database)).unwrap();
    text.replace(&format!("Database: {database}"), "").replace(&format!("database '{database}'"), "")
}

fn databases(server: &Mariadb) -> String {
    server.sql("SHOW DATABASES LIKE 'holdfast%'")
}

/// What a bad day does to a shop.
fn spoil(server: &Mariadb) {
    server.sql(
        "SET sql_mode = ''; SET foreign_key_checks = 0; UPDATE shop.customers SET name = 'gone'; DELETE FROM shop.orders; \
         DROP TABLE shop.log_aria; DROP VIEW shop.a_view; CREATE TABLE shop.later (id INT); CREATE VIEW shop.later_view AS SELECT 1; \
         CREATE TRIGGER shop.later_trigger BEFORE DELETE ON shop.orders FOR EACH ROW SET @x = 1; \
         CREATE PROCEDURE shop.later_procedure() SELECT 1",
    );
}

#[test]
fn a_hostile_shop_comes_back_in_a_new_database() {
    let (server, files) = shop();
    let access = access(&server, "shop");
    let planned = plan(&access, &files, &new("again"), &Options::default()).unwrap();
    assert!(planned.to_string().contains("creates `customers` (InnoDB, 5 rows)"), "{planned}");
    assert!(planned.to_string().contains("definer gone@localhost is not on this server"), "{planned}");
    assert_eq!(server.sql("SHOW DATABASES LIKE 'again'"), "", "a plan changes nothing");
    let loaded = load(&access, &files, &new("again"), &Options::default()).unwrap();
    assert_eq!((loaded.tables, loaded.checksums), (7, 7));
    assert_eq!(checksums(&server, "again"), checksums(&server, "shop"));
    assert_eq!(text(&server, "again"), text(&server, "shop").replace("`shop`.", "`again`."));
    let error = load(&access, &files, &new("again"), &Options::default()).unwrap_err();
    assert_eq!(error.kind, LoadErrorKind::Refused);
    assert!(error.message.contains("not empty"), "{error}");
}

#[test]
fn a_shop_comes_back_over_what_became_of_it() {
    let (server, files) = shop();
    let (sums, before) = (checksums(&server, "shop"), text(&server, "shop"));
    spoil(&server);
    let access = access(&server, "shop");
    let planned = plan(&access, &files, &over(), &Options::default()).unwrap();
    assert!(planned.to_string().contains("drops `later`"), "{planned}");
    let loaded = load(&access, &files, &over(), &Options::default()).unwrap();
    assert_eq!((loaded.tables, loaded.code.views, loaded.code.triggers), (7, 4, 1));
    assert_eq!(checksums(&server, "shop"), sums);
    assert_eq!(text(&server, "shop"), before);
    assert_eq!(databases(&server), "");
    let refused = server.try_sql("INSERT INTO shop.orders VALUES (9999, 77, '')");
    assert!(!refused.status.success(), "the foreign key holds");
}

#[test]
fn a_dump_that_is_bent_cut_or_has_a_file_too_much_changes_nothing() {
    let (server, _) = shop();
    let access = access(&server, "shop");
    spoil(&server);
    server.sql("DROP DATABASE IF EXISTS other");
    let before = text(&server, "shop");
    let (_, whole) = shop();
    let damage: [(&str, fn(&mut Files)); 4] = [
        ("SHA-256", |files| {
            let bytes = files.bytes("table.orders.sql");
            let at = bytes.windows(9).position(|part| part == b"'order 9 ").unwrap();
            bytes[at + 1] = b'O';
        }),
        ("it ends after", |files| {
            let bytes = files.bytes("table.orders.sql");
            bytes.truncate(bytes.len() - 40);
        }),
        ("is missing", |files| files.0.retain(|(name, _)| name != "table.orders.sql")),
        ("not in its manifest", |files| files.0.push(("table.more.sql".into(), Vec::new()))),
    ];
    for (said, damage) in damage {
        let mut files = Files(whole.0.clone());
        damage(&mut files);
        for target in [over(), new("other")] {
            let error = load(&access, &files, &target, &Options::default()).unwrap_err();
            assert_eq!(error.kind, LoadErrorKind::Dump, "{error}");
            assert!(error.message.contains(said), "{error}");
        }
        assert_eq!(text(&server, "shop"), before);
        assert_eq!(databases(&server) + &server.sql("SHOW DATABASES LIKE 'other'"), "");
    }
}

#[test]
fn whoever_is_killed_at_any_step_leaves_the_old_or_the_new() {
    let (server, files) = shop();
    let new_text = text(&server, "shop");
    spoil(&server);
    let old_text = text(&server, "shop");
    let access = access(&server, "shop");
    for step in [
        "side created",
        "side loaded",
        "side proven",
        "old saved",
        "old triggers dropped",
        "swapped",
        "code recreated",
    ] {
        let plan = plan(&access, &files, &over(), &Options::default()).unwrap();
        // Nothing of ours runs after a panic but the closing of connections, as after a kill.
        let mut tell = |event| assert!(event != Event::Step(step), "killed");
        let mut watch = Watch { interrupted: None, tell: &mut tell };
        catch_unwind(AssertUnwindSafe(|| carry_out(&access, &files, &plan, &mut watch))).unwrap_err();
        assert_ne!(databases(&server), "", "{step}");
        let healed = heal(&access, "shop").unwrap().unwrap();
        assert!(healed.left.is_empty(), "{step}: {healed:?}");
        assert_eq!(text(&server, "shop"), old_text, "{step}: {healed:?}");
        assert_eq!(databases(&server), "", "{step}");
    }
    let plan = plan(&access, &files, &over(), &Options::default()).unwrap();
    let mut tell = |event| assert!(event != Event::Step("proven"), "killed");
    let mut watch = Watch { interrupted: None, tell: &mut tell };
    catch_unwind(AssertUnwindSafe(|| carry_out(&access, &files, &plan, &mut watch))).unwrap_err();
    assert!(heal(&access, "shop").unwrap().unwrap().found.contains("they stay"));
    assert_eq!(text(&server, "shop"), new_text);
    assert_eq!((databases(&server), heal(&access, "shop").unwrap().is_none()), (String::new(), true));
}

#[test]
fn one_table_comes_beside_the_old_one_or_in_its_place() {
    let (server, files) = shop();
    let before = text(&server, "shop");
    let sum = |table: &str| {
        server.sql(&format!("CHECKSUM TABLE shop.{table}")).trim().rsplit('\t').next().unwrap().to_owned()
    };
    let dumped = sum("orders");
    server.sql("DELETE FROM shop.orders");
    let access = access(&server, "shop");
    let target = |table: &str, beside: Option<&str>| Target::Table {
        database: "shop".into(),
        table: table.into(),
        beside: beside.map(str::to_owned),
    };
    load(&access, &files, &target("orders", Some("orders_then")), &Options::default()).unwrap();
    assert_eq!(sum("orders_then"), dumped);
    assert_eq!(server.sql("SELECT COUNT(*) FROM shop.orders").trim(), "0");
    server.sql("DROP TABLE shop.orders_then");
    load(&access, &files, &target("orders", None), &Options::default()).unwrap();
    assert_eq!(sum("orders"), dumped);
    assert_eq!(text(&server, "shop"), before);
    let error = load(&access, &files, &target("customers", None), &Options::default()).unwrap_err();
    assert!(error.message.contains("shop.orders") && error.message.contains("foreign keys"), "{error}");
    assert_eq!((text(&server, "shop"), databases(&server)), (before, String::new()));
}

#[test]
fn tables_of_a_prefix_change_places_together_and_a_kill_brings_all_of_them_back() {
    let server = server(&[]);
    server.sql(&format!(
        "CREATE DATABASE shared; USE shared; CREATE TABLE wp_a (id INT PRIMARY KEY) ENGINE = InnoDB; \
         CREATE TABLE wp_b (id INT PRIMARY KEY, a INT, CONSTRAINT a_of_b FOREIGN KEY (a) REFERENCES wp_a (id)) ENGINE = InnoDB; \
         CREATE TRIGGER stamp BEFORE INSERT ON wp_b FOR EACH ROW SET NEW.a = 1; INSERT INTO wp_a VALUES (1), (2); \
         INSERT INTO wp_b VALUES (1, 1), (2, 1); CREATE TABLE wp_shop_a (id INT PRIMARY KEY); INSERT INTO wp_shop_a VALUES (1); \
         CREATE TABLE other (id INT PRIMARY KEY); GRANT ALL PRIVILEGES ON *.* TO '{READER}'@'localhost'"
    ));
    let files = Files::of(&dump(&server, "shared").unwrap());
    let dumped = text(&server, "shared");
    server.sql(
        "DELETE FROM shared.wp_b WHERE id = 2; DROP TRIGGER shared.stamp; INSERT INTO shared.wp_a VALUES (3)",
    );
    let spoiled = text(&server, "shared");
    assert_ne!(spoiled, dumped);
    let access = access(&server, "shared");
    let target = |prefix: &str| Target::Prefix {
        database: "shared".into(),
        prefix: prefix.into(),
        others: vec!["wp_shop_".into()],
    };
    for step in ["side proven", "old saved", "old triggers dropped", "swapped", "code recreated"] {
        let plan = plan(&access, &files, &target("wp_"), &Options::default()).unwrap();
        let names: Vec<&str> = plan.tables.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["wp_a", "wp_b"]);
        let mut tell = |event| assert!(event != Event::Step(step), "killed");
        let mut watch = Watch { interrupted: None, tell: &mut tell };
        catch_unwind(AssertUnwindSafe(|| carry_out(&access, &files, &plan, &mut watch))).unwrap_err();
        assert!(heal(&access, "shared").unwrap().unwrap().left.is_empty(), "{step}");
        assert_eq!((text(&server, "shared"), databases(&server)), (spoiled.clone(), String::new()), "{step}");
    }
    server.sql("INSERT INTO shared.wp_shop_a VALUES (7); INSERT INTO shared.other VALUES (7)");
    load(&access, &files, &target("wp_"), &Options::default()).unwrap();
    server.sql("DELETE FROM shared.wp_shop_a WHERE id = 7; DELETE FROM shared.other WHERE id = 7");
    assert_eq!((text(&server, "shared"), databases(&server)), (dumped, String::new()));
    // Keys of tables that stay would follow the old ones away.
    server.sql(
        "CREATE TABLE shared.stays (id INT, a INT, FOREIGN KEY (a) REFERENCES wp_a (id)) ENGINE = InnoDB",
    );
    let error = load(&access, &files, &target("wp_"), &Options::default()).unwrap_err();
    assert!(error.message.contains("shared.stays") && error.message.contains("foreign keys"), "{error}");
}

#[test]
fn an_account_without_rights_is_told_which_and_definers_can_be_rewritten() {
    let (server, files) = shop();
    let before = text(&server, "shop");
    let rights = |rights: &str| dumping::create_reader(&server, rights);
    rights(&format!("GRANT SELECT ON shop.* TO '{READER}'@'localhost'"));
    let access = access(&server, "shop");
    let error = load(&access, &files, &over(), &Options::default()).unwrap_err();
    assert!(error.message.contains("GRANT ALL PRIVILEGES"), "{error}");
    rights(&format!(
        "GRANT ALL ON shop.* TO '{READER}'@'localhost'; GRANT ALL ON `holdfast\\_side\\_%`.* TO '{READER}'@'localhost'; \
         GRANT ALL ON `holdfast\\_aside\\_%`.* TO '{READER}'@'localhost'; GRANT SELECT ON mysql.proc TO '{READER}'@'localhost'"
    ));
    let error = load(&access, &files, &over(), &Options::default()).unwrap_err();
    assert!(error.message.contains("SET USER"), "{error}");
    assert_eq!((text(&server, "shop"), databases(&server)), (before, String::new()));
    let options = Options { definers: Definers::CurrentUser, ..Options::default() };
    load(&access, &files, &new("holdfast_side_x"), &options).unwrap();
    let definers = server.sql(
        "SELECT DISTINCT definer FROM information_schema.views WHERE table_schema = 'holdfast_side_x' \
         UNION SELECT definer FROM information_schema.triggers WHERE trigger_schema = 'holdfast_side_x'",
    );
    assert_eq!(definers.trim(), format!("{READER}@localhost"));
}

#[test]
fn a_strict_server_takes_zero_dates_and_a_large_blob_comes_through() {
    let source = server(&["--max-allowed-packet=256M"]);
    source.sql(
        "SET sql_mode = ''; CREATE DATABASE d; USE d; CREATE TABLE d.b (id INT PRIMARY KEY, b LONGBLOB, t DATE DEFAULT '0000-00-00'); \
         INSERT INTO d.b VALUES (1, REPEAT('\\0x''', 7000000), '0000-00-00'); CREATE TABLE d.s (id INT PRIMARY KEY); \
         INSERT INTO d.s SELECT seq FROM seq_1_to_10000",
    );
    assert_eq!(source.sql("SELECT LENGTH(b) FROM d.b").trim(), "21000000");
    let files = Files::of(&dump(&source, "d").unwrap());
    let strict = server(&[
        "--sql-mode=STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ANSI_QUOTES,NO_BACKSLASH_ESCAPES",
        "--max-allowed-packet=256M",
    ]);
    strict.sql(&format!("GRANT ALL PRIVILEGES ON *.* TO '{READER}'@'localhost'"));
    load(&access(&strict, "d"), &files, &new("d"), &Options::default()).unwrap();
    assert_eq!(checksums(&strict, "d"), checksums(&source, "d"));
    let small = server(&["--max-allowed-packet=16M"]);
    small.sql(&format!("GRANT ALL PRIVILEGES ON *.* TO '{READER}'@'localhost'"));
    let error = load(&access(&small, "d"), &files, &new("d"), &Options::default()).unwrap_err();
    assert!(error.message.contains("max_allowed_packet"), "{error}");
    assert_eq!(small.sql("SHOW DATABASES LIKE 'd'"), "");
}

#[test]
fn an_interruption_or_a_killed_connection_brings_the_old_back() {
    let (server, files) = shop();
    spoil(&server);
    let before = text(&server, "shop");
    let access = access(&server, "shop");
    let flag = Arc::new(AtomicBool::new(false));
    for (step, is_kill) in [
        ("side created", false),
        ("swapped", false),
        ("side created", true),
        ("old triggers dropped", true),
        ("swapped", true),
    ] {
        flag.store(false, Ordering::Relaxed);
        let plan = plan(&access, &files, &over(), &Options::default()).unwrap();
        let mut tell = |event| {
            if event == Event::Step(step) && is_kill {
                let kill = server.sql(&format!(
                    "SELECT GROUP_CONCAT('KILL ', id SEPARATOR ';') FROM information_schema.processlist WHERE user = '{READER}'"
                ));
                server.sql(&kill);
            } else if event == Event::Step(step) {
                flag.store(true, Ordering::Relaxed);
            }
        };
        let mut watch = Watch { interrupted: Some(Arc::clone(&flag)), tell: &mut tell };
        let error = carry_out(&access, &files, &plan, &mut watch).unwrap_err();
        let expected = if is_kill { LoadErrorKind::Server } else { LoadErrorKind::Interrupted };
        assert_eq!(error.kind, expected, "{step}: {error}");
        assert!(error.message.ends_with("the database is as it was"), "{step}: {error}");
        assert_eq!((text(&server, "shop"), databases(&server)), (before.clone(), String::new()), "{step}");
    }
}

#[test]
fn accounts_come_back_only_when_asked_for() {
    let (server, _) = shop();
    server.sql("CREATE USER buyer@localhost IDENTIFIED BY 'pw'; GRANT SELECT ON shop.* TO buyer@localhost");
    let files = Files::of(&dump(&server, "shop").unwrap());
    server.sql("DROP USER buyer@localhost");
    let access = access(&server, "shop");
    let found = || server.sql("SELECT COUNT(*) FROM mysql.user WHERE User = 'buyer'").trim().to_owned();
    load(&access, &files, &over(), &Options::default()).unwrap();
    assert_eq!(found(), "0");
    server.sql(&format!("GRANT ALL PRIVILEGES ON *.* TO '{READER}'@'localhost' WITH GRANT OPTION"));
    load(&access, &files, &over(), &Options { grants: true, keep_aside: true, ..Options::default() })
        .unwrap();
    assert_eq!(found(), "1");
    assert!(databases(&server).starts_with("holdfast_aside_"));
    let error = load(&access, &files, &over(), &Options::default()).unwrap_err();
    assert!(error.message.contains("DROP DATABASE `holdfast_aside_"), "{error}");
}
