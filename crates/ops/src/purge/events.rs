//! What a purge writes into the ledger: that it begins, what it decided, and how far it came.

use std::collections::BTreeSet;

use holdfast_ledger::{DecidedPoint, NewAlarm, NewPurge, PurgeState, PurgeWait};
use jiff::{SignedDuration, Timestamp};

use super::{Decision, RepositoryPurge};
use crate::error::Result;
use crate::known_points;
use crate::setup::Setup;

/// Who purges: the command, the user and the machine.
pub(crate) fn by(setup: &Setup, what: &str) -> String {
    let environment = &setup.world.environment;
    format!(
        "{what}, process {} of {} on {}",
        environment.pid(),
        environment.user_name(),
        environment.hostname()
    )
}

/// Writes down that a purge begins. Without the ledger there is none.
pub(super) fn begin(setup: &Setup) -> Result<String> {
    let now = setup.world.clock.now();
    let ledger = setup.ledger()?;
    let version = ledger.read().policy_in_force(now)?.map(|version| version.number);
    let purge = NewPurge::retention(&by(setup, "purge"), version);
    Ok(ledger.write(|transaction| transaction.begin_purge(purge, now))?)
}

/// Writes down which points of a repository go, before any does.
pub(super) fn decided(setup: &Setup, purge: &str, repository: &str, decisions: &[Decision]) -> Result<()> {
    let going = decisions.iter().filter(|decision| decision.verdict == "expire");
    let points: Vec<DecidedPoint> = going
        .map(|decision| DecidedPoint {
            point: decision.point.clone(),
            asset: Some(decision.asset.clone()),
            instant: decision.time,
            reason: decision.reason.clone(),
        })
        .collect();
    if points.is_empty() {
        return Ok(());
    }
    let now = setup.world.clock.now();
    Ok(setup.ledger()?.write(|transaction| transaction.decide_purge(purge, repository, points, now))?)
}

/// Tells people; the same not twice within a day, however often a purge is tried.
pub(super) fn alarm(setup: &Setup, alarm: NewAlarm) -> Result<()> {
    let (ledger, now) = (setup.ledger()?, setup.world.clock.now());
    let since = now.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
    // One that was raised in this very moment counts.
    let until = now.saturating_add(SignedDuration::from_secs(1)).unwrap_or(Timestamp::MAX);
    if ledger.read().alarms_between(since, until)?.iter().any(|told| told.alarm == alarm) {
        return Ok(());
    }
    setup.say(&format!("ALARM: {}", alarm.message));
    Ok(ledger.write(|transaction| transaction.raise(alarm, now))?)
}

/// Writes down how far a purge came, and completes the earlier ones of which nothing waits any more.
pub(super) fn end(setup: &Setup, purge: &str, repositories: &[RepositoryPurge]) -> Result<()> {
    let mut waits = Vec::new();
    for one in repositories {
        let wait = |location: Option<&String>, points, reason: &str| PurgeWait {
            repository: one.repository.clone(),
            location: location.cloned(),
            points,
            reason: reason.to_owned(),
            locked_until: None,
        };
        if let Some(error) = &one.error {
            waits.push(wait(None, one.waiting as u64, error));
        }
        for (location, points) in &one.waiting_at {
            waits.push(wait(Some(location), *points, one.why(location)));
        }
        for (location, exempt) in one.exempt_at.iter().filter(|(_, exempt)| exempt.points > 0) {
            let locked_until = Some(exempt.locked.until);
            waits.push(PurgeWait {
                locked_until,
                ..wait(Some(location), exempt.points, &exempt.locked.words())
            });
        }
    }
    let state = if waits.is_empty() { PurgeState::Done } else { PurgeState::Waiting };
    let ledger = setup.ledger()?;
    let mut others = Vec::new();
    for other in ledger.read().purges_open()?.into_iter().filter(|other| other.id != purge) {
        if other.purge.client.is_none()
            && let Some(state) = what_became_of(setup, &other.id, repositories)?
        {
            others.push((other.id, state));
        }
    }
    let now = setup.world.clock.now();
    Ok(ledger.write(|transaction| {
        others.iter().try_for_each(|(id, state)| transaction.end_purge(id, *state, Vec::new(), now))?;
        transaction.end_purge(purge, state, waits, now)
    })?)
}

/// What became of an earlier purge; none while something of it waits.
fn what_became_of(
    setup: &Setup,
    purge: &str,
    repositories: &[RepositoryPurge],
) -> Result<Option<PurgeState>> {
    let points = setup.ledger()?.read().points_of_purge(purge)?;
    let names: BTreeSet<&String> = points.iter().map(|point| &point.repository).collect();
    let mut state = PurgeState::Done;
    for name in names {
        if repositories.iter().any(|one| one.repository == *name && one.error.is_some()) {
            return Ok(None);
        }
        let known = known_points::load(&setup.places.state, name)?.unwrap_or_default();
        for point in points.iter().filter(|point| point.repository == *name) {
            match known.points.get(&point.decided.point) {
                None => {}
                Some(left) if left.purge.is_some() => return Ok(None),
                // It is kept after all.
                Some(_) => state = PurgeState::Dropped,
            }
        }
    }
    Ok(Some(state))
}
