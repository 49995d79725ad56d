//! After a replay: what must be there now is no longer what the dump says, but what the log made of it.

use mysql::Conn;
use mysql::prelude::Queryable;

use super::super::definers::{Definers, rewrite_clause};
use super::super::failure::{LoadError, LoadErrorKind};
use super::super::journal::{self, Code, MARKER};
use super::super::plan::tables;
use super::super::proof::{Expected, count_code, prove_places};
use super::super::session::Session;
use super::super::swap::restore_code;
use super::super::{Loaded, Replaying, Watch};
use super::{Outcome, Target, replay, run_events};

/// What must be there, looked up where the log was replayed into; of one table, where only that is wanted.
pub(in super::super) fn expected(
    session: &mut Session,
    target: &Target<'_>,
    dumped: Expected,
    outcome: &Outcome,
    table: Option<&str>,
) -> Result<Expected, LoadError> {
    let connection = &mut session.connection;
    let present: Vec<String> = tables(connection, target.into)?
        .into_iter()
        .filter(|(name, kind)| kind != "VIEW" && name != MARKER && table.is_none_or(|table| table == name))
        .map(|(name, _)| name)
        .collect();
    if let Some(table) = table
        && present.is_empty()
    {
        return Err(LoadError::refused(format!("there was no table {table:?} at that instant")));
    }
    let mut recreate = journal::code(connection, target.into, table)?;
    if target.definers == Definers::CurrentUser {
        for code in &mut recreate {
            rewrite(code);
        }
    }
    let mut counts = count_code(connection, target.into)?;
    if table.is_some() {
        counts.views = 0;
        counts.routines = 0;
        counts.triggers = recreate.len() as u64;
    }
    let events = if outcome.drops_events || table.is_some() { Vec::new() } else { dumped.events };
    let expected = Expected {
        tables: present,
        is_whole: table.is_none(),
        with_events: false,
        counts,
        head: dumped.head,
        code: events,
        events: Vec::new(),
        recreate,
    };
    for table in &expected.tables {
        super::super::proof::check_table(connection, target.into, table)?;
    }
    Ok(expected)
}

/// Whoever made it during the replay is not there any more.
fn rewrite(code: &mut Code) {
    let rewritten = rewrite_clause(code.statement.as_bytes()).and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some(rewritten) = rewritten {
        code.statement = rewritten;
    }
}

/// Makes views, triggers and routines where the tables are now.
pub(in super::super) fn recreate(
    connection: &mut Conn,
    database: &str,
    table: Option<&str>,
    expected: &Expected,
) -> Result<(), LoadError> {
    let left = restore_code(connection, database, table, &expected.recreate)?;
    if left.is_empty() {
        return Ok(());
    }
    Err(LoadError::new(
        LoadErrorKind::Server,
        format!("what the log left of views, triggers and routines cannot be created: {}", left.join(", ")),
    ))
}

/// A replay into a database that stays where it is.
pub(in super::super) fn replay_in_place(
    session: &Session,
    target: &Target<'_>,
    log: &Replaying<'_>,
    dumped: Expected,
    loaded: &mut Loaded,
    watch: &mut Watch<'_>,
) -> Result<(), LoadError> {
    let outcome = replay(target, log.log, log.survey, watch)?;
    let mut fresh = session.again()?;
    let mut expected = expected(&mut fresh, target, dumped, &outcome, None)?;
    if target.definers == Definers::CurrentUser {
        recreate(&mut fresh.connection, target.into, None, &expected)?;
    }
    fresh.replay(target.into, &expected)?;
    run_events(target, log.log, &outcome.events)?;
    expected.counts = count_code(&mut fresh.connection, target.into)?;
    expected.with_events = true;
    prove_places(&mut fresh.connection, target.into, &expected)?;
    loaded.tables = expected.tables.len() as u64;
    loaded.code = expected.counts;
    loaded.replayed = Some(outcome.replayed);
    Ok(())
}

/// Character set and collation of a database.
pub(in super::super) fn character_set(
    connection: &mut Conn,
    database: &str,
) -> Result<(String, String), LoadError> {
    let query = "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata WHERE schema_name = ?";
    let found = connection.exec_first(query, (database,));
    let found = found.map_err(|error| LoadError::server("ask for the character set", &error))?;
    found.ok_or_else(|| LoadError::refused(format!("the database {database:?} is gone")))
}
