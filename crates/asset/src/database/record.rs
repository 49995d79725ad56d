//! What was streamed: for each file its size and hash, for each table its rows.

use sha2::{Digest, Sha256};

use super::inspect::{Facts, Measured};
use super::manifest::{Consistency, File, Table};
use super::section::Section;

#[derive(Default)]
pub(super) struct Record {
    files: Vec<File>,
    tables: Vec<DumpedTable>,
    section: Option<Section>,
    open: Option<OpenFile>,
}

struct OpenFile {
    name: String,
    is_dump: bool,
    bytes: u64,
    hash: Sha256,
}

/// A table in the dump.
pub(super) struct DumpedTable {
    pub name: String,
    pub rows: u64,
    pub file: String,
    pub measured: Option<Measured>,
    pub instant: String,
    pub consistency: Consistency,
    pub note: Option<String>,
}

impl Record {
    pub(super) fn begin_section(&mut self, section: Section) {
        self.section = Some(section);
    }

    /// Ends a section, and names the table that it was.
    pub(super) fn end_section(&mut self, rows: u64) -> Option<String> {
        let Some(Section::Table(name)) = self.section.take() else { return None };
        let name = String::from_utf8_lossy(&name).into_owned();
        self.tables.push(DumpedTable {
            name: name.clone(),
            rows,
            file: self.open.as_ref().map(|file| file.name.clone()).unwrap_or_default(),
            measured: None,
            instant: String::new(),
            consistency: Consistency::Snapshot,
            note: None,
        });
        Some(name)
    }

    pub(super) fn begin_file(&mut self, name: &[u8], is_dump: bool) {
        self.end_file();
        let name = String::from_utf8_lossy(name).into_owned();
        self.open = Some(OpenFile { name, is_dump, bytes: 0, hash: Sha256::new() });
    }

    /// Takes bytes of the file that began last.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if let Some(file) = &mut self.open {
            file.bytes += bytes.len() as u64;
            file.hash.update(bytes);
        }
    }

    pub(super) fn end_file(&mut self) {
        if let Some(OpenFile { name, is_dump, bytes, hash }) = self.open.take() {
            let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            self.files.push(File { name, bytes, sha256, is_dump });
        }
    }

    /// The tables that came since the last call to this, to be completed.
    pub(super) fn tables_since(&mut self) -> impl Iterator<Item = &mut DumpedTable> {
        self.tables.iter_mut().filter(|table| table.instant.is_empty())
    }

    /// What the manifest says.
    pub(super) fn tables_and_files(&self, facts: &Facts) -> (Vec<Table>, Vec<File>) {
        let table = |table: &DumpedTable| Table {
            name: table.name.clone(),
            engine: facts.engine(&table.name),
            file: table.file.clone(),
            rows: table.rows,
            rows_counted: table.measured.map(|measured| measured.rows),
            checksum: table.measured.and_then(|measured| measured.checksum),
            instant: table.instant.clone(),
            consistency: table.consistency.clone(),
            note: table.note.clone().or_else(|| facts.note(&table.name).map(str::to_owned)),
        };
        (self.tables.iter().map(table).collect(), self.files.clone())
    }
}
