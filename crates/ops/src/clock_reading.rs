//! The last reading of the clock that anything of holdfast wrote down, by which the next one is doubted.
//!
//! Backups may stop for months, and what is past its age has to go all the same; so not the last backup tells whether time
//! went on, but every command and daemon that works on the state folder writes down what it read. A reading that cannot
//! follow the one before is not written down: else a clock that jumped would only have to be read twice to be believed.
//! So a purge goes on refusing until the clock is right again, or until somebody says that it is. A point that is made
//! while the clock shows less than it did looks old the moment that the clock is right again: it is undated, and its age
//! counts from when it is first seen by a clock that can be right.

use holdfast_ledger::ActionKind;
use holdfast_model::retention::{ClockEvidence, Refusal};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::setup::Setup;
use crate::{action, journal, record};

/// A reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Reading {
    /// What the clock said.
    last: Timestamp,
    /// Somebody's word that the clock was right, where it could not be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confirmed: Option<Timestamp>,
    /// Where the clock jumped ahead and somebody said that it was right: from what it had said before to what it said then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    jumps: Vec<(Timestamp, Timestamp)>,
}

/// A longer pause between two readings is taken for a jump of the clock. A shorter jump is believed, and eats so much into the
/// minimum of every point; so it is no longer than what passes without a backup, a purge or a daemon by mistake.
const PAUSE_DAYS_MAX: u32 = 7;

/// A reading is not written down again before so much time has passed: an unchanged backup should cost no more writes
/// than it must.
const EVERY: SignedDuration = SignedDuration::from_hours(1);

const KIND: &str = "clock";
const NAME: &str = "reading";

/// What the clock is doubted against. Where no reading was ever written down, the last point that a run made counts. A
/// record or a ledger that cannot be read is an error: without it a clock that jumped ahead would look like time that
/// passed.
pub(crate) fn evidence(setup: &Setup) -> Result<ClockEvidence> {
    let (last_reading, jumps) = match read(setup)? {
        Some(reading) => (Some(reading.last), reading.jumps),
        None => (journal::last_made(setup)?, Vec::new()),
    };
    Ok(ClockEvidence { now: setup.world.clock.now(), last_reading, pause_days_max: PAUSE_DAYS_MAX, jumps })
}

/// Writes down what the clock says, if it can be right.
pub(crate) fn note(setup: &Setup) -> Result<()> {
    let evidence = evidence(setup)?;
    let reading = read(setup)?;
    let is_news = reading.as_ref().is_none_or(|r| evidence.now.duration_since(r.last) >= EVERY);
    if !is_news || evidence.doubt().is_err() {
        return Ok(());
    }
    let confirmed = reading.and_then(|reading| reading.confirmed);
    let reading = Reading { last: evidence.now, confirmed, jumps: evidence.jumps };
    record::keep(&setup.places.state, KIND, NAME, &reading)
}

/// Writes down what the clock says, because somebody says that it is right. How much time really passed since the last
/// reading, nobody's word tells: where it jumped ahead, it counts towards no minimum.
///
/// # Errors
/// When it could not be written.
pub fn confirm(setup: &Setup) -> Result<()> {
    let ClockEvidence { now, last_reading, mut jumps, .. } = evidence(setup)?;
    // Somebody may have been wrong about an earlier one: beyond now there is none.
    jumps.iter_mut().for_each(|(_, to)| *to = (*to).min(now));
    jumps.retain(|(from, to)| from < to);
    let days = SignedDuration::from_hours(24 * i64::from(PAUSE_DAYS_MAX));
    jumps.extend(last_reading.filter(|last| now.duration_since(*last) > days).map(|last| (last, now)));
    let reading = Reading { last: now, confirmed: Some(now), jumps };
    let keep = || record::keep(&setup.places.state, KIND, NAME, &reading);
    action::recorded(setup, action::by_us(setup, ActionKind::ClockConfirm, None), keep, |()| Ending::Done)
}

/// Why a point that is made now is undated: the clock shows less than it did.
pub(crate) fn went_back(setup: &Setup) -> Result<Option<Refusal>> {
    let refusal = evidence(setup)?.doubt().err();
    Ok(refusal.filter(|refusal| matches!(refusal, Refusal::ClockWentBack { .. })))
}

/// That nothing of an asset or a client is deleted by such a clock.
pub(crate) fn refused(whose: &str, refusal: &Refusal) -> Error {
    Error::new(Ending::Refused, format!("{whose}: {refusal}"))
        .hint("when the clock is right and was not, or holdfast stood still so long: `holdfast purge --clock-is-right`")
}

fn read(setup: &Setup) -> Result<Option<Reading>> {
    record::one(&setup.places.state, KIND, NAME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weeks::Weeks;

    #[test]
    fn a_reading_that_cannot_follow_the_last_one_is_not_believed_however_often_it_is_made() {
        let weeks = Weeks::new();
        let is_right = || {
            note(&weeks.setup).unwrap();
            evidence(&weeks.setup).unwrap().doubt().is_ok()
        };
        assert!(is_right(), "the first reading has nothing to be doubted by");
        // Nothing but readings for half a year.
        for _ in 0..26 {
            weeks.pass(24 * 7);
            assert!(is_right());
        }
        let last = weeks.now();
        weeks.pass(24 * 8);
        assert!(!is_right() && !is_right());
        weeks.clock.set(last - SignedDuration::from_hours(1));
        assert!(!is_right() && !is_right());
        weeks.clock.set(last);
        assert!(is_right());
        weeks.pass(24 * 400);
        assert!(!is_right());
        confirm(&weeks.setup).unwrap();
        assert!(is_right());
        let jump = evidence(&weeks.setup).unwrap().jumps;
        assert_eq!(jump, [(last, weeks.now())]);
        // Whoever said so was wrong.
        weeks.clock.set(last + SignedDuration::from_hours(24 * 30));
        assert!(went_back(&weeks.setup).unwrap().is_some());
        confirm(&weeks.setup).unwrap();
        assert_eq!(evidence(&weeks.setup).unwrap().jumps, [(last, weeks.now())]);
        weeks.clock.set(last - SignedDuration::from_hours(24));
        confirm(&weeks.setup).unwrap();
        assert!(evidence(&weeks.setup).unwrap().jumps.is_empty());
    }
}
