//! A dump while it runs: others write, others look, and memory stays what it is.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]

mod dumping;

use std::sync::atomic::{AtomicBool, Ordering};

use dumping::{
    READER, access, all_rights, checksums, create_large, dump, manifest, read_all, read_into, restore,
    running_dumps, server, source, stream,
};
use holdfast_testkit::servers::PASSWORD;
use holdfast_world::SecretString;

#[test]
fn under_writes_all_tables_are_of_one_instant_and_the_manifest_counts_that_one() {
    let server = server(&["--log-bin"]);
    server.sql(
        "CREATE DATABASE bank; USE bank; CREATE TABLE accounts (id INT PRIMARY KEY, balance INT); \
         INSERT INTO accounts SELECT seq, 100 FROM seq_1_to_2000; \
         CREATE TABLE moves (id INT PRIMARY KEY AUTO_INCREMENT, sum INT, note VARCHAR(500)); \
         CREATE TABLE total (moves INT); INSERT INTO total VALUES (0); \
         \nDELIMITER //\nCREATE PROCEDURE move_on() BEGIN \
           DECLARE giver INT DEFAULT 1 + FLOOR(RAND() * 1000); DECLARE taker INT DEFAULT 1001 + FLOOR(RAND() * 1000); \
           START TRANSACTION; \
           UPDATE accounts SET balance = balance - 1 WHERE id = giver; \
           UPDATE accounts SET balance = balance + 1 WHERE id = taker; \
           INSERT INTO moves (sum, note) VALUES (1, REPEAT('n', 400)); \
           UPDATE total SET moves = moves + 1; COMMIT; END//\nDELIMITER ;\n",
    );
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                server.sql(&"CALL bank.move_on();".repeat(200));
            }
        });
        let _raised_at_the_end = Raise(&is_over);
        let mut last = 0;
        for round in 0..5 {
            let files = dump(&server, "bank").unwrap();
            let manifest = manifest(&files);
            assert_eq!(manifest["counts"]["from"], "snapshot", "{manifest:#}");
            let into = format!("round{round}");
            restore(&server, &files, &into);
            let numbers = server.sql(&format!(
                "SELECT (SELECT SUM(balance) FROM {into}.accounts), (SELECT moves FROM {into}.total), \
                 (SELECT COUNT(*) FROM {into}.moves)"
            ));
            let numbers: Vec<u64> =
                numbers.trim().split('\t').map(|number| number.parse().unwrap()).collect();
            assert_eq!(numbers[0], 200_000);
            assert_eq!(numbers[1], numbers[2]);
            let tables = manifest["tables"].as_array().unwrap();
            let moves = tables.iter().find(|table| table["name"] == "moves").unwrap();
            assert_eq!((&moves["rows"], &moves["rows_counted"]), (&numbers[2].into(), &numbers[2].into()));
            for (table, checksum) in checksums(&server, &into) {
                let listed = tables.iter().find(|listed| listed["name"] == *table).unwrap();
                assert_eq!(listed["checksum"].to_string(), checksum, "{table}");
            }
            assert!(numbers[2] > last || round == 0, "nothing was written meanwhile");
            last = numbers[2];
        }
    });
}

/// Raises a flag when dropped: also when a test fails, so that who waits for it ends.
struct Raise<'a>(&'a AtomicBool);

impl Drop for Raise<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn no_other_process_sees_the_password_and_no_file_holds_it() {
    let server = server(&[]);
    create_large(&server, "big", "a");
    let mut stream = stream(&source(access(&server, "big")));
    read_into(&mut *stream, "table.a.sql");
    let [tool] = running_dumps()[..] else { panic!("one dump runs") };
    let mut seen = 0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        for kind in ["cmdline", "environ"] {
            // Processes come and go.
            let Ok(bytes) = std::fs::read(entry.path().join(kind)) else { continue };
            seen += 1;
            let has = bytes.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes());
            assert!(!has, "{}", entry.path().join(kind).display());
        }
    }
    assert!(seen > 4);
    let arguments = std::fs::read_to_string(format!("/proc/{tool}/cmdline")).unwrap();
    assert!(arguments.contains("--defaults-file=/dev/stdin"), "{arguments}");
    // What it has open are pipes and its connection: no file on any disk.
    for entry in std::fs::read_dir(format!("/proc/{tool}/fd"))
        .unwrap()
        .flatten()
        .filter(|fd| fd.file_name().len() == 1)
    {
        let target = std::fs::read_link(entry.path()).unwrap().display().to_string();
        assert!(target.starts_with("pipe:") || target.starts_with("socket:"), "{target}");
    }
}

#[test]
fn a_password_may_hold_anything_that_an_account_may_have() {
    let server = server(&[]);
    server.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT)");
    let passwords = [
        "it's",
        "a\"b",
        "'quoted'",
        "\"both\"",
        "#no;comment #",
        "back\\slash\\",
        "\\n\\s",
        "line\nbreak",
        " spaces ",
        "tab\tü🦀",
        "$x=`y`",
    ];
    for password in passwords {
        let escaped = password.replace('\\', "\\\\").replace('\'', "\\'");
        server.sql(&format!(
            "CREATE OR REPLACE USER '{READER}'@localhost IDENTIFIED BY '{escaped}'; {}",
            all_rights()
        ));
        let mut access = access(&server, "d");
        access.password = SecretString::from(password.to_owned());
        let files =
            read_all(&mut *stream(&source(access))).unwrap_or_else(|error| panic!("{password:?}: {error}"));
        assert_eq!(manifest(&files)["tables"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn memory_stays_bounded_whatever_a_row_or_a_table_holds() {
    const ROW_BYTES: u64 = 64 << 20;
    const GROWTH_BYTES_MAX: u64 = 16 << 20;
    let server = server(&["--max-allowed-packet=256M", "--innodb-log-file-size=512M"]);
    server.sql(
        "CREATE DATABASE big; USE big; CREATE TABLE rows_large (id INT PRIMARY KEY, t LONGTEXT, b LONGBLOB); \
         INSERT INTO rows_large VALUES (1, REPEAT('\\n--\\n''', 12 << 20), NULL), (2, NULL, REPEAT(x'00FF', 32 << 20)); \
         CREATE TABLE rows_many (id INT PRIMARY KEY, t TEXT); \
         INSERT INTO rows_many SELECT seq, REPEAT('y''', 500) FROM seq_1_to_100000;",
    );
    let before = peak_bytes();
    let mut stream = stream(&source(access(&server, "big")));
    let (mut total, mut part) = (0, vec![0; 64 << 10]);
    let mut manifest = Vec::new();
    while let Some(file) = stream.next().unwrap() {
        while let count @ 1.. = stream.read(&mut part).unwrap() {
            total += count as u64;
            if file.name == b"manifest.json" {
                manifest.extend_from_slice(&part[..count]);
            }
        }
    }
    let growth = peak_bytes() - before;
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(
        (&manifest["tables"][0]["rows"], &manifest["tables"][1]["rows"]),
        (&2.into(), &100_000.into())
    );
    assert!(total > 300 << 20, "{total}");
    assert!(growth < GROWTH_BYTES_MAX, "{growth} bytes for rows of more than {ROW_BYTES}");
}

/// The most memory that this process ever had, in bytes.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
