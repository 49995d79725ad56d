//! Locks on a server that others work with: taken for a moment, given back whatever happens.
//!
//! A lock that outlives its purpose stops every website on the server. So a lock waits only briefly to be granted, belongs to
//! a connection that is closed on every way out, and the server itself closes that connection when we fall silent: a process of
//! ours that hangs or is frozen cannot hold it.

use std::time::Duration;

use mysql::Conn;
use mysql::prelude::Queryable;

use super::inspect::quoted;

/// Longest wait for the global lock; meanwhile the server holds back who wants to write.
const GLOBAL_WAIT: Duration = Duration::from_secs(5);
/// Longest that a dump may take from its start to its first section under the global lock.
pub(super) const GLOBAL_HOLD_MAX: Duration = Duration::from_secs(10);
/// After this much silence of ours the server gives the global lock back by itself.
const GLOBAL_SILENCE_MAX: Duration = Duration::from_secs(30);
/// Longest wait for a lock on tables.
const TABLES_WAIT: Duration = Duration::from_secs(30);
/// After this much silence of ours the server gives the locks on tables back; a pass over them that takes longer is fuzzy.
const TABLES_SILENCE_MAX: Duration = Duration::from_secs(4 * 3600);

/// A lock that ends when dropped.
pub(super) struct Lock {
    connection: Conn,
}

impl Lock {
    /// Stops all writing on the server.
    pub(super) fn global(connection: Conn) -> Result<Lock, mysql::Error> {
        Lock::take(connection, GLOBAL_WAIT, GLOBAL_SILENCE_MAX, "FLUSH TABLES WITH READ LOCK")
    }

    /// Stops writing into these tables, which takes the right to reload. Not by `LOCK TABLES`: who wants to write then waits in
    /// the table's own queue, whoever reads after him waits behind him, and so would the dump for us, and we for the dump.
    pub(super) fn tables(connection: Conn, database: &str, tables: &[&str]) -> Result<Lock, mysql::Error> {
        let names = named(database, tables).join(", ");
        Lock::take(
            connection,
            TABLES_WAIT,
            TABLES_SILENCE_MAX,
            &format!("FLUSH TABLES {names} WITH READ LOCK"),
        )
    }

    /// Whether this account may lock these tables by `LOCK TABLES`, as the dump tool can for itself.
    pub(super) fn try_tables(connection: Conn, database: &str, tables: &[&str]) -> Result<(), mysql::Error> {
        let names: Vec<String> =
            named(database, tables).into_iter().map(|name| format!("{name} READ")).collect();
        let lock = format!("LOCK TABLES {}", names.join(", "));
        Lock::take(connection, TABLES_WAIT, TABLES_SILENCE_MAX, &lock)?.release()
    }

    fn take(
        mut connection: Conn,
        wait: Duration,
        silence: Duration,
        statement: &str,
    ) -> Result<Lock, mysql::Error> {
        let settings = format!(
            "SET SESSION lock_wait_timeout = {}, SESSION wait_timeout = {}",
            wait.as_secs(),
            silence.as_secs()
        );
        connection.query_drop(settings)?;
        connection.query_drop(statement)?;
        Ok(Lock { connection })
    }

    /// The connection that holds it, for questions under the lock.
    pub(super) fn connection(&mut self) -> &mut Conn {
        &mut self.connection
    }

    /// Gives it back. That this succeeds proves that it was held until now: a lost lock is a lost connection.
    pub(super) fn release(mut self) -> Result<(), mysql::Error> {
        self.connection.query_drop("UNLOCK TABLES")
    }
}

/// Tables of a database, as statements name them.
fn named(database: &str, tables: &[&str]) -> Vec<String> {
    let database = quoted(database);
    tables.iter().map(|table| format!("{database}.{}", quoted(table))).collect()
}

#[cfg(test)]
mod tests {
    use holdfast_testkit::servers::Mariadb;
    use holdfast_world::{Clock, SecretString, SystemClock};

    use super::*;
    use crate::database::{Access, Place};

    #[test]
    fn a_lock_ends_when_it_is_dropped_and_when_its_owner_falls_silent() {
        let server = Mariadb::start(&[]);
        server.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT) ENGINE = MyISAM");
        let access = Access {
            place: Place::Socket(server.socket.clone()),
            user: "root".to_owned(),
            password: SecretString::from(String::new()),
            database: "d".to_owned(),
        };
        let write = |wait: u32| {
            let insert = format!("SET lock_wait_timeout = {wait}; INSERT INTO d.t VALUES (1)");
            server.try_sql(&insert).status.success()
        };
        let lock = Lock::global(access.connect().unwrap()).unwrap();
        assert!(!write(1), "nobody writes meanwhile");
        drop(lock);
        assert!(write(5));
        let silence = Duration::from_secs(2);
        let connection = access.connect().unwrap();
        let lock = Lock::take(connection, GLOBAL_WAIT, silence, "FLUSH TABLES WITH READ LOCK").unwrap();
        assert!(!write(1));
        // The owner is still there, and says nothing.
        SystemClock::new().sleep(silence);
        assert!(write(5));
        assert!(lock.release().is_err(), "it is told that it lost the lock");
        let busy = Lock::tables(access.connect().unwrap(), "d", &["t"]).unwrap();
        assert!(!write(1));
        // Somebody waits to write, and others still read: a dump must not wait behind him.
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| write(20));
            while !server.sql("SHOW FULL PROCESSLIST").contains("Waiting for table metadata lock") {}
            assert_eq!(server.sql("SET max_statement_time = 10; SELECT COUNT(*) FROM d.t"), "2\n");
            busy.release().unwrap();
            assert!(writer.join().unwrap());
        });
        let busy = Lock::tables(access.connect().unwrap(), "d", &["t"]).unwrap();
        busy.release().unwrap();
        assert!(write(5));
    }
}
