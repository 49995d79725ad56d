//! Which points of an asset are past their retention.

use std::collections::BTreeMap;

use holdfast_format::{Id, Snapshot};
use holdfast_model::Dataset;
use holdfast_model::retention::{self, Action, ClockEvidence, PointAge};
use jiff::Timestamp;

use super::Decision;
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::known_points::KnownPoints;
use crate::points::{Found, Goodness, belongs};
use crate::setup::Setup;
use crate::{journal, source_size};

/// A longer pause since the last backup is taken for a jump of the clock.
const PAUSE_DAYS_MAX: u32 = 60;

/// What the clock is doubted against: when a point of any asset was last made. A ledger that cannot be read stops the
/// purge: without it a clock that jumped ahead would look like time that passed.
pub(super) fn clock(setup: &Setup) -> Result<ClockEvidence> {
    let last_run = journal::last_made(setup)?;
    Ok(ClockEvidence { now: setup.world.clock.now(), last_run, pause_days_max: PAUSE_DAYS_MAX })
}

/// Decides on every point of an asset; returns those that go.
pub(super) fn decide(
    setup: &Setup,
    asset_name: &str,
    found: &Found,
    clock: &ClockEvidence,
    known: &mut KnownPoints,
    decisions: &mut Vec<Decision>,
) -> Result<Vec<Id>> {
    let asset = setup.asset(asset_name)?;
    let class = asset.class();
    let own: Vec<&(Id, Snapshot)> =
        found.snapshots.iter().filter(|(_, snapshot)| belongs(asset_name, asset, snapshot)).collect();
    if own.is_empty() {
        return Ok(Vec::new());
    }
    let rule = setup.policy.schedule_of(class, Dataset::Site).ok_or_else(|| {
        Error::usage(format!("policy.toml has no schedule, and so no retention, for the class {class}"))
    })?;
    let times: BTreeMap<String, (Id, Timestamp)> =
        own.iter().map(|(id, s)| (id.to_hex(), (*id, s.time))).collect();
    let repository = holdfast_model::estate::repository_name(asset);
    let goodness = Goodness::of(setup, repository.as_str(), &found.catalog, &own)?;
    let ages = times.iter().map(|(hex, (id, time))| PointAge {
        is_good: goodness.is_good(id),
        id: hex.clone(),
        time: *time,
    });
    let ages: Vec<PointAge> = ages.collect();
    let refused =
        |refusal: retention::Refusal| Error::new(Ending::Refused, format!("{asset_name}: {refusal}"));
    let decided = retention::expired(&ages, &rule.value.retention, clock).map_err(refused)?;
    if found.unasked.is_empty() {
        give_up_missing(asset_name, found, &ages, &rule.value.retention, clock, known).map_err(refused)?;
    }
    let is_suspect = source_size::load(setup, asset_name)?.is_some_and(|size| size.suspect_since.is_some());
    let mut expired = Vec::new();
    for decision in decided {
        let Some((id, time)) = times.get(&decision.point.id) else { continue };
        let mut reason = decision.reason;
        let verdict = match decision.action {
            Action::Keep => "keep",
            Action::Exempt => "exempt",
            // The newest point may be of an empty folder; then the old ones are what there is.
            Action::Expire { .. } if is_suspect => {
                reason = format!("exempt: {reason}, but the last backup is suspect");
                "exempt"
            }
            Action::Expire { .. } => {
                expired.push(*id);
                "expire"
            }
        };
        let (asset, point) = (asset_name.to_owned(), decision.point.id);
        decisions.push(Decision { asset, point, time: *time, verdict, reason });
    }
    Ok(expired)
}

/// A missing point that would be past its retention by now is no longer missed.
fn give_up_missing(
    asset_name: &str,
    found: &Found,
    ages: &[PointAge],
    rule: &retention::RetentionRule,
    clock: &ClockEvidence,
    known: &mut KnownPoints,
) -> std::result::Result<(), retention::Refusal> {
    let listed = found.catalog.snapshots.keys().map(Id::to_hex).collect();
    let missing = known.missing(&listed).into_iter().filter(|m| m.asset.as_deref() == Some(asset_name));
    let missing = missing.map(|m| PointAge { id: m.point, time: m.time, is_good: false });
    let all: Vec<PointAge> = ages.iter().cloned().chain(missing).collect();
    for decision in retention::expired(&all, rule, clock)? {
        let is_there = ages.iter().any(|age| age.id == decision.point.id);
        if !is_there && matches!(decision.action, Action::Expire { .. }) {
            known.points.remove(&decision.point.id);
        }
    }
    Ok(())
}
