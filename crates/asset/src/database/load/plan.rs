//! What a load would do, before anything is done.

use std::fmt;

use mysql::Conn;
use mysql::prelude::Queryable;
use serde::{Deserialize, Serialize};

use super::super::access::Access;
use super::super::inspect::quoted;
use super::super::manifest::Manifest;
use super::definers::Definers;
use super::dump::{self, DumpFiles};
use super::failure::LoadError;
use super::journal::{self, JOURNAL, MARKER, Names, State};
use super::log::{self, Log, PlannedReplay, Stop};
use super::{Options, Target, literal};

/// A table to be loaded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlannedTable {
    /// Its name.
    pub name: String,
    /// Its engine.
    pub engine: String,
    /// Its rows.
    pub rows: u64,
    /// Whether it takes the place of another.
    pub replaces: bool,
}

/// What would be done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Where to.
    pub target: Target,
    /// What was chosen.
    pub options: Options,
    /// The database that was dumped.
    pub dumped: String,
    /// The instant of the dump.
    pub instant: String,
    /// Tables to be loaded.
    pub tables: Vec<PlannedTable>,
    /// Tables of the old database that are not in the dump, and go.
    pub drops: Vec<String>,
    /// Rows.
    pub rows: u64,
    /// Bytes of SQL.
    pub bytes: u64,
    /// What is to be known before.
    pub notes: Vec<String>,
    /// What of a log is replayed onto the dump.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<PlannedReplay>,
}

/// Looks at dump, log and server, and changes nothing: what [`plan`] does for a dump and the log that goes on from it.
///
/// # Errors
/// When the dump or the log is none, they do not belong together, the log does not reach as far as is asked, or what is asked
/// cannot be done.
pub fn plan_to(
    access: &Access,
    files: &dyn DumpFiles,
    log: &Log<'_>,
    target: &Target,
    options: &Options,
) -> Result<Plan, LoadError> {
    let manifest = dump::manifest(files)?;
    let replay = log::planned(log, &manifest)?;
    let mut plan = plan(access, files, target, options)?;
    let mut connection = access.connect().map_err(|error| LoadError::server("reach the server", &error))?;
    super::replay::refuse(&mut connection)?;
    plan.replay = Some(replay);
    Ok(plan)
}

/// Looks at dump and server, and changes nothing.
///
/// # Errors
/// When the dump is not one, or what is asked cannot be done.
pub fn plan(
    access: &Access,
    files: &dyn DumpFiles,
    target: &Target,
    options: &Options,
) -> Result<Plan, LoadError> {
    let manifest = dump::manifest(files)?;
    let mut connection = access.connect().map_err(|error| LoadError::server("reach the server", &error))?;
    let names = Names::of(target.database());
    let mut notes = Vec::new();
    let (state, _) = journal::state(&mut connection, &names)?;
    if matches!(state, State::Saved | State::Proven) || exists(&mut connection, &names.side)? {
        notes.push("an earlier load of this database was cut short: it is put right first".to_owned());
    } else {
        refuse(&mut connection, target, &manifest)?;
    }
    let old = tables(&mut connection, target.database())?;
    let (wanted, beside) = match target {
        Target::Table { table, beside, .. } => (Some(table), beside.is_some()),
        _ => (None, false),
    };
    let mut planned = Vec::new();
    for table in manifest.tables.iter().filter(|table| wanted.is_none_or(|name| *name == table.name)) {
        if let Some(note) = &table.note {
            notes.push(format!("{}: {note}", table.name));
        }
        planned.push(PlannedTable {
            name: table.name.clone(),
            engine: table.engine.clone(),
            rows: table.rows,
            replaces: !beside && old.iter().any(|(name, _)| *name == table.name),
        });
    }
    let drops = match target {
        Target::Over { .. } => old
            .into_iter()
            .filter(|(name, kind)| kind != "VIEW" && !manifest.tables.iter().any(|table| table.name == *name))
            .map(|(name, _)| name)
            .collect(),
        _ => Vec::new(),
    };
    tell_of_definers(&mut connection, &manifest, options, &mut notes)?;
    tell_of_server(&mut connection, &manifest, &mut notes)?;
    if matches!(target, Target::Over { .. } | Target::Table { beside: None, .. }) {
        notes.push(
            "take the site out of service meanwhile: what it writes while the dump is loaded goes aside with the old tables"
                .to_owned(),
        );
    }
    if matches!(target, Target::Table { beside: Some(_), .. }) {
        notes.push("the table beside comes without foreign keys and triggers".to_owned());
    }
    if manifest.files.iter().any(|file| file.name == "grants.sql") {
        let what = if options.grants { "are brought back" } else { "stay as they are; the dump has them" };
        notes.push(format!("accounts and their rights {what}"));
    }
    Ok(Plan {
        target: target.clone(),
        options: options.clone(),
        dumped: manifest.database.clone(),
        instant: manifest.instant.clone(),
        rows: planned.iter().map(|table| table.rows).sum(),
        bytes: manifest
            .files
            .iter()
            .filter(|file| {
                file.is_dump
                    && wanted.is_none_or(|name| {
                        manifest.tables.iter().any(|table| table.name == *name && table.file == file.name)
                    })
            })
            .map(|file| file.bytes)
            .sum(),
        tables: planned,
        drops,
        notes,
        replay: None,
    })
}

/// Refuses what cannot be done without harm.
pub(super) fn refuse(connection: &mut Conn, target: &Target, manifest: &Manifest) -> Result<(), LoadError> {
    let database = target.database();
    let is_system = ["mysql", "information_schema", "performance_schema", "sys"];
    if is_system.iter().any(|name| name.eq_ignore_ascii_case(database)) {
        return Err(LoadError::refused(format!("{database:?} belongs to the server: name another database")));
    }
    let present = tables(connection, database)?;
    let reserved = |name: &str| name == JOURNAL || name == MARKER;
    if present.iter().any(|(name, _)| reserved(name))
        || manifest.tables.iter().any(|table| reserved(&table.name))
    {
        return Err(LoadError::refused("a table has a name that holdfast needs for itself"));
    }
    if journal::state(connection, &Names::of(database))?.0 == State::Kept {
        return Err(LoadError::refused(format!(
            "the old tables of an earlier load still lie in {0}: DROP DATABASE `{0}` first",
            Names::of(database).aside
        )));
    }
    let foreign = |condition: String| {
        format!(
            "SELECT CONCAT(constraint_schema, '.', table_name) FROM information_schema.referential_constraints WHERE \
             unique_constraint_schema = {} AND {condition}",
            literal(database)
        )
    };
    let from = match target {
        Target::New { .. } => {
            let has_code = "SELECT 1 FROM information_schema.routines WHERE routine_schema = ? \
                            UNION SELECT 1 FROM information_schema.events WHERE event_schema = ?";
            let code: Option<u8> = connection
                .exec_first(has_code, (database, database))
                .map_err(|error| LoadError::server("look at the database", &error))?;
            if !present.is_empty() || code.is_some() {
                return Err(LoadError::refused(format!(
                    "the database {database:?} is there and not empty: name another, or restore over it"
                )));
            }
            return Ok(());
        }
        Target::Over { .. } => foreign(format!("constraint_schema <> {}", literal(database))),
        Target::Table { table, beside, .. } => {
            if !manifest.tables.iter().any(|other| other.name == *table) {
                return Err(LoadError::refused(format!("there is no table {table:?} in the dump")));
            }
            if !exists(connection, database)? {
                return Err(LoadError::refused(format!(
                    "there is no database {database:?} to put the table into"
                )));
            }
            if let Some(beside) = beside {
                if present.iter().any(|(name, _)| name == beside) {
                    return Err(LoadError::refused(format!("there is a table {beside:?} already")));
                }
                return Ok(());
            }
            foreign(format!(
                "referenced_table_name = {} AND NOT (constraint_schema = {} AND table_name = {})",
                literal(table),
                literal(database),
                literal(table)
            ))
        }
    };
    let from: Vec<String> =
        connection.query(from).map_err(|error| LoadError::server("ask for foreign keys", &error))?;
    if from.is_empty() {
        return Ok(());
    }
    Err(LoadError::refused(format!(
        "foreign keys of tables that stay would follow the old table away: {}; drop them first, or restore {}",
        from.join(", "),
        if matches!(target, Target::Over { .. }) { "into a new database" } else { "beside it" }
    )))
}

fn tell_of_definers(
    connection: &mut Conn,
    manifest: &Manifest,
    options: &Options,
    notes: &mut Vec<String>,
) -> Result<(), LoadError> {
    if options.definers != Definers::Keep {
        notes.push(
            "views, triggers, routines and events will run with the rights of the account that loads"
                .to_owned(),
        );
        return Ok(());
    }
    for definer in &manifest.definers {
        let Some((user, host)) = definer.rsplit_once('@') else { continue };
        // Who may not look is told nothing, and no harm is done.
        let found: Result<Option<u8>, _> =
            connection.exec_first("SELECT 1 FROM mysql.user WHERE User = ? AND Host = ?", (user, host));
        if let Ok(None) = found {
            notes.push(format!(
                "the definer {definer} is not on this server: what runs with its rights will fail until it is created"
            ));
        }
    }
    Ok(())
}

fn tell_of_server(
    connection: &mut Conn,
    manifest: &Manifest,
    notes: &mut Vec<String>,
) -> Result<(), LoadError> {
    let version: String = connection
        .query_first("SELECT CONCAT(VERSION(), '')")
        .map_err(|error| LoadError::server("ask for the version", &error))?
        .unwrap_or_default();
    let is_mariadb = version.contains("MariaDB");
    if is_mariadb != (manifest.server == "mariadb") {
        notes.push(format!(
            "dumped by {} and loaded into {version}, which nobody tested: collations such as utf8mb4_uca1400_* and \
             utf8mb4_0900_*, sequences, and the types uuid and inet6 are not known to both",
            manifest.server_version
        ));
    } else if numbers(&version) < numbers(&manifest.server_version) {
        notes.push(format!(
            "dumped by {} and loaded into the older {version}, which nobody tested: it may not know newer collations and types",
            manifest.server_version
        ));
    }
    if numbers(&version) != numbers(&manifest.server_version) {
        notes.push("checksums are not compared between releases; rows are counted".to_owned());
    }
    if is_mariadb && numbers(&version) < [10, 6] {
        notes.push(
            "before MariaDB 10.6 a server that crashes while tables change places may leave some of either"
                .to_owned(),
        );
    }
    Ok(())
}

fn numbers(version: &str) -> [u32; 2] {
    let mut parts = version.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
    [parts.next().unwrap_or(0), parts.next().unwrap_or(0)]
}

pub(super) fn exists(connection: &mut Conn, database: &str) -> Result<bool, LoadError> {
    let found: Option<u8> = connection
        .exec_first("SELECT 1 FROM information_schema.schemata WHERE schema_name = ?", (database,))
        .map_err(|error| LoadError::server("look for the database", &error))?;
    Ok(found.is_some())
}

/// Names and kinds of tables, views and sequences.
pub(super) fn tables(connection: &mut Conn, database: &str) -> Result<Vec<(String, String)>, LoadError> {
    connection
        .exec(
            "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = ? ORDER BY 1",
            (database,),
        )
        .map_err(|error| LoadError::server("ask for the tables", &error))
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = quoted(self.target.database());
        let into = match &self.target {
            Target::New { .. } => format!("into a new database {to}"),
            Target::Over { .. } => format!("over the database {to}"),
            Target::Table { table, beside: None, .. } => format!("over the table {to}.{}", quoted(table)),
            Target::Table { beside: Some(beside), .. } => format!("into a new table {to}.{}", quoted(beside)),
        };
        writeln!(
            f,
            "{} as of {} {into}: {} rows, {} bytes",
            quoted(&self.dumped),
            self.instant,
            self.rows,
            self.bytes
        )?;
        if let Some(replay) = &self.replay {
            let to = match &replay.stop {
                Stop::Instant { at } => format!("everything until {at}, and nothing after"),
                Stop::Position(position) => {
                    format!("everything until {} at {}", position.file, position.position)
                }
                Stop::End => format!("everything until {}", replay.until),
            };
            writeln!(
                f,
                "  then its log: {to} ({} transactions of the database until {}, {} bytes)",
                replay.transactions, replay.until, replay.bytes
            )?;
        }
        for table in &self.tables {
            let does = if table.replaces { "replaces" } else { "creates" };
            writeln!(f, "  {does} {} ({}, {} rows)", quoted(&table.name), table.engine, table.rows)?;
        }
        for name in &self.drops {
            writeln!(f, "  drops {}, which is not in the dump", quoted(name))?;
        }
        for note in &self.notes {
            writeln!(f, "  note: {note}")?;
        }
        Ok(())
    }
}
