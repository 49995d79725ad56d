//! Loads a dump into a server, and believes nothing before it was proven there.
//!
//! A restore over a live database that stops half way destroys what the backup was for. So what is to replace something goes into a side
//! database first and is held against the manifest there; then tables change places in one statement, the old ones stay aside
//! until the new ones stand, and a journal beside them says to the next call what to do when this one was killed: see
//! [`heal`]. Statements go through a connection of ours, not through a client program: the password leaves the process for
//! the server alone, a dump cannot give orders to a client, and each failure has its file.

mod code;
mod definers;
mod dump;
mod failure;
mod journal;
mod log;
mod plan;
mod proof;
mod replay;
mod session;
mod statements;
mod swap;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mysql::prelude::Queryable;
use serde::{Deserialize, Serialize};

pub use self::code::CodeCounts;
pub use self::definers::Definers;
pub use self::dump::DumpFiles;
pub use self::failure::{LoadError, LoadErrorKind};
pub use self::log::{Log, PlannedReplay, Replayed, Stop, log_manifest};
pub use self::plan::{Plan, PlannedTable, plan, plan_to};
pub use self::swap::{Healed, heal};

use self::journal::Names;
use self::proof::prove;
use self::session::Session;
use super::access::Access;
use super::inspect::quoted;
use super::manifest::Manifest;

/// Where a dump goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Target {
    /// A database that is not there, or empty.
    New {
        /// Its name.
        database: String,
    },
    /// In place of a database: its tables go aside, and away once the new ones are proven.
    Over {
        /// Its name.
        database: String,
    },
    /// One table, under its own name or another.
    Table {
        /// The database.
        database: String,
        /// The table in the dump.
        table: String,
        /// The name beside the old one, which must be free; none: in place of the old one.
        beside: Option<String>,
    },
}

impl Target {
    /// Whether something that is there goes.
    pub fn replaces(&self) -> bool {
        match self {
            Target::New { .. } => false,
            Target::Over { .. } => true,
            Target::Table { beside, .. } => beside.is_none(),
        }
    }

    /// The database.
    pub fn database(&self) -> &str {
        match self {
            Target::New { database } | Target::Over { database } | Target::Table { database, .. } => database,
        }
    }
}

/// What may be chosen.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Options {
    /// What becomes of definers.
    pub definers: Definers,
    /// Whether accounts and their rights are brought back too.
    pub grants: bool,
    /// Whether the old tables stay in the aside database.
    pub keep_aside: bool,
}

/// What happens meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A step is over.
    Step(&'static str),
    /// So many bytes of the dump were fed.
    Fed {
        /// Until now.
        bytes: u64,
        /// Of all.
        total: u64,
    },
}

/// Who looks on.
pub struct Watch<'a> {
    /// Ends the load, once raised; the old database stays or comes back.
    pub interrupted: Option<Arc<AtomicBool>>,
    /// Told of what happens.
    pub tell: &'a mut dyn FnMut(Event),
}

/// What was loaded and proven.
#[derive(Clone, Debug, Serialize)]
pub struct Loaded {
    /// Tables.
    pub tables: u64,
    /// Rows.
    pub rows: u64,
    /// Tables whose checksum was compared.
    pub checksums: u64,
    /// Views and the like.
    pub code: CodeCounts,
    /// Where the old tables are, if they were to be kept.
    pub aside: Option<String>,
    /// Why accounts and rights were not brought back, though that was asked for: all else was.
    pub grants_failed: Option<String>,
    /// What an earlier load left behind and what became of it.
    pub healed: Option<Healed>,
    /// What of a log was replayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replayed: Option<Replayed>,
}

/// The databases that a load of this one uses beside it, for as long as it takes.
pub fn aside_names(database: &str) -> [String; 2] {
    let Names { side, aside } = Names::of(database);
    [side, aside]
}

/// Carries a plan of [`plan_to`] out: the dump is loaded and proven as by [`carry_out`], and then its log replayed onto it, before
/// anything changes places. Statements of the log run as an account that may do nothing outside of what was loaded, which exists for as
/// long as that takes; [`heal`] removes what a kill leaves of it.
///
/// # Errors
/// As those of [`carry_out`], and when the log is damaged or cannot be replayed. Whatever was there before is there after.
pub fn carry_out_to(
    access: &Access,
    files: &dyn DumpFiles,
    log: &Log<'_>,
    plan: &Plan,
    watch: &mut Watch<'_>,
) -> Result<Loaded, LoadError> {
    carry_out_all(access, files, Some(log), plan, watch)
}

/// Carries a plan out.
///
/// # Errors
/// When anything is not as planned. Whatever was there before is there after; only into a database that was not there, or empty, a
/// load that is killed leaves what it had loaded.
pub fn carry_out(
    access: &Access,
    files: &dyn DumpFiles,
    plan: &Plan,
    watch: &mut Watch<'_>,
) -> Result<Loaded, LoadError> {
    carry_out_all(access, files, None, plan, watch)
}

fn carry_out_all(
    access: &Access,
    files: &dyn DumpFiles,
    log: Option<&Log<'_>>,
    plan: &Plan,
    watch: &mut Watch<'_>,
) -> Result<Loaded, LoadError> {
    let manifest = dump::manifest(files)?;
    // Read through before anything is done: a log with a hole is refused while all is as it was.
    let survey = log.map(|log| replay::survey(log, &manifest)).transpose()?;
    let log = log.zip(survey.as_ref()).map(|(log, survey)| Replaying { log, survey });
    let names = Names::of(plan.target.database());
    let mut session = Session::open(access, plan.options.definers)?;
    session.lock(&names)?;
    let healed = swap::heal_locked(&mut session.connection, plan.target.database())?;
    // What the plan saw may have changed since.
    plan::refuse(&mut session.connection, &plan.target, &manifest)?;
    if log.is_some() {
        replay::refuse(&mut session.connection)?;
    }
    let (log, how) = (log.as_ref(), (&plan.target, &plan.options));
    let mut loaded = match &plan.target {
        Target::New { database } => {
            load_new(access, session, files, &manifest, (database, &plan.options), log, watch)?
        }
        _ => swap::load_over(access, session, files, &manifest, how, log, watch)?,
    };
    if plan.options.grants {
        // The tables stand by now, and whoever asked must hear that they do.
        loaded.grants_failed = apply_grants(access, files, &manifest, watch).err().map(|error| error.message);
    }
    loaded.healed = healed;
    Ok(loaded)
}

fn apply_grants(
    access: &Access,
    files: &dyn DumpFiles,
    manifest: &Manifest,
    watch: &mut Watch<'_>,
) -> Result<(), LoadError> {
    let Some(file) = manifest.files.iter().find(|file| file.name == "grants.sql") else {
        return Err(LoadError::dump("the dump holds no accounts: whoever dumped could not read them"));
    };
    // Whole before the first is applied: rights cannot be taken back as a database can.
    dump::read(files, file, |_| Ok(()))?;
    Session::open(access, Definers::Keep)?.feed(files, file, &mut |_, _| session::Fate::Run, watch)
}

/// A log and what was found in it.
struct Replaying<'a> {
    log: &'a Log<'a>,
    survey: &'a replay::Survey,
}

fn load_new(
    access: &Access,
    mut session: Session,
    files: &dyn DumpFiles,
    manifest: &Manifest,
    (database, options): (&str, &Options),
    log: Option<&Replaying<'_>>,
    watch: &mut Watch<'_>,
) -> Result<Loaded, LoadError> {
    let existed = plan::exists(&mut session.connection, database)?;
    if !existed {
        session.run("create the database", &create(database, manifest))?;
    }
    // Events run by themselves: not before a log's rows are in.
    let with_events = log.is_none();
    let result = session
        .feed_dump(files, manifest, &manifest.database, database, None, with_events, watch)
        .and_then(|expected| {
            (watch.tell)(Event::Step("loaded"));
            let mut loaded = prove(&mut session.connection, database, manifest, &expected)?;
            if let Some(log) = log {
                let into = replay::Target {
                    access,
                    from: &manifest.database,
                    into: database,
                    definers: options.definers,
                };
                replay::after::replay_in_place(&session, &into, log, expected, &mut loaded, watch)?;
            }
            Ok(loaded)
        });
    match result {
        Ok(loaded) => Ok(loaded),
        Err(error) => {
            // Nothing was in it before, and half a database is worse than none. The connection may be what failed, and holds
            // the locks of the table that it was loading.
            let again = session.again();
            drop(session);
            let again = again.and_then(|mut again| {
                again.run("drop what was loaded", &format!("DROP DATABASE {}", quoted(database)))?;
                if existed { again.run("create it again", &create(database, manifest)) } else { Ok(()) }
            });
            Err(match again {
                Ok(()) => error,
                Err(left) => LoadError::new(
                    error.kind,
                    format!("{error}; and what was loaded so far lies in {database:?} still: {left}"),
                ),
            })
        }
    }
}

/// The statement that creates a database for the dump.
fn create(database: &str, manifest: &Manifest) -> String {
    format!(
        "CREATE DATABASE {} CHARACTER SET {} COLLATE {}",
        quoted(database),
        quoted(&manifest.character_set),
        quoted(&manifest.collation)
    )
}

/// The first column of each row.
fn column(connection: &mut mysql::Conn, doing: &str, query: &str) -> Result<Vec<String>, LoadError> {
    connection.query(query).map_err(|error| LoadError::server(doing, &error))
}

/// A text in quotes, for a query of ours.
fn literal(text: &str) -> String {
    mysql::Value::from(text).as_sql(true)
}
