//! Drawing again what was drawn: whoever has the log can tell whether the lots fell as it says.

use holdfast_ledger::{NewPick, NewRestoreTest};
use holdfast_model::Cadence;
use holdfast_model::restore_test::{Exercised, Occasion, Pace, Seed, Target, draw_point, select};
use serde::Serialize;

use super::ledger;
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::setup::Setup;

/// What came of drawing again.
#[derive(Debug, Serialize)]
pub struct Redrawn {
    /// The test.
    pub test: String,
    /// What lots were drawn from.
    pub seed: String,
    /// Whether the seed follows from a head of this log; absent where somebody gave it.
    pub follows_from_the_log: Option<bool>,
    /// Who was drawn with which point, as it was written down.
    pub written: Vec<(String, Option<String>)>,
    /// The same, drawn now from what was written down.
    pub drawn: Vec<(String, Option<String>)>,
    /// What differs.
    pub differences: Vec<String>,
    /// How it ended: damage where something differs.
    pub ending: Ending,
}

/// Draws a test of the past again.
///
/// # Errors
/// When there is no such test, or what was written cannot be read.
pub fn redraw(setup: &Setup, test: &str) -> Result<Redrawn> {
    let reader = ledger(setup)?;
    let (recorded, picks) = reader.restore_test_as_planned(test)?;
    let unreadable = || Error::not_done(format!("the plan of {test} cannot be read"));
    let planned = &recorded.test;
    let seed = Seed::parse(&planned.seed).ok_or_else(unreadable)?;
    let exercised = Exercised::parse(&planned.exercise).ok_or_else(unreadable)?;
    let follows = match &planned.seed_from {
        None => None,
        Some(from) => {
            let is_ours =
                from.leaves <= recorded.leaf && reader.tree_head(Some(from.leaves))?.root == from.root;
            let own = match &occasion_of(planned) {
                Some(occasion) => Seed::of_occasion(&from.root, exercised, occasion),
                None => Seed::by_hand(&from.root, exercised),
            };
            Some(is_ours && own == seed)
        }
    };
    let drawn = again(planned, &seed, &picks).ok_or_else(unreadable)?;
    let written: Vec<(String, Option<String>)> =
        picks.iter().map(|pick| (pick.picked.asset.clone(), pick.picked.point.clone())).collect();
    let mut differences = differences(&picks, &drawn);
    if follows == Some(false) {
        differences.push("the seed does not follow from a head of this log".to_owned());
    }
    let ending = if differences.is_empty() { Ending::Done } else { Ending::Damage };
    let (test, seed) = (test.to_owned(), planned.seed.clone());
    Ok(Redrawn { test, seed, follows_from_the_log: follows, written, drawn, differences, ending })
}

fn occasion_of(planned: &NewRestoreTest) -> Option<Occasion> {
    let (label, opens, ends) = planned.occasion.clone()?;
    Some(Occasion { label, opens, ends })
}

/// Everybody who is drawn from what was written down; of a test that somebody asked for, whom he asked for.
fn again(planned: &NewRestoreTest, seed: &Seed, picks: &[NewPick]) -> Option<Vec<(String, Option<String>)>> {
    let names: Vec<String> = match occasion_of(planned) {
        None => picks.iter().map(|pick| pick.picked.asset.clone()).collect(),
        Some(occasion) => {
            let targets: Vec<Target> = serde_json::from_value(planned.targets.clone()).ok()?;
            let untested_max = planned.untested_max_seconds.map(std::time::Duration::from_secs);
            let pace = Pace { every: Cadence::parse(&planned.every)?, sample: planned.sample, untested_max };
            let selection = select(seed, &occasion, &pace, &targets);
            selection.picks.into_iter().map(|pick| pick.asset).collect()
        }
    };
    let point = |asset: &String| {
        let pick = picks.iter().find(|pick| pick.picked.asset == *asset)?;
        // What somebody chose is what he chose.
        if !pick.picked.is_drawn && planned.seed_from.is_some() {
            return pick.picked.point.clone();
        }
        draw_point(seed, asset, pick.points.len()).map(|at| pick.points[at].clone())
    };
    Some(names.iter().map(|asset| (asset.clone(), point(asset))).collect())
}

fn differences(picks: &[NewPick], drawn: &[(String, Option<String>)]) -> Vec<String> {
    let mut differences = Vec::new();
    for pick in picks.iter().filter(|pick| !drawn.iter().any(|(asset, _)| *asset == pick.picked.asset)) {
        differences.push(format!("{} was written down and is not drawn", pick.picked.asset));
    }
    for (asset, point) in drawn {
        let Some(pick) = picks.iter().find(|pick| pick.picked.asset == *asset) else {
            differences.push(format!("{asset} is drawn and was not written down"));
            continue;
        };
        let is_same = match (&pick.picked.point, point) {
            (Some(written), Some(drawn)) => written.starts_with(drawn.as_str()),
            (written, drawn) => written.is_none() && drawn.is_none(),
        };
        // One that somebody named by hand is his.
        if !is_same && pick.picked.is_drawn {
            differences.push(format!("of {asset} another point is drawn than was written down"));
        }
    }
    differences
}
