//! The connection through which a dump goes, with the settings that its head makes.

use std::sync::atomic::Ordering;

use mysql::Conn;
use mysql::prelude::Queryable;

use super::super::access::Access;
use super::super::inspect::quoted;
use super::super::manifest::{File, Manifest};
use super::code::{CodeCounts, begins_triggers, is_code_file};
use super::definers::{Definers, rewrite};
use super::dump::{self, DumpFiles};
use super::failure::{LoadError, LoadErrorKind};
use super::journal::Names;
use super::proof::Expected;
use super::statements::Statements;
use super::{Event, Watch};

/// All views, triggers, routines and events of a database, kept in memory until its tables are in place.
const CODE_BYTES_MAX: usize = 256 << 20;

pub(super) struct Session {
    pub connection: Conn,
    access: Access,
    definers: Definers,
    fed: u64,
    total: u64,
}

/// What becomes of a statement.
pub(super) enum Fate {
    Run,
    Skip,
}

impl Session {
    pub(super) fn open(access: &Access, definers: Definers) -> Result<Session, LoadError> {
        let mut connection =
            access.connect().map_err(|error| LoadError::server("reach the server", &error))?;
        // Between two statements we read the dump, which may come slowly. Who waits for long to change a table holds up all who
        // come after.
        connection
            .query_drop("SET SESSION wait_timeout = 86400, SESSION net_read_timeout = 3600, SESSION lock_wait_timeout = 60, NAMES utf8mb4")
            .map_err(|error| LoadError::server("prepare the connection", &error))?;
        Ok(Session { connection, access: access.clone(), definers, fed: 0, total: 0 })
    }

    pub(super) fn again(&self) -> Result<Session, LoadError> {
        Session::open(&self.access, self.definers)
    }

    /// Keeps a second load of the same database out, for as long as this connection lives.
    pub(super) fn lock(&mut self, names: &Names) -> Result<(), LoadError> {
        super::swap::lock(&mut self.connection, names)
    }

    pub(super) fn run(&mut self, doing: &str, statement: &str) -> Result<(), LoadError> {
        self.connection.query_drop(statement).map_err(|error| LoadError::server(doing, &error))
    }

    pub(super) fn use_database(&mut self, database: &str) -> Result<(), LoadError> {
        self.run("use the database", &format!("USE {}", quoted(database)))
    }

    /// Feeds all of a dump, or of one table, and gives what must be there now. Code is kept for later too, and run now
    /// except for events where they are not wanted yet.
    #[allow(clippy::too_many_arguments, reason = "each says one thing about the one call")]
    pub(super) fn feed_dump(
        &mut self,
        files: &dyn DumpFiles,
        manifest: &Manifest,
        dumped: &str,
        into: &str,
        table: Option<&str>,
        with_events: bool,
        watch: &mut Watch<'_>,
    ) -> Result<Expected, LoadError> {
        self.use_database(into)?;
        let of_table = table.and_then(|name| manifest.tables.iter().find(|table| table.name == name));
        let is_wanted = |file: &&File| {
            file.is_dump
                && of_table.is_none_or(|table| {
                    file.name == table.file
                        || file.name.ends_with("head.sql")
                        || file.name.ends_with("tail.sql")
                })
        };
        let wanted: Vec<&File> = manifest.files.iter().filter(is_wanted).collect();
        self.total = wanted.iter().map(|file| file.bytes).sum();
        self.fed = 0;
        let (mut head, mut code, mut events, mut code_bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
        let mut counts = CodeCounts::default();
        for file in wanted {
            let mut is_code = is_code_file(&file.name);
            let mut judge = |statement: &[u8], definers| {
                if file.name == "head.sql" {
                    head.push(statement.to_vec());
                }
                is_code |= file.name.starts_with("table.") && begins_triggers(statement);
                let names_database =
                    statement.starts_with(format!("ALTER DATABASE {}", quoted(dumped)).as_bytes());
                if is_code && !names_database {
                    counts.count(&file.name, statement);
                    let kept = rewrite(statement, definers).unwrap_or_else(|| statement.to_vec());
                    code_bytes += kept.len();
                    if file.name == "events.sql" {
                        events.push(kept.clone());
                    }
                    code.push(kept);
                }
                let is_late = file.name == "events.sql" && !with_events;
                if is_late || names_database || code_bytes > CODE_BYTES_MAX { Fate::Skip } else { Fate::Run }
            };
            self.feed(files, file, &mut judge, watch)?;
        }
        if code_bytes > CODE_BYTES_MAX {
            return Err(LoadError::dump("the views, triggers, routines and events are larger than 256 MiB"));
        }
        let names = manifest
            .tables
            .iter()
            .filter(|other| of_table.is_none_or(|table| table.name == other.name))
            .map(|table| table.name.clone())
            .collect();
        let is_whole = of_table.is_none();
        Ok(Expected {
            tables: names,
            is_whole,
            with_events,
            counts,
            head,
            code,
            events,
            recreate: Vec::new(),
        })
    }

    /// Feeds one file, whose size and hash are known to be right only once this returns.
    pub(super) fn feed(
        &mut self,
        files: &dyn DumpFiles,
        file: &File,
        judge: &mut dyn FnMut(&[u8], Definers) -> Fate,
        watch: &mut Watch<'_>,
    ) -> Result<(), LoadError> {
        let mut statements = Statements::default();
        let packet_max: u64 = self
            .connection
            .query_first("SELECT @@max_allowed_packet")
            .map_err(|error| LoadError::server("ask for max_allowed_packet", &error))?
            .unwrap_or(0);
        let Session { connection, definers, fed, total, .. } = self;
        dump::read(files, file, |bytes| {
            if watch.interrupted.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)) {
                return Err(LoadError::new(LoadErrorKind::Interrupted, "the load was interrupted"));
            }
            statements.push(bytes, |statement| {
                if let Fate::Skip = judge(statement, *definers) {
                    return Ok(());
                }
                let rewritten = rewrite(statement, *definers);
                let statement = rewritten.as_deref().unwrap_or(statement);
                let run = connection.query_drop(text(&file.name, statement)?);
                run.map_err(|error| LoadError::fed(&file.name, statement, &error))
            })?;
            if statements.pending_bytes() as u64 > packet_max {
                return Err(LoadError::new(
                    LoadErrorKind::Server,
                    format!(
                        "a statement in {:?} is larger than this server takes ({packet_max} bytes): raise its max_allowed_packet",
                        file.name
                    ),
                ));
            }
            *fed += bytes.len() as u64;
            (watch.tell)(Event::Fed { bytes: *fed, total: *total });
            Ok(())
        })?;
        statements
            .finish()
            .map_err(|open| LoadError::dump(format!("the file {:?} of the dump ends {open}", file.name)))
    }

    /// Runs the code of a dump once its tables are in place.
    pub(super) fn replay(&mut self, database: &str, expected: &Expected) -> Result<(), LoadError> {
        self.use_database(database)?;
        for statement in expected.head.iter().chain(&expected.code) {
            let statement = text("the code", statement)?;
            self.connection.query_drop(statement).map_err(|error| {
                let start: String = statement.chars().take(60).collect();
                LoadError::server(
                    &format!("create views, triggers, routines and events at {start:?}"),
                    &error,
                )
            })?;
        }
        Ok(())
    }
}

/// The dump tool was told to write UTF-8, and values that are no text as hex.
fn text<'a>(file: &str, statement: &'a [u8]) -> Result<&'a str, LoadError> {
    std::str::from_utf8(statement)
        .map_err(|error| LoadError::dump(format!("{file:?} of the dump holds what is not UTF-8: {error}")))
}
