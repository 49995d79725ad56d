//! Everything back, after the loss of everything: in the order in which the policy wants it, and without stopping at an
//! asset that cannot be had.

use holdfast_model::Dataset;
use holdfast_model::estate::{Asset, repository_name};
use holdfast_repo::{Progress, Trouble, TroubleKind};

use super::{RestoreReport, Wish, restore};
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::known_points;
use crate::points::Which;
use crate::setup::Setup;

/// All assets, part by part: by class in the policy's order, classes that it does not name last, within a class by name.
pub fn recovery_order(setup: &Setup) -> Vec<(String, Dataset)> {
    let order = setup.policy.recovery.order.as_ref().map_or(&[][..], |rule| &rule.value);
    let rank = |asset: &Asset| order.iter().position(|class| *class == asset.class()).unwrap_or(order.len());
    // On a new machine the roots of websites are empty: what was in them is what is wanted back.
    let vanished = setup.estate.vanished.values().filter(|asset| may_have_points(setup, asset));
    let mut assets: Vec<&Asset> = setup.estate.assets.values().chain(vanished).collect();
    assets.sort_by_key(|asset| (rank(asset), asset.name.clone()));
    let parts = |asset: &Asset| {
        let (name, class) = (asset.name.to_string(), asset.class());
        // Of one that cannot be had that is said once.
        let several = if class.is_built() { class.datasets() } else { &class.datasets()[..1] };
        several.iter().map(move |dataset| (name.clone(), *dataset))
    };
    assets.into_iter().flat_map(parts).collect()
}

/// Whether anything is left of an asset that vanished; where nobody remembers, there may be.
fn may_have_points(setup: &Setup, asset: &Asset) -> bool {
    let known = known_points::load(&setup.places.state, repository_name(asset).as_str()).ok().flatten();
    known.is_none_or(|known| {
        known.points.values().any(|point| point.asset.as_deref() == Some(asset.name.as_str()))
    })
}

/// Restores a folder, and what its point holds besides into another beside it: in the folder of a website it would be published.
fn restore_with_all_beside(setup: &Setup, wish: &Wish, progress: &Progress) -> Result<RestoreReport> {
    let report = restore(setup, wish, progress)?;
    if report.left_out.is_empty() || !wish.include.is_empty() {
        return Ok(report);
    }
    let mut to = wish.to.clone().into_os_string();
    to.push(BESIDE);
    let rest = Wish {
        to: to.into(),
        which: Which::Id(report.point.clone()),
        include: report.left_out.iter().map(|path| escaped(path)).collect(),
        whole: true,
        ..wish.clone()
    };
    let mut troubles = report.troubles;
    // The folder is there, whatever became of the rest.
    let ending = match restore(setup, &rest, progress) {
        Ok(rest) => {
            troubles.extend(rest.troubles);
            rest.ending
        }
        Err(error) => {
            let message = format!("what its point holds besides was not restored: {error}");
            troubles.push(Trouble::new(TroubleKind::Warning, &wish.asset, message));
            error.ending.and(Ending::Attention)
        }
    };
    Ok(RestoreReport { left_out: Vec::new(), troubles, ending: report.ending.and(ending), ..report })
}

/// What the name of a folder ends in that holds what does not lie in an asset's own.
const BESIDE: &str = ".beside";

/// A path as a pattern that matches nothing else.
fn escaped(path: &str) -> String {
    path.chars().flat_map(|c| if "\\*?[]{}".contains(c) { vec!['\\', c] } else { vec![c] }).collect()
}

/// Restores a part of one of all assets, into a folder of its name below `wish.to`; of an asset with several, each into one of
/// its own there. What a website's point holds besides goes into a folder beside it, whose name ends in `.beside`.
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
    restore_with_all_beside(setup, &own, progress).map_err(|error| match error.ending {
        // Nothing is wrong with the command line: this asset was never backed up.
        Ending::Usage => Error { ending: Ending::NotDone, ..error },
        _ => error,
    })
}
