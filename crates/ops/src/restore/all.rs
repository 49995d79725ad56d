//! Everything back, after the loss of everything: in the order in which the policy wants it, and without stopping at an
//! asset that cannot be had.

use holdfast_model::Dataset;
use holdfast_model::estate::Asset;
use holdfast_repo::Progress;

use super::{RestoreReport, Wish, restore};
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::setup::Setup;

/// All assets, part by part: by class in the policy's order, classes that it does not name last, within a class by name.
pub fn recovery_order(setup: &Setup) -> Vec<(String, Dataset)> {
    let order = setup.policy.recovery.order.as_ref().map_or(&[][..], |rule| &rule.value);
    let rank = |asset: &Asset| order.iter().position(|class| *class == asset.class()).unwrap_or(order.len());
    let mut assets: Vec<&Asset> = setup.estate.assets.values().collect();
    assets.sort_by_key(|asset| (rank(asset), asset.name.clone()));
    let parts = |asset: &Asset| {
        let name = asset.name.to_string();
        asset.class().datasets().iter().map(move |dataset| (name.clone(), *dataset))
    };
    assets.into_iter().flat_map(parts).collect()
}

/// Restores a part of one of all assets, into a folder of its name below `wish.to`; of an asset with several, each into one of
/// its own there.
pub fn restore_one_of_all(
    setup: &Setup,
    wish: &Wish,
    (name, dataset): (&str, Dataset),
    progress: &Progress,
) -> Result<RestoreReport> {
    let mut to = wish.to.join(name);
    if setup.asset(name)?.class().datasets().len() > 1 {
        to.push(dataset.as_str());
    }
    let own = Wish { asset: name.to_owned(), dataset: Some(dataset), to, ..wish.clone() };
    restore(setup, &own, progress).map_err(|error| match error.ending {
        // Nothing is wrong with the command line: this asset was never backed up.
        Ending::Usage => Error { ending: Ending::NotDone, ..error },
        _ => error,
    })
}
