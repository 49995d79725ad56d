//! What was set as a goal, and how a run stands to it. Computed from the same samples as the table, so that a goal which was
//! missed cannot be left out of the document.

use std::fmt::Write;

use super::quantity::{MEMORY, Quantity, STORED, TIME};
use super::{Kind, Table, Work};

/// One goal.
struct Goal {
    kind: Kind,
    work: Work,
    quantity: &'static Quantity,
    against: Against,
    limit: f64,
}

/// What ours is divided by.
#[derive(Clone, Copy)]
enum Against {
    /// The peer with the best median.
    BestPeer,
    /// restic alone. kopia is in no package registry; where both were measured its first backup took 0.75 of restic's time
    /// and an unchanged one 0.4, so half and a quarter of kopia's are held against restic.
    Restic,
    /// Ours with one location.
    OneLocation,
    /// Nothing: an amount.
    Amount,
    /// The floor; the share must be at least the limit.
    Floor,
}

const fn goal(kind: Kind, work: Work, quantity: &'static Quantity, against: Against, limit: f64) -> Goal {
    Goal { kind, work, quantity, against, limit }
}

const MEMORY_MB: f64 = 200.0;
const FLOOR_SHARE: f64 = 0.7;

const GOALS: [Goal; 25] = [
    goal(Kind::Sites, Work::First, &TIME, Against::BestPeer, 0.5),
    goal(Kind::Sites, Work::First, &TIME, Against::Restic, 0.38),
    goal(Kind::Sites, Work::First, &STORED, Against::BestPeer, 1.03),
    goal(Kind::Sites, Work::First, &TIME, Against::Floor, FLOOR_SHARE),
    goal(Kind::Sites, Work::Unchanged, &TIME, Against::BestPeer, 0.25),
    goal(Kind::Sites, Work::Unchanged, &TIME, Against::Restic, 0.1),
    goal(Kind::Sites, Work::Restore, &TIME, Against::BestPeer, 0.5),
    goal(Kind::Sites, Work::Restore, &TIME, Against::Floor, FLOOR_SHARE),
    goal(Kind::Sites, Work::Verify, &TIME, Against::BestPeer, 0.7),
    goal(Kind::Sites, Work::Verify, &TIME, Against::Floor, FLOOR_SHARE),
    goal(Kind::Sites, Work::TwoLocations, &TIME, Against::OneLocation, 1.15),
    goal(Kind::Image, Work::First, &TIME, Against::BestPeer, 0.5),
    goal(Kind::Image, Work::First, &STORED, Against::BestPeer, 1.03),
    goal(Kind::Image, Work::First, &TIME, Against::Floor, FLOOR_SHARE),
    goal(Kind::Image, Work::Restore, &TIME, Against::Floor, FLOOR_SHARE),
    goal(Kind::Image, Work::Verify, &TIME, Against::Floor, FLOOR_SHARE),
    goal(Kind::Image, Work::TwoLocations, &TIME, Against::OneLocation, 1.15),
    goal(Kind::Sites, Work::First, &MEMORY, Against::Amount, MEMORY_MB),
    goal(Kind::Sites, Work::Unchanged, &MEMORY, Against::Amount, MEMORY_MB),
    goal(Kind::Sites, Work::Restore, &MEMORY, Against::Amount, MEMORY_MB),
    goal(Kind::Sites, Work::Verify, &MEMORY, Against::Amount, MEMORY_MB),
    goal(Kind::Sites, Work::TwoLocations, &MEMORY, Against::Amount, MEMORY_MB),
    goal(Kind::Image, Work::First, &MEMORY, Against::Amount, MEMORY_MB),
    goal(Kind::Image, Work::TwoLocations, &MEMORY, Against::Amount, MEMORY_MB),
    goal(Kind::Image, Work::Restore, &MEMORY, Against::Amount, MEMORY_MB),
];

impl Table {
    /// The goals of this corpus that were measured, as a table; empty where there are none.
    pub(super) fn goals(&self) -> String {
        let mut rows = String::new();
        for goal in GOALS.iter().filter(|goal| goal.kind == self.kind) {
            let Some(found) = self.stands(goal) else { continue };
            let is_met = match goal.against {
                Against::Floor => found >= goal.limit,
                _ => found <= goal.limit,
            };
            let verdict = if is_met { "met" } else { "**missed**" };
            let (limit, found) = (goal.shown(goal.limit), goal.shown(found));
            let name = format!("{}{}", goal.work.name(), goal.quantity.name);
            let _ = writeln!(rows, "| {name} | {} {limit} | {found} | {verdict} |", goal.words());
        }
        if rows.is_empty() {
            return rows;
        }
        format!("| goal | limit | measured | |\n|---|---|---|---|\n{rows}\n")
    }

    fn stands(&self, goal: &Goal) -> Option<f64> {
        let median = |peer: &String| Some(self.spread(peer, goal.work, goal.quantity)?.median);
        let (first, peers) = self.peers.split_first()?;
        let ours = median(first)?;
        let against = match goal.against {
            Against::BestPeer => peers.iter().filter_map(median).min_by(f64::total_cmp)?,
            Against::Restic => {
                peers.iter().filter(|peer| peer.starts_with("restic")).filter_map(median).next()?
            }
            Against::OneLocation => self.spread(first, Work::First, goal.quantity)?.median,
            Against::Amount => 1.0,
            Against::Floor => return Some(self.floor_of(goal.work)? / ours.max(f64::MIN_POSITIVE)),
        };
        Some(ours / against.max(f64::MIN_POSITIVE))
    }
}

impl Goal {
    fn words(&self) -> &'static str {
        match self.against {
            Against::BestPeer => "of the best peer at most",
            Against::Restic => "of restic at most",
            Against::OneLocation => "of one location at most",
            Against::Amount => "at most",
            Against::Floor => "of the floor's speed at least",
        }
    }

    fn shown(&self, number: f64) -> String {
        match self.against {
            Against::Amount => format!("{number:.0} {}", self.quantity.unit),
            Against::Floor => format!("{:.0} %", 100.0 * number),
            _ => format!("{number:.2}"),
        }
    }
}
