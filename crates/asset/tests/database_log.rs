//! The log of a real server, followed: what arrives, what stands in the way, and what is no log of that dump any more.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(clippy::disallowed_methods, reason = "tests look at the machine directly")]

mod dumping;
mod logging;

use std::process::Command;

use dumping::{READER, access, create_reader, create_shop, server};
use holdfast_asset::database::log::{Gap, LogError, LogErrorKind, Refusal, can_follow};
use holdfast_testkit::lab;
use holdfast_testkit::servers::Mariadb;
use logging::{dumped, follow, log_server, try_follow};

/// Reads a file with the server's own tool.
fn stock(files: &logging::Files, name: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let (_, bytes) = files.0.iter().find(|(other, _)| other == name).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let output = Command::new(lab::program("mariadb-binlog"))
        .args(["--no-defaults", "--verify-binlog-checksum", "--verbose"])
        .arg(path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{name}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_files_are_the_servers_own_and_its_tools_read_them() {
    let mut server = log_server(&[]);
    create_shop(&server);
    server.sql("CREATE TABLE shop.before_dump (id INT PRIMARY KEY, t LONGTEXT); INSERT INTO shop.before_dump VALUES (1, 'early')");
    let dump = dumped(&server, "shop");
    let base = dump.base();
    assert_eq!(base.server.as_ref().unwrap().id, 7);
    let empty = follow(&server, &dump);
    assert_eq!((empty.0.len(), empty.manifest().transactions, empty.manifest().files.len()), (2, 0, 1));

    server.sql("INSERT INTO shop.before_dump VALUES (2, 'first file')");
    let first = follow(&server, &dump);
    assert_eq!((first.manifest().transactions, first.manifest().transactions_of_database), (1, 1));
    server
        .sql("FLUSH BINARY LOGS; INSERT INTO shop.before_dump VALUES (3, 'second file'); FLUSH BINARY LOGS");
    server.restart();
    // Killed: the file before does not end as one that was closed.
    server.sql("INSERT INTO shop.before_dump VALUES (4, 'after a kill'), (5, REPEAT('é😀', 200000)); CREATE DATABASE other; DROP DATABASE other");
    let log = follow(&server, &dump);
    let manifest = log.manifest();
    let names: Vec<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["mbin.000001", "mbin.000002", "mbin.000003", "mbin.000004"]);
    assert_eq!((manifest.transactions, manifest.transactions_of_database), (5, 3));
    assert_eq!(manifest.end.file, "mbin.000004");
    // What came first is what a newer point begins with: only its tail is new.
    let (old, new) = (&first.0[0].1, &log.0[0].1);
    assert!(new.starts_with(old) && new.len() > old.len());
    for (file, (name, bytes)) in manifest.files.iter().zip(&log.0) {
        let own = std::fs::read(server.folder().join("data").join(name)).unwrap();
        let from = usize::try_from(file.from).unwrap();
        let head = bytes.len() - (usize::try_from(file.to).unwrap() - from);
        if from == 4 {
            let mut closed = own.clone();
            // Of a file that was not closed the server still says so, and does not send that.
            closed[21] &= !1;
            assert_eq!(&closed[..bytes.len()], bytes, "{name}");
        } else {
            assert!(head > 100 && own[from..from + bytes.len() - head] == bytes[head..], "{name}");
        }
    }
    assert!(stock(&log, "mbin.000001").contains("first file"), "the tool tells of the row");
    assert!(stock(&log, "mbin.000002").contains("second file"));
    assert!(!stock(&log, "mbin.000001").contains("early"));
    stock(&log, "mbin.000003");
    assert!(stock(&log, "mbin.000004").contains("after a kill"));
}

#[test]
fn what_stands_in_the_way_is_said_with_what_to_do() {
    let server = log_server(&[]);
    server.sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY)");
    let asked = |whole| can_follow(&access(&server, "shop"), whole).unwrap();
    let follow = asked(false);
    assert!(follow.is_possible(), "{}", follow.words());
    assert_eq!((follow.retention, follow.position.unwrap().file.as_str()), (None, "mbin.000001"));
    server.sql("SET GLOBAL binlog_expire_logs_seconds = 7200");
    assert_eq!(asked(false).retention.unwrap().as_secs(), 7200);

    for (setting, back, refusal, words) in [
        (
            "binlog_format = 'MIXED'",
            "binlog_format = 'ROW'",
            Refusal::Format("MIXED".into()),
            "SET GLOBAL binlog_format = ROW",
        ),
        (
            "binlog_format = 'STATEMENT'",
            "binlog_format = 'ROW'",
            Refusal::Format("STATEMENT".into()),
            "SET GLOBAL binlog_format = ROW",
        ),
        (
            "binlog_row_image = 'MINIMAL'",
            "binlog_row_image = 'FULL'",
            Refusal::RowImage("MINIMAL".into()),
            "binlog_row_image = FULL",
        ),
        (
            "binlog_checksum = 'NONE'",
            "binlog_checksum = 'CRC32'",
            Refusal::Checksum,
            "binlog_checksum = CRC32",
        ),
        ("log_bin_compress = ON", "log_bin_compress = OFF", Refusal::Compressed, "log_bin_compress = OFF"),
    ] {
        server.sql(&format!("SET GLOBAL {setting}"));
        let follow = asked(false);
        assert_eq!(follow.refusals, [refusal], "{setting}");
        assert!(follow.words().contains(words), "{}", follow.words());
        server.sql(&format!("SET GLOBAL {back}"));
    }
    server.sql("CREATE DATABASE crm; CREATE DATABASE blog");
    assert_eq!(asked(false).refusals, [Refusal::OtherDatabases(vec!["blog".into(), "crm".into()])]);
    assert!(asked(false).words().contains("blog, crm") && asked(true).is_possible());
    server
        .sql("DROP DATABASE crm; DROP DATABASE blog; CREATE TABLE shop.old (id INT) WITH SYSTEM VERSIONING");
    assert_eq!(asked(false).refusals, [Refusal::Tables(vec!["old".into()])]);
    server.sql("DROP TABLE shop.old");
    server.sql(&format!("REVOKE ALL, GRANT OPTION FROM '{READER}'@'localhost'"));
    create_reader(&server, &format!("GRANT SELECT ON shop.* TO '{READER}'@'localhost'"));
    let follow = asked(false);
    assert_eq!(
        follow.refusals,
        [Refusal::Rights(vec!["REPLICATION SLAVE".into(), "BINLOG MONITOR".into()]), Refusal::Unseen]
    );
    assert!(follow.words().contains("GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.*"), "{}", follow.words());
    server.sql(&format!(
        "GRANT REPLICATION SLAVE, BINLOG MONITOR, SHOW DATABASES ON *.* TO '{READER}'@'localhost'"
    ));
    assert!(asked(false).is_possible(), "{}", asked(false).words());
    // By a role as well.
    server.sql(&format!(
        "REVOKE REPLICATION SLAVE ON *.* FROM '{READER}'@'localhost'; CREATE ROLE follows; GRANT REPLICATION SLAVE ON *.* TO follows; \
         GRANT follows TO '{READER}'@'localhost'; GRANT SELECT ON mysql.* TO '{READER}'@'localhost'"
    ));
    assert_eq!(asked(false).refusals, [Refusal::Rights(vec!["REPLICATION SLAVE".into()])], "others have it");
    server.sql(&format!("SET DEFAULT ROLE follows FOR '{READER}'@'localhost'"));
    assert!(asked(false).is_possible(), "{}", asked(false).words());
}

#[test]
fn without_a_log_it_cannot_be_followed() {
    let server = server(&[]);
    server.sql("CREATE DATABASE shop");
    let follow = can_follow(&access(&server, "shop"), false).unwrap();
    assert_eq!(follow.refusals, [Refusal::Off]);
    assert!(follow.words().contains("set log_bin"), "{}", follow.words());
    let error = can_follow(
        &holdfast_asset::database::Access { user: "nobody".into(), ..access(&server, "shop") },
        false,
    );
    assert_eq!(error.unwrap_err().kind, LogErrorKind::Rights);
}

/// What is said when a log is followed from a dump that it does not go on from.
fn gap(server: &Mariadb, dump: &logging::Files) -> LogError {
    let base = dump.base();
    let error = match try_follow(access(server, "shop"), &base, false) {
        Ok(files) => panic!("it was followed: {:?}", files.manifest()),
        Err(error) => error,
    };
    assert!(error.wants_dump() && error.to_string().contains("a new dump is needed"), "{error}");
    error
}

fn small_shop(server: &Mariadb) -> logging::Files {
    server.sql("CREATE DATABASE IF NOT EXISTS shop; CREATE TABLE IF NOT EXISTS shop.t (id INT PRIMARY KEY AUTO_INCREMENT, t TEXT); INSERT INTO shop.t (t) VALUES ('x')");
    dumped(server, "shop")
}

#[test]
fn a_log_that_does_not_go_on_from_the_dump_is_a_gap() {
    let server = log_server(&[]);
    let dump = small_shop(&server);
    server.sql("INSERT INTO shop.t (t) VALUES ('y'); FLUSH BINARY LOGS; INSERT INTO shop.t (t) VALUES ('z')");
    assert_eq!(follow(&server, &dump).manifest().transactions, 2);
    let mut elsewhere = dump.base();
    elsewhere.position += 3;
    let error = try_follow(access(&server, "shop"), &elsewhere, false).err().unwrap();
    assert!(matches!(error.kind, LogErrorKind::Gap(Gap::Position | Gap::Reset | Gap::Damaged)), "{error}");

    let other = log_server(&["--server-id=8"]);
    small_shop(&other);
    let error = gap(&other, &dump);
    assert_eq!(error.kind, LogErrorKind::Gap(Gap::OtherServer), "{error}");
    assert!(error.message.contains("server_id 7") && error.message.contains("server_id 8"), "{error}");

    server.sql("PURGE BINARY LOGS TO 'mbin.000002'");
    let error = gap(&server, &dump);
    assert_eq!(error.kind, LogErrorKind::Gap(Gap::Purged), "{error}");
    assert!(error.message.contains("mbin.000001") && error.message.contains("mbin.000002"), "{error}");

    let dump = small_shop(&server);
    server.sql("RESET MASTER");
    assert_eq!(gap(&server, &dump).kind, LogErrorKind::Gap(Gap::Reset));
    // The new log grows beyond the old place, under the old name.
    let dump = small_shop(&server);
    server.sql("RESET MASTER");
    while server.sql("SHOW MASTER STATUS").split('\t').nth(1).unwrap().parse::<u64>().unwrap()
        <= dump.base().position
    {
        server.sql("INSERT INTO shop.t (t) VALUES ('again')");
    }
    let error = gap(&server, &dump);
    assert!(matches!(error.kind, LogErrorKind::Gap(Gap::Reset | Gap::Position)), "{error}");
}

#[test]
fn what_could_not_be_replayed_is_a_gap_when_it_is_read() {
    let server = log_server(&[]);
    for (statements, words) in [
        (
            "SET SESSION binlog_format = 'STATEMENT'; INSERT INTO shop.t (t) VALUES ('by statement')",
            "binlog_format",
        ),
        (
            "XA START 'a'; INSERT INTO shop.t (t) VALUES ('xa'); XA END 'a'; XA PREPARE 'a'; XA COMMIT 'a'",
            "XA",
        ),
    ] {
        let dump = small_shop(&server);
        server.sql(statements);
        let error = gap(&server, &dump);
        assert_eq!(error.kind, LogErrorKind::Gap(Gap::Unrepeatable), "{error}");
        assert!(error.message.contains(words), "{error}");
    }
    // A statement that is about another database alone is no harm.
    let dump = small_shop(&server);
    server.sql("CREATE DATABASE crm; CREATE TABLE crm.t (a INT); SET SESSION binlog_format = 'STATEMENT'; USE crm; INSERT INTO t VALUES (1)");
    let base = dump.base();
    let error = try_follow(access(&server, "shop"), &base, false).err().unwrap();
    assert_eq!(error.kind, LogErrorKind::Settings, "{error}");
    let whole = try_follow(access(&server, "shop"), &base, true).unwrap().manifest();
    assert_eq!((whole.transactions, whole.transactions_of_database, whole.has_other_databases), (3, 0, true));
}

#[test]
fn a_bent_byte_in_the_servers_file_is_seen() {
    let server = log_server(&[]);
    let dump = small_shop(&server);
    server.sql("INSERT INTO shop.t (t) VALUES ('a row to be bent'); FLUSH BINARY LOGS");
    let path = server.folder().join("data/mbin.000001");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(16).rposition(|part| part == b"a row to be bent").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = gap(&server, &dump);
    assert_eq!(error.kind, LogErrorKind::Gap(Gap::Damaged), "{error}");
}
