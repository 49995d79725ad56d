//! Everything back, after the loss of everything: in the order in which the policy wants it, and without stopping at an
//! asset that cannot be had.

use holdfast_model::estate::Asset;
use holdfast_repo::Progress;

use super::{RestoreReport, Wish, restore};
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::setup::Setup;

/// All assets: by class in the policy's order, classes that it does not name last, within a class by name.
pub fn recovery_order(setup: &Setup) -> Vec<String> {
    let order = setup.policy.recovery.order.as_ref().map_or(&[][..], |rule| &rule.value);
    let rank = |asset: &Asset| order.iter().position(|class| *class == asset.class()).unwrap_or(order.len());
    let mut assets: Vec<&Asset> = setup.estate.assets.values().collect();
    assets.sort_by_key(|asset| (rank(asset), asset.name.clone()));
    assets.into_iter().map(|asset| asset.name.to_string()).collect()
}

/// Restores one of all assets, into a folder of its name below `wish.to`.
pub fn restore_one_of_all(
    setup: &Setup,
    wish: &Wish,
    name: &str,
    progress: &Progress,
) -> Result<RestoreReport> {
    let own = Wish { asset: name.to_owned(), to: wish.to.join(name), ..wish.clone() };
    restore(setup, &own, progress).map_err(|error| match error.ending {
        // Nothing is wrong with the command line: this asset was never backed up.
        Ending::Usage => Error { ending: Ending::NotDone, ..error },
        _ => error,
    })
}
