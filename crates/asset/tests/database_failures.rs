//! Dumps that must not pass for whole, each against a real server: what ends them, and what is said then.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]

mod dumping;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dumping::{
    READER, access, all_rights, create_large, create_reader, create_shop, dump, failure_of_rest, manifest,
    read_all, read_into, running_dumps, server, source, stream,
};
use holdfast_asset::database::{DumpSource, Place, Tool};
use holdfast_testkit::lab;
use holdfast_testkit::servers::Mariadb;
use holdfast_world::{Environment, SecretString, World};

fn said(server: &Mariadb, database: &str) -> String {
    dump(server, database).err().expect("this dump cannot be whole").to_string()
}

fn assert_says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "no {part:?} in: {said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn what_cannot_be_reached_says_why_and_what_to_do() {
    let server = server(&[]);
    assert_says(&said(&server, "absent"), &["/databases/absent: ", "no such database"]);
    let mut wrong = access(&server, "mysql");
    wrong.password = SecretString::from("hunter2-wrong".to_owned());
    let error = read_all(&mut *stream(&source(wrong))).err().unwrap().to_string();
    assert_says(&error, &["Access denied", "see the user and the password"]);
    let mut nowhere = access(&server, "mysql");
    nowhere.place = Place::Socket("/nonexistent/socket".into());
    let error = read_all(&mut *stream(&source(nowhere))).err().unwrap().to_string();
    assert_says(&error, &["reach the server", "is the server running"]);
    let environment = World::system().environment;
    let error = Tool::find(Some("/nonexistent/mariadb-dump".into()), &environment, None).unwrap_err();
    assert_says(&error.to_string(), &["is it installed"]);
    let error =
        Tool::find(None, &Environment::fake().with_variable("PATH", "/nonexistent"), None).unwrap_err();
    assert_says(&error.to_string(), &["mariadb-dump", "is it installed"]);
}

#[test]
fn a_connection_killed_in_the_middle_of_a_table_ends_the_stream_and_leaves_nothing() {
    let server = server(&[]);
    create_large(&server, "big", "a");
    let mut stream = stream(&source(access(&server, "big")));
    read_into(&mut *stream, "table.a.sql");
    assert_eq!(running_dumps().len(), 1);
    let killed = server.sql(
        "SELECT GROUP_CONCAT('KILL ', id SEPARATOR ';') FROM information_schema.processlist WHERE db = 'big' AND info LIKE \
         '%SQL_NO_CACHE%'",
    );
    assert!(killed.contains("KILL"), "{killed}");
    server.sql(&killed);
    let said = failure_of_rest(&mut *stream);
    assert_says(
        &said,
        &["at the table `a`", "ended with code 3", "2013", "the server ended the connection", "breaks off"],
    );
    assert_eq!(running_dumps(), [0; 0]);
}

#[test]
fn a_server_that_goes_away_ends_the_stream_and_the_next_one_works() {
    let mut server = server(&[]);
    create_large(&server, "big", "a");
    let mut first = stream(&source(access(&server, "big")));
    read_into(&mut *first, "table.a.sql");
    server.kill();
    let said = failure_of_rest(&mut *first);
    assert_says(&said, &["at the table `a`", "2013"]);
    server.restart();
    assert_eq!(manifest(&dump(&server, "big").unwrap())["tables"][0]["rows"], 30_000);
}

#[test]
fn a_table_altered_after_the_snapshot_ends_the_stream() {
    let server = server(&[]);
    create_large(&server, "big", "a");
    server.sql("CREATE TABLE big.b (id INT PRIMARY KEY); INSERT INTO big.b VALUES (1)");
    let mut stream = stream(&source(access(&server, "big")));
    read_into(&mut *stream, "table.a.sql");
    // Not an instant one, which the snapshot survives.
    server.sql("ALTER TABLE big.b ADD COLUMN more INT, ALGORITHM = COPY");
    let said = failure_of_rest(&mut *stream);
    assert_says(&said, &["ended with code 3", "1412", "was altered while the dump ran"]);
}

#[test]
fn a_broken_view_is_not_passed_over() {
    let server = server(&[]);
    server.sql(
        "CREATE DATABASE d; CREATE TABLE d.t (id INT); CREATE VIEW d.v AS SELECT id FROM d.t; DROP TABLE d.t",
    );
    assert_says(&said(&server, "d"), &["ended with code 2", "1356", "repair the view"]);
}

#[test]
fn an_event_over_which_the_tool_never_ends_is_refused_before_it() {
    let server = server(&[]);
    server.sql("CREATE DATABASE d; CREATE EVENT d.nightly ON SCHEDULE EVERY 1 DAY DO SELECT ';;'");
    assert_says(&said(&server, "d"), &["nightly", "';;'"]);
}

#[test]
fn rights_without_which_something_would_be_left_out_in_silence_are_asked_for() {
    let server = server(&[]);
    create_shop(&server);
    create_reader(
        &server,
        &format!("GRANT SELECT, SHOW VIEW, LOCK TABLES ON shop.* TO '{READER}'@localhost"),
    );
    assert_says(
        &said(&server, "shop"),
        &["TRIGGER and EVENT and EXECUTE", "GRANT TRIGGER, EVENT, EXECUTE ON"],
    );
    create_reader(&server, "");
    assert_says(&said(&server, "shop"), &["no such database", "or the account has no right"]);
    // Seen, but not readable: the tool says so itself.
    let rights = "SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE, LOCK TABLES";
    create_reader(&server, &format!("GRANT {rights} ON shop.* TO '{READER}'@localhost"));
    assert_says(&said(&server, "shop"), &["ended with code 2", "insufficient privileges"]);
}

#[test]
fn without_the_right_to_stop_writers_counts_are_those_of_the_dump_and_the_manifest_says_so() {
    let server = server(&["--log-bin"]);
    create_shop(&server);
    let rights = "SELECT, SHOW VIEW, TRIGGER, EVENT";
    create_reader(
        &server,
        &format!(
            "GRANT {rights} ON shop.* TO '{READER}'@localhost; GRANT SELECT ON mysql.proc TO '{READER}'@localhost"
        ),
    );
    let manifest = manifest(&dump(&server, "shop").unwrap());
    assert_eq!(manifest["counts"]["from"], "dump");
    assert!(manifest["counts"]["why"].as_str().unwrap().contains("RELOAD"), "{manifest:#}");
    assert!(manifest["binary_log"].is_null());
    assert!(manifest["missing"][0].as_str().unwrap().contains("mysql.db"), "{manifest:#}");
    for table in manifest["tables"].as_array().unwrap() {
        let is_innodb = table["engine"] == "InnoDB";
        assert_eq!(table["state"], if is_innodb { "snapshot" } else { "fuzzy" }, "{table}");
        assert!(is_innodb || table["why"].as_str().unwrap().contains("could not be locked"), "{table}");
    }
    let orders =
        manifest["tables"].as_array().unwrap().iter().find(|table| table["name"] == "orders").unwrap();
    assert_eq!((&orders["rows"], &orders["rows_counted"]), (&3000.into(), &serde_json::Value::Null));
}

/// A program that runs the real tool and does something to what it wrote.
fn bent_tool(server: &Mariadb, script: &str) -> DumpSource {
    let path: PathBuf = server.folder().join("bent-dump");
    let real = lab::program("mariadb-dump");
    let script = format!("#!/bin/bash\nset -o pipefail\nreal={}\n{script}\n", real.display());
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    let tool = Tool::find(Some(path), &World::system().environment, None).unwrap();
    DumpSource::new(access(server, "shop"), tool, World::system().clock)
}

#[test]
fn neither_a_status_nor_a_last_line_nor_both_are_proof() {
    let server = server(&[]);
    server.sql(
        "CREATE DATABASE shop; USE shop; CREATE TABLE shop.a (id INT PRIMARY KEY, t TEXT); \
         INSERT INTO shop.a SELECT seq, 'text' FROM seq_1_to_2000",
    );
    for (script, expected) in [
        // Cut within a statement, cut between two, and the last line alone missing, each with status 0.
        ("$real \"$@\" | head -c 4000", "breaks off inside"),
        ("$real \"$@\" | grep -v -- '^-- Dump completed'", "'-- Dump completed', is missing"),
        ("[ \"$1\" = --version ] && exec $real \"$@\"; true", "breaks off"),
        // A whole dump of a tool that says that it failed.
        (
            "$real \"$@\"; [ \"$1\" = --version ] || { echo 'could not read it all' >&2; exit 2; }",
            "could not read it all",
        ),
        ("$real \"$@\"; [ \"$1\" = --version ] || kill -9 $$", "ended by a signal"),
        // Both as they should be, and a row, the end of a string or the settings at the end not.
        ("$real \"$@\" | grep -v '^(7,'", "1999 rows of the table `a`, which had 2000"),
        ("$real \"$@\" | sed \"s/^(2000,'text')/(2000,'text)/\"", "stands inside a string"),
        ("$real \"$@\" | grep -v 'SET TIME_ZONE=@OLD'", "the settings at its end are missing"),
    ] {
        let mut stream = stream(&bent_tool(&server, script));
        let said = match stream.next() {
            Ok(_) => failure_of_rest(&mut *stream),
            Err(error) => error.to_string(),
        };
        assert_says(&said, &["not whole", expected]);
    }
    let mut stream = stream(&bent_tool(&server, "exec $real \"$@\""));
    read_all(&mut *stream).unwrap();
}

#[test]
fn a_stream_that_is_dropped_or_interrupted_leaves_no_process_no_lock_and_no_connection() {
    let server = server(&[]);
    create_large(&server, "big", "a");
    server.sql("CREATE TABLE big.m (id INT) ENGINE = MyISAM; CREATE TABLE big.n ENGINE = MyISAM AS SELECT * FROM big.a");
    for file in ["table.n.sql", "table.a.sql"] {
        let mut stream = stream(&source(access(&server, "big")));
        read_into(&mut *stream, file);
        assert_eq!(running_dumps().len(), 1);
        drop(stream);
        assert_eq!(running_dumps(), [0; 0]);
        server
            .sql("SET lock_wait_timeout = 5; INSERT INTO big.m VALUES (1); INSERT INTO big.n VALUES (0, '')");
    }
    let of_reader = format!("SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{READER}'");
    let clock = World::system().clock;
    for _ in 0..500 {
        if server.sql(&of_reader).trim() == "0" {
            break;
        }
        clock.sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(server.sql(&of_reader).trim(), "0");
    let flag = Arc::new(AtomicBool::new(false));
    let tool = Tool::find(None, &World::system().environment, Some(Arc::clone(&flag))).unwrap();
    let mut stream = stream(&DumpSource::new(access(&server, "big"), tool, clock));
    read_into(&mut *stream, "table.n.sql");
    flag.store(true, Ordering::Relaxed);
    assert_says(&failure_of_rest(&mut *stream), &["interrupted"]);
    assert_eq!(running_dumps(), [0; 0]);
}

#[test]
fn writers_wait_only_for_tables_without_transactions_and_only_until_these_were_read() {
    let server = server(&[]);
    create_large(&server, "big", "a");
    server.sql("CREATE TABLE big.n ENGINE = MyISAM AS SELECT * FROM big.a");
    let mut stream = stream(&source(access(&server, "big")));
    read_into(&mut *stream, "table.n.sql");
    let write = |table: &str| {
        server
            .try_sql(&format!("SET lock_wait_timeout = 1; INSERT INTO big.{table} VALUES (0, '')"))
            .status
            .success()
    };
    assert!(write("a"), "a table with transactions is not locked");
    assert!(!write("n"), "the other is");
    read_into(&mut *stream, "table.a.sql");
    assert!(write("n"), "and no longer");
    server.sql("DELETE FROM big.a WHERE id = 0");
    let mut part = vec![0; 100_000];
    while stream.read(&mut part).unwrap() > 0 {}
    while stream.next().unwrap().is_some() {}
    create_reader(&server, &all_rights());
}

#[test]
fn a_tool_that_is_slow_to_begin_does_not_keep_writers_waiting() {
    let server = server(&[]);
    server
        .sql("CREATE DATABASE shop; CREATE TABLE shop.a (id INT PRIMARY KEY); INSERT INTO shop.a VALUES (1)");
    let source = bent_tool(&server, "[ \"$1\" = --version ] || sleep 14; exec $real \"$@\"");
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let clock = World::system().clock;
            clock.sleep(std::time::Duration::from_secs(2));
            let start = clock.monotonic();
            server.sql("INSERT INTO shop.a VALUES (2)");
            (clock.monotonic() - start).as_secs_f64()
        });
        let manifest = manifest(&read_all(&mut *stream(&source)).unwrap());
        let waited = writing.join().unwrap();
        assert!((5.0..11.0).contains(&waited), "it waited {waited} seconds");
        assert_eq!(manifest["counts"]["from"], "dump");
        assert!(manifest["counts"]["why"].as_str().unwrap().contains("others were waiting"), "{manifest:#}");
        // The row of the writer is in the dump, which a count of the moment before would contradict.
        assert_eq!(manifest["tables"][0]["rows"], 2);
    });
}

#[test]
fn who_does_not_read_for_longer_than_the_server_waits_is_told_so() {
    let server = server(&["--net-write-timeout=2"]);
    create_large(&server, "big", "a");
    let mut stream = stream(&source(access(&server, "big")));
    read_into(&mut *stream, "table.a.sql");
    World::system().clock.sleep(std::time::Duration::from_secs(5));
    assert_says(&failure_of_rest(&mut *stream), &["at the table `a`", "2013", "net_write_timeout"]);
}

#[test]
fn tables_whose_rows_lie_elsewhere_or_have_a_history_say_so() {
    let server = server(&[]);
    server.sql(
        "CREATE DATABASE d; USE d; CREATE TABLE one (id INT) ENGINE = MyISAM; INSERT INTO one VALUES (1), (2); \
         CREATE TABLE merged (id INT) ENGINE = MERGE UNION = (one); \
         CREATE TABLE aged (id INT) WITH SYSTEM VERSIONING; INSERT INTO aged VALUES (1), (2); DELETE FROM aged WHERE id = 1",
    );
    let files = dump(&server, "d").unwrap();
    let manifest = manifest(&files);
    let table = |name: &str| {
        manifest["tables"].as_array().unwrap().iter().find(|table| table["name"] == name).unwrap()
    };
    assert_eq!(
        (&table("merged")["rows"], &table("merged")["rows_counted"]),
        (&0.into(), &serde_json::Value::Null)
    );
    for (name, note) in [("merged", "keeps no rows here"), ("aged", "history is not in it")] {
        assert!(table(name)["note"].as_str().unwrap().contains(note), "{}", table(name));
    }
    assert_eq!((&table("aged")["rows"], &table("aged")["rows_counted"]), (&1.into(), &1.into()));
    dumping::restore(&server, &files, "again");
    assert_eq!(server.sql("SELECT COUNT(*) FROM again.merged; SELECT COUNT(*) FROM again.aged"), "2\n1\n");
}
