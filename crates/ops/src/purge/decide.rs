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

use super::Decision;
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::known_points::KnownPoints;
use crate::points::{Found, Goodness, belongs};
use crate::serve::versions::Versions;
use crate::setup::Setup;
use crate::{hold, journal, source_size};

/// What a decision is made from.
pub(super) struct Given<'a> {
    pub(super) setup: &'a Setup,
    pub(super) found: &'a Found,
    pub(super) clock: &'a ClockEvidence,
    pub(super) promised: &'a Result<Promised>,
    pub(super) monitor: &'a dyn Monitor,
}

impl Given<'_> {
    /// Decides on every point of an asset; returns those that go.
    pub(super) fn decide(
        &self,
        asset_name: &str,
        known: &mut KnownPoints,
        decisions: &mut Vec<Decision>,
    ) -> Result<Vec<Id>> {
        let (setup, found) = (self.setup, self.found);
        let asset = setup.asset(asset_name)?;
        let belongs = |(_, snapshot): &&(Id, Snapshot)| belongs(asset_name, asset, snapshot);
        let own: Vec<&(Id, Snapshot)> = found.snapshots.iter().filter(belongs).collect();
        if own.is_empty() {
            return Ok(Vec::new());
        }
        let recorded = journal::points_of(setup, asset_name)?;
        let promised = self.promised.as_ref().map_err(Error::clone)?;
        let (rule, minima) = promised.rule(setup, (asset.class(), Dataset::Site))?;
        let held = |hold: holdfast_ledger::Hold| {
            let holdfast_ledger::NewHold { owner, reason, review_on, .. } = hold.hold;
            Hold { owner, reason, review_on }
        };
        let size = source_size::load(setup, asset_name)?;
        let safeguards = Safeguards {
            minima,
            holds: hold::standing(setup, asset_name)?.into_iter().map(held).collect(),
            is_suspect: size.is_some_and(|size| size.suspect_since.is_some()),
        };
        let ids: BTreeMap<String, Id> = own.iter().map(|(id, _)| (id.to_hex(), *id)).collect();
        let ages = self.ages(asset_name, &own, &recorded, known)?;
        let decided = retention::expired(&ages, &rule, &safeguards, self.clock)
            .map_err(|refusal| refused(asset_name, &refusal))?;
        self.tell_strange(asset_name, &ages, &rule);
        if found.unasked.is_empty() {
            self.give_up_missing(asset_name, &recorded, &rule, &safeguards, known);
        }
        let mut expired = Vec::new();
        for decision in decided {
            let verdict = match decision.action {
                Action::Keep => "keep",
                Action::Exempt => "exempt",
                Action::Expire { .. } => {
                    expired.extend(ids.get(&decision.point.id));
                    "expire"
                }
            };
            decisions.push(Decision {
                asset: asset_name.to_owned(),
                point: decision.point.id,
                time: decision.point.time,
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

    /// The asset's points, as far as their age matters: those of ours as the ledger has them.
    fn ages(
        &self,
        asset_name: &str,
        own: &[&(Id, Snapshot)],
        recorded: &BTreeMap<String, Point>,
        known: &KnownPoints,
    ) -> Result<Vec<PointAge>> {
        let asset = self.setup.asset(asset_name)?;
        let ours: Vec<&(Id, Snapshot)> =
            own.iter().copied().filter(|(id, _)| recorded.contains_key(&id.to_hex())).collect();
        let repository = holdfast_model::estate::repository_name(asset);
        // Asked of ours alone: what was read of others must not make ours look worse.
        let goodness = Goodness::of(self.setup, repository.as_str(), &self.found.catalog, &ours)?;
        let age = |(id, snapshot): &&(Id, Snapshot)| {
            let hex = id.to_hex();
            match recorded.get(&hex) {
                Some(point) => PointAge {
                    time: point.instant,
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
        let to_come = "of a time that is to come".to_owned();
        tell(
            TroubleKind::Warning,
            all().filter(future).collect(),
            format!("foreign, and claiming to be {to_come}"),
        );
        let ours = ages.iter().filter(|age| age.origin == Origin::Recorded).filter(future).collect();
        tell(TroubleKind::Warning, ours, format!("recorded while the clock was wrong: {to_come}"));
    }

    /// A missing point that would be past its retention by now is no longer missed.
    fn give_up_missing(
        &self,
        asset_name: &str,
        recorded: &BTreeMap<String, Point>,
        rule: &RetentionRule,
        safeguards: &Safeguards,
        known: &mut KnownPoints,
    ) {
        let listed = self.found.catalog.snapshots.keys().map(Id::to_hex).collect();
        let missing = known.missing(&listed).into_iter().filter(|m| m.asset.as_deref() == Some(asset_name));
        for missing in missing.collect::<Vec<_>>() {
            let (origin, time) = match recorded.get(&missing.point) {
                Some(point) => (Origin::Recorded, point.instant),
                None => (self.foreign(known, &missing.point), missing.time),
            };
            let age = PointAge { id: missing.point, time, origin, is_good: false };
            if retention::is_past(&age, rule, safeguards, self.clock.now) {
                known.points.remove(&age.id);
            }
        }
    }
}

/// What was promised: the versions of the policy in the ledger, where there is one. Read once for all assets.
pub(crate) struct Promised(Option<Versions>);

impl Promised {
    pub(crate) fn load(setup: &Setup) -> Result<Promised> {
        let reader = journal::reader(&setup.places.state)?;
        Ok(Promised(reader.map(|reader| Versions::load(&reader)).transpose()?))
    }

    /// The rule in force, and the minima of every version that was. An edited file is no version of the policy: it counts
    /// only where none was ever recorded.
    pub(crate) fn rule(
        &self,
        setup: &Setup,
        (class, dataset): (Class, Dataset),
    ) -> Result<(RetentionRule, Vec<retention::PastMinimum>)> {
        let of = |policy: &Policy| {
            policy.schedule_of(class, dataset).map(|rule| rule.value.retention).ok_or_else(|| {
                Error::usage(format!(
                    "policy.toml has no schedule, and so no retention, for the class {class}"
                ))
            })
        };
        let Some(versions) = &self.0 else { return Ok((of(&setup.policy)?, Vec::new())) };
        let in_force = versions.in_force(setup.world.clock.now()).map(|(_, version)| &version.policy);
        Ok((of(in_force.unwrap_or(&setup.policy))?, versions.minima((class, dataset))))
    }
}

fn refused(asset: &str, refusal: &retention::Refusal) -> Error {
    Error::new(Ending::Refused, format!("{asset}: {refusal}"))
        .hint("when the clock is right and was not, or holdfast stood still so long: `holdfast purge --clock-is-right`")
}

#[cfg(test)]
mod tests;
