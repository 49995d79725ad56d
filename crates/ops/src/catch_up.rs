//! Brings locations that were away what they are owed, as soon as they answer.
//!
//! Left to the next run of its asset, a point lies in one place fewer than the policy says for a day or a week, and one whose
//! asset left the estate does so for ever. Which locations are behind stands in the ledger alone: those at which the point of a
//! repository that was recorded last was never seen. What is brought counts as what is read back of it there, as with a run.

use holdfast_ledger::{Point, Reader};
use holdfast_repo::{CaughtUp, LocationState, MirrorState, Progress, ReadBack, Trouble, Troubles};

use crate::error::Result;
use crate::evidence;
use crate::journal;
use crate::object_lock;
use crate::setup::Setup;

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
    /// By location: how many points, and how many bytes.
    pub(crate) brought: Vec<(String, usize, u64)>,
    /// Damage that was met while it was read back, in words.
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
            // What arrived damaged is not owed: a repair has to replace it.
            let evidence = evidence::load(setup, &point.repository)?;
            let is_damaged = |location: &String| {
                let known = evidence.get(location).and_then(|evidence| evidence.points.get(&point.id));
                known.is_some_and(|point| point.damaged.is_some())
            };
            locations.retain(|location| !is_damaged(location));
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
    let _turn = setup.turn(name)?;
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
    object_lock::raise(setup, name, &repository, &troubles)?;
    keep(setup, behind, &caught_up)?;
    let problems = |read: &ReadBack| {
        let place = read.location.clone();
        let words = read.problems.iter().filter(|problem| !problem.is_notice());
        words.map(move |p| format!("{} at {place}: {}", p.object, p.message)).collect::<Vec<String>>()
    };
    let is_damaged = |read: &&ReadBack| read.state == LocationState::Damaged;
    let owed = caught_up.deliveries.iter().filter(|one| one.owed > 0 || one.failure.is_some());
    let why =
        |reason: &Option<String>| reason.clone().unwrap_or_else(|| "it did not take everything".to_owned());
    Ok(Caught {
        brought: caught_up
            .read_back
            .iter()
            .map(|read| (read.location.clone(), read.points.len(), bytes_to(&caught_up, &read.location)))
            .collect(),
        damage: caught_up.read_back.iter().filter(is_damaged).flat_map(problems).collect(),
        still_owed: owed.map(|one| format!("{}: {}", one.location, why(&one.failure))).collect(),
        troubles: troubles.list(),
    })
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
            let Some(last) = arrived.last() else { continue };
            // What is found of older ones stands beside it, as when the next run brings them.
            let run = ledger.read().run_that_made(&last.asset, &last.id)?;
            if let Some(run) = run {
                let one = std::iter::once(read);
                for check in evidence::checks_of_run(&behind.repository, &run, &last.id, one) {
                    transaction.record_check(check, now)?;
                }
            }
            for point in arrived.iter().filter(|point| is_whole(read, point)) {
                transaction.see_copy(&point.id, &read.location, now)?;
            }
        }
        // Listed there already, as after a repair.
        let was_read = |location: &str| caught_up.read_back.iter().any(|read| read.location == location);
        for delivery in &caught_up.deliveries {
            let is_owed = delivery.owed > 0 || delivery.failure.is_some();
            if !is_owed && behind.locations.contains(&delivery.location) && !was_read(&delivery.location) {
                transaction.see_copy(&behind.newest, &delivery.location, now)?;
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

/// Whether nothing was found of a point where it arrived. What could not all be read back speaks for none.
fn is_whole(read: &ReadBack, point: &Point) -> bool {
    let touches = |id: &holdfast_format::Id| id.to_hex() == point.id;
    let is_touched = read.problems.iter().any(|problem| problem.points.iter().any(touches));
    !is_touched && !matches!(read.state, LocationState::Unusable(_))
}
