//! Counts in a second snapshot of the same instant, table by table, while the dump goes on; and asks there what else is asked.
//!
//! A dump tool owns its connection, so what it read cannot be counted in it. A second snapshot, opened while nobody could
//! write, sees the same rows; that both agree is what shows that the dump lost none.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use mysql::Conn;
use mysql::prelude::Queryable;

use super::access::Access;
use super::inspect::{Measured, measure, quoted};
use super::manifest::Question;

/// Longer than any dump: this connection is silent between two tables.
const SILENCE_SECONDS_MAX: u32 = 24 * 3600;

/// What each table held, or why that is not known.
pub(super) type Counts = BTreeMap<String, Result<Measured, String>>;

/// What questions were answered with, by their names. One that the server refuses is left out.
pub(super) type Answers = BTreeMap<String, String>;

/// What the thread is to do next.
enum Task {
    Count(String),
    Ask(Question),
}

/// A snapshot in which a thread counts.
pub(super) struct Counter {
    tasks: Option<mpsc::Sender<Task>>,
    thread: Option<JoinHandle<(Counts, Answers)>>,
    connection_id: u32,
    access: Access,
}

impl Counter {
    /// Opens the snapshot; what was committed until this returns is in it.
    pub(super) fn open(access: &Access) -> Result<Counter, mysql::Error> {
        let mut connection = access.connect()?;
        connection.query_drop(format!("SET SESSION wait_timeout = {SILENCE_SECONDS_MAX}"))?;
        connection.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")?;
        connection.query_drop(format!("USE {}", quoted(&access.database)))?;
        connection.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")?;
        let connection_id = connection.connection_id();
        let (sender, receiver) = mpsc::channel();
        let database = access.database.clone();
        let thread = thread::spawn(move || work(connection, &database, &receiver));
        Ok(Counter { tasks: Some(sender), thread: Some(thread), connection_id, access: access.clone() })
    }

    /// Has a table counted.
    pub(super) fn count(&self, table: &str) {
        self.give(Task::Count(table.to_owned()));
    }

    /// Has a question asked.
    pub(super) fn ask(&self, question: &Question) {
        self.give(Task::Ask(question.clone()));
    }

    fn give(&self, task: Task) {
        if let Some(tasks) = &self.tasks {
            // A thread that is gone is told by its result.
            let _ = tasks.send(task);
        }
    }

    /// Waits for all that was asked.
    pub(super) fn finish(mut self) -> (Counts, Answers) {
        self.tasks = None;
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.tasks = None;
        if self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
            && let Ok(mut connection) = self.access.connect()
        {
            // It may have ended by itself meanwhile.
            let _ = connection.query_drop(format!("KILL {}", self.connection_id));
        }
    }
}

fn work(mut connection: Conn, database: &str, tasks: &mpsc::Receiver<Task>) -> (Counts, Answers) {
    let (mut counts, mut answers) = (Counts::new(), Answers::new());
    for task in tasks {
        match task {
            Task::Count(table) => {
                let measured =
                    and_let_go(&mut connection, |connection| measure(connection, database, &table));
                counts.insert(table, measured.map_err(|error| error.to_string()));
            }
            Task::Ask(question) => {
                let asked = and_let_go(&mut connection, |connection| answer(connection, &question));
                answers.extend(asked.ok().flatten().map(|answer| (question.name, answer)));
            }
        }
    }
    (counts, answers)
}

/// Asks a question in the database that is in use; nothing where the answer is NULL.
pub(super) fn answer(connection: &mut Conn, question: &Question) -> Result<Option<String>, mysql::Error> {
    Ok(connection.query_first::<Option<String>, _>(&question.query)?.flatten())
}

/// Without the savepoint each table that was counted could not be altered until the end, and who waits to alter one stops
/// all others.
fn and_let_go<T>(
    connection: &mut Conn,
    ask: impl FnOnce(&mut Conn) -> Result<T, mysql::Error>,
) -> Result<T, mysql::Error> {
    connection.query_drop("SAVEPOINT counted")?;
    let asked = ask(connection);
    connection.query_drop("ROLLBACK TO SAVEPOINT counted")?;
    asked
}
