//! Rebuilding a lost controller from one location and the kit: configuration, key ring, ledger and records, in a folder that was
//! empty.
//!
//! Everything is made beside that folder, looked through, and moved there at once, so that a crash leaves nothing that looks like a
//! controller. The newest copy of the ledger that is whole counts; whatever was passed over, lost or adopted is told and
//! written into the log that goes on from there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use holdfast_format::Id;
use holdfast_ledger::Reader;
use holdfast_location::{Credentials, LEDGER_REPOSITORY, Location, Place};
use holdfast_model::Address;
use holdfast_model::verdict::{Observed, Recovered, RingSealed};
use holdfast_repo::{Cancel, Troubles};
use holdfast_world::{ExposeSecret, World, secrets};
use jiff::Timestamp;
use serde::Serialize;

use super::adopt::{self, Adopted};
use super::configuration::Configuration;
use super::ledger_copy::{Copies, LEDGER, folders_below, open_at};
use super::material::Material;
use super::ring::Contents;
use super::root::Root;
use super::scratch::{Scratch, require_empty};
use super::{poorer, ring_at, silence};
use crate::audit;
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::setup::{self, Places, Setup};
use crate::{Tell, journal, validate, verdicts};

/// Where it is made, before it is whole.
const NEW: &str = "new";

/// What is wanted.
pub struct RecoverRequest {
    /// The place, as estate.toml writes it.
    pub location: String,
    /// A file with what it takes to get in.
    pub credentials: Option<PathBuf>,
    /// Or variables that begin so.
    pub credentials_env: Option<String>,
    /// The kit.
    pub material: Material,
    /// The folder.
    pub into: PathBuf,
}

/// What was rebuilt.
#[derive(Debug, Serialize)]
pub struct RecoverReport {
    /// The place.
    pub from: String,
    /// What estate.toml calls it; none where it names it otherwise, or not at all.
    pub location: Option<String>,
    /// The folder of the configuration.
    pub config: PathBuf,
    /// The folder of the state.
    pub state: PathBuf,
    /// The snapshot that the ledger is from.
    pub point: String,
    /// When it was made.
    pub time: Timestamp,
    /// The leaves that it has.
    pub leaves: u64,
    /// Until when its verdicts are those of the lost controller.
    pub until: Option<Timestamp>,
    /// Newer copies that could not be used, each with the reason.
    pub passed_over: Vec<String>,
    /// A head with so many leaves was signed; those after the copy are lost.
    pub signed_leaves: Option<u64>,
    /// Points that the copy did not know.
    pub adopted: Vec<Adopted>,
    /// What somebody must know.
    pub notes: Vec<String>,
    /// How it ended.
    pub ending: Ending,
}

/// Rebuilds.
///
/// # Errors
/// When the folder holds something, the kit or the place is the wrong one, or no copy there is whole; nothing is left behind then.
pub fn recover(
    world: &World,
    request: &RecoverRequest,
    interrupted: &Arc<AtomicBool>,
    tell: &Tell,
) -> Result<RecoverReport> {
    require_empty(&request.into)?;
    let root = request.material.root()?;
    let scratch = Scratch::beside(&request.into, &world.environment)?;
    let address = Address::parse(&request.location)
        .map_err(|why| Error::usage(format!("--location: {why}")).hint("write it as the kit does"))?;
    let location = open_place(world, request, &root, &address, scratch.path())?;
    let (ring, ring_object) = ring_at::open_newest(&location, &root)?;
    let places = Places { config: scratch.path().join(NEW), state: scratch.path().join(NEW).join("state") };
    let work = Rebuilding {
        world,
        request,
        location,
        address,
        ring,
        ring_object,
        places,
        scratch: scratch.path(),
        interrupted,
        tell,
    };
    let mut report = work.carry_out(&root)?;
    scratch.release(NEW, &request.into)?;
    let into = std::path::absolute(&request.into).unwrap_or_else(|_| request.into.clone());
    (report.config, report.state) = (into.clone(), into.join("state"));
    Ok(report)
}

/// Opens the place with the credentials that were given, or else with those of the kit.
fn open_place(
    world: &World,
    request: &RecoverRequest,
    root: &Root,
    address: &Address,
    scratch: &Path,
) -> Result<Arc<dyn Location>> {
    let wrong = |why: String| Error::usage(format!("the credentials of the location: {why}"));
    let text = match (&request.credentials, &request.credentials_env) {
        (Some(file), _) => {
            let text = secrets::read_text(file).map_err(|error| wrong(error.to_string()))?;
            Some(text.expose_secret().to_owned())
        }
        (None, Some(prefix)) => {
            let text = setup::credentials_from_environment(world, prefix).map_err(wrong)?;
            Some(text.expose_secret().to_owned())
        }
        (None, None) => match request.material.access(root) {
            Some(access) => {
                access.write_named_files(scratch)?;
                name_of(&access, address).and_then(|name| access.credentials_in(&name, scratch, ""))
            }
            None => None,
        },
    };
    let credentials = text.map(|text| Credentials::parse(&text).map_err(wrong)).transpose()?;
    let place =
        Place { name: request.location.clone(), address: address.clone(), credentials, object_lock: None };
    holdfast_location::open(&place, &setup::surroundings(world)).map_err(|error| {
        Error::usage(error.to_string())
            .hint("--credentials FILE or --credentials-env PREFIX say how to get in, and so does --kit with the kit's access.age")
    })
}

/// What a ring or a kit calls a place.
fn name_of(contents: &Contents, address: &Address) -> Option<String> {
    contents
        .urls()
        .find(|(_, url)| Address::parse(url).as_ref() == Ok(address))
        .map(|(name, _)| name.to_owned())
}

fn from_the_future(name: &str, time: Timestamp, now: Timestamp) -> String {
    format!(
        "the copy {name} is of {time}, and this machine's clock shows {now}: one of them is wrong; set the clock if it is this one"
    )
}

struct Rebuilding<'r> {
    world: &'r World,
    request: &'r RecoverRequest,
    location: Arc<dyn Location>,
    address: Address,
    ring: Contents,
    ring_object: Id,
    places: Places,
    scratch: &'r Path,
    interrupted: &'r Arc<AtomicBool>,
    tell: &'r Tell,
}

/// A copy that is whole.
struct Whole {
    folder: PathBuf,
    point: String,
    time: Timestamp,
    leaves: u64,
    until: Option<Timestamp>,
    beyond: Option<u64>,
    passed_over: Vec<String>,
}

impl Rebuilding<'_> {
    fn carry_out(&self, root: &Root) -> Result<RecoverReport> {
        let mut notes = Vec::new();
        let whole = self.newest_whole()?;
        let now = self.world.clock.now();
        let shredded = self.compare_ring(&whole.folder, &mut notes)?;
        Configuration { ring: &self.ring, shredded, places: &self.places, into: &self.request.into }
            .write(&whole.folder, &mut notes)?;
        let setup = self.load()?;
        let location = setup.estate.locations.iter().find(|(_, spec)| spec.address == self.address);
        let location = location.map(|(name, _)| name.to_string());
        if location.is_none() {
            notes.push(format!(
                "estate.toml names no location at {}: change the address of the one that moved",
                self.request.location
            ));
        }
        let ledger = journal::open(self.world, &self.places.state, "holdfast key recover")?;
        ledger.write(|transaction| transaction.interrupt_orphans(now))?;
        let found = adopt::look(&setup, &ledger, &self.ring, &self.location, &self.scratch.join("adopting"))?;
        notes.extend(found.failures.iter().map(|why| format!("not looked through for points: {why}")));
        let from = location.clone().unwrap_or_else(|| self.request.location.clone());
        let recovered = Recovered {
            from: from.clone(),
            point: whole.point.clone(),
            leaves: whole.leaves,
            until: whole.until,
            passed_over: whole.passed_over.clone(),
            adopted: found.points.len() as u64,
        };
        // From here on it is this controller's, whatever the copy knew of it.
        let sealed = Observed::RingSealed(RingSealed { object: self.ring_object.to_hex() });
        verdicts::observe(&ledger, &[Observed::Recovered(recovered), sealed], now)?;
        adopt::record(&setup, &ledger, &found.points, location.as_deref(), now)?;
        if let Some(until) = whole.until {
            let why =
                format!("the controller was lost and rebuilt from {from}: nothing is known of this time");
            silence::write(&ledger, until, &why)?;
        }
        verdicts::assess_now_alone(&setup, &ledger)?;
        ledger.close()?;
        if let Some(signed) = whole.beyond {
            notes.push(format!(
                "a head of the log with {signed} leaves was signed and lies there, and the copy has {}: the last {} are lost; \
                 `holdfast audit restart` says so in the log, in your name",
                whole.leaves,
                signed - whole.leaves
            ));
        }
        if root.recipient().kit()
            != super::known_kit(&self.places.config)?.map(|kit| kit.kit).unwrap_or_default()
        {
            notes.push(
                "the ring names another kit than this: make a new one with `holdfast key kit`".to_owned(),
            );
        }
        let is_whole = whole.passed_over.is_empty() && whole.beyond.is_none() && found.failures.is_empty();
        Ok(RecoverReport {
            from,
            location,
            config: self.places.config.clone(),
            state: self.places.state.clone(),
            point: whole.point,
            time: whole.time,
            leaves: whole.leaves,
            until: whole.until,
            passed_over: whole.passed_over,
            signed_leaves: whole.beyond,
            adopted: found.points,
            notes,
            ending: if is_whole { Ending::Done } else { Ending::Attention },
        })
    }

    /// Compares the ring with what the copy says of it; returns the clients that were shredded, whose keys must not come back.
    fn compare_ring(&self, folder: &Path, notes: &mut Vec<String>) -> Result<BTreeSet<String>> {
        let copy = Reader::open(&folder.join(LEDGER))?;
        let mut last = None;
        for one in copy.observations()? {
            if let Some(Observed::Ring(ring)) = verdicts::stocktaking::read(&one) {
                last = Some(ring);
            }
        }
        let shredded = poorer::shredded(&copy)?;
        let have = self.ring.repositories();
        for name in have.intersection(&shredded) {
            notes.push(format!(
                "{name} was shredded, and the key ring there has its key still: it was not brought back; shred it again, so that it \
                 goes from there"
            ));
        }
        let Some(last) = last.filter(|last| last.ring != self.ring.name()) else { return Ok(shredded) };
        for name in last.repositories.difference(&have) {
            notes.push(format!(
                "the key ring there lacks the key of {name}, which it had once: try another location"
            ));
        }
        notes.push(
            "the key ring there is another than the one that the copy of the ledger names last".to_owned(),
        );
        Ok(shredded)
    }

    /// Restores copies, the newest first, until one is whole.
    fn newest_whole(&self) -> Result<Whole> {
        let password = self.ring.password(LEDGER_REPOSITORY).ok_or_else(|| {
            Error::usage("the key ring has no password for the copies of the ledger").hint(
                "no copy was ever brought there; with the ring alone stock restic restores: see the kit",
            )
        })?;
        let writer = setup::writer(self.world);
        let folders = folders_below(&self.scratch.join("copies"));
        let repository = open_at(&self.location, LEDGER_REPOSITORY, &password, folders, writer)?;
        let copies = Copies::of(repository, &Troubles::default())?;
        let mut passed_over = copies.unreadable.clone();
        let cancel = Cancel::from_flag(Arc::clone(self.interrupted));
        for (number, (id, snapshot)) in copies.snapshots.iter().enumerate() {
            let folder = self.scratch.join(format!("copy-{number}"));
            let name = &id.to_hex()[..8];
            let now = self.world.clock.now();
            if snapshot.time > now {
                let why = from_the_future(name, snapshot.time, now);
                (self.tell)(&format!("{why}; an older one is tried"));
                passed_over.push(why);
                continue;
            }
            let looked = copies.restore(&cancel, snapshot, &folder).and_then(|()| self.look_through(&folder));
            match looked {
                Ok((_, Some(until), _)) if until >= now => {
                    let why = from_the_future(name, until, now);
                    (self.tell)(&format!("{why}; an older one is tried"));
                    passed_over.push(why);
                    let _ = fs::remove_dir_all(&folder);
                }
                Ok((leaves, until, beyond)) => {
                    let (point, time) = (id.to_hex(), snapshot.time);
                    return Ok(Whole { folder, point, time, leaves, until, beyond, passed_over });
                }
                Err(error) if matches!(error.ending, Ending::Interrupted | Ending::NotDone) => {
                    return Err(error);
                }
                Err(error) => {
                    let why = format!("the copy {name} of {} is not whole: {}", snapshot.time, error.message);
                    (self.tell)(&format!("{why}; an older one is tried"));
                    passed_over.push(why);
                    let _ = fs::remove_dir_all(&folder);
                }
            }
        }
        let why = passed_over.first().cloned().unwrap_or_else(|| "none lies there".to_owned());
        Err(Error::new(Ending::Damage, format!("no copy of the ledger there can be used: {why}"))
            .hint("use another location; with the ring alone stock restic restores: see the kit"))
    }

    /// Reads a copy through: every page, every leaf, and the signed heads that lie beside it.
    fn look_through(&self, folder: &Path) -> Result<(u64, Option<Timestamp>, Option<u64>)> {
        let reader = Reader::open(&folder.join(LEDGER))
            .map_err(|error| Error::new(Ending::Damage, format!("its ledger cannot be opened: {error}")))?;
        let audit = reader.audit().map_err(|error| Error::new(Ending::Damage, error.to_string()))?;
        let log_key = self.ring.get("keys/log.key").and_then(|text| std::str::from_utf8(text).ok());
        let heads = audit::heads_at(&*self.location, &reader, log_key)?;
        Ok((audit.head.leaves, reader.assessed_until()?, heads.beyond))
    }

    fn load(&self) -> Result<Setup> {
        let loaded = validate::load(&self.places, self.world, self.interrupted, self.tell)?;
        loaded.setup.ok_or_else(|| {
            let wrong =
                loaded.findings.iter().flat_map(|file| &file.findings).map(ToString::to_string).next();
            Error::new(
                Ending::Damage,
                format!("the configuration that was brought back has errors: {}", wrong.unwrap_or_default()),
            )
        })
    }
}
