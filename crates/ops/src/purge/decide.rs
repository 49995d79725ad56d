//! Which points of an asset are past their retention.
//!
//! The decision is `model::retention`'s. Here is what it may rest on: what the ledger recorded, and of everything else no
//! more than since when we have seen it. Whoever can write into a repository chooses tags and times of what he puts there.

use std::collections::BTreeMap;

use holdfast_format::{Id, Snapshot};
use holdfast_ledger::Point;
use holdfast_model::retention::{
    self, Action, ClockEvidence, Hold, Origin, PointAge, RetentionRule, Safeguards,
};
use holdfast_model::{Class, Dataset, Policy};
use holdfast_repo::{Monitor, Trouble, TroubleKind};
use jiff::Timestamp;

use super::Decision;
use super::owners::{self, Owner};
use crate::error::{Error, Result};
use crate::known_points::KnownPoints;
use crate::points::{Found, Goodness};
use crate::serve::versions::Versions;
use crate::setup::Setup;
use crate::{clock_reading, hold, journal, part, source_size};

/// What a decision is made from.
pub(super) struct Given<'a> {
    pub(super) setup: &'a Setup,
    pub(super) found: &'a Found,
    pub(super) clock: &'a ClockEvidence,
    pub(super) promised: &'a Result<Promised>,
    pub(super) monitor: &'a dyn Monitor,
}

impl Given<'_> {
    /// Decides on every point of a repository that anybody owns; returns those that go.
    pub(super) fn decide(
        &self,
        repository: &str,
        known: &mut KnownPoints,
        decisions: &mut Vec<Decision>,
    ) -> Result<Vec<Id>> {
        let owners = owners::of(self.setup, repository, &self.found.snapshots)?;
        owners::note(&owners, known, self.clock);
        let mut expired = Vec::new();
        for owner in &owners {
            if !self.found.snapshots.iter().any(|(_, snapshot)| owner.owns(snapshot)) {
                continue;
            }
            let recorded = journal::points_of(self.setup, &owner.name)?;
            for dataset in owner.class.datasets() {
                let part = (owner, *dataset);
                expired.extend(self.decide_on(part, &recorded, repository, known, decisions)?);
            }
            for companion in owner.class.companions() {
                expired.extend(self.decide_on_log((owner, *companion), repository, known, decisions)?);
            }
        }
        Ok(expired)
    }

    fn decide_on(
        &self,
        (owner, dataset): (&Owner<'_>, Dataset),
        recorded: &BTreeMap<String, Point>,
        repository: &str,
        known: &mut KnownPoints,
        decisions: &mut Vec<Decision>,
    ) -> Result<Vec<Id>> {
        let (setup, found) = (self.setup, self.found);
        let asset_name = owner.name.as_str();
        let belongs = |(id, snapshot): &&(Id, Snapshot)| {
            let is_of_part =
                || dataset == part::dataset_of(owner.class, recorded.get(&id.to_hex()), Some(snapshot));
            owner.owns(snapshot) && is_of_part()
        };
        let own: Vec<&(Id, Snapshot)> = found.snapshots.iter().filter(belongs).collect();
        if own.is_empty() {
            return Ok(Vec::new());
        }
        let promised = self.promised.as_ref().map_err(Error::clone)?;
        let (rule, minima) = promised.rule(setup, (owner.class, dataset))?;
        let size = source_size::load(setup, &part::key(asset_name, dataset))?;
        let safeguards = Safeguards {
            minima,
            holds: hold::standing_in(setup, asset_name, repository)?.into_iter().map(held).collect(),
            is_suspect: size.is_some_and(|size| size.suspect_since.is_some()),
            is_given_up: owner.is_given_up(known, &rule, self.clock),
        };
        let ids: BTreeMap<String, (Id, Timestamp)> =
            own.iter().map(|(id, snapshot)| (id.to_hex(), (*id, snapshot.time))).collect();
        let ages = self.ages(repository, &own, recorded, known)?;
        let decided = retention::expired(&ages, &rule, &safeguards, self.clock)
            .map_err(|refusal| clock_reading::refused(asset_name, &refusal))?;
        self.tell_strange(asset_name, &ages, &rule);
        self.tell_undated(asset_name, &own, recorded);
        if found.unasked.is_empty() {
            self.give_up_missing((owner, dataset), recorded, &rule, &safeguards, known);
        }
        let mut expired = Vec::new();
        for decision in decided {
            let Some((id, time)) = ids.get(&decision.point.id).copied() else { continue };
            let verdict = match decision.action {
                Action::Keep => "keep",
                Action::Exempt => "exempt",
                Action::Expire { .. } => {
                    expired.push(id);
                    "expire"
                }
            };
            decisions.push(Decision {
                asset: asset_name.to_owned(),
                point: decision.point.id,
                time,
                verdict,
                reason: decision.reason,
                origin: match decision.point.origin {
                    Origin::Recorded => "recorded",
                    Origin::Foreign { .. } => "foreign",
                },
            });
        }
        Ok(expired)
    }

    /// Somebody's points, as far as their age matters: those of ours as the ledger has them.
    fn ages(
        &self,
        repository: &str,
        own: &[&(Id, Snapshot)],
        recorded: &BTreeMap<String, Point>,
        known: &KnownPoints,
    ) -> Result<Vec<PointAge>> {
        let ours: Vec<&(Id, Snapshot)> =
            own.iter().copied().filter(|(id, _)| recorded.contains_key(&id.to_hex())).collect();
        // Asked of ours alone: what was read of others must not make ours look worse.
        let goodness = Goodness::of(self.setup, repository, &self.found.catalog, &ours)?;
        let age = |(id, snapshot): &&(Id, Snapshot)| {
            let hex = id.to_hex();
            match recorded.get(&hex) {
                Some(point) => PointAge {
                    time: self.since(known, point),
                    origin: Origin::Recorded,
                    is_good: goodness.is_good(id),
                    id: hex,
                },
                None => PointAge {
                    time: snapshot.time,
                    origin: self.foreign(known, &hex),
                    is_good: false,
                    id: hex,
                },
            }
        };
        Ok(own.iter().map(age).collect())
    }

    /// Since when one of ours counts: since its instant, unless the clock was wrong then.
    fn since(&self, known: &KnownPoints, point: &Point) -> Timestamp {
        if self.is_dated(point) {
            point.instant
        } else {
            known.first_seen(&point.id).unwrap_or(self.clock.now)
        }
    }

    fn is_dated(&self, point: &Point) -> bool {
        !point.is_undated && !self.clock.is_future(point.instant)
    }

    fn foreign(&self, known: &KnownPoints, id: &str) -> Origin {
        Origin::Foreign { first_seen: known.first_seen(id).unwrap_or(self.clock.now) }
    }

    /// What no run of ours recorded is said, and what claims to be from the future is wrong in any case.
    fn tell_strange(&self, asset: &str, ages: &[PointAge], rule: &RetentionRule) {
        let foreign = |age: &&PointAge| age.origin != Origin::Recorded;
        let future = |age: &&PointAge| self.clock.is_future(age.time);
        let tell = |kind, ages: Vec<&PointAge>, what: String| {
            let Some(first) = ages.first() else { return };
            let points =
                if ages.len() == 1 { "1 point".to_owned() } else { format!("{} points", ages.len()) };
            let example = first.id.get(..8).unwrap_or_default();
            self.monitor.trouble(Trouble::new(kind, asset, format!("{points} ({example}…) {what}")));
        };
        let all = || ages.iter().filter(foreign);
        tell(
            TroubleKind::Notice,
            all().collect(),
            format!(
                "that no run of ours recorded: foreign, neither good nor newest, and gone {} days after being first seen",
                rule.max_days
            ),
        );
        tell(
            TroubleKind::Warning,
            all().filter(future).collect(),
            "foreign, and claiming to be of a time that is to come".to_owned(),
        );
    }

    /// Points of ours whose instants say nothing.
    fn tell_undated(&self, asset: &str, own: &[&(Id, Snapshot)], recorded: &BTreeMap<String, Point>) {
        let ours = own.iter().filter_map(|(id, _)| recorded.get(&id.to_hex()));
        let undated: Vec<&Point> = ours.filter(|point| !self.is_dated(point)).collect();
        let Some(first) = undated.first() else { return };
        let count =
            if undated.len() == 1 { "1 point".to_owned() } else { format!("{} points", undated.len()) };
        let message = format!(
            "{count} ({}…, of {}) recorded while the clock was wrong: the age counts from when it was first seen by one that \
             can be right",
            first.id.get(..8).unwrap_or_default(),
            first.instant
        );
        self.monitor.trouble(Trouble::new(TroubleKind::Notice, asset, message));
    }

    /// A missing point that would be past its retention by now is no longer missed.
    fn give_up_missing(
        &self,
        (owner, dataset): (&Owner<'_>, Dataset),
        recorded: &BTreeMap<String, Point>,
        rule: &RetentionRule,
        safeguards: &Safeguards,
        known: &mut KnownPoints,
    ) {
        let listed = self.found.catalog.snapshots.keys().map(Id::to_hex).collect();
        let missing = known.missing(&listed).into_iter().filter(|missing| {
            let of = part::dataset_of(owner.class, recorded.get(&missing.point), None);
            missing.asset.as_deref() == Some(&owner.name) && of == dataset
        });
        for missing in missing.collect::<Vec<_>>() {
            let (origin, time) = match recorded.get(&missing.point) {
                Some(point) => (Origin::Recorded, self.since(known, point)),
                None => (self.foreign(known, &missing.point), missing.time),
            };
            let age = PointAge { id: missing.point, time, origin, is_good: false };
            if retention::is_past(&age, rule, safeguards, self.clock) {
                known.points.remove(&age.id);
            }
        }
    }
}

/// A hold, as decisions have it.
fn held(hold: holdfast_ledger::Hold) -> Hold {
    let holdfast_ledger::NewHold { owner, reason, review_on, .. } = hold.hold;
    Hold { owner, reason, review_on }
}

/// What was promised: the versions of the policy in the ledger, where there is one. Read once for all assets.
pub(crate) struct Promised(Option<Versions>);

impl Promised {
    pub(crate) fn load(setup: &Setup) -> Result<Promised> {
        let reader = journal::reader(&setup.places.state)?;
        Ok(Promised(reader.map(|reader| Versions::load(&reader)).transpose()?))
    }

    /// The rule in force, and the minima of every version that was. An edited file is no version of the policy: it counts
    /// only where none is in force.
    pub(crate) fn rule(
        &self,
        setup: &Setup,
        (class, dataset): (Class, Dataset),
    ) -> Result<(RetentionRule, Vec<retention::PastMinimum>)> {
        let rule = self.in_force(setup).schedule_of(class, dataset).ok_or_else(|| {
            Error::usage(format!("the policy has no schedule, and so no retention, for the class {class}"))
        })?;
        let minima = self.0.as_ref().map_or_else(Vec::new, |versions| versions.minima((class, dataset)));
        Ok((rule.value.retention, minima))
    }

    /// How long anything may stay at most by any version that ever was in force, in days: what was made under an earlier one
    /// was locked by that.
    pub(super) fn days_max(&self, setup: &Setup) -> u32 {
        let versions = self.0.as_ref().map(Versions::every).into_iter().flatten();
        let policies = versions.chain([self.in_force(setup)]);
        let rules = policies.flat_map(|policy| {
            Class::parts().filter_map(|(class, dataset)| policy.schedule_of(class, dataset))
        });
        rules.map(|rule| rule.value.retention.max_days).max().unwrap_or(0)
    }

    /// The policy in force.
    pub(super) fn in_force<'p>(&'p self, setup: &'p Setup) -> &'p Policy {
        let version = self.0.as_ref().and_then(|versions| versions.in_force(setup.world.clock.now()));
        version.map_or(&setup.policy, |(_, version)| &version.policy)
    }
}

mod logs;

#[cfg(test)]
mod tests;
