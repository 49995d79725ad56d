//! Reads policy and estate, and says what is wrong with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use holdfast_model::estate::relations_resolved;
use holdfast_model::{Diagnostic, Severity, compare, read_estate, read_policy};
use holdfast_world::World;

use crate::error::{Error, Result};
use crate::setup::{Places, Setup};

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
    /// Whether anything makes the configuration unusable.
    pub fn has_errors(&self) -> bool {
        self.setup.is_none()
    }

    /// Whether anything was found.
    pub fn has_findings(&self) -> bool {
        self.findings.iter().any(|f| !f.findings.is_empty())
    }
}

/// Adds what `policy lint` finds, for a configuration without errors. Apart from loading, because a promise that the words
/// of the policy cannot keep stops no backup.
pub fn lint(loaded: &mut Loaded) {
    let Some(setup) = &loaded.setup else { return };
    let Some(file) = loaded.findings.first_mut() else { return };
    let now = setup.world.clock.now();
    let found = crate::policy::lint::diagnostics(&setup.policy, &setup.estate, &file.path, now);
    file.findings.extend(found);
}

/// Loads policy.toml and estate.toml from the configuration folder.
pub fn load(places: &Places, world: &World, interrupted: &Arc<AtomicBool>) -> Result<Loaded> {
    let (policy_path, policy_text) = read(places, "policy.toml")?;
    let (estate_path, estate_text) = read(places, "estate.toml")?;
    let policy = read_policy(&policy_path.display().to_string(), &policy_text);
    let estate = read_estate(&estate_path.display().to_string(), &estate_text);
    let mut estate_findings = estate.diagnostics;
    if let (Some(policy), Some(estate)) = (&policy.value, &estate.value) {
        estate_findings.extend(compare(policy, estate, &estate_path.display().to_string(), &estate_text));
    }
    if let Some(estate) = &estate.value {
        let file = estate_path.display().to_string();
        estate_findings.extend(relations_resolved(estate, &file, &estate_text, &resolved));
    }
    let has_errors = |findings: &[Diagnostic]| findings.iter().any(|d| d.severity == Severity::Error);
    let is_usable = !has_errors(&policy.diagnostics) && !has_errors(&estate_findings);
    let setup = match (policy.value, estate.value) {
        (Some(policy), Some(estate)) if is_usable => {
            Some(Setup::new(world.clone(), places.clone(), estate, policy, Arc::clone(interrupted)))
        }
        _ => None,
    };
    let findings = vec![
        FileFindings { path: policy_path, text: policy_text, findings: policy.diagnostics },
        FileFindings { path: estate_path, text: estate_text, findings: estate_findings },
    ];
    Ok(Loaded { setup, findings })
}

/// The path without symbolic links, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
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
