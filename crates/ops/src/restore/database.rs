//! Loads a database out of a point into a server.
//!
//! The server is production more often than not. So the plan is shown first, a point of what is there now is made before it is
//! replaced, and what takes its place was loaded beside it and proven. Nothing of the dump touches a disk of ours.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast_asset::database::load::{self, DumpFiles, Event, LoadError, LoadErrorKind, Loaded, Plan, Watch};
use holdfast_asset::database::{Access, FOLDER, MANIFEST_NAME, Place, place_of, reach};
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
use crate::action;
use crate::backup::{self, How};
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::points::{Found, Which, find, pick};
use crate::setup::Setup;
use crate::source;

pub use holdfast_asset::database::load::{Definers, Options, Target};

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
    action::recorded(setup, entry, || opened.plan(wish, &troubles), |_| Ending::Done)
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
    let plan = opened.plan(wish, &troubles)?;
    let (opened, safety_point) = match plan.makes_safety_point {
        false => (opened, None),
        true => {
            tell("making a point of what is there now");
            let id = opened.id;
            let safety = safety_point(setup, wish, progress)?;
            // What was picked before the safety point stays picked after it.
            let opened = Opened::find(setup, wish, Some(&id), &troubles)?;
            let of_now = Opened::find(setup, wish, Some(&safety), &troubles)?;
            of_now.reads_manifest(&troubles).map_err(|error| {
                Error::not_done(format!(
                    "the point {} of what is there now does not hold the database: {error}",
                    &safety.to_hex()[..8]
                ))
                .hint("see what the backup said; --no-safety-point replaces the database without one")
            })?;
            (opened, Some(safety.to_hex()))
        }
    };
    let entry = action_of(setup, wish, &opened, ActionKind::Restore)?;
    let work = || {
        let files = opened.files(&troubles);
        progress.bytes_total.set(plan.load.bytes);
        let mut last = 0;
        let mut told = |event: Event| match event {
            Event::Step(step) => tell(step),
            Event::Fed { bytes, .. } => {
                progress.bytes.add(bytes.saturating_sub(last));
                last = bytes;
            }
        };
        let mut watch = Watch { interrupted: Some(Arc::clone(&setup.interrupted)), tell: &mut told };
        load::carry_out(&opened.access, &files, &plan.load, &mut watch).map_err(failed)
    };
    let loaded = action::recorded(setup, entry, work, |_| ending_of(&troubles))?;
    let ending = ending_of(&troubles);
    Ok(DatabaseReport {
        plan,
        safety_point,
        loaded,
        seconds: (setup.world.clock.monotonic() - start).as_secs_f64(),
        troubles: troubles.list(),
        ending,
    })
}

/// A point with a database in it, and a server.
struct Opened {
    found: Found,
    index: Index,
    id: Id,
    snapshot: Snapshot,
    folder: Vec<Vec<u8>>,
    access: Access,
}

impl Opened {
    fn find(setup: &Setup, wish: &DatabaseWish, id: Option<&Id>, troubles: &Troubles) -> Result<Opened> {
        let asset = setup.asset(&wish.asset)?;
        let dataset = dataset(asset);
        let found = find(setup, (&wish.asset, Some(dataset)), wish.location.as_deref(), troubles)?;
        let which = id.map_or_else(|| wish.which.clone(), |id| Which::Id(id.to_hex()));
        let (id, snapshot) = pick(setup, &wish.asset, &found, &which, troubles)?;
        let (id, snapshot) = (*id, snapshot.clone());
        let folder = place_of(&wish.database);
        let held = databases_of(&snapshot);
        let own = folder.last().map(|name| String::from_utf8_lossy(name).into_owned());
        if !held.iter().any(|name| Some(name) == own.as_ref()) {
            let known = if held.is_empty() {
                "it holds none".to_owned()
            } else {
                format!("there is: {}", held.join(", "))
            };
            return Err(Error::usage(format!(
                "the point {} of {} does not hold the database {}",
                &id.to_hex()[..8],
                wish.asset,
                wish.database
            ))
            .hint(known));
        }
        let index = found.repository.load_index(&found.catalog, troubles).index;
        let access = access(setup, asset, wish)?;
        Ok(Opened { found, index, id, snapshot, folder, access })
    }

    fn files<'o>(&'o self, troubles: &'o Troubles) -> PointFiles<'o> {
        PointFiles { opened: self, troubles }
    }

    fn reads_manifest(&self, troubles: &Troubles) -> io::Result<()> {
        let files = self.files(troubles);
        let mut manifest = files.open(MANIFEST_NAME)?;
        io::copy(&mut manifest, &mut io::sink()).map(drop)
    }

    fn plan(&self, wish: &DatabaseWish, troubles: &Troubles) -> Result<DatabasePlan> {
        let own = wish.into.clone().unwrap_or_else(|| wish.database.clone());
        let is_there = is_there(&Access { database: own.clone(), ..self.access.clone() })?;
        let target = match (&wish.table, wish.into.is_some()) {
            (Some(table), _) => {
                Target::Table { database: own, table: table.clone(), beside: wish.beside.clone() }
            }
            (None, true) => Target::New { database: own },
            (None, false) if is_there => Target::Over { database: own },
            (None, false) => Target::New { database: own },
        };
        let replaces = match &target {
            Target::New { .. } => false,
            Target::Over { .. } => true,
            Target::Table { beside, .. } => beside.is_none(),
        };
        let load = load::plan(&self.access, &self.files(troubles), &target, &wish.options).map_err(failed)?;
        let is_own = wish.into.is_none() && wish.socket.is_none();
        Ok(DatabasePlan {
            asset: wish.asset.clone(),
            point: self.id.to_hex(),
            time: self.snapshot.time,
            server: shown(&self.access.place),
            user: self.access.user.clone(),
            // Only what is backed up can be backed up first.
            makes_safety_point: replaces && is_own && !wish.is_unsafe,
            load,
        })
    }
}

/// The names, as folders, of the databases that a point holds.
pub fn databases_of(snapshot: &Snapshot) -> Vec<String> {
    let folder = format!("/{}/", String::from_utf8_lossy(FOLDER));
    snapshot.paths.iter().filter_map(|path| path.strip_prefix(&folder)).map(str::to_owned).collect()
}

/// The files of a dump in a point.
struct PointFiles<'o> {
    opened: &'o Opened,
    troubles: &'o Troubles,
}

impl DumpFiles for PointFiles<'_> {
    fn names(&self) -> io::Result<Vec<String>> {
        let Opened { found, index, snapshot, folder, .. } = self.opened;
        let mut names = Vec::new();
        let mut unreadable = None;
        let mut see = |path: &[u8], _: &holdfast_format::Node| match std::str::from_utf8(path) {
            Ok(name) => names.push(name.to_owned()),
            Err(_) => unreadable = Some(String::from_utf8_lossy(path).into_owned()),
        };
        let mirrors = &found.catalog.mirrors;
        let none = |_: &[u8]| false;
        found
            .repository
            .list_files(snapshot, folder, &none, index, mirrors, self.troubles, &mut see)
            .map_err(io::Error::other)?;
        match unreadable {
            Some(name) => Err(io::Error::other(format!("no dump has a file {name:?}"))),
            None => Ok(names),
        }
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Read + '_>> {
        let Opened { found, index, snapshot, folder, .. } = self.opened;
        let mut path = folder.clone();
        path.push(name.as_bytes().to_vec());
        let file = found
            .repository
            .open_file(snapshot, &path, index, &found.catalog.mirrors, self.troubles)
            .map_err(io::Error::other)?;
        Ok(Box::new(file))
    }
}

/// A point of what is there now.
fn safety_point(setup: &Setup, wish: &DatabaseWish, progress: &Progress) -> Result<Id> {
    let dataset = dataset(setup.asset(&wish.asset)?);
    let how = How { before_restore: true, ..How::default() };
    let report = backup::backup(setup, (&wish.asset, dataset), how, progress)?;
    let id = report.point.as_deref().and_then(Id::from_hex);
    id.ok_or_else(|| {
        let why = report.error.unwrap_or_else(|| "nobody knows why".to_owned());
        Error::not_done(format!("no point of what is there now could be made: {why}"))
            .hint("nothing was changed; --no-safety-point replaces the database without one")
    })
}

/// In which part of an asset its databases lie.
fn dataset(asset: &Asset) -> Dataset {
    let datasets = asset.class().datasets();
    datasets.iter().copied().find(|dataset| *dataset == Dataset::Database).unwrap_or(datasets[0])
}

fn access(setup: &Setup, asset: &Asset, wish: &DatabaseWish) -> Result<Access> {
    // With both given nothing else need be known: the website that knew may be what was lost.
    let known = || source::access(setup, asset, &wish.database);
    let place = match &wish.socket {
        Some(path) => Place::Socket(path.clone()),
        None => known()?.place,
    };
    let (user, password) = match &wish.account {
        Some(file) => account(file)?,
        None => known().map(|access| (access.user, access.password))?,
    };
    Ok(Access { place, user, password, database: wish.database.clone() })
}

fn account(file: &Path) -> Result<(String, SecretString)> {
    let text = secrets::read_text(file).map_err(|error| Error::usage(format!("the account: {error}")))?;
    let wrong = |why: String| Error::usage(format!("the account: {}: {why}", file.display()));
    let credentials = Credentials::parse(text.expose_secret()).map_err(|cause| wrong(cause.to_string()))?;
    let user = credentials.user.ok_or_else(|| wrong("needs a user".to_owned()))?;
    // One that is known by its socket has none.
    Ok((user.expose_secret().to_owned(), credentials.password.unwrap_or_default()))
}

fn is_there(access: &Access) -> Result<bool> {
    match reach(access) {
        Ok(()) => Ok(true),
        Err(error) if error.kind == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::not_done(error.to_string())),
    }
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
    let into = wish.into.as_ref().unwrap_or(&wish.database);
    Ok(NewAction {
        asset: Some(wish.asset.clone()),
        repository: Some(repository_name(setup.asset(&wish.asset)?).to_string()),
        location: wish.location.clone(),
        point: Some(opened.id.to_hex()),
        paths: vec![path],
        target: Some(format!("the database {into} at {}", shown(&opened.access.place))),
        ..action::by_us(setup, kind, wish.purpose.as_deref())
    })
}

fn shown(place: &Place) -> String {
    match place {
        Place::Socket(path) => path.display().to_string(),
        Place::Host { host, port } => format!("{host}:{port}"),
    }
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
