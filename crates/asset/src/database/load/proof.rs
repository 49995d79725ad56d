//! Whether what was loaded is what was dumped.

use mysql::Conn;
use mysql::prelude::Queryable;

use super::super::inspect::quoted;
use super::super::manifest::{Consistency, Manifest, Table};
use super::code::CodeCounts;
use super::failure::{LoadError, LoadErrorKind};
use super::{Loaded, literal};

/// What must be there.
pub(super) struct Expected {
    pub tables: Vec<String>,
    /// Whether they are all; one table comes among others that have triggers of their own.
    pub is_whole: bool,
    pub with_events: bool,
    pub counts: CodeCounts,
    /// The statements that make the settings of a session.
    pub head: Vec<Vec<u8>>,
    /// The statements that make views, triggers, routines and events.
    pub code: Vec<Vec<u8>>,
}

/// Rows, checksums, structure, and views and the like.
pub(super) fn prove(
    connection: &mut Conn,
    database: &str,
    manifest: &Manifest,
    expected: &Expected,
) -> Result<Loaded, LoadError> {
    let failed = |error: mysql::Error| LoadError::server("look at what was loaded", &error);
    let version: String =
        connection.query_first("SELECT CONCAT(VERSION(), '')").map_err(failed)?.unwrap_or_default();
    let is_same = release(&version) == release(&manifest.server_version);
    let mut loaded = Loaded {
        tables: 0,
        rows: 0,
        checksums: 0,
        code: expected.counts,
        aside: None,
        grants_failed: None,
        healed: None,
    };
    for table in manifest.tables.iter().filter(|table| expected.tables.contains(&table.name)) {
        let name = format!("{}.{}", quoted(database), quoted(&table.name));
        check(connection, &name)?;
        loaded.tables += 1;
        if table.note.is_some() && table.rows == 0 {
            continue;
        }
        let rows: u64 = connection
            .query_first(format!("SELECT COUNT(*) FROM {name}"))
            .map_err(failed)?
            .unwrap_or_default();
        if rows != table.rows {
            return Err(differs(&name, &format!("it has {rows} rows, and {} were dumped", table.rows)));
        }
        loaded.rows += rows;
        if let Some(checksum) = table.checksum.filter(|_| is_same && is_comparable(table)) {
            let found: Option<(String, Option<u64>)> =
                connection.query_first(format!("CHECKSUM TABLE {name}")).map_err(failed)?;
            let found = found.and_then(|(_, found)| found);
            if found != Some(checksum) {
                return Err(differs(&name, &format!("its checksum is {found:?}, and was {checksum}")));
            }
            loaded.checksums += 1;
        }
    }
    prove_code(connection, database, expected)?;
    Ok(loaded)
}

/// After the tables changed places: all are there and whole, and so are views and the like. Rows are not counted again, as
/// whoever uses the database may be writing already.
pub(super) fn prove_places(
    connection: &mut Conn,
    database: &str,
    expected: &Expected,
) -> Result<(), LoadError> {
    for table in &expected.tables {
        check(connection, &format!("{}.{}", quoted(database), quoted(table)))?;
    }
    prove_code(connection, database, expected)
}

/// Whether a checksum of today says anything about the one in the manifest, if the servers reckon alike.
pub(crate) fn is_comparable(table: &Table) -> bool {
    table.note.is_none() && !matches!(table.consistency, Consistency::Fuzzy { .. })
}

/// The releases within which checksums are computed alike.
pub(crate) fn release(version: &str) -> (bool, Vec<&str>) {
    (version.contains("MariaDB"), version.split('.').take(2).collect())
}

fn check(connection: &mut Conn, name: &str) -> Result<(), LoadError> {
    let rows: Vec<(String, String, String, String)> = connection
        .query(format!("CHECK TABLE {name}"))
        .map_err(|error| LoadError::server("check what was loaded", &error))?;
    match rows.iter().find(|row| row.2.eq_ignore_ascii_case("error")) {
        Some((_, _, _, text)) => Err(differs(name, &format!("CHECK TABLE says: {text}"))),
        None => Ok(()),
    }
}

fn prove_code(connection: &mut Conn, database: &str, expected: &Expected) -> Result<(), LoadError> {
    let counts = expected.counts;
    for (what, table, column, number) in [
        ("views", "views", "table_schema", counts.views),
        ("triggers", "triggers", "trigger_schema", counts.triggers),
        ("routines", "routines", "routine_schema", counts.routines),
        ("events", "events", "event_schema", if expected.with_events { counts.events } else { 0 }),
    ] {
        let query =
            format!("SELECT COUNT(*) FROM information_schema.{table} WHERE {column} = {}", literal(database));
        let found: u64 = connection
            .query_first(query)
            .map_err(|error| LoadError::server("count what was loaded", &error))?
            .unwrap_or_default();
        if found < number || (expected.is_whole && found > number) {
            return Err(LoadError::new(
                LoadErrorKind::Proof,
                format!(
                    "what was loaded is not what was dumped: there are {found} {what}, and {number} in the dump"
                ),
            ));
        }
    }
    Ok(())
}

fn differs(name: &str, why: &str) -> LoadError {
    LoadError::new(LoadErrorKind::Proof, format!("what was loaded is not what was dumped: {name}: {why}"))
}
