//! Counts in a second snapshot of the same instant, table by table, while the dump goes on.
//!
//! A dump tool owns its connection, so what it read cannot be counted in it. A second snapshot, opened while nobody could
//! write, sees the same rows; that both agree is what shows that the dump lost none.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use mysql::Conn;
use mysql::prelude::Queryable;

use super::access::Access;
use super::inspect::{Measured, measure};

/// Longer than any dump: this connection is silent between two tables.
const SILENCE_SECONDS_MAX: u32 = 24 * 3600;

/// What each table held, or why that is not known.
pub(super) type Counts = BTreeMap<String, Result<Measured, String>>;

/// A snapshot in which a thread counts.
pub(super) struct Counter {
    tables: Option<mpsc::Sender<String>>,
    thread: Option<JoinHandle<Counts>>,
    connection_id: u32,
    access: Access,
}

impl Counter {
    /// Opens the snapshot; what was committed until this returns is in it.
    pub(super) fn open(access: &Access) -> Result<Counter, mysql::Error> {
        let mut connection = access.connect()?;
        connection.query_drop(format!("SET SESSION wait_timeout = {SILENCE_SECONDS_MAX}"))?;
        connection.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")?;
        connection.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")?;
        let connection_id = connection.connection_id();
        let (sender, receiver) = mpsc::channel();
        let database = access.database.clone();
        let thread = thread::spawn(move || count(connection, &database, &receiver));
        Ok(Counter { tables: Some(sender), thread: Some(thread), connection_id, access: access.clone() })
    }

    /// Has a table counted.
    pub(super) fn count(&self, table: &str) {
        if let Some(tables) = &self.tables {
            // A thread that is gone is told by its result.
            let _ = tables.send(table.to_owned());
        }
    }

    /// Waits for all that was asked.
    pub(super) fn finish(mut self) -> Counts {
        self.tables = None;
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.tables = None;
        if self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
            && let Ok(mut connection) = self.access.connect()
        {
            // It may have ended by itself meanwhile.
            let _ = connection.query_drop(format!("KILL {}", self.connection_id));
        }
    }
}

fn count(mut connection: Conn, database: &str, tables: &mpsc::Receiver<String>) -> Counts {
    let mut counts = Counts::new();
    for table in tables {
        let measured = measure_and_let_go(&mut connection, database, &table);
        counts.insert(table, measured.map_err(|error| error.to_string()));
    }
    counts
}

/// Without the savepoint each table that was counted could not be altered until the end, and who waits to alter one stops
/// all others.
fn measure_and_let_go(connection: &mut Conn, database: &str, table: &str) -> Result<Measured, mysql::Error> {
    connection.query_drop("SAVEPOINT counted")?;
    let measured = measure(connection, database, table);
    connection.query_drop("ROLLBACK TO SAVEPOINT counted")?;
    measured
}
