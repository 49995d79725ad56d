//! The plan: everybody who could be tested, what lots are drawn from, and who was drawn with which point. It is written down before
//! anything is restored.

use std::collections::BTreeMap;

use holdfast_ledger::{NewPick, NewRestoreTest, Picked, Reader, SeedFrom};
use holdfast_model::estate::repository_name;
use holdfast_model::restore_test::{
    Exercised, Occasion, Pace, Pick, Seed, Selection, Target, Why, draw_point, select,
};
use holdfast_model::verdict::Facts;
use jiff::Timestamp;

use super::Wish;
use super::eligible::{self, Eligible};
use crate::action::{self, TestStep};
use crate::error::{Error, Result};
use crate::purge::events;
use crate::setup::Setup;
use crate::verdicts;

/// How much of an id names a point among those of its asset.
const SHORT: usize = 16;

/// Draws whoever is tested on an occasion, and writes it down; returns the test's id.
pub(super) fn occasion(
    setup: &Setup,
    reader: &Reader,
    exercised: Exercised,
    occasion: &Occasion,
) -> Result<String> {
    let known = Known::of(setup, reader, exercised)?;
    let Some(exercise) = known.facts.exercise(exercised, known.now) else {
        return Err(Error::usage(format!("the policy does not ask for restore tests of {exercised}")));
    };
    let pace = Pace::of(exercise);
    let from = head(reader, occasion.opens, known.now)?;
    let seed = Seed::of_occasion(&from.root, exercised, occasion);
    let targets = known.targets(exercised);
    let selection = select(&seed, occasion, &pace, &targets);
    let picks = known.drawn(setup, &seed, &selection.picks, None)?;
    let test = NewRestoreTest {
        occasion: Some((occasion.label.clone(), occasion.opens, occasion.ends)),
        ..known.test(setup, exercised, &seed, Some(from), (&targets, &selection))?
    };
    action::of_a_test(setup, TestStep::Planned(test, picks))
}

/// Writes down a test that somebody asked for; returns its id.
pub(crate) fn by_hand(setup: &Setup, reader: &Reader, wish: &Wish) -> Result<String> {
    let exercised = wish.exercised;
    for name in &wish.assets {
        let class = setup.asset(name)?.class();
        if class != exercised.class() {
            return Err(Error::usage(format!(
                "{name} is of the class {class}, which is not tested as {exercised}"
            )));
        }
    }
    if wish.point.is_some() && wish.assets.len() != 1 {
        return Err(
            Error::usage("a point is of one asset, so name one").hint("`holdfast points NAME` lists them")
        );
    }
    let known = Known::of(setup, reader, exercised)?;
    let given = wish.seed.as_deref().map(|text| {
        Seed::parse(text).ok_or_else(|| {
            Error::usage("a seed has 64 hexadecimal digits")
                .hint("`holdfast test list --json` shows those of the past")
        })
    });
    let (seed, from) = match given.transpose()? {
        Some(seed) => (seed, None),
        None => {
            let from = head(reader, known.now, known.now)?;
            (Seed::by_hand(&from.root, exercised), Some(from))
        }
    };
    let mut names = wish.assets.clone();
    names.sort_unstable();
    names.dedup();
    let asked = names.into_iter().map(|asset| Pick { asset, why: Why::Asked }).collect();
    let selection = Selection { picks: asked, left_out: Vec::new() };
    let targets = known.targets(exercised);
    let mut picks = known.drawn(setup, &seed, &selection.picks, wish.point.as_deref())?;
    // Whoever brings a seed may have tried many.
    picks.iter_mut().for_each(|pick| pick.picked.is_drawn &= from.is_some());
    let test = known.test(setup, exercised, &seed, from, (&targets, &selection))?;
    action::of_a_test(setup, TestStep::Planned(test, picks))
}

/// The newest signed head of the log that a location had at an instant; where it had none, the oldest that one has, and where no
/// head was ever signed, the log as it is.
fn head(reader: &Reader, at: Timestamp, now: Timestamp) -> Result<SeedFrom> {
    let anchors = reader.anchors(None)?;
    let given = |until: Timestamp| anchors.iter().filter(move |anchor| anchor.happened_at <= until);
    let newest = given(at).max_by_key(|anchor| (anchor.head.leaves, anchor.leaf));
    let anchor = newest.or_else(|| given(now).min_by_key(|anchor| (anchor.head.leaves, anchor.leaf)));
    if let Some(anchor) = anchor {
        let (leaves, root) = (anchor.head.leaves, anchor.head.root.clone());
        return Ok(SeedFrom { leaves, root, checkpoint: Some(anchor.checkpoint.clone()) });
    }
    let head = reader.tree_head(None)?;
    Ok(SeedFrom { leaves: head.leaves, root: head.root, checkpoint: None })
}

struct Known {
    now: Timestamp,
    facts: Facts,
    points: BTreeMap<String, Vec<Eligible>>,
}

impl Known {
    fn of(setup: &Setup, reader: &Reader, exercised: Exercised) -> Result<Known> {
        let now = setup.world.clock.now();
        let facts = verdicts::facts::of_tests(setup, reader, now)?;
        let off_site = eligible::locations(&facts, now);
        let mut points = BTreeMap::new();
        let own = setup.estate.assets.iter().filter(|(_, asset)| asset.class() == exercised.class());
        for (name, asset) in own {
            let found = eligible::points(reader, name.as_ref(), eligible::drawn_of(asset), &off_site)?;
            points.insert(name.to_string(), found);
        }
        if points.is_empty() {
            let class = exercised.class();
            return Err(Error::usage(format!("the estate has no asset of the class {class}")));
        }
        Ok(Known { now, facts, points })
    }

    fn targets(&self, exercised: Exercised) -> Vec<Target> {
        let has_points = |asset: &str| self.points.get(asset).is_some_and(|points| !points.is_empty());
        self.facts.test_targets(exercised, self.now, &has_points)
    }

    /// Those that were chosen, each with its point.
    fn drawn(&self, setup: &Setup, seed: &Seed, picks: &[Pick], point: Option<&str>) -> Result<Vec<NewPick>> {
        let none = Vec::new();
        let drawn = picks.iter().map(|pick| {
            let points = self.points.get(&pick.asset).unwrap_or(&none);
            let chosen = match point {
                None => draw_point(seed, &pick.asset, points.len()).map(|at| &points[at]),
                Some(prefix) => Some(chosen(points, &pick.asset, prefix)?),
            };
            Ok(NewPick {
                picked: Picked {
                    asset: pick.asset.clone(),
                    repository: repository_name(setup.asset(&pick.asset)?).to_string(),
                    why: word(pick.why)?,
                    point: chosen.map(|point| point.id.clone()),
                    is_drawn: point.is_none(),
                },
                points: points.iter().map(|point| point.id.chars().take(SHORT).collect()).collect(),
            })
        });
        drawn.collect()
    }

    fn test(
        &self,
        setup: &Setup,
        exercised: Exercised,
        seed: &Seed,
        seed_from: Option<SeedFrom>,
        (targets, selection): (&[Target], &Selection),
    ) -> Result<NewRestoreTest> {
        let exercise = self.facts.exercise(exercised, self.now);
        let unwritten = |error: serde_json::Error| Error::not_done(format!("write the plan: {error}"));
        let version = self.facts.policies.iter().rev().find(|version| version.from <= self.now);
        Ok(NewRestoreTest {
            exercise: exercised.as_str().to_owned(),
            occasion: None,
            seed: seed.to_string(),
            seed_from,
            every: exercise.map_or("", |exercise| exercise.every.as_str()).to_owned(),
            sample: exercise.and_then(|exercise| exercise.sample),
            untested_max_seconds: exercise.and_then(|exercise| Some(exercise.untested_max?.as_secs())),
            by: events::by(setup, "test"),
            policy_version: version.and_then(|version| version.number),
            targets: serde_json::to_value(targets).map_err(unwritten)?,
            left_out: serde_json::to_value(&selection.left_out).map_err(unwritten)?,
        })
    }
}

fn chosen<'p>(points: &'p [Eligible], asset: &str, prefix: &str) -> Result<&'p Eligible> {
    let prefix = prefix.to_lowercase();
    let mut matching = points.iter().filter(|point| point.id.starts_with(&prefix));
    match (matching.next(), matching.next()) {
        (Some(point), None) => Ok(point),
        (Some(_), Some(_)) => Err(Error::usage(format!("several points of {asset} begin with {prefix}"))),
        (None, _) => Err(Error::usage(format!("{asset} has no point {prefix} at a location off site"))
            .hint(format!("`holdfast points {asset}` lists what there is, and where"))),
    }
}

fn word(why: Why) -> Result<String> {
    let value =
        serde_json::to_value(why).map_err(|error| Error::not_done(format!("write the plan: {error}")))?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}
