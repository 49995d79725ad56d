//! Reads policy and estate, and says what is wrong with them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use holdfast_location::layers::breaker::Tell;
use holdfast_model::estate::relations_resolved;
use holdfast_model::lint::LintInput;
use holdfast_model::{Diagnostic, Policy, Severity, compare, read_estate, read_policy};
use holdfast_world::World;

use crate::error::{Error, Result};
use crate::left_behind::{self, LeftBehind};
use crate::object_lock::{self, Worth};
use crate::setup::{Places, Setup};
use crate::verdicts::databases;
use crate::{discover, measured, policy};

/// A file with what is wrong with it.
#[derive(Clone, Debug)]
pub struct FileFindings {
    /// The file.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// What was found.
    pub findings: Vec<Diagnostic>,
}

/// A configuration, as far as it could be loaded.
pub struct Loaded {
    /// The setup, unless there are errors.
    pub setup: Option<Setup>,
    /// What was found, per file.
    pub findings: Vec<FileFindings>,
}

impl Loaded {
    /// Whether anything is wrong. A run may be possible nevertheless: a location that cannot be opened is left out of it.
    pub fn has_errors(&self) -> bool {
        self.setup.is_none() || self.findings.iter().any(|f| has_errors(&f.findings))
    }

    /// Whether anything was found.
    pub fn has_findings(&self) -> bool {
        self.findings.iter().any(|f| !f.findings.is_empty())
    }
}

/// Adds what `policy lint` finds, for a configuration without errors. Apart from loading, because a promise that the words
/// of the policy cannot keep stops no backup.
pub fn lint(loaded: &mut Loaded) -> Result<()> {
    let Some(setup) = &loaded.setup else { return Ok(()) };
    let Some(file) = loaded.findings.first_mut() else { return Ok(()) };
    let measured = measured::by_class(&setup.places.state, &setup.estate)?;
    let input = LintInput {
        policy: &setup.policy,
        estate: Some(&setup.estate),
        measured: &measured,
        last_review: policy::review::last(&setup.places.state, &setup.policy)?,
        now: setup.world.clock.now(),
    };
    let found = policy::lint::diagnostics(&input, &file.path);
    file.findings.extend(found);
    Ok(())
}

/// Adds what trusted database servers have and nothing backs up. Apart from loading, because servers are asked for it.
pub fn unpaired(loaded: &mut Loaded) {
    let Some(setup) = &loaded.setup else { return };
    let Some(file) = loaded.findings.last_mut() else { return };
    for seen in databases::look(setup, &BTreeMap::new()) {
        for database in seen.unpaired {
            file.findings.push(Diagnostic {
                severity: Severity::Warning,
                code: "estate.database-unpaired".to_owned(),
                message: format!(
                    "the database {database:?} at {} belongs to no asset: nothing backs it up",
                    seen.server
                ),
                file: file.path.display().to_string(),
                span: 0..0,
                hint: Some(
                    "name it in databases of a website, or in ignore of its server in database_servers"
                        .to_owned(),
                ),
            });
        }
    }
}

/// Loads policy.toml and estate.toml from the configuration folder. `tell` is told what cannot wait for the report.
pub fn load(places: &Places, world: &World, interrupted: &Arc<AtomicBool>, tell: &Tell) -> Result<Loaded> {
    let (path, text) = read(places, "policy.toml")?;
    let policy = read_policy(&path.display().to_string(), &text);
    let is_usable = !has_errors(&policy.diagnostics);
    let file = FileFindings { path, text, findings: policy.diagnostics };
    let (mut setup, estate) = load_estate(places, world, interrupted, tell, policy.value)?;
    setup = setup.filter(|_| is_usable);
    Ok(Loaded { setup, findings: vec![file, estate] })
}

/// Loads estate.toml alone, under a policy that is known already; what is found is about the estate.
pub(crate) fn load_under(
    policy: &Policy,
    places: &Places,
    world: &World,
    interrupted: &Arc<AtomicBool>,
    tell: &Tell,
) -> Result<(Option<Setup>, FileFindings)> {
    load_estate(places, world, interrupted, tell, Some(policy.clone()))
}

fn load_estate(
    places: &Places,
    world: &World,
    interrupted: &Arc<AtomicBool>,
    tell: &Tell,
    policy: Option<Policy>,
) -> Result<(Option<Setup>, FileFindings)> {
    let (path, text) = read(places, "estate.toml")?;
    let file = path.display().to_string();
    let estate = read_estate(&file, &text);
    let mut findings = estate.diagnostics;
    let mut value = estate.value;
    if let Some(estate) = &mut value {
        let known =
            if estate.discoveries.is_empty() { BTreeMap::new() } else { discover::known(&places.state) };
        findings.extend(discover::find(estate, places, &known, (&file, &text)));
    }
    if let (Some(policy), Some(estate)) = (&policy, &value) {
        findings.extend(compare(policy, estate, &file, &text));
    }
    if let Some(estate) = &value {
        findings.extend(relations_resolved(estate, &file, &text, &resolved));
    }
    let setup = match (policy, value) {
        (Some(policy), Some(estate)) if !has_errors(&findings) => {
            let interrupted = Arc::clone(interrupted);
            Some(Setup::new(world.clone(), places.clone(), estate, policy, interrupted, Arc::clone(tell)))
        }
        _ => None,
    };
    if let Some(setup) = &setup {
        findings.extend(unopened(setup, &file));
        findings.extend(unproven(setup, &file)?);
        findings.extend(strays(setup, &file)?);
    }
    Ok((setup, FileFindings { path, text, findings }))
}

/// Locations that every run would have to leave out.
fn unopened(setup: &Setup, file: &str) -> Vec<Diagnostic> {
    let finding = |(name, reason): (&str, &str)| {
        let span = setup.estate.locations.get(name)?.span.range();
        Some(Diagnostic {
            severity: Severity::Error,
            code: "estate.location-cannot-be-opened".to_owned(),
            message: format!("the location {name} cannot be opened: {reason}"),
            file: file.to_owned(),
            span,
            hint: Some("until then backups go to the others, and this one is owed its copies".to_owned()),
        })
    };
    setup.unopened().filter_map(finding).collect()
}

/// Locations that shall lock, and of which nothing shows that they do.
fn unproven(setup: &Setup, file: &str) -> Result<Vec<Diagnostic>> {
    let mut findings = Vec::new();
    for (name, location) in &setup.estate.locations {
        let Some(mode) = &location.object_lock else { continue };
        let Some(Worth::Unproven(why)) = object_lock::worth(setup, name.as_ref())? else { continue };
        findings.push(Diagnostic {
            severity: Severity::Warning,
            code: "estate.object-lock-unproven".to_owned(),
            message: format!("that the location {name} locks objects is not proven: {why}"),
            file: file.to_owned(),
            span: mode.span.range(),
            hint: Some(format!(
                "run `holdfast location test {name}`; until then nothing there counts as locked"
            )),
        });
    }
    Ok(findings)
}

/// Points of assets that the estate does not name any more, as far as the records know them.
fn strays(setup: &Setup, file: &str) -> Result<Vec<Diagnostic>> {
    let finding = |left: LeftBehind| Diagnostic {
        severity: Severity::Warning,
        code: "estate.points-left-behind".to_owned(),
        message: left.words(),
        file: file.to_owned(),
        span: 0..0,
        hint: Some(
            "was the asset renamed, or did its client change? Declare it again to keep its last point"
                .to_owned(),
        ),
    };
    Ok(left_behind::known(setup)?.into_iter().map(finding).collect())
}

pub(crate) fn has_errors(findings: &[Diagnostic]) -> bool {
    findings.iter().any(|d| d.severity == Severity::Error)
}

/// The path without symbolic links, as far as it exists.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    let real = path.ancestors().find_map(|ancestor| {
        let real = std::fs::canonicalize(ancestor).ok()?;
        Some(path.strip_prefix(ancestor).map_or_else(|_| real.clone(), |rest| real.join(rest)))
    });
    real.unwrap_or_else(|| path.to_owned())
}

pub(crate) fn read(places: &Places, name: &str) -> Result<(PathBuf, String)> {
    let path = places.config.join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok((path, text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::usage(format!("there is no {}", path.display()))
                .hint("`holdfast init DIR` writes one; --config names the folder"))
        }
        Err(error) => Err(Error::usage(format!("read {}: {error}", path.display()))),
    }
}
