//! Applies retention: forgets points beyond their age, then removes what no point needs, at every location.

use std::collections::BTreeMap;

use holdfast_format::Id;
use holdfast_model::Dataset;
use holdfast_model::retention::{self, Action, ClockEvidence, PointAge};
use holdfast_repo::{Progress, PruneOptions, Trouble, TroubleKind, Troubles};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::points::{self, Goodness};
use crate::record;
use crate::setup::Setup;

/// A longer pause since the last backup is taken for a jump of the clock.
const PAUSE_DAYS_MAX: u32 = 60;

/// The part of a run's record that tells when holdfast last ran.
#[derive(Deserialize)]
struct RunTime {
    time: Option<Timestamp>,
}

/// What a purge decided and did.
#[derive(Debug, Serialize)]
pub struct PurgeReport {
    /// Every point, with its verdict.
    pub decisions: Vec<Decision>,
    /// What was removed from each repository; a plan only, for a dry run.
    pub repositories: Vec<RepositoryPurge>,
    /// What went wrong on the way.
    pub troubles: Vec<Trouble>,
    /// How it ended.
    pub ending: Ending,
}

/// The verdict on one point.
#[derive(Debug, Serialize)]
pub struct Decision {
    /// The asset.
    pub asset: String,
    /// The point.
    pub point: String,
    /// The instant that it stands for.
    pub time: Timestamp,
    /// `keep`, `exempt` or `expire`.
    pub verdict: &'static str,
    /// Why.
    pub reason: String,
}

/// What happened to one repository.
#[derive(Debug, Serialize)]
pub struct RepositoryPurge {
    /// The repository.
    pub repository: String,
    /// Points forgotten.
    pub forgotten: usize,
    /// The prune.
    pub prune: serde_json::Value,
    /// Why it was not done.
    pub error: Option<String>,
}

/// Applies the policy's retention to every asset; with `dry_run` only tells.
pub fn purge(setup: &Setup, dry_run: bool, progress: &Progress) -> Result<PurgeReport> {
    let troubles = Troubles::default();
    let clock = ClockEvidence {
        now: setup.world.clock.now(),
        last_run: last_run(setup)?,
        pause_days_max: PAUSE_DAYS_MAX,
    };
    let mut report = PurgeReport {
        decisions: Vec::new(),
        repositories: Vec::new(),
        troubles: Vec::new(),
        ending: Ending::Done,
    };
    for (repository, assets) in setup.repositories() {
        if setup.ring.get(&repository)?.is_none() {
            continue;
        }
        let mut expired = Vec::new();
        let outcome = assets.iter().try_for_each(|asset| {
            expired.extend(decide(setup, asset, &clock, &troubles, &mut report.decisions)?);
            Ok(())
        });
        let purged =
            outcome.and_then(|()| carry_out(setup, &repository, &expired, dry_run, &troubles, progress));
        let (prune, error) = match purged {
            Ok(prune) => (prune, None),
            Err(error) => {
                report.ending = report.ending.and(error.ending);
                (serde_json::Value::Null, Some(error.message))
            }
        };
        report.repositories.push(RepositoryPurge { repository, forgotten: expired.len(), prune, error });
    }
    report.troubles = troubles.list();
    if report.troubles.iter().any(|t| t.kind != TroubleKind::Notice) {
        report.ending = report.ending.and(Ending::Attention);
    }
    if troubles.count(TroubleKind::Damage) > 0 {
        report.ending = report.ending.and(Ending::Damage);
    }
    Ok(report)
}

/// When a point of any asset was last made. A record that cannot be read stops the purge: without it a clock that jumped
/// ahead would look like time that passed.
fn last_run(setup: &Setup) -> Result<Option<Timestamp>> {
    let mut newest = None;
    for asset in setup.estate.assets.keys() {
        let run: Option<RunTime> = record::one(&setup.places.state, "runs", asset.as_ref())?;
        newest = newest.max(run.and_then(|run| run.time));
    }
    Ok(newest)
}

/// Decides on every point of an asset; returns those that go.
fn decide(
    setup: &Setup,
    asset_name: &str,
    clock: &ClockEvidence,
    troubles: &Troubles,
    decisions: &mut Vec<Decision>,
) -> Result<Vec<Id>> {
    let asset = setup.asset(asset_name)?;
    let class = asset.class();
    let rule = setup.policy.schedule_of(class, Dataset::Site).ok_or_else(|| {
        Error::usage(format!("policy.toml has no schedule, and so no retention, for the class {class}"))
    })?;
    let found = points::find(setup, asset_name, None, troubles)?;
    let times: BTreeMap<String, (Id, Timestamp)> =
        found.snapshots.iter().map(|(id, s)| (id.to_hex(), (*id, s.time))).collect();
    let goodness = Goodness::of(setup, asset, &found)?;
    let ages = times.iter().map(|(hex, (id, time))| PointAge {
        is_good: goodness.is_good(id),
        id: hex.clone(),
        time: *time,
    });
    let ages: Vec<PointAge> = ages.collect();
    let decided = retention::expired(&ages, &rule.value.retention, clock)
        .map_err(|refusal| Error::new(Ending::Refused, format!("{asset_name}: {refusal}")))?;
    let mut expired = Vec::new();
    for decision in decided {
        let Some((id, time)) = times.get(&decision.point.id) else { continue };
        let verdict = match decision.action {
            Action::Keep => "keep",
            Action::Exempt => "exempt",
            Action::Expire { .. } => {
                expired.push(*id);
                "expire"
            }
        };
        decisions.push(Decision {
            asset: asset_name.to_owned(),
            point: decision.point.id,
            time: *time,
            verdict,
            reason: decision.reason,
        });
    }
    Ok(expired)
}

fn carry_out(
    setup: &Setup,
    repository: &str,
    expired: &[Id],
    dry_run: bool,
    troubles: &Troubles,
    progress: &Progress,
) -> Result<serde_json::Value> {
    let opened = setup.open(repository, None)?;
    let cancel = setup.cancel();
    let options = PruneOptions::default();
    let to_json = |e: serde_json::Error| Error::not_done(e.to_string());
    if dry_run {
        let plan = opened.plan_prune(expired, &options, troubles, &cancel)?;
        return serde_json::to_value(serde_json::json!({ "plan": plan })).map_err(to_json);
    }
    if !expired.is_empty() {
        opened.forget(expired, troubles, progress, &cancel)?;
    }
    let pruned = opened.prune(&options, troubles, progress, &cancel)?;
    serde_json::to_value(pruned).map_err(to_json)
}
