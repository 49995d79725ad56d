//! The files that people edit while the daemon runs.
//!
//! A reload that believed whatever it finds would stop every backup with one typing error. So a changed file is validated
//! first; one that makes no sense is told loudly and remembered as an alarm, and what held before holds on.

use std::sync::Arc;

use holdfast_ledger::{AlarmKind, Ledger, NewAlarm};
use holdfast_model::{Policy, Severity, read_policy};
use jiff::Timestamp;

use super::Service;
use super::versions::Versions;
use crate::discover::{self, Watch};
use crate::error::{Error, Result};
use crate::setup::{Setup, Turns};
use crate::validate::{self, FileFindings};

/// What holds now.
pub(crate) struct Configuration {
    /// The versions of the policy.
    pub(crate) versions: Versions,
    /// The estate, under the policy that is in force.
    pub(crate) setup: Arc<Setup>,
    /// The number of the version in force; `None` before the first one holds.
    in_force: Option<u64>,
    /// The texts that were looked at last, whether or not they were any good.
    seen: Texts,
    /// Texts that are new since the last look. They count once they are the same for two looks: an editor that is in the
    /// middle of writing must not make the estate look empty.
    fresh: Option<Texts>,
    /// The roots whose folders are assets by themselves.
    roots: Watch,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Texts {
    policy: std::result::Result<String, String>,
    estate: std::result::Result<String, String>,
}

/// What a look at the files came to.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    /// Something else holds now.
    pub(crate) is_changed: bool,
    /// What people must know.
    pub(crate) alarms: Vec<NewAlarm>,
    /// What they may want to know.
    pub(crate) notes: Vec<String>,
}

impl Configuration {
    /// Reads the files at the start. Without a usable policy in the file the one in force holds; without a usable estate
    /// nothing can be done.
    pub(crate) fn begin(
        service: &Service,
        ledger: &Arc<Ledger>,
        turns: &Arc<Turns>,
        now: Timestamp,
    ) -> Result<(Configuration, Looked)> {
        let mut versions = Versions::load(ledger.read())?;
        let seen = Texts::read(service);
        let mut looked = Looked::default();
        let adopted = adopt(&mut versions, ledger, &seen, now, &mut looked);
        if let Err(error) = adopted {
            if versions.first().is_none() {
                return Err(error);
            }
            refuse(&mut looked, "policy.toml", &error, "the version before stays in force");
        }
        let (in_force, policy) = holding(&versions, now)?;
        if in_force.is_none() {
            let from = versions.first().map(|version| version.from.to_string()).unwrap_or_default();
            looked.notes.push(format!("the policy holds from {from} on; nothing is expected before"));
        }
        let setup = load(service, &policy, ledger, turns, &mut looked)?;
        Ok((
            Configuration {
                versions,
                setup: Arc::new(setup),
                in_force,
                seen,
                fresh: None,
                roots: Watch::default(),
            },
            looked,
        ))
    }

    /// Looks at the files again, and at the calendar: another version may hold from today.
    pub(crate) fn look(
        &mut self,
        service: &Service,
        ledger: &Arc<Ledger>,
        turns: &Arc<Turns>,
        now: Timestamp,
    ) -> Result<Looked> {
        let mut looked = Looked::default();
        let mut texts = Texts::read(service);
        if texts != self.seen && self.fresh.as_ref() != Some(&texts) {
            self.fresh = Some(texts);
            texts = self.seen.clone();
        }
        let is_estate_edited = texts.estate != self.seen.estate;
        if texts.policy != self.seen.policy {
            match adopt(&mut self.versions, ledger, &texts, now, &mut looked) {
                Ok(()) => {}
                Err(error) if error.ending == crate::ending::Ending::Usage => {
                    refuse(&mut looked, "policy.toml", &error, "the version before stays in force");
                }
                Err(error) => return Err(error),
            }
        }
        let (in_force, policy) = holding(&self.versions, now)?;
        self.seen = texts;
        // A policy that was refused, or holds from a later day, changes nothing now.
        if !is_estate_edited && in_force == self.in_force {
            self.look_at_roots(service, ledger, turns, &mut looked);
            return Ok(looked);
        }
        self.in_force = in_force;
        match load(service, &policy, ledger, turns, &mut looked) {
            Ok(setup) => {
                self.setup = Arc::new(setup);
                looked.is_changed = true;
            }
            Err(error) => refuse(&mut looked, "estate.toml", &error, "the estate before stays in use"),
        }
        Ok(looked)
    }
}

impl Configuration {
    /// Takes over what came and went in roots. The file is not read again: one that somebody is about to break must not hold
    /// up what is found.
    fn look_at_roots(
        &mut self,
        service: &Service,
        ledger: &Arc<Ledger>,
        turns: &Arc<Turns>,
        looked: &mut Looked,
    ) {
        let now = service.world.clock.monotonic();
        let Some(estate) = self.roots.look(&self.setup, now) else { return };
        looked.notes.extend(discover::said(&self.setup.estate, &estate));
        let setup = Setup::new(
            service.world.clone(),
            service.places.clone(),
            estate,
            self.setup.policy.clone(),
            Arc::clone(&service.stop.interrupted),
            Arc::clone(&service.tell),
        );
        self.setup = Arc::new(setup.beside(ledger, turns));
        looked.is_changed = true;
    }
}

impl Texts {
    fn read(service: &Service) -> Texts {
        let text = |name| validate::read(&service.places, name).map(|(_, text)| text).map_err(|e| e.message);
        Texts { policy: text("policy.toml"), estate: text("estate.toml") }
    }
}

/// Puts the file's text in force, where it is another than the latest version's.
fn adopt(
    versions: &mut Versions,
    ledger: &Ledger,
    texts: &Texts,
    now: Timestamp,
    looked: &mut Looked,
) -> Result<()> {
    let text = texts.policy.as_ref().map_err(|message| Error::usage(message.clone()))?;
    if versions.is_latest(text) {
        return Ok(());
    }
    let checked = read_policy("policy.toml", text);
    let wrong = checked.diagnostics.iter().filter(|finding| finding.severity == Severity::Error);
    let wrong: Vec<String> = wrong.map(ToString::to_string).collect();
    let policy = match checked.value {
        Some(policy) if wrong.is_empty() => policy,
        _ => return Err(Error::usage(wrong.join("; ")).hint("`holdfast validate` lists what is wrong")),
    };
    let number = versions.adopt(ledger, policy, text, now)?;
    if let Some(version) = versions.numbered(number) {
        let (from, approver) = (version.from, &version.approver);
        looked.notes.push(format!(
            "policy.toml is adopted as version {number}, approved by {approver} as the file says, and holds from {from}"
        ));
    }
    Ok(())
}

/// The version in force and its number; before the first one holds, that one without a number.
fn holding(versions: &Versions, now: Timestamp) -> Result<(Option<u64>, Policy)> {
    if let Some((number, version)) = versions.in_force(now) {
        return Ok((Some(number), version.policy.clone()));
    }
    let first = versions.first().ok_or_else(|| Error::usage("there is no policy"))?;
    Ok((None, first.policy.clone()))
}

/// Reads the estate under a policy.
fn load(
    service: &Service,
    policy: &Policy,
    ledger: &Arc<Ledger>,
    turns: &Arc<Turns>,
    looked: &mut Looked,
) -> Result<Setup> {
    let (places, world) = (&service.places, &service.world);
    let (setup, file) =
        validate::load_under(policy, places, world, &service.stop.interrupted, &service.tell)?;
    match setup {
        Some(setup) => {
            looked.notes.extend(errors(&file));
            Ok(setup.beside(ledger, turns))
        }
        None => {
            let wrong: Vec<String> = errors(&file).collect();
            Err(Error::usage(wrong.join("; ")).hint("`holdfast validate` lists what is wrong"))
        }
    }
}

fn errors(file: &FileFindings) -> impl Iterator<Item = String> {
    file.findings.iter().filter(|f| f.severity == Severity::Error).map(ToString::to_string)
}

fn refuse(looked: &mut Looked, file: &str, error: &Error, what_holds: &str) {
    looked.alarms.push(NewAlarm {
        kind: AlarmKind::ConfigurationRefused,
        subject: file.to_owned(),
        message: format!("{file} was changed and is not used: {error}; {what_holds}"),
    });
}
