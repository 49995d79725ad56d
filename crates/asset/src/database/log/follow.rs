//! Whether the log of a server can be followed for one database, and what stands in the way.

use std::fmt;
use std::time::Duration;

use mysql::Conn;
use mysql::prelude::Queryable;

use super::super::access::Access;
use super::super::load::aside_names;
use super::super::rights::rights_on_server;
use super::base::Server;
use super::failure::LogError;
use super::manifest::Position;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follow {
    /// Why it cannot be followed: all reasons; none: it can.
    pub refusals: Vec<Refusal>,
    /// How long the server keeps its log; none: until somebody removes it. The log of a dump that is older than this is gone.
    pub retention: Option<Duration>,
    /// Where the log stands, where it can be asked.
    pub position: Option<Position>,
    /// Whose log it is.
    pub server: Option<Server>,
    /// The global transaction ids in it, where the server has them.
    pub gtid: Option<String>,
}

impl Follow {
    /// Whether it can be followed.
    pub fn is_possible(&self) -> bool {
        self.refusals.is_empty()
    }

    /// All reasons in words, for a person.
    pub fn words(&self) -> String {
        let words: Vec<String> = self.refusals.iter().map(ToString::to_string).collect();
        words.join("; ")
    }
}

/// A reason why a log cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The server writes none.
    Off,
    /// It is no MariaDB.
    Product(String),
    /// `binlog_format` is not ROW.
    Format(String),
    /// `binlog_row_image` is not FULL.
    RowImage(String),
    /// `binlog_checksum` is NONE: damage would not be seen.
    Checksum,
    /// The log is compressed.
    Compressed,
    /// The log is encrypted on the server.
    Encrypted,
    /// Databases are left out of the log by `binlog_do_db` or `binlog_ignore_db`.
    Filtered,
    /// The account lacks rights.
    Rights(Vec<String>),
    /// The server has other databases, whose changes the log holds too.
    OtherDatabases(Vec<String>),
    /// Not all databases can be seen, so nobody knows whose changes the log holds.
    Unseen,
    /// Tables whose changes the log tells in a way that cannot be repeated on a dump of them.
    Tables(Vec<String>),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Off => f.write_str(
                "the server writes no binary log (log_bin is off): set log_bin, binlog_format=ROW and sync_binlog=1 in its \
                 configuration and restart it",
            ),
            Refusal::Product(version) => {
                write!(f, "the server is {version}, and only MariaDB's log can be followed")
            }
            Refusal::Format(format) => write!(
                f,
                "binlog_format is {format}: statements give other rows when they run again; SET GLOBAL binlog_format = ROW, and \
                 in the server's configuration"
            ),
            Refusal::RowImage(image) => write!(
                f,
                "binlog_row_image is {image}: rows are not whole in the log; SET GLOBAL binlog_row_image = FULL, and in the \
                 server's configuration"
            ),
            Refusal::Checksum => f.write_str(
                "binlog_checksum is NONE: damage to the log would not be seen; SET GLOBAL binlog_checksum = CRC32, and in the \
                 server's configuration",
            ),
            Refusal::Compressed => {
                f.write_str("log_bin_compress is on, which holdfast does not read: SET GLOBAL log_bin_compress = OFF")
            }
            Refusal::Encrypted => {
                f.write_str("encrypt_binlog is on: what the server sends does not have the bytes of its files")
            }
            Refusal::Filtered => f.write_str(
                "binlog_do_db or binlog_ignore_db leaves changes out of the log: take both out of the server's configuration",
            ),
            Refusal::Rights(missing) => {
                let missing = missing.join(", ");
                write!(f, "the account lacks {missing}: GRANT {missing} ON *.* TO it")
            }
            Refusal::OtherDatabases(names) => write!(
                f,
                "the server has other databases ({}), and its log holds their changes too: following it would carry them into \
                 this client's repository. Give the database a server of its own, or say that they may",
                names.join(", ")
            ),
            Refusal::Unseen => f.write_str(
                "the account cannot see all databases of the server, so whose changes its log holds is not known: GRANT SHOW \
                 DATABASES ON *.* TO it",
            ),
            Refusal::Tables(names) => write!(
                f,
                "tables with system versioning ({}): their history is not in the dump, and what the log says of it cannot be repeated",
                names.join(", ")
            ),
        }
    }
}

/// Asks the server whether the log of the database in `access` can be followed. With `whole_server` other databases on it are no
/// reason against it.
///
/// # Errors
/// When the server cannot be asked.
pub fn can_follow(access: &Access, whole_server: bool) -> Result<Follow, LogError> {
    let mut connection = access.ask().map_err(|error| LogError::server("reach the server", &error))?;
    ask(&mut connection, &access.database, whole_server)
        .map_err(|error| LogError::server("ask the server about its log", &error))
}

fn ask(connection: &mut Conn, database: &str, whole_server: bool) -> Result<Follow, mysql::Error> {
    let (version, log_bin): (String, i64) =
        connection.query_first("SELECT CONCAT(VERSION(), ''), @@log_bin + 0")?.unwrap_or_default();
    let mut follow =
        Follow { refusals: Vec::new(), retention: None, position: None, server: None, gtid: None };
    if !version.contains("MariaDB") {
        follow.refusals.push(Refusal::Product(version));
        return Ok(follow);
    }
    if log_bin == 0 {
        follow.refusals.push(Refusal::Off);
        return Ok(follow);
    }
    let mut value = |name: &str| -> Result<Option<String>, mysql::Error> {
        let row: Option<(String, String)> =
            connection.exec_first("SHOW GLOBAL VARIABLES WHERE variable_name = ?", (name,))?;
        Ok(row.map(|(_, value)| value.to_ascii_uppercase()))
    };
    if let Some(format) = value("binlog_format")?.filter(|format| format != "ROW") {
        follow.refusals.push(Refusal::Format(format));
    }
    if let Some(image) = value("binlog_row_image")?.filter(|image| image != "FULL") {
        follow.refusals.push(Refusal::RowImage(image));
    }
    if value("binlog_checksum")?.is_none_or(|checksum| checksum != "CRC32") {
        follow.refusals.push(Refusal::Checksum);
    }
    if value("log_bin_compress")?.is_some_and(|is_on| is_on == "ON") {
        follow.refusals.push(Refusal::Compressed);
    }
    if value("encrypt_binlog")?.is_some_and(|is_on| is_on == "ON") {
        follow.refusals.push(Refusal::Encrypted);
    }
    // Newer servers have the seconds, and older ones only whole days.
    let seconds = value("binlog_expire_logs_seconds")?.and_then(|text| text.parse::<u64>().ok());
    let days = value("expire_logs_days")?.and_then(|text| text.parse::<f64>().ok());
    follow.retention = seconds
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs)
        .or(days.filter(|days| *days > 0.0).map(|days| Duration::from_secs_f64(days * 86_400.0)));
    follow.server = Some(Server::ask(connection)?);
    ask_rights(connection, &mut follow)?;
    // After the position: what comes in between makes the two differ, and is then read.
    let gtid: Option<String> = connection.query_first("SELECT @@GLOBAL.gtid_binlog_pos").ok().flatten();
    follow.gtid = gtid.filter(|gtid| !gtid.is_empty());
    ask_databases(connection, database, whole_server, &mut follow)?;
    Ok(follow)
}

fn ask_rights(connection: &mut Conn, follow: &mut Follow) -> Result<(), mysql::Error> {
    let rights = rights_on_server(connection)?;
    let mut missing = Vec::new();
    if !rights.has(&["REPLICATION SLAVE"]) {
        missing.push("REPLICATION SLAVE".to_owned());
    }
    if rights.has(&["BINLOG MONITOR", "REPLICATION CLIENT", "SUPER"]) {
        let row: Option<mysql::Row> = connection.query_first("SHOW MASTER STATUS")?;
        if let Some(row) = row {
            let text = |at: usize| row.get_opt::<String, _>(at).and_then(Result::ok).unwrap_or_default();
            if !text(2).is_empty() || !text(3).is_empty() {
                follow.refusals.push(Refusal::Filtered);
            }
            let position = row.get_opt::<u64, _>(1).and_then(Result::ok).unwrap_or_default();
            follow.position = Some(Position { file: text(0), position });
        }
    } else {
        missing.push("BINLOG MONITOR".to_owned());
    }
    if !missing.is_empty() {
        follow.refusals.push(Refusal::Rights(missing));
    }
    Ok(())
}

fn ask_databases(
    connection: &mut Conn,
    database: &str,
    whole_server: bool,
    follow: &mut Follow,
) -> Result<(), mysql::Error> {
    if !whole_server {
        if !rights_on_server(connection)?.has(&["SHOW DATABASES", "SELECT", "SUPER"]) {
            follow.refusals.push(Refusal::Unseen);
        }
        let own = aside_names(database);
        let others: Vec<String> = connection.query(
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN ('mysql', 'information_schema', \
             'performance_schema', 'sys') ORDER BY 1",
        )?;
        let others: Vec<String> =
            others.into_iter().filter(|name| name != database && !own.contains(name)).collect();
        if !others.is_empty() {
            follow.refusals.push(Refusal::OtherDatabases(others));
        }
    }
    let versioned: Vec<String> = connection.exec(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND table_type = 'SYSTEM VERSIONED' ORDER BY 1",
        (database,),
    )?;
    if !versioned.is_empty() {
        follow.refusals.push(Refusal::Tables(versioned));
    }
    Ok(())
}
