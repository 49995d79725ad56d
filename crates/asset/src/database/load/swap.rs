//! New tables in the place of old ones, and back again.
//!
//! The order is what makes a kill at any point harmless. The old code is in the journal before the first of it is dropped; all
//! tables change places in one statement; and until the journal says that the new database stands, whoever finds it brings the
//! old one back.

use mysql::Conn;
use mysql::prelude::Queryable;
use serde::Serialize;

use super::super::access::Access;
use super::super::inspect::quoted;
use super::super::manifest::Manifest;
use super::definers::Definers;
use super::dump::DumpFiles;
use super::failure::{LoadError, LoadErrorKind};
use super::journal::{self, Code, JOURNAL, MARKER, Names, State};
use super::plan::{exists, tables};
use super::proof::{count_code, prove, prove_places};
use super::replay::{self, after};
use super::session::Session;
use super::{Event, Loaded, Options, Replaying, Target, Watch, column, create, literal};

/// What an earlier load left behind, and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Healed {
    /// For people.
    pub found: String,
    /// What could not be brought back as it was.
    pub left: Vec<String>,
}

/// Puts right what a load that was killed left behind: the old database comes back whole, or, where the new one was proven,
/// what remains of the old goes.
///
/// # Errors
/// When the server does not let it, or such a load still runs.
pub fn heal(access: &Access, database: &str) -> Result<Option<Healed>, LoadError> {
    let mut connection = Session::open(access, Definers::Keep)?.connection;
    lock(&mut connection, &Names::of(database))?;
    heal_locked(&mut connection, database)
}

pub(super) fn lock(connection: &mut Conn, names: &Names) -> Result<(), LoadError> {
    let held: Option<Option<u8>> = connection
        .query_first(format!("SELECT GET_LOCK({}, 10)", literal(&names.side)))
        .map_err(|error| LoadError::server("take the lock", &error))?;
    if held.flatten() == Some(1) {
        return Ok(());
    }
    Err(LoadError::refused("another load into this database is running: wait for its end"))
}

pub(super) fn heal_locked(connection: &mut Conn, database: &str) -> Result<Option<Healed>, LoadError> {
    let names = Names::of(database);
    replay::drop_left(connection, &names.side)?;
    replay::drop_left(connection, database)?;
    let (has_side, has_aside) = (exists(connection, &names.side)?, exists(connection, &names.aside)?);
    let (state, table) = journal::state(connection, &names)?;
    if !has_side && (!has_aside || state == State::Kept) {
        return Ok(None);
    }
    let (found, left) = match state {
        State::Saved => {
            let left = roll_back(connection, database, &names, table.as_deref())?;
            ("a load was cut short before the new tables were proven in place: the old ones are back", left)
        }
        State::Proven => (
            "a load was cut short after the new tables were proven: they stay, and the rest was removed",
            Vec::new(),
        ),
        State::Nothing | State::Kept => (
            "a load was cut short before it touched the database: what it had loaded was removed",
            Vec::new(),
        ),
    };
    clear(connection, &names, state != State::Kept)?;
    Ok(Some(Healed { found: found.to_owned(), left }))
}

/// Loads beside, proves, changes places, proves again.
pub(super) fn load_over(
    access: &Access,
    mut session: Session,
    files: &dyn DumpFiles,
    manifest: &Manifest,
    (target, options): (&Target, &Options),
    log: Option<&Replaying<'_>>,
    watch: &mut Watch<'_>,
) -> Result<Loaded, LoadError> {
    let database = target.database();
    let table = match target {
        Target::Table { table, .. } => Some(table.as_str()),
        _ => None,
    };
    let result = load_and_swap(access, &mut session, files, manifest, (target, options), table, log, watch);
    // The connection may be what failed, and holds the lock.
    drop(session);
    result.map_err(|error| match heal(access, database) {
        Ok(None) => error,
        Ok(Some(healed)) if healed.left.is_empty() => {
            LoadError::new(error.kind, format!("{error}; the database is as it was"))
        }
        Ok(Some(healed)) => LoadError::new(
            error.kind,
            format!("{error}; the database is as it was but for: {}", healed.left.join(", ")),
        ),
        Err(left) => LoadError::new(
            error.kind,
            format!(
                "{error}; and the old database could not be put right yet ({left}): the next call tries again"
            ),
        ),
    })
}

#[allow(clippy::too_many_arguments, reason = "each says one thing about the one call")]
fn load_and_swap(
    access: &Access,
    session: &mut Session,
    files: &dyn DumpFiles,
    manifest: &Manifest,
    (target, options): (&Target, &Options),
    table: Option<&str>,
    log: Option<&Replaying<'_>>,
    watch: &mut Watch<'_>,
) -> Result<Loaded, LoadError> {
    let database = target.database();
    let names = Names::of(database);
    session.run("create the side database", &create(&names.side, manifest))?;
    (watch.tell)(Event::Step("side created"));
    // A log is about all tables: one alone comes out of the whole.
    let fed = table.filter(|_| log.is_none());
    let mut expected =
        session.feed_dump(files, manifest, &manifest.database, &names.side, fed, false, watch)?;
    (watch.tell)(Event::Step("side loaded"));
    let mut loaded = prove(&mut session.connection, &names.side, manifest, &expected)?;
    (watch.tell)(Event::Step("side proven"));
    // Not the session of the dump: its settings are the dump's.
    let mut fresh = session.again()?;
    let mut late_events = Vec::new();
    if let Some(log) = log {
        let into = replay::Target {
            access,
            from: &manifest.database,
            into: &names.side,
            definers: options.definers,
        };
        let outcome = replay::replay(&into, log.log, log.survey, watch)?;
        expected = after::expected(&mut fresh, &into, expected, &outcome, table)?;
        loaded.replayed = Some(outcome.replayed);
        loaded.tables = expected.tables.len() as u64;
        loaded.code = expected.counts;
        late_events = outcome.events;
    }
    let (character_set, collation) = after::character_set(&mut fresh.connection, &names.side)?;
    let connection = &mut fresh.connection;
    let mut foreign_keys = Vec::new();
    if let Some(table) = table {
        foreign_keys = take_foreign_keys(connection, &names.side, table)?;
    }
    drop_triggers(connection, &names.side, None)?;
    if let Target::Table { table, beside: Some(beside), .. } = target {
        rename(connection, &[(&names.side, table, database, beside)])?;
        clear(connection, &names, true)?;
        return Ok(loaded);
    }
    if !exists(connection, database)? {
        fresh.run("create the database", &create(database, manifest))?;
    }
    let connection = &mut fresh.connection;
    let old = journal::code(connection, database, table)?;
    run(connection, &format!("CREATE TABLE {}.{MARKER} (id INT)", quoted(&names.side)))?;
    journal::create(connection, &names, table, &old)?;
    (watch.tell)(Event::Step("old saved"));
    let new_views = views_and_routines(connection, &names.side)?;
    drop_triggers(connection, database, table)?;
    if table.is_none() {
        for event in old.iter().filter(|code| code.kind == "EVENT") {
            run(connection, &format!("DROP EVENT {}.{}", quoted(database), quoted(&event.name)))?;
        }
    }
    (watch.tell)(Event::Step("old triggers dropped"));
    swap(connection, database, &names, table)?;
    (watch.tell)(Event::Step("swapped"));
    if table.is_none() {
        run(
            connection,
            &format!(
                "ALTER DATABASE {} CHARACTER SET {} COLLATE {}",
                quoted(database),
                quoted(&character_set),
                quoted(&collation)
            ),
        )?;
        for (kind, name) in views_and_routines(connection, database)? {
            if !new_views.contains(&(kind.clone(), name.clone())) {
                run(connection, &format!("DROP {kind} {}.{}", quoted(database), quoted(&name)))?;
            }
        }
    }
    for key in foreign_keys {
        run(
            connection,
            &format!("ALTER TABLE {}.{} ADD {key}", quoted(database), quoted(table.unwrap_or_default())),
        )?;
    }
    if let Some(log) = log {
        after::recreate(&mut fresh.connection, database, table, &expected)?;
        if table.is_none() {
            fresh.replay(database, &expected)?;
            let into = replay::Target {
                access,
                from: &manifest.database,
                into: database,
                definers: options.definers,
            };
            replay::run_events(&into, log.log, &late_events)?;
            expected.counts.events = count_code(&mut fresh.connection, database)?.events;
            loaded.code = expected.counts;
        }
    } else {
        fresh.replay(database, &expected)?;
    }
    (watch.tell)(Event::Step("code recreated"));
    expected.with_events = true;
    prove_places(&mut fresh.connection, database, &expected)?;
    let is_interrupted =
        watch.interrupted.as_ref().is_some_and(|flag| flag.load(std::sync::atomic::Ordering::Relaxed));
    if is_interrupted {
        return Err(LoadError::new(LoadErrorKind::Interrupted, "the load was interrupted"));
    }
    let keep = options.keep_aside;
    let state = if keep { State::Kept } else { State::Proven };
    journal::set(&mut fresh.connection, &names, state)?;
    (watch.tell)(Event::Step("proven"));
    clear(&mut fresh.connection, &names, !keep)?;
    loaded.aside = keep.then(|| names.aside.clone());
    Ok(loaded)
}

/// All in one statement, the marker with them.
fn swap(connection: &mut Conn, database: &str, names: &Names, table: Option<&str>) -> Result<(), LoadError> {
    let is_wanted = |name: &str| table.is_none_or(|table| table == name);
    let old = tables(connection, database)?;
    let new: Vec<String> = movable(tables(connection, &names.side)?);
    // A view of a table's name is in its way. It is in the journal.
    for (name, kind) in &old {
        if kind == "VIEW" && new.contains(name) {
            run(connection, &format!("DROP VIEW {}.{}", quoted(database), quoted(name)))?;
        }
    }
    let old = movable(old);
    let mut moves = vec![(names.side.as_str(), MARKER, names.aside.as_str(), MARKER)];
    for name in old.iter().filter(|name| is_wanted(name)) {
        moves.push((database, name, &names.aside, name));
    }
    for name in new.iter().filter(|name| is_wanted(name)) {
        moves.push((&names.side, name, database, name));
    }
    rename(connection, &moves)
}

fn movable(tables: Vec<(String, String)>) -> Vec<String> {
    tables
        .into_iter()
        .filter(|(name, kind)| kind != "VIEW" && name != JOURNAL && name != MARKER)
        .map(|(name, _)| name)
        .collect()
}

fn roll_back(
    connection: &mut Conn,
    database: &str,
    names: &Names,
    table: Option<&str>,
) -> Result<Vec<String>, LoadError> {
    let saved = journal::saved(connection, names)?;
    let aside = tables(connection, &names.aside)?;
    if aside.iter().any(|(name, _)| name == MARKER) {
        run(connection, &format!("CREATE DATABASE IF NOT EXISTS {}", quoted(&names.side)))?;
        drop_triggers(connection, database, table)?;
        let old = movable(aside);
        let present = tables(connection, database)?;
        for (name, kind) in &present {
            if kind == "VIEW" && old.contains(name) {
                run(connection, &format!("DROP VIEW {}.{}", quoted(database), quoted(name)))?;
            }
        }
        let present = movable(present);
        let mut moves = vec![(names.aside.as_str(), MARKER, names.side.as_str(), MARKER)];
        for name in present.iter().filter(|name| table.is_none_or(|table| table == *name)) {
            moves.push((database, name, &names.side, name));
        }
        for name in &old {
            moves.push((&names.aside, name, database, name));
        }
        rename(connection, &moves)?;
    }
    restore_code(connection, database, table, &saved)
}

/// Brings code back to what is saved, and gives what would not come.
pub(super) fn restore_code(
    connection: &mut Conn,
    database: &str,
    table: Option<&str>,
    saved: &[Code],
) -> Result<Vec<String>, LoadError> {
    let present = journal::code(connection, database, table)?;
    let drop = |connection: &mut Conn, code: &Code| {
        run(connection, &format!("DROP {} IF EXISTS {}.{}", code.kind, quoted(database), quoted(&code.name)))
    };
    for code in present.iter().filter(|code| !saved.contains(code)) {
        drop(connection, code)?;
    }
    let mut waiting: Vec<&Code> = saved.iter().filter(|code| !present.contains(code)).collect();
    run(connection, &format!("USE {}", quoted(database)))?;
    // Views on views: each round brings those whose parts are there.
    loop {
        let before = waiting.len();
        let mut left = Vec::new();
        for code in waiting {
            if !code.settings.is_empty() {
                run(connection, &format!("SET {}", code.settings))?;
            }
            if connection.query_drop(&code.statement).is_err() {
                left.push(code);
            }
        }
        if left.is_empty() || left.len() == before {
            let told = |code: &&Code| format!("{} {}", code.kind.to_lowercase(), code.name);
            return Ok(left.iter().map(told).collect());
        }
        waiting = left;
    }
}

fn clear(connection: &mut Conn, names: &Names, with_aside: bool) -> Result<(), LoadError> {
    run(connection, "SET SESSION foreign_key_checks = 0")?;
    run(connection, &format!("DROP DATABASE IF EXISTS {}", quoted(&names.side)))?;
    if with_aside {
        run(connection, &format!("DROP DATABASE IF EXISTS {}", quoted(&names.aside)))?;
    }
    Ok(())
}

fn drop_triggers(connection: &mut Conn, database: &str, table: Option<&str>) -> Result<(), LoadError> {
    let of_table =
        table.map(|table| format!(" AND event_object_table = {}", literal(table))).unwrap_or_default();
    let query = format!(
        "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = {}{of_table}",
        literal(database)
    );
    for name in column(connection, "ask for the triggers", &query)? {
        run(connection, &format!("DROP TRIGGER {}.{}", quoted(database), quoted(&name)))?;
    }
    Ok(())
}

/// Takes the foreign keys of a loaded table off it: they would go on naming the side database.
fn take_foreign_keys(connection: &mut Conn, side: &str, table: &str) -> Result<Vec<String>, LoadError> {
    run(connection, &format!("USE {}", quoted(side)))?;
    let query = format!(
        "SELECT constraint_name FROM information_schema.referential_constraints WHERE constraint_schema = {} AND table_name = {}",
        literal(side),
        literal(table)
    );
    let names = column(connection, "ask for foreign keys", &query)?;
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let created: Option<(String, String)> = connection
        .query_first(format!("SHOW CREATE TABLE {}", quoted(table)))
        .map_err(|error| LoadError::server("look at the table", &error))?;
    let created = created.map(|(_, created)| created).unwrap_or_default();
    let mut keys = Vec::new();
    for name in names {
        let start = format!("  CONSTRAINT {} FOREIGN KEY", quoted(&name));
        let line = created
            .lines()
            .find(|line| line.starts_with(&start))
            .ok_or_else(|| LoadError::refused(format!("the foreign key {name:?} cannot be read")))?;
        keys.push(line.trim().trim_end_matches(',').to_owned());
        run(connection, &format!("ALTER TABLE {} DROP FOREIGN KEY {}", quoted(table), quoted(&name)))?;
    }
    Ok(keys)
}

fn views_and_routines(connection: &mut Conn, database: &str) -> Result<Vec<(String, String)>, LoadError> {
    let of = literal(database);
    connection
        .query(format!(
            "SELECT 'VIEW', table_name FROM information_schema.views WHERE table_schema = {of} \
             UNION ALL SELECT routine_type, routine_name FROM information_schema.routines WHERE routine_schema = {of}"
        ))
        .map_err(|error| LoadError::server("ask for views and routines", &error))
}

fn rename(connection: &mut Conn, moves: &[(&str, &str, &str, &str)]) -> Result<(), LoadError> {
    run(connection, "SET SESSION foreign_key_checks = 0")?;
    let moves: Vec<String> = moves
        .iter()
        .map(|(from, name, to, new)| {
            format!("{}.{} TO {}.{}", quoted(from), quoted(name), quoted(to), quoted(new))
        })
        .collect();
    let result = run(connection, &format!("RENAME TABLE {}", moves.join(", ")));
    run(connection, "SET SESSION foreign_key_checks = 1")?;
    result
}

fn run(connection: &mut Conn, statement: &str) -> Result<(), LoadError> {
    let start: String = statement.chars().take(80).collect();
    connection.query_drop(statement).map_err(|error| LoadError::server(&format!("run {start:?}"), &error))
}
