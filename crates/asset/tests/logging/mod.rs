//! A server whose log is followed, and moments of it that are written down to be compared with later.

#![allow(dead_code, reason = "each test binary uses its part of this")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops, with the place in the message")]
#![allow(clippy::disallowed_methods, reason = "tests look at the machine directly")]

use std::io::{self, Read};

use holdfast_asset::database::Access;
use holdfast_asset::database::load::{
    DumpFiles, Event, LoadError, Loaded, Log, Options, Stop, Target, Watch, carry_out_to, plan_to,
};
use holdfast_asset::database::log::{Base, LogError, LogManifest, LogSource, Position};
use holdfast_format::source::Source;
use holdfast_testkit::servers::Mariadb;
use holdfast_world::{SystemRandom, World};

use crate::dumping::{Dumped, READER, access, checksums, dump, name, plain_dump, read_all, server};

/// A server that writes a log, and an account that may do all.
pub fn log_server(options: &[&str]) -> Mariadb {
    let mut all = vec![
        "--log-bin=mbin",
        "--binlog-format=ROW",
        "--binlog-row-image=FULL",
        "--binlog-checksum=CRC32",
        "--server-id=7",
        "--event-scheduler=OFF",
    ];
    all.extend_from_slice(options);
    let server = server(&all);
    server.sql(&format!("GRANT ALL PRIVILEGES ON *.* TO '{READER}'@'localhost' WITH GRANT OPTION"));
    server
}

/// Files of a point.
#[derive(Clone)]
pub struct Files(pub Vec<(String, Vec<u8>)>);

impl Files {
    pub fn of(files: &[Dumped]) -> Files {
        Files(files.iter().map(|dumped| (name(dumped), dumped.bytes.clone())).collect())
    }

    pub fn bytes(&mut self, name: &str) -> &mut Vec<u8> {
        &mut self.0.iter_mut().find(|(other, _)| other == name).unwrap().1
    }

    pub fn manifest(&self) -> LogManifest {
        let (_, json) = self.0.iter().find(|(name, _)| name == "log.json").unwrap();
        serde_json::from_slice(json).unwrap()
    }

    pub fn base(&self) -> Base {
        let (_, json) = self.0.iter().find(|(name, _)| name == "manifest.json").unwrap();
        Base::from_manifest(json).unwrap()
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

pub fn dumped(server: &Mariadb, database: &str) -> Files {
    Files::of(&dump(server, database).unwrap())
}

pub fn try_follow(access: Access, base: &Base, whole_server: bool) -> Result<Files, LogError> {
    let source = LogSource::new(access, base.clone(), whole_server, World::system().clock);
    let failed = source.failed();
    let mut stream = source.root().unwrap().1.stream().unwrap();
    match read_all(&mut *stream) {
        Ok(files) => {
            let files = Files::of(&files);
            let until: jiff::Timestamp = files.manifest().until.parse().unwrap();
            assert_eq!(
                source.instant().unwrap().seconds + files.manifest().clock_ahead,
                until.as_second(),
                "the point's instant is the end of what is complete"
            );
            Ok(files)
        }
        Err(said) => {
            let error = failed.get().unwrap().clone();
            assert!(said.to_string().contains(&error.message), "{said}");
            Err(error)
        }
    }
}

pub fn follow(server: &Mariadb, dump: &Files) -> Files {
    let base = dump.base();
    try_follow(access(server, &base.database.clone()), &base, false).unwrap()
}

/// A moment of a database.
pub struct Moment {
    pub second: i64,
    pub position: Position,
    pub checksums: Vec<(String, String)>,
    pub text: String,
}

/// Writes down what a database is while nobody writes, and waits until the server's clock is past that second.
pub fn freeze(server: &Mariadb, database: &str) -> Moment {
    let status = server.sql("SHOW MASTER STATUS");
    let mut columns = status.split('\t');
    let file = columns.next().unwrap().to_owned();
    let position = Position { file, position: columns.next().unwrap().parse().unwrap() };
    let (checksums, text) = (checksums(server, database), text(server, database));
    let second = server.sql(
        "SELECT @second := FLOOR(UNIX_TIMESTAMP(NOW(6))); DO SLEEP(1.001 - MICROSECOND(NOW(6)) / 1000000); SELECT \
         FLOOR(UNIX_TIMESTAMP(NOW(6))) > @second",
    );
    let (second, is_past) = second.trim().split_once('\n').unwrap();
    assert_eq!(is_past, "1");
    Moment { second: second.parse().unwrap(), position, checksums, text }
}

/// All of a database as the dump tool tells it.
pub fn text(server: &Mariadb, database: &str) -> String {
    let text = String::from_utf8_lossy(&plain_dump(server, database)).into_owned();
    let text = text.replace(&format!("Database: {database}"), "");
    let text = text
        .replace(&format!("ALTER DATABASE `{database}`"), "ALTER DATABASE")
        .replace(&format!("database '{database}'"), "");
    // The number that comes next is no part of a row, and a server forgets it.
    text.lines().filter(|line| !line.contains("setval(")).collect::<Vec<_>>().join("\n")
}

pub fn at(second: i64) -> Stop {
    Stop::at(jiff::Timestamp::from_second(second).unwrap())
}

pub fn new(database: &str) -> Target {
    Target::New { database: database.into() }
}

pub fn over(database: &str) -> Target {
    Target::Over { database: database.into() }
}

pub fn restore(
    access: &Access,
    dump: &Files,
    log: &Files,
    stop: Stop,
    target: &Target,
) -> Result<Loaded, LoadError> {
    restore_with(access, dump, log, stop, target, &Options::default(), &mut |_| {})
}

pub fn restore_with(
    access: &Access,
    dump: &Files,
    log: &Files,
    stop: Stop,
    target: &Target,
    options: &Options,
    tell: &mut dyn FnMut(Event),
) -> Result<Loaded, LoadError> {
    let log = Log { files: log, stop, random: &SystemRandom };
    let plan = plan_to(access, dump, &log, target, options)?;
    carry_out_to(access, dump, &log, &plan, &mut Watch { interrupted: None, tell })
}

/// What a restore must not leave behind.
pub fn left_behind(server: &Mariadb) -> String {
    server.sql(
        "SHOW DATABASES LIKE 'holdfast%'; SELECT User FROM mysql.user WHERE User LIKE 'holdfast\\_replay%'",
    )
}

/// Compares what two databases are, and says where they differ.
pub fn compare_text(found: &str, wanted: &str, what: &str) {
    let differs: Vec<(&str, &str)> =
        found.lines().zip(wanted.lines()).filter(|(found, wanted)| found != wanted).collect();
    assert!(
        found == wanted,
        "{what}: {} and {} lines: {:.2000}",
        found.lines().count(),
        wanted.lines().count(),
        format!("{differs:#?}")
    );
}
