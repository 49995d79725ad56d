//! The two kinds of pass: one snapshot of all tables with transactions, and a lock on those without.

use std::io;

use holdfast_format::source::SourceError;
use jiff::Timestamp;
use mysql::Conn;
use mysql::prelude::Queryable;

use super::counting::Counter;
use super::failure::{failure, query_failure};
use super::inspect::{Facts, binary_log_position, measure};
use super::locks::{GLOBAL_HOLD_MAX, Lock};
use super::log::Start;
use super::manifest::{BinaryLog, Consistency, Counts};
use super::pass::Pass;
use super::record::{DumpedTable, Record};
use super::stream::Setting;
use super::tool::Scope;

/// The pass over everything with transactions.
pub(super) struct Snapshot {
    pub pass: Pass,
    pub instant: Timestamp,
    /// The snapshot beside it, or why there is none.
    beside: Result<Counter, String>,
}

impl Snapshot {
    /// Starts the dump, where that may be under a global lock together with the snapshot beside it. `ask` is asked under the
    /// lock.
    pub(super) fn start<T>(
        setting: &Setting,
        facts: &Facts,
        ask: impl Fn(&mut Conn) -> Option<T>,
    ) -> Result<(Snapshot, Option<T>), SourceError> {
        let without: Vec<Vec<u8>> = facts
            .tables
            .iter()
            .filter(|t| !t.is_transactional)
            .map(|t| t.name.clone().into_bytes())
            .collect();
        let scope = Scope::Snapshot { without: &without };
        let lock = setting.access.connect().and_then(Lock::global);
        let mut lock = match lock {
            Ok(lock) => lock,
            Err(error) => {
                let why = format!("no moment without writers could be had: {error}");
                return Ok((Snapshot::alone(setting, &scope, why)?, None));
            }
        };
        let beside = Counter::open(&setting.access);
        let asked = ask(lock.connection());
        let instant = setting.clock.now();
        let mut pass = Pass::start(&setting.tool, &setting.access, &scope, &setting.path)?;
        let was_in_time = pass.wait_for_section(&*setting.clock, GLOBAL_HOLD_MAX)?;
        let was_held = lock.release();
        let (beside, asked) = match (beside, was_in_time, was_held) {
            (Ok(beside), true, Ok(())) => (Ok(beside), asked),
            (Err(error), ..) => (Err(format!("no second snapshot could be opened: {error}")), asked),
            (_, false, _) => (
                Err(format!(
                    "the dump took longer than {GLOBAL_HOLD_MAX:?} to begin, and others were waiting"
                )),
                None,
            ),
            (_, _, Err(error)) => (Err(format!("the moment without writers was cut short: {error}")), None),
        };
        Ok((Snapshot { pass, instant, beside }, asked))
    }

    /// Without a lock.
    fn alone(setting: &Setting, scope: &Scope<'_>, why: String) -> Result<Snapshot, SourceError> {
        // Somewhat before the tool opens its snapshot: whatever was committed until then is in it.
        let instant = setting.clock.now();
        let pass = Pass::start(&setting.tool, &setting.access, scope, &setting.path)?;
        Ok(Snapshot { pass, instant, beside: Err(why) })
    }

    /// How tables are counted.
    pub(super) fn counts(&self) -> Counts {
        match &self.beside {
            Ok(_) => Counts::Snapshot,
            Err(why) => Counts::Dump { why: why.clone() },
        }
    }

    /// Has a table counted, now that its pages are warm.
    pub(super) fn count(&self, table: &str, facts: &Facts) {
        if let Ok(counter) = &self.beside
            && facts.has_rows_of_its_own(table)
        {
            counter.count(table);
        }
    }

    /// Completes what is recorded about its tables.
    pub(super) fn finish(self, setting: &Setting, record: &mut Record) -> Result<(), SourceError> {
        let mut counts = self.beside.map(Counter::finish).unwrap_or_default();
        for table in record.tables_since() {
            table.instant = self.instant.to_string();
            match counts.remove(&table.name) {
                Some(Ok(measured)) => table.measured = Some(measured),
                Some(Err(why)) => table.note = Some(format!("not counted: {why}")),
                None => {}
            }
            compare(setting, table)?;
        }
        Ok(())
    }
}

/// The pass over tables without transactions.
pub(super) struct TablesPass {
    pub pass: Pass,
    pub instant: Timestamp,
    /// Where the binary log stood under the lock.
    pub binary_log: Option<Start>,
    lock: Result<Lock, String>,
}

impl TablesPass {
    /// Locks the tables and starts their dump; where they cannot be locked, without.
    pub(super) fn start(
        setting: &Setting,
        facts: &Facts,
        tables: Vec<String>,
    ) -> Result<TablesPass, SourceError> {
        let names: Vec<&str> = tables.iter().map(String::as_str).collect();
        let connection = setting
            .access
            .connect()
            .map_err(|error| query_failure(&setting.path, "reach the server", &error))?;
        let mut lock = Lock::tables(connection, &setting.access.database, &names)
            .map_err(|error| format!("the table has no transactions and could not be locked: {error}"));
        let binary_log = lock.as_mut().ok().and_then(|lock| binary_log_position(lock.connection(), facts));
        let binary_log = lock.as_mut().ok().zip(binary_log).map(|(lock, log)| {
            let BinaryLog { file, position, .. } = log;
            // Others go on writing elsewhere: asked for what is now, the server would answer for another place.
            let query = "SELECT BINLOG_GTID_POS(?, ?)";
            let gtid = lock.connection().exec_first(query, (&file, position)).ok().flatten().flatten();
            Start { file, position, gtid }
        });
        let instant = setting.clock.now();
        let bytes: Vec<Vec<u8>> = tables.into_iter().map(String::into_bytes).collect();
        let pass = Pass::start(&setting.tool, &setting.access, &Scope::Tables(&bytes), &setting.path)?;
        Ok(TablesPass { pass, instant, binary_log, lock })
    }

    /// Counts under the lock, gives it back, and completes what is recorded about the tables.
    pub(super) fn finish(
        self,
        setting: &Setting,
        facts: &Facts,
        record: &mut Record,
    ) -> Result<(), SourceError> {
        let (mut lock, why) = match self.lock {
            Ok(lock) => (Some(lock), String::new()),
            Err(why) => (None, why),
        };
        for table in record.tables_since() {
            table.instant = self.instant.to_string();
            if let Some(lock) = &mut lock {
                table.consistency = Consistency::Locked;
                if !facts.has_rows_of_its_own(&table.name) {
                    continue;
                }
                match measure(lock.connection(), &setting.access.database, &table.name) {
                    Ok(measured) => table.measured = Some(measured),
                    Err(error) => table.note = Some(format!("not counted: {error}")),
                }
                compare(setting, table)?;
            } else {
                table.consistency = Consistency::Fuzzy { why: why.clone() };
            }
        }
        if let Some(Err(error)) = lock.map(Lock::release) {
            let message = format!(
                "the lock on the tables without transactions was lost while they were read: {error}; run it again, and see \
                 whether something ends connections on this server"
            );
            return Err(failure(&setting.path, io::ErrorKind::Other, message));
        }
        Ok(())
    }
}

/// A dump that holds more or fewer rows than the table did is not the table.
fn compare(setting: &Setting, table: &DumpedTable) -> Result<(), SourceError> {
    match table.measured {
        Some(measured) if measured.rows != table.rows => {
            let message = format!(
                "the dump is not whole: it holds {} rows of the table `{}`, which had {} at the same instant; run CHECK TABLE on \
                 it, and run the backup again",
                table.rows,
                table.name.escape_debug(),
                measured.rows
            );
            Err(failure(&setting.path, io::ErrorKind::InvalidData, message))
        }
        _ => Ok(()),
    }
}
