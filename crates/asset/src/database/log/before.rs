//! What a server is asked before its log is read: whether this still is the log of the dump, where it ends, and what time it is.

use holdfast_world::Clock;
use jiff::Timestamp;
use mysql::Conn;
use mysql::prelude::Queryable;

use super::super::access::Access;
use super::base::{Base, Server};
use super::failure::{Gap, LogError, LogErrorKind};
use super::follow::{Refusal, can_follow};
use super::manifest::Position;
use super::scan::numbered;

/// How far the dump's instant and the age of a file may lie apart though all is well: both are rounded to seconds.
const ROUNDING_SECONDS: i64 = 2;

/// The server's answers.
pub struct Before {
    pub version: String,
    /// Where its log ended.
    pub end: Position,
    /// The last second, by its clock, of which everything is before that end.
    pub until: Timestamp,
    /// By how many seconds its clock was ahead of ours.
    pub clock_ahead: i64,
    pub has_other_databases: bool,
}

impl Before {
    pub fn until_by_our_clock(&self) -> Timestamp {
        Timestamp::from_second(self.until.as_second() - self.clock_ahead).unwrap_or(self.until)
    }

    /// A file that is younger than the dump is another one of the same name: the log was begun anew.
    pub fn check_age(&self, base: &Base, created: u32) -> Result<(), LogError> {
        let Ok(dumped) = base.instant.parse::<Timestamp>() else { return Ok(()) };
        let created = i64::from(created) - self.clock_ahead;
        if created <= dumped.as_second() + ROUNDING_SECONDS {
            return Ok(());
        }
        Err(LogError::gap(
            Gap::Reset,
            format!(
                "the binary log was begun anew after the dump of {}: its file {} is younger",
                base.instant,
                base.start().file
            ),
        ))
    }
}

/// Asks.
pub fn before(
    access: &Access,
    base: &Base,
    whole_server: bool,
    clock: &dyn Clock,
) -> Result<Before, LogError> {
    let follow = can_follow(access, whole_server)?;
    if !follow.is_possible() {
        let is_right = |refusal: &Refusal| matches!(refusal, Refusal::Rights(_) | Refusal::Unseen);
        let kind =
            if follow.refusals.iter().all(is_right) { LogErrorKind::Rights } else { LogErrorKind::Settings };
        return Err(LogError::new(kind, format!("the binary log cannot be followed: {}", follow.words())));
    }
    let failed = |error: mysql::Error| LogError::server("ask the server about its log", &error);
    let mut connection = access.ask().map_err(|error| LogError::server("reach the server", &error))?;
    let (version, now): (String, f64) = connection
        .query_first("SELECT CONCAT(VERSION(), ''), UNIX_TIMESTAMP(NOW(6)) + 0e0")
        .map_err(failed)?
        .unwrap_or_default();
    let ours = clock.now();
    #[allow(clippy::cast_possible_truncation, reason = "seconds since 1970 fit for a while")]
    let (now, ahead) = (
        now.floor() as i64,
        (now - ours.as_second() as f64 - f64::from(ours.subsec_nanosecond()) / 1e9).round() as i64,
    );
    let server = Server::ask(&mut connection).map_err(failed)?;
    if let Some(known) = &base.server
        && *known != server
    {
        return Err(LogError::gap(
            Gap::OtherServer,
            format!(
                "the dump of {} is of the server {} (server_id {}), and this is {} (server_id {})",
                base.instant, known.host, known.id, server.host, server.id
            ),
        ));
    }
    // The end after the time: whatever was committed until then lies before it.
    let end: Option<mysql::Row> = connection.query_first("SHOW MASTER STATUS").map_err(failed)?;
    let end = end.and_then(|row| Some(Position { file: row.get(0)?, position: row.get(1)? }));
    let Some(end) = end else {
        return Err(LogError::new(
            LogErrorKind::Settings,
            "the server does not say where its binary log ends",
        ));
    };
    check_base(&mut connection, base)?;
    let others = others(&mut connection, &access.database).map_err(failed)?;
    let until = Timestamp::from_second(now - 1).map_err(|error| {
        LogError::new(LogErrorKind::Settings, format!("the server's clock is wrong: {error}"))
    })?;
    Ok(Before { version, end, until, clock_ahead: ahead, has_other_databases: others > 0 })
}

fn others(connection: &mut Conn, database: &str) -> Result<u64, mysql::Error> {
    let query = "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name NOT IN ('mysql', 'information_schema', \
                 'performance_schema', 'sys', ?)";
    Ok(connection.exec_first(query, (database,))?.unwrap_or(0))
}

/// Whether the dump's position is in this log, and is the same place.
fn check_base(connection: &mut Conn, base: &Base) -> Result<(), LogError> {
    let start = base.start();
    let failed = |error: mysql::Error| LogError::server("ask for the files of the log", &error);
    let rows: Vec<mysql::Row> = connection.query("SHOW BINARY LOGS").map_err(failed)?;
    let files: Vec<(String, u64)> =
        rows.into_iter().filter_map(|row| Some((row.get(0)?, row.get(1)?))).collect();
    let Some((_, size)) = files.iter().find(|(name, _)| *name == start.file) else {
        let first = files.first().map(|(name, _)| name.as_str()).unwrap_or_default();
        let is_later = match (numbered(first), numbered(&start.file)) {
            (Some((stem, first)), Some((own, number))) => stem == own && first > number,
            _ => false,
        };
        return Err(if is_later {
            LogError::gap(
                Gap::Purged,
                format!(
                    "the server has removed the binary log from {} on, where the dump of {} ends; the oldest it has is {first}: \
                     raise binlog_expire_logs_seconds if this was not done by hand",
                    start.file, base.instant
                ),
            )
        } else {
            LogError::gap(
                Gap::Reset,
                format!(
                    "the binary log was begun anew or is another server's: it has {first} and not {}, where the dump of {} ends",
                    start.file, base.instant
                ),
            )
        });
    };
    if *size < start.position {
        return Err(LogError::gap(
            Gap::Reset,
            format!(
                "the binary log was begun anew: {} ends at {size}, and the dump of {} at {}",
                start.file, base.instant, start.position
            ),
        ));
    }
    let gtid: Option<Option<String>> = connection
        .exec_first("SELECT BINLOG_GTID_POS(?, ?)", (&start.file, start.position))
        .map_err(failed)?;
    let found = gtid.flatten();
    let Some(found) = found else {
        return Err(LogError::gap(
            Gap::Position,
            format!(
                "the binary log has no event at {} in {}, where the dump of {} ends",
                start.position, start.file, base.instant
            ),
        ));
    };
    let is_unknown = base.locked.is_some() && start.gtid.is_none();
    if !is_unknown && sorted(&found) != sorted(start.gtid.as_deref().unwrap_or_default()) {
        return Err(LogError::gap(
            Gap::Reset,
            format!(
                "the binary log was begun anew or is another server's: at {} in {} it has the transactions {found:?}, and the dump of \
                 {} ends with {:?}",
                start.position,
                start.file,
                base.instant,
                start.gtid.as_deref().unwrap_or_default()
            ),
        ));
    }
    Ok(())
}

/// The parts of a GTID position in some order of their own.
fn sorted(gtid: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = gtid.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    parts.sort_unstable();
    parts
}
