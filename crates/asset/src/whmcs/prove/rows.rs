//! Whether the rows are those that were dumped, and the tables sound.

use mysql::prelude::Queryable;

use super::{Copy, Findings, Seen};
use crate::Outcome;
use crate::database::load::{is_comparable, release};
use crate::database::{measure, quoted};

/// Every table is there with as many rows as were dumped, and with the same checksum where the servers reckon alike.
pub(super) fn rows(copy: &mut Copy<'_>) -> Seen {
    let manifest = copy.restored.manifest;
    let version: String = match copy.connection.query_first("SELECT CONCAT(VERSION(), '')") {
        Ok(version) => version.unwrap_or_default(),
        Err(error) => return (Outcome::Unproven, format!("ask the server for its version: {error}")),
    };
    let is_same = release(&version) == release(&manifest.server_version);
    let mut findings = Findings::default();
    let (mut rows, mut checksums) = (0, 0);
    for table in &manifest.tables {
        let name = &table.name;
        if !copy.schema.has_table(name) {
            findings.failed.push(format!("the table {name} is missing"));
            continue;
        }
        if table.note.is_some() && table.rows == 0 {
            continue;
        }
        let measured = match measure(&mut copy.connection, &copy.restored.access.database, name) {
            Ok(measured) => measured,
            Err(error) => {
                findings.failed.push(format!("the rows of {name} cannot be counted: {error}"));
                continue;
            }
        };
        if measured.rows != table.rows {
            findings
                .failed
                .push(format!("{name} has {} rows, and {} were dumped", measured.rows, table.rows));
            continue;
        }
        rows += measured.rows;
        if is_same && is_comparable(table) && table.checksum.is_some() {
            if measured.checksum != table.checksum {
                findings
                    .failed
                    .push(format!("the rows of {name} are not those that were dumped: its checksum differs"));
            }
            checksums += 1;
        }
    }
    if manifest.tables.is_empty() {
        findings.failed.push("the dump has no table".to_owned());
    }
    findings.seen(|| {
        format!(
            "{} tables with {rows} rows, {checksums} of them with the checksum of the dump",
            manifest.tables.len()
        )
    })
}

/// Whether the server finds each table sound.
pub(super) fn tables(copy: &mut Copy<'_>) -> Seen {
    let mut findings = Findings::default();
    for table in &copy.restored.manifest.tables {
        // Missing tables are another proof's.
        if !copy.schema.has_table(&table.name) {
            continue;
        }
        let checked: Result<Vec<(String, String, String, String)>, _> =
            copy.connection.query(format!("CHECK TABLE {}", quoted(&table.name)));
        match checked {
            Ok(told) => {
                let is_sound = |row: &&(String, String, String, String)| {
                    row.2 == "status" && (row.3 == "OK" || row.3 == "Table is already up to date")
                };
                if !told.iter().any(|row| is_sound(&row))
                    || told.iter().any(|row| row.2.eq_ignore_ascii_case("error"))
                {
                    let words = told.iter().map(|row| row.3.as_str()).next().unwrap_or_default();
                    findings.failed.push(format!("CHECK TABLE says of {}: {words}", table.name));
                }
            }
            Err(error) => findings.unproven.push(format!("check {}: {error}", table.name)),
        }
    }
    let count = copy.restored.manifest.tables.len();
    findings.seen(|| format!("CHECK TABLE found {count} tables sound"))
}
