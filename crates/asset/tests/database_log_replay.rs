//! Dumps with their logs, brought back to moments that were written down when they were now.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]

mod dumping;
mod logging;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use dumping::{READER, access, checksums, create_shop};
use holdfast_asset::database::load::{Definers, Event, LoadErrorKind, Options, Stop, Target, heal};
use holdfast_asset::database::log::Position;
use holdfast_testkit::servers::Mariadb;
use logging::{
    Files, Moment, at, compare_text, dumped, follow, freeze, left_behind, log_server, new, over, restore,
    restore_with, text, try_follow,
};

/// Tables of every kind, beside those of the shop.
const MORE: &str = "USE shop; \
    CREATE TABLE kinds (id INT PRIMARY KEY AUTO_INCREMENT, b BIT(11), d DECIMAL(30,10), f FLOAT, g DOUBLE, e ENUM('a','ü'), \
      s SET('x','y','z'), j JSON, y YEAR, t TIME(3), dt DATETIME(6), ts TIMESTAMP(6) NULL, bin VARBINARY(40), c CHAR(20) CHARACTER SET latin1, \
      u UUID, i INET6, p POINT, big LONGBLOB, txt MEDIUMTEXT COMPRESSED, \
      v INT AS (y * 3) VIRTUAL, w VARCHAR(50) AS (CONCAT('w', s)) PERSISTENT, KEY (v), KEY (w)); \
    CREATE TABLE no_key (a INT, b VARCHAR(20)); \
    CREATE TABLE parts (id INT PRIMARY KEY, v INT) PARTITION BY RANGE (id) (PARTITION a VALUES LESS THAN (100), PARTITION b VALUES LESS THAN MAXVALUE); \
    CREATE TABLE parents (id INT PRIMARY KEY); \
    CREATE TABLE children (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE CASCADE ON UPDATE CASCADE); \
    CREATE TABLE fired (what VARCHAR(40)); \
    CREATE TRIGGER fires AFTER INSERT ON no_key FOR EACH ROW INSERT INTO fired VALUES (CONCAT('fired ', NEW.a));";

/// Some writes, different for each round.
fn writes(round: u64) -> String {
    format!(
        "USE shop; SET sql_mode = ''; SET NAMES utf8mb4; \
         INSERT INTO kinds (b, d, f, g, e, s, j, y, t, dt, ts, bin, c, u, i, p, big, txt) VALUES \
           (b'1010', {round}.0123456789, 1.1, 2.2e300, 'ü', 'x,z', '{{\"a\": [{round}, \"😀\"]}}', 2026, '-12:00:01.123', '0000-00-00 00:00:00', \
            NOW(6), x'00ff0a275c', 'Größe', UUID(), '::1', POINT({round}, 2), REPEAT(x'00ff', 3000 + {round}), REPEAT('äöü😀', 500)), \
           (NULL, NULL, NULL, NULL, '', '', NULL, 0, NULL, '2020-02-30 00:00:00', NULL, '', '', NULL, NULL, NULL, '', NULL); \
         UPDATE kinds SET d = d + 1, s = 'y', big = CONCAT(big, 'x') WHERE id % 3 = {round} % 3; \
         INSERT INTO no_key VALUES ({round}, 'same'), ({round}, 'same'), (NULL, NULL); \
         DELETE FROM no_key WHERE a = {round} LIMIT 1; UPDATE no_key SET b = 'changed' WHERE a IS NULL LIMIT 1; \
         INSERT INTO parts VALUES ({round} * 2, 1); UPDATE parts SET id = id + 1000 WHERE id = {round} * 2 AND {round} % 2 = 0; \
         START TRANSACTION; INSERT INTO parents VALUES ({round}); INSERT INTO children VALUES ({round}, {round}); SAVEPOINT `a b`; \
         INSERT INTO parents VALUES (-{round}); INSERT INTO log_myisam (line) VALUES ('in between {round}'); ROLLBACK TO `a b`; COMMIT; \
         UPDATE parents SET id = id + 100000 WHERE id = {round} - 1; DELETE FROM parents WHERE id = 100000 + {round} - 3; \
         START TRANSACTION; INSERT INTO orders VALUES (900000 + {round}, 1, 'never'); ROLLBACK; \
         INSERT INTO customers (name, since) VALUES ('Żółć {round} 🦀', NULL); UPDATE customers SET balance = {round} WHERE id = 2; \
         INSERT INTO log_aria VALUES (1000 + {round}, 'more'); UPDATE log_myisam SET line = CONCAT(line, '!') WHERE id % 50 = {round} % 50; \
         INSERT INTO session_memory VALUES (1000 + {round}, 'memory'); SELECT NEXTVAL(numbers);"
    )
}

fn shop(options: &[&str]) -> Mariadb {
    let server = log_server(options);
    create_shop(&server);
    server.sql(MORE);
    server
}

/// Restores each moment, by its second and by its place, and compares.
fn compare(server: &Mariadb, dump: &Files, log: &Files, moments: &[(&str, &Moment)]) {
    for (name, moment) in moments {
        let access = access(server, "shop");
        for stop in [at(moment.second), Stop::Position(moment.position.clone())] {
            let loaded = restore(&access, dump, log, stop.clone(), &new("again"))
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            let replayed = loaded.replayed.unwrap();
            assert_eq!(checksums(server, "again"), moment.checksums, "{name}: {stop:?}: {replayed:?}");
            // A trigger keeps the text that made it, in which it need not say where it is.
            let wanted = moment.text.replace(
                "TRIGGER shop.more BEFORE INSERT ON shop.orders",
                "TRIGGER more BEFORE INSERT ON orders",
            );
            compare_text(&text(server, "again"), &wanted.replace("`shop`.", "`again`."), name);
            server.sql("DROP DATABASE again");
            assert_eq!(left_behind(server), "", "{name}");
            if moments.len() > 3 {
                break;
            }
        }
    }
}

#[test]
fn moments_of_a_busy_shop_come_back_exactly() {
    let mut server = shop(&[]);
    let writer = |server: &Mariadb, rounds: std::ops::Range<u64>| {
        rounds.for_each(|round| drop(server.sql(&writes(round))));
    };
    writer(&server, 1..4);
    let dump = dumped(&server, "shop");
    let lock = Mutex::new(());
    let (is_over, round) = (AtomicBool::new(false), AtomicU64::new(4));
    let mut moments = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let _turn = lock.lock().unwrap();
                server.sql(&writes(round.fetch_add(1, Ordering::Relaxed)));
            }
        });
        for _ in 0..3 {
            let before = round.load(Ordering::Relaxed);
            while round.load(Ordering::Relaxed) < before + 4 {
                std::thread::yield_now();
            }
            let _turn = lock.lock().unwrap();
            moments.push(freeze(&server, "shop"));
            server.sql("FLUSH BINARY LOGS");
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(moments.windows(2).all(|pair| pair[0].checksums != pair[1].checksums));
    server.restart();
    writer(&server, 1000..1002);
    let last = freeze(&server, "shop");
    writer(&server, 1002..1004);
    let log = follow(&server, &dump);
    compare(
        &server,
        &dump,
        &log,
        &[("first", &moments[0]), ("second", &moments[1]), ("third", &moments[2]), ("last", &last)],
    );
}

#[test]
fn what_was_written_while_the_dump_was_made_is_neither_lost_nor_there_twice() {
    let server = log_server(&[]);
    server.sql(
        "CREATE DATABASE shop; USE shop; CREATE TABLE rows_in (id INT PRIMARY KEY AUTO_INCREMENT, n INT); \
         CREATE TABLE plain (id INT PRIMARY KEY AUTO_INCREMENT, n INT) ENGINE = MyISAM; \
         CREATE TABLE no_key (n INT, t VARCHAR(100)) ENGINE = MyISAM; INSERT INTO no_key SELECT seq, REPEAT('x', 99) FROM seq_1_to_2000",
    );
    let is_over = AtomicBool::new(false);
    let mut dumps = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let round = "START TRANSACTION; INSERT INTO rows_in (n) VALUES (1); INSERT INTO plain (n) VALUES (1); COMMIT; \
                         INSERT INTO no_key VALUES (1, 'same'); UPDATE plain SET n = n + 1 ORDER BY id DESC LIMIT 3; \
                         DELETE FROM no_key LIMIT 1; UPDATE rows_in SET n = n + 1 ORDER BY id DESC LIMIT 3;";
            while !is_over.load(Ordering::Relaxed) {
                server.sql(&format!("USE shop; {}", round.repeat(20)));
            }
        });
        for _ in 0..5 {
            dumps.push(dumped(&server, "shop"));
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let moment = freeze(&server, "shop");
    let moved = |dump: &&Files| {
        let base = dump.base();
        base.start().position != base.position || base.start().file != base.file
    };
    assert!(dumps.iter().filter(moved).count() > 0, "nothing was written between lock and snapshot");
    for dump in &dumps {
        let log = follow(&server, dump);
        restore(&access(&server, "shop"), dump, &log, at(moment.second), &new("again")).unwrap();
        assert_eq!(checksums(&server, "again"), moment.checksums);
        server.sql("DROP DATABASE again");
    }
}

#[test]
fn statements_between_the_rows_are_repeated_at_their_place() {
    let server = shop(&[]);
    server.sql(&writes(1));
    let dump = dumped(&server, "shop");
    server.sql(
        "USE shop; SET sql_mode = ''; ALTER TABLE kinds ADD COLUMN added TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) COMMENT 'später 🦀', ADD KEY (dt); \
         CREATE TABLE copied AS SELECT id, d FROM kinds; CREATE TABLE liked LIKE no_key; INSERT INTO liked VALUES (1, 'x'); \
         RENAME TABLE log_aria TO log_renamed, nothing TO something; TRUNCATE log_myisam; DROP TABLE session_memory; \
         CREATE UNIQUE INDEX by_line ON log_renamed (id, line(10)); ALTER TABLE log_myisam ENGINE = InnoDB;",
    );
    let first = freeze(&server, "shop");
    server.sql(
        "USE shop; SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'; ALTER TABLE \"shop\".copied COMMENT = 'ends in \\'; SET sql_mode = ''; \
         CREATE OR REPLACE VIEW a_view AS SELECT id, 'shop.orders' AS what FROM shop.copied; DROP VIEW zeroth; \
         DROP FUNCTION twice; CREATE PROCEDURE shop.later(a INT) DELETE FROM shop.orders WHERE id = a; \
         CREATE DEFINER = gone@localhost TRIGGER shop.more BEFORE INSERT ON shop.orders FOR EACH ROW SET NEW.note = CONCAT(NEW.note, ' from shop.'); \
         DROP TRIGGER stamped; DROP EVENT nightly; \
         SET foreign_key_checks = 0; DROP TABLE parents; SET foreign_key_checks = 1; DROP TABLE children; \
         ALTER DATABASE shop CHARACTER SET latin1 COLLATE latin1_german1_ci; CREATE TABLE in_latin (a VARCHAR(10) DEFAULT 'ä'); \
         CREATE EVENT shop.soon ON SCHEDULE EVERY 1 MINUTE STARTS '2020-01-01 00:00:00' DO DELETE FROM orders; \
         SET STATEMENT max_statement_time = 100 FOR CREATE TABLE after_all (id INT PRIMARY KEY, t TEXT); \
         ALTER SEQUENCE numbers INCREMENT BY 7; DELETE FROM orders WHERE id > 2500; DROP TEMPORARY TABLE IF EXISTS shop.none; \
         ANALYZE TABLE orders; OPTIMIZE TABLE orders; USE mysql; CREATE TABLE shop.from_elsewhere (a INT); ALTER TABLE shop.copied ADD x INT;",
    );
    let latin = b"SET NAMES latin1; ALTER TABLE shop.copied COMMENT 'Gr\xf6\xdfe', ADD \xfcber VARCHAR(9) DEFAULT '\xdf'; INSERT INTO shop.copied (id) VALUES (77);";
    assert!(server.load("shop", latin).status.success());
    server.sql(
        "CREATE USER other@localhost; GRANT SELECT ON shop.* TO other@localhost; DROP USER other@localhost",
    );
    let second = freeze(&server, "shop");
    server.sql("DROP DATABASE shop");
    let gone =
        server.sql("DO SLEEP(1.001 - MICROSECOND(NOW(6)) / 1000000); SELECT FLOOR(UNIX_TIMESTAMP(NOW(6)))");
    let gone: i64 = gone.trim().parse().unwrap();
    server.sql("CREATE DATABASE shop CHARACTER SET utf8mb4; CREATE TABLE shop.fresh (id INT PRIMARY KEY); INSERT INTO shop.fresh VALUES (5)");
    let third = freeze(&server, "shop");
    let log = follow(&server, &dump);
    compare(&server, &dump, &log, &[("first", &first), ("second", &second), ("third", &third)]);
    let error = restore(&access(&server, "shop"), &dump, &log, at(gone - 1), &new("again")).unwrap_err();
    assert_eq!(error.kind, LoadErrorKind::Refused);
    assert!(error.message.contains("no such database at that instant"), "{error}");
    assert_eq!(server.sql("SHOW DATABASES LIKE 'again'") + &left_behind(&server), "");
}

#[test]
fn a_shop_comes_back_over_itself_and_one_table_alone() {
    let server = shop(&[]);
    let dump = dumped(&server, "shop");
    server.sql(&writes(1));
    server.sql(
        "USE shop; CREATE TRIGGER later BEFORE INSERT ON orders FOR EACH ROW SET NEW.note = 'triggered'; DROP VIEW orphan; \
         CREATE VIEW view_later AS SELECT id FROM shop.orders; CREATE FUNCTION late() RETURNS INT DETERMINISTIC RETURN 1; \
         CREATE EVENT eventually ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DO DELETE FROM shop.orders",
    );
    let moment = freeze(&server, "shop");
    server.sql("USE shop; SET foreign_key_checks = 0; DROP TABLE orders, kinds; UPDATE customers SET name = 'gone'; DROP VIEW view_later; DROP EVENT nightly");
    let log = follow(&server, &dump);
    let access = access(&server, "shop");
    let table = Target::Table {
        database: "shop".into(),
        table: "customers".into(),
        beside: Some("customers_then".into()),
    };
    let loaded = restore(&access, &dump, &log, at(moment.second), &table).unwrap();
    assert_eq!(loaded.tables, 1);
    let sum = server.sql("CHECKSUM TABLE shop.customers_then").trim().rsplit('\t').next().unwrap().to_owned();
    assert!(moment.checksums.contains(&("customers".to_owned(), sum)));
    server.sql("DROP TABLE shop.customers_then");
    assert_eq!(left_behind(&server), "");

    let loaded = restore(&access, &dump, &log, at(moment.second), &over("shop")).unwrap();
    assert_eq!(checksums(&server, "shop"), moment.checksums);
    compare_text(&text(&server, "shop"), &moment.text, "over");
    assert_eq!(left_behind(&server), "");
    let replayed = loaded.replayed.unwrap();
    assert!(replayed.transactions > 10 && replayed.statements == 5, "{replayed:?}");
    // Whoever restored over a followed database takes a new dump: tables came from elsewhere.
    let error = try_follow(access.clone(), &dump.base(), false).err().unwrap();
    assert!(error.wants_dump() && error.message.contains("a restore of this database"), "{error}");
}

#[test]
fn definers_become_whoever_loads_where_that_is_wanted() {
    let server = shop(&[]);
    let dump = dumped(&server, "shop");
    server.sql("USE shop; CREATE DEFINER = gone@localhost VIEW later AS SELECT 1 AS a; CREATE DEFINER = gone@localhost PROCEDURE p() SELECT 1");
    let log = follow(&server, &dump);
    let access = access(&server, "shop");
    let options = Options { definers: Definers::CurrentUser, ..Options::default() };
    for target in [new("again"), over("shop")] {
        restore_with(&access, &dump, &log, Stop::End, &target, &options, &mut |_| {}).unwrap();
        let database = target.database();
        let definers = server.sql(&format!(
            "SELECT DISTINCT definer FROM information_schema.views WHERE table_schema = '{database}' UNION \
             SELECT DISTINCT definer FROM information_schema.routines WHERE routine_schema = '{database}' UNION \
             SELECT DISTINCT definer FROM information_schema.triggers WHERE trigger_schema = '{database}'"
        ));
        assert_eq!(definers, format!("{READER}@localhost\n"), "{database}");
        let views = server.sql(&format!(
            "SELECT table_name FROM information_schema.views WHERE table_schema = '{database}' ORDER BY 1"
        ));
        assert_eq!(views, "a_view\nfirst_view\nlater\norphan\nzeroth\n", "{database}");
        assert_eq!(left_behind(&server), "");
    }
}

#[test]
fn a_statement_that_names_another_database_fails_and_touches_nothing() {
    let server = log_server(&[]);
    server.sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY); CREATE DATABASE live; CREATE TABLE live.t (id INT); INSERT INTO live.t VALUES (1)");
    let mut is_first = true;
    for statement in [
        "USE shop; ALTER TABLE live.t ADD COLUMN a INT",
        "USE shop; DROP TABLE live.t",
        "USE shop; TRUNCATE live.t",
        "USE shop; CREATE TABLE live.another (id INT)",
        "USE shop; CREATE VIEW v AS SELECT * FROM live.t",
        "USE live; RENAME TABLE shop.t TO moved",
        "USE shop; RENAME TABLE t TO live.moved",
        "USE live; CREATE TRIGGER shop.x AFTER INSERT ON shop.t FOR EACH ROW SET @a = 1; USE shop; CREATE EVENT live.e ON SCHEDULE EVERY 1 DAY DO SET @a = 1",
    ] {
        server.sql("CREATE OR REPLACE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY); INSERT INTO shop.t VALUES (1)");
        server.sql(
            "CREATE OR REPLACE DATABASE live; CREATE TABLE live.t (id INT); INSERT INTO live.t VALUES (1)",
        );
        let dump = dumped(&server, "shop");
        let before = is_first.then(|| freeze(&server, "shop"));
        server.sql("INSERT INTO shop.t VALUES (2)");
        server.sql(statement);
        server.sql(
            "CREATE OR REPLACE DATABASE live; CREATE TABLE live.t (id INT); INSERT INTO live.t VALUES (1)",
        );
        let log = try_follow(access(&server, "shop"), &dump.base(), true).unwrap();
        let live = text(&server, "live");
        let now = text(&server, "shop");
        for target in [over("shop"), new("again")].into_iter().take(if is_first { 2 } else { 1 }) {
            let error =
                restore(&access(&server, "shop"), &dump, &log, Stop::End, &target).expect_err(statement);
            assert!(error.message.contains("cannot replay a statement in mbin."), "{statement}: {error}");
            assert!(error.message.contains("names another database"), "{statement}: {error}");
            assert_eq!(text(&server, "live"), live, "{statement}");
            assert_eq!(text(&server, "shop"), now, "{statement}");
            assert_eq!(left_behind(&server) + &server.sql("SHOW DATABASES LIKE 'again'"), "", "{statement}");
        }
        if let Some(before) = before {
            restore(&access(&server, "shop"), &dump, &log, at(before.second), &new("again")).unwrap();
            assert_eq!(checksums(&server, "again"), before.checksums);
            server.sql("DROP DATABASE again");
        }
        is_first = false;
    }
}

#[test]
fn other_databases_of_the_server_stay_out_of_it() {
    let server = log_server(&[]);
    server.sql(
        "CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY, v INT); CREATE DATABASE crm; CREATE TABLE crm.t (id INT PRIMARY KEY, v INT); \
         INSERT INTO shop.t VALUES (1, 1); INSERT INTO crm.t VALUES (1, 1)",
    );
    let dump = dumped(&server, "shop");
    server.sql(
        "START TRANSACTION; INSERT INTO crm.t VALUES (2, 2); INSERT INTO shop.t VALUES (2, 2); COMMIT; \
         UPDATE shop.t a JOIN crm.t b USING (id) SET a.v = 10, b.v = 20; INSERT INTO crm.t VALUES (3, 3); ALTER TABLE crm.t ADD x INT; \
         USE crm; INSERT INTO shop.t VALUES (7, 7); DROP TABLE t",
    );
    let moment = freeze(&server, "shop");
    let log = try_follow(access(&server, "shop"), &dump.base(), true).unwrap();
    assert!(log.manifest().has_other_databases);
    let loaded = restore(&access(&server, "shop"), &dump, &log, at(moment.second), &new("again")).unwrap();
    assert_eq!(loaded.replayed.unwrap().transactions, 3);
    assert_eq!(checksums(&server, "again"), moment.checksums);
}

#[test]
fn a_log_that_is_cut_bent_or_foreign_changes_nothing() {
    let server = log_server(&[]);
    server.sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY, v TEXT); INSERT INTO shop.t VALUES (1, 'one')");
    let older = dumped(&server, "shop");
    server.sql("INSERT INTO shop.t VALUES (2, 'two')");
    let dump = dumped(&server, "shop");
    server.sql("INSERT INTO shop.t VALUES (3, 'a row to be bent'); FLUSH BINARY LOGS; INSERT INTO shop.t VALUES (4, 'four')");
    let moment = freeze(&server, "shop");
    let whole = follow(&server, &dump);
    server.sql("DELETE FROM shop.t");
    let now = text(&server, "shop");
    let access = access(&server, "shop");
    let damage: [(&str, fn(&mut Files)); 7] = [
        ("checksum of an event is wrong", |log| {
            let bytes = log.bytes("mbin.000001");
            let at = bytes.windows(16).position(|part| part == b"a row to be bent").unwrap();
            bytes[at] ^= 1;
        }),
        ("ends after", |log| {
            let bytes = log.bytes("mbin.000001");
            bytes.truncate(bytes.len() - 31);
        }),
        ("SHA-256", |log| {
            // In the head, which has no checksum of its own that would tell.
            let other = log.bytes("mbin.000002").clone();
            let manifest = String::from_utf8(log.bytes("log.json").clone()).unwrap();
            let sha = log.manifest().files[1].sha256.clone();
            *log.bytes("log.json") = manifest.replace(&sha, &"0".repeat(64)).into_bytes();
            drop(other);
        }),
        ("an event of", |log| {
            // The size of the first event, whose checksum is looked for where it says.
            log.bytes("mbin.000002")[4 + 12] = 0x20;
        }),
        ("is missing", |log| log.0.retain(|(name, _)| name != "mbin.000002")),
        ("not in log.json", |log| log.0.push(("mbin.000009".into(), Vec::new()))),
        ("the next file is", |log| {
            for (name, _) in &mut log.0 {
                *name = name.replace("mbin.000002", "mbin.000003");
            }
            let manifest = String::from_utf8(log.bytes("log.json").clone()).unwrap();
            *log.bytes("log.json") = manifest.replace("mbin.000002", "mbin.000003").into_bytes();
        }),
    ];
    let mut steps = Vec::new();
    for (said, damage) in damage {
        let mut log = whole.clone();
        damage(&mut log);
        for target in [over("shop"), new("again")] {
            let error =
                restore_with(&access, &dump, &log, Stop::End, &target, &Options::default(), &mut |event| {
                    steps.push(event);
                });
            let error = error.unwrap_err();
            assert_eq!(error.kind, LoadErrorKind::Dump, "{said}: {error}");
            assert!(error.message.contains(said), "{said}: {error}");
        }
    }
    assert_eq!(steps, [], "nothing was begun");
    assert_eq!(text(&server, "shop"), now);
    assert_eq!(left_behind(&server) + &server.sql("SHOW DATABASES LIKE 'again'"), "");
    for (dump, stop, said) in [
        (&older, Stop::End, "take the log that belongs to it"),
        (&dump, at(moment.second + 3600), "the log is complete until"),
        (&dump, at(moment.second - 3600), "take an earlier dump"),
        (
            &dump,
            Stop::Position(Position { file: "mbin.000007".into(), position: 4 }),
            "does not have the place",
        ),
    ] {
        let error = restore(&access, dump, &whole, stop, &new("again")).unwrap_err();
        assert_eq!(error.kind, LoadErrorKind::Refused, "{error}");
        assert!(error.message.contains(said), "{error}");
    }
    restore(&access, &dump, &whole, Stop::End, &over("shop")).unwrap();
    assert_eq!(checksums(&server, "shop"), moment.checksums);
}

#[test]
fn whoever_is_killed_in_a_replay_leaves_the_old_and_no_account() {
    let server = shop(&[]);
    let dump = dumped(&server, "shop");
    server.sql(&writes(1));
    server.sql("ALTER TABLE shop.orders ADD a INT; CREATE VIEW shop.v AS SELECT 1 AS a; INSERT INTO shop.orders (id) VALUES (99999)");
    let moment = freeze(&server, "shop");
    let log = follow(&server, &dump);
    server.sql("UPDATE shop.customers SET name = 'now'");
    let now = text(&server, "shop");
    let access = access(&server, "shop");
    let restored = |tell: &mut dyn FnMut(Event)| {
        restore_with(&access, &dump, &log, Stop::End, &over("shop"), &Options::default(), tell)
    };
    for step in ["log begun", "log replayed", "old saved", "swapped", "code recreated"] {
        let mut tell = |event| assert!(event != Event::Step(step), "killed");
        catch_unwind(AssertUnwindSafe(|| restored(&mut tell))).unwrap_err();
        let healed = heal(&access, "shop").unwrap().unwrap();
        assert!(healed.left.is_empty(), "{step}: {healed:?}");
        assert_eq!(text(&server, "shop"), now, "{step}");
        assert_eq!(left_behind(&server), "", "{step}");
    }
    // In the middle, with the account there.
    let (mut is_begun, mut transactions) = (false, 0);
    let mut tell = |event| {
        is_begun |= event == Event::Step("log begun");
        transactions += usize::from(is_begun);
        let has_account =
            server.sql("SELECT COUNT(*) FROM mysql.user WHERE User LIKE 'holdfast\\_replay%'") == "1\n";
        assert!(!(is_begun && has_account), "killed");
    };
    catch_unwind(AssertUnwindSafe(|| restored(&mut tell))).unwrap_err();
    assert!(transactions > 3 && left_behind(&server).contains("holdfast_replay_"));
    heal(&access, "shop").unwrap().unwrap();
    assert_eq!((text(&server, "shop"), left_behind(&server)), (now, String::new()));
    restored(&mut |_| {}).unwrap();
    assert_eq!(checksums(&server, "shop"), moment.checksums);
}

#[test]
fn a_changed_row_larger_than_a_statement_is_replayed() {
    let server = log_server(&["--max-allowed-packet=4M"]);
    server.sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY, b LONGBLOB)");
    let dump = dumped(&server, "shop");
    server.sql("USE shop; INSERT INTO shop.t VALUES (1, REPEAT(x'00ff', 1200000)); UPDATE shop.t SET b = CONCAT(b, 'x'); INSERT INTO shop.t SELECT seq, REPEAT('y', 900) FROM seq_10_to_4000");
    let moment = freeze(&server, "shop");
    let log = follow(&server, &dump);
    restore(&access(&server, "shop"), &dump, &log, at(moment.second), &new("again")).unwrap();
    assert_eq!(checksums(&server, "again"), moment.checksums);
}

#[test]
fn who_may_not_replay_is_told_before_anything_is_done() {
    let server = log_server(&[]);
    server.sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY)");
    let dump = dumped(&server, "shop");
    server.sql("INSERT INTO shop.t VALUES (1)");
    let log = follow(&server, &dump);
    let access = access(&server, "shop");
    server.sql(&format!("REVOKE BINLOG REPLAY, SUPER, CREATE USER ON *.* FROM '{READER}'@'localhost'"));
    let error = restore(&access, &dump, &log, Stop::End, &new("again")).unwrap_err();
    assert_eq!(error.kind, LoadErrorKind::Refused, "{error}");
    assert!(error.message.contains("GRANT BINLOG REPLAY, CREATE USER ON *.*"), "{error}");
    server.sql(&format!(
        "GRANT ALL PRIVILEGES ON *.* TO '{READER}'@'localhost'; SET GLOBAL slave_exec_mode = 'IDEMPOTENT'"
    ));
    let error = restore(&access, &dump, &log, Stop::End, &new("again")).unwrap_err();
    assert!(error.message.contains("slave_exec_mode = 'STRICT'"), "{error}");
    assert_eq!(server.sql("SHOW DATABASES LIKE 'again'"), "");
}
