//! Shreds a client that left: its key first, then every byte of its repository, at every location.
//!
//! Deleting objects alone leaves what a copy of a disk, a version or a tape still holds; destroying the key makes all of
//! that unreadable, wherever it is. But a key that is destroyed by mistake cannot be had again. So the client must be
//! gone from the estate, held by nobody, past the minimum that the policy promises, and named twice; the ledger says
//! what is going to happen before it does. Once the key is gone there is no way back, and each further attempt only
//! completes the deletion.

mod copies;
mod known;
mod places;
mod proof;
mod rings;

use std::collections::BTreeSet;
use std::path::PathBuf;

use holdfast_ledger::{DecidedPoint, NewPurge, Purge, PurgeKind, PurgeState, PurgeWait};
use holdfast_model::estate::{has_points_in, log_repository_of};
use serde::{Deserialize, Serialize};

pub use self::copies::KeyLeft;
use self::known::Known;
pub use self::places::Shredded;
pub use self::proof::Proof;
pub use self::rings::RingReplaced;
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::purge::events;
use crate::requests::{self, Answer, Request};
use crate::setup::Setup;
use crate::{clock_reading, hold, state_lock};

/// What is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShredRequest {
    /// The client.
    pub client: String,
    /// Why.
    pub reason: String,
    /// Whether the client was offered an export.
    pub export_offered: bool,
    /// The client once more, as typed by whoever wants this.
    pub confirmation: String,
}

/// What was done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShredReport {
    /// The client.
    pub client: String,
    /// The purge's id in the ledger.
    pub purge: String,
    /// Files that held the key and are gone.
    pub keys_removed: Vec<PathBuf>,
    /// Files that hold the key among other things, and were left alone.
    pub keys_left: Vec<KeyLeft>,
    /// Other repositories whose keys have the same password. Their key files are others, so they stay.
    pub same_password: Vec<String>,
    /// Reports of runs that were erased from the ledger, because they named files. Their hashes are still proven.
    pub reports_erased: u64,
    /// What became of the key rings at the locations; empty where no recovery kit was ever made.
    #[serde(default)]
    pub rings: Vec<RingReplaced>,
    /// By location.
    pub locations: Vec<Shredded>,
    /// What was tried to read it all the same.
    pub proof: Proof,
    /// The same of the log of its database, which has a repository of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Box<ShredReport>>,
    /// How it ended.
    pub ending: Ending,
}

/// Shreds a client, or has the daemon do it that has the ledger.
///
/// # Errors
/// When it is refused, or was cut off: then running it again goes on where it was.
pub fn shred(setup: &Setup, request: &ShredRequest) -> Result<ShredReport> {
    refuse_living(setup, request)?;
    let (state, by) = (&setup.places.state, events::by(setup, "client shred"));
    let asked = Request::Shred { request: request.clone(), by: by.clone() };
    match requests::by_daemon(&setup.world, state, &asked, &setup.interrupted)? {
        Some(Answer::Shredded(report)) => Ok(*report),
        Some(other) => Err(requests::no_answer_to_this(&other)),
        None => {
            let _lock = state_lock::take(state, "client shred", setup.world.environment.pid())?;
            carry_out(setup, request, &by)
        }
    }
}

/// Shreds a client, asked for by `by`. Whoever asked may have looked at another estate, so all is looked at here.
pub(crate) fn carry_out(setup: &Setup, request: &ShredRequest, by: &str) -> Result<ShredReport> {
    refuse_living(setup, request)?;
    let log = log_repository_of(&request.client).map(|log| log.to_string());
    let log = match log {
        Some(log) if has_anything_of(setup, &log)? => Some(ShredRequest { client: log, ..request.clone() }),
        _ => None,
    };
    match log {
        // An attempt before this one was cut off in between.
        Some(log) if !has_anything_of(setup, &request.client)? => carry_out_one(setup, &log, by),
        Some(log) => {
            let mut report = carry_out_one(setup, request, by)?;
            let of_log = carry_out_one(setup, &log, by)?;
            report.ending = report.ending.and(of_log.ending);
            report.log = Some(Box::new(of_log));
            Ok(report)
        }
        None => carry_out_one(setup, request, by),
    }
}

/// Whether there is a repository of this name to shred, or one whose shredding is not over.
fn has_anything_of(setup: &Setup, repository: &str) -> Result<bool> {
    let is_open = |purge: Purge| {
        purge.purge.kind == PurgeKind::Shred && purge.purge.client.as_deref() == Some(repository)
    };
    Ok(setup.ring.get(repository)?.is_some()
        || setup.ledger()?.read().purges_open()?.into_iter().any(is_open))
}

fn carry_out_one(setup: &Setup, request: &ShredRequest, by: &str) -> Result<ShredReport> {
    let client = request.client.as_str();
    let _turn = setup.turn(client)?;
    let ledger = setup.ledger()?;
    let mut earlier = ledger.read().purges_open()?;
    earlier.retain(|purge| {
        purge.purge.kind == PurgeKind::Shred && purge.purge.client.as_deref() == Some(client)
    });
    let ids: Vec<String> = earlier.iter().map(|purge| purge.id.clone()).collect();
    let has_key = setup.ring.get(client)?.is_some();
    let clock = clock_reading::evidence(setup)?;
    let known = match (has_key, earlier.is_empty()) {
        (true, _) => {
            clock.doubt().map_err(|refusal| clock_reading::refused(client, &refusal))?;
            known::look(setup, client, &clock)?
        }
        (false, false) => known::recorded(setup, &ids)?,
        (false, true) => {
            return Err(Error::usage(format!(
                "the key ring has no key for a client {client}, and none was being shredded"
            ))
            .hint("`holdfast key list` lists the repositories; `holdfast purge --audit` what no key opens"));
        }
    };
    refuse_held(setup, client, &known)?;
    if has_key {
        known::refuse_young(setup, client, &known, &clock)?;
    }
    // Found before anything is deleted, and the key with it by which they are known.
    let copies = copies::find(setup, client)?;
    let purge = begin(setup, request, by, &known)?;
    let keys_removed = copies.erase()?;
    let keys_left = if has_key { copies.left } else { still_left(&earlier) };
    copies::remove_state(setup, client, &known)?;
    let reason = format!("the client left: {}", request.reason);
    let reports_erased = erase_reports(setup, client, &known, &reason)?;
    // Rings that still have the key open whatever is left: they go before the rest.
    let rings = rings::replace(setup, client)?;
    let mut locations = Vec::new();
    for mirror in setup.mirrors_for_deleting(client)? {
        locations.push(places::shred(setup, &purge, client, &mirror)?);
    }
    let proof = proof::try_all(setup, client, &known.samples)?;
    let mut waits: Vec<PurgeWait> = locations.iter().filter_map(|at| wait(client, at)).collect();
    waits.extend(keys_left.iter().map(|left| PurgeWait {
        repository: client.to_owned(),
        location: None,
        points: 0,
        reason: left.to_string(),
        locked_until: None,
    }));
    waits.extend(rings.iter().filter_map(|ring| ring.wait(client)));
    let by = events::by(setup, "client shred");
    ledger.erase_private(client, &by, &reason)?;
    waits.extend(rings::forget_erased(setup, client));
    let is_read = proof.is_unreadable == Some(false);
    let is_done = waits.is_empty() && !is_read;
    let now = setup.world.clock.now();
    let state = if is_done { PurgeState::Done } else { PurgeState::Waiting };
    ledger.write(|transaction| {
        if is_done {
            ids.iter().try_for_each(|id| transaction.end_purge(id, state, Vec::new(), now))?;
        }
        transaction.end_purge(&purge, state, waits, now)
    })?;
    let ending = match (is_read, is_done) {
        (true, _) => Ending::Damage,
        (false, false) => Ending::Attention,
        (false, true) => Ending::Done,
    };
    let (client, same_password) = (client.to_owned(), copies.same_password);
    Ok(ShredReport {
        client,
        purge,
        keys_removed,
        keys_left,
        same_password,
        reports_erased,
        rings,
        locations,
        proof,
        log: None,
        ending,
    })
}

/// Erases what the ledger keeps apart of the client's runs. Another client's asset of the same name keeps its own.
fn erase_reports(setup: &Setup, client: &str, known: &Known, reason: &str) -> Result<u64> {
    let assets: BTreeSet<&String> = known.points.values().filter_map(|point| point.asset.as_ref()).collect();
    let gone = assets.into_iter().filter(|asset| !setup.estate.assets.contains_key(asset.as_str()));
    let gone: Vec<String> = gone.cloned().collect();
    let ledger = setup.ledger()?;
    let (by, now) = (events::by(setup, "client shred"), setup.world.clock.now());
    let erased = ledger.write(|transaction| transaction.erase_reports(client, &gone, (&by, reason), now))?;
    ledger.empty_log()?;
    Ok(erased)
}

/// Files that former attempts left because they hold other things as well. Without the key nobody can tell whether it
/// still stands in them: as long as they are there, they count.
fn still_left(earlier: &[Purge]) -> Vec<KeyLeft> {
    let waits = earlier.iter().flat_map(|purge| &purge.waits).filter(|wait| wait.location.is_none());
    let mut left: Vec<KeyLeft> = waits.filter_map(|wait| KeyLeft::read(&wait.reason)).collect();
    left.retain(|left| left.path.symlink_metadata().is_ok());
    left.sort_by(|one, other| one.path.cmp(&other.path));
    left.dedup_by(|one, other| one.path == other.path);
    left
}

fn refused(message: String) -> Error {
    Error::new(Ending::Refused, message)
}

/// A client with an asset in the estate has not left.
pub(crate) fn refuse_living(setup: &Setup, request: &ShredRequest) -> Result<()> {
    let client = request.client.as_str();
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
        has_points_in(asset, client) || asset.client.as_ref().is_some_and(|c| c.as_str() == client)
    });
    if let Some((name, _)) = living {
        return Err(refused(format!("nothing was shredded: {name} of {client} is still in estate.toml"))
            .hint("remove its assets from estate.toml once the client has left"));
    }
    Ok(())
}

fn refuse_held(setup: &Setup, client: &str, known: &Known) -> Result<()> {
    let assets: BTreeSet<&str> = known.points.values().filter_map(|point| point.asset.as_deref()).collect();
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

/// Writes down what is going to happen.
fn begin(setup: &Setup, request: &ShredRequest, by: &str, known: &Known) -> Result<String> {
    let now = setup.world.clock.now();
    let ledger = setup.ledger()?;
    let purge = NewPurge {
        kind: PurgeKind::Shred,
        by: by.to_owned(),
        policy_version: ledger.read().policy_in_force(now)?.map(|version| version.number),
        client: Some(request.client.clone()),
        reason: Some(request.reason.clone()),
        export_offered: Some(request.export_offered),
    };
    let decided = known.points.iter().map(|(id, point)| DecidedPoint {
        point: id.clone(),
        asset: point.asset.clone(),
        instant: point.instant,
        reason: format!("the client left: {}", request.reason),
    });
    let decided: Vec<DecidedPoint> = decided.collect();
    Ok(ledger.write(|transaction| {
        let id = transaction.begin_purge(purge, now)?;
        transaction.decide_purge(&id, &request.client, decided, now)?;
        Ok(id)
    })?)
}

fn wait(client: &str, at: &Shredded) -> Option<PurgeWait> {
    Some(PurgeWait {
        repository: client.to_owned(),
        location: Some(at.location.clone()),
        points: 0,
        reason: at.failure.clone()?,
        locked_until: at.locked.filter(|_| at.is_only_locked).map(|locked| locked.until),
    })
}

#[cfg(test)]
mod tests;
