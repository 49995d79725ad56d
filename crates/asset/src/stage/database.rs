//! The scratch server: as empty as on the first day, and reached under every name that the website has for its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use holdfast_world::process::{Finished, Running};
use holdfast_world::{ExposeSecret, SecretString, World};
use mysql::prelude::Queryable;

use super::failure::{StageError, StageErrorKind};
use super::inside::Inside;
use super::layout::Folders;
use super::settings::Settings;
use crate::database::{Access, Place};

/// Longest wait for the system tables, and for the server's first answer.
const START_MAX: Duration = Duration::from_secs(180);
/// Longest life of the server.
const LIFE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long between two looks whether it answers.
const LOOK: Duration = Duration::from_millis(20);
/// The account that loads.
const LOADER: &str = "holdfast-stage";
/// The server's port, unless the website names another one.
pub(super) const PORT: u16 = 3306;
/// The socket, as it is called inside.
pub(super) const SOCKET: &str = "/holdfast/run/mysqld.sock";
/// Where systems have the socket, so that who connects without a word about it finds it.
pub(super) const USUAL_SOCKETS: [&str; 4] =
    ["/run/mysqld/mysqld.sock", "/run/mysql/mysql.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock"];

/// An account of the scratch server, as a website has it. It may do everything with every database there.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: SecretString,
}

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    running: Running,
    place: Place,
    password: SecretString,
}

impl Server {
    pub(super) fn start(
        inside: &Inside,
        folders: &Folders,
        settings: &Settings,
        port: u16,
        accounts: &[Account],
        world: &World,
    ) -> Result<Server, StageError> {
        install(inside, settings)?;
        let running = inside
            .program(&settings.programs.mariadbd, settings.database_user, LIFE_MAX)
            .arguments(OPTIONS)
            .arguments([format!("--socket={SOCKET}"), format!("--port={port}")])
            .start(LIFE_MAX, inside.interrupted())
            .map_err(|error| StageError::process("start the scratch server", &error))?;
        let mut bytes = [0; 24];
        world.random.fill(&mut bytes);
        let password: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let place = Place::Socket(folders.run().join("mysqld.sock"));
        let mut server = Server { running, place, password: SecretString::from(password) };
        server.set_up(accounts, folders, inside, world)?;
        Ok(server)
    }

    pub(super) fn access(&self, database: &str) -> Access {
        Access {
            place: self.place.clone(),
            user: LOADER.to_owned(),
            password: self.password.clone(),
            database: database.to_owned(),
        }
    }

    /// Makes the accounts, ours among them, as the one that can come in before: afterwards it is gone.
    fn set_up(
        &mut self,
        accounts: &[Account],
        folders: &Folders,
        inside: &Inside,
        world: &World,
    ) -> Result<(), StageError> {
        let first =
            Access { user: "root".to_owned(), password: SecretString::from(""), ..self.access("mysql") };
        let started = world.clock.monotonic();
        let mut connection = loop {
            inside.go_on()?;
            let error = match first.ask() {
                Ok(connection) => break connection,
                Err(error) => error,
            };
            let has_ended = self.running.has_ended();
            if has_ended || world.clock.monotonic().saturating_sub(started) > START_MAX {
                let log = inside.end_of(&folders.log().join("mariadb.log"));
                let message = format!("the scratch server does not answer: {error}; its log ends: {log}");
                return Err(StageError::new(StageErrorKind::Server, message));
            }
            world.clock.sleep(LOOK);
        };
        let ours = Account { name: LOADER.to_owned(), password: self.password.clone() };
        let mut statements = vec!["SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'".to_owned()];
        let mut known = Vec::new();
        for account in accounts {
            // Root's name may be the website's too; then it comes with the website's password.
            if known.contains(&&account.name) || account.name == LOADER {
                continue;
            }
            known.push(&account.name);
            let name = literal(&account.name);
            statements.push(create(account, "%"));
            // On databases alone: nothing that reads files of the server or ends it.
            statements.push(format!("GRANT ALL PRIVILEGES ON `%`.* TO {name}@'%'"));
        }
        statements.push(create(&ours, "localhost"));
        statements.push(format!("GRANT ALL PRIVILEGES ON *.* TO '{LOADER}'@'localhost' WITH GRANT OPTION"));
        statements.push(
            "DROP USER IF EXISTS ''@'localhost', 'root'@'127.0.0.1', 'root'@'::1', 'mariadb.sys'@'%', 'root'@'localhost'"
                .to_owned(),
        );
        for statement in statements {
            // The server quotes what it was told, and that may be a password.
            let failed = |error: mysql::Error| {
                let code = match &error {
                    mysql::Error::MySqlError(error) => format!("error {}", error.code),
                    _ => "the connection failed".to_owned(),
                };
                let message = format!("the scratch server takes no accounts: {code}");
                StageError::new(StageErrorKind::Server, message)
            };
            connection.query_drop(statement).map_err(failed)?;
        }
        Ok(())
    }
}

/// Events are the website's own clockwork, and it is not to run. What is lost with the machine is lost anyway.
const OPTIONS: [&str; 18] = [
    "--no-defaults",
    "--datadir=/holdfast/data/db",
    "--tmpdir=/holdfast/data/tmp",
    "--log-error=/holdfast/log/mariadb.log",
    "--pid-file=/holdfast/data/pid",
    "--bind-address=*",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--event-scheduler=OFF",
    "--loose-local-infile=0",
    "--secure-file-priv=/holdfast/data/tmp",
    "--performance-schema=0",
    "--max-allowed-packet=1G",
    "--max-connections=64",
    "--innodb-buffer-pool-size=128M",
    "--innodb-log-file-size=48M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
];

/// The system tables, made by the server's own script.
fn install(inside: &Inside, settings: &Settings) -> Result<(), StageError> {
    let failed = |error| StageError::process("make the tables of the scratch server", &error);
    let user = settings.database_user;
    let folders = ["/holdfast/data/db", "/holdfast/data/tmp"];
    let made = inside.program(Path::new("/usr/bin/mkdir"), user, START_MAX).arguments(folders);
    made.run(None).and_then(Finished::checked).map_err(failed)?;
    inside
        .program(&settings.programs.install_db, user, START_MAX)
        .arguments(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
        .arguments(["--datadir=/holdfast/data/db", "--tmpdir=/holdfast/data/tmp"])
        .arguments([
            "--innodb-log-file-size=48M",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-doublewrite=0",
        ])
        .run(inside.interrupted().as_deref())
        .and_then(Finished::checked)
        .map_err(failed)?;
    Ok(())
}

fn create(account: &Account, host: &str) -> String {
    let password = literal(account.password.expose_secret());
    format!("CREATE OR REPLACE USER {}@'{host}' IDENTIFIED BY {password}", literal(&account.name))
}

/// A text in quotes, for a session in which a backslash is one.
fn literal(text: &str) -> String {
    mysql::Value::from(text).as_sql(true)
}

/// Where the website says that its server is.
#[derive(Debug, Default)]
pub(super) struct Ways {
    /// Names and addresses.
    pub hosts: Vec<String>,
    /// Ports.
    pub ports: Vec<u16>,
    /// Sockets, as they are called inside.
    pub sockets: Vec<PathBuf>,
}

impl Ways {
    pub(super) fn of(places: &[Place]) -> Ways {
        let mut ways = Ways { sockets: USUAL_SOCKETS.iter().map(PathBuf::from).collect(), ..Ways::default() };
        for place in places {
            match place {
                Place::Socket(path) => ways.sockets.push(path.clone()),
                Place::Host { host, port } => {
                    ways.hosts.push(host.clone());
                    ways.ports.push(*port);
                }
            }
        }
        ways.ports.sort_unstable();
        ways.ports.dedup();
        ways
    }
}
