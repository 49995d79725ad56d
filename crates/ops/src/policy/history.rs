//! The versions of the policy that were ever recorded, what each changed, and who reviewed it.

use holdfast_ledger::PolicyReview;
use holdfast_model::policy::{Change, changes};
use jiff::Timestamp;
use serde::Serialize;

use crate::error::Result;
use crate::journal;
use crate::serve::versions::Versions;
use crate::setup::Places;
use crate::validate;

/// The policy over time.
#[derive(Debug, Serialize)]
pub struct History {
    /// Every recorded version, oldest first.
    pub versions: Vec<Version>,
    /// Every review, oldest first.
    pub reviews: Vec<PolicyReview>,
    /// What policy.toml says otherwise than the latest version, while it is not recorded; absent where it is that version,
    /// or cannot be read.
    pub unrecorded: Option<Vec<Change>>,
}

/// A version.
#[derive(Debug, Serialize)]
pub struct Version {
    /// Counts recorded versions, from 1.
    pub number: u64,
    /// The number that its text gives itself.
    pub version: u32,
    /// From when it holds.
    pub effective: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Who approved it.
    pub approver: String,
    /// The SHA-256 of its text, as hex.
    pub sha256: String,
    /// Whether it is in force now.
    pub in_force: bool,
    /// What it says otherwise than the version before; nothing of the first.
    pub changes: Vec<Change>,
}

/// What each version has of its own, and has columns for.
const OWN: [&str; 4] = ["header.version", "header.effective", "header.updated", "header.approved_by"];

/// Every version, at an instant.
pub fn history(places: &Places, now: Timestamp) -> Result<History> {
    let file = validate::read(places, "policy.toml").ok().map(|(_, text)| text);
    let Some(reader) = journal::reader(&places.state)? else {
        let unrecorded = file.map(|text| changed("", &text));
        return Ok(History { versions: Vec::new(), reviews: Vec::new(), unrecorded });
    };
    let recorded = Versions::load(&reader)?;
    let in_force = recorded.in_force(now).map(|(number, _)| number);
    let mut versions = Vec::new();
    let mut before: Option<String> = None;
    for adopted in reader.policy_versions()? {
        let version = recorded.numbered(adopted.number);
        versions.push(Version {
            number: adopted.number,
            version: version.map_or(0, |version| version.policy.header.value.version),
            effective: version.map_or(adopted.effective, |version| version.from),
            recorded_at: adopted.recorded_at,
            approver: adopted.approver,
            sha256: adopted.sha256,
            in_force: in_force == Some(adopted.number),
            changes: before.map(|before| changed(&before, &adopted.text)).unwrap_or_default(),
        });
        before = Some(adopted.text);
    }
    let before = before.unwrap_or_default();
    let unrecorded = file.filter(|text| *text != before).map(|text| changed(&before, &text));
    Ok(History { versions, reviews: reader.policy_reviews()?, unrecorded })
}

fn changed(before: &str, after: &str) -> Vec<Change> {
    changes(before, after).into_iter().filter(|change| !OWN.contains(&change.key.as_str())).collect()
}
