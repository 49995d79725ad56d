//! Verdicts are computed when a fact or a deadline changes them, and written down; nobody computes the past.
//!
//! Whoever computed them when somebody asks would answer about last month with today's policy, today's estate and today's
//! program. So after each change they are judged as of the instant at which it was recorded, and between two changes at each
//! deadline, at its own instant; what differs from the last is appended. `holdfast serve` does so while it runs; without it
//! `holdfast status` makes up for what passed.

pub(crate) mod databases;
pub(crate) mod facts;
mod followed;
pub(crate) mod inventory;
pub(crate) mod stocktaking;
mod tested;
pub(crate) mod walks;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use holdfast_ledger::{Ledger, NewAssessment, NewObservation, Reader, VerdictChange};
use holdfast_model::verdict::{self, Assessment, Observed, RULES};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

pub(crate) use self::followed::Followed;
#[cfg(test)]
pub(crate) use self::inventory::of as inventory_of;
use crate::error::{Error, Result};
use crate::setup::Setup;

/// Under this name, beside the controls, stand the company and its worst asset.
pub(crate) const HEADLINE: &str = "headline";

/// So many instants of the past are judged one by one when somebody catches up; of more, a part is skipped.
const STEPS_MAX: usize = 300;

/// Writes down what was looked at.
pub(crate) fn observe(ledger: &Ledger, observed: &[Observed], now: Timestamp) -> Result<()> {
    if observed.is_empty() {
        return Ok(());
    }
    let observations: Vec<NewObservation> = observed.iter().map(observation).collect::<Result<_>>()?;
    Ok(ledger
        .write(|transaction| observations.into_iter().try_for_each(|one| transaction.observe(one, now)))?)
}

/// What was looked at, as the ledger has it.
pub(crate) fn observation(observed: &Observed) -> Result<NewObservation> {
    let (kind, subject) = observed.subject();
    let body =
        serde_json::to_value(observed).map_err(|e| Error::not_done(format!("write what was seen: {e}")))?;
    Ok(NewObservation { kind: kind.to_owned(), subject: subject.to_owned(), body })
}

/// Judges now alone: of the time since the last assessment nobody knows anything, and what rules would say of it is no evidence.
pub(crate) fn assess_now_alone(setup: &Setup, ledger: &Ledger) -> Result<()> {
    let now = setup.world.clock.now();
    let reader = ledger.read();
    let facts = facts::gather(setup, reader, &mut Followed::default(), (now, now), &AtomicBool::default())?;
    let Some(assessment) = verdict::assess(&facts, now) else { return Ok(()) };
    let mut held = reader.verdicts_at(now)?.map(|assessed| assessed.verdicts).unwrap_or_default();
    let changes = changes(&mut held, &assessment)?;
    let new = NewAssessment { rules: RULES, policy_version: assessment.policy_version, changes };
    Ok(ledger.write(|transaction| transaction.assess(new, now))?)
}

/// Judges every instant since the last assessment at which something changed, and now; returns the next deadline. What `stop`
/// leaves undone is judged the next time. `followed` is what the checks came to the last time, for whoever judges again.
pub(crate) fn assess(
    setup: &Setup,
    ledger: &Ledger,
    followed: &mut Followed,
    stop: &AtomicBool,
) -> Result<Option<Timestamp>> {
    let now = setup.world.clock.now();
    // Of its own: nobody else waits for its answers, and all of them are about one state of the ledger. What a run records at
    // once must not be seen by halves.
    let reader = Reader::open(ledger.read().path())?;
    let reader = reader.snapshot()?;
    let until = reader.assessed_until()?;
    let facts = facts::gather(setup, &reader, followed, (until.unwrap_or(now).min(now), now), stop)?;
    let at_last = until.and_then(|until| verdict::assess(&facts, until)).and_then(|last| last.deadline);
    if until.is_some_and(|until| until >= now) {
        return Ok(at_last);
    }
    let mut held = reader.verdicts_at(now)?.map(|assessed| assessed.verdicts).unwrap_or_default();
    let mut recorded = match until {
        Some(until) => reader.recorded_between(until, now)?,
        None => Vec::new(),
    };
    recorded.retain(|at| *at < now);
    let mut steps = Steps { at: until.unwrap_or(now), now, recorded, taken: 0 };
    let mut deadline = at_last;
    while let Some(at) = steps.next(deadline) {
        if stop.load(Ordering::SeqCst) {
            return Ok(None);
        }
        let Some(assessment) = verdict::assess(&facts, at) else { continue };
        let changes = changes(&mut held, &assessment)?;
        deadline = assessment.deadline;
        if changes.is_empty() && at < now {
            continue;
        }
        let policy_version = assessment.policy_version;
        let new = NewAssessment { rules: RULES, policy_version, changes };
        ledger.write(|transaction| transaction.assess(new, at))?;
    }
    Ok(deadline)
}

/// The instants to judge, one after the other, the last of them now.
struct Steps {
    at: Timestamp,
    now: Timestamp,
    recorded: Vec<Timestamp>,
    taken: usize,
}

impl Steps {
    fn next(&mut self, deadline: Option<Timestamp>) -> Option<Timestamp> {
        if self.taken > 0 && self.at >= self.now {
            return None;
        }
        self.taken += 1;
        // Years of standing still are judged by samples in the end.
        let skipped =
            if self.taken > STEPS_MAX { self.now.duration_since(self.at) / 50 } else { SignedDuration::ZERO };
        let from = self.at.saturating_add(skipped).unwrap_or(self.now);
        let recorded = self.recorded.iter().copied().find(|at| *at > from);
        let deadline = deadline.filter(|at| *at > self.at).map(|at| at.max(from));
        let next = [recorded, deadline].into_iter().flatten().min().unwrap_or(self.now).min(self.now);
        self.at = if self.taken > STEPS_MAX + 100 { self.now } else { next };
        Some(self.at)
    }
}

/// What an assessment says otherwise than what is held, which it becomes.
fn changes(
    held: &mut BTreeMap<(String, Option<String>), Value>,
    assessment: &Assessment,
) -> Result<Vec<VerdictChange>> {
    let mut now: BTreeMap<(String, Option<String>), Value> = BTreeMap::new();
    let written = |e: serde_json::Error| Error::not_done(format!("write a verdict: {e}"));
    let headline = serde_json::json!({ "company": assessment.company, "worst": assessment.worst });
    now.insert((HEADLINE.to_owned(), None), headline);
    for control in &assessment.controls {
        now.insert((control.control.clone(), None), serde_json::to_value(control).map_err(written)?);
        for row in &control.rows {
            let key = (control.control.clone(), Some(row.target.clone()));
            now.insert(key, serde_json::to_value(row).map_err(written)?);
        }
    }
    let change = |key: &(String, Option<String>), document| VerdictChange {
        control: key.0.clone(),
        target: key.1.clone(),
        document,
    };
    let differs = now.iter().filter(|(key, document)| held.get(*key) != Some(*document));
    let mut changes: Vec<VerdictChange> =
        differs.map(|(key, document)| change(key, Some(document.clone()))).collect();
    changes.extend(held.keys().filter(|key| !now.contains_key(*key)).map(|key| change(key, None)));
    *held = now;
    Ok(changes)
}
