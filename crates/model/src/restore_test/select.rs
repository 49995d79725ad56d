//! Who is tested on an occasion.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Occasion, Pace, Seed};

/// Something that can be tested. All of them are enumerated before any is chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The asset.
    pub asset: String,
    /// Since when it is there to be tested.
    pub since: Timestamp,
    /// When the last occasion opened on which it was drawn. What somebody tested by hand changes nothing here: else he who
    /// tests the easy ones would decide who is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawn: Option<Timestamp>,
    /// Whether its last test was not successful.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_unwell: bool,
    /// Whether it has a point to restore from.
    pub has_points: bool,
}

/// Why one was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Its deadline would be past before the next occasion is over.
    Due,
    /// It was not drawn for longer than others.
    Turn,
    /// Its last test was not successful.
    Again,
    /// By lot.
    Chance,
    /// Somebody asked for it.
    Asked,
}

/// One that was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pick {
    /// The asset.
    pub asset: String,
    /// Why.
    pub why: Why,
}

/// One that nothing can be drawn of yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The asset.
    pub asset: String,
    /// Why, in words.
    pub why: String,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Whom to test, in this order.
    pub picks: Vec<Pick>,
    /// Who is too new to have anything that could be tested.
    pub left_out: Vec<LeftOut>,
}

/// Chooses. Depends on nothing but what it is given, and not on the order of the targets.
pub fn select(seed: &Seed, occasion: &Occasion, pace: &Pace, targets: &[Target]) -> Selection {
    let longest = SignedDuration::try_from(pace.every.longest()).unwrap_or(SignedDuration::MAX);
    // The first point of something new has its own deadline, and is missed there.
    let is_new = |target: &&Target| !target.has_points && after(target.since, longest) > occasion.opens;
    let (new, mut left): (Vec<&Target>, Vec<&Target>) = targets.iter().partition(is_new);
    // Those that waited longest first; those that waited equally long as the lots fall.
    left.sort_by_cached_key(|target| (target.waits_from(), lot(seed, "turn", target), target.asset.clone()));
    let wanted = pace.picks(left.len());
    let in_turn = pace.needed(left.len()).min(wanted);
    let next_ends = after(occasion.ends, longest);
    let mut chosen = Chosen::default();
    for target in &left {
        let deadline = pace.untested_max.map(|max| {
            let max = SignedDuration::try_from(max).unwrap_or(SignedDuration::MAX);
            after(target.waits_from(), max)
        });
        if deadline.is_some_and(|deadline| deadline < next_ends) {
            chosen.add(target, Why::Due);
        }
    }
    for target in &left {
        if chosen.count() >= in_turn {
            break;
        }
        chosen.add(target, Why::Turn);
    }
    // What went wrong is looked at again, and takes nobody's turn: something that is down for months must not keep the
    // others from being tested.
    let unwell = left.iter().filter(|target| target.is_unwell).take(wanted.max(1));
    let again: Vec<&Target> = unwell.copied().collect();
    left.sort_by_cached_key(|target| (lot(seed, "chance", target), target.asset.clone()));
    let with_chance =
        wanted.max((chosen.count() + 1).min(if pace.sample.is_some() { left.len() } else { 0 }));
    for target in &left {
        if chosen.count() >= with_chance {
            break;
        }
        chosen.add(target, Why::Chance);
    }
    for target in again {
        chosen.add(target, Why::Again);
    }
    let left_out = new.into_iter().map(|target| LeftOut {
        asset: target.asset.clone(),
        why: format!("no point of it was made yet; it is there since {}", target.since),
    });
    let mut left_out: Vec<LeftOut> = left_out.collect();
    left_out.sort_by(|a, b| a.asset.cmp(&b.asset));
    Selection { picks: chosen.picks, left_out }
}

/// Which of so many points of an asset is restored; none where there are none.
pub fn draw_point(seed: &Seed, asset: &str, points: usize) -> Option<usize> {
    one_of(seed.number(&["point", asset]), points)
}

/// Which of so many locations it is restored from.
pub fn draw_location(seed: &Seed, asset: &str, locations: usize) -> Option<usize> {
    one_of(seed.number(&["location", asset]), locations)
}

fn one_of(number: u64, count: usize) -> Option<usize> {
    usize::try_from(number % u64::try_from(count).ok().filter(|count| *count > 0)?).ok()
}

fn lot(seed: &Seed, what: &str, target: &Target) -> u64 {
    seed.number(&[what, &target.asset])
}

fn after(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.saturating_add(by).unwrap_or(Timestamp::MAX)
}

impl Target {
    /// Since when it waits to be drawn.
    fn waits_from(&self) -> Timestamp {
        self.drawn.map_or(self.since, |drawn| drawn.max(self.since))
    }
}

#[derive(Default)]
struct Chosen {
    picks: Vec<Pick>,
    names: BTreeSet<String>,
}

impl Chosen {
    fn count(&self) -> usize {
        self.picks.len()
    }

    fn add(&mut self, target: &Target, why: Why) {
        if self.names.insert(target.asset.clone()) {
            self.picks.push(Pick { asset: target.asset.clone(), why });
        }
    }
}
