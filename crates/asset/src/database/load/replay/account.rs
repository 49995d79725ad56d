//! The account as which statements of a log run: it may do what it likes in the database that was loaded, and nothing elsewhere.

use std::fmt::Write;

use holdfast_world::{Random, SecretString};
use mysql::Conn;
use mysql::prelude::Queryable;

use super::super::super::access::Access;
use super::super::super::inspect::quoted;
use super::super::super::log::{Change, Object, Query, rewritten};
use super::super::definers::{Definers, rewrite_clause};
use super::super::failure::LoadError;
use super::super::journal::Names;
use super::super::literal;
use super::super::session::Session;
use super::{Place, Target, settings};

/// Bytes of its password.
const PASSWORD_BYTES: usize = 24;

/// The account, which is made with the first statement.
pub(in super::super) struct Account {
    /// Whoever loads: who makes and removes it.
    loader: Conn,
    access: Access,
    /// As the server names it.
    name: String,
    into: String,
    definers: Definers,
    connection: Option<Conn>,
    may_make_code: bool,
}

impl Account {
    pub(in super::super) fn new(target: &Target<'_>, random: &dyn Random) -> Result<Account, LoadError> {
        let mut loader = Session::open(target.access, target.definers)?.connection;
        let failed = |error: mysql::Error| LoadError::server("ask who we are", &error);
        let own: Option<String> = loader.query_first("SELECT USER()").map_err(failed)?;
        let own = own.unwrap_or_default();
        let host = own.rsplit_once('@').map_or("localhost", |(_, host)| host);
        let user = user(target.into);
        let mut bytes = [0; PASSWORD_BYTES];
        random.fill(&mut bytes);
        let mut password = String::new();
        for byte in bytes {
            let _ = write!(password, "{byte:02x}");
        }
        Ok(Account {
            loader,
            access: Access {
                place: target.access.place.clone(),
                user: user.clone(),
                password: SecretString::from(password),
                database: target.into.to_owned(),
            },
            name: format!("{}@{}", literal(&user), literal(host)),
            into: target.into.to_owned(),
            definers: target.definers,
            connection: None,
            may_make_code: false,
        })
    }

    /// Runs a statement of the log.
    pub(in super::super) fn run(
        &mut self,
        query: &Query,
        change: &Change,
        from: &str,
        into: &str,
        place: &Place<'_>,
    ) -> Result<(), LoadError> {
        if self.connection.is_none() {
            self.make()?;
        }
        let is_code = matches!(change.object, Object::Code | Object::Event);
        if is_code && !self.may_make_code {
            self.allow_code()?;
        }
        let mut text = rewritten(&query.text, change, into);
        if is_code && self.definers == Definers::CurrentUser {
            text = rewrite_clause(&text).unwrap_or(text);
        }
        let is_chosen = query.database == from.as_bytes() || change.is_unnamed;
        let mut other;
        let connection = match &mut self.connection {
            Some(connection) if is_chosen => connection,
            // No database is chosen here: a name that says none must not be taken for one of ours.
            _ => {
                other = Session::open(&self.access, self.definers)?.connection;
                &mut other
            }
        };
        let text = settings::make(connection, query, text, place)?;
        if is_chosen && change.object != Object::CreateDatabase {
            connection
                .query_drop(format!("USE {}", quoted(into)))
                .map_err(|error| place.failed("a statement", &error))?;
        }
        match connection.query_drop(text) {
            Ok(()) => Ok(()),
            // It failed as much where it comes from, and is in the log for what it did before.
            Err(mysql::Error::MySqlError(error)) if query.error != 0 && error.code == query.error => Ok(()),
            Err(error) => Err(place.failed("a statement", &error)),
        }
    }

    fn make(&mut self) -> Result<(), LoadError> {
        use holdfast_world::ExposeSecret;
        let failed = |error: mysql::Error| cannot_make(&error);
        self.loader.query_drop(format!("DROP USER IF EXISTS {}", self.name)).map_err(failed)?;
        let password = literal(self.access.password.expose_secret());
        self.loader
            .query_drop(format!("CREATE USER {} IDENTIFIED BY {password}", self.name))
            .map_err(failed)?;
        // In names that rights are given on, these two stand for others.
        let pattern = quoted(&self.into.replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%"));
        let grant = format!("GRANT ALL PRIVILEGES ON {pattern}.* TO {}", self.name);
        self.loader.query_drop(grant).map_err(failed)?;
        self.connection = Some(Session::open(&self.access, self.definers)?.connection);
        Ok(())
    }

    /// Lets it make views, triggers and routines of others. Where a log is written, a server wants SUPER for that; it opens no
    /// database, and what runs are statements that make such a thing.
    fn allow_code(&mut self) -> Result<(), LoadError> {
        let failed = |error: mysql::Error| cannot_make(&error);
        let mut rights = Vec::new();
        if self.definers == Definers::Keep {
            rights.push("SET USER");
        }
        let needs: Option<bool> = self
            .loader
            .query_first("SELECT @@log_bin AND NOT @@log_bin_trust_function_creators")
            .map_err(failed)?;
        if needs == Some(true) {
            rights.push("SUPER");
        }
        if !rights.is_empty() {
            let grant = format!("GRANT {} ON *.* TO {}", rights.join(", "), self.name);
            self.loader.query_drop(grant).map_err(failed)?;
            // Rights on the whole server count from the next login on.
            self.connection = Some(Session::open(&self.access, self.definers)?.connection);
        }
        self.may_make_code = true;
        Ok(())
    }

    /// Removes it.
    pub(in super::super) fn remove(&mut self) -> Result<(), LoadError> {
        if self.connection.take().is_none() {
            // Also one that was made and never logged in.
            return drop_left(&mut self.loader, &self.into);
        }
        drop_left(&mut self.loader, &self.into)
    }
}

/// The account's name for a database.
fn user(into: &str) -> String {
    let hash = Names::of(into).side;
    format!("holdfast_replay_{}", hash.rsplit('_').next().unwrap_or_default())
}

/// Removes the accounts that replays into a database left, from whatever machine they ran.
pub(in super::super) fn drop_left(connection: &mut Conn, into: &str) -> Result<(), LoadError> {
    let user = user(into);
    let hosts: Result<Vec<String>, _> =
        connection.exec("SELECT Host FROM mysql.user WHERE User = ?", (&user,));
    // Whoever may not look there cannot make accounts for other machines than this one.
    let hosts = hosts.or_else(|_| {
        let own: Option<String> = connection.query_first("SELECT SUBSTRING_INDEX(USER(), '@', -1)")?;
        Ok(own.into_iter().collect())
    });
    let failed = |error: mysql::Error| LoadError::server("remove the account of a replay", &error);
    for host in hosts.map_err(failed)? {
        let drop = format!("DROP USER IF EXISTS {}@{}", literal(&user), literal(&host));
        match connection.query_drop(drop) {
            // Whoever may not make accounts left none.
            Err(mysql::Error::MySqlError(error)) if error.code == 1227 => {}
            other => other.map_err(failed)?,
        }
    }
    Ok(())
}

fn cannot_make(error: &mysql::Error) -> LoadError {
    LoadError::refused(format!(
        "the account for the statements of the log cannot be made: {error}; the account that loads needs CREATE USER, BINLOG REPLAY, \
         SET USER and, where log_bin is on, SUPER ON *.*, and all rights on the database and on `holdfast\\_side\\_%`, each WITH GRANT OPTION"
    ))
}
