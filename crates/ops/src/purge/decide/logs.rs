//! Which points of a log may go: see `model::retention::superfluous`. What no run of ours recorded goes by age, like all that is
//! foreign.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_format::{Id, Snapshot};
use holdfast_ledger::{Reader, RecordedLog};
use holdfast_model::Dataset;
use holdfast_model::retention::{self, Action, LogAge, PointAge, Safeguards};

use super::super::Decision;
use super::super::owners::Owner;
use super::Given;
use crate::error::{Error, Result};
use crate::evidence;
use crate::known_points::KnownPoints;
use crate::{clock_reading, hold, journal, part};

impl Given<'_> {
    pub(super) fn decide_on_log(
        &self,
        (owner, dataset): (&Owner<'_>, Dataset),
        repository: &str,
        known: &KnownPoints,
        decisions: &mut Vec<Decision>,
    ) -> Result<Vec<Id>> {
        let is_of_log = |(_, snapshot): &&(Id, Snapshot)| {
            owner.owns(snapshot) && dataset == part::dataset_of(owner.class, None, Some(snapshot))
        };
        let own: Vec<&(Id, Snapshot)> = self.found.snapshots.iter().filter(is_of_log).collect();
        if own.is_empty() {
            return Ok(Vec::new());
        }
        let reader = journal::reader(&self.setup.places.state)?;
        let ids: Vec<String> = own.iter().map(|(id, _)| id.to_hex()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let recorded = reader.as_ref().map(|reader| reader.logs_among(&ids)).transpose()?.unwrap_or_default();
        let recorded: BTreeMap<&str, &RecordedLog> =
            recorded.iter().map(|log| (log.point.as_str(), log)).collect();
        let mut expired = Vec::new();
        if let Some(reader) = &reader {
            let ours: Vec<&(Id, Snapshot)> =
                own.iter().copied().filter(|(id, _)| recorded.contains_key(id.to_hex().as_str())).collect();
            let lying = lying(reader, recorded.values().map(|log| log.base.as_str()))?;
            let ages = self.log_ages(repository, &ours, &recorded)?;
            for (decision, (id, snapshot)) in
                retention::superfluous(&ages, &|base| lying.contains(base)).into_iter().zip(ours)
            {
                expired.extend(decision.goes.then_some(*id));
                decisions.push(Decision {
                    asset: owner.name.clone(),
                    point: decision.id,
                    time: snapshot.time,
                    verdict: if decision.goes { "expire" } else { "keep" },
                    reason: decision.reason,
                    origin: "recorded",
                });
            }
        }
        let foreign: Vec<&(Id, Snapshot)> =
            own.into_iter().filter(|(id, _)| !recorded.contains_key(id.to_hex().as_str())).collect();
        expired.extend(self.decide_on_foreign_logs(
            (owner, dataset),
            &foreign,
            repository,
            known,
            decisions,
        )?);
        Ok(expired)
    }

    /// What each of ours holds, and where it is whole as far as is known.
    fn log_ages(
        &self,
        repository: &str,
        ours: &[&(Id, Snapshot)],
        recorded: &BTreeMap<&str, &RecordedLog>,
    ) -> Result<Vec<LogAge>> {
        let evidence = evidence::load(self.setup, repository)?;
        let age = |(id, snapshot): &&(Id, Snapshot)| {
            let hex = id.to_hex();
            let log = recorded.get(hex.as_str())?;
            let bits = self.found.catalog.snapshots.get(id).copied().unwrap_or(0);
            let at: BTreeSet<String> =
                self.found.catalog.holders(bits).map(|mirror| mirror.name().to_owned()).collect();
            let is_good = |location: &&String| {
                let of_location = evidence.get(location.as_str());
                let of_point = of_location.and_then(|evidence| evidence.points.get(&hex));
                let is_damaged = of_location.is_some_and(|evidence| !evidence.other_damage.is_empty())
                    || of_point.is_some_and(|point| point.damaged.is_some());
                // Brought late, it was read back with what brought it.
                !is_damaged && (log.checked_at.contains(location) || of_point.is_some())
            };
            let good_at = at.iter().filter(is_good).cloned().collect();
            Some(LogAge { base: log.base.clone(), until: snapshot.time, id: hex, good_at, at })
        };
        Ok(ours.iter().filter_map(age).collect())
    }

    /// By age, as if each were of the part that the log goes with.
    fn decide_on_foreign_logs(
        &self,
        (owner, dataset): (&Owner<'_>, Dataset),
        foreign: &[&(Id, Snapshot)],
        repository: &str,
        known: &KnownPoints,
        decisions: &mut Vec<Decision>,
    ) -> Result<Vec<Id>> {
        if foreign.is_empty() {
            return Ok(Vec::new());
        }
        let promised = self.promised.as_ref().map_err(Error::clone)?;
        let (rule, minima) = promised.rule(self.setup, (owner.class, dataset.ruled_by()))?;
        let holds = hold::standing_in(self.setup, &owner.name, repository)?;
        let safeguards = Safeguards {
            minima,
            holds: holds.into_iter().map(super::held).collect(),
            is_suspect: false,
            // Nobody goes back to one of these: they are worth nothing without a run that recorded them.
            is_given_up: true,
        };
        let age = |(id, snapshot): &&(Id, Snapshot)| PointAge {
            time: snapshot.time,
            origin: self.foreign(known, &id.to_hex()),
            is_good: false,
            id: id.to_hex(),
        };
        let ages: Vec<PointAge> = foreign.iter().map(age).collect();
        let decided = retention::expired(&ages, &rule, &safeguards, self.clock)
            .map_err(|refusal| clock_reading::refused(&owner.name, &refusal))?;
        self.tell_strange(&owner.name, &ages, &rule);
        let mut expired = Vec::new();
        for (decision, (id, snapshot)) in decided.into_iter().zip(foreign) {
            let verdict = match decision.action {
                Action::Keep => "keep",
                Action::Exempt => "exempt",
                Action::Expire { .. } => {
                    expired.push(*id);
                    "expire"
                }
            };
            decisions.push(Decision {
                asset: owner.name.clone(),
                point: decision.point.id,
                time: snapshot.time,
                verdict,
                reason: decision.reason,
                origin: "foreign",
            });
        }
        Ok(expired)
    }
}

/// Those of these dumps that lie anywhere, as far as was recorded.
fn lying<'a>(reader: &Reader, dumps: impl Iterator<Item = &'a str>) -> Result<BTreeSet<String>> {
    let dumps: BTreeSet<&str> = dumps.collect();
    let dumps: Vec<&str> = dumps.into_iter().collect();
    let copies = reader.copies_of_all(&dumps)?;
    let lies = |copies: &Vec<holdfast_ledger::PointCopy>| copies.iter().any(|copy| copy.removed_at.is_none());
    Ok(copies.into_iter().filter(|(_, copies)| lies(copies)).map(|(dump, _)| dump).collect())
}
