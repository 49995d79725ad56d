//! Under which branches of a file something holds.
//!
//! A configuration often has two databases, one for the live site and one for a copy of it, behind an `if` that nobody here
//! may answer. Names, accounts and passwords that were gathered without their branches would be mixed into pairs that never
//! existed. So every value carries the branches in which it stands, and only values that can stand together are put together.

/// More branches than this around one value are not kept apart: rather a pair too many than one that is not told.
const KEPT_MAX: usize = 16;

/// For each fork of the file, by its number, the arms in which it stands. A fork that is not named does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::site) struct Conditions(Vec<Arms>);

/// Some arms of one fork: one bit each, the last bit for all from there on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arms {
    fork: u32,
    /// Every arm that the fork has.
    all: u64,
    chosen: u64,
}

impl Arms {
    /// None yet of a fork with so many arms.
    pub(super) fn none(fork: u32, count: usize) -> Arms {
        let all = if count >= 64 { u64::MAX } else { (1 << count) - 1 };
        Arms { fork, all, chosen: 0 }
    }

    /// Besides, the arm with this index.
    pub(super) fn or(self, index: usize) -> Arms {
        Arms { chosen: self.chosen | 1 << index.min(63), ..self }
    }

    fn others(self) -> Arms {
        Arms { chosen: self.all & !self.chosen, ..self }
    }
}

impl Conditions {
    /// These, and besides one of the arms of a fork.
    pub(super) fn within(&self, arms: Arms) -> Option<Conditions> {
        self.and(&Conditions(vec![arms]))
    }

    /// These without a fork.
    pub(super) fn regardless_of(&self, fork: u32) -> Conditions {
        Conditions(self.0.iter().copied().filter(|arms| arms.fork != fork).collect())
    }

    /// Both, unless they exclude each other.
    pub(in crate::site) fn and(&self, other: &Conditions) -> Option<Conditions> {
        let mut both = self.0.clone();
        for arms in &other.0 {
            match both.binary_search_by_key(&arms.fork, |own| own.fork) {
                Ok(at) => {
                    both[at].chosen &= arms.chosen;
                    if both[at].chosen == 0 {
                        return None;
                    }
                }
                Err(at) if both.len() < KEPT_MAX => both.insert(at, *arms),
                Err(_) => {}
            }
        }
        Some(Conditions(both))
    }

    /// What is left of a value under these conditions once another took its place under `newer`.
    pub(super) fn after(&self, newer: &Conditions) -> Option<Conditions> {
        if self.and(newer).is_none() {
            return Some(self.clone());
        }
        let is_narrower = |arms: &&Arms| {
            let own = self.0.iter().find(|own| own.fork == arms.fork).map_or(arms.all, |own| own.chosen);
            own & !arms.chosen != 0
        };
        let mut narrower = newer.0.iter().filter(is_narrower);
        match (narrower.next(), narrower.next()) {
            // Replaced wherever it stood.
            (None, _) => None,
            (Some(arms), None) => self.within(arms.others()),
            // Replaced in a part that no set of arms describes.
            (Some(_), Some(_)) => Some(self.clone()),
        }
    }

    /// Whether it holds whatever the branches.
    pub(in crate::site) fn is_always(&self) -> bool {
        self.0.is_empty()
    }
}
