//! Brings locations that were away what they are owed, as soon as they answer.
//!
//! Left to the next run of its asset, a point lies in one place fewer than the policy says for a day or a week, and one whose
//! asset left the estate does so for ever. Which locations are behind stands in the ledger alone: those at which the point of a
//! repository that was recorded last was never seen. What is brought counts as what is read back of it there, as with a run.

use holdfast_format::Id;
use holdfast_ledger::{Point, Reader};
use holdfast_repo::{
    CaughtUp, Delivery, LocationState, MirrorState, Progress, Read, ReadBack, Trouble, TroubleKind, Troubles,
};

use crate::error::Result;
use crate::evidence;
use crate::journal;
use crate::object_lock;
use crate::setup::Setup;
use crate::verify;

/// A repository of which locations are behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Behind {
    /// The repository.
    pub(crate) repository: String,
    /// The point of it that was recorded last.
    newest: String,
    /// The locations at which that was never seen.
    pub(crate) locations: Vec<String>,
}

/// What was brought to locations that were behind.
#[derive(Debug, Default)]
pub(crate) struct Caught {
    /// By location that has all of it now, read back: how many points, and how many bytes.
    pub(crate) brought: Vec<(String, usize, u64)>,
    /// Damage that was met while it was brought or read back, in words.
    pub(crate) damage: Vec<String>,
    /// Why something is still owed; empty where nothing is.
    pub(crate) still_owed: Vec<String>,
    /// What else went wrong on the way.
    pub(crate) troubles: Vec<Trouble>,
}

/// Every repository with a key of which a location of the estate is behind.
///
/// # Errors
/// When the ledger or the key ring cannot be read.
pub(crate) fn behind(setup: &Setup) -> Result<Vec<Behind>> {
    let Some(reader) = journal::reader(&setup.places.state)? else { return Ok(Vec::new()) };
    let newest = reader.newest_points()?;
    let ids: Vec<&str> = newest.iter().map(|point| point.id.as_str()).collect();
    let copies = reader.copies_of_all(&ids)?;
    let with_key = setup.ring.repositories()?;
    let mut all = Vec::new();
    for point in newest.iter().filter(|point| with_key.contains(&point.repository)) {
        let seen = copies.get(&point.id).map_or(&[][..], Vec::as_slice);
        let never_seen = |name: &&str| !seen.iter().any(|copy| copy.location == **name);
        let mut locations: Vec<String> =
            setup.location_names().filter(never_seen).map(str::to_owned).collect();
        if !locations.is_empty() {
            // What a check found there is not owed, whatever its state: a repair replaces what is damaged.
            let evidence = evidence::load(setup, &point.repository)?;
            let is_found = |location: &String| {
                evidence.get(location).is_some_and(|evidence| evidence.points.contains_key(&point.id))
            };
            locations.retain(|location| !is_found(location));
        }
        if !locations.is_empty() {
            let (repository, newest) = (point.repository.clone(), point.id.clone());
            all.push(Behind { repository, newest, locations });
        }
    }
    Ok(all)
}

/// Brings what is owed of one repository, and writes down what arrived where. None of it where nobody who is behind answers.
///
/// # Errors
/// When the repository cannot be opened, or the ledger not written.
pub(crate) fn catch_up(setup: &Setup, behind: &Behind) -> Result<Caught> {
    let name = behind.repository.as_str();
    let turn = setup.turn(name)?;
    let troubles = Troubles::default();
    let repository = setup.open_for_writing(name)?;
    let mut away = Vec::new();
    for (mirror, state) in repository.states() {
        if behind.locations.iter().any(|location| location == mirror.name())
            && let MirrorState::Unusable { reason, .. } = state
        {
            away.push(format!("{}: {reason}", mirror.name()));
        }
    }
    if away.len() == behind.locations.len() {
        return Ok(Caught { still_owed: away, ..Caught::default() });
    }
    let caught_up = repository.catch_up(&troubles, &Progress::default(), &setup.cancel())?;
    keep(setup, behind, &caught_up)?;
    object_lock::raise(setup, name, &repository, &troubles)?;
    drop((repository, turn));
    let mut still_owed: Vec<String> = Vec::new();
    for one in caught_up.deliveries.iter().filter(|one| !one.is_complete()) {
        let why = one.failure.clone().unwrap_or_else(|| "it did not take everything".to_owned());
        still_owed.push(format!("{}: {why}", one.location));
    }
    still_owed.extend(look_for(setup, behind, &caught_up)?);
    let problems = |read: &ReadBack| {
        let place = read.location.clone();
        let words = read.problems.iter().filter(|problem| !problem.is_notice());
        words.map(move |p| format!("{} at {place}: {}", p.object, p.message)).collect::<Vec<String>>()
    };
    let (damage, troubles): (Vec<Trouble>, Vec<Trouble>) =
        troubles.list().into_iter().partition(|trouble| trouble.kind == TroubleKind::Damage);
    let is_damaged = |read: &&ReadBack| read.state == LocationState::Damaged;
    let found = caught_up.read_back.iter().filter(is_damaged).flat_map(problems);
    let met = damage.into_iter().map(|trouble| format!("{}: {}", trouble.subject, trouble.message));
    let is_complete = |read: &&ReadBack| {
        let mut own = caught_up.deliveries.iter().filter(|delivery| delivery.location == read.location);
        read.state == LocationState::Ok && own.all(Delivery::is_complete)
    };
    let brought = caught_up.read_back.iter().filter(is_complete);
    Ok(Caught {
        brought: brought
            .map(|read| (read.location.clone(), read.points.len(), bytes_to(&caught_up, &read.location)))
            .collect(),
        damage: found.chain(met).collect(),
        still_owed,
        troubles,
    })
}

/// Of locations that nothing was brought to, or not all of it could be read back: what they have of the point, as a look at
/// the structure finds it; whoever does not even list it is owed it by somebody who is away himself.
fn look_for(setup: &Setup, behind: &Behind, caught_up: &CaughtUp) -> Result<Vec<String>> {
    let mut owed = Vec::new();
    let lacking =
        |location: &str| caught_up.deliveries.iter().any(|d| d.location == location && !d.is_complete());
    for location in behind.locations.iter().filter(|location| !lacking(location)) {
        let read = caught_up.read_back.iter().find(|read| read.location == *location);
        let is_newest = |id: &Id| id.to_hex() == behind.newest;
        let listed = caught_up.listed.get(location).is_some_and(|points| points.iter().any(is_newest));
        let arrived = read.is_some_and(|read| read.points.iter().any(is_newest));
        if !listed && !arrived {
            owed.push(format!("{location}: nobody who could be asked has the point"));
        } else if read.is_none_or(|read| read.state != LocationState::Ok) || listed {
            let places = Some(vec![location.clone()]);
            verify::carry_out(
                setup,
                &behind.repository,
                places,
                || Ok(Read::Structure),
                &Progress::default(),
            )?;
        }
    }
    Ok(owed)
}

fn bytes_to(caught_up: &CaughtUp, location: &str) -> u64 {
    let to = caught_up.deliveries.iter().filter(|delivery| delivery.location == location);
    to.map(|delivery| delivery.bytes).sum()
}

/// Writes down what was read back of what arrived, and which points were seen where.
fn keep(setup: &Setup, behind: &Behind, caught_up: &CaughtUp) -> Result<()> {
    let ledger = setup.ledger()?;
    let now = setup.world.clock.now();
    ledger.write(|transaction| {
        for read in &caught_up.read_back {
            let arrived = recorded(ledger.read(), read)?;
            // What is found of others stands beside the newest that a run made, as when the next run brings them.
            for point in arrived.iter().rev() {
                let Some(run) = ledger.read().run_that_made(&point.asset, &point.id)? else { continue };
                let one = std::iter::once(read);
                for check in evidence::checks_of_run(&behind.repository, &run, &point.id, one) {
                    transaction.record_check(check, now)?;
                }
                break;
            }
            if read.state == LocationState::Ok {
                for point in &arrived {
                    transaction.see_copy(&point.id, &read.location, now)?;
                }
            }
        }
        Ok(())
    })?;
    Ok(())
}

/// The points that arrived at a location and that runs of ours recorded, oldest first.
fn recorded(reader: &Reader, read: &ReadBack) -> holdfast_ledger::Result<Vec<Point>> {
    let mut points = Vec::new();
    for id in &read.points {
        points.extend(reader.point(&id.to_hex())?);
    }
    points.sort_by(|a, b| (a.instant, &a.id).cmp(&(b.instant, &b.id)));
    Ok(points)
}
