//! From what a configuration may say to the databases that it may mean.

use std::path::PathBuf;

use holdfast_world::SecretString;

use super::host;
use super::php::{Candidate, Candidates, Conditions, Value};
use super::visit::Visit;
use super::{DatabaseUse, Setting, Trouble};

/// Databases that one connection may mean. With more, the rest is told and not listed.
const USES_MAX: usize = 32;

/// One setting of a connection.
pub(super) struct Field {
    /// As the application calls it.
    called: &'static str,
    candidates: Candidates,
}

impl Field {
    pub(super) fn new(called: &'static str, candidates: Candidates) -> Field {
        Field { called, candidates }
    }

    /// What the application takes when the configuration does not say it.
    pub(super) fn or(mut self, default: &str) -> Field {
        if self.candidates.is_empty() {
            self.candidates = vec![Candidate::always(Value::text(default), 0)];
        }
        self
    }

    /// The application has no such setting.
    pub(super) fn absent(called: &'static str) -> Field {
        Field::new(called, Vec::new()).or("")
    }
}

/// A connection as a configuration has it.
pub(super) struct Connection {
    pub(super) called: String,
    /// In the folder of the visit.
    pub(super) configuration: String,
    /// The kind of server, where there is a choice.
    pub(super) driver: Field,
    pub(super) name: Field,
    pub(super) user: Field,
    pub(super) password: Field,
    pub(super) host: Field,
    pub(super) port: Field,
    pub(super) socket: Field,
    pub(super) prefix: Field,
}

/// Values that stand together.
type Row = (Conditions, Vec<Candidate>);

impl Connection {
    /// Every database that it may mean.
    pub(super) fn uses(self, visit: &mut Visit<'_>) -> Vec<DatabaseUse> {
        let fields = [
            self.driver,
            self.name,
            self.user,
            self.password,
            self.host,
            self.port,
            self.socket,
            self.prefix,
        ];
        let called = fields.each_ref().map(|field| field.called);
        let mut rows: Vec<Row> = vec![(Conditions::default(), Vec::new())];
        for field in fields {
            let candidates = if field.candidates.is_empty() {
                vec![Candidate::unresolved(0, "the file does not set it")]
            } else {
                field.candidates
            };
            rows = extended(&rows, &candidates);
            if rows.len() > USES_MAX {
                rows.truncate(USES_MAX);
                let reason = "it has more possible values than are listed";
                visit.tell(&self.configuration, None, Some(field.called), reason);
            }
        }
        let is_one_of_several = rows.len() > 1;
        let configuration = visit.path(&self.configuration);
        let mut uses = Vec::new();
        for (_, values) in rows {
            let Ok([driver, name, user, password, host, port, socket, prefix]) =
                <[Candidate; 8]>::try_from(values)
            else {
                continue;
            };
            if driver.value.to_text().is_some_and(|driver| !is_of_the_family(&driver)) {
                let reason =
                    "the database is neither MariaDB nor MySQL, and is not backed up with the website";
                visit.tell(&self.configuration, line(driver.line), Some(called[0]), reason);
                continue;
            }
            let mut told = Told { visit: &mut *visit, configuration: &configuration };
            let place = {
                let known = |candidate: &Candidate| candidate.value.to_text();
                match (known(&host), known(&port), known(&socket)) {
                    (Some(host_text), Some(port), Some(socket)) => {
                        let default_socket = told.visit.search.default_socket.clone();
                        match host::place(&host_text, Some(&port), Some(&socket), &default_socket) {
                            Ok(place) => Setting::Known(place),
                            Err(reason) => told.unresolved(called[4], host.line, reason),
                        }
                    }
                    (None, ..) => told.unresolved_value(called[4], &host),
                    (_, None, _) => told.unresolved_value(called[5], &port),
                    _ => told.unresolved_value(called[6], &socket),
                }
            };
            uses.push(DatabaseUse {
                connection: self.called.clone(),
                configuration: configuration.clone(),
                line: name.line,
                is_one_of_several,
                place,
                name: told.needed(called[1], &name),
                user: told.text(called[2], &user),
                password: match told.text(called[3], &password) {
                    Setting::Known(password) => Setting::Known(SecretString::from(password)),
                    Setting::Unresolved(trouble) => Setting::Unresolved(trouble),
                },
                prefix: told.text(called[7], &prefix),
            });
        }
        uses
    }
}

/// Each row with each of the values that can stand beside it.
fn extended(rows: &[Row], candidates: &[Candidate]) -> Vec<Row> {
    let mut extended = Vec::new();
    for (conditions, values) in rows {
        for candidate in candidates {
            let Some(conditions) = conditions.and(&candidate.conditions) else { continue };
            let mut values = values.clone();
            values.push(candidate.clone());
            extended.push((conditions, values));
        }
    }
    extended
}

struct Told<'a, 'v> {
    visit: &'a mut Visit<'v>,
    configuration: &'a PathBuf,
}

impl Told<'_, '_> {
    fn text(&mut self, called: &str, candidate: &Candidate) -> Setting<String> {
        match candidate.value.to_text() {
            Some(text) => Setting::Known(text.to_string()),
            None => self.unresolved_value(called, candidate),
        }
    }

    fn needed(&mut self, called: &str, candidate: &Candidate) -> Setting<String> {
        match self.text(called, candidate) {
            Setting::Known(text) if text.is_empty() => self.unresolved(called, candidate.line, "it is empty"),
            setting => setting,
        }
    }

    fn unresolved_value<T>(&mut self, called: &str, candidate: &Candidate) -> Setting<T> {
        match &candidate.value {
            Value::Unresolved(unresolved) => self.unresolved(called, unresolved.line, unresolved.reason),
            _ => self.unresolved(called, candidate.line, "it is no text"),
        }
    }

    fn unresolved<T>(&mut self, called: &str, at: u32, reason: &str) -> Setting<T> {
        let trouble = Trouble {
            file: self.configuration.clone(),
            line: line(at),
            setting: Some(called.to_owned()),
            reason: reason.to_owned(),
        };
        self.visit.push(trouble.clone());
        Setting::Unresolved(trouble)
    }
}

fn line(line: u32) -> Option<u32> {
    (line > 0).then_some(line)
}

/// Every name under which PHP's frameworks know MariaDB and MySQL.
fn is_of_the_family(driver: &str) -> bool {
    let driver = driver.to_ascii_lowercase();
    driver.is_empty() || driver.contains("mysql") || driver.contains("mariadb")
}
