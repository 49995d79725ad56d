//! How long captures and copies of past runs lasted, as the ledger has it: what schedules rest on once something was
//! measured.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use holdfast_ledger::{Lasted, Reader};
use holdfast_model::slot::{Lasts, SAMPLES_FOR_P99, SlotKind};
use holdfast_model::{Class, Dataset, Estate};

use crate::error::Result;
use crate::journal;

/// How many runs are looked at: enough for a percentile, few enough that a site that grew is noticed.
const RUNS_MAX: u32 = 2 * SAMPLES_FOR_P99 as u32;

/// The shortest capture that is planned with.
const SHORTEST: Duration = Duration::from_secs(1);

/// What the last runs of one kind lasted, oldest first.
pub(crate) fn samples(
    reader: &Reader,
    asset: &str,
    dataset: Dataset,
    kind: SlotKind,
) -> Result<Vec<(Duration, Duration)>> {
    let lasted = reader.durations(asset, dataset.as_str(), kind.as_str(), RUNS_MAX)?;
    let pair =
        |lasted: &Lasted| (Duration::from_millis(lasted.capture_ms), Duration::from_millis(lasted.copy_ms));
    Ok(lasted.iter().rev().map(pair).collect())
}

/// What a point of a dataset lasts; `None` while none was measured. Incremental runs count: they are what keeps the
/// objective between two full ones.
pub(crate) fn of_asset(reader: &Reader, asset: &str, dataset: Dataset) -> Result<Option<Lasts>> {
    let samples = samples(reader, asset, dataset, SlotKind::Incremental)?;
    // Nothing is planned with less than a second: a slot that is due in the moment in which it opens cannot be kept.
    let (captures, copies): (Vec<_>, Vec<_>) =
        samples.into_iter().map(|(capture, copy)| (capture.max(SHORTEST), copy)).unzip();
    Ok(Lasts::measured(&captures, &copies))
}

/// For each part of each class, what it lasts for the slowest of its assets: a promise about a class must hold for all.
pub(crate) fn by_class(state: &Path, estate: &Estate) -> Result<BTreeMap<(Class, Dataset), Lasts>> {
    let mut slowest: BTreeMap<(Class, Dataset), Lasts> = BTreeMap::new();
    let Some(reader) = journal::reader_if_current(state)? else { return Ok(slowest) };
    for (name, asset) in &estate.assets {
        for dataset in asset.class().datasets() {
            let Some(lasts) = of_asset(&reader, name.as_ref(), *dataset)? else { continue };
            let known = slowest.entry((asset.class(), *dataset)).or_insert(lasts);
            if lasts.total() > known.total() {
                *known = lasts;
            }
        }
    }
    Ok(slowest)
}
