//! The monthly trial of the kit: with it, one location and nothing else, is everything back?
//!
//! It goes the way of a rebuilding into a folder that is thrown away: the ring out of the location, the location again with the
//! ring's own credentials, a copy of the ledger read through and compared, every repository opened with the ring's password,
//! and a file restored. How it went is a fact either way: a trial that failed and was forgotten would be worse than none.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use holdfast_format::Id;
use holdfast_format::source::EntryKind;
use holdfast_ledger::{ActionKind, NewAction, Reader};
use holdfast_location::{Credentials, LEDGER_REPOSITORY, Location, Place};
use holdfast_model::Address;
use holdfast_model::verdict::{KeyDrilled, Observed};
use holdfast_repo::{
    Cancel, Index, Mirror, Progress, Repository, RestoreRequest, TreeReader, TroubleKind, Troubles,
};
use jiff::Timestamp;
use serde::Serialize;

use super::ledger_copy::{Copies, LEDGER, folders_below, open_at};
use super::material::Material;
use super::ring::Contents;
use super::ring_at;
use super::root::Root;
use super::scratch::Scratch;
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::setup::{self, Setup};
use crate::{action, audit, journal, verdicts};

/// How a trial went.
#[derive(Clone, Debug, Serialize)]
pub struct DrillReport {
    /// The location.
    pub location: String,
    /// The kit.
    pub kit: String,
    /// The leaves of the copy of the ledger that was read through.
    pub leaves: u64,
    /// Until when its verdicts were found to be those of this ledger.
    pub until: Option<Timestamp>,
    /// Repositories that were opened with the ring's passwords.
    pub opened: BTreeSet<String>,
    /// A file that was restored: of which repository, with how many bytes.
    pub restored: Option<(String, u64)>,
    /// What failed.
    pub failure: Option<String>,
    /// How it ended.
    pub ending: Ending,
}

/// Tries the kit at one location, the first of the estate where none is named.
///
/// # Errors
/// When what was given is no kit, or another one than the one in force; a trial that failed is in the report.
pub fn drill(setup: &Setup, material: &Material, location: Option<&str>) -> Result<DrillReport> {
    let root = material.root()?;
    let kit = root.recipient().kit();
    match super::known_kit(&setup.places.config)? {
        None => {
            return Err(
                Error::usage("no kit was ever made here").hint("`holdfast key kit --out DIR` makes one")
            );
        }
        Some(known) if known.kit != kit => {
            return Err(Error::usage(format!("this is the kit {kit}, and {} is in force", known.kit))
                .hint("a kit is void once a newer one was made"));
        }
        Some(_) => {}
    }
    let name = match location {
        Some(name) => name.to_owned(),
        None => first(setup)?,
    };
    setup.location(&name)?;
    let entry =
        NewAction { location: Some(name.clone()), ..action::by_us(setup, ActionKind::KeyDrill, None) };
    action::recorded(setup, entry, || carry_out(setup, &root, &name), |report| report.ending)
}

fn first(setup: &Setup) -> Result<String> {
    let name = setup.location_names().next().map(str::to_owned);
    name.ok_or_else(|| Error::usage("estate.toml names no location"))
}

fn carry_out(setup: &Setup, root: &Root, name: &str) -> Result<DrillReport> {
    let mut report = DrillReport {
        location: name.to_owned(),
        kit: root.recipient().kit(),
        leaves: 0,
        until: None,
        opened: BTreeSet::new(),
        restored: None,
        failure: None,
        ending: Ending::Done,
    };
    let scratch = Scratch::beside(&setup.places.state.join("key-drill"), &setup.world.environment)?;
    let outcome = try_all(setup, root, name, scratch.path(), &mut report);
    drop(scratch);
    if setup.interrupted.load(Ordering::SeqCst) {
        return Err(Error::new(Ending::Interrupted, "interrupted; the trial says nothing"));
    }
    if let Err(error) = outcome {
        report.ending = if error.ending == Ending::Damage { Ending::Damage } else { Ending::NotDone };
        report.failure = Some(error.message);
    }
    let drilled = KeyDrilled {
        location: report.location.clone(),
        kit: report.kit.clone(),
        leaves: report.leaves,
        opened: report.opened.clone(),
        restored_from: report.restored.as_ref().map(|(repository, _)| repository.clone()),
        failure: report.failure.clone(),
    };
    action::observe(setup, verdicts::observation(&Observed::KeyDrilled(drilled))?)?;
    Ok(report)
}

fn try_all(setup: &Setup, root: &Root, name: &str, scratch: &Path, report: &mut DrillReport) -> Result<()> {
    let (ring, _) = ring_at::open_newest(&setup.location(name)?, root)?;
    require_current(setup, &ring)?;
    // From here on nothing of this machine's: neither its key ring nor its credentials.
    let location = reopen(setup, &ring, name, scratch)?;
    let interrupted = Arc::clone(&setup.interrupted);
    try_ledger(setup, &ring, &location, scratch, &interrupted, report)?;
    for repository in ring.repositories() {
        try_repository(setup, &ring, &location, &repository, scratch, report)?;
    }
    Ok(())
}

/// A ring that opens and is an old one, or lacks a repository, would pass for enough until the day that it is needed.
fn require_current(setup: &Setup, ring: &Contents) -> Result<()> {
    let Some(reader) = journal::reader(&setup.places.state)? else { return Ok(()) };
    let mut current = None;
    for one in reader.observations()? {
        if let Some(Observed::Ring(ring)) = verdicts::stocktaking::read(&one) {
            current = Some(ring.ring);
        }
    }
    if current.is_some_and(|current| current != ring.name()) {
        return Err(Error::not_done(
            "the ring there is not the one that is here now: `holdfast key deliver` brings it".to_owned(),
        ));
    }
    Ok(())
}

fn reopen(setup: &Setup, ring: &Contents, name: &str, scratch: &Path) -> Result<Arc<dyn Location>> {
    let url = ring.urls().find(|(other, _)| *other == name).map(|(_, url)| url.to_owned());
    let url = url.ok_or_else(|| Error::not_done(format!("the ring does not know the location {name}")))?;
    let address = Address::parse(&url).map_err(Error::not_done)?;
    ring.write_named_files(scratch)?;
    let credentials =
        ring.credentials_in(name, scratch, "").map(|text| Credentials::parse(&text).map_err(Error::not_done));
    let place =
        Place { name: name.to_owned(), address, credentials: credentials.transpose()?, object_lock: None };
    holdfast_location::open(&place, &setup::surroundings(&setup.world))
        .map_err(|e| Error::not_done(e.to_string()))
}

/// Reads the newest copy of the ledger through, and compares it with the ledger, the heads that lie there, and its verdicts.
fn try_ledger(
    setup: &Setup,
    ring: &Contents,
    location: &Arc<dyn Location>,
    scratch: &Path,
    interrupted: &Arc<AtomicBool>,
    report: &mut DrillReport,
) -> Result<()> {
    let password = ring.password(LEDGER_REPOSITORY);
    let password =
        password.ok_or_else(|| Error::not_done("the ring has no password for the copies of the ledger"))?;
    let repository = open_at(
        location,
        LEDGER_REPOSITORY,
        &password,
        folders_below(&scratch.join("copies")),
        setup.writer(),
    )?;
    let copies = Copies::of(repository, &Troubles::default())?;
    if let Some(why) = copies.unreadable.first() {
        return Err(Error::new(Ending::Damage, format!("of the copies of the ledger: {why}")));
    }
    let (_, snapshot) =
        copies.snapshots.first().ok_or_else(|| Error::not_done("no copy of the ledger lies there"))?;
    let folder = scratch.join("copy");
    copies.restore(&Cancel::from_flag(Arc::clone(interrupted)), snapshot, &folder)?;
    let copy = Reader::open(&folder.join(LEDGER))?;
    let audit = copy.audit()?;
    let log_key = ring.get("keys/log.key").and_then(|text| std::str::from_utf8(text).ok());
    let heads = audit::heads_at(&**location, &copy, log_key)?;
    let differs = |what: &str| Error::new(Ending::Damage, format!("the copy of the ledger {what}"));
    if let Some(signed) = heads.beyond {
        return Err(differs(&format!("has {} leaves, and a head of {signed} lies there", audit.head.leaves)));
    }
    let until = copy.assessed_until()?;
    if let Some(ours) = journal::reader(&setup.places.state)? {
        if ours.tree_head(Some(audit.head.leaves))? != audit.head {
            return Err(differs("is not a beginning of this machine's ledger"));
        }
        if let Some(until) = until
            && ours.verdicts_at(until)? != copy.verdicts_at(until)?
        {
            return Err(differs("has other verdicts than this machine's ledger"));
        }
    }
    (report.leaves, report.until) = (audit.head.leaves, until);
    Ok(())
}

/// Opens a repository with the ring's password, and restores a file out of the first one that has any.
fn try_repository(
    setup: &Setup,
    ring: &Contents,
    location: &Arc<dyn Location>,
    name: &str,
    scratch: &Path,
    report: &mut DrillReport,
) -> Result<()> {
    let Some(password) = ring.password(name) else { return Ok(()) };
    let opened = open_at(
        location,
        name,
        &password,
        folders_below(&scratch.join("repositories").join(name)),
        setup.writer(),
    );
    let repository =
        opened.map_err(|error| Error { message: format!("{name}: {}", error.message), ..error })?;
    report.opened.insert(name.to_owned());
    if report.restored.is_none()
        && let Some(bytes) = restore_a_file(setup, &repository, &scratch.join("restored"))?
    {
        report.restored = Some((name.to_owned(), bytes));
    }
    Ok(())
}

/// Restores one file of the newest point; none where there is no point, or no file in it.
fn restore_a_file(setup: &Setup, repository: &Repository, target: &Path) -> Result<Option<u64>> {
    let mirrors = repository.require_ready()?;
    let catalog = holdfast_repo::list(&mirrors)?;
    let troubles = Troubles::default();
    let snapshots = repository.load_snapshots(&catalog, &troubles);
    let Some((_, snapshot)) = snapshots.iter().max_by_key(|(_, snapshot)| snapshot.time) else {
        return Ok(None);
    };
    let index = repository.load_index(&catalog, &troubles).index;
    let Some(path) = some_file(repository, &mirrors, &index, snapshot.tree)? else { return Ok(None) };
    let include = |entry: &[u8], _is_directory: bool| entry == path.as_slice();
    let enter = |folder: &[u8]| path.starts_with(folder);
    let request = RestoreRequest {
        snapshot,
        root: &[],
        target,
        include: Some(&include),
        enter: Some(&enter),
        overwrite: false,
        from: &mirrors,
    };
    let restored = repository.restore(&request, &index, &troubles, &Progress::default(), &setup.cancel())?;
    let damage = troubles.list().into_iter().find(|trouble| trouble.kind == TroubleKind::Damage);
    match damage {
        Some(trouble) => Err(Error::new(Ending::Damage, format!("{}: {}", trouble.subject, trouble.message))),
        None if restored.files == 1 => Ok(Some(restored.bytes)),
        None => Err(Error::not_done(format!("{} files were restored where one was wanted", restored.files))),
    }
}

/// The path of a file with content, the first that a walk meets.
fn some_file(
    repository: &Repository,
    mirrors: &[Arc<Mirror>],
    index: &Index,
    tree: Id,
) -> Result<Option<Vec<u8>>> {
    let troubles = Troubles::default();
    let reader = TreeReader::new(repository.cipher(), index, mirrors, &troubles);
    let mut folders = vec![(Vec::new(), tree)];
    while let Some((path, tree)) = folders.pop() {
        for node in reader.read(&tree)? {
            let mut below: Vec<u8> = path.clone();
            if !below.is_empty() {
                below.push(b'/');
            }
            below.extend_from_slice(&node.name);
            match (node.metadata.kind, node.subtree) {
                (EntryKind::Directory, Some(subtree)) => folders.push((below, subtree)),
                (EntryKind::File, _) if node.metadata.size > 0 => return Ok(Some(below)),
                _ => {}
            }
        }
    }
    Ok(None)
}
