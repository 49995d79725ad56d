//! Restore tests as they were recorded, and what follows from them for the next: since when occasions count, and who can be drawn.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Roots;
use super::facts::Facts;
use super::observed::{Discovered, Inventory};
use crate::policy::Exercise;
use crate::restore_test::{Exercised, Occasion, Target};

/// A restore test that was planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestFact {
    /// Its name.
    pub id: String,
    /// What is tested.
    pub exercised: Exercised,
    /// The occasion that it was made for; none where somebody asked for it.
    pub occasion: Option<Occasion>,
    /// Everybody who was drawn, by the names of their tests.
    pub drawn: BTreeSet<String>,
    /// When it was recorded.
    pub recorded: Timestamp,
    /// The leaf.
    pub leaf: u64,
}

/// The test of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestedFact {
    /// Its name.
    pub id: String,
    /// What is tested.
    pub exercised: Exercised,
    /// When the occasion opened that it was made for; none where somebody asked for it.
    pub occasion: Option<Timestamp>,
    /// The asset.
    pub asset: String,
    /// The point, and those of other parts that are restored with it.
    pub points: Vec<String>,
    /// Whether the lot chose the point, and not somebody.
    pub is_drawn: bool,
    /// When it was planned.
    pub planned: Timestamp,
    /// The leaf of that.
    pub leaf: u64,
    /// That it was restored.
    pub begun: Option<Begun>,
    /// How it ended.
    pub ended: Option<Ended>,
    /// That nothing of it is left: when that was recorded, and the leaf.
    pub destroyed: Option<Destroyed>,
}

/// That something was restored for a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// When it was recorded.
    pub recorded: Timestamp,
    /// The leaf.
    pub leaf: u64,
    /// Where it came from.
    pub location: String,
    /// What it was restored into, for people.
    pub staging: String,
    /// By when nothing of it may be left.
    pub destroy_by: Timestamp,
}

/// How the test of a target ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When it was recorded.
    pub recorded: Timestamp,
    /// The leaf.
    pub leaf: u64,
    /// How.
    pub outcome: TestOutcome,
    /// The questions that were not answered as they must be.
    pub failed: Vec<String>,
}

/// How a test ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestOutcome {
    /// Everything was as it must be.
    Successful,
    /// Something was not, or could not be found out.
    Failed,
    /// It was not done when it had to be.
    TimedOut,
}

/// That nothing is left of what was restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destroyed {
    /// When it was recorded.
    pub recorded: Timestamp,
    /// The leaf.
    pub leaf: u64,
    /// Files that were there.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What a staging did that must not happen, as a question of its test.
pub const QUIET: &str = "quiet";

/// Questions that are about the point itself, and not about what it was brought to life in: where one of them failed, the point
/// is no state that anybody could restore.
const OF_THE_POINT: [&str; 9] =
    ["restored", "files", "loads", "rows", "identity", "tables", "secrets", "attachments", "configuration"];

/// Questions about the way to it. Where one of them failed, nobody knows whether what failed after it is the point's fault.
const OF_THE_WAY: [&str; 5] = ["found", "staging", "time", "interrupted", "ended"];

impl TestedFact {
    /// How it ended, as far as that was known.
    pub(super) fn ended_at(&self, now: Timestamp) -> Option<&Ended> {
        self.ended.as_ref().filter(|ended| ended.recorded <= now)
    }

    pub(super) fn begun_at(&self, now: Timestamp) -> Option<&Begun> {
        self.begun.as_ref().filter(|begun| begun.recorded <= now)
    }

    pub(super) fn destroyed_at(&self, now: Timestamp) -> Option<&Destroyed> {
        self.destroyed.as_ref().filter(|destroyed| destroyed.recorded <= now)
    }

    /// Whether it says something of its target: a failure always does, a success only where nobody chose the point.
    pub(super) fn counts(&self, ended: &Ended) -> bool {
        self.is_drawn || ended.outcome != TestOutcome::Successful
    }
}

impl Ended {
    /// Whether it says of its point that it can be restored, or that it cannot.
    fn is_telling(&self) -> bool {
        self.is_against_the_point() || self.outcome == TestOutcome::Successful
    }

    fn is_against_the_point(&self) -> bool {
        let failed = |questions: &[&str]| self.failed.iter().any(|one| questions.contains(&one.as_str()));
        self.outcome == TestOutcome::Failed && failed(&OF_THE_POINT) && !failed(&OF_THE_WAY)
    }
}

impl Facts {
    /// Since when its occasions count: from the first that opens after rule and targets were written down.
    pub fn tests_count_from(&self, exercised: Exercised, now: Timestamp) -> Option<Timestamp> {
        let rule = |exercise: &&super::PolicyFact| exercised.rule(&exercise.policy).is_some();
        let ruled = self.policies.iter().filter(rule).map(|version| version.recorded).min()?;
        let since = ruled.max(self.first_with(exercised, |_| true)?);
        (since <= now).then_some(since)
    }

    /// What the policy in force says of it.
    pub fn exercise(&self, exercised: Exercised, now: Timestamp) -> Option<&Exercise> {
        exercised.rule(&self.policy_at(now)?.policy).map(|rule| &rule.value)
    }

    /// Everything that can be drawn.
    pub fn test_targets(
        &self,
        exercised: Exercised,
        now: Timestamp,
        has_points: &dyn Fn(&str) -> bool,
    ) -> Vec<Target> {
        let roots = Roots::at(&self.discovered, now);
        let Some(inventory) = self.inventory_at(now, &roots) else { return Vec::new() };
        let counted = self.tests_count_from(exercised, now).unwrap_or(now);
        let tested = Tested::of(self, now);
        let target = |asset: &str| {
            let own = tested.of_asset(asset).iter().filter(|tested| tested.exercised == exercised);
            Target {
                asset: asset.to_owned(),
                since: self.there_since(exercised, asset).unwrap_or(now).max(counted),
                drawn: own.filter_map(|tested| tested.occasion).max(),
                is_unwell: tested
                    .last_of(exercised, asset, now)
                    .is_some_and(|(_, ended)| ended.outcome != TestOutcome::Successful),
                has_points: has_points(asset),
            }
        };
        targets(&inventory, exercised).map(target).collect()
    }

    /// When an asset was first written down.
    pub(super) fn there_since(&self, exercised: Exercised, asset: &str) -> Option<Timestamp> {
        self.first_with(exercised, |name| name == asset)
    }

    /// When the first target of such a name was written down, as the estate named it or as it was found in a root.
    fn first_with(&self, exercised: Exercised, is_meant: impl Fn(&str) -> bool) -> Option<Timestamp> {
        let named = |inventory: &Inventory| targets(inventory, exercised).any(&is_meant);
        let named = self.inventories.iter().find(|inventory| named(&inventory.what));
        let class = exercised.class().as_str();
        let came = |found: &Discovered| {
            found.came.iter().any(|(name, declared)| declared.class == class && is_meant(name))
        };
        let found = self.discovered.iter().find(|found| came(&found.what));
        let recorded = named.map(|noted| noted.recorded).into_iter();
        recorded.chain(found.map(|noted| noted.recorded)).min()
    }
}

/// Tests by their asset and by their points. A year of a thousand websites has thousands of them, and rules ask for those of each.
#[derive(Debug, Default)]
pub(super) struct Tested<'f> {
    by_asset: BTreeMap<&'f str, Vec<&'f TestedFact>>,
    by_point: BTreeMap<&'f str, Vec<&'f TestedFact>>,
    by_id: BTreeMap<&'f str, &'f TestedFact>,
}

impl<'f> Tested<'f> {
    /// Those that were planned by an instant.
    pub(super) fn of(facts: &'f Facts, now: Timestamp) -> Tested<'f> {
        let mut sorted = Tested::default();
        for tested in facts.restored.iter().filter(|tested| tested.planned <= now) {
            sorted.by_asset.entry(&tested.asset).or_default().push(tested);
            sorted.by_id.insert(&tested.id, tested);
            for point in &tested.points {
                sorted.by_point.entry(point).or_default().push(tested);
            }
        }
        sorted
    }

    /// Those of an asset.
    pub(super) fn of_asset(&self, asset: &str) -> &[&'f TestedFact] {
        self.by_asset.get(asset).map_or(&[], Vec::as_slice)
    }

    /// Each asset's, by name.
    pub(super) fn assets(&self) -> impl Iterator<Item = &[&'f TestedFact]> {
        self.by_asset.values().map(Vec::as_slice)
    }

    /// The one of this name.
    pub(super) fn named(&self, id: &str) -> Option<&'f TestedFact> {
        self.by_id.get(id).copied()
    }

    /// The last test that says something of an asset.
    pub(super) fn last_of(
        &self,
        exercised: Exercised,
        asset: &str,
        now: Timestamp,
    ) -> Option<(&'f TestedFact, &'f Ended)> {
        let own = self.of_asset(asset).iter().copied().filter(|one| one.exercised == exercised);
        let ended = own.filter_map(|tested| Some((tested, tested.ended_at(now)?)));
        let counted = ended.filter(|(tested, ended)| tested.counts(ended));
        counted.max_by_key(|(_, ended)| (ended.recorded, ended.leaf))
    }

    /// Whether a restore test showed that a point cannot be restored, and none since that it can.
    pub(super) fn is_disproven(&self, point: &str, at: Timestamp) -> bool {
        let of_it = self.by_point.get(point).into_iter().flatten();
        let ended = of_it.filter_map(|tested| tested.ended_at(at)).filter(|ended| ended.is_telling());
        ended.max_by_key(|ended| (ended.recorded, ended.leaf)).is_some_and(Ended::is_against_the_point)
    }

    /// When what is known of an asset's points may have changed.
    pub(super) fn turns_of(&self, asset: &str) -> impl Iterator<Item = Timestamp> {
        let ended = self.of_asset(asset).iter().filter_map(|tested| tested.ended.as_ref());
        ended.filter(|ended| ended.is_telling()).map(|ended| ended.recorded)
    }
}

/// The assets of its class.
pub(super) fn targets(inventory: &Inventory, exercised: Exercised) -> impl Iterator<Item = &str> {
    let class = exercised.class().as_str();
    inventory.assets.iter().filter(move |(_, asset)| asset.class == class).map(|(name, _)| name.as_str())
}
