//! A part of an asset: the dataset that a point is of.
//!
//! A client's database may be kept for 90 days and its files for 30. Whoever took the points of both for the same would purge
//! one of them too early, or compare the size of a dump with that of a web root.

use holdfast_format::Snapshot;
use holdfast_ledger::Point;
use holdfast_model::estate::Asset;
use holdfast_model::{Class, Dataset};

use crate::error::{Error, Result};

/// Under which name something is remembered about a part of an asset. No asset has such a sign in its name.
pub(crate) fn key(asset: &str, dataset: Dataset) -> String {
    match dataset {
        Dataset::Site => asset.to_owned(),
        other => format!("{asset}@{other}"),
    }
}

/// How a snapshot says of which dataset it is.
pub(crate) fn tag(dataset: Dataset) -> String {
    format!("{TAG}{dataset}")
}

/// Of which dataset of its class a point is. What a run of ours recorded counts, and else what the snapshot says of itself;
/// one that says nothing, or what cannot be, is of the first.
pub(crate) fn dataset_of(class: Class, recorded: Option<&Point>, snapshot: Option<&Snapshot>) -> Dataset {
    let datasets = class.datasets();
    let said = match recorded {
        Some(point) => Some(point.dataset.as_str()),
        None => snapshot.and_then(|snapshot| snapshot.tags.iter().find_map(|tag| tag.strip_prefix(TAG))),
    };
    let is_own = |dataset: &Dataset| datasets.contains(dataset) || class.companions().contains(dataset);
    let said = said.and_then(Dataset::parse).filter(is_own);
    said.unwrap_or(datasets[0])
}

/// The part of an asset that somebody means who names one or none; of one that has several, one must be named.
///
/// # Errors
/// When there is no such part, or several and none is named.
pub fn meant(asset: &Asset, named: Option<Dataset>) -> Result<Dataset> {
    let datasets = asset.class().datasets();
    let known: Vec<&str> = datasets.iter().map(|dataset| dataset.as_str()).collect();
    let known = known.join(", ");
    match named {
        Some(dataset) if datasets.contains(&dataset) => Ok(dataset),
        Some(dataset) => {
            Err(Error::usage(format!("{} has no part {dataset}", asset.name))
                .hint(format!("there is: {known}")))
        }
        None if datasets.len() == 1 => Ok(datasets[0]),
        None => Err(Error::usage(format!("{} has several parts", asset.name))
            .hint(format!("say which with --dataset: {known}"))),
    }
}

const TAG: &str = "dataset:";

/// How a snapshot of a log says which dump it goes on from.
pub(crate) fn base_tag(base: &str) -> String {
    format!("{BASE_TAG}{base}")
}

/// Which dump a snapshot of a log says that it goes on from.
pub(crate) fn base_of(snapshot: &Snapshot) -> Option<&str> {
    snapshot.tags.iter().find_map(|tag| tag.strip_prefix(BASE_TAG))
}

const BASE_TAG: &str = "base:";

#[cfg(test)]
mod tests {
    use holdfast_format::Id;
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn what_was_recorded_counts_and_not_what_a_tag_claims() {
        let mut snapshot = Snapshot::new(Timestamp::UNIX_EPOCH, Id([0; 32]));
        assert_eq!(dataset_of(Class::Whmcs, None, Some(&snapshot)), Dataset::Database);
        snapshot.tags = vec![tag(Dataset::Files)];
        assert_eq!(dataset_of(Class::Whmcs, None, Some(&snapshot)), Dataset::Files);
        assert_eq!(dataset_of(Class::Website, None, Some(&snapshot)), Dataset::Site);
        let recorded = Point {
            id: "a".to_owned(),
            repository: "C-1".to_owned(),
            asset: "billing".to_owned(),
            dataset: "database".to_owned(),
            kind: "incremental".to_owned(),
            instant: Timestamp::UNIX_EPOCH,
            is_undated: false,
        };
        assert_eq!(dataset_of(Class::Whmcs, Some(&recorded), Some(&snapshot)), Dataset::Database);
        assert_eq!(
            (key("shop", Dataset::Site), key("shop", Dataset::Files)),
            ("shop".into(), "shop@files".into())
        );
    }
}
