//! The files that rows name, and which of them the original did not have either.
//!
//! People remove files by hand and leave the rows. A proof that wants every file of ten years fails for ever; so the dump takes along
//! which files were missing at its own time.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use mysql::prelude::Queryable;

use super::installed::Installed;
use super::schema;
use super::storage::{Storage, StorageKind};
use crate::database::{Access, Manifest};

/// Rows of one kind that name files.
pub(super) struct Named {
    /// What WHMCS calls the kind.
    pub asset: &'static str,
    pub words: &'static str,
    table: &'static str,
    column: &'static str,
    /// When the row was written, where the table says it.
    date: &'static str,
    /// Whether files that were removed are marked in `attachments_removed`.
    is_ticket: bool,
    pub is_download: bool,
}

pub(super) const NAMED: &[Named] = &[
    Named {
        asset: "ticket_attachments",
        words: "attachments of tickets",
        table: "tbltickets",
        column: "attachment",
        date: "date",
        is_ticket: true,
        is_download: false,
    },
    Named {
        asset: "ticket_attachments",
        words: "attachments of answers",
        table: "tblticketreplies",
        column: "attachment",
        date: "date",
        is_ticket: true,
        is_download: false,
    },
    Named {
        asset: "client_files",
        words: "files of clients",
        table: "tblclientsfiles",
        column: "filename",
        date: "dateadded",
        is_ticket: false,
        is_download: false,
    },
    Named {
        asset: "downloads",
        words: "downloads",
        table: "tbldownloads",
        column: "location",
        date: "created_at",
        is_ticket: false,
        is_download: true,
    },
];

impl Named {
    /// What asks for the names, each with its date; `None` where this WHMCS has no such rows.
    pub(super) fn query(&self, has: impl Fn(&str, &str) -> bool) -> Option<String> {
        let Named { table, column, date, .. } = self;
        if !has(table, column) {
            return None;
        }
        let date = if has(table, date) { format!("CAST(`{date}` AS CHAR)") } else { "NULL".to_owned() };
        let mut query = format!("SELECT `{column}`, {date} FROM {table} WHERE `{column}` <> ''");
        if self.is_ticket && has(table, "attachments_removed") {
            query += " AND attachments_removed = 0";
        }
        Some(query)
    }

    /// The names in a row.
    pub(super) fn names<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        let separator = if self.is_ticket { '|' } else { '\0' };
        // A download may be the address of another machine.
        let is_file = |name: &&str| !name.is_empty() && !name.contains("://");
        text.split(separator).filter(is_file)
    }
}

/// More of them are not written down: the manifest is no list of an empty folder.
const MISSING_MAX: usize = 1000;
/// Under this the manifest has them.
pub const MISSING_FILES: &str = "whmcs.missing-files";

/// The files that rows name and that are not there, as the manifest of a dump takes them along under [`MISSING_FILES`]; `None` where that
/// cannot be told.
pub fn missing_files(access: &Access, installed: &Installed, places: Option<&[Storage]>) -> Option<String> {
    let (mut connection, schema) = schema::open(access).ok()?;
    let mut missing = BTreeSet::new();
    for named in NAMED {
        let Some(query) = named.query(|table, column| schema.has(table, column)) else { continue };
        let mut folders = Vec::new();
        let mut is_known = false;
        for place in
            places.into_iter().flatten().filter(|place| place.assets.iter().any(|asset| asset == named.asset))
        {
            is_known = true;
            match &place.kind {
                StorageKind::Local(path) => folders.push(installed.folder.join(path)),
                // What lies elsewhere is another finding.
                StorageKind::Remote(_) | StorageKind::Unknown => {}
            }
        }
        if !is_known {
            let set = if named.is_download {
                &installed.settings.downloads
            } else {
                &installed.settings.attachments
            };
            let usual = if named.is_download { "downloads" } else { "attachments" };
            let folder = set.as_ref().map_or(Some(usual), |set| set.known().map(String::as_str));
            folders.extend(folder.map(|folder| installed.folder.join(folder)));
        }
        if folders.is_empty() {
            continue;
        }
        let rows: Vec<(String, Option<String>)> = connection.query(query).ok()?;
        for (names, _) in &rows {
            for name in named.names(names) {
                let is_plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
                if is_plain && !folders.iter().any(|folder| folder.join(name).is_file()) {
                    missing.insert((named.asset, name.to_owned()));
                }
            }
        }
        if missing.len() > MISSING_MAX {
            return None;
        }
    }
    serde_json::to_string(&missing).ok()
}

/// Those, of a manifest.
pub(super) fn missing_at_original(manifest: &Manifest) -> BTreeSet<(String, String)> {
    let told = manifest.answers.get(MISSING_FILES);
    told.and_then(|told| serde_json::from_str(told).ok()).unwrap_or_default()
}
