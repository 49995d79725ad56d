//! What a server says about itself and about one database.

use mysql::prelude::Queryable;
use mysql::{Conn, Row};

use super::log::Server;
use super::manifest::BinaryLog;

/// Engines whose tables hold no rows of their own: the dump tools write their structure and leave the rows to where they are.
const ENGINES_WITHOUT_ROWS: [&str; 8] =
    ["MRG_MyISAM", "MRG_ISAM", "CONNECT", "OQGRAPH", "SPIDER", "VP", "FEDERATED", "BLACKHOLE"];

/// A server and the database, as they were before the dump.
#[derive(Debug)]
pub(super) struct Facts {
    pub version: String,
    pub is_mariadb: bool,
    pub has_binary_log: bool,
    pub sql_mode: String,
    pub character_set: String,
    pub collation: String,
    pub tables: Vec<TableFacts>,
    pub definers: Vec<String>,
}

/// A table that holds rows.
#[derive(Clone, Debug)]
pub(super) struct TableFacts {
    pub name: String,
    pub engine: String,
    pub is_transactional: bool,
    pub has_rows_of_its_own: bool,
    pub is_versioned: bool,
}

impl Facts {
    pub(super) fn engine(&self, table: &str) -> String {
        self.table(table).map_or_else(|| "?".to_owned(), |table| table.engine.clone())
    }

    pub(super) fn has_rows_of_its_own(&self, table: &str) -> bool {
        self.table(table).is_none_or(|table| table.has_rows_of_its_own)
    }

    /// What is to be known about a table that its dump does not show.
    pub(super) fn note(&self, table: &str) -> Option<&'static str> {
        let facts = self.table(table)?;
        if !facts.has_rows_of_its_own {
            return Some("its engine keeps no rows here: the dump has its structure alone");
        }
        facts.is_versioned.then_some("the dump has its current rows; their history is not in it")
    }

    fn table(&self, name: &str) -> Option<&TableFacts> {
        self.tables.iter().find(|table| table.name == name)
    }
}

/// Asks for all of it.
pub(super) fn inspect(connection: &mut Conn, database: &str) -> Result<Option<Facts>, mysql::Error> {
    // What lies under a view that is broken must not end the questions about everything else.
    let of_database = "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata \
                       WHERE schema_name = ?";
    let Some((character_set, collation)) = connection.exec_first(of_database, (database,))? else {
        return Ok(None);
    };
    let settings = "SELECT CONCAT(VERSION(), ''), @@log_bin + 0, CONCAT(@@GLOBAL.sql_mode, '')";
    let (version, log_bin, sql_mode): (String, i64, String) =
        connection.query_first(settings)?.expect("a SELECT without a table has one row");
    let tables = "SELECT t.table_name, IFNULL(t.engine, '?'), IFNULL(e.transactions, 'NO'), t.table_type FROM information_schema.tables t \
                  LEFT JOIN information_schema.engines e ON e.engine = t.engine \
                  WHERE t.table_schema = ? AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY t.table_name";
    let table = |(name, engine, transactions, kind): (String, String, String, String)| {
        let has_rows_of_its_own =
            !ENGINES_WITHOUT_ROWS.iter().any(|other| other.eq_ignore_ascii_case(&engine));
        let is_versioned = kind == "SYSTEM VERSIONED";
        TableFacts {
            name,
            engine,
            is_transactional: transactions == "YES",
            has_rows_of_its_own,
            is_versioned,
        }
    };
    let tables = connection.exec_map(tables, (database,), table)?;
    let definers = "SELECT definer FROM information_schema.views WHERE table_schema = ? \
                    UNION SELECT definer FROM information_schema.triggers WHERE trigger_schema = ? \
                    UNION SELECT definer FROM information_schema.routines WHERE routine_schema = ? \
                    UNION SELECT definer FROM information_schema.events WHERE event_schema = ? ORDER BY 1";
    let definers = connection.exec(definers, (database, database, database, database))?;
    Ok(Some(Facts {
        is_mariadb: version.contains("MariaDB"),
        version,
        has_binary_log: log_bin != 0,
        sql_mode,
        character_set,
        collation,
        tables,
        definers,
    }))
}

/// Events over which `mariadb-dump` never ends: it looks for a delimiter that the event does not hold, and looks for ever
/// where that holds `;;` (seen in 10.11).
pub(super) fn endless_events(connection: &mut Conn, database: &str) -> Result<Vec<String>, mysql::Error> {
    let events = "SELECT event_name FROM information_schema.events WHERE event_schema = ? \
                  AND CONCAT(event_name, event_definition, event_comment, definer) LIKE '%;;%' ORDER BY 1";
    connection.exec(events, (database,))
}

/// Where the binary log stands: file, position, and MariaDB's GTID or MySQL's set of them. `None` where there is none or the
/// account may not ask.
pub(super) fn binary_log_position(connection: &mut Conn, facts: &Facts) -> Option<BinaryLog> {
    if !facts.has_binary_log {
        return None;
    }
    // MySQL 8.4 has only the newer name of the statement.
    let row: Row = ["SHOW MASTER STATUS", "SHOW BINARY LOG STATUS"]
        .into_iter()
        .find_map(|statement| connection.query_first(statement).ok().flatten())?;
    let gtid =
        if facts.is_mariadb { "SELECT @@GLOBAL.gtid_binlog_pos" } else { "SELECT @@GLOBAL.gtid_executed" };
    let gtid: Option<String> = connection.query_first(gtid).ok().flatten();
    let server = Server::ask(connection).ok();
    Some(BinaryLog {
        file: row.get(0)?,
        position: row.get(1)?,
        gtid: gtid.filter(|gtid| !gtid.is_empty()),
        server,
        locked: None,
    })
}

/// Rows and checksum of a table.
pub(super) fn measure(connection: &mut Conn, database: &str, table: &str) -> Result<Measured, mysql::Error> {
    let name = format!("{}.{}", quoted(database), quoted(table));
    let rows = connection.query_first(format!("SELECT COUNT(*) FROM {name}"))?.expect("a count has one row");
    let checksum: Option<(String, Option<u64>)> = connection.query_first(format!("CHECKSUM TABLE {name}"))?;
    Ok(Measured { rows, checksum: checksum.and_then(|(_, checksum)| checksum) })
}

/// What a table held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub rows: u64,
    pub checksum: Option<u64>,
}

/// A name in backticks.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
