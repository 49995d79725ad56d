//! Loads a database out of a point into a server.
//!
//! The server is production more often than not. So the plan is shown first, a point of what is there now is made before it is
//! replaced, and what takes its place was loaded beside it and proven. Nothing of the dump touches a disk of ours.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast_asset::database::load::{self, DumpFiles, Event, LoadError, LoadErrorKind, Loaded, Plan, Watch};
use holdfast_asset::database::{Access, FOLDER, MANIFEST_NAME, Place, is_there, place_of};
use holdfast_format::{Id, Snapshot};
use holdfast_ledger::{ActionKind, NewAction};
use holdfast_location::Credentials;
use holdfast_model::Dataset;
use holdfast_model::estate::{Asset, repository_name};
use holdfast_repo::{Index, Progress, Trouble, Troubles};
use holdfast_world::{ExposeSecret, SecretString, secrets};
use jiff::Timestamp;
use serde::Serialize;

use super::ending_of;
use super::instant::{Chosen, OpenedLog, choose};
use super::point_files::PointFiles;
use crate::action;
use crate::backup::{self, How};
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::points::{Found, Which, find, pick};
use crate::setup::Setup;
use crate::source;
use crate::validate::resolved;

pub use holdfast_asset::database::load::{Definers, Options, Stop, Target};

/// Which database, out of which point, into what.
#[derive(Clone, Debug, Default)]
pub struct DatabaseWish {
    /// The asset.
    pub asset: String,
    /// The database as it is called in the point.
    pub database: String,
    /// The point.
    pub which: Which,
    /// Only from this location.
    pub location: Option<String>,
    /// Into a new database of this name; none: over the one that was dumped.
    pub into: Option<String>,
    /// One table alone.
    pub table: Option<String>,
    /// Under this name beside the old table; none: in its place.
    pub beside: Option<String>,
    /// What may be chosen.
    pub options: Options,
    /// User and password of the account that loads, in a file; none: the account that is backed up with.
    pub account: Option<PathBuf>,
    /// The socket of the server; none: the server that is backed up.
    pub socket: Option<PathBuf>,
    /// Whether no point of what is replaced is made before.
    pub is_unsafe: bool,
    /// What for, as the log shall have it.
    pub purpose: Option<String>,
}

/// What would be done.
#[derive(Debug, Serialize)]
pub struct DatabasePlan {
    /// The asset.
    pub asset: String,
    /// The point.
    pub point: String,
    /// The instant that it stands for.
    pub time: Timestamp,
    /// The point of its log that is replayed onto it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Where the server listens.
    pub server: String,
    /// The account that loads.
    pub user: String,
    /// Whether a point of what is there now is made first.
    pub makes_safety_point: bool,
    /// What is loaded.
    pub load: Plan,
}

/// What a restore of a database did.
#[derive(Debug, Serialize)]
pub struct DatabaseReport {
    /// What was planned.
    pub plan: DatabasePlan,
    /// The point of what was there before; none where nothing was replaced, or none was asked for.
    pub safety_point: Option<String>,
    /// What was loaded and proven.
    pub loaded: Loaded,
    /// Seconds it took.
    pub seconds: f64,
    /// What went wrong on the way.
    pub troubles: Vec<Trouble>,
    /// How it ended.
    pub ending: Ending,
}

/// Looks at point and server, and changes nothing.
///
/// # Errors
/// When it cannot be done as asked.
pub fn plan(setup: &Setup, wish: &DatabaseWish) -> Result<DatabasePlan> {
    let troubles = Troubles::default();
    let opened = Opened::find(setup, wish, None, &troubles)?;
    let entry = action_of(setup, wish, &opened, ActionKind::Ls)?;
    action::recorded(setup, entry, || opened.plan(setup, wish, &troubles), |_| Ending::Done)
}

/// Restores. The caller holds the lock on the state.
///
/// # Errors
/// When it cannot be done, or what was loaded is not what was dumped; the old database is there then.
pub fn restore(
    setup: &Setup,
    wish: &DatabaseWish,
    progress: &Progress,
    tell: &mut dyn FnMut(&str),
) -> Result<DatabaseReport> {
    let troubles = Troubles::default();
    let start = setup.world.clock.monotonic();
    let opened = Opened::find(setup, wish, None, &troubles)?;
    let entry = action_of(setup, wish, &opened, ActionKind::Restore)?;
    let work = || {
        let plan = opened.plan(setup, wish, &troubles)?;
        let safety_point = match plan.makes_safety_point {
            false => None,
            true => Some(safety_point(setup, wish, progress, &troubles, tell)?.to_hex()),
        };
        let loaded = opened.load(setup, &plan.load, progress, &troubles)?;
        let is_short = if loaded.grants_failed.is_some() { Ending::Attention } else { Ending::Done };
        Ok(DatabaseReport {
            plan,
            safety_point,
            loaded,
            seconds: (setup.world.clock.monotonic() - start).as_secs_f64(),
            troubles: troubles.list(),
            ending: ending_of(&troubles).and(is_short),
        })
    };
    action::recorded(setup, entry, work, |report| report.ending)
}

/// A point with a database in it, and a server.
struct Opened {
    found: Found,
    index: Index,
    id: Id,
    snapshot: Snapshot,
    folder: Vec<Vec<u8>>,
    access: Access,
    /// Whether the server is the one that the asset's backups read.
    is_backed_up: bool,
    /// What happened after it, as far as is asked for.
    log: Option<OpenedLog>,
    /// What is to be known of the instant that was asked for.
    note: Option<String>,
}

impl Opened {
    fn find(setup: &Setup, wish: &DatabaseWish, id: Option<&Id>, troubles: &Troubles) -> Result<Opened> {
        let asset = setup.asset(&wish.asset)?;
        let dataset = dataset(asset);
        let mut found = find(setup, (&wish.asset, Some(dataset)), wish.location.as_deref(), troubles)?;
        let which = id.map_or_else(|| wish.which.clone(), |id| Which::Id(id.to_hex()));
        let folder = place_of(&wish.database);
        let own = folder.last().map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default();
        // Points that were made after the database was gone do not hold it.
        let held: BTreeSet<String> = found.snapshots.iter().flat_map(|(_, s)| databases_of(s)).collect();
        found.snapshots.retain(|(_, snapshot)| databases_of(snapshot).contains(&own));
        if found.snapshots.is_empty() {
            let held: Vec<String> = held.into_iter().collect();
            let hint = match held.is_empty() {
                true => "they hold none".to_owned(),
                false => format!("there is: {}", held.join(", ")),
            };
            let (asset, database) = (&wish.asset, &wish.database);
            return Err(Error::usage(format!("no point of {asset} holds the database {database}")).hint(hint));
        }
        let Chosen { dump, log, note } =
            if id.is_none() { choose(setup, wish, &found, troubles)? } else { Chosen::default() };
        let which = dump.map_or(which, |dump| Which::Id(dump.to_hex()));
        let (id, snapshot) = pick(setup, &wish.asset, &found, &which, troubles)?;
        let (id, snapshot) = (*id, snapshot.clone());
        let index = found.repository.load_index(&found.catalog, troubles).index;
        let (access, is_backed_up) = access(setup, asset, wish)?;
        Ok(Opened { found, index, id, snapshot, folder, access, is_backed_up, log, note })
    }

    fn files<'o>(&'o self, troubles: &'o Troubles) -> PointFiles<'o> {
        let Opened { found, index, snapshot, folder, .. } = self;
        PointFiles {
            repository: &found.repository,
            catalog: &found.catalog,
            index,
            snapshot,
            folder,
            troubles,
        }
    }

    fn reads_manifest(&self, troubles: &Troubles) -> io::Result<()> {
        let files = self.files(troubles);
        let mut manifest = files.open(MANIFEST_NAME)?;
        io::copy(&mut manifest, &mut io::sink()).map(drop)
    }

    fn load(&self, setup: &Setup, plan: &Plan, progress: &Progress, troubles: &Troubles) -> Result<Loaded> {
        let files = self.files(troubles);
        let log_files = self.log.as_ref().map(|log| log.files(troubles));
        progress.bytes_total.set(plan.bytes);
        let mut last = 0;
        let mut told = |event: Event| {
            if let Event::Fed { bytes, .. } = event {
                progress.bytes.add(bytes.saturating_sub(last));
                last = bytes;
            }
        };
        let mut watch = Watch { interrupted: Some(Arc::clone(&setup.interrupted)), tell: &mut told };
        let loaded = match (&self.log, &log_files) {
            (Some(log), Some(files_of_log)) => {
                let log = log.to(setup, files_of_log);
                load::carry_out_to(&self.access, &files, &log, plan, &mut watch)
            }
            _ => load::carry_out(&self.access, &files, plan, &mut watch),
        };
        loaded.map_err(failed)
    }

    fn plan(&self, setup: &Setup, wish: &DatabaseWish, troubles: &Troubles) -> Result<DatabasePlan> {
        let own = wish.into.clone().unwrap_or_else(|| wish.database.clone());
        let is_there = is_there(&Access { database: own.clone(), ..self.access.clone() })
            .map_err(|error| Error::not_done(error.to_string()))?;
        let target = match (&wish.table, wish.into.is_some()) {
            (Some(table), _) => {
                Target::Table { database: own, table: table.clone(), beside: wish.beside.clone() }
            }
            (None, true) => Target::New { database: own },
            (None, false) if is_there => Target::Over { database: own },
            (None, false) => Target::New { database: own },
        };
        let files = self.files(troubles);
        let load = match &self.log {
            Some(log) => {
                let files_of_log = log.files(troubles);
                let log = log.to(setup, &files_of_log);
                load::plan_to(&self.access, &files, &log, &target, &wish.options)
            }
            None => load::plan(&self.access, &files, &target, &wish.options),
        };
        let mut load = load.map_err(failed)?;
        load.notes.extend(self.note.clone());
        let is_own = self.is_backed_up && wish.into.as_ref().is_none_or(|into| *into == wish.database);
        let makes_safety_point = target.replaces() && is_own && !wish.is_unsafe;
        if target.replaces() && !makes_safety_point && !wish.is_unsafe && !wish.options.keep_aside {
            let message =
                "what would be replaced is not what is backed up, so no point of it can be made first";
            return Err(
                Error::usage(message).hint("--keep-old keeps the old tables, --no-safety-point does without")
            );
        }
        Ok(DatabasePlan {
            asset: wish.asset.clone(),
            point: self.id.to_hex(),
            time: self.snapshot.time,
            log: self.log.as_ref().map(|log| log.id.to_hex()),
            server: self.access.place.to_string(),
            user: self.access.user.clone(),
            makes_safety_point,
            load,
        })
    }
}

/// The names, as folders, of the databases that a point holds.
pub fn databases_of(snapshot: &Snapshot) -> Vec<String> {
    let folder = format!("/{}/", String::from_utf8_lossy(FOLDER));
    snapshot.paths.iter().filter_map(|path| path.strip_prefix(&folder)).map(str::to_owned).collect()
}

/// A point of what is there now, in which the database is.
fn safety_point(
    setup: &Setup,
    wish: &DatabaseWish,
    progress: &Progress,
    troubles: &Troubles,
    tell: &mut dyn FnMut(&str),
) -> Result<Id> {
    const HINT: &str = "nothing was changed; --no-safety-point replaces the database without one";
    tell("making a point of what is there now");
    let dataset = dataset(setup.asset(&wish.asset)?);
    let how = How { before_restore: true, ..How::default() };
    let report = backup::backup(setup, (&wish.asset, dataset), how, progress)?;
    let Some(id) = report.point.as_deref().and_then(Id::from_hex) else {
        let why = report.error.unwrap_or_else(|| "nobody knows why".to_owned());
        return Err(Error::not_done(format!("no point of what is there now could be made: {why}")).hint(HINT));
    };
    let of_now = Opened::find(setup, wish, Some(&id), troubles);
    let held =
        of_now.and_then(|of_now| of_now.reads_manifest(troubles).map_err(|e| Error::not_done(e.to_string())));
    held.map_err(|error| {
        let point = &id.to_hex()[..8];
        let message = format!("the point {point} of what is there now does not hold the database: {error}");
        Error::not_done(message).hint(HINT)
    })?;
    Ok(id)
}

/// In which part of an asset its databases lie.
fn dataset(asset: &Asset) -> Dataset {
    let datasets = asset.class().datasets();
    datasets.iter().copied().find(|dataset| *dataset == Dataset::Database).unwrap_or(datasets[0])
}

/// The way to the server, and whether that is the one that the asset's backups read.
fn access(setup: &Setup, asset: &Asset, wish: &DatabaseWish) -> Result<(Access, bool)> {
    let known = source::access(setup, asset, &wish.database);
    let given = wish.account.as_deref().map(account).transpose()?;
    let (place, is_backed_up) = match (&wish.socket, &known) {
        (Some(path), Ok(known)) => {
            let is_same = matches!(&known.place, Place::Socket(own) if resolved(own) == resolved(path));
            (Place::Socket(path.clone()), is_same)
        }
        // With both given nothing else need be known: the website that knew may be what was lost.
        (Some(path), Err(_)) if given.is_some() => (Place::Socket(path.clone()), false),
        (None, Ok(known)) => (known.place.clone(), true),
        (_, Err(error)) => return Err(error.clone()),
    };
    let (user, password) = match given {
        Some(account) => account,
        None => known.map(|access| (access.user, access.password))?,
    };
    Ok((Access { place, user, password, database: wish.database.clone() }, is_backed_up))
}

fn account(file: &Path) -> Result<(String, SecretString)> {
    let text = secrets::read_text(file).map_err(|error| Error::usage(format!("the account: {error}")))?;
    let wrong = |why: String| Error::usage(format!("the account: {}: {why}", file.display()));
    let credentials = Credentials::parse(text.expose_secret()).map_err(|cause| wrong(cause.to_string()))?;
    let user = credentials.user.ok_or_else(|| wrong("needs a user".to_owned()))?;
    // One that is known by its socket has none.
    Ok((user.expose_secret().to_owned(), credentials.password.unwrap_or_default()))
}

fn action_of(setup: &Setup, wish: &DatabaseWish, opened: &Opened, kind: ActionKind) -> Result<NewAction> {
    let mut path = String::new();
    for name in &opened.folder {
        path.push('/');
        path.push_str(&String::from_utf8_lossy(name));
    }
    if let Some(table) = &wish.table {
        path.push_str(&format!(": table {table}"));
    }
    if let Some(log) = &opened.log {
        path.push_str(&format!(" and its log {} until {}", log.id.to_hex(), log.until));
    }
    let into = wish.into.as_ref().unwrap_or(&wish.database);
    Ok(NewAction {
        asset: Some(wish.asset.clone()),
        repository: Some(repository_name(setup.asset(&wish.asset)?).to_string()),
        location: wish.location.clone(),
        point: Some(opened.id.to_hex()),
        paths: vec![path],
        target: Some(format!("the database {into} at {}", opened.access.place)),
        ..action::by_us(setup, kind, wish.purpose.as_deref())
    })
}

fn failed(error: LoadError) -> Error {
    let ending = match error.kind {
        LoadErrorKind::Dump => Ending::Damage,
        LoadErrorKind::Refused => Ending::Usage,
        LoadErrorKind::Server | LoadErrorKind::Proof => Ending::NotDone,
        LoadErrorKind::Interrupted => Ending::Interrupted,
    };
    Error::new(ending, error.message)
}
