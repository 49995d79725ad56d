//! Rows of a log, given to the server as its own events: named anew, and else bit for bit.

use std::collections::{BTreeSet, HashMap};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mysql::Conn;
use mysql::prelude::Queryable;

use super::super::super::log::{Event, Query, Table};
use super::super::failure::LoadError;
use super::super::session::Session;
use super::{Place, Target};

/// So much is given at once, where the server takes it.
const BATCH_BYTES: usize = 1 << 20;

/// The connection for rows.
pub(super) struct Rows {
    connection: Conn,
    from: String,
    into: String,
    packet_max: usize,
    format: Option<Event>,
    is_format_told: bool,
    is_open: bool,
    /// The tables of the statement, by number; `None`: of another database.
    tables: HashMap<u64, Option<Event>>,
    /// Tables in the order in which they came.
    order: Vec<u64>,
    waiting: Vec<Event>,
    waiting_bytes: usize,
    /// Tables that were dumped before all others.
    locked: BTreeSet<String>,
    is_only_locked: bool,
}

impl Rows {
    pub(super) fn open(target: &Target<'_>, locked: BTreeSet<String>) -> Result<Rows, LoadError> {
        let mut connection = Session::open(target.access, target.definers)?.connection;
        let failed = |error: mysql::Error| LoadError::server("prepare the connection for rows", &error);
        // Rows were in a table once already: no mode has to judge them again.
        connection.query_drop("SET SESSION sql_mode = ''").map_err(failed)?;
        let packet_max: Option<u64> =
            connection.query_first("SELECT @@max_allowed_packet").map_err(failed)?;
        let packet_max = usize::try_from(packet_max.unwrap_or(1 << 20)).unwrap_or(usize::MAX);
        Ok(Rows {
            connection,
            from: target.from.to_owned(),
            into: target.into.to_owned(),
            packet_max,
            format: None,
            is_format_told: false,
            is_open: false,
            tables: HashMap::new(),
            order: Vec::new(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            locked,
            is_only_locked: false,
        })
    }

    /// Whether only rows of tables count that were dumped under a lock: all others are in the dump.
    pub(super) fn only_locked(&mut self, is_only: bool) {
        self.is_only_locked = is_only;
    }

    pub(super) fn format(&mut self, event: &Event) -> Result<(), LoadError> {
        (self.format, self.is_format_told) = (Some(event.clone()), false);
        Ok(())
    }

    pub(super) fn table(&mut self, table: &Table, event: &Event, place: &Place<'_>) -> Result<(), LoadError> {
        let is_wanted = !self.is_only_locked || self.locked.contains(&table.table);
        let named = if table.database == self.from && is_wanted {
            let named = event.with_database(&self.into);
            Some(named.ok_or_else(|| {
                LoadError::dump(format!("a table cannot be named in {} after {}", place.file, place.at))
            })?)
        } else {
            None
        };
        if self.tables.insert(table.id, named).is_none() {
            self.order.push(table.id);
        }
        Ok(())
    }

    pub(super) fn rows(&mut self, event: &Event, place: &Place<'_>) -> Result<(), LoadError> {
        let unknown = || LoadError::dump(format!("rows of no table in {} after {}", place.file, place.at));
        let (table, is_last) = event.rows().ok_or_else(unknown)?;
        if self.tables.get(&table).ok_or_else(unknown)?.is_some() {
            self.waiting_bytes += event.bytes().len();
            self.waiting.push(event.clone());
        }
        if is_last || self.waiting_bytes > BATCH_BYTES.min(self.packet_max / 4) {
            self.give(place)?;
        }
        if is_last {
            self.tables.clear();
            self.order.clear();
        }
        Ok(())
    }

    /// Gives what waits to the server, as a statement of its own.
    fn give(&mut self, place: &Place<'_>) -> Result<(), LoadError> {
        let Some(last) = self.waiting.pop() else { return Ok(()) };
        self.begin(place)?;
        let mut text = String::new();
        let mut add = |event: &Event| {
            STANDARD.encode_string(event.bytes(), &mut text);
            text.push('\n');
        };
        for table in self.order.iter().filter_map(|number| self.tables.get(number)?.as_ref()) {
            add(table);
        }
        self.waiting.iter().for_each(&mut add);
        add(&last.as_last_of_statement());
        self.waiting.clear();
        self.waiting_bytes = 0;
        self.send(&text).map_err(|error| place.failed("rows", &error))
    }

    fn begin(&mut self, place: &Place<'_>) -> Result<(), LoadError> {
        if !self.is_format_told {
            let Some(format) = &self.format else {
                return Err(LoadError::dump("the log has rows before it says how they are written"));
            };
            let text = STANDARD.encode(format.bytes());
            self.send(&text).map_err(|error| place.failed("the format of the log", &error))?;
            self.is_format_told = true;
        }
        if !self.is_open {
            self.query("START TRANSACTION", place)?;
            self.is_open = true;
        }
        Ok(())
    }

    fn send(&mut self, text: &str) -> Result<(), mysql::Error> {
        if text.len() + 64 <= self.packet_max {
            return self.connection.query_drop(format!("BINLOG '{text}'"));
        }
        // Twice what a statement may have, in two variables: a changed row is in the log as it was and as it became.
        let (first, second) = text.split_at(text.len() / 2);
        self.connection.query_drop(format!("SET @holdfast_first = '{first}'"))?;
        self.connection.query_drop(format!("SET @holdfast_second = '{second}'"))?;
        self.connection.query_drop("BINLOG @holdfast_first, @holdfast_second")?;
        self.connection.query_drop("SET @holdfast_first = NULL, @holdfast_second = NULL")
    }

    fn query(&mut self, statement: &str, place: &Place<'_>) -> Result<(), LoadError> {
        self.connection.query_drop(statement).map_err(|error| place.failed("a transaction", &error))
    }

    /// A savepoint of the transaction, or back to one. It names nothing else.
    pub(super) fn savepoint(&mut self, query: &Query, place: &Place<'_>) -> Result<(), LoadError> {
        let text = std::str::from_utf8(&query.text).map_err(|_| {
            LoadError::dump(format!("a savepoint's name is not UTF-8 in {} after {}", place.file, place.at))
        })?;
        self.give(place)?;
        self.begin(place)?;
        self.query(text, place)
    }

    pub(super) fn roll_back(&mut self, place: &Place<'_>) -> Result<(), LoadError> {
        self.give(place)?;
        if std::mem::take(&mut self.is_open) {
            self.query("ROLLBACK", place)?;
        }
        Ok(())
    }

    /// Ends what is open.
    pub(super) fn end(&mut self, place: &Place<'_>) -> Result<(), LoadError> {
        self.give(place)?;
        self.tables.clear();
        self.order.clear();
        if std::mem::take(&mut self.is_open) {
            self.query("COMMIT", place)?;
        }
        Ok(())
    }
}
