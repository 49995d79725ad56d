//! The two kinds of pass: one snapshot of all tables with transactions, and a lock on those without.

use std::io;

use holdfast_format::source::SourceError;
use jiff::Timestamp;
use mysql::Conn;
use mysql::prelude::Queryable;

use super::counting::{Answers, Counter, answer};
use super::failure::{failure, query_failure};
use super::inspect::{Facts, binary_log_position, measure, quoted};
use super::locks::{GLOBAL_HOLD_MAX, Lock};
use super::log::Start;
use super::manifest::{BinaryLog, Consistency, Counts, Question};
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

    /// Completes what is recorded about its tables, and gives the answers to questions about nothing but them.
    pub(super) fn finish(
        self,
        setting: &Setting,
        facts: &Facts,
        record: &mut Record,
    ) -> Result<Answers, SourceError> {
        let (mut counts, answers) = self
            .beside
            .map(|beside| {
                questions(setting, facts, true).for_each(|question| beside.ask(question));
                beside.finish()
            })
            .unwrap_or_default();
        for table in record.tables_since() {
            table.instant = self.instant.to_string();
            match counts.remove(&table.name) {
                Some(Ok(measured)) => table.measured = Some(measured),
                Some(Err(why)) => table.note = Some(format!("not counted: {why}")),
                None => {}
            }
            compare(setting, table)?;
        }
        Ok(answers)
    }
}

/// Questions about tables of one kind alone: of two kinds, the rows are of two instants.
fn questions<'s>(
    setting: &'s Setting,
    facts: &'s Facts,
    is_transactional: bool,
) -> impl Iterator<Item = &'s Question> {
    let is_of_kind = move |name: &String| {
        facts.tables.iter().any(|table| table.name == *name && table.is_transactional == is_transactional)
    };
    setting.questions.iter().filter(move |question| {
        // One that names no table is about the server, and asked once.
        question.tables.iter().all(is_of_kind) && (is_transactional || !question.tables.is_empty())
    })
}

/// The pass over tables without transactions.
pub(super) struct TablesPass {
    pub pass: Pass,
    pub instant: Timestamp,
    /// Where the binary log stood under the lock.
    pub binary_log: Option<Start>,
    lock: Holder,
}

/// Who keeps others from writing into tables without transactions while they are dumped.
enum Holder {
    /// A connection of ours, which can count meanwhile.
    Ours(Lock),
    /// The dump tool itself, because the account may not do what takes another connection.
    Tool(String),
    /// Nobody.
    Nobody(String),
}

impl Holder {
    fn of(setting: &Setting, tables: &[&str]) -> Result<Holder, SourceError> {
        let connect = || {
            let connected = setting.access.connect();
            connected.map_err(|error| query_failure(&setting.path, "reach the server", &error))
        };
        let database = &setting.access.database;
        let why = match Lock::tables(connect()?, database, tables) {
            Ok(lock) => return Ok(Holder::Ours(lock)),
            Err(error) => error.to_string(),
        };
        Ok(match Lock::try_tables(connect()?, database, tables) {
            Ok(()) => Holder::Tool(format!(
                "the account may not lock tables for another connection (FLUSH TABLES needs RELOAD): {why}"
            )),
            Err(error) => {
                Holder::Nobody(format!("the table has no transactions and could not be locked: {error}"))
            }
        })
    }
}

impl TablesPass {
    /// Locks the tables and starts their dump; where they cannot be locked, without.
    pub(super) fn start(
        setting: &Setting,
        facts: &Facts,
        tables: Vec<String>,
    ) -> Result<TablesPass, SourceError> {
        let names: Vec<&str> = tables.iter().map(String::as_str).collect();
        let mut lock = Holder::of(setting, &names)?;
        let ours = match &mut lock {
            Holder::Ours(lock) => Some(lock),
            Holder::Tool(_) | Holder::Nobody(_) => None,
        };
        let binary_log = ours.and_then(|lock| {
            let BinaryLog { file, position, .. } = binary_log_position(lock.connection(), facts)?;
            // Others go on writing elsewhere: asked for what is now, the server would answer for another place.
            let query = "SELECT BINLOG_GTID_POS(?, ?)";
            let gtid = lock.connection().exec_first(query, (&file, position)).ok().flatten().flatten();
            Some(Start { file, position, gtid })
        });
        let instant = setting.clock.now();
        let bytes: Vec<Vec<u8>> = tables.into_iter().map(String::into_bytes).collect();
        let scope = match &lock {
            Holder::Tool(_) => Scope::LockedTables(&bytes),
            Holder::Ours(_) | Holder::Nobody(_) => Scope::Tables(&bytes),
        };
        let pass = Pass::start(&setting.tool, &setting.access, &scope, &setting.path)?;
        Ok(TablesPass { pass, instant, binary_log, lock })
    }

    /// Counts under the lock, gives it back, and completes what is recorded about the tables; gives the answers to questions about
    /// nothing but them.
    pub(super) fn finish(
        self,
        setting: &Setting,
        facts: &Facts,
        record: &mut Record,
    ) -> Result<Answers, SourceError> {
        let mut answers = Answers::new();
        let (mut lock, by_tool, why) = match self.lock {
            Holder::Ours(lock) => (Some(lock), None, String::new()),
            Holder::Tool(why) => (None, Some(why), String::new()),
            Holder::Nobody(why) => (None, None, why),
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
            } else if let Some(why) = &by_tool {
                table.consistency = Consistency::Locked;
                table.note = Some(format!("not counted: {why}"));
            } else {
                table.consistency = Consistency::Fuzzy { why: why.clone() };
            }
        }
        if let Some(lock) = &mut lock {
            let connection = lock.connection();
            let used = connection.query_drop(format!("USE {}", quoted(&setting.access.database)));
            for question in questions(setting, facts, false).filter(|_| used.is_ok()) {
                let asked = answer(connection, question).ok().flatten();
                answers.extend(asked.map(|answer| (question.name.clone(), answer)));
            }
        }
        if let Some(Err(error)) = lock.map(Lock::release) {
            let message = format!(
                "the lock on the tables without transactions was lost while they were read: {error}; run it again, and see \
                 whether something ends connections on this server"
            );
            return Err(failure(&setting.path, io::ErrorKind::Other, message));
        }
        Ok(answers)
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
