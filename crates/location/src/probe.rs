//! Proving what a place really does. Servers accept a lock and delete the object all the same, promise not to
//! overwrite and overwrite, list a page and call it everything; a copy that somebody believes in because of a
//! setting is no copy. So everything said here was tried, in a repository of its own, and what was not tried is
//! called unknown.

mod facts;
mod locking;
mod speed;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::contract::Location;
use crate::error::Error;
use crate::key::{Area, Key};
use crate::surroundings::Surroundings;

pub use self::locking::{LOCK_TOPICS, probe_lock};

/// Repositories of probes begin so; [`Location::repositories`] leaves them out.
pub const PROBE_PREFIX: &str = "holdfast-probe-";

/// How much to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeOptions {
    /// Size of the objects for throughput.
    pub object_bytes: usize,
    /// Such objects moved each way; the median counts.
    pub transfers: u32,
    /// Look-ups for the round-trip time; the median counts.
    pub round_trips: u32,
    /// Small objects for the listing.
    pub listed_objects: u32,
}

impl Default for ProbeOptions {
    fn default() -> ProbeOptions {
        ProbeOptions { object_bytes: 16 << 20, transfers: 3, round_trips: 15, listed_objects: 50 }
    }
}

/// What was asked of the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// Does it answer, and has it its marker?
    Reachable,
    /// Can an object be stored?
    Write,
    /// Does it come back as it was stored?
    ReadBack,
    /// Does a part of it come back?
    RangedRead,
    /// Is a second upload of the same recognised?
    SameAgain,
    /// Does an upload of another size under the same name change nothing?
    OtherSize,
    /// Is an object absent or whole while it is stored?
    WholeOrAbsent,
    /// Does a listing name everything?
    ListComplete,
    /// Do these credentials fail to overwrite an object?
    OverwriteRefused,
    /// Do these credentials fail to delete an object?
    DeleteRefused,
    /// May these credentials delete a lock?
    LockDelete,
    /// Does the bucket lock by itself whatever is stored?
    DefaultRetention,
    /// Does an object say that it is locked, once it was?
    LockSet,
    /// Does a version outlive every attempt to delete it before its time?
    LockedDeleteRefused,
    /// Does it lie unchanged below what is written over it, and below its deletion by name?
    LockedBelowOverwriting,
    /// Does a lock refuse to be shortened or bypassed?
    LockStays,
    /// The time of a small call.
    RoundTrip,
    /// The speed of storing.
    ThroughputUp,
    /// The speed of reading.
    ThroughputDown,
    /// Did the probe leave nothing behind?
    CleanUp,
}

/// What trying showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is so.
    Yes,
    /// It is not so.
    No,
    /// A number, see [`Finding::measured`].
    Measured,
    /// It could not be tried.
    Unknown,
}

/// What the verdict is to a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// As it should be, or a plain number.
    Fine,
    /// To be known; the place can be used.
    Note,
    /// The place breaks a promise that the engine stands on.
    Bad,
}

/// A measured number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Measure {
    /// How many.
    pub value: f64,
    /// Of what.
    pub unit: Unit,
}

/// The units of [`Measure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Millions of bytes a second.
    #[serde(rename = "MB/s")]
    MegabytesPerSecond,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            Unit::Milliseconds => write!(f, "{:.1} ms", self.value),
            Unit::MegabytesPerSecond => write!(f, "{:.1} MB/s", self.value),
        }
    }
}

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What was asked.
    pub what: Topic,
    /// What trying showed.
    pub outcome: Verdict,
    /// What it is to a backup.
    pub grade: Grade,
    /// What was done and what happened.
    pub tried: String,
    /// What it means, for people.
    pub meaning: String,
    /// The number, where one was measured.
    pub measured: Option<Measure>,
}

impl Finding {
    fn new(what: Topic, outcome: Verdict, grade: Grade, tried: impl Into<String>, meaning: &str) -> Finding {
        Finding { what, outcome, grade, tried: tried.into(), meaning: meaning.to_owned(), measured: None }
    }

    fn unknown(what: Topic, error: &Error) -> Finding {
        let meaning = "nothing can be said about it";
        Finding::new(what, Verdict::Unknown, Grade::Note, format!("could not be tried: {error}"), meaning)
    }

    fn measured(what: Topic, value: f64, unit: Unit, tried: String, meaning: &str) -> Finding {
        let finding = Finding::new(what, Verdict::Measured, Grade::Fine, tried, meaning);
        Finding { measured: Some(Measure { value, unit }), ..finding }
    }
}

/// What the single trials work with.
struct Probe<'a> {
    location: &'a dyn Location,
    surroundings: &'a Surroundings,
    options: ProbeOptions,
    repository: Arc<str>,
}

/// Tries out a place with the credentials with which it was opened, in a repository of its own that is removed again
/// as far as the place lets it. Give it the bare location: layers would prove themselves.
///
/// A place that cannot be used yields findings, too; there is no error beside them.
pub fn probe(location: &dyn Location, surroundings: &Surroundings, options: ProbeOptions) -> Vec<Finding> {
    let repository = format!("{PROBE_PREFIX}{}", surroundings.random_hex(8)).into();
    let probe = Probe { location, surroundings, options, repository };
    let mut findings = vec![probe.reachable()];
    if findings[0].outcome == Verdict::No {
        return findings;
    }
    findings.extend(probe.reading_and_writing());
    if findings[1].outcome == Verdict::Yes {
        findings.push(probe.whole_or_absent());
        findings.push(probe.list_complete());
        findings.push(probe.overwrite_refused());
        findings.push(probe.delete_refused());
        findings.push(probe.lock_delete());
        findings.extend(probe.default_retention());
        findings.extend(probe.speed());
    }
    findings.push(probe.clean_up());
    findings
}

impl Probe<'_> {
    /// Random bytes: nothing on the way can compress or deduplicate them.
    fn random(&self, length: usize) -> Bytes {
        let mut bytes = vec![0; length];
        self.surroundings.random.fill(&mut bytes);
        bytes.into()
    }

    /// The key under which restic's layout expects this content.
    fn key(&self, area: Area, content: &[u8]) -> Key {
        let name =
            Sha256::digest(content).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        Key::new(&self.repository, area, name)
    }

    fn clean_up(&self) -> Finding {
        let what = Topic::CleanUp;
        let (mut left, mut refusal) = (0, None);
        for area in Area::ALL {
            let listed = match self.location.list(&self.repository, area) {
                Ok(listed) => listed,
                Err(error) => return Finding::unknown(what, &error),
            };
            for object in listed {
                if let Err(error) = self.location.delete(&Key::new(&self.repository, area, object.name)) {
                    left += 1;
                    refusal = Some(error);
                }
            }
        }
        let mut removed = "everything was removed";
        if self.location.hides_versions() {
            match self.location.walk(Some(&self.repository)) {
                Ok(walk) => {
                    for lying in &walk.lying {
                        if let Err(error) = self.location.erase(lying) {
                            left += 1;
                            refusal = Some(error);
                        }
                    }
                }
                Err(_) => {
                    removed = "everything that is listed was removed; older versions could not be looked for";
                }
            }
        }
        let Some(refusal) = refusal else {
            // What stays of empty folders is hidden by its name.
            let _ = self.location.discard_empty(&self.repository);
            return Finding::new(
                what,
                Verdict::Yes,
                Grade::Fine,
                removed,
                "nothing that is known of is left behind",
            );
        };
        Finding::new(
            what,
            Verdict::No,
            Grade::Note,
            format!("{left} objects of {} stay: {refusal}", self.repository),
            "these credentials cannot delete, which is what they are for; remove the folder with others one day",
        )
    }
}
