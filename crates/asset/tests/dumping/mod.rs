//! A server with databases worth dumping, and a reader that takes a stream as an archive does.

#![allow(dead_code, reason = "each test binary uses its part of this")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops, with the place in the message")]
#![allow(clippy::disallowed_methods, reason = "tests look at the machine directly")]

use std::process::Command;

use holdfast_asset::database::{Access, DumpSource, Place, Tool};
use holdfast_format::source::{Source, SourceError, Stream, StreamedFile};
use holdfast_testkit::servers::{Mariadb, PASSWORD};
use holdfast_world::{SecretString, World};
use serde_json::Value;

/// The account that reads, with the rights that the documentation asks for.
pub const READER: &str = "holdfast-reader";

/// One file of a dump.
pub struct Dumped {
    pub file: StreamedFile,
    pub bytes: Vec<u8>,
}

pub fn access(server: &Mariadb, database: &str) -> Access {
    Access {
        place: Place::Socket(server.socket.clone()),
        user: READER.to_owned(),
        password: SecretString::from(PASSWORD.to_owned()),
        database: database.to_owned(),
    }
}

/// Makes the account.
pub fn create_reader(server: &Mariadb, rights: &str) {
    server
        .sql(&format!("CREATE OR REPLACE USER '{READER}'@'localhost' IDENTIFIED BY '{PASSWORD}'; {rights}"));
}

/// All rights that a complete dump uses.
pub fn all_rights() -> String {
    format!(
        "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES, RELOAD, PROCESS, BINLOG MONITOR ON *.* TO \
         '{READER}'@'localhost';"
    )
}

pub fn server(options: &[&str]) -> Mariadb {
    let server = Mariadb::start(options);
    create_reader(&server, &all_rights());
    server
}

pub fn tool() -> Tool {
    Tool::find(None, &World::system().environment, None).unwrap()
}

pub fn source(access: Access) -> DumpSource {
    DumpSource::new(access, tool(), World::system().clock)
}

pub fn stream(source: &DumpSource) -> Box<dyn Stream> {
    source.root().unwrap().1.stream().unwrap()
}

/// Reads all of a stream.
pub fn read_all(stream: &mut dyn Stream) -> Result<Vec<Dumped>, SourceError> {
    let mut files = Vec::new();
    while let Some(file) = stream.next()? {
        let (mut bytes, mut part) = (Vec::new(), vec![0; 50_000]);
        loop {
            match stream.read(&mut part)? {
                0 => break,
                count => bytes.extend_from_slice(&part[..count]),
            }
        }
        files.push(Dumped { file, bytes });
    }
    Ok(files)
}

pub fn dump(server: &Mariadb, database: &str) -> Result<Vec<Dumped>, SourceError> {
    read_all(&mut *stream(&source(access(server, database))))
}

pub fn name(dumped: &Dumped) -> String {
    String::from_utf8(dumped.file.name.clone()).unwrap()
}

pub fn names(files: &[Dumped]) -> Vec<String> {
    files.iter().map(name).collect()
}

pub fn manifest(files: &[Dumped]) -> Value {
    let last = files.last().unwrap();
    assert_eq!(name(last), "manifest.json");
    serde_json::from_slice(&last.bytes).unwrap()
}

/// Joins what the manifest says is SQL of the dump, and checks sizes and hashes on the way.
pub fn join(files: &[Dumped]) -> Vec<u8> {
    use sha2::Digest;
    let manifest = manifest(files);
    let listed = manifest["files"].as_array().unwrap();
    assert_eq!(listed.len() + 1, files.len());
    let mut joined = Vec::new();
    for (listed, dumped) in listed.iter().zip(files) {
        assert_eq!(listed["name"], name(dumped));
        assert_eq!(listed["bytes"], dumped.bytes.len(), "{}", name(dumped));
        let hash: String =
            sha2::Sha256::digest(&dumped.bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(listed["sha256"], hash, "{}", name(dumped));
        if listed["is_dump"] == true {
            joined.extend_from_slice(&dumped.bytes);
        }
    }
    joined
}

/// What the tool itself writes, asked by hand with the options that count.
pub fn plain_dump(server: &Mariadb, database: &str) -> Vec<u8> {
    let output = server
        .client("mariadb-dump")
        .args(["--single-transaction", "--quick", "--routines", "--triggers", "--events", "--hex-blob"])
        .args(["--skip-dump-date", "--max-allowed-packet=1G", database])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Loads a joined dump into a new database of its manifest's character set.
pub fn restore(server: &Mariadb, files: &[Dumped], into: &str) {
    let manifest = manifest(files);
    let (set, collation) =
        (manifest["character_set"].as_str().unwrap(), manifest["collation"].as_str().unwrap());
    server.sql(&format!("CREATE DATABASE `{into}` CHARACTER SET {set} COLLATE {collation}"));
    let output = server.load(into, &join(files));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The checksums of all tables of a database, by name.
pub fn checksums(server: &Mariadb, database: &str) -> Vec<(String, String)> {
    // As hex: a name may hold a line break.
    let tables = server.sql(&format!(
        "SELECT HEX(table_name) FROM information_schema.tables \
         WHERE table_schema = '{database}' AND table_type = 'BASE TABLE' ORDER BY 1"
    ));
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let checksum = |hex: &str| {
        let table =
            String::from_utf8(hex.as_bytes().chunks(2).map(byte).collect()).unwrap().replace('`', "``");
        let line = server.sql(&format!("CHECKSUM TABLE `{database}`.`{table}`"));
        (table, line.trim().rsplit('\t').next().unwrap().to_owned())
    };
    tables.lines().map(checksum).collect()
}

/// Everything that a small shop may hold: engines, views on views, triggers, routines, events, and rows of every kind.
pub fn create_shop(server: &Mariadb) {
    server.sql(SHOP);
}

/// The dump tools that this process started and that still run.
pub fn running_dumps() -> Vec<u32> {
    let own = std::process::id().to_string();
    let output = Command::new("pgrep").args(["-P", &own, "mariadb-dump"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect()
}

/// A table that does not fit into the pipes between server, tool and us, so that a dump of it stands still until it is read.
pub fn create_large(server: &Mariadb, database: &str, table: &str) {
    server.sql(&format!(
        "CREATE DATABASE IF NOT EXISTS {database}; USE {database}; CREATE TABLE {database}.{table} (id INT PRIMARY KEY, t TEXT); \
         INSERT INTO {database}.{table} SELECT seq, REPEAT('x', 1000) FROM seq_1_to_30000"
    ));
}

/// Reads on until a file of this name began and gave its first bytes.
pub fn read_into(stream: &mut dyn Stream, name: &str) {
    while let Some(file) = stream.next().unwrap() {
        if file.name == name.as_bytes() {
            assert!(stream.read(&mut [0; 1000]).unwrap() > 0);
            return;
        }
    }
    panic!("there is no {name}");
}

/// Reads the rest, which must fail, and gives what is said.
pub fn failure_of_rest(stream: &mut dyn Stream) -> String {
    let mut part = vec![0; 50_000];
    loop {
        match stream.read(&mut part) {
            Ok(1..) => {}
            Ok(0) => match stream.next() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the stream ended as if it were whole"),
                Err(error) => return error.to_string(),
            },
            Err(error) => {
                assert!(stream.next().is_err(), "an error is the end");
                return error.to_string();
            }
        }
    }
}

const SHOP: &str = include_str!("shop.sql");
