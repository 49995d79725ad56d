//! The trials of an object lock: what it is worth against the credentials that we hold.
//!
//! What is locked here cannot be removed afterwards. So it lies under a name of its own, which walks leave out, is locked
//! for minutes, and is removed by the next trial.

use jiff::{SignedDuration, Timestamp};

use super::{Finding, Grade, PROBE_PREFIX, Probe, ProbeOptions, Topic, Verdict};
use crate::contract::Location;
use crate::error::{Error, ErrorKind};
use crate::key::{Area, Key};
use crate::object_lock::{LockBreak, whole_seconds};
use crate::surroundings::Surroundings;
use crate::walk::{Lying, What};

/// So long the object of a trial is locked: longer than the trial takes, and no longer.
const LOCKED_FOR: SignedDuration = SignedDuration::from_mins(5);

/// What all must be so before a lock counts as proven.
pub const LOCK_TOPICS: [Topic; 4] =
    [Topic::LockSet, Topic::LockedDeleteRefused, Topic::LockedBelowOverwriting, Topic::LockStays];

/// Bytes of the locked object.
const BYTES: usize = 256;

/// Tries out whether an object that was locked can be deleted, replaced or unlocked, with the credentials for writing and,
/// where there are others, those for deleting. Give it bare locations, as [`probe`](super::probe()).
///
/// Every one of [`LOCK_TOPICS`] must end in yes; a topic that is missing was not tried, because one before it failed.
pub fn probe_lock(
    writer: &dyn Location,
    deleter: Option<&dyn Location>,
    surroundings: &Surroundings,
) -> Vec<Finding> {
    let repository = format!("{PROBE_PREFIX}lock").into();
    let probe = Probe { location: writer, surroundings, options: ProbeOptions::default(), repository };
    let trial = Trial { probe, deleter: deleter.unwrap_or(writer), has_deleter: deleter.is_some() };
    trial.sweep();
    trial.run()
}

struct Trial<'a> {
    probe: Probe<'a>,
    deleter: &'a dyn Location,
    has_deleter: bool,
}

/// A way to get rid of what is locked.
type Attempt<'a> = dyn Fn(&dyn Location) -> Result<(), Error> + 'a;

/// The object of a trial.
struct Locked {
    key: Key,
    lying: Lying,
    until: Timestamp,
}

impl Trial<'_> {
    /// Removes what earlier trials left, as far as its lock is over.
    fn sweep(&self) {
        let Ok(walk) = self.deleter.walk(Some(&self.probe.repository)) else { return };
        for lying in &walk.lying {
            let _ = self.deleter.erase(lying);
        }
    }

    fn run(&self) -> Vec<Finding> {
        let (locked, set) = self.set();
        let mut findings = vec![set];
        let Some(locked) = locked else { return findings };
        let trials = [Trial::deleting_is_refused, Trial::lock_stays, Trial::below_overwriting];
        for trial in trials {
            findings.push(trial(self, &locked));
            // What is gone cannot be tried further.
            if findings.last().is_some_and(|finding| finding.outcome != Verdict::Yes) {
                break;
            }
        }
        findings
    }

    /// Who tries.
    fn actors(&self) -> impl Iterator<Item = (&'static str, &dyn Location)> {
        let writer = ("with the credentials for writing", self.probe.location);
        let deleter = ("with the credentials for deleting", self.deleter);
        [writer].into_iter().chain(self.has_deleter.then_some(deleter))
    }

    fn set(&self) -> (Option<Locked>, Finding) {
        let what = Topic::LockSet;
        let no = |tried: String, meaning: &str| {
            (None, Finding::new(what, Verdict::No, Grade::Bad, tried, meaning))
        };
        let content = self.probe.random(BYTES);
        let key = self.probe.key(Area::Data, &content);
        let until = whole_seconds(
            self.probe.surroundings.clock.now().saturating_add(LOCKED_FOR).unwrap_or(Timestamp::MAX),
        );
        let location = self.probe.location;
        let stored = location.prepare(&self.probe.repository).and_then(|()| location.put(&key, content));
        if let Err(error) = stored.and_then(|_| location.retain(&key, until).map(|_| ())) {
            let meaning = match error.kind {
                ErrorKind::Refused => {
                    "these credentials may not lock objects, or the clocks differ; nothing is immutable there"
                }
                ErrorKind::Unsupported => {
                    "the bucket was made without object lock; nothing is immutable there"
                }
                _ => "nothing can be locked there",
            };
            return no(error.to_string(), meaning);
        }
        match location.retained_until(&key.path(), None) {
            Ok(Some(said)) if said == until => {}
            Ok(said) => {
                let said = said.map_or("no lock at all".to_owned(), |said| format!("a lock until {said}"));
                let tried = format!("an object was locked until {until}, and says {said}");
                return no(tried, "the place accepts locks and does not keep them");
            }
            Err(error) => return no(error.to_string(), "nobody can see until when an object is locked"),
        }
        let lying = match self.versions(&key) {
            Ok(versions) => versions.into_iter().find(|lying| lying.what == What::Current),
            Err(error) => return no(error.to_string(), "nobody can see which versions are there"),
        };
        match lying.filter(|lying| lying.version.is_some()) {
            Some(lying) => {
                let tried = format!("an object was locked until {until}, and says so");
                let finding = Finding::new(what, Verdict::Yes, Grade::Fine, tried, "locks can be set");
                (Some(Locked { key, lying, until }), finding)
            }
            None => no("a locked object has no version".to_owned(), "whoever overwrites it destroys it"),
        }
    }

    fn versions(&self, key: &Key) -> Result<Vec<Lying>, Error> {
        let walk = self.deleter.walk(Some(&self.probe.repository))?;
        if let Some(cause) = walk.refused.first() {
            return Err(Error::new(ErrorKind::Refused, self.deleter.name(), "list versions", cause));
        }
        Ok(walk.lying.into_iter().filter(|lying| lying.path == key.path()).collect())
    }

    /// Whether the locked version is still there and locked as long.
    fn is_kept(&self, locked: &Locked) -> Result<bool, Error> {
        let is_there = self
            .versions(&locked.key)?
            .iter()
            .any(|lying| lying.version == locked.lying.version && lying.what != What::DeleteMarker);
        let version = locked.lying.version.as_deref();
        let until = self.probe.location.retained_until(&locked.lying.path, version);
        match until {
            Ok(until) => Ok(is_there && until == Some(locked.until)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Each attempt by each of us must be refused, and must have done nothing.
    fn all_refused(
        &self,
        what: Topic,
        locked: &Locked,
        attempts: &[(&str, &Attempt<'_>)],
        good: &str,
        bad: &str,
    ) -> Finding {
        let mut refusals = Vec::new();
        for (who, location) in self.actors() {
            for (name, attempt) in attempts {
                let outcome = attempt(location);
                let is_kept = match self.is_kept(locked) {
                    Ok(is_kept) => is_kept,
                    Err(error) => return Finding::unknown(what, &error),
                };
                let tried = match (is_kept, &outcome) {
                    (false, _) => format!("{name} {who}, and the version or its lock is gone"),
                    (true, Ok(())) => format!("{name} {who} was accepted and not done"),
                    (true, Err(error)) if error.kind == ErrorKind::Refused => {
                        refusals.push(format!("{name} {who}"));
                        continue;
                    }
                    (true, Err(error)) => return Finding::unknown(what, error),
                };
                return Finding::new(what, Verdict::No, Grade::Bad, tried, bad);
            }
        }
        let tried = format!("refused: {}", refusals.join(", "));
        Finding::new(what, Verdict::Yes, Grade::Fine, tried, good)
    }

    fn lock_stays(&self, locked: &Locked) -> Finding {
        let sooner = self.probe.surroundings.clock.now().saturating_add(SignedDuration::from_secs(30));
        let sooner = sooner.unwrap_or(locked.until).min(locked.until);
        let shorten =
            move |location: &dyn Location| location.break_lock(&locked.lying, LockBreak::Shorten(sooner));
        let bypass = |location: &dyn Location| location.break_lock(&locked.lying, LockBreak::Bypass);
        self.all_refused(
            Topic::LockStays,
            locked,
            &[("shortening it", &shorten), ("bypassing it", &bypass)],
            "whoever holds our credentials waits until the lock is over",
            "whoever holds these credentials gets rid of a lock and then deletes: it protects from nothing",
        )
    }

    fn deleting_is_refused(&self, locked: &Locked) -> Finding {
        let erase = |location: &dyn Location| location.erase(&locked.lying);
        self.all_refused(
            Topic::LockedDeleteRefused,
            locked,
            &[("deleting the version", &erase)],
            "what is locked stays until then, whoever wants it gone",
            "the place says locked and lets it be deleted: nothing is immutable there",
        )
    }

    /// A lock keeps a version, and not its name: others may be put over it.
    fn below_overwriting(&self, locked: &Locked) -> Finding {
        let what = Topic::LockedBelowOverwriting;
        let overwritten = self.probe.location.overwrite_raw(&locked.key, self.probe.random(BYTES));
        let hidden = self.deleter.delete(&locked.key);
        let word = |outcome: &Result<(), Error>| if outcome.is_ok() { "accepted" } else { "refused" };
        let tried =
            format!("writing over it was {}, deleting it by name was {}", word(&overwritten), word(&hidden));
        match self.is_kept(locked) {
            Ok(true) => Finding::new(
                what,
                Verdict::Yes,
                Grade::Fine,
                format!("{tried}; the locked version lies below, unchanged"),
                "what hides it can be taken away again, and the bytes are there",
            ),
            Ok(false) => Finding::new(
                what,
                Verdict::No,
                Grade::Bad,
                format!("{tried}; the locked version is gone"),
                "whoever writes over an object destroys it, locked or not",
            ),
            Err(error) => Finding::unknown(what, &error),
        }
    }
}

impl Probe<'_> {
    /// Whether an object is locked that nobody locked. None where the place locks nothing.
    pub(super) fn default_retention(&self) -> Option<Finding> {
        let what = Topic::DefaultRetention;
        let content = self.random(BYTES);
        let key = self.key(Area::Index, &content);
        if let Err(error) = self.location.put(&key, content) {
            return Some(Finding::unknown(what, &error));
        }
        match self.location.retained_until(&key.path(), None) {
            Ok(Some(until)) => Some(Finding::new(
                what,
                Verdict::Yes,
                Grade::Bad,
                format!("a new object is locked until {until}, though nobody locked it"),
                "keys and locks are locked as well, and purged data stays as long: take the bucket's default \
                 retention away, and let holdfast lock (object_lock in estate.toml)",
            )),
            Ok(None) => Some(Finding::new(
                what,
                Verdict::No,
                Grade::Fine,
                "a new object is not locked",
                "only what holdfast locks is locked",
            )),
            Err(error) if error.kind == ErrorKind::Unsupported => None,
            Err(error) => Some(Finding::unknown(what, &error)),
        }
    }
}
