//! The second half of a full backup: reading back what every location now holds.
//!
//! A full is one only when it was read twice: every byte of the source, and then everything that the point needs, from
//! each location. What was counted here is what the word "full" rests on.

use holdfast_ledger::NewCheck;
use holdfast_repo::{Archived, LocationState, Progress, Read, Repository, Troubles};
use jiff::Timestamp;
use serde::Serialize;

use crate::ending::Ending;
use crate::error::Result;
use crate::setup::Setup;
use crate::{evidence, verify};

/// What was read for a full.
#[derive(Debug, Serialize)]
pub struct Attestation {
    /// Bytes of the source read.
    pub source_bytes_read: u64,
    /// Bytes of the source in the point.
    pub source_bytes: u64,
    /// By location.
    pub locations: Vec<LocationAttestation>,
    /// What is written down of it, and when it was begun.
    #[serde(skip)]
    pub(crate) checks: (Timestamp, Vec<NewCheck>),
    #[serde(skip)]
    ending: Ending,
}

/// What was read back at one location.
#[derive(Debug, Serialize)]
pub struct LocationAttestation {
    /// The location.
    pub location: String,
    /// Packs read whole and authenticated, blob by blob.
    pub packs_read: u64,
    /// Their bytes.
    pub bytes_read: u64,
    /// Whether everything was found whole.
    pub is_whole: bool,
}

/// Reads everything back; whoever writes down how the run ended records the checks with it.
pub(crate) fn attest(
    setup: &Setup,
    repository_name: &str,
    repository: &Repository,
    archived: &Archived,
    troubles: &Troubles,
    progress: &Progress,
) -> Result<Attestation> {
    let time = setup.world.clock.now();
    let read = Read::Points(vec![archived.id]);
    let verified = verify::run(repository, None, read.clone(), troubles, progress, &setup.cancel())?;
    let known = evidence::load(setup, repository_name)?;
    let checks = evidence::checks_of(repository_name, &read, &verified, &known, &known);
    let locations = verified.locations.iter().map(|l| LocationAttestation {
        location: l.location.clone(),
        packs_read: l.packs_read,
        bytes_read: l.bytes_read,
        is_whole: l.state == LocationState::Ok,
    });
    Ok(Attestation {
        source_bytes_read: archived.totals.bytes_read,
        source_bytes: archived.totals.bytes,
        locations: locations.collect(),
        checks: (time, checks),
        ending: verify::judge(&verified),
    })
}

impl Attestation {
    /// How reading back ended.
    pub fn ending(&self) -> Ending {
        self.ending
    }

    /// The same for people.
    pub fn words(&self) -> String {
        let whole = self.locations.iter().filter(|l| l.is_whole).count();
        format!(
            "full: {} bytes of the source read; read back and whole at {whole} of {} locations",
            self.source_bytes_read,
            self.locations.len()
        )
    }
}
