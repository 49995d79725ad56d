//! Restore tests: something that was drawn is restored from a location off site into a staging, asked whether it is what was
//! backed up, and destroyed.
//!
//! Whoever restores what he knows to work, from the copy that is nearest, and looks whether there are files, proves nothing. So who
//! is tested, with which point and from where, follows from the log and is written down first; what was seen is a list of
//! questions with answers; and what has no end in the ledger is a failure, whatever became of it: a process that was killed is
//! found by the next, which destroys what it left.

mod bring_up;
mod carry_out;
mod eligible;
mod limit;
mod list;
mod pictures;
mod plan;
mod redraw;
mod stagings;
mod sweep;
mod whmcs;

use std::sync::atomic::{AtomicBool, Ordering};

use holdfast_asset::stage::Root;
use holdfast_ledger::{PickEnd, Reader, RestoreTest, RestoreTestState};
pub use holdfast_model::restore_test::Exercised;
use holdfast_model::restore_test::{Occasion, occasion_at};
use serde::Serialize;

pub use self::carry_out::Seen;
use self::carry_out::{Outcome, Turn};
pub use self::list::{Filter, ListReport, TestLine, list};
pub(crate) use self::pictures::forget as forget_pictures;
pub use self::redraw::{Redrawn, redraw};
pub(crate) use self::stagings::refuse_staging;
pub use self::sweep::Swept;
pub(crate) use self::sweep::sweep;
use crate::action::{self, TestStep};
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::setup::Setup;
use crate::verdicts;
use crate::{journal, state_lock};

/// What to test.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Websites or WHMCS.
    pub exercised: Exercised,
    /// These assets; none: whoever is drawn on the occasion that is open.
    pub assets: Vec<String>,
    /// With this point, by the beginning of its id.
    pub point: Option<String>,
    /// With lots drawn from this.
    pub seed: Option<String>,
    /// What for, as the log shall have it.
    pub purpose: Option<String>,
}

/// What a test came to.
#[derive(Debug, Serialize)]
pub struct TestReport {
    /// What was tested.
    pub exercised: &'static str,
    /// The test's id in the ledger; none where nothing was to be done.
    pub test: Option<String>,
    /// The occasion, where it was made for one.
    pub occasion: Option<String>,
    /// What lots were drawn from.
    pub seed: Option<String>,
    /// Each that was tested now.
    pub results: Vec<Tested>,
    /// Who could not be drawn, and why.
    pub left_out: serde_json::Value,
    /// What an earlier process had left behind.
    pub swept: Vec<Swept>,
    /// What else is to be said.
    pub notes: Vec<String>,
    /// How it ended.
    pub ending: Ending,
}

/// One that was tested.
#[derive(Debug, Serialize)]
pub struct Tested {
    /// Its id in the ledger.
    pub id: String,
    /// The asset.
    pub asset: String,
    /// Why it was chosen.
    pub why: String,
    /// How it ended: `successful`, `failed`, `timed-out`.
    pub state: &'static str,
    /// The questions that were not answered as they must be.
    pub failed: Vec<String>,
    /// What was seen.
    #[serde(flatten)]
    pub seen: Seen,
    /// What was destroyed: files and bytes; none where nothing was restored.
    pub destroyed: Option<(u64, u64)>,
    /// Why something of it may still be there.
    pub not_destroyed: Option<String>,
}

/// Tests what is wished for, and writes everything down. `tell` hears what goes on.
///
/// # Errors
/// When another process tests, when there is nothing of this kind, or when something cannot be written down.
pub fn test(setup: &Setup, wish: &Wish, tell: &mut dyn FnMut(&str)) -> Result<TestReport> {
    let _lock = lock(setup)?;
    let reader = ledger(setup)?;
    let swept = sweep(setup, &reader)?;
    let mut report = match wish.assets.is_empty() {
        true => {
            let Some(occasion) = open_occasion(setup, wish.exercised) else {
                let what = wish.exercised;
                let message = format!("the policy does not ask for restore tests of {what}");
                return Err(Error::usage(message).hint(format!("name assets: `holdfast test {what} NAME`")));
            };
            on_occasion(setup, &reader, wish.exercised, &occasion, &AtomicBool::new(false), tell)?
        }
        false => by_hand(setup, &reader, wish, tell)?,
    };
    report.ending = report.ending.and(if swept.is_empty() { Ending::Done } else { Ending::Attention });
    report.swept = swept;
    Ok(report)
}

/// Nobody else tests meanwhile, so what has no end was cut off.
pub(crate) fn lock(setup: &Setup) -> Result<state_lock::StateLock> {
    state_lock::take_beside(&setup.places.state, "test", setup.world.environment.pid())
}

/// The ledger, which is there before anything is drawn.
pub(crate) fn ledger(setup: &Setup) -> Result<Reader> {
    if let Some(reader) = journal::reader(&setup.places.state)? {
        return Ok(reader);
    }
    Err(Error::not_done("there is no ledger yet, so there is nothing that could be restored")
        .hint("`holdfast backup` makes the first point"))
}

/// The occasion that is open, where the policy wants one.
pub(crate) fn open_occasion(setup: &Setup, exercised: Exercised) -> Option<Occasion> {
    let every = exercised.rule(&setup.policy)?.value.every;
    occasion_at(every, &setup.policy.zone, setup.world.clock.now())
}

/// Whether an occasion has something left to do: it is not planned, or somebody who was drawn has no result.
pub(crate) fn is_left(reader: &Reader, exercised: Exercised, occasion: &Occasion) -> Result<bool> {
    let Some(test) = reader.restore_test_of(exercised.as_str(), &occasion.label)? else { return Ok(true) };
    Ok(reader.picks_of_test(&test.id)?.iter().any(|pick| pick.ended.is_none()))
}

/// Whether an occasion counts: rule and targets were written down before it opened.
pub(crate) fn counts(
    setup: &Setup,
    reader: &Reader,
    exercised: Exercised,
    occasion: &Occasion,
) -> Result<bool> {
    let now = setup.world.clock.now();
    let facts = verdicts::facts::of_tests(setup, reader, now)?;
    Ok(facts.tests_count_from(exercised, now).is_some_and(|from| from <= occasion.opens))
}

/// Plans the test of an occasion, or goes on with it. `give_way` ends it after whoever is being tested.
pub(crate) fn on_occasion(
    setup: &Setup,
    reader: &Reader,
    exercised: Exercised,
    occasion: &Occasion,
    give_way: &AtomicBool,
    tell: &mut dyn FnMut(&str),
) -> Result<TestReport> {
    let test = match reader.restore_test_of(exercised.as_str(), &occasion.label)? {
        Some(test) => test,
        None => {
            let id = plan::occasion(setup, reader, exercised, occasion)?;
            tell(&format!("the restore test of {exercised} in {} is planned: {id}", occasion.label));
            reader.restore_test_as_planned(&id)?.0
        }
    };
    let mut report = carry_on(setup, reader, exercised, &test, give_way, tell)?;
    if report.results.is_empty() && report.notes.is_empty() {
        report.notes.push(format!(
            "the restore test of {} is done; the next opens {}",
            occasion.label, occasion.ends
        ));
    }
    Ok(report)
}

fn by_hand(setup: &Setup, reader: &Reader, wish: &Wish, tell: &mut dyn FnMut(&str)) -> Result<TestReport> {
    // Nothing stands in the log that could never have been done.
    stagings::open(setup)?;
    let id = plan::by_hand(setup, reader, wish)?;
    let test = reader.restore_test_as_planned(&id)?.0;
    carry_on(setup, reader, wish.exercised, &test, &AtomicBool::new(false), tell)
}

/// Tests whoever was drawn and did not begin yet.
fn carry_on(
    setup: &Setup,
    reader: &Reader,
    exercised: Exercised,
    test: &RestoreTest,
    give_way: &AtomicBool,
    tell: &mut dyn FnMut(&str),
) -> Result<TestReport> {
    let mut report = TestReport {
        exercised: exercised.as_str(),
        test: Some(test.id.clone()),
        occasion: test.test.occasion.as_ref().map(|(label, _, _)| label.clone()),
        seed: Some(test.test.seed.clone()),
        results: Vec::new(),
        left_out: test.test.left_out.clone(),
        swept: Vec::new(),
        notes: Vec::new(),
        ending: Ending::Done,
    };
    let root = stagings::open(setup);
    if let Ok(root) = &root {
        report.notes.extend(root.doubts());
    }
    let picks = reader.picks_of_test(&test.id)?;
    let ends = test.test.occasion.as_ref().map(|(_, _, ends)| *ends);
    for pick in picks.iter().filter(|pick| pick.ended.is_none() && pick.begun.is_none()) {
        let is_stopped = setup.interrupted.load(Ordering::SeqCst);
        if is_stopped || give_way.load(Ordering::SeqCst) {
            report.ending = report.ending.and(if is_stopped { Ending::Interrupted } else { Ending::Done });
            break;
        }
        tell(&format!("restoring {} for a test", pick.picked.asset));
        let turn = Turn { exercised, pick, seed: &test.test.seed, ends };
        let tested = one(setup, reader, &turn, root.as_ref().map_err(Clone::clone))?;
        let ending = if tested.state == RestoreTestState::Successful.as_str() {
            Ending::Done
        } else {
            Ending::Attention
        };
        tell(&match tested.failed.as_slice() {
            [] => format!("{}: {}", tested.asset, tested.state),
            failed => format!("{}: {}: {}", tested.asset, tested.state, failed.join(", ")),
        });
        report.ending = report.ending.and(ending);
        report.results.push(tested);
    }
    Ok(report)
}

fn one(
    setup: &Setup,
    reader: &Reader,
    turn: &Turn<'_>,
    root: std::result::Result<&Root, Error>,
) -> Result<Tested> {
    let pick = turn.pick;
    let Outcome { state, failed, seen, picture, gone } = carry_out::carry_out(setup, reader, turn, root)?;
    let screenshot_sha256 = match &picture {
        Some(picture) => Some(pictures::keep(setup, &pick.picked.repository, &pick.id, picture)?),
        None => None,
    };
    let details = serde_json::to_string(&seen)
        .map_err(|error| Error::not_done(format!("write what was seen: {error}")))?;
    let end = PickEnd {
        pick: pick.id.clone(),
        state,
        failed: failed.clone(),
        details: Some(details),
        screenshot_sha256,
    };
    action::of_a_test(setup, TestStep::Ended(end))?;
    let (destroyed, not_destroyed) = match gone {
        None => (None, None),
        Some(gone) => {
            let told = ((gone.files, gone.bytes), gone.failure.clone());
            action::of_a_test(setup, TestStep::Destroyed(gone))?;
            (told.1.is_none().then_some(told.0), told.1)
        }
    };
    Ok(Tested {
        id: pick.id.clone(),
        asset: pick.picked.asset.clone(),
        why: pick.picked.why.clone(),
        state: state.as_str(),
        failed,
        seen,
        destroyed,
        not_destroyed,
    })
}

#[cfg(test)]
pub(crate) use self::plan::by_hand as plan_by_hand;

#[cfg(test)]
mod tests;
