//! Which points of a log may go. Not by age: by what else holds the same.
//!
//! Each point of a log holds everything since its dump, so a newer one of the same dump makes an older one superfluous, and with the
//! dump all of them. Whoever kept them by age would keep sixty of the same an hour; whoever took one away because a
//! newer one is *listed* would lose the way back where the newer one is damaged, or lies at fewer places.

use std::collections::BTreeSet;

use jiff::Timestamp;

/// A point of a log that a run of ours recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogAge {
    /// The snapshot's id.
    pub id: String,
    /// The dump that it goes on from.
    pub base: String,
    /// The instant until which it is complete.
    pub until: Timestamp,
    /// Locations that hold it, whole as far as is known.
    pub good_at: BTreeSet<String>,
    /// All locations that hold it.
    pub at: BTreeSet<String>,
}

/// What is decided about one, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDecision {
    /// The snapshot's id.
    pub id: String,
    /// Whether it goes.
    pub goes: bool,
    /// Why, for people.
    pub reason: String,
}

/// Decides about every point of one database's log, in the given order. `lies` tells whether a dump still lies anywhere.
pub fn superfluous(points: &[LogAge], lies: &dyn Fn(&str) -> bool) -> Vec<LogDecision> {
    let decide = |point: &LogAge| {
        let (goes, reason) = if !lies(&point.base) {
            (true, format!("the dump {} that it goes on from is gone", short(&point.base)))
        } else if let Some(newer) = points.iter().find(|other| supersedes(other, point)) {
            (true, format!("{} holds all of it and more, whole at the same locations", short(&newer.id)))
        } else {
            (false, format!("goes with the dump {}", short(&point.base)))
        };
        LogDecision { id: point.id.clone(), goes, reason }
    };
    points.iter().map(decide).collect()
}

fn supersedes(newer: &LogAge, older: &LogAge) -> bool {
    newer.base == older.base
        && (newer.until, &newer.id) > (older.until, &older.id)
        && !newer.good_at.is_empty()
        && newer.good_at.is_superset(&older.at)
}

fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(id: &str, base: &str, minutes: i64, good_at: &[&str], at: &[&str]) -> LogAge {
        let set = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let until = Timestamp::from_second(minutes * 60).unwrap();
        LogAge { id: id.to_owned(), base: base.to_owned(), until, good_at: set(good_at), at: set(at) }
    }

    fn gone(points: &[LogAge], lying: &[&str]) -> Vec<String> {
        let decided = superfluous(points, &|base| lying.contains(&base));
        decided.into_iter().filter(|decision| decision.goes).map(|decision| decision.id).collect()
    }

    const BOTH: [&str; 2] = ["here", "there"];

    #[test]
    fn the_newest_of_each_dump_stays_and_the_rest_goes() {
        let points = [
            point("a1", "a", 1, &BOTH, &BOTH),
            point("a3", "a", 3, &BOTH, &BOTH),
            point("a2", "a", 2, &BOTH, &BOTH),
            point("b1", "b", 9, &BOTH, &BOTH),
        ];
        assert_eq!(gone(&points, &["a", "b"]), ["a1", "a2"]);
        assert_eq!(gone(&points, &["b"]), ["a1", "a3", "a2"], "with the dump goes its log");
        let decided = superfluous(&points, &|_| true);
        assert!(decided[0].reason.starts_with("a3 holds all of it"), "{decided:?}");
    }

    #[test]
    fn one_that_is_damaged_or_lies_at_fewer_places_makes_nothing_superfluous() {
        let older = || point("a1", "a", 1, &BOTH, &BOTH);
        for newer in [
            point("a2", "a", 2, &["here"], &BOTH),
            point("a2", "a", 2, &["here"], &["here"]),
            point("a2", "a", 2, &[], &[]),
            point("a2", "b", 2, &BOTH, &BOTH),
        ] {
            assert!(gone(&[older(), newer.clone()], &["a", "b"]).is_empty(), "{newer:?}");
        }
        // The damaged copy of the older one need not be better.
        let damaged = point("a1", "a", 1, &[], &["here"]);
        assert_eq!(gone(&[damaged, point("a2", "a", 2, &BOTH, &BOTH)], &["a"]), ["a1"]);
    }

    #[test]
    fn of_two_of_the_same_instant_one_stays() {
        let points = [point("x", "a", 1, &BOTH, &BOTH), point("y", "a", 1, &BOTH, &BOTH)];
        assert_eq!(gone(&points, &["a"]), ["x"]);
    }
}
