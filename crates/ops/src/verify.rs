//! Verifies repositories and writes down what was found, so that `points` can tell what was read and what was not.

use std::collections::BTreeSet;

use holdfast_repo::{
    Cancel, LocationState, LocationVerified, MirrorState, Progress, Read, Repository, Trouble, Troubles,
    Verified, VerifyRequest,
};
use jiff::Timestamp;
use serde::Serialize;

use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::known_points::{self, KnownPoints, MissingPoint};
use crate::setup::Setup;
use crate::{evidence, points};

/// What verifying one repository found.
#[derive(Debug, Serialize)]
pub struct VerifyReport {
    /// The repository.
    pub repository: String,
    /// When it began.
    pub time: Timestamp,
    /// The slice that was read, and of how many; absent where it was no slice.
    pub slice: Option<(u32, u32)>,
    /// What was found; absent when it could not be done.
    pub verified: Option<Verified>,
    /// Points that were made, were not purged, and lie nowhere.
    pub missing: Vec<MissingPoint>,
    /// Why there is nothing to verify.
    pub skipped: Option<String>,
    /// Why it could not be done.
    pub error: Option<String>,
    /// What to do about that.
    pub hint: Option<String>,
    /// What went wrong on the way.
    pub troubles: Vec<Trouble>,
    /// Seconds it took.
    pub seconds: f64,
    /// How it ended.
    pub ending: Ending,
}

/// How much to read, as the command line says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Structure alone.
    Structure,
    /// Every byte.
    All,
    /// This percentage, another part each time, so that all is read after `100 / percent` runs.
    Percent(u32),
}

/// Verifies one repository.
pub fn verify(
    setup: &Setup,
    repository: &str,
    location: Option<&str>,
    amount: Amount,
    progress: &Progress,
) -> Result<VerifyReport> {
    if let Some(name) = location {
        setup.location(name)?;
    }
    let choose = || match amount {
        Amount::Structure => Ok(Read::Structure),
        Amount::All => Ok(Read::All),
        Amount::Percent(percent) => {
            let chosen = setup.location_names().filter(|name| location.is_none_or(|only| only == *name));
            evidence::next_slice(setup, repository, chosen, 100u32.div_ceil(percent.clamp(1, 100)))
        }
    };
    carry_out(setup, repository, location.map(|name| vec![name.to_owned()]), choose, progress)
}

/// Verifies one repository at some locations, or at all, and writes down what was found.
pub(crate) fn carry_out(
    setup: &Setup,
    repository: &str,
    locations: Option<Vec<String>>,
    choose: impl FnOnce() -> Result<Read>,
    progress: &Progress,
) -> Result<VerifyReport> {
    let time = setup.world.clock.now();
    let start = setup.world.clock.monotonic();
    let troubles = Troubles::default();
    // Hours of reading are for nothing where nobody can write down what was found.
    setup.ledger()?;
    let read = choose()?;
    let before = evidence::load(setup, repository)?;
    let known = known_points::load(&setup.places.state, repository)?.unwrap_or_default();
    let mut missing = Vec::new();
    let is_everywhere = locations.is_none();
    let outcome = setup.open(repository, None).and_then(|opened| {
        // Every place was reached, and none has anything.
        if opened.states().all(|(_, state)| *state == MirrorState::Absent) {
            missing = known.missing(&BTreeSet::new());
        }
        let verified = run(&opened, locations, read.clone(), &troubles, progress, &setup.cancel())?;
        evidence::keep(setup, repository, time, &read, &verified, &before)?;
        if is_everywhere {
            missing = find_missing(&opened, &known, &verified);
        }
        Ok(verified)
    });
    let mut report = VerifyReport {
        repository: repository.to_owned(),
        time,
        slice: match read {
            Read::Share { numerator, of } => Some((numerator, of)),
            _ => None,
        },
        verified: None,
        missing: Vec::new(),
        skipped: None,
        error: None,
        hint: None,
        troubles: troubles.list(),
        seconds: (setup.world.clock.monotonic() - start).as_secs_f64(),
        ending: Ending::Done,
    };
    match outcome {
        Ok(verified) => {
            report.ending = judge(&verified);
            report.verified = Some(verified);
        }
        Err(error) => {
            report.ending = error.ending;
            report.error = Some(error.message);
            report.hint = error.hint;
        }
    }
    if !missing.is_empty() {
        report.ending = report.ending.and(Ending::Damage);
    }
    report.missing = missing;
    Ok(report)
}

/// The report on a repository of which there is nothing yet: its assets were never backed up, or cannot be.
pub fn skipped(setup: &Setup, repository: &str, reason: String) -> VerifyReport {
    VerifyReport {
        repository: repository.to_owned(),
        time: setup.world.clock.now(),
        slice: None,
        verified: None,
        missing: Vec::new(),
        skipped: Some(reason),
        error: None,
        hint: None,
        troubles: Vec::new(),
        seconds: 0.0,
        ending: Ending::Done,
    }
}

/// Known points that nobody lists. As long as one location could not be asked, they may lie there.
fn find_missing(opened: &Repository, known: &KnownPoints, verified: &Verified) -> Vec<MissingPoint> {
    let absent: BTreeSet<String> = points::absent_at(opened).collect();
    let was_asked =
        |l: &LocationVerified| !matches!(l.state, LocationState::Unusable(_)) || absent.contains(&l.location);
    if !verified.locations.iter().all(was_asked) {
        return Vec::new();
    }
    let listed = verified.locations.iter().flat_map(|l| &l.points).map(ToString::to_string).collect();
    known.missing(&listed)
}

/// Verifies an open repository.
pub(crate) fn run(
    repository: &Repository,
    locations: Option<Vec<String>>,
    read: Read,
    troubles: &Troubles,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Verified> {
    let request = VerifyRequest { locations, read };
    repository.verify(&request, troubles, progress, cancel).map_err(Error::from)
}

/// Damage, then what is missing or unusable, then nothing.
pub(crate) fn judge(verified: &Verified) -> Ending {
    let of_location = |location: &LocationVerified| match &location.state {
        LocationState::Ok => Ending::Done,
        LocationState::Owed => Ending::Attention,
        LocationState::Damaged => Ending::Damage,
        LocationState::Unusable(_) => Ending::NotDone,
    };
    let locations = verified.locations.iter().map(of_location).fold(Ending::Done, Ending::and);
    if verified.repository.is_empty() { locations } else { Ending::Damage }
}
