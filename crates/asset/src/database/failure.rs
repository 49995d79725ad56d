//! What went wrong, where, and what to do about it.
//!
//! The servers' own words name a number and rarely a way out; whoever reads a failed run at night needs the way out.

use std::io;

use holdfast_format::source::SourceError;
use holdfast_world::process::{ProcessError, ProcessErrorKind};

/// An error about the database or a part of it.
pub(super) fn failure(path: &[u8], kind: io::ErrorKind, message: impl Into<String>) -> SourceError {
    SourceError { path: path.to_vec(), kind, message: message.into() }
}

/// A query of ours that failed.
pub(super) fn query_failure(path: &[u8], doing: &str, error: &mysql::Error) -> SourceError {
    let (code, kind) = match error {
        mysql::Error::MySqlError(error) => (Some(u32::from(error.code)), io::ErrorKind::Other),
        mysql::Error::IoError(error) => (Some(2002), error.kind()),
        mysql::Error::DriverError(mysql::DriverError::CouldNotConnect(_)) => {
            (Some(2002), io::ErrorKind::NotConnected)
        }
        mysql::Error::DriverError(mysql::DriverError::UnknownAuthPlugin(_)) => {
            (Some(2059), io::ErrorKind::Other)
        }
        _ => (None, io::ErrorKind::Other),
    };
    let hint = code.and_then(hint).map(|hint| format!("; {hint}")).unwrap_or_default();
    failure(path, kind, format!("cannot {doing}: {error}{hint}"))
}

/// A dump tool that gave no whole dump. `doubt` is what is wrong with what it wrote, if anything.
pub(super) fn dump_failure(
    path: &[u8],
    where_it_was: &str,
    error: &ProcessError,
    doubt: Option<&str>,
) -> SourceError {
    let said = match &error.kind {
        ProcessErrorKind::Failed { said, .. } => said.as_str(),
        _ => "",
    };
    let kind = match &error.kind {
        ProcessErrorKind::Start(error) | ProcessErrorKind::Io(error) => error.kind(),
        ProcessErrorKind::Interrupted => io::ErrorKind::Interrupted,
        ProcessErrorKind::TimeLimit(_) | ProcessErrorKind::Silent(_) => io::ErrorKind::TimedOut,
        _ => io::ErrorKind::Other,
    };
    let hint = code_in(said).and_then(hint).map(|hint| format!("; {hint}")).unwrap_or_default();
    let doubt = doubt.map(|doubt| format!("; {doubt}")).unwrap_or_default();
    failure(path, kind, format!("the dump is not whole: at {where_it_was}: {error}{hint}{doubt}"))
}

/// The error's number in what a tool said: `Got error: 1049: ...`, `Error 2013: ...`, `... (1356)`.
fn code_in(said: &str) -> Option<u32> {
    let lower = said.to_ascii_lowercase();
    let numbers = lower.match_indices("error").filter_map(|(at, word)| {
        let rest = lower[at + word.len()..].trim_start_matches([':', ' ']);
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    });
    let in_parentheses = lower.split('(').skip(1).filter_map(|part| part.split_once(')')?.0.parse().ok());
    numbers.chain(in_parentheses).find(|code| (1000..4000).contains(code))
}

fn hint(code: u32) -> Option<&'static str> {
    Some(match code {
        1044 | 1142 | 1143 | 1227 | 1370 => {
            "the account lacks a right: GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES ON the database TO it"
        }
        1045 | 1698 => {
            "see the user and the password of this database, and from which hosts the account may log in"
        }
        1049 => "there is no such database on this server: see its name, or take it out if it was dropped",
        1146 | 1051 => "a table was dropped while the dump ran: run it again, outside of upgrades",
        1412 => {
            "a table was altered while the dump ran, so the snapshot no longer covers it: run it again, outside of upgrades"
        }
        1356 | 1449 => {
            "a view names something that is not there, or a definer that is gone: repair the view or drop it. A dump that \
             passed over it would look whole and not be"
        }
        2002 | 2003 => "is the server running, and is that its socket or address?",
        2006 | 2013 | 1053 | 1927 => {
            "the server ended the connection: it was restarted, somebody killed the dump, or nobody took the dump's bytes for \
             longer than its net_write_timeout"
        }
        2059 => "use an account with a password: holdfast does not log in by the name of the system's user",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_found_in_what_the_tools_say() {
        for (said, code) in [
            (
                "mariadb-dump: Got error: 1049: \"Unknown database 'x'\" when selecting the database",
                Some(1049),
            ),
            (
                "mariadb-dump: Error 2013: Lost connection to server during query when dumping table `t` at row: 7",
                Some(2013),
            ),
            (
                "mariadb-dump: Couldn't execute 'SHOW FIELDS FROM `v`': View references invalid table(s) (1356)",
                Some(1356),
            ),
            ("it said nothing", None),
        ] {
            assert_eq!(code_in(said), code, "{said}");
        }
    }
}
