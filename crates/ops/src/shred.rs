//! Shreds a client that left: its key first, then every byte of its repository, at every location.
//!
//! Deleting objects alone leaves what a copy of a disk, a version or a tape still holds; destroying the key makes all of
//! that unreadable, wherever it is. But a key that is destroyed by mistake cannot be had again. So the client must be
//! gone from the estate, held by nobody, past the minimum that the policy promises, and named twice; the ledger says
//! what is going to happen before it does. Once the key is gone there is no way back, and each further attempt only
//! completes the deletion.

mod copies;
mod places;
mod proof;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use holdfast_format::{Id, Snapshot};
use holdfast_ledger::{DecidedPoint, NewPurge, PurgeKind, PurgeState, PurgeWait};
use holdfast_model::estate::repository_name;
use holdfast_model::{Class, Dataset};
use holdfast_repo::Troubles;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

pub use self::places::Shredded;
pub use self::proof::Proof;
use self::proof::Samples;
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::points;
use crate::purge::events;
use crate::setup::Setup;
use crate::{hold, key_ring, known_points};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct ShredRequest<'a> {
    /// The client.
    pub client: &'a str,
    /// Why.
    pub reason: &'a str,
    /// Whether the client was offered an export.
    pub export_offered: bool,
    /// The client once more, as typed by whoever wants this.
    pub confirmation: &'a str,
}

/// What was done.
#[derive(Debug, Serialize)]
pub struct ShredReport {
    /// The client.
    pub client: String,
    /// The purge's id in the ledger.
    pub purge: String,
    /// Files that held the key and are gone.
    pub keys_removed: Vec<PathBuf>,
    /// By location.
    pub locations: Vec<Shredded>,
    /// What was tried to read it all the same.
    pub proof: Proof,
    /// How it ended.
    pub ending: Ending,
}

/// What is known of the client before anything is deleted.
#[derive(Default)]
struct Known {
    /// Its points, by id.
    points: BTreeMap<String, (Option<String>, Timestamp)>,
    /// The longest minimum that the policy promises for one of them.
    days_min: u32,
    samples: Samples,
}

/// Shreds a client.
pub fn shred(setup: &Setup, request: &ShredRequest<'_>) -> Result<ShredReport> {
    let client = request.client;
    refuse_living(setup, request)?;
    let _turn = setup.turn(client)?;
    let ledger = setup.ledger()?;
    let earlier: Vec<String> = ledger
        .read()
        .purges_open()?
        .into_iter()
        .filter(|purge| purge.purge.client.as_deref() == Some(client))
        .map(|purge| purge.id)
        .collect();
    let known = match (setup.ring.get(client)?.is_some(), earlier.is_empty()) {
        (true, _) => look(setup, client)?,
        (false, false) => recorded(setup, &earlier)?,
        (false, true) => {
            return Err(Error::usage(format!(
                "the key ring has no key for a client {client}, and none was being shredded"
            ))
            .hint("`holdfast key list` lists the repositories; `holdfast purge --audit` what no key opens"));
        }
    };
    refuse_held(setup, client, &known)?;
    refuse_young(setup, client, &known)?;
    let purge = begin(setup, request, &known)?;
    let keys_removed = copies::remove(setup, client)?;
    let assets = known.points.values().filter_map(|(asset, _)| asset.clone()).collect();
    copies::remove_state(setup, client, &assets)?;
    let mut locations = Vec::new();
    for mirror in setup.mirrors_for_deleting(client)? {
        locations.push(places::shred(setup, &purge, client, &mirror)?);
    }
    let proof = proof::try_all(setup, client, &known.samples)?;
    let waits: Vec<PurgeWait> = locations.iter().filter_map(|at| wait(client, at)).collect();
    let is_done = waits.is_empty() && proof.is_unreadable;
    let now = setup.world.clock.now();
    let state = if is_done { PurgeState::Done } else { PurgeState::Waiting };
    ledger.write(|transaction| {
        if is_done {
            earlier.iter().try_for_each(|id| transaction.end_purge(id, state, Vec::new(), now))?;
        }
        transaction.end_purge(&purge, state, waits, now)
    })?;
    let ending = match (proof.is_unreadable, is_done) {
        (false, _) => Ending::Damage,
        (true, false) => Ending::Attention,
        (true, true) => Ending::Done,
    };
    Ok(ShredReport { client: client.to_owned(), purge, keys_removed, locations, proof, ending })
}

fn refused(message: String) -> Error {
    Error::new(Ending::Refused, message)
}

/// A client with an asset in the estate has not left.
fn refuse_living(setup: &Setup, request: &ShredRequest<'_>) -> Result<()> {
    let client = request.client;
    if !holdfast_location::valid_repository(client) {
        return Err(Error::usage(format!("{client:?} names no client")));
    }
    if request.reason.trim().is_empty() {
        return Err(Error::usage("a client is shredded for a reason: say it with --reason"));
    }
    if request.confirmation != client {
        return Err(refused(format!(
            "nothing was shredded: {client} was not confirmed, {:?} was typed",
            request.confirmation
        )));
    }
    let living = setup.estate.assets.iter().find(|(_, asset)| {
        repository_name(asset).as_str() == client
            || asset.client.as_ref().is_some_and(|c| c.as_str() == client)
    });
    if let Some((name, _)) = living {
        return Err(refused(format!("nothing was shredded: {name} of {client} is still in estate.toml"))
            .hint("remove its assets from estate.toml once the client has left"));
    }
    Ok(())
}

/// What the locations, and the records for those that cannot be asked, know of the client.
fn look(setup: &Setup, client: &str) -> Result<Known> {
    let opened = setup.open(client, None)?;
    let mut known = Known { samples: Samples::of(setup, client, &opened)?, ..Known::default() };
    let recorded = known_points::load(&setup.places.state, client)?.unwrap_or_default();
    for (id, point) in recorded.points {
        known.points.insert(id, (point.asset, point.time));
    }
    let found = points::look(opened, &Troubles::default())?;
    let mut classes = BTreeSet::new();
    for (id, snapshot) in &found.snapshots {
        classes.insert(
            tag(snapshot, "class:").and_then(|word| Class::ALL.into_iter().find(|c| c.as_str() == word)),
        );
        note(&mut known, id, snapshot);
    }
    // A point that does not say of which class it is may be of any.
    let possible = Class::ALL
        .into_iter()
        .filter(|class| classes.is_empty() || classes.contains(&None) || classes.contains(&Some(*class)));
    let rules = possible.filter_map(|class| setup.policy.schedule_of(class, Dataset::Site));
    known.days_min = rules.map(|rule| rule.value.retention.min_days).max().unwrap_or(u32::MAX);
    Ok(known)
}

/// What former attempts wrote down: the key is gone, and no point opens any more.
fn recorded(setup: &Setup, earlier: &[String]) -> Result<Known> {
    let mut known = Known::default();
    for purge in earlier {
        for point in setup.ledger()?.read().points_of_purge(purge)? {
            known.points.insert(point.decided.point, (point.decided.asset, point.decided.instant));
        }
    }
    Ok(known)
}

fn note(known: &mut Known, id: &Id, snapshot: &Snapshot) {
    known.points.insert(id.to_hex(), (tag(snapshot, "asset:").map(str::to_owned), snapshot.time));
}

fn tag<'a>(snapshot: &'a Snapshot, prefix: &str) -> Option<&'a str> {
    snapshot.tags.iter().find_map(|tag| tag.strip_prefix(prefix))
}

fn refuse_held(setup: &Setup, client: &str, known: &Known) -> Result<()> {
    let assets: BTreeSet<&str> = known.points.values().filter_map(|(asset, _)| asset.as_deref()).collect();
    let mut holds = hold::standing_for_client(setup, client)?;
    for asset in assets {
        holds.extend(hold::standing(setup, asset)?);
    }
    match holds.first() {
        Some(hold) => Err(refused(format!(
            "nothing was shredded: {} is held by {} ({}), to be looked at again on {}",
            hold.hold.asset, hold.hold.owner, hold.hold.reason, hold.hold.review_on
        ))),
        None => Ok(()),
    }
}

fn refuse_young(setup: &Setup, client: &str, known: &Known) -> Result<()> {
    let now = setup.world.clock.now();
    let Some(youngest) = known.points.values().map(|(_, time)| *time).max() else { return Ok(()) };
    let age = now.duration_since(youngest);
    if age > SignedDuration::from_hours(24 * i64::from(known.days_min)) {
        return Ok(());
    }
    Err(refused(format!(
        "nothing was shredded: the youngest point of {client} is {} days old, and the policy promises {}; \
         nothing below the minimum is deleted by one person: that takes the signatures of two",
        age.as_hours() / 24,
        known.days_min
    ))
    .hint("wait until then; signatures of registered persons are not built yet"))
}

/// Writes down what is going to happen.
fn begin(setup: &Setup, request: &ShredRequest<'_>, known: &Known) -> Result<String> {
    let now = setup.world.clock.now();
    let ledger = setup.ledger()?;
    let purge = NewPurge {
        kind: PurgeKind::Shred,
        by: events::by(setup, "client shred"),
        policy_version: ledger.read().policy_in_force(now)?.map(|version| version.number),
        client: Some(request.client.to_owned()),
        reason: Some(request.reason.to_owned()),
        export_offered: Some(request.export_offered),
    };
    let decided = known.points.iter().map(|(id, (asset, time))| DecidedPoint {
        point: id.clone(),
        asset: asset.clone(),
        instant: *time,
        reason: format!("the client left: {}", request.reason),
    });
    let decided: Vec<DecidedPoint> = decided.collect();
    Ok(ledger.write(|transaction| {
        let id = transaction.begin_purge(purge, now)?;
        transaction.decide_purge(&id, request.client, decided, now)?;
        Ok(id)
    })?)
}

fn wait(client: &str, at: &Shredded) -> Option<PurgeWait> {
    Some(PurgeWait {
        repository: client.to_owned(),
        location: Some(at.location.clone()),
        points: 0,
        reason: at.failure.clone()?,
    })
}

/// The files of a folder and below that could hold a key: small ones.
const KEY_FILE_BYTES_MAX: u64 = 64 * 1024;

impl key_ring::RepositoryKey {
    /// Texts by which a copy of this key is known.
    fn marks(&self) -> [String; 2] {
        use base64::Engine;
        use holdfast_world::ExposeSecret;
        let file = base64::engine::general_purpose::STANDARD.encode(&self.identity.key_file);
        [self.password.expose_secret().to_owned(), file]
    }
}

#[cfg(test)]
mod tests;
