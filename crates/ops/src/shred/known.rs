//! What is known of a client before anything of it is deleted, and whether it is past the minimum.
//!
//! Whoever can write into the repository chooses times and tags of what he puts there, and whoever can edit policy.toml
//! chooses what it says. So the age of a point is what the ledger recorded, or since when we have seen it; the minimum is
//! that of the versions in the ledger, and a clock that cannot be right tells no age, all as for a purge.

use std::collections::BTreeMap;

use holdfast_ledger::Reader;
use holdfast_model::retention::{self, ClockEvidence, PastMinimum};
use holdfast_model::{Class, Dataset, Policy};
use holdfast_repo::Troubles;
use jiff::Timestamp;

use super::proof::Samples;
use super::refused;
use crate::error::Result;
use crate::serve::versions::Versions;
use crate::setup::Setup;
use crate::{known_points, points};

/// What is known of the client before anything is deleted.
#[derive(Default)]
pub(super) struct Known {
    /// Its points, by id.
    pub(super) points: BTreeMap<String, KnownPoint>,
    pub(super) samples: Samples,
}

/// One of its points.
pub(super) struct KnownPoint {
    pub(super) asset: Option<String>,
    /// The instant that it stands for.
    pub(super) instant: Timestamp,
    /// From when its age counts.
    since: Timestamp,
}

/// What the locations, and the records for those that cannot be asked, know of the client.
pub(super) fn look(setup: &Setup, client: &str, clock: &ClockEvidence) -> Result<Known> {
    let opened = setup.open(client, None)?;
    let mut known = Known { samples: Samples::of(setup, client, &opened)?, ..Known::default() };
    let now = clock.now;
    let mut seen = known_points::load(&setup.places.state, client)?.unwrap_or_default();
    let found = points::look(opened, &Troubles::default())?;
    for (id, snapshot) in &found.snapshots {
        seen.note(id, snapshot, Some(now));
    }
    seen.points.values_mut().for_each(|point| {
        point.first_seen.get_or_insert(now);
    });
    // No backup looks at this client any more: what is not written down now would be new at every attempt.
    known_points::keep(&setup.places.state, client, &seen)?;
    let ledger = setup.ledger()?.read();
    for (id, point) in seen.points {
        let known_point = match ledger.point(&id)? {
            Some(ours) => {
                let is_dated = !ours.is_undated && !clock.is_future(ours.instant);
                let since = if is_dated { ours.instant } else { point.first_seen.unwrap_or(now) };
                KnownPoint { asset: Some(ours.asset), instant: ours.instant, since }
            }
            None => {
                KnownPoint { asset: point.asset, instant: point.time, since: point.first_seen.unwrap_or(now) }
            }
        };
        known.points.insert(id, known_point);
    }
    Ok(known)
}

/// What former attempts wrote down: the key is gone, and no point opens any more.
pub(super) fn recorded(setup: &Setup, earlier: &[String]) -> Result<Known> {
    let mut known = Known::default();
    for purge in earlier {
        for point in setup.ledger()?.read().points_of_purge(purge)? {
            let decided = point.decided;
            let (instant, since) = (decided.instant, decided.instant);
            known.points.insert(decided.point, KnownPoint { asset: decided.asset, instant, since });
        }
    }
    Ok(known)
}

/// A point that is younger than the longest minimum that was promised while it lay there keeps its client.
pub(super) fn refuse_young(setup: &Setup, client: &str, known: &Known, clock: &ClockEvidence) -> Result<()> {
    let now = clock.now;
    let minima = Minima::of(setup, setup.ledger()?.read(), now)?;
    let young = known.points.values().filter_map(|point| {
        let days = minima.days(point.since, now);
        let age = clock.proven(point.since);
        (age <= retention::days_of(days)).then_some((age, days))
    });
    let Some((age, days)) = young.min() else { return Ok(()) };
    Err(refused(format!(
        "nothing was shredded: the youngest point of {client} is {} days old, and the policy promises {days}; \
         nothing below the minimum is deleted by one person: that takes the signatures of two",
        age.as_hours() / 24,
    ))
    .hint("wait until then; signatures of registered persons are not built yet"))
}

/// What lies in the repository of a client: every other class has one for each asset.
const CLIENTS: (Class, Dataset) = (Class::Website, Dataset::Site);

/// What the policy promises at least.
struct Minima {
    in_force: u32,
    past: Vec<PastMinimum>,
}

impl Minima {
    fn of(setup: &Setup, reader: &Reader, now: Timestamp) -> Result<Minima> {
        let versions = Versions::load(reader)?;
        // An edited file is no version: it counts only where none is in force, beside the one that is to come.
        let policies: Vec<&Policy> = match versions.in_force(now) {
            Some((_, version)) => vec![&version.policy],
            None => versions.first().map(|first| &first.policy).into_iter().chain([&setup.policy]).collect(),
        };
        let rules = policies.iter().filter_map(|policy| policy.schedule_of(CLIENTS.0, CLIENTS.1));
        Ok(Minima {
            in_force: rules.map(|rule| rule.value.retention.min_days).max().unwrap_or(u32::MAX),
            past: versions.minima(CLIENTS),
        })
    }

    /// The longest that was in force since an instant.
    fn days(&self, since: Timestamp, now: Timestamp) -> u32 {
        retention::days_min(&self.past, self.in_force, since, now)
    }
}
