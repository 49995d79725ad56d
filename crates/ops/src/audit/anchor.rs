//! Carrying the log's signed head to the locations.
//!
//! What lies there already is compared first: a log that does not continue it was rewritten, shortened or replaced, and
//! signing that would turn the forgery into the truth. So then nothing is written there, and people are told.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_ledger::{AlarmKind, Checkpoint, Ledger, NewAlarm, TreeHead};
use holdfast_location::Location;
use holdfast_model::verdict::ForkFact;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::note::{Signer, Verifier};
use super::{log_key, place};
use crate::break_glass;
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::setup::Setup;

/// When a location gets a signed head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Where it has none of today.
    NewDay,
    /// Now.
    Now,
}

/// What was carried where.
#[derive(Debug, Default, Serialize)]
pub struct AnchorReport {
    /// The head that was signed; absent where no location was due.
    pub head: Option<TreeHead>,
    /// By location, those that were due.
    pub locations: Vec<AnchoredAt>,
    /// How it ended: damage where the log does not continue what lies somewhere.
    pub ending: Ending,
}

/// What became of one location.
#[derive(Debug, Serialize)]
pub struct AnchoredAt {
    /// The location.
    pub location: String,
    /// `stored`, `not stored` or `FORK`.
    pub state: &'static str,
    /// How many signed heads it was given, older ones that it lacked included.
    pub stored: usize,
    /// Why none was stored.
    pub reason: Option<String>,
}

/// Signs the head and stores it at every location that is due, with the older ones that it lacks.
///
/// # Errors
/// When the ledger or the key cannot be used. A location that cannot be reached is told in the report.
pub fn anchor(setup: &Setup, when: When) -> Result<AnchorReport> {
    let ledger = setup.ledger()?;
    let due = due(setup, ledger, when)?;
    if due.is_empty() {
        return Ok(AnchorReport::default());
    }
    let signer = log_key::signer(setup)?;
    let carrier = match sign(ledger, &signer)? {
        Ok(checkpoints) => {
            let retired = log_key::retired(ledger.read())?;
            Carrier { setup, ledger, verifier: signer.verifier(), retired, checkpoints }
        }
        Err(why) => {
            alarm(setup, ledger, ForkFact::HERE, changed(&why))?;
            return Err(Error::new(Ending::Damage, why).hint("`holdfast audit verify` tells more"));
        }
    };
    let mut report =
        AnchorReport { head: carrier.newest().map(|c| c.head.clone()), ..AnchorReport::default() };
    for name in due {
        let at = carrier.carry(&name)?;
        report.ending = report.ending.and(match at.state {
            FORK => Ending::Damage,
            STORED => Ending::Done,
            _ => Ending::Attention,
        });
        report.locations.push(at);
    }
    Ok(report)
}

const FORK: &str = "FORK";
const STORED: &str = "stored";

fn due(setup: &Setup, ledger: &Ledger, when: When) -> Result<Vec<String>> {
    let day = |instant: Timestamp| instant.to_zoned(setup.policy.zone.clone()).date();
    let today = day(setup.world.clock.now());
    let mut anchored: BTreeMap<String, Timestamp> = BTreeMap::new();
    for anchor in ledger.read().anchors(None)? {
        anchored.insert(anchor.location, anchor.happened_at);
    }
    let is_due = |name: &&str| when == When::Now || anchored.get(*name).is_none_or(|at| day(*at) != today);
    Ok(setup.location_names().filter(is_due).map(str::to_owned).collect())
}

/// Signs the head, and keeps that before it goes anywhere; returns all signed heads, the smallest tree first. The inner
/// error says why the log cannot be signed: it does not continue what was signed before.
fn sign(ledger: &Ledger, signer: &Signer) -> Result<std::result::Result<Vec<Checkpoint>, String>> {
    let reader = ledger.read();
    let retired = log_key::retired(reader)?;
    let mut kept = reader.checkpoints()?;
    kept.retain(|checkpoint| !is_of_another(&retired, &checkpoint.note));
    let sizes: BTreeSet<u64> = kept.iter().map(|checkpoint| checkpoint.head.leaves).collect();
    let (heads, head) = reader.tree_heads(&sizes)?;
    for checkpoint in &kept {
        let size = checkpoint.head.leaves;
        match signer.verifier().open_checkpoint(&checkpoint.note) {
            Ok(signed) if heads.contains(&signed) => {}
            Ok(signed) => {
                return Ok(Err(format!(
                    "the log's {} leaves do not continue what was signed here at {} leaves",
                    head.leaves, signed.leaves
                )));
            }
            Err(error) => {
                return Ok(Err(format!("the checkpoint of {size} leaves kept here {}", error.words())));
            }
        }
    }
    if kept.last().is_none_or(|last| last.head != head) {
        let note = signer.checkpoint(&head);
        ledger.write(|transaction| transaction.keep_checkpoint(&head, &note))?;
    }
    let mut all = reader.checkpoints()?;
    all.retain(|checkpoint| !is_of_another(&retired, &checkpoint.note));
    Ok(Ok(all))
}

/// Whether a key signed this that signed another log, before this one began.
fn is_of_another(retired: &[Verifier], note: &str) -> bool {
    retired.iter().any(|verifier| verifier.open_checkpoint(note).is_ok())
}

/// Carries signed heads to locations.
struct Carrier<'a> {
    setup: &'a Setup,
    ledger: &'a Ledger,
    verifier: &'a Verifier,
    /// Of former logs, which say nothing of this one.
    retired: Vec<Verifier>,
    checkpoints: Vec<Checkpoint>,
}

impl Carrier<'_> {
    fn newest(&self) -> Option<&Checkpoint> {
        self.checkpoints.last()
    }

    fn carry(&self, name: &str) -> Result<AnchoredAt> {
        let mut at = AnchoredAt { location: name.to_owned(), state: "not stored", stored: 0, reason: None };
        let location = match self.setup.location(name) {
            Ok(location) => location,
            Err(error) => {
                at.reason = Some(error.message);
                return Ok(at);
            }
        };
        let there = match self.look(&*location) {
            Ok(Ok(there)) => there,
            Ok(Err(fork)) => {
                alarm(self.setup, self.ledger, name, changed(&fork))?;
                (at.state, at.reason) = (FORK, Some(fork));
                return Ok(at);
            }
            Err(error) => {
                at.reason = Some(error.message);
                return Ok(at);
            }
        };
        self.miss(name, &there)?;
        for checkpoint in self.checkpoints.iter().filter(|checkpoint| !there.contains(&checkpoint.sha256)) {
            if let Err(error) = place::store_checkpoint(&*location, &checkpoint.note) {
                at.reason = Some(error.message);
                return Ok(at);
            }
            at.stored += 1;
        }
        if let Some(newest) = self.newest() {
            let now = self.setup.world.clock.now();
            self.ledger.write(|transaction| transaction.anchor(name, newest, now))?;
        }
        at.state = STORED;
        // What was done there without the log comes into it now.
        if let Err(error) = break_glass::merge_from(self.setup, self.ledger, &*location) {
            at.reason =
                Some(format!("records of what was done without the log were not read: {}", error.message));
        }
        Ok(at)
    }

    /// Tells of heads that the location was given and has no more. They are brought again; that somebody took them away stays
    /// in the log.
    fn miss(&self, name: &str, there: &BTreeSet<String>) -> Result<()> {
        let given = self.ledger.read().anchors(Some(name))?;
        let missing = given.iter().filter(|anchor| !there.contains(&anchor.checkpoint)).count();
        if missing == 0 {
            return Ok(());
        }
        let what = format!("{missing} of the signed heads that {name} was given do not lie there any more");
        alarm(self.setup, self.ledger, name, what)
    }

    /// The names of what lies there, once the log was found to continue it. The inner error says why it does not.
    fn look(&self, location: &dyn Location) -> Result<std::result::Result<BTreeSet<String>, String>> {
        let names = place::names(location)?;
        let known: BTreeMap<&str, &Checkpoint> =
            self.checkpoints.iter().map(|checkpoint| (checkpoint.sha256.as_str(), checkpoint)).collect();
        // What is kept here was compared with the leaves already, and a name says what it names. The newest is read all the
        // same: it is what a forger would have to replace.
        let newest = names.iter().filter_map(|name| known.get(name.as_str())).max_by_key(|c| c.head.leaves);
        let newest = newest.map(|checkpoint| checkpoint.sha256.as_str());
        let mut unknown = Vec::new();
        for name in &names {
            if known.contains_key(name.as_str()) && newest != Some(name.as_str()) {
                continue;
            }
            let lying = place::read(location, name)?;
            let note = lying.content.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
            let Some(note) = note else {
                return Ok(Err(format!("the object {name} among its checkpoints is not what its name says")));
            };
            match self.verifier.open_checkpoint(note) {
                Err(_) if is_of_another(&self.retired, note) => {}
                Ok(head) => unknown.push((head, note.to_owned())),
                Err(error) => {
                    return Ok(Err(format!("the object {name} among its checkpoints {}", error.words())));
                }
            }
        }
        let sizes: BTreeSet<u64> = unknown.iter().map(|(head, _)| head.leaves).collect();
        let (heads, ours) = self.ledger.read().tree_heads(&sizes)?;
        for (head, note) in &unknown {
            if !heads.contains(head) {
                return Ok(Err(format!(
                    "a checkpoint of {} leaves lies there that the log, with its {} leaves, does not continue",
                    head.leaves, ours.leaves
                )));
            }
            self.ledger.write(|transaction| transaction.keep_checkpoint(head, note))?;
        }
        Ok(Ok(names.into_iter().collect()))
    }
}

fn changed(why: &str) -> String {
    format!("the audit log was rewritten, shortened or replaced: {why}")
}

/// The same is told again after so long: a location is asked every hour while it is not well, and who gets the same alarm every
/// hour reads none.
const TOLD_EVERY: SignedDuration = SignedDuration::from_hours(24);

fn alarm(setup: &Setup, ledger: &Ledger, subject: &str, message: String) -> Result<()> {
    let now = setup.world.clock.now();
    let since = now.saturating_sub(TOLD_EVERY).unwrap_or(Timestamp::MIN);
    // The log grows meanwhile, and how many leaves it has makes it no other alarm.
    let words = |message: &str| message.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    let told = ledger.read().alarms_between(since, now)?;
    if told.iter().any(|one| {
        one.alarm.kind == AlarmKind::LogForked
            && one.alarm.subject == subject
            && words(&one.alarm.message) == words(&message)
    }) {
        return Ok(());
    }
    let alarm = NewAlarm { kind: AlarmKind::LogForked, subject: subject.to_owned(), message };
    Ok(ledger.write(|transaction| transaction.raise(alarm, now))?)
}
