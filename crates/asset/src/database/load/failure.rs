//! Why a load failed, and what to do.

use std::fmt;

/// What went wrong.
#[derive(Clone, Debug)]
pub struct LoadError {
    /// The kind.
    pub kind: LoadErrorKind,
    /// What, where, and what to do.
    pub message: String,
}

/// Kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadErrorKind {
    /// The dump is not whole, or not what its manifest says.
    Dump,
    /// What was asked cannot be done here; nothing was changed.
    Refused,
    /// The server refused a statement or went away.
    Server,
    /// What was loaded is not what was dumped.
    Proof,
    /// Somebody interrupted.
    Interrupted,
}

impl LoadError {
    pub(super) fn new(kind: LoadErrorKind, message: impl Into<String>) -> LoadError {
        LoadError { kind, message: message.into() }
    }

    pub(super) fn dump(message: impl Into<String>) -> LoadError {
        LoadError::new(LoadErrorKind::Dump, message)
    }

    pub(super) fn refused(message: impl Into<String>) -> LoadError {
        LoadError::new(LoadErrorKind::Refused, message)
    }

    /// The server's answer to a question or a statement of ours.
    pub(super) fn server(doing: &str, error: &mysql::Error) -> LoadError {
        let hint = hint(code(error)).unwrap_or_default();
        LoadError::new(LoadErrorKind::Server, format!("cannot {doing}: {error}{hint}"))
    }

    /// The server's answer to a statement of the dump. Neither that nor what the server quotes of it is repeated: this
    /// goes into logs, and the statement holds somebody's data, or the hash of a password.
    pub(super) fn fed(file: &str, statement: &[u8], error: &mysql::Error) -> LoadError {
        let words = statement.split(|byte| !byte.is_ascii_alphabetic()).filter(|word| !word.is_empty());
        let kind: Vec<String> =
            words.take(1).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let code = code(error);
        let said = match (hint(code), error) {
            // What these say is about rights and settings alone.
            (Some(hint), _) => format!("{error}{hint}"),
            (None, mysql::Error::MySqlError(error)) => {
                format!("the server answers {} ({})", error.code, error.state)
            }
            (None, error) => error.to_string(),
        };
        let message = format!("cannot load {file:?} at a statement {}: {said}", kind.concat());
        LoadError::new(LoadErrorKind::Server, message)
    }
}

fn code(error: &mysql::Error) -> u16 {
    match error {
        mysql::Error::MySqlError(error) => error.code,
        _ => 0,
    }
}

fn hint(code: u16) -> Option<&'static str> {
    Some(match code {
        1044 | 1142 | 1143 | 1370 => {
            "; the account lacks rights: GRANT ALL PRIVILEGES ON the database, and ON `holdfast\\_side\\_%` and ON \
             `holdfast\\_aside\\_%`, TO it"
        }
        1227 => {
            "; the account may not set definers: GRANT SET USER ON *.* TO it (SUPER before MariaDB 10.5), or have the \
             definers rewritten"
        }
        1045 | 1698 => "; see the user and the password, and from which hosts the account may log in",
        1153 => "; raise max_allowed_packet of this server",
        1273 | 1115 => {
            "; the server does not know this collation or character set: it is older than the one that was dumped, or \
             another product"
        }
        _ => return None,
    })
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for LoadError {}
