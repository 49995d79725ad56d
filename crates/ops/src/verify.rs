//! Verifies repositories and keeps what was found, so that `points` can tell what was read and what was not.

use holdfast_repo::{
    Cancel, LocationState, LocationVerified, Progress, Read, Repository, Trouble, Troubles, Verified,
    VerifyRequest,
};
use jiff::Timestamp;
use serde::Serialize;

use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::evidence;
use crate::setup::Setup;

/// What verifying one repository found.
#[derive(Debug, Serialize)]
pub struct VerifyReport {
    /// The repository.
    pub repository: String,
    /// When it began.
    pub time: Timestamp,
    /// What was found; absent when it could not be done.
    pub verified: Option<Verified>,
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
    let time = setup.world.clock.now();
    let start = setup.world.clock.monotonic();
    let troubles = Troubles::default();
    let state = &setup.places.state;
    let outcome = setup.open(repository, None).and_then(|opened| {
        let read = match amount {
            Amount::Structure => Read::Structure,
            Amount::All => Read::All,
            Amount::Percent(percent) => {
                let chosen = setup.location_names().filter(|name| location.is_none_or(|only| only == *name));
                evidence::next_slice(state, repository, chosen, 100u32.div_ceil(percent.clamp(1, 100)))?
            }
        };
        let verified = run(&opened, location, read.clone(), &troubles, progress, &setup.cancel())?;
        evidence::keep(state, repository, time, &read, &verified)?;
        Ok(verified)
    });
    let mut report = VerifyReport {
        repository: repository.to_owned(),
        time,
        verified: None,
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
    Ok(report)
}

/// Verifies an open repository.
pub(crate) fn run(
    repository: &Repository,
    location: Option<&str>,
    read: Read,
    troubles: &Troubles,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Verified> {
    let request = VerifyRequest { locations: location.map(|l| vec![l.to_owned()]), read };
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
