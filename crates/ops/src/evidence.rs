//! What has been read of each point at each location: one file per repository and location in the state folder.
//!
//! A verdict rests on this and on nothing else. Three things would make it a lie. A weaker look that clears what a
//! stronger one found: so damage stays until every byte of that very point was read there again, or a repair healed it.
//! A reading that speaks for points it never followed, because they arrived later: so points are named, times are never
//! compared. And an unreadable file that is taken for "nothing was found": so it is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use holdfast_repo::{LocationState, LocationVerified, Lost, Problem, ProblemKind, Read, Repaired, Verified};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::record;

/// The evidence about one location's copy of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// When it was last looked at.
    pub looked_at: Option<Timestamp>,
    /// Damage found at the last look that no single point is hurt by: the config, a key file, a location that broke off.
    pub other_damage: Vec<String>,
    /// By point, those alone that the location listed at the last look.
    pub points: BTreeMap<String, PointEvidence>,
    /// When each slice of a rotating reading was last read.
    #[serde(default)]
    slices: Slices,
}

/// The evidence about one point at one location.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointEvidence {
    /// Since when every byte of it is known to have been whole; of a reading in slices, the oldest slice.
    pub read: Option<Timestamp>,
    /// When damage was found that nothing has cleared since.
    pub damaged: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Slices::is_empty")]
    slices: Slices,
}

/// Readings of the parts of a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Slices {
    of: u32,
    read: BTreeMap<u32, Timestamp>,
}

impl Slices {
    fn is_empty(&self) -> bool {
        self.read.is_empty()
    }

    fn note(&mut self, number: u32, of: u32, time: Timestamp) {
        if self.of != of {
            *self = Slices { of, read: BTreeMap::new() };
        }
        self.read.insert(number % of.max(1), time);
    }

    /// The oldest reading, once all slices were read.
    fn complete_since(&self) -> Option<Timestamp> {
        let is_complete = self.read.len() == self.of as usize;
        self.read.values().min().copied().filter(|_| is_complete)
    }
}

impl Evidence {
    /// Takes in what a verification found at this location. `general` is what no location is to blame for.
    fn note(&mut self, time: Timestamp, read: &Read, found: &LocationVerified, general: &[Problem]) {
        let all = || general.iter().chain(&found.problems).filter(|p| !p.is_notice());
        let touches = |id: &str, is_owed: bool| {
            all()
                .filter(|p| (p.kind == ProblemKind::Owed) == is_owed)
                .any(|p| p.points.iter().any(|point| point.to_hex() == id))
        };
        let unattributed = all().filter(|p| p.points.is_empty() && p.kind != ProblemKind::Owed);
        self.other_damage = unattributed.map(|p| format!("{}: {}", p.object, p.message)).collect();
        // Where points could not be followed, nobody knows what was read of them.
        let was_followed = general.iter().all(|p| !p.points.is_empty());
        self.looked_at = Some(time);
        let listed: Vec<String> = found.points.iter().map(ToString::to_string).collect();
        self.points.retain(|id, _| listed.contains(id));
        if let Read::Share { numerator, of } = read {
            self.slices.note(*numerator, *of, time);
        }
        for id in listed {
            let point = self.points.entry(id.clone()).or_default();
            if touches(&id, false) {
                *point = PointEvidence { damaged: Some(time), ..PointEvidence::default() };
            } else if touches(&id, true) || !was_followed {
                *point = PointEvidence { damaged: point.damaged, ..PointEvidence::default() };
            } else {
                match read {
                    Read::All => *point = PointEvidence { read: Some(time), ..PointEvidence::default() },
                    Read::Points(points) if points.iter().any(|p| p.to_hex() == id) => {
                        *point = PointEvidence { read: Some(time), ..PointEvidence::default() };
                    }
                    Read::Share { numerator, of } if point.damaged.is_none() => {
                        point.slices.note(*numerator, *of, time);
                        point.read = point.read.max(point.slices.complete_since());
                    }
                    _ => {}
                }
            }
        }
    }

    /// The slice whose turn it is, of `of`, and when it was read last.
    fn next_slice(&self, of: u32) -> (Option<Timestamp>, u32) {
        let read = |slice: &u32| self.slices.read.get(slice).filter(|_| self.slices.of == of).copied();
        (0..of.max(1)).map(|slice| (read(&slice), slice)).min().unwrap_or((None, 0))
    }

    /// A repair did what it could at this location: what was damaged may be whole again, and has to be read before that is
    /// believed. What it reported as lost stays damaged.
    fn heal(&mut self, lost: &[Lost]) {
        if lost.iter().all(|lost| !lost.points.is_empty()) {
            self.other_damage.clear();
        }
        let is_lost = |id: &String| lost.iter().any(|lost| lost.points.iter().any(|p| p.to_hex() == *id));
        self.points.retain(|id, point| point.damaged.is_none() || is_lost(id));
    }
}

/// The evidence about each of `locations`. One that was never looked at has none.
pub fn load<'a>(
    state: &Path,
    repository: &str,
    locations: impl Iterator<Item = &'a str>,
) -> Result<BTreeMap<String, Evidence>> {
    let mut all = BTreeMap::new();
    for location in locations {
        let evidence = record::one(state, &kind(repository), location)?.unwrap_or_default();
        all.insert(location.to_owned(), evidence);
    }
    Ok(all)
}

/// Keeps what a verification found, for each location that could be looked at.
pub fn keep(state: &Path, repository: &str, time: Timestamp, read: &Read, verified: &Verified) -> Result<()> {
    let usable = verified.locations.iter().filter(|l| !matches!(l.state, LocationState::Unusable(_)));
    for found in usable {
        let kind = kind(repository);
        let mut evidence: Evidence = record::one(state, &kind, &found.location)?.unwrap_or_default();
        evidence.note(time, read, found, &verified.repository);
        record::keep(state, &kind, &found.location, &evidence)?;
    }
    Ok(())
}

/// Keeps what a repair did, for each location where every step of it was done.
pub fn keep_healed(state: &Path, repository: &str, repaired: &Repaired) -> Result<()> {
    let touched: BTreeSet<&str> = repaired.steps.iter().map(|step| step.location.as_str()).collect();
    let is_done = |location: &&str| repaired.steps.iter().all(|s| s.done || s.location != *location);
    for location in touched.into_iter().filter(is_done) {
        let kind = kind(repository);
        if let Some(mut evidence) = record::one::<Evidence>(state, &kind, location)? {
            evidence.heal(&repaired.lost);
            record::keep(state, &kind, location, &evidence)?;
        }
    }
    Ok(())
}

/// The slice of `of` to read next: the one that was not read for longest at any of `locations`. So every slice comes up
/// everywhere, whichever locations are read together.
pub fn next_slice<'a>(
    state: &Path,
    repository: &str,
    locations: impl Iterator<Item = &'a str>,
    of: u32,
) -> Result<Read> {
    let evidence = load(state, repository, locations)?;
    let turn = evidence.values().map(|e| e.next_slice(of)).min();
    Ok(Read::Share { numerator: turn.map_or(0, |(_, slice)| slice), of })
}

fn kind(repository: &str) -> String {
    PathBuf::from("evidence").join(repository).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn look(damaged: Option<ProblemKind>) -> LocationVerified {
        let point = holdfast_format::Id([1; 32]);
        let mut found = LocationVerified::empty("here");
        found.points = vec![point];
        if let Some(kind) = damaged {
            found.problems.push(Problem::of_pack(holdfast_format::Id([9; 32]), kind, "bad", vec![point]));
        }
        found
    }

    fn only(evidence: &Evidence) -> &PointEvidence {
        evidence.points.values().next().unwrap()
    }

    #[test]
    fn a_weaker_look_never_clears_damage() {
        let mut evidence = Evidence::default();
        evidence.note(at(1), &Read::All, &look(None), &[]);
        assert_eq!(only(&evidence).read, Some(at(1)));
        evidence.note(at(2), &Read::All, &look(Some(ProblemKind::Altered)), &[]);
        for weaker in [
            Read::Structure,
            Read::Share { numerator: 0, of: 1 },
            Read::Points(vec![holdfast_format::Id([2; 32])]),
        ] {
            evidence.note(at(3), &weaker, &look(None), &[]);
            assert_eq!((only(&evidence).read, only(&evidence).damaged), (None, Some(at(2))), "{weaker:?}");
        }
        evidence.note(at(4), &Read::Points(vec![holdfast_format::Id([1; 32])]), &look(None), &[]);
        assert_eq!((only(&evidence).read, only(&evidence).damaged), (Some(at(4)), None));
    }

    #[test]
    fn a_point_that_is_owed_was_not_read() {
        let mut evidence = Evidence::default();
        evidence.note(at(1), &Read::All, &look(Some(ProblemKind::Owed)), &[]);
        assert_eq!(*only(&evidence), PointEvidence::default());
    }

    #[test]
    fn slices_count_once_all_were_read_and_come_up_in_turn() {
        let mut evidence = Evidence::default();
        for time in 1..=5 {
            let (_, slice) = evidence.next_slice(4);
            evidence.note(at(time), &Read::Share { numerator: slice, of: 4 }, &look(None), &[]);
            let expected = [None, None, None, Some(at(1)), Some(at(2))][time as usize - 1];
            assert_eq!(only(&evidence).read, expected, "after {time} readings");
        }
    }

    #[test]
    fn a_repair_clears_what_it_healed_and_nothing_that_is_lost() {
        let mut evidence = Evidence::default();
        evidence.note(at(1), &Read::All, &look(Some(ProblemKind::Altered)), &[]);
        let lost = Lost {
            object: "data/09".to_owned(),
            points: vec![holdfast_format::Id([1; 32])],
            files: Vec::new(),
            files_total: 1,
        };
        evidence.heal(&[lost]);
        assert_eq!(only(&evidence).damaged, Some(at(1)));
        evidence.heal(&[]);
        assert!(evidence.points.is_empty(), "nothing is known until it is read again");
    }

    #[test]
    fn damage_to_no_point_in_particular_is_kept() {
        let mut evidence = Evidence::default();
        let broken = Problem::of_config(ProblemKind::Altered, "the config is damaged");
        evidence.note(at(1), &Read::All, &look(None), &[broken]);
        assert_eq!(evidence.other_damage, ["config: the config is damaged"]);
        // Nor is anything believed to have been read.
        assert_eq!(only(&evidence).read, None);
    }
}
