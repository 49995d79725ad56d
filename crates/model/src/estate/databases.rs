//! Databases as estate.toml names them, and the servers that are trusted with what we ask them.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::read::{read_credentials, source_path};
use super::{DatabaseServer, DatabaseSettings, LogSettings};
use crate::diagnostic::Problems;
use crate::parse_duration;
use crate::reading::{Fields, Located};

/// Reads one database and how it is reached.
pub(super) fn read_database(problems: &mut Problems<'_>, fields: Fields<'_, '_>) -> Option<DatabaseSettings> {
    read_with(problems, fields, |_, _| {})
}

/// The same of one whose binary log may be followed.
pub(super) fn read_followed_database(
    problems: &mut Problems<'_>,
    fields: Fields<'_, '_>,
) -> Option<(DatabaseSettings, LogSettings)> {
    let mut log = LogSettings::default();
    let read = read_with(problems, fields, |problems, fields| log = read_log(problems, fields))?;
    Some((read, log))
}

fn read_log(problems: &mut Problems<'_>, fields: &mut Fields<'_, '_>) -> LogSettings {
    let whole_server = fields.flag(problems, "whole_server").is_some_and(|flag| flag.value);
    let usual = LogSettings { whole_server, ..LogSettings::default() };
    let Some(text) = fields.text(problems, "binary_log") else { return usual };
    if text.value == "off" {
        return LogSettings { every: None, ..usual };
    }
    match parse_duration(&text.value) {
        Ok(every) if LogSettings::ALLOWED.contains(&every) => {
            LogSettings { every: Some(every), is_asked_for: true, whole_server }
        }
        _ => {
            problems
                .error(
                    "bad-value",
                    &text.span.range(),
                    "binary_log says how often the log is followed, from 10 seconds to an hour, or \"off\"",
                )
                .hint(
                    "write binary_log = \"1m\"; without it the log is followed each minute where it can be",
                );
            usual
        }
    }
}

impl LogSettings {
    /// How often a log is followed where estate.toml does not say.
    pub const USUAL: Duration = Duration::from_secs(60);
    /// How often it may be.
    const ALLOWED: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(3600);
}

fn read_with(
    problems: &mut Problems<'_>,
    mut fields: Fields<'_, '_>,
    more: impl FnOnce(&mut Problems<'_>, &mut Fields<'_, '_>),
) -> Option<DatabaseSettings> {
    let span = fields.span().clone();
    let name = fields.required_text(problems, "name").filter(|name| {
        let is_name = !name.value.is_empty() && name.value.chars().count() <= DATABASE_NAME_MAX;
        if !is_name {
            problems.error("bad-name", &name.span.range(), "no database has such a name");
        }
        is_name
    });
    let (socket, host) = (fields.text(problems, "socket"), fields.text(problems, "host"));
    let port = fields.whole(problems, "port");
    let credentials = fields.table(problems, "credentials");
    if credentials.is_none() {
        problems
            .error(
                "missing-key",
                &span,
                "credentials are missing: user and password of an account that may read it",
            )
            .hint("write credentials = { file = \"keys/name.toml\" }; secrets never stand in estate.toml");
    }
    let credentials = credentials.and_then(|table| read_credentials(problems, "credentials", table));
    more(problems, &mut fields);
    fields.finish(problems);
    let server = match (socket, host) {
        (Some(socket), None) if port.is_none() => source_path(problems, &socket).map(DatabaseServer::Socket),
        (None, Some(host)) if !host.value.is_empty() => {
            let port = match port {
                None => Some(DATABASE_PORT),
                Some(port) => {
                    let number = u16::try_from(port.value).ok().filter(|port| *port > 0);
                    if number.is_none() {
                        problems.error("bad-value", &port.span.range(), "there is no such port");
                    }
                    number
                }
            };
            port.map(|port| DatabaseServer::Tcp { host: host.value, port })
        }
        _ => {
            problems
                .error("missing-key", &span, "database needs either a socket, or a host and maybe a port")
                .hint("write socket = \"/run/mysqld/mysqld.sock\"");
            None
        }
    };
    Some(DatabaseSettings { name: name?.value, server: server?, credentials: credentials? })
}

/// The longest name that a database has, in characters.
const DATABASE_NAME_MAX: usize = 64;
/// Where MariaDB and MySQL listen by default.
pub const DATABASE_PORT: u16 = 3306;

/// Reads a trusted server: the path of a socket, or a host with or without a port.
pub(super) fn read_server(problems: &mut Problems<'_>, text: &Located<String>) -> Option<DatabaseServer> {
    if text.value.starts_with('/') {
        return source_path(problems, text).map(DatabaseServer::Socket);
    }
    let (host, port) = match text.value.rsplit_once(':') {
        // An IPv6 address stands in brackets where it has a port.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()),
        _ => (text.value.as_str(), Some(DATABASE_PORT)),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match port.filter(|port| *port > 0 && !host.is_empty()) {
        Some(port) => Some(DatabaseServer::Tcp { host: host.to_owned(), port }),
        None => {
            problems
                .error("bad-value", &text.span.range(), "this is no server")
                .hint("write \"/run/mysqld/mysqld.sock\" or \"db1.internal:3306\"");
            None
        }
    }
}
