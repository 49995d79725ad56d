//! What is WHMCS's own: where its files lie, whether a copy of it is whole, and how a copy is kept from acting.
//!
//! A copy of a billing system that is brought to life charges cards, suspends customers and mails them; one whose key is missing
//! holds passwords that nobody can read; one whose attachments lay elsewhere has rows that name files that are gone. None of
//! that shows in a count of rows. Nothing here runs WHMCS: its tables and its configuration are asked.
//!
//! The order in a restore test: the database is loaded and both parts of the point are restored, [`prove`] asks, and only then
//! [`neutralise`] changes what must not act, [`is_neutralised`] looks, and somebody may start PHP. The proofs come first because
//! they compare rows with what was dumped.

mod inside;
mod installed;
mod named;
mod neutral;
mod outside;
mod prove;
mod questions;
mod schema;
mod storage;

use std::fmt;
use std::path::{Path, PathBuf};

use holdfast_world::{Clock, Environment};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::database::{Access, Manifest, Question};
use crate::{Outcome, Proof};

/// A WHMCS that was restored, and what it is held against.
#[derive(Clone)]
pub struct Restored<'a> {
    /// The database that the dump was loaded into, on a server of its own, and an account that may do everything there.
    pub access: &'a Access,
    /// What the dump says about itself.
    pub manifest: &'a Manifest,
    /// The folder that stands for `/`: what lay at `/var/www/whmcs` at the source is at `var/www/whmcs` below it.
    pub root: &'a Path,
    /// The folder of WHMCS at the source, absolute: the path of the asset.
    pub docroot: &'a Path,
    /// The instant of the database's point.
    pub instant: Timestamp,
    /// The instant of the files' point. Files of rows that are younger cannot be in it.
    pub files_instant: Timestamp,
    /// How old its newest rows may have been at that instant.
    pub rpo: SignedDuration,
    /// The zone in which WHMCS writes instants, where somebody knows it. Otherwise the clock of the database server that was dumped
    /// is believed, as the manifest has it, and where that has none, UTC.
    pub zone: Option<TimeZone>,
    /// The program that says whether a file is PHP; `php` where it is in `PATH`. It compiles and runs nothing.
    pub php: &'a Path,
    /// Where programs are looked for.
    pub environment: &'a Environment,
    /// What tells how long each proof took.
    pub clock: &'a dyn Clock,
}

/// Something that was kept from acting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Neutralised {
    /// What, by the name that the [`Proof`] about it has too: `gateways`, `mail`.
    pub what: String,
    /// What was done, for people.
    pub done: String,
    /// Rows that were changed or removed.
    pub rows: u64,
}

/// Why a copy could not be kept from acting. It must not be brought to life then.
#[derive(Debug)]
pub struct WhmcsError {
    /// What failed.
    pub kind: WhmcsErrorKind,
    /// What was being done.
    pub context: String,
    /// What the server said.
    pub source: Option<mysql::Error>,
}

/// The kinds of such failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhmcsErrorKind {
    /// The server cannot be reached, or refuses.
    Server,
    /// The database is not that of a WHMCS, or of one whose tables are not known.
    NotWhmcs,
}

impl WhmcsError {
    fn server(context: impl Into<String>, source: mysql::Error) -> WhmcsError {
        WhmcsError { kind: WhmcsErrorKind::Server, context: context.into(), source: Some(source) }
    }
}

impl fmt::Display for WhmcsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{}: {source}", self.context),
            None => f.write_str(&self.context),
        }
    }
}

impl std::error::Error for WhmcsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

/// Changes the copy so that it charges nobody, mails nobody and orders nothing: gateways, registrars, servers, modules, mail,
/// mailboxes that it would empty, tasks, and storage elsewhere. Only ever for a database of a server of its own.
///
/// What is in the files and acts (hooks, a cron of the system, the licence) is left to the place that they run in: without a way
/// out and without a cron.
///
/// # Errors
/// When anything of it could not be done.
pub fn neutralise(access: &Access) -> Result<Vec<Neutralised>, WhmcsError> {
    neutral::neutralise(access)
}

/// Whether nothing of that is left on. One proof for each thing that [`neutralise`] turns off, by its name with `neutral.` before it; asked
/// anew, so that it finds also what was turned on again.
pub fn is_neutralised(access: &Access, clock: &dyn Clock) -> Vec<Proof> {
    neutral::is_neutralised(access, clock)
}

/// The nine proofs that what was restored is the WHMCS that was there: `identity`, `rows`, `fresh`, `references`, `money`, `secrets`,
/// `attachments`, `tables`, `configuration`. Each is there whatever became of the others; nothing is changed.
pub fn prove(restored: &Restored<'_>) -> Vec<Proof> {
    prove::all(restored)
}

/// What a dump of WHMCS is to be asked at its own instant, so that what was amiss at the source already is not taken for a loss later;
/// see [`crate::database::DumpSource::asking`].
pub fn questions() -> Vec<Question> {
    questions::all()
}

pub use self::installed::{Installed, installed};
pub use self::named::{MISSING_FILES, missing_files};
pub use self::outside::{Ground, Outside, outside};
pub use self::storage::{Storage, StorageKind, storage};

/// A path of the source, below the folder that stands for `/`.
fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// A proof, and how long it took.
fn timed(clock: &dyn Clock, what: &str, find: impl FnOnce() -> (Outcome, String)) -> Proof {
    let begin = clock.monotonic();
    let (outcome, seen) = find();
    Proof { what: what.to_owned(), outcome, seen, took: clock.monotonic().saturating_sub(begin) }
}
