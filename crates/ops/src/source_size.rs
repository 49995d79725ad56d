//! How large an asset's source was when it was last in order.
//!
//! It tells how long a backup will take. And it tells when a source is suddenly empty: a web root that is not mounted is
//! a folder without files, and backing that up succeeds.

use holdfast_repo::Totals;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::record;
use crate::setup::Setup;

/// A source as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSize {
    /// When.
    pub time: Timestamp,
    /// Files in the point.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Since when the source has been far smaller than this.
    #[serde(default)]
    pub suspect_since: Option<Timestamp>,
}

const KIND: &str = "sizes";

/// Below this part of the files, a source is suspect: one in so many.
const SUSPECT_PART: u64 = 10;

/// What is known of an asset's source.
pub fn load(setup: &Setup, asset: &str) -> Result<Option<SourceSize>> {
    record::one(&setup.places.state, KIND, asset)
}

/// Compares a new point with what is known, and keeps it unless it is suspect; `is_accepted` when somebody said that the
/// source is right as it is. Returns what is suspect about it.
pub fn judge(
    setup: &Setup,
    asset: &str,
    time: Timestamp,
    totals: &Totals,
    is_accepted: bool,
) -> Result<Option<String>> {
    let known = load(setup, asset)?;
    let suspicion = known.filter(|_| !is_accepted).and_then(|known| suspicion(&known, totals.files));
    let size = match (&suspicion, known) {
        (Some(_), Some(known)) => {
            SourceSize { suspect_since: Some(known.suspect_since.unwrap_or(time)), ..known }
        }
        _ => SourceSize { time, files: totals.files, bytes: totals.bytes, suspect_since: None },
    };
    record::keep(&setup.places.state, KIND, asset, &size)?;
    Ok(suspicion)
}

fn suspicion(known: &SourceSize, files: u64) -> Option<String> {
    let is_suspect = known.files > 0 && files.saturating_mul(SUSPECT_PART) < known.files;
    let now = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
    is_suspect.then(|| format!("the source has {now}, and had {} at {}", known.files, known.time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_suspect_when_it_is_empty_or_lost_nine_tenths() {
        let known = |files| SourceSize { time: Timestamp::UNIX_EPOCH, files, bytes: 0, suspect_since: None };
        for (before, after) in [(1, 0), (9, 0), (11, 1), (1000, 99), (u64::MAX, 5)] {
            assert!(suspicion(&known(before), after).is_some(), "{before} to {after}");
        }
        for (before, after) in [(0, 0), (0, 5), (9, 1), (10, 1), (1000, 100), (5, u64::MAX)] {
            assert_eq!(suspicion(&known(before), after), None, "{before} to {after}");
        }
    }
}
