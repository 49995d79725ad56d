//! Object locks: what is promised for which point, and what a location's word on it is worth.
//!
//! The estate says that a location shall lock. Only `location test` shows whether it does, so until that was proven, and
//! again once it was long ago or at another address, nothing there is called locked. A point's lock is reckoned from what
//! our runs recorded: a snapshot that somebody else put there chooses its own time, and would lock data for as long as it
//! likes; and from a clock that nobody doubts, because what was locked by a wrong one cannot be taken back. A point whose
//! instant says nothing about its age, or is to come, asks for no lock, and none outlives today's maximum.

use std::collections::BTreeMap;

use holdfast_format::{Id, Snapshot};
use holdfast_location::{Finding, LOCK_TOPICS, Verdict};
use holdfast_model::Dataset;
use holdfast_model::retention::{RetentionRule, lock_until};
use holdfast_repo::{LockPlan, Monitor, Repository, StillLocked, Trouble, TroubleKind};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::purge::Promised;
use crate::setup::Setup;
use crate::{clock_reading, following, journal, record};

/// A proof that is older says little: policies of buckets and accounts are edited.
const PROOF_MAX: SignedDuration = SignedDuration::from_hours(24 * 92);

const KIND: &str = "object-lock";

/// The last trial of a location's lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Trial {
    time: Timestamp,
    /// What was tried: another address or mode is another lock.
    url: String,
    mode: String,
    /// Why it proved nothing; none where it proved the lock.
    failure: Option<String>,
}

/// What the lock of a location is worth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Worth {
    /// `location test` proved it then.
    Proven(Timestamp),
    /// Nothing shows that it locks, and why.
    Unproven(String),
}

/// What is locked, in sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedSum {
    /// Versions.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the last of the locks is over.
    pub until: Timestamp,
}

impl LockedSum {
    /// The sum of some versions; none of none.
    pub fn of<'a>(locked: impl IntoIterator<Item = &'a StillLocked>) -> Option<LockedSum> {
        locked.into_iter().fold(None, |sum: Option<LockedSum>, one| {
            let sum = sum.unwrap_or(LockedSum { objects: 0, bytes: 0, until: one.until });
            let (objects, bytes, until) =
                (sum.objects + 1, sum.bytes + one.lying.bytes, sum.until.max(one.until));
            Some(LockedSum { objects, bytes, until })
        })
    }

    /// For people.
    pub fn words(&self) -> String {
        let LockedSum { objects, bytes, until } = self;
        let objects = if *objects == 1 { "1 object".to_owned() } else { format!("{objects} objects") };
        format!("{objects} of {bytes} bytes EXEMPT, not purged: lock until {until}")
    }
}

/// Takes what is locked out of the sums of what was deleted, by the folders of the areas: a deletion only hid it.
pub(crate) fn subtract<'a>(
    sums: &mut BTreeMap<&'static str, (u64, u64)>,
    locked: impl IntoIterator<Item = &'a StillLocked>,
) {
    for one in locked {
        if let Some(sum) = one.area().and_then(|area| sums.get_mut(area.folder())) {
            *sum = (sum.0.saturating_sub(1), sum.1.saturating_sub(one.lying.bytes));
        }
    }
}

/// What the lock of the location called `name` is worth; none where the estate says nothing of one.
pub fn worth(setup: &Setup, name: &str) -> Result<Option<Worth>> {
    let Some(location) = setup.estate.locations.get(name) else { return Ok(None) };
    let Some(mode) = &location.object_lock else { return Ok(None) };
    let trial: Option<Trial> = record::one(&setup.places.state, KIND, name)?;
    let Some(trial) = trial else { return Ok(Some(Worth::Unproven("it was never tried".to_owned()))) };
    let time = trial.time;
    let unproven = if let Some(failure) = trial.failure {
        format!("it was tried on {time} and not proven: {failure}")
    } else if trial.url != location.url.value || trial.mode != mode.value.as_str() {
        format!("it was proven on {time} for another address or mode")
    } else if setup.world.clock.now().duration_since(time) > PROOF_MAX {
        format!("it was proven on {time}, which is more than {} days ago", PROOF_MAX.as_hours() / 24)
    } else {
        return Ok(Some(Worth::Proven(time)));
    };
    Ok(Some(Worth::Unproven(unproven)))
}

/// Writes down what a trial showed. One that failed takes back what an earlier one proved.
pub(crate) fn keep(setup: &Setup, name: &str, findings: &[Finding]) -> Result<()> {
    let Some(location) = setup.estate.locations.get(name) else { return Ok(()) };
    let Some(mode) = &location.object_lock else { return Ok(()) };
    let failure =
        LOCK_TOPICS.iter().find_map(|topic| match findings.iter().find(|finding| finding.what == *topic) {
            Some(finding) if finding.outcome == Verdict::Yes => None,
            Some(finding) => Some(finding.tried.clone()),
            None => Some("not everything could be tried".to_owned()),
        });
    let trial = Trial {
        time: setup.world.clock.now(),
        url: location.url.value.clone(),
        mode: mode.value.as_str().to_owned(),
        failure,
    };
    record::keep(&setup.places.state, KIND, name, &trial)
}

/// Until when the points of a repository keep what they refer to.
pub(crate) struct Plan {
    now: Timestamp,
    /// The points that our runs recorded, with the rule in force for them.
    recorded: BTreeMap<String, (Timestamp, RetentionRule)>,
    /// The rule of the part that is being backed up.
    new: Option<RetentionRule>,
}

impl Plan {
    /// For the points of a repository, and one of `part` that is being made; none where no location locks.
    ///
    /// # Errors
    /// When the clock cannot be right, or the ledger or the policy does not say what is promised. Then nothing is locked.
    pub(crate) fn of(setup: &Setup, repository: &str, part: Option<(&str, Dataset)>) -> Result<Option<Plan>> {
        if setup.estate.locations.values().all(|location| location.object_lock.is_none()) {
            return Ok(None);
        }
        let evidence = clock_reading::evidence(setup)?;
        evidence.doubt().map_err(|refusal| Error::not_done(refusal.to_string()))?;
        let promised = Promised::load(setup)?;
        let rule = |(asset, dataset): (&str, Dataset)| {
            let class = setup.asset(asset)?.class();
            promised.rule(setup, (class, dataset.ruled_by())).map(|(rule, _)| rule)
        };
        let mut recorded = BTreeMap::new();
        if let Some(asset) = setup.estate.asset_of_log(repository) {
            let asset = asset.name.as_ref();
            for (id, instant) in following::closing(setup, asset)? {
                recorded.insert(id, (instant, rule((asset, Dataset::Log))?));
            }
            return Ok(Some(Plan { now: evidence.now, recorded, new: part.map(rule).transpose()? }));
        }
        for asset in setup.repositories().remove(repository).unwrap_or_default() {
            let points = journal::points_of(setup, &asset)?.into_iter();
            let dated = points.filter(|(_, point)| !point.is_undated && !evidence.is_future(point.instant));
            for (id, point) in dated {
                let Some(dataset) = Dataset::parse(&point.dataset) else { continue };
                recorded.insert(id, (point.instant, rule((&asset, dataset))?));
            }
        }
        Ok(Some(Plan { now: evidence.now, recorded, new: part.map(rule).transpose()? }))
    }

    /// Whatever a point's instant says: what is locked for longer than the maximum from now on cannot be taken back.
    fn until(&self, made: Timestamp, rule: &RetentionRule) -> Timestamp {
        let latest = self.now.saturating_add(rule.max()).unwrap_or(Timestamp::MAX);
        let latest = Timestamp::from_second(latest.as_second()).unwrap_or(latest);
        lock_until(made, rule).min(latest)
    }
}

impl LockPlan for Plan {
    fn of_new(&self, made: Timestamp) -> Option<Timestamp> {
        self.new.as_ref().map(|rule| self.until(made, rule))
    }

    fn of(&self, id: &Id, _snapshot: &Snapshot) -> Option<Timestamp> {
        let (made, rule) = self.recorded.get(&id.to_hex())?;
        Some(self.until(*made, rule)).filter(|until| *until > self.now)
    }
}

/// Raises the locks that points are owed: what a purge repacked, and what a repair brought. What could not be done is told.
pub(crate) fn raise(setup: &Setup, name: &str, repository: &Repository, monitor: &dyn Monitor) -> Result<()> {
    let raised = Plan::of(setup, name, None).and_then(|plan| match plan {
        Some(plan) => Ok(repository.raise_locks(&plan, monitor, &setup.cancel())?),
        None => Ok(Vec::new()),
    });
    match raised {
        Ok(_) => Ok(()),
        Err(error) if error.ending == Ending::Interrupted => Err(error),
        Err(error) => {
            let message = format!("locks could not be raised: {}", error.message);
            monitor.trouble(Trouble::new(TroubleKind::Warning, name, message));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_lock_outlives_the_maximum_from_now() {
        let rule = RetentionRule { min_days: 30, max_days: 90, grace: Duration::ZERO };
        let now: Timestamp = "2026-11-01T12:34:56.7Z".parse().unwrap();
        let plan = Plan { now, recorded: BTreeMap::new(), new: Some(rule) };
        let until = |made: &str| plan.of_new(made.parse().unwrap()).unwrap().to_string();
        assert_eq!(until("2026-11-01T12:34:57Z"), "2026-12-02T00:00:00Z");
        assert_eq!(until("2036-11-01T12:34:57Z"), "2027-01-30T12:34:56Z");
    }
}
