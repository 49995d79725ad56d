//! Whether every file that a row names was restored.
//!
//! Rows and files are of two points, and of two instants: a ticket that is younger than the files' point has attachments that cannot be
//! in it. They are counted and told, because a restore of these two points would be without them, but they are no fault of either.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use jiff::civil::DateTime;
use mysql::prelude::Queryable;

use super::{Copy, Findings, Seen, fresh};
use crate::Outcome;
use crate::site::Setting;
use crate::whmcs::inside::resolve;
use crate::whmcs::installed::Installed;
use crate::whmcs::named::{NAMED, Named, missing_at_original};
use crate::whmcs::storage::{Storage, StorageKind, storage};

pub(super) fn attachments(copy: &mut Copy<'_>, installed: &Installed) -> Seen {
    let places = match storage(copy.restored.access) {
        Ok(places) => places,
        Err(error) => return (Outcome::Unproven, error.to_string()),
    };
    let restored = copy.restored;
    let behind = restored.instant.duration_since(restored.files_instant);
    let cutoff = fresh::shown(copy).checked_sub(behind).unwrap_or(DateTime::MAX);
    let known = missing_at_original(restored.manifest);
    let mut findings = Findings::default();
    let (mut there, mut younger, mut gone_before) = (0_u64, 0_u64, 0_u64);
    for named in NAMED {
        let folders = match folders(named, places.as_deref(), copy, installed) {
            Ok(folders) => folders,
            Err(why) => {
                findings.unproven.push(why);
                continue;
            }
        };
        let Some(query) = named.query(|table, column| copy.schema.has(table, column)) else { continue };
        let rows: Vec<(String, Option<String>)> = match copy.connection.query(query) {
            Ok(rows) => rows,
            Err(error) => {
                findings.unproven.push(format!("ask for {}: {error}", named.words));
                continue;
            }
        };
        let (mut missing, mut elsewhere) = (BTreeSet::new(), 0_u64);
        for (names, date) in rows {
            let is_younger = date
                .and_then(|date| date.parse::<DateTime>().ok())
                .is_some_and(|date| behind.is_positive() && date >= cutoff);
            for name in named.names(&names) {
                if folders.local.iter().any(|folder| is_there(restored.root, folder, name)) {
                    there += 1;
                } else if folders.remote.is_some() {
                    elsewhere += 1;
                } else if is_younger {
                    younger += 1;
                } else if known.contains(&(named.asset.to_owned(), name.to_owned())) {
                    gone_before += 1;
                } else {
                    missing.insert(name.to_owned());
                }
            }
        }
        if let (Some(remote), 1..) = (&folders.remote, elsewhere) {
            findings.unproven.push(format!(
                "{elsewhere} {} are kept in {remote}, which no backup of ours holds",
                named.words
            ));
        }
        if let Some(first) = missing.first() {
            let count = missing.len();
            findings.failed.push(format!("{count} {} are missing, the first is {first:?}", named.words));
        }
    }
    let nothing = there + younger + gone_before == 0;
    if nothing && findings.failed.is_empty() && findings.unproven.is_empty() {
        return (Outcome::NotApplicable, "no row names a file".to_owned());
    }
    findings.seen(|| {
        let mut words = format!("{there} files that rows name are there");
        if younger > 0 {
            words += &format!(
                "; {younger} are younger than the point of the files, and lost with these two points"
            );
        }
        if gone_before > 0 {
            words += &format!("; {gone_before} were missing at the original already");
        }
        words
    })
}

/// Where the files of a kind are.
struct Folders {
    /// At the source, absolute.
    local: Vec<PathBuf>,
    /// Elsewhere, by its name.
    remote: Option<String>,
}

fn folders(
    named: &Named,
    places: Option<&[Storage]>,
    copy: &Copy<'_>,
    installed: &Installed,
) -> Result<Folders, String> {
    let docroot = at_source(copy, installed);
    if let Some(places) = places {
        let mut folders = Folders { local: Vec::new(), remote: None };
        let mut is_known = false;
        for place in places.iter().filter(|place| place.assets.iter().any(|asset| asset == named.asset)) {
            is_known = true;
            match &place.kind {
                StorageKind::Local(path) => folders.local.push(docroot.join(path)),
                StorageKind::Remote(handler) => {
                    folders.remote = Some(format!("{:?} ({handler})", place.name));
                }
                StorageKind::Unknown => {
                    return Err(format!(
                        "where {} are kept cannot be read from the storage {:?}",
                        named.words, place.name
                    ));
                }
            }
        }
        if is_known {
            return Ok(folders);
        }
    }
    let setting =
        if named.is_download { &installed.settings.downloads } else { &installed.settings.attachments };
    let folder = match setting {
        None => Path::new(if named.is_download { "downloads" } else { "attachments" }),
        Some(Setting::Known(path)) => Path::new(path),
        Some(Setting::Unresolved(trouble)) => return Err(trouble.to_string()),
    };
    Ok(Folders { local: vec![docroot.join(folder)], remote: None })
}

/// The folder of WHMCS as the source had it: a path within it counts from there.
fn at_source(copy: &Copy<'_>, installed: &Installed) -> PathBuf {
    let within = installed.folder.strip_prefix(copy.restored.root).unwrap_or(&installed.folder);
    Path::new("/").join(within)
}

/// A name is one of a file in the folder: whatever leads out of it is none.
fn is_there(root: &Path, folder: &Path, name: &str) -> bool {
    let is_plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    is_plain && resolve(root, &folder.join(name)).is_some_and(|path| path.is_file())
}
