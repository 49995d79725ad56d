//! What can be asked of the policy itself, before and beside any run.

pub mod coverage;
pub mod history;
pub mod lint;
pub mod render;
pub mod review;
pub mod show;
pub mod simulate;

use std::collections::BTreeMap;
use std::path::PathBuf;

use holdfast_model::slot::Lasts;
use holdfast_model::{Class, Dataset, Estate, Policy, read_estate, read_policy};
use jiff::civil::Date;

use crate::error::Result;
use crate::measured;
use crate::setup::Places;
use crate::validate::{FileFindings, read};

/// The policy as it is written, with the estate where that can be read.
pub struct Written {
    /// The policy's file.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// What it says; `None` when it has errors.
    pub policy: Option<Policy>,
    /// What is protected, where estate.toml is there and free of errors.
    pub estate: Option<Estate>,
    /// What was found in the policy's file.
    pub findings: FileFindings,
    /// How long the points of each dataset took, as the ledger has it.
    measured: BTreeMap<(Class, Dataset), Lasts>,
    /// The day of the last recorded review.
    last_review: Option<Date>,
}

/// Reads policy.toml, and estate.toml for what it can add.
pub fn written(places: &Places) -> Result<Written> {
    let (path, text) = read(places, "policy.toml")?;
    let checked = read_policy(&path.display().to_string(), &text);
    // Questions about the policy can be answered before there is an estate; `validate` tells what is wrong with one.
    let estate = read(places, "estate.toml").ok();
    let estate = estate.and_then(|(path, text)| read_estate(&path.display().to_string(), &text).value);
    let findings = FileFindings { path: path.clone(), text: text.clone(), findings: checked.diagnostics };
    // An older ledger, or none, has measured nothing yet; what the policy assumes is shown as assumed.
    let measured = estate.as_ref().map(|estate| measured::by_class(&places.state, estate));
    let measured = measured.transpose()?.unwrap_or_default();
    let last_review = checked.value.as_ref().map(|policy| review::last(&places.state, policy)).transpose()?;
    let last_review = last_review.flatten();
    Ok(Written { path, text, policy: checked.value, estate, findings, measured, last_review })
}

impl Written {
    /// The line of the policy's file, counted from 1, at which a byte stands.
    pub fn line(&self, byte: usize) -> usize {
        let upto = self.text.as_bytes().get(..byte).unwrap_or_default();
        upto.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// How long captures and copies of a dataset were measured to last, for the slowest asset of the class.
    pub fn measured(&self, class: Class, dataset: Dataset) -> Option<Lasts> {
        self.measured.get(&(class, dataset)).copied()
    }
}
