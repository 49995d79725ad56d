//! What was begun and how far it came, kept in the server beside the old tables: a killed load is judged by it.
//!
//! It says less than one might think, on purpose. Whether the tables changed places is told by a marker table that moved in
//! the same statement as they did, because a row written before or after that statement would be a guess.

use mysql::Conn;
use mysql::prelude::Queryable;
use sha2::{Digest, Sha256};

use super::super::inspect::quoted;
use super::failure::LoadError;
use super::literal;

/// The journal's table, in the aside database.
pub(super) const JOURNAL: &str = "holdfast_journal";
/// The table that moves from side to aside together with all others.
pub(super) const MARKER: &str = "holdfast_swapped";

/// The databases that a load of one uses.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// Where the new is loaded.
    pub side: String,
    /// Where the old waits.
    pub aside: String,
}

impl Names {
    pub(super) fn of(database: &str) -> Names {
        let hash: String =
            Sha256::digest(database).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Names { side: format!("holdfast_side_{hash}"), aside: format!("holdfast_aside_{hash}") }
    }
}

/// Whether a database has the name of one that a load uses beside another.
pub(in crate::database) fn is_beside(name: &str) -> bool {
    let hash = name.strip_prefix("holdfast_side_").or_else(|| name.strip_prefix("holdfast_aside_"));
    hash.is_some_and(|hash| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// How far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing was touched.
    Nothing,
    /// The old code is saved; from here on the old database may be incomplete, or aside.
    Saved,
    /// The new database stands.
    Proven,
    /// As before, and the old tables are to be kept.
    Kept,
}

/// A view, trigger, routine or event as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Code {
    /// `VIEW`, `TRIGGER`, `PROCEDURE`, `FUNCTION`, `EVENT`.
    pub kind: String,
    pub name: String,
    /// Settings to make first.
    pub settings: String,
    pub statement: String,
}

pub(super) fn create(
    connection: &mut Conn,
    names: &Names,
    only: Option<&[String]>,
    old: &[Code],
) -> Result<(), LoadError> {
    let failed = |error: mysql::Error| LoadError::server("keep a journal of the load", &error);
    let journal = format!("{}.{JOURNAL}", quoted(&names.aside));
    connection
        .query_drop(format!("CREATE DATABASE {} CHARACTER SET utf8mb4", quoted(&names.aside)))
        .map_err(failed)?;
    connection
        .query_drop(format!(
            "CREATE TABLE {journal} (id INT AUTO_INCREMENT PRIMARY KEY, kind VARCHAR(20), name TEXT, settings TEXT, \
             statement LONGBLOB) ENGINE = InnoDB"
        ))
        .map_err(failed)?;
    connection.query_drop("START TRANSACTION").map_err(failed)?;
    let insert = format!("INSERT INTO {journal} (kind, name, settings, statement) VALUES (?, ?, ?, ?)");
    for code in old {
        connection
            .exec_drop(&insert, (&code.kind, &code.name, &code.settings, &code.statement))
            .map_err(failed)?;
    }
    for table in only.unwrap_or_default() {
        connection.exec_drop(&insert, ("table", table, "", "")).map_err(failed)?;
    }
    // In one transaction with the rest: a state without its tables would move all of them.
    let first = only.and_then(<[String]>::first).map_or("", String::as_str);
    connection.exec_drop(&insert, ("state", first, "", "saved")).map_err(failed)?;
    connection.query_drop("COMMIT").map_err(failed)
}

pub(super) fn set(connection: &mut Conn, names: &Names, state: State) -> Result<(), LoadError> {
    let state = match state {
        State::Nothing | State::Saved => "saved",
        State::Proven => "proven",
        State::Kept => "kept",
    };
    let update = format!(
        "UPDATE {}.{JOURNAL} SET statement = {} WHERE kind = 'state'",
        quoted(&names.aside),
        literal(state)
    );
    connection.query_drop(update).map_err(|error| LoadError::server("write the journal", &error))
}

/// The state, and the tables that alone are loaded.
pub(super) fn state(connection: &mut Conn, names: &Names) -> Result<(State, Option<Vec<String>>), LoadError> {
    let exists = super::plan::tables(connection, &names.aside)?.iter().any(|(name, _)| name == JOURNAL);
    if !exists {
        return Ok((State::Nothing, None));
    }
    let query =
        format!("SELECT statement, name FROM {}.{JOURNAL} WHERE kind = 'state'", quoted(&names.aside));
    let row: Option<(String, String)> =
        connection.query_first(query).map_err(|error| LoadError::server("read the journal", &error))?;
    let Some((state, table)) = row else { return Ok((State::Nothing, None)) };
    let state = match state.as_str() {
        "proven" => State::Proven,
        "kept" => State::Kept,
        _ => State::Saved,
    };
    if table.is_empty() {
        return Ok((state, None));
    }
    let query =
        format!("SELECT name FROM {}.{JOURNAL} WHERE kind = 'table' ORDER BY id", quoted(&names.aside));
    let only = super::column(connection, "read the journal", &query)?;
    Ok((state, Some(if only.is_empty() { vec![table] } else { only })))
}

/// A condition that triggers are of these tables; none where all are meant.
pub(super) fn of_tables(only: Option<&[String]>) -> String {
    let Some(only) = only else { return String::new() };
    let names: Vec<String> = only.iter().map(|name| literal(name)).collect();
    format!(" AND event_object_table IN ({})", names.join(", "))
}

pub(super) fn saved(connection: &mut Conn, names: &Names) -> Result<Vec<Code>, LoadError> {
    let query = format!(
        "SELECT kind, name, settings, statement FROM {}.{JOURNAL} WHERE kind NOT IN ('state', 'table') ORDER BY id",
        quoted(&names.aside)
    );
    connection
        .query_map(query, |(kind, name, settings, statement)| Code { kind, name, settings, statement })
        .map_err(|error| LoadError::server("read the journal", &error))
}

/// All code of a database, or the triggers of some tables, as the server would have it created again.
pub(super) fn code(
    connection: &mut Conn,
    database: &str,
    only: Option<&[String]>,
) -> Result<Vec<Code>, LoadError> {
    let failed = |error: mysql::Error| LoadError::server("save views, triggers, routines and events", &error);
    connection.query_drop(format!("USE {}", quoted(database))).map_err(failed)?;
    let of = literal(database);
    let of_table = of_tables(only);
    let mut list = format!(
        "SELECT 'TRIGGER', trigger_name FROM information_schema.triggers WHERE trigger_schema = {of}{of_table}"
    );
    if only.is_none() {
        list += &format!(
            " UNION ALL SELECT routine_type, routine_name FROM information_schema.routines WHERE routine_schema = {of} \
             UNION ALL SELECT 'VIEW', table_name FROM information_schema.views WHERE table_schema = {of} \
             UNION ALL SELECT 'EVENT', event_name FROM information_schema.events WHERE event_schema = {of}"
        );
    }
    let list: Vec<(String, String)> = connection.query(list).map_err(failed)?;
    let mut found = Vec::new();
    for (kind, name) in list {
        let row: Option<mysql::Row> =
            connection.query_first(format!("SHOW CREATE {kind} {}", quoted(&name))).map_err(failed)?;
        let row = row.ok_or_else(|| LoadError::refused(format!("the {kind} {name:?} cannot be shown")))?;
        let statement = ["SQL Original Statement", "Create Procedure", "Create Function", "Create View", "Create Event"]
            .into_iter()
            .find_map(|column| row.get_opt::<String, _>(column)?.ok())
            .ok_or_else(|| {
                LoadError::refused(format!(
                    "the account may not see the {kind} {name:?}, so that it could not be brought back: GRANT SELECT ON mysql.proc TO it"
                ))
            })?;
        let mut settings = Vec::new();
        for (column, variable) in [
            ("sql_mode", "sql_mode"),
            ("time_zone", "time_zone"),
            ("character_set_client", "character_set_client"),
            ("collation_connection", "collation_connection"),
        ] {
            if let Some(Ok(value)) = row.get_opt::<String, _>(column) {
                settings.push(format!("{variable} = {}", literal(&value)));
            }
        }
        found.push(Code { kind, name, settings: settings.join(", "), statement });
    }
    Ok(found)
}
