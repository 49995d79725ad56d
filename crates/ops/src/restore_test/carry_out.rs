//! The test of one target, from the entry in the log to the proof that nothing is left.

use std::sync::Arc;
use std::time::Duration;

use holdfast_asset::Proof;
use holdfast_asset::stage::Root;
use holdfast_ledger::{
    ActionKind, NewAction, PickBegun, PickDestroyed, Reader, RestoreTestState, TestedPick,
};
use holdfast_model::restore_test::{Exercised, Seed, draw_location};
use holdfast_repo::{Restored, TroubleKind, Troubles};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::bring_up::{self, Work};
use super::limit::Limit;
use super::{eligible, stagings};
use crate::action::{self, TestStep};
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::points::{Found, find};
use crate::setup::Setup;
use crate::verdicts;

/// The longest that the test of one target may last.
const LONGEST: SignedDuration = SignedDuration::from_hours(6);
/// How long what was restored may lie where the policy does not say.
const TTL: Duration = Duration::from_secs(24 * 3600);

/// Questions of ours, beside those that what was restored is asked.
pub(super) mod question {
    /// Whether the point is where it has to be.
    pub(in super::super) const FOUND: &str = "found";
    /// Whether there is a place to restore into.
    pub(in super::super) const STAGING: &str = "staging";
    /// Whether everything came back whole.
    pub(in super::super) const RESTORED: &str = "restored";
    /// Whether what came back is what the point says.
    pub(in super::super) const FILES: &str = "files";
    /// Whether it ended when it had to.
    pub(in super::super) const TIME: &str = "time";
    /// Whether nobody interrupted.
    pub(in super::super) const INTERRUPTED: &str = "interrupted";
}

/// What was seen of one target.
#[derive(Debug, Default, Serialize)]
pub struct Seen {
    /// The point.
    pub point: Option<String>,
    /// The instant that it stands for.
    pub time: Option<Timestamp>,
    /// Points of other parts that were restored with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<String>,
    /// The location that it came from.
    pub location: Option<String>,
    /// What was restored.
    pub restored: Option<Restored>,
    /// The questions, and what was seen.
    pub proofs: Vec<Proof>,
    /// Attempts to reach something outside. None can succeed.
    pub outbound_attempts: u64,
    /// Names that were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outbound_names: Vec<String>,
    /// How many mails were caught.
    pub mails: u64,
    /// What else there is to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Seconds from the first byte that was asked for until everything was destroyed.
    pub seconds: f64,
}

/// What came of it.
pub(super) struct Outcome {
    pub(super) state: RestoreTestState,
    pub(super) failed: Vec<String>,
    pub(super) seen: Seen,
    pub(super) picture: Option<Vec<u8>>,
    pub(super) gone: Option<PickDestroyed>,
}

impl Outcome {
    fn failed(question: &str, why: impl Into<String>, mut seen: Seen) -> Outcome {
        seen.notes.push(why.into());
        let failed = vec![question.to_owned()];
        Outcome { state: RestoreTestState::Failed, failed, seen, picture: None, gone: None }
    }
}

/// Who is tested, and with what.
pub(super) struct Turn<'t> {
    pub(super) exercised: Exercised,
    pub(super) pick: &'t TestedPick,
    pub(super) seed: &'t str,
    /// When the occasion is over.
    pub(super) ends: Option<Timestamp>,
}

/// Tests one target. What goes wrong with it is its result.
///
/// # Errors
/// When something could not be written down: then nothing was restored, or it is found without an end.
pub(super) fn carry_out(
    setup: &Setup,
    reader: &Reader,
    turn: &Turn<'_>,
    root: std::result::Result<&Root, Error>,
) -> Result<Outcome> {
    let (clock, picked) = (&setup.world.clock, &turn.pick.picked);
    let now = clock.now();
    let mut seen = Seen { point: picked.point.clone(), ..Seen::default() };
    if turn.ends.is_some_and(|ends| now >= ends) {
        seen.notes.push("its occasion was over before its turn came".to_owned());
        let failed = vec![question::TIME.to_owned()];
        let state = RestoreTestState::TimedOut;
        return Ok(Outcome { state, failed, seen, picture: None, gone: None });
    }
    let Some(point) = &picked.point else {
        return Ok(Outcome::failed(question::FOUND, "no point of it lies at a location off site", seen));
    };
    let root = match root {
        Ok(root) => root,
        Err(error) => return Ok(Outcome::failed(question::STAGING, error.message, seen)),
    };
    let asset = match setup.asset(&picked.asset) {
        Ok(asset) => asset,
        Err(error) => return Ok(Outcome::failed(question::FOUND, error.message, seen)),
    };
    let begun = clock.monotonic();
    let troubles = Troubles::default();
    let (found, location) = match locate(setup, reader, turn, point, &troubles)? {
        Ok(found) => found,
        Err(why) => return Ok(Outcome::failed(question::FOUND, why, seen)),
    };
    let parts = match bring_up::parts(turn.exercised, asset, &found, point) {
        Ok(parts) => parts,
        Err(why) => return Ok(Outcome::failed(question::FOUND, why, seen)),
    };
    (seen.time, seen.location) = (Some(parts.drawn().time), Some(location.clone()));
    seen.beside = parts.beside.iter().map(ToString::to_string).collect();
    let ttl = setup.policy.verification.staging.as_ref().map_or(TTL, |staging| staging.value.ttl);
    let destroy_by = after(now, SignedDuration::try_from(ttl).unwrap_or(LONGEST));
    let deadline = [Some(destroy_by), turn.ends, Some(after(now, LONGEST))].into_iter().flatten().min();
    let entry = action::begin(setup, entry(setup, turn, point, &location))?;
    let step = PickBegun {
        pick: turn.pick.id.clone(),
        location,
        beside: seen.beside.clone(),
        staging: format!("{} (in memory or on an encrypted volume)", root.path().display()),
        action: entry.id().to_owned(),
        destroy_by,
    };
    action::of_a_test(setup, TestStep::Begun(step))?;
    let limit =
        Limit::begin(Arc::clone(clock), Arc::clone(&setup.interrupted), deadline.unwrap_or(destroy_by));
    let work = Work {
        setup,
        exercised: turn.exercised,
        asset,
        found: &found,
        parts: &parts,
        name: &turn.pick.id,
        destroy_by,
        stop: &limit.stop,
        troubles: &troubles,
    };
    let brought = bring_up::bring_up(&work, root, &mut seen);
    seen.notes.extend(troubles.list().into_iter().map(|one| format!("{}: {}", one.subject, one.message)));
    seen.seconds = (clock.monotonic() - begun).as_secs_f64();
    let mut failed: Vec<String> =
        seen.proofs.iter().filter(|proof| !proof.is_good()).map(|proof| proof.what.clone()).collect();
    let mut is_late = brought.is_timed_out || limit.is_late();
    if let Some((question, why)) = brought.broke_off {
        seen.notes.push(why);
        let is_stopped = limit.stop.load(std::sync::atomic::Ordering::SeqCst);
        failed.push(if is_stopped && !limit.is_late() { question::INTERRUPTED } else { question }.to_owned());
    }
    // What could not be read because the way to it broke says nothing of the point.
    if !failed.is_empty() && troubles.count(TroubleKind::Location) > 0 {
        failed.push(question::FOUND.to_owned());
    }
    // A test that asked nothing proved nothing.
    if seen.proofs.is_empty() && failed.is_empty() {
        failed.push(question::RESTORED.to_owned());
    }
    if is_late && failed.is_empty() {
        // It came to its end, a moment too late for whoever stopped it.
        is_late = brought.is_timed_out;
    }
    let state = match (is_late, failed.is_empty()) {
        (true, _) => {
            failed.push(question::TIME.to_owned());
            RestoreTestState::TimedOut
        }
        (false, true) => RestoreTestState::Successful,
        (false, false) => RestoreTestState::Failed,
    };
    failed.sort_unstable();
    failed.dedup();
    let ending = if state == RestoreTestState::Successful { Ending::Done } else { Ending::Attention };
    entry.end(ending, Some(format!("restore test {}: {state}", turn.pick.id)))?;
    Ok(Outcome { state, failed, seen, picture: brought.picture, gone: brought.gone })
}

fn entry(setup: &Setup, turn: &Turn<'_>, point: &str, location: &str) -> NewAction {
    let picked = &turn.pick.picked;
    NewAction {
        asset: Some(picked.asset.clone()),
        repository: Some(picked.repository.clone()),
        location: Some(location.to_owned()),
        point: Some(point.to_owned()),
        target: Some(stagings::folder(setup).display().to_string()),
        ..action::by_us(setup, ActionKind::RestoreTest, Some(&format!("restore test {}", turn.pick.id)))
    }
}

/// Opens the repository at a location off site that lists the point, the drawn one first; else why none does.
fn locate(
    setup: &Setup,
    reader: &Reader,
    turn: &Turn<'_>,
    point: &str,
    troubles: &Troubles,
) -> Result<std::result::Result<(Found, String), String>> {
    let now = setup.world.clock.now();
    let picked = &turn.pick.picked;
    let facts = verdicts::facts::of_tests(setup, reader, now)?;
    let off_site = eligible::locations(&facts, now);
    let copies = reader.copies_of_all(&[point])?;
    let has_it = |location: &String| {
        copies.get(point).is_some_and(|copies| {
            copies.iter().any(|copy| copy.location == *location && copy.removed_at.is_none())
        })
    };
    let mut candidates: Vec<&String> = off_site.iter().filter(|location| has_it(location)).collect();
    let first = Seed::parse(turn.seed).and_then(|seed| draw_location(&seed, &picked.asset, candidates.len()));
    candidates.rotate_left(first.unwrap_or(0));
    let mut reasons = Vec::new();
    for location in candidates {
        match find(setup, (&picked.asset, None), Some(location), troubles) {
            Ok(found) if found.snapshots.iter().any(|(id, _)| id.to_hex() == point) => {
                return Ok(Ok((found, location.clone())));
            }
            Ok(_) => reasons.push(format!("{location} does not list it")),
            Err(error) => reasons.push(format!("{location}: {}", error.message)),
        }
    }
    Ok(Err(match reasons.as_slice() {
        [] => "no location off site has the point any more".to_owned(),
        reasons => reasons.join("; "),
    }))
}

fn after(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.saturating_add(by).unwrap_or(Timestamp::MAX)
}
