//! A log, replayed onto what was loaded, up to a second or a place and not one transaction further.
//!
//! Rows go in as the server's own events, whose tables are named anew; so what comes out is what was there, whatever the types. Statements
//! are text, and text can name anything: they run as an account that has rights on what was loaded and on nothing
//! else. Whoever replayed them with the rights of a restore would have a log from yesterday change a database of today.

mod account;
pub(super) mod after;
mod events;
mod rows;
mod settings;
mod survey;

use std::sync::atomic::Ordering;

use jiff::Timestamp;
use mysql::Conn;
use mysql::prelude::Queryable;

use super::super::access::Access;
use super::super::log::{Change, Frame, LogError, Object, Part, Position, Query, Scan};
use super::super::rights::rights_on_server;
use super::definers::Definers;
use super::failure::{LoadError, LoadErrorKind};
use super::log::{Log, Replayed};
use super::{Event, Watch};

use self::account::Account;
pub(super) use self::account::drop_left;
use self::events::events_of;
use self::rows::Rows;
pub(super) use self::survey::{Survey, survey};

/// Where a log is replayed to.
pub(super) struct Target<'a> {
    pub access: &'a Access,
    /// The database that was dumped, as the log names it.
    pub from: &'a str,
    /// Where it was loaded.
    pub into: &'a str,
    pub definers: Definers,
}

/// A statement about events, and where in the log it is.
pub(super) struct LateEvent {
    query: Query,
    change: Change,
    file: String,
    at: u64,
    time: u32,
}

/// What came of it.
pub(super) struct Outcome {
    pub replayed: Replayed,
    /// Statements about events, which must not run before the database is in its place: with their own names in them.
    pub events: Vec<LateEvent>,
    /// Whether the events of the dump went with their database.
    pub drops_events: bool,
}

/// Refuses servers on which rows of a log would not come out as they were, and accounts that could not replay it.
pub(super) fn refuse(connection: &mut Conn) -> Result<(), LoadError> {
    let failed = |error: mysql::Error| LoadError::server("ask whether a log can be replayed", &error);
    let version: String =
        connection.query_first("SELECT CONCAT(VERSION(), '')").map_err(failed)?.unwrap_or_default();
    let numbers: Vec<u32> = version.split(['.', '-']).take(2).map(|part| part.parse().unwrap_or(0)).collect();
    if !version.contains("MariaDB") || *numbers.as_slice() < *[10, 5].as_slice() {
        return Err(LoadError::refused(format!(
            "this server is {version}, and a log is replayed on MariaDB 10.5 or newer: restore into such a one"
        )));
    }
    let (triggers, mode): (String, String) = connection
        .query_first("SELECT @@GLOBAL.slave_run_triggers_for_rbr, @@GLOBAL.slave_exec_mode")
        .map_err(failed)?
        .unwrap_or_default();
    if triggers == "ENFORCE" || mode != "STRICT" {
        return Err(LoadError::refused(format!(
            "slave_run_triggers_for_rbr is {triggers} and slave_exec_mode is {mode} on this server, so that rows would not come out \
             as they were: SET GLOBAL slave_run_triggers_for_rbr = 'NO', slave_exec_mode = 'STRICT'"
        )));
    }
    let rights = rights_on_server(connection).map_err(failed)?;
    let wanted: [(&str, &[&str]); 2] =
        [("BINLOG REPLAY", &["BINLOG REPLAY", "SUPER"]), ("CREATE USER", &["CREATE USER"])];
    let missing: Vec<&str> =
        wanted.iter().filter(|(_, any)| !rights.has(any)).map(|(name, _)| *name).collect();
    if !missing.is_empty() {
        return Err(LoadError::refused(format!(
            "the account cannot replay a log: GRANT {} ON *.* TO it, WITH GRANT OPTION",
            missing.join(", ")
        )));
    }
    Ok(())
}

/// Replays what a survey found, onto a database that holds the dump and nothing else.
pub(super) fn replay(
    target: &Target<'_>,
    log: &Log<'_>,
    survey: &Survey,
    watch: &mut Watch<'_>,
) -> Result<Outcome, LoadError> {
    let mut account = Account::new(target, log.random)?;
    let result = Replay::start(target, &mut account, survey).and_then(|mut replay| {
        (watch.tell)(Event::Step("log begun"));
        replay.run(log, survey, watch)?;
        Ok(replay.outcome)
    });
    // Also after an error; what a kill leaves, `heal` removes.
    let removed = account.remove();
    let outcome = result?;
    removed?;
    (watch.tell)(Event::Step("log replayed"));
    Ok(outcome)
}

struct Replay<'a> {
    target: &'a Target<'a>,
    account: &'a mut Account,
    rows: Rows,
    outcome: Outcome,
    /// Whether the database was dropped and not created again.
    is_dropped: bool,
}

impl<'a> Replay<'a> {
    fn start(
        target: &'a Target<'a>,
        account: &'a mut Account,
        survey: &Survey,
    ) -> Result<Replay<'a>, LoadError> {
        let replayed = Replayed {
            transactions: 0,
            statements: 0,
            last: None,
            position: Position {
                file: survey.manifest.base.file.clone(),
                position: survey.manifest.base.position,
            },
        };
        Ok(Replay {
            target,
            account,
            rows: Rows::open(target, survey.locked_tables.clone())?,
            outcome: Outcome { replayed, events: Vec::new(), drops_events: false },
            is_dropped: false,
        })
    }

    fn run(&mut self, log: &Log<'_>, survey: &Survey, watch: &mut Watch<'_>) -> Result<(), LoadError> {
        let mut scan = Scan::new(&survey.manifest.base);
        let mut before = 0;
        for file in survey.files() {
            let mut events = events_of(log.files, file)?;
            scan.begin(&file.name, file.from).map_err(damaged)?;
            while let Some(event) = events.next()? {
                if survey.is_past(scan.file(), scan.position()) {
                    break;
                }
                if watch.interrupted.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)) {
                    return Err(LoadError::new(LoadErrorKind::Interrupted, "the load was interrupted"));
                }
                let place = Place { file: &file.name, at: scan.position(), time: event.time() };
                let is_dumped = scan.is_before_snapshot();
                self.rows.only_locked(is_dumped);
                let taken = scan.take(&event).map_err(damaged)?;
                self.take(&taken.part, &event, &place)?;
                if let Some(transaction) = taken.ended {
                    self.rows.end(&place)?;
                    if transaction.touches && !is_dumped {
                        let replayed = &mut self.outcome.replayed;
                        replayed.transactions += 1;
                        replayed.last = seconds(transaction.time);
                        replayed.position = Position { file: file.name.clone(), position: transaction.end };
                    }
                    (watch.tell)(Event::Fed { bytes: before + events.bytes(), total: survey.bytes });
                }
            }
            before += file.bytes;
        }
        if self.is_dropped {
            return Err(LoadError::refused(
                "there was no such database at that instant: it had been dropped, and was not created again",
            ));
        }
        Ok(())
    }

    fn take(
        &mut self,
        part: &Part,
        event: &super::super::log::Event,
        place: &Place<'_>,
    ) -> Result<(), LoadError> {
        match part {
            Part::Format => self.rows.format(event),
            Part::Table(table) => self.rows.table(table, event, place),
            Part::Rows => self.rows.rows(event, place),
            Part::Statement(query, change) => {
                self.rows.end(place)?;
                self.statement(query, change, place)
            }
            Part::Frame(Frame::Savepoint, query) => self.rows.savepoint(query, place),
            Part::Frame(Frame::Rollback, _) => self.rows.roll_back(place),
            Part::Frame(Frame::Begin | Frame::Commit, _) | Part::Begin | Part::Commit | Part::Nothing => {
                Ok(())
            }
        }
    }

    fn statement(&mut self, query: &Query, change: &Change, place: &Place<'_>) -> Result<(), LoadError> {
        self.outcome.replayed.statements += 1;
        match change.object {
            Object::Event => {
                self.outcome.events.push(LateEvent {
                    query: query.clone(),
                    change: change.clone(),
                    file: place.file.to_owned(),
                    at: place.at,
                    time: place.time,
                });
                return Ok(());
            }
            Object::DropDatabase => {
                self.is_dropped = true;
                self.outcome.events.clear();
                self.outcome.drops_events = true;
            }
            Object::CreateDatabase => self.is_dropped = false,
            _ => {}
        }
        self.account.run(query, change, self.target.from, self.target.into, place)
    }
}

/// Runs what was kept about events, now that the database is in its place.
pub(super) fn run_events(target: &Target<'_>, log: &Log<'_>, events: &[LateEvent]) -> Result<(), LoadError> {
    if events.is_empty() {
        return Ok(());
    }
    let mut account = Account::new(target, log.random)?;
    let result = events.iter().try_for_each(|event| {
        let place = Place { file: &event.file, at: event.at, time: event.time };
        account.run(&event.query, &event.change, target.from, target.into, &place)
    });
    let removed = account.remove();
    result?;
    removed
}

/// Where in a log something lies.
pub(super) struct Place<'a> {
    pub file: &'a str,
    pub at: u64,
    pub time: u32,
}

impl Place<'_> {
    /// An error about what lies here, whose data it does not repeat.
    pub fn failed(&self, what: &str, error: &mysql::Error) -> LoadError {
        let said = match error {
            mysql::Error::MySqlError(error) => match error.code {
                1044 | 1046 | 1142 | 1143 | 1227 | 1370 | 1049 => format!(
                    "{}; it names another database, or needs a right that the account which loads cannot hand on",
                    error.message
                ),
                code => format!("the server answers {code} ({})", error.state),
            },
            error => error.to_string(),
        };
        let before = seconds(u64::from(self.time).saturating_sub(1)).unwrap_or_default();
        LoadError::new(
            LoadErrorKind::Server,
            format!(
                "cannot replay {what} in {} after {}: {said}. Everything before it can be had: restore to {before} or earlier",
                self.file, self.at
            ),
        )
    }
}

pub(super) fn seconds(time: u64) -> Option<String> {
    Timestamp::from_second(i64::try_from(time).ok()?).ok().map(|instant| instant.to_string())
}

/// A log that is not what was read from its server.
pub(super) fn damaged(error: LogError) -> LoadError {
    LoadError::dump(format!("{}; take another point of the log", error.message))
}
