//! What has been read of each point at each location, told from the checks in the ledger.
//!
//! A verdict rests on this and on nothing else. Three things would make it a lie. A weaker look that clears what a
//! stronger one found: so damage stays until every byte of that very point was read there again, or a repair healed it.
//! A reading that speaks for points it never followed, because they arrived later: so points are named, times are never
//! compared, and checks are taken in the order in which they were recorded. And a ledger that cannot be read and is taken
//! for "nothing was found": so it is an error.

mod slices;
pub(crate) mod timeline;

use std::collections::BTreeMap;

use holdfast_ledger::{Check, CheckOutcome, CheckScope, NewCheck, Reader};
use holdfast_repo::{
    LocationState, LocationVerified, Problem, ProblemKind, Read, ReadBack, Repaired, Verified,
};
use jiff::Timestamp;

pub(crate) use self::slices::Slices;
use crate::error::Result;
use crate::journal;
use crate::setup::Setup;

/// The evidence about one location's copy of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// When it was first asked, whether or not it answered.
    pub first_asked_at: Option<Timestamp>,
    /// When it was first looked at.
    pub first_looked_at: Option<Timestamp>,
    /// Damage that no single point is hurt by: the config, a key file, a location that broke off.
    pub other_damage: Vec<String>,
    /// By point, those alone that the location listed at the last look.
    pub points: BTreeMap<String, PointEvidence>,
    /// When each slice of a rotating reading was last read.
    pub(crate) slices: Slices,
}

/// The evidence about one point at one location.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PointEvidence {
    /// Since when every byte of it is known to have been whole; of a reading in slices, the oldest slice.
    pub read: Option<Timestamp>,
    /// When damage was found that nothing has cleared since.
    pub damaged: Option<Timestamp>,
    slices: Slices,
}

impl Evidence {
    /// Takes in the next check of this location.
    fn take(&mut self, check: &Check) {
        let (time, findings) = (check.happened_at, &check.check.findings);
        self.first_asked_at.get_or_insert(time);
        if check.check.outcome == CheckOutcome::Unusable {
            return;
        }
        match &check.check.scope {
            CheckScope::Repair => return self.heal(findings),
            CheckScope::Run { point, .. } => {
                self.first_looked_at.get_or_insert(time);
                return self.take_run(point, check);
            }
            _ => {}
        }
        self.first_looked_at.get_or_insert(time);
        self.other_damage.clone_from(&findings.other_damage);
        self.points.retain(|id, _| !findings.gone.contains(id));
        for id in &findings.arrived {
            self.points.entry(id.clone()).or_default();
        }
        match &check.check.scope {
            CheckScope::Slice { number, of } => self.slices.note(*number, *of, time),
            CheckScope::All => self.slices.note_all(time),
            _ => {}
        }
        for (id, point) in self.points.iter_mut().filter(|(id, _)| !findings.later.contains(id)) {
            if findings.damaged.contains(id) {
                *point = PointEvidence { damaged: Some(time), ..PointEvidence::default() };
            } else if findings.lacking.contains(id) || findings.is_unfollowed {
                // Where points could not be followed, nobody knows what was read of them.
                *point = PointEvidence { damaged: point.damaged, ..PointEvidence::default() };
            } else {
                match &check.check.scope {
                    CheckScope::All => point.note_read(time),
                    CheckScope::Point(read) if read == id => point.note_read(time),
                    CheckScope::Slice { number, of } if point.damaged.is_none() => {
                        point.slices.note(*number, *of, time);
                        point.read = point.read.max(point.slices.complete_since());
                    }
                    _ => {}
                }
            }
        }
    }

    /// What a run brought speaks for its point only where the point stands on nothing older. It clears nothing.
    fn take_run(&mut self, point: &str, check: &Check) {
        let (time, findings) = (check.happened_at, &check.check.findings);
        for id in &findings.arrived {
            self.points.entry(id.clone()).or_default();
        }
        for id in &findings.damaged {
            let evidence = self.points.entry(id.clone()).or_default();
            *evidence = PointEvidence { damaged: Some(time), ..PointEvidence::default() };
        }
        for what in &findings.other_damage {
            if !self.other_damage.contains(what) {
                self.other_damage.push(what.clone());
            }
        }
        let is_whole = check.check.outcome == CheckOutcome::Whole && findings.is_everything;
        if let Some(evidence) = self.points.get_mut(point).filter(|_| is_whole) {
            evidence.note_read(time);
        }
    }

    /// A repair did what it could at this location: what was damaged may be whole again, and has to be read before that is
    /// believed. What it reported as lost stays damaged.
    fn heal(&mut self, findings: &holdfast_ledger::Findings) {
        if !findings.is_unfollowed {
            self.other_damage.clear();
        }
        self.points.retain(|id, point| point.damaged.is_none() || findings.damaged.contains(id));
    }
}

impl PointEvidence {
    fn note_read(&mut self, time: Timestamp) {
        *self = PointEvidence { read: Some(time), ..PointEvidence::default() };
    }
}

/// The evidence about each location of a repository. One that was never looked at has none, nor has a repository where
/// there is no ledger yet.
///
/// # Errors
/// When the ledger cannot be read.
pub fn load(setup: &Setup, repository: &str) -> Result<BTreeMap<String, Evidence>> {
    match journal::reader(&setup.places.state)? {
        Some(reader) => read(&reader, repository),
        None => Ok(BTreeMap::new()),
    }
}

fn read(reader: &Reader, repository: &str) -> Result<BTreeMap<String, Evidence>> {
    Ok(fold(&reader.every_check_of(repository)?))
}

fn fold(checks: &[Check]) -> BTreeMap<String, Evidence> {
    let mut all: BTreeMap<String, Evidence> = BTreeMap::new();
    for check in checks {
        all.entry(check.check.location.clone()).or_default().take(check);
    }
    all
}

/// Writes down what a verification found, for each location. `before` is the evidence as it was when the verification
/// began: backups may have ended meanwhile, and it saw nothing of their points.
///
/// # Errors
/// When the ledger cannot be read or written.
pub(crate) fn keep(
    setup: &Setup,
    repository: &str,
    time: Timestamp,
    what: &Read,
    verified: &Verified,
    before: &BTreeMap<String, Evidence>,
) -> Result<()> {
    let ledger = setup.ledger()?;
    ledger.write(|transaction| {
        // Within the transaction, so that no backup ends between this question and what is written.
        let now = fold(&ledger.read().every_check_of(repository)?);
        let checks = checks_of(repository, what, verified, before, &now);
        checks.into_iter().try_for_each(|check| transaction.record_check(check, time))
    })?;
    Ok(())
}

/// What a verification found, as the ledger keeps it; `before` and `now` tell which points were named when it began, and
/// now.
pub(crate) fn checks_of(
    repository: &str,
    read: &Read,
    verified: &Verified,
    before: &BTreeMap<String, Evidence>,
    now: &BTreeMap<String, Evidence>,
) -> Vec<NewCheck> {
    let scopes: Vec<CheckScope> = match read {
        Read::Structure => vec![CheckScope::Structure],
        Read::All | Read::Share { of: 0, .. } => vec![CheckScope::All],
        Read::Share { numerator, of } => vec![CheckScope::Slice { number: numerator % of, of: *of }],
        Read::Points(points) => points.iter().map(|point| CheckScope::Point(point.to_hex())).collect(),
    };
    let of_location = |found: &LocationVerified| {
        let findings =
            findings(found, &verified.repository, before.get(&found.location), now.get(&found.location));
        let (outcome, detail) = outcome(&found.state, &verified.repository, &found.problems);
        NewCheck {
            repository: repository.to_owned(),
            location: found.location.clone(),
            scope: CheckScope::Structure,
            bytes_read: found.bytes_read,
            outcome,
            detail,
            findings,
        }
    };
    let checks = verified.locations.iter().map(of_location);
    checks
        .flat_map(|check| scopes.iter().map(move |scope| NewCheck { scope: scope.clone(), ..check.clone() }))
        .collect()
}

/// What was read back of a run, as the ledger keeps it.
pub(crate) fn checks_of_run<'a>(
    repository: &str,
    run: &str,
    point: &str,
    read_back: impl Iterator<Item = &'a ReadBack>,
) -> Vec<NewCheck> {
    let of_location = |read: &ReadBack| {
        let (outcome, detail) = outcome(&read.state, &[], &read.problems);
        let unattributed = read.problems.iter().filter(|p| p.points.is_empty());
        NewCheck {
            repository: repository.to_owned(),
            location: read.location.clone(),
            scope: CheckScope::Run { run: run.to_owned(), point: point.to_owned() },
            bytes_read: read.bytes_read,
            outcome,
            detail,
            findings: holdfast_ledger::Findings {
                arrived: read.points.iter().map(ToString::to_string).collect(),
                damaged: touched(&read.problems, |_| true),
                other_damage: unattributed.map(words).collect(),
                is_everything: read.is_everything,
                ..holdfast_ledger::Findings::default()
            },
        }
    };
    read_back.map(of_location).collect()
}

/// Writes down what a repair did, for each location where every step of it was done.
///
/// # Errors
/// When the ledger cannot be written.
pub fn keep_healed(setup: &Setup, repository: &str, repaired: &Repaired) -> Result<()> {
    let mut is_done: BTreeMap<&str, bool> = BTreeMap::new();
    for step in &repaired.steps {
        *is_done.entry(step.location.as_str()).or_insert(true) &= step.done;
    }
    let touched: Vec<&str> = is_done.into_iter().filter(|(_, done)| *done).map(|(l, _)| l).collect();
    if touched.is_empty() {
        return Ok(());
    }
    let lost = repaired.lost.iter().flat_map(|lost| &lost.points).map(ToString::to_string);
    let findings = holdfast_ledger::Findings {
        damaged: lost.collect(),
        is_unfollowed: repaired.lost.iter().any(|lost| lost.points.is_empty()),
        ..holdfast_ledger::Findings::default()
    };
    let outcome = if repaired.lost.is_empty() { CheckOutcome::Whole } else { CheckOutcome::Damaged };
    let time = setup.world.clock.now();
    setup.ledger()?.write(|transaction| {
        touched.iter().try_for_each(|location| {
            let check = NewCheck {
                repository: repository.to_owned(),
                location: (*location).to_owned(),
                scope: CheckScope::Repair,
                bytes_read: 0,
                outcome,
                detail: None,
                findings: findings.clone(),
            };
            transaction.record_check(check, time)
        })
    })?;
    Ok(())
}

/// The slice of `of` to read next: the one that was not read for longest at any of `locations`. So every slice comes up
/// everywhere, whichever locations are read together.
///
/// # Errors
/// When the ledger cannot be read.
pub fn next_slice<'a>(
    setup: &Setup,
    repository: &str,
    locations: impl Iterator<Item = &'a str>,
    of: u32,
) -> Result<Read> {
    let evidence = load(setup, repository)?;
    let turn = locations.map(|l| evidence.get(l).map_or((None, 0), |e| e.slices.next(of))).min();
    Ok(Read::Share { numerator: turn.map_or(0, |(_, slice)| slice), of })
}

/// What a verification found of single points at one location. `general` is what no location is to blame for.
fn findings(
    found: &LocationVerified,
    general: &[Problem],
    before: Option<&Evidence>,
    now: Option<&Evidence>,
) -> holdfast_ledger::Findings {
    if matches!(found.state, LocationState::Unusable(_)) {
        return holdfast_ledger::Findings::default();
    }
    let all = || general.iter().chain(&found.problems).filter(|p| !p.is_notice());
    let unattributed = all().filter(|p| p.points.is_empty() && p.kind != ProblemKind::Owed);
    let listed: Vec<String> = found.points.iter().map(ToString::to_string).collect();
    let is_known = |id: &String| now.is_some_and(|evidence| evidence.points.contains_key(id));
    let was_known = |id: &String| before.is_some_and(|evidence| evidence.points.contains_key(id));
    let unlisted = now.into_iter().flat_map(|evidence| evidence.points.keys());
    let unlisted = unlisted.filter(|id| !listed.contains(id)).cloned();
    let (gone, later) = unlisted.partition(was_known);
    holdfast_ledger::Findings {
        arrived: listed.iter().filter(|id| !is_known(id)).cloned().collect(),
        gone,
        later,
        damaged: touched(all(), |kind| kind != ProblemKind::Owed),
        lacking: touched(all(), |kind| kind == ProblemKind::Owed),
        other_damage: unattributed.map(words).collect(),
        is_unfollowed: general.iter().any(|p| p.points.is_empty()),
        is_everything: false,
    }
}

/// Points that problems of some kinds touch.
fn touched<'a>(
    problems: impl IntoIterator<Item = &'a Problem>,
    is_chosen: impl Fn(ProblemKind) -> bool,
) -> Vec<String> {
    let chosen = problems.into_iter().filter(|p| is_chosen(p.kind));
    let points: std::collections::BTreeSet<String> =
        chosen.flat_map(|p| &p.points).map(ToString::to_string).collect();
    points.into_iter().collect()
}

/// The outcome, and the first thing that is wrong. Files of clients have no place in a leaf.
fn outcome(state: &LocationState, general: &[Problem], own: &[Problem]) -> (CheckOutcome, Option<String>) {
    let real: Vec<&Problem> = general.iter().chain(own).filter(|p| !p.is_notice()).collect();
    let detail = real.first().map(|first| match real.len() - 1 {
        0 => words(first),
        more => format!("{}; and {more} more", words(first)),
    });
    match state {
        LocationState::Unusable(reason) => (CheckOutcome::Unusable, Some(reason.clone())),
        LocationState::Damaged => (CheckOutcome::Damaged, detail),
        _ if !general.is_empty() => (CheckOutcome::Damaged, detail),
        LocationState::Owed => (CheckOutcome::Owed, detail),
        LocationState::Ok => (CheckOutcome::Whole, None),
    }
}

fn words(problem: &Problem) -> String {
    format!("{}: {}", problem.object, problem.message)
}

#[cfg(test)]
mod tests;
