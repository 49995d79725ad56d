//! Restore tests, from the ledger to what verdicts are made from.

use holdfast_ledger::{Reader, RestoreTest, RestoreTestState, TestedPick};
use holdfast_model::restore_test::{Exercised, Occasion};
use holdfast_model::verdict::{Begun, Destroyed, Ended, Facts, TestFact, TestOutcome, TestedFact};
use jiff::{SignedDuration, Timestamp};

use crate::error::Result;

/// Longer ago than any deadline that a policy names: what was tested then is not tested now.
const BACK: SignedDuration = SignedDuration::from_hours(800 * 24);

pub(super) fn gather(reader: &Reader, now: Timestamp, facts: &mut Facts) -> Result<()> {
    let from = now.saturating_sub(BACK).unwrap_or(Timestamp::MIN);
    let soon = now.saturating_add(SignedDuration::from_secs(1)).unwrap_or(Timestamp::MAX);
    let tests = reader.restore_tests_between(from, soon)?;
    let picks = reader.restore_picks_between(from, soon)?;
    for test in &tests {
        let Some(exercised) = Exercised::parse(&test.test.exercise) else { continue };
        let own: Vec<&TestedPick> = picks.iter().filter(|pick| pick.test == test.id).collect();
        facts.tests.push(TestFact {
            id: test.id.clone(),
            exercised,
            occasion: occasion(test),
            drawn: own.iter().map(|pick| pick.id.clone()).collect(),
            recorded: test.recorded_at,
            leaf: test.leaf,
        });
        facts.restored.extend(own.into_iter().map(|pick| tested(exercised, test, pick)));
    }
    Ok(())
}

fn occasion(test: &RestoreTest) -> Option<Occasion> {
    let (label, opens, ends) = test.test.occasion.clone()?;
    Some(Occasion { label, opens, ends })
}

fn tested(exercised: Exercised, test: &RestoreTest, pick: &TestedPick) -> TestedFact {
    let begun = pick.begun.as_ref();
    let beside = begun.iter().flat_map(|(begun, _)| begun.beside.iter().cloned());
    TestedFact {
        id: pick.id.clone(),
        exercised,
        occasion: occasion(test).map(|occasion| occasion.opens),
        asset: pick.picked.asset.clone(),
        points: pick.picked.point.iter().cloned().chain(beside).collect(),
        is_drawn: pick.picked.is_drawn,
        planned: pick.planned.recorded_at,
        leaf: pick.planned.leaf,
        begun: begun.map(|(begun, moment)| Begun {
            recorded: moment.recorded_at,
            leaf: moment.leaf,
            location: begun.location.clone(),
            staging: begun.staging.clone(),
            destroy_by: begun.destroy_by,
        }),
        ended: pick.ended.as_ref().map(|(end, moment)| Ended {
            recorded: moment.recorded_at,
            leaf: moment.leaf,
            outcome: match end.state {
                RestoreTestState::Successful => TestOutcome::Successful,
                RestoreTestState::TimedOut => TestOutcome::TimedOut,
                _ => TestOutcome::Failed,
            },
            failed: end.failed.clone(),
        }),
        destroyed: pick.destroyed.as_ref().map(|(gone, moment)| Destroyed {
            recorded: moment.recorded_at,
            leaf: moment.leaf,
            files: gone.files,
            bytes: gone.bytes,
        }),
    }
}
