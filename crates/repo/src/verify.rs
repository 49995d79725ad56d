//! Verifies what the locations hold: that everything the points need is there, whole, and what it claims to be.
//!
//! A location's word is never taken: names are hashes, sizes follow from the index, and with data read every blob is
//! opened. Verifying goes on after whatever it finds, because who has one damaged disk wants the whole list; and it only
//! reads, so it goes on where a lock is refused.

pub(crate) mod early;
pub(crate) mod new;
mod packs;
mod survey;

use std::sync::Arc;

use holdfast_format::Id;
use holdfast_location::Area;
use serde::Serialize;

pub(crate) use survey::Survey;

use crate::cancel::Cancel;
use crate::doubts::Doubts;
use crate::error::Result;
use crate::mirror::Mirror;
use crate::monitor::{Monitor, Trouble, TroubleKind};
use crate::progress::Progress;
use crate::repository::Repository;

/// What to verify.
#[derive(Clone, Debug)]
pub struct VerifyRequest {
    /// Only the locations of these names; all when `None`.
    pub locations: Option<Vec<String>>,
    /// How much data to read.
    pub read: Read,
}

/// How much of the packs is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// No pack: listings, sizes, index files, snapshots and directories.
    Structure,
    /// The packs of one slice. The slices 0 to `of - 1`, taken one after the other, cover every pack.
    Share {
        /// Which slice, from 0; taken modulo `of`.
        numerator: u32,
        /// How many slices there are.
        of: u32,
    },
    /// Every pack that these points need.
    Points(Vec<Id>),
    /// Every pack.
    All,
}

impl Read {
    /// Whether the pack is read. Which packs points need, only an index tells: for them every pack may be.
    pub fn chooses(&self, pack: &Id) -> bool {
        match *self {
            Read::Structure => false,
            Read::All | Read::Points(_) | Read::Share { of: 0, .. } => true,
            Read::Share { numerator, of } => {
                let mut prefix = [0; 4];
                prefix.copy_from_slice(&pack.0[..4]);
                u32::from_be_bytes(prefix) % of == numerator % of
            }
        }
    }
}

/// What verifying found.
#[derive(Clone, Debug, Serialize)]
pub struct Verified {
    /// By location.
    pub locations: Vec<LocationVerified>,
    /// What no single location is to blame for: blobs that points need and no index names.
    pub repository: Vec<Problem>,
    /// Points that were followed.
    pub points: u64,
}

/// What verifying found at one location.
#[derive(Clone, Debug, Serialize)]
pub struct LocationVerified {
    /// The location's name.
    pub location: String,
    /// The verdict.
    pub state: LocationState,
    /// The points that it lists.
    #[serde(skip)]
    pub points: Vec<Id>,
    /// Snapshots listed.
    pub snapshots: u64,
    /// Index files listed.
    pub index_files: u64,
    /// Packs listed.
    pub packs: u64,
    /// Packs read whole.
    pub packs_read: u64,
    /// Bytes read of packs.
    pub bytes_read: u64,
    /// Everything that is not as it should be, notices included.
    pub problems: Vec<Problem>,
}

/// The verdict on a location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LocationState {
    /// Whole, as far as was looked.
    Ok,
    /// Whole in itself, but it lacks what another location has.
    Owed,
    /// Something is damaged or missing.
    Damaged,
    /// It could not be verified, for this reason.
    Unusable(String),
}

/// What is wrong with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// It should be there and is not.
    Missing,
    /// It is shorter than it should be.
    Truncated,
    /// Its bytes are not what they should be.
    Altered,
    /// The location would not give it.
    Unreadable,
    /// Another location has it, this one never confirmed it.
    Owed,
    /// A pack that no index names. Harmless: the next prune removes it.
    Orphan,
    /// A lock that is damaged or whose holder is gone. Harmless: it is ignored or removed by the next deleter.
    Lock,
    /// It was deleted elsewhere and is still here. Harmless: the next prune or repair removes it.
    Waiting,
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// The object: area and name.
    pub object: String,
    /// What is wrong with it.
    pub kind: ProblemKind,
    /// The same for people.
    pub message: String,
    /// Points that need it, the oldest first.
    pub points: Vec<Id>,
    /// Some of the paths that need it.
    pub files: Vec<String>,
    /// How many paths need it.
    pub files_total: u64,
    #[serde(skip)]
    pub(crate) area: Area,
    #[serde(skip)]
    pub(crate) id: Option<Id>,
}

impl Problem {
    pub(crate) fn new(area: Area, id: Option<Id>, kind: ProblemKind, message: impl Into<String>) -> Problem {
        let object = match id {
            Some(id) => format!("{}/{id}", area.folder()),
            None => area.folder().to_owned(),
        };
        let message = message.into();
        Problem { object, kind, message, points: Vec::new(), files: Vec::new(), files_total: 0, area, id }
    }

    /// A problem with a pack that these points need.
    pub fn of_pack(id: Id, kind: ProblemKind, message: &str, points: Vec<Id>) -> Problem {
        Problem { points, ..Problem::new(Area::Data, Some(id), kind, message) }
    }

    /// A problem with the config.
    pub fn of_config(kind: ProblemKind, message: &str) -> Problem {
        Problem::new(Area::Config, None, kind, message)
    }

    /// Whether nothing is wrong that a person must know to trust the copy.
    pub fn is_notice(&self) -> bool {
        matches!(self.kind, ProblemKind::Orphan | ProblemKind::Lock | ProblemKind::Waiting)
    }
}

impl Verified {
    /// Whether damage was met anywhere. What is merely owed is no damage.
    pub fn is_damaged(&self) -> bool {
        !self.repository.is_empty() || self.locations.iter().any(|l| l.state == LocationState::Damaged)
    }

    /// Whether every location was verified and is whole.
    pub fn is_sound(&self) -> bool {
        self.repository.is_empty() && self.locations.iter().all(|l| l.state == LocationState::Ok)
    }
}

impl LocationVerified {
    /// A location at which nothing was found yet.
    pub fn empty(location: &str) -> LocationVerified {
        LocationVerified {
            location: location.to_owned(),
            state: LocationState::Ok,
            points: Vec::new(),
            snapshots: 0,
            index_files: 0,
            packs: 0,
            packs_read: 0,
            bytes_read: 0,
            problems: Vec::new(),
        }
    }

    fn conclude(&mut self) {
        if matches!(self.state, LocationState::Unusable(_)) {
            return;
        }
        let real = || self.problems.iter().filter(|p| !p.is_notice());
        self.state = match (real().any(|p| p.kind != ProblemKind::Owed), real().next().is_some()) {
            (true, _) => LocationState::Damaged,
            (false, true) => LocationState::Owed,
            (false, false) => LocationState::Ok,
        };
    }
}

impl Repository {
    /// Verifies the locations. Succeeds whatever is found; fails when asked to stop, or when nothing could be looked at.
    pub fn verify(
        &self,
        request: &VerifyRequest,
        monitor: &dyn Monitor,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Verified> {
        let is_chosen =
            |mirror: &Mirror| request.locations.as_ref().is_none_or(|l| l.iter().any(|n| n == mirror.name()));
        let chosen: Vec<Arc<Mirror>> = self.ready().into_iter().filter(|m| is_chosen(m)).collect();
        let _held = self.lock_for_reading(&chosen, monitor);
        let survey = self.survey(request, cancel)?;
        let verified = self.verify_survey(survey, &request.read, progress, cancel)?.0;
        for location in &verified.locations {
            if let LocationState::Unusable(reason) = &location.state {
                monitor.trouble(Trouble::new(TroubleKind::Location, &location.location, reason));
            }
            for problem in &location.problems {
                let kind = if problem.is_notice() { TroubleKind::Notice } else { TroubleKind::Damage };
                let subject = format!("{} at location {}", problem.object, location.location);
                monitor.trouble(Trouble::new(kind, subject, &problem.message));
            }
        }
        for problem in &verified.repository {
            monitor.trouble(Trouble::new(TroubleKind::Damage, &problem.object, &problem.message));
        }
        Ok(verified)
    }

    /// Follows the points and reads packs; the survey comes back with its index.
    pub(crate) fn verify_survey(
        &self,
        mut survey: Survey,
        read: &Read,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<(Verified, Survey)> {
        packs::read(self, &mut survey, read, progress, cancel)?;
        let (whole_nowhere, whole) = survey.judge_packs();
        Doubts::load(&self.folders.cache).note(whole_nowhere, whole);
        let repository = survey.explain(self, cancel)?;
        let mut locations = std::mem::take(&mut survey.reports);
        locations.iter_mut().for_each(LocationVerified::conclude);
        let points = survey.snapshots.len() as u64;
        Ok((Verified { locations, repository, points }, survey))
    }
}
