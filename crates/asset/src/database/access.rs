//! How a database server is reached, and how that is told to the dump tool without anybody seeing the password.
//!
//! Arguments and environment of a process can be read by others on the machine, and a file would have to be removed by
//! somebody who may have been killed. So the tool reads an option file from its standard input, which nothing keeps.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use holdfast_format::source::SourceError;
use holdfast_world::{ExposeSecret, SecretString};
use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};

use super::failure::query_failure;
use super::load::is_beside;

/// The longest value that the readers of option files, whose lines have 4096 bytes, surely take, in bytes.
const VALUE_BYTES_MAX: usize = 1000;
/// Longest wait for a connection.
pub(super) const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Longest wait for the answer to a question about a database.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(120);
/// Longest wait of such a question for somebody's lock.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(30);

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A unix socket.
    Socket(PathBuf),
    /// TCP. The connection is not encrypted: for 127.0.0.1 and tunnels.
    Host {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Socket(path) => path.display().fmt(f),
            // An IPv6 address would run into its port.
            Place::Host { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Place::Host { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// One database, and who may read it.
#[derive(Clone, Debug)]
pub struct Access {
    /// The server.
    pub place: Place,
    /// An account of the server.
    pub user: String,
    /// Its password.
    pub password: SecretString,
    /// The database.
    pub database: String,
}

impl Access {
    /// The option file for the dump tool.
    ///
    /// # Errors
    /// When a value cannot be said in one, which value and why; never the password itself.
    pub(super) fn option_file(&self) -> Result<SecretString, String> {
        // A server may ask its client for any of its files. Older tools do not know the option.
        let mut file = String::from("[client]\nloose-local-infile=0\n");
        let mut set = |name: &str, value: &str| {
            let quoted = quote(value)
                .map_err(|cause| format!("the {name} cannot be given to the dump tool: {cause}"))?;
            file += &format!("{name}={quoted}\n");
            Ok::<(), String>(())
        };
        set("user", &self.user)?;
        set("password", self.password.expose_secret())?;
        match &self.place {
            Place::Socket(path) => {
                set("socket", path.to_str().ok_or("the path of the socket is not UTF-8")?)?;
                set("protocol", "socket")?;
            }
            Place::Host { host, port } => {
                set("host", host)?;
                set("port", &port.to_string())?;
                set("protocol", "tcp")?;
            }
        }
        Ok(SecretString::from(file))
    }

    /// A connection for questions that any server answers soon: one that does not would hold up everything else.
    pub(crate) fn ask(&self) -> Result<Conn, mysql::Error> {
        let mut connection = self.open(Some(ANSWER_MAX))?;
        connection.query_drop(format!("SET SESSION lock_wait_timeout = {}", LOCK_WAIT_MAX.as_secs()))?;
        Ok(connection)
    }

    /// A connection of our own to the server, without a database chosen.
    pub(crate) fn connect(&self) -> Result<Conn, mysql::Error> {
        self.open(None)
    }

    fn open(&self, answer_max: Option<Duration>) -> Result<Conn, mysql::Error> {
        let options = OptsBuilder::new()
            .read_timeout(answer_max)
            .write_timeout(answer_max)
            .user(Some(self.user.as_str()))
            .pass(Some(self.password.expose_secret()))
            .prefer_socket(false)
            .tcp_connect_timeout(Some(CONNECT_MAX));
        Conn::new(match &self.place {
            Place::Socket(path) => options.socket(Some(path.to_string_lossy())),
            Place::Host { host, port } => options.ip_or_hostname(Some(host.as_str())).tcp_port(*port),
        })
    }
}

/// Whether a server has the database.
///
/// # Errors
/// When it cannot be asked, with what to do.
pub fn is_there(access: &Access) -> Result<bool, SourceError> {
    let path = format!("/databases/{}", access.database.escape_debug()).into_bytes();
    let asked = access.ask().and_then(|mut connection| {
        let known = "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = ?";
        connection.exec_first::<u64, _, _>(known, (&access.database,))
    });
    match asked {
        Ok(count) => Ok(count.is_some_and(|count| count > 0)),
        Err(error) => Err(query_failure(&path, "reach the server", &error)),
    }
}

/// The databases that an account sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Databases {
    /// Their names, those of the server itself left out, and what a load of ours leaves beside a database.
    pub names: Vec<String>,
    /// Whether it sees every one; an account that may do nothing with a database is not told of it.
    pub is_complete: bool,
}

/// What databases a server has, as far as the account sees them.
///
/// # Errors
/// When the server cannot be asked.
pub fn databases(access: &Access) -> Result<Databases, SourceError> {
    let query = "SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN \
                 ('mysql', 'information_schema', 'performance_schema', 'sys') ORDER BY 1";
    let asked = access.ask().and_then(|mut connection| connection.query::<String, _>(query));
    let mut names =
        asked.map_err(|error| query_failure(b"/databases", "ask which databases there are", &error))?;
    names.retain(|name| !is_beside(name));
    let rights = rights_everywhere(access)?;
    let is_complete = rights.iter().any(|right| matches!(right.as_str(), "SHOW DATABASES" | "SELECT"));
    Ok(Databases { names, is_complete })
}

/// The rights of the account that go beyond single databases.
///
/// # Errors
/// When the server cannot be asked.
pub fn rights_everywhere(access: &Access) -> Result<Vec<String>, SourceError> {
    let query = "SELECT DISTINCT privilege_type FROM information_schema.user_privileges \
                 WHERE privilege_type <> 'USAGE' ORDER BY 1";
    let asked = access.ask().and_then(|mut connection| connection.query(query));
    asked.map_err(|error| query_failure(b"/databases", "ask for the rights of the account", &error))
}

/// A value as option files have it: in double quotes, within which `#` begins no comment, with escapes for the rest.
fn quote(value: &str) -> Result<String, String> {
    if value.len() > VALUE_BYTES_MAX {
        return Err(format!("it has {} bytes, more than {VALUE_BYTES_MAX}", value.len()));
    }
    let mut quoted = String::from("\"");
    for character in value.chars() {
        match character {
            '\0' => return Err("it holds a NUL".to_owned()),
            '\\' => quoted += "\\\\",
            '"' => quoted += "\\\"",
            '\n' => quoted += "\\n",
            '\r' => quoted += "\\r",
            '\t' => quoted += "\\t",
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    Ok(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_said_is_refused_without_saying_it() {
        let access = |password: String| Access {
            place: Place::Socket("/run/s".into()),
            user: "u".into(),
            password: SecretString::from(password),
            database: "d".into(),
        };
        for password in ["hunter2\0".to_owned(), "hunter2".repeat(200)] {
            let error = access(password).option_file().unwrap_err();
            assert!(error.contains("password") && !error.contains("hunter2"), "{error}");
        }
        assert!(!format!("{:?}", access("hunter2".into())).contains("hunter2"));
    }
}
